"""The review page in its own process, as a user starts it, and a small data set with a real picture for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from view_rows import CORNERS, row, told, write_out

from bopask.ask.identity import row_id
from bopask.ask.rows import SCHEMA
from bopask.review.answers import text_of


def full(task: str, points: Any = None, **fields: Any) -> dict[str, Any]:
    """A row with every column of the schema, and the id that its content gives."""
    made = row(task, points, **{"layout": "000001-0", "phrases": ["mug"], **fields})
    if points is not None:
        made["answer"] = text_of(task, made["answer_points"])
    return {**{name: made.get(name) for name in SCHEMA.names}, "id": row_id(made)}


def with_pictures(folder: Path, **fields: Any) -> Path:
    """A data set of one image with a row or two of each form of answer, and the folder that its image is in."""
    (bop := folder / "bop").mkdir()
    v, u = np.mgrid[:480, :640]
    Image.fromarray(np.stack([u // 3, v // 2, 128 + 0 * u], -1).astype(np.uint8)).save(bop / "a.png")
    about = {"image": "a.png", "instances": [0, 1], "evidence": '{"bbox": [[90, 90, 200, 220], [300, 200, 420, 330]]}'}
    rows = [
        full("pose", CORNERS, subtask="cuboid", **about),
        full("spatial", subtask="left", answer="Yes", **about),
        full("spatial", subtask="left", answer="No", **about),
        full("depth", subtask="closer", answer="No", **about),
        full("trajectory", [[100, 200.0], [200, 100], [330, 250]], subtask="carry", **about),
        full("grasp", [[300, 200.0], [280, 210], [320, 190], [275, 180], [315, 160]], subtask="parallel_jaw", **about),
    ]
    settings = {"names": told({"1": ["red mug", "red cup"]}), "source": "../bop", "fingerprint": "f"}
    return write_out(folder / "out", rows, **(settings | fields))


@contextmanager
def serving(out: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`bopask review OUT`: its address, and the process. Killed at the end, if it still runs."""
    command = [sys.executable, "-m", "bopask.cli", "review", str(out), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("Review: "):
                yield line.split()[1].rstrip("/"), process
                return
        raise AssertionError("the server did not start")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
