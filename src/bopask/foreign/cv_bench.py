"""CV-Bench: https://huggingface.co/datasets/nyu-visionx/CV-Bench

test_2d.parquet and test_3d.parquet (the picture in the row), or test_2d.jsonl and test_3d.jsonl with img/. Fields: idx,
type, task, question, choices, answer ('(A)'), prompt, filename, source (ADE20K, COCO, Omni3D).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bopask.foreign.noun import Foreign
from bopask.foreign.records import choice, found, picture, records

FIELDS = ("idx", "type", "task", "choices", "answer", "prompt", "source")


def read(path: Path) -> Iterator[Foreign]:
    """Rows in the order of the files.

    Raises:
        InputError: a file, a field or an image is missing, or an answer is none of the choices.
    """
    for file in found(path, "test*.parquet", "test*.jsonl"):
        for record in records(file, FIELDS if file.suffix == ".parquet" else (*FIELDS, "filename")):
            options, where = tuple(record["choices"]), f"idx {record['idx']}"
            image = record["image"] if record.get("image") else record.get("filename")
            yield Foreign(
                id=str(record["idx"]),
                benchmark="cv_bench",
                task=record["task"],
                subtask=record["type"],
                question=record["prompt"],
                images=(picture(image, _img(file), file),),
                kind="choice",
                truth=choice(record["answer"], options, file, where),
                rule="cv_bench",
                options=options,
                group=record["source"],
            )


def _img(file: Path) -> Path:
    """`filename` is relative to img/."""
    return file.parent / "img"
