"""RoboSpatial-Home: https://huggingface.co/datasets/chanhee-luke/RoboSpatial-Home

Either annotations.json with images/, as https://github.com/chanhee-luke/RoboSpatial-Eval's download writes them, or the
hub's parquet files (context, compatibility, configuration). Fields: category, question, answer, img, depth_image, mask.
An answer is yes or no, or the corners of a polygon as text, (x, y) in 0..1.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bopask.errors import InputError
from bopask.foreign.noun import FIX, Foreign
from bopask.foreign.records import found, picture, records


def read(path: Path) -> Iterator[Foreign]:
    """Rows of annotations.json or of the parquet files.

    Raises:
        InputError: a file, a field or an image is missing, or an answer is neither verdict nor polygon.
    """
    for file in found(path, "annotations.json", "**/*.parquet"):
        for n, record in enumerate(records(file, ("category", "question", "answer", "img"))):
            where = f"{file.stem}:{n}"
            kind, truth = _truth(record["answer"], file, where)
            beside = {name: record[name] for name in ("mask", "depth_image") if record.get(name)}
            yield Foreign(
                id=where,
                benchmark="robospatial_home",
                task=str(record["category"]),
                subtask="",
                question=record["question"],
                images=(picture(record["img"], file.parent, file),),
                kind=kind,
                truth=truth,
                rule="robospatial_home",
                masks=(picture(beside["mask"], file.parent, file),) if "mask" in beside else (),
                depths=(picture(beside["depth_image"], file.parent, file),) if "depth_image" in beside else (),
                group=str(record["category"]),
            )


def _truth(answer: Any, file: Path, where: str) -> tuple[str, Any]:
    text = str(answer).strip()
    if text.lower() in ("yes", "no"):
        return "yes_no", text.lower() == "yes"
    try:
        polygon = tuple((float(x), float(y)) for x, y in ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError) as error:
        raise InputError(file, f"{where}: the answer is neither yes, no nor a polygon ({text[:40]!r})", FIX) from error
    if len(polygon) < 3:
        raise InputError(file, f"{where}: a polygon of {len(polygon)} corners", FIX)
    return "polygon", polygon
