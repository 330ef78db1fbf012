"""BLINK, relative depth: https://huggingface.co/datasets/BLINK-Benchmark/BLINK (Relative_Depth/val-*.parquet)

Fields: idx ('val_Relative_Depth_1'), question, sub_task, image_1 to image_4, choices, answer ('(A)'; 'hidden' in the
test split), prompt. Other tasks of BLINK have the same fields and are read as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bopask.foreign.noun import Foreign
from bopask.foreign.records import choice, found, picture, records


def read(path: Path) -> Iterator[Foreign]:
    """Rows of Relative_Depth's validation split, or of the file given.

    Raises:
        InputError: a file or a field is missing, or an answer is none of the choices.
    """
    for file in found(path, "Relative_Depth/val-*.parquet", "val-*.parquet"):
        for record in records(file, ("idx", "sub_task", "image_1", "choices", "answer", "prompt")):
            options = tuple(record["choices"])
            images = [record.get(f"image_{n}") for n in range(1, 5)]
            yield Foreign(
                id=record["idx"],
                benchmark="blink",
                task=record["sub_task"],
                subtask="",
                question=record["prompt"],
                images=tuple(picture(image, file.parent, file) for image in images if image),
                kind="choice",
                truth=choice(record["answer"], options, file, record["idx"]),
                rule="blink",
                options=options,
                group=record["sub_task"],
            )
