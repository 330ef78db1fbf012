"""Records of JSON, JSONL and parquet files, checked for the fields a benchmark documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from bopask.errors import InputError
from bopask.foreign.noun import FIX, Picture

_BATCH = 32
"""Parquet rows in memory at once: each may hold its picture."""


def records(path: Path, required: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Records of a .json list, a .jsonl or a .parquet file.

    Raises:
        InputError: the file is missing or malformed, or a record lacks a field; it says which.
    """
    if not path.is_file():
        raise InputError(path, "is not there", FIX)
    made = {".jsonl": _lines, ".parquet": _parquet}.get(path.suffix, _list)
    for n, record in enumerate(made(path)):
        if not isinstance(record, dict):
            raise InputError(path, f"record {n} is no object", FIX)
        missing = [name for name in required if name not in record]
        if missing:
            raise InputError(path, f"record {n} has no field {missing[0]!r}", f"{FIX}, in the form documented")
        yield record


def found(folder: Path, *patterns: str) -> list[Path]:
    """Files of a folder, by name, of the first pattern that has some; the folder itself when it is a file.

    Raises:
        InputError: nothing matches.
    """
    if folder.is_file():
        return [folder]
    for pattern in patterns:
        if files := sorted(folder.glob(pattern)):
            return files
    raise InputError(folder, f"has no {' and no '.join(patterns)}", FIX)


def _list(path: Path) -> Iterator[Any]:
    try:
        value = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InputError(path, f"is no JSON ({error})", FIX) from error
    if not isinstance(value, list):
        raise InputError(path, "is no JSON list", FIX)
    yield from value


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for n, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise InputError(path, f"line {n} is no JSON ({error})", FIX) from error


def _parquet(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise InputError(path, f"is no parquet file ({error})", FIX) from error


def picture(value: Any, root: Path, file: Path) -> Picture:
    """A picture as a record gives it: a path relative to `root`, or Hugging Face's {bytes, path}.

    Raises:
        InputError: neither, a path that leaves `root`, or a file that is not there.
    """
    if isinstance(value, dict) and value.get("bytes"):
        return Picture(file, value["bytes"])
    inner = value.get("path") if isinstance(value, dict) else value
    if not isinstance(inner, str) or not inner:
        raise InputError(file, f"an image is {type(value).__name__}, not a path or bytes", FIX)
    path = later(inner, root, file).path
    if not path.is_file():
        raise InputError(path, f"the image that {file.name} names is not there", FIX)
    return Picture(path)


def later(inner: str, root: Path, file: Path) -> Picture:
    """A picture by its path relative to `root`, which is looked for only when it is read.

    Raises:
        InputError: the path leaves `root`.
    """
    if Path(inner).is_absolute() or ".." in Path(inner).parts or "\0" in inner:
        raise InputError(file, f"names the image {inner!r}, outside its folder", FIX)
    return Picture(root / inner)


def choice(answer: Any, options: Sequence[str], file: Path, where: str) -> int | None:
    """The index of an answer that is given as '(B)', 'B' or an index; None where it is hidden.

    Raises:
        InputError: it is none of the options.
    """
    if isinstance(answer, str):
        letter = answer.strip("() .").upper()
        if letter in ("", "HIDDEN"):
            return None
        answer = ord(letter) - ord("A") if len(letter) == 1 else -1
    if not isinstance(answer, int) or not 0 <= answer < len(options):
        raise InputError(file, f"{where}: the answer is none of {len(options)} choices", FIX)
    return answer


def lettered(question: str, options: Sequence[str]) -> str:
    """A question with its choices as BLINK and CV-Bench write them."""
    listed = "\n".join(f"({chr(65 + n)}) {option}" for n, option in enumerate(options))
    return f"{question}\nSelect from the following choices.\n{listed}"
