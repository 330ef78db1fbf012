"""The best and the worst replies of an entry, drawn: the row's own answer on the left, the reply on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from bopask.bench.scores import SCORES
from bopask.board.runs import Entry, Run
from bopask.errors import InputError
from bopask.rng import rng_for
from bopask.store.dataset import bop_root_of
from bopask.view.draw import draw_row
from bopask.view.report import find_row, row_image

WIDTH = 420
"""Of one of the two pictures (px)."""


@dataclass(frozen=True)
class Example:
    """A reply to be shown."""

    run: Run
    said: Mapping[str, Any]
    """Its row of scores.parquet."""
    kind: str
    """'best' or 'worst'."""
    value: float


def examples(entry: Entry, task: str, score: str, count: int, seed: int = 0) -> list[Example]:
    """`count` of the best and of the worst parsed replies to a task; ties by a draw, each image once if it can be."""
    rows = entry.table
    values, status = entry.numbers(score), entry.texts("status")
    able = np.flatnonzero(entry.of(task=task) & ~np.isnan(values) & (status == "ok"))
    draw = {int(k): rng_for(seed, "example", rows["id"][int(k)].as_py()).random() for k in able}
    sign = -1.0 if SCORES[task][score].higher_better else 1.0
    order = sorted(draw, key=lambda k: (sign * values[k], draw[k]))
    best = _apart(entry, order, count)
    worst = _apart(entry, [k for k in reversed(order) if k not in best], count)
    shown = [("best", k) for k in best] + [("worst", k) for k in worst]
    return [Example(_run_of(entry, k), rows.slice(k, 1).to_pylist()[0], kind, float(values[k])) for kind, k in shown]


def _apart(entry: Entry, order: Sequence[int], count: int) -> list[int]:
    """The first of an order, of different images as long as there are such."""
    first: dict[str, int] = {}
    for k in order:
        first.setdefault(entry.images[k], k)
    return [*first.values(), *(k for k in order if k not in set(first.values()))][:count]


def _run_of(entry: Entry, position: int) -> Run:
    for run in entry.runs:
        if position < run.table.num_rows:
            return run
        position -= run.table.num_rows
    raise IndexError(position)


def drawn(example: Example) -> tuple[dict[str, Any], Image.Image] | None:
    """The row, and both answers side by side; None where the data set is no longer where it was."""
    try:
        row = find_row(example.run.out, str(example.said["id"]))
        image = row_image(row, example.run.bop or bop_root_of(example.run.out))
    except InputError:
        return None
    width = image.shape[1] if image is not None else int(row["width"])
    replied = {**row, "answer_points": example.said["points"], "answer": _verdict(example.said)}
    both = [draw_row(r, image, scale=min(1.0, WIDTH / width), caption=False, weight=1.4) for r in (row, replied)]
    return row, beside(both)


def _verdict(said: Mapping[str, Any]) -> str:
    return {True: "Yes", False: "No"}.get(said["verdict"], "")


def beside(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures in a line, with a gap."""
    gap = 6
    width, height = sum(p.width for p in pictures) + gap * (len(pictures) - 1), max(p.height for p in pictures)
    sheet, left = Image.new("RGB", (width, height), (30, 33, 39)), 0
    for picture in pictures:
        sheet.paste(picture, (left, (height - picture.height) // 2))
        left += picture.width + gap
    return sheet
