"""RefSpatial-Bench: https://huggingface.co/datasets/BAAI/RefSpatial-Bench

Either <Location|Placement|Unseen>/question.json (id, object, prompt, suffix, rgb_path, mask_path, category, step), or
the hub's data/{location,placement,unseen}-*.parquet (id, object, prompt, suffix, step, image, mask).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bopask.foreign.noun import Foreign
from bopask.foreign.records import found, picture, records

FIELDS = ("id", "object", "prompt", "suffix")


def read(path: Path) -> Iterator[Foreign]:
    """Rows of the three splits, of those that are there; a split is the row's group.

    Raises:
        InputError: a file, a field, an image or a mask is missing.
    """
    for file in found(path, "*/question.json", "question.json", "data/*.parquet", "*.parquet"):
        inside = file.suffix == ".parquet"
        image, mask = ("image", "mask") if inside else ("rgb_path", "mask_path")
        split = file.stem.partition("-")[0] if inside else file.parent.name.lower()
        for record in records(file, (*FIELDS, image, mask)):
            yield Foreign(
                id=f"{split}:{record['id']}",
                benchmark="ref_spatial",
                task=split,
                subtask=str(record.get("step", "")),
                question=f"{record['prompt']} {record['suffix']}",
                images=(picture(record[image], file.parent, file),),
                kind="mask",
                truth=None,
                rule="ref_spatial",
                masks=(picture(record[mask], file.parent, file),),
                group=split,
                extra={"object": record["object"], "step": record.get("step")},
            )
