"""SpatialBench of SpatialBot: https://huggingface.co/datasets/RussRobin/SpatialBench

positional.json, existence.json, counting.json, reach.json, size.json: lists of image (a path or several), question,
answer, and mostly id. Existence, reach and size come in pairs, one row after the other; depth maps are
<folder>_d/<name>.png (https://github.com/BAAI-DCAI/SpatialBot/blob/main/bunny/eval/eval_spatialbench.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bopask.errors import InputError
from bopask.foreign.noun import FIX, Foreign, Picture
from bopask.foreign.records import found, later, picture, records

FILES = ("positional", "existence", "counting", "reach", "size")
PAIRED = ("existence", "reach", "size")


def read(path: Path) -> Iterator[Foreign]:
    """Rows of the five files, of those that are there.

    Raises:
        InputError: none of them is there, or one is not as documented.
    """
    files = [path] if path.is_file() else [path / f"{name}.json" for name in FILES if (path / f"{name}.json").exists()]
    for file in files or found(path, "positional.json"):
        for n, record in enumerate(records(file, ("image", "question", "answer"))):
            yield _row(record, file, n)


def _row(record: Mapping[str, Any], file: Path, n: int) -> Foreign:
    task = file.stem
    paths = [record["image"]] if isinstance(record["image"], str) else list(record["image"])
    return Foreign(
        id=f"{task}:{record.get('id', n)}",
        benchmark="spatial_bench",
        task=task,
        subtask="",
        question=record["question"],
        images=tuple(picture(inner, file.parent, file) for inner in paths),
        kind="count" if task == "counting" else "text",
        truth=_count(record["answer"], file, n) if task == "counting" else str(record["answer"]),
        rule="spatial_bench",
        depths=tuple(_depth(inner, file) for inner in paths),
        group=task,
        pair=f"{task}:{n // 2}" if task in PAIRED else "",
    )


def _depth(inner: str, file: Path) -> Picture:
    folder, _, name = inner.partition("/")
    return later(f"{folder}_d/{Path(name).stem}.png", file.parent, file)


def _count(answer: Any, file: Path, n: int) -> int:
    try:
        count = int(answer)
    except (ValueError, TypeError) as error:
        raise InputError(file, f"record {n}: {answer!r} is no number", FIX) from error
    if count < 1:
        raise InputError(file, f"record {n}: a count of {count}, against which errors have no share", FIX)
    return count
