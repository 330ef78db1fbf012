"""Means of parts of an entry, with intervals; nothing of how they are shown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from bopask.arrays import Array
from bopask.bench.difficulty import THIRDS
from bopask.bench.intervals import interval
from bopask.bench.scores import HEADLINE, SCORES, WITHOUT_SCENE
from bopask.board.runs import Entry

PARTS = (("subtask", "Subtask"), ("dataset", "Data set"), ("third", "Difficulty"))


@dataclass(frozen=True)
class Cell:
    """A mean."""

    value: float | None
    between: tuple[float, float] | None
    n: int
    failed: int
    """Among n: replies that were not parsed or not there."""
    of_parsed: float | None


def tasks_of(entries: Sequence[Entry]) -> list[str]:
    """Tasks that occur, in the order of the scores."""
    return [task for task in SCORES if any(entry.of(task=task).any() for entry in entries)]


def headline_of(entries: Sequence[Entry], task: str) -> str:
    """The score that all entries have: that with meshes, unless one run was scored without them."""
    return (HEADLINE if all(entry.scene for entry in entries) else WITHOUT_SCENE)[task]


def cell(entry: Entry, mask: Bool[Array, "n"], score: str, seed: int = 0) -> Cell:
    """The mean of a score over some rows."""
    values = entry.numbers(score)
    rows = np.flatnonzero(mask & ~np.isnan(values))
    ok = entry.texts("status")[rows] == "ok"
    if not len(rows):
        return Cell(None, None, 0, 0, None)
    of, parsed = values[rows], values[rows][ok]
    between = interval(of, [entry.images[k] for k in rows], seed)
    return Cell(float(of.mean()), between, len(rows), int((~ok).sum()), float(parsed.mean()) if len(parsed) else None)


def failures(entry: Entry, task: str) -> Counter[str]:
    """Replies of a task by kind of failure."""
    status = Counter(entry.texts("status")[entry.of(task=task)].tolist())
    del status["ok"]
    return status


def parts(entries: Sequence[Entry], task: str, column: str) -> Iterator[str]:
    """The values of a column among the rows of a task; none where there is only one."""
    found = {str(v) for entry in entries for v in entry.texts(column)[entry.of(task=task)]} - {""}
    order = [third for third in THIRDS if third in found] if column == "third" else sorted(found)
    yield from order if len(order) > 1 else ()


def short(value: float | None, factor: float = 1.0) -> str:
    """A number in three or four digits; ∞ and – as they are."""
    if value is None:
        return "–"
    value *= factor
    return "∞" if math.isinf(value) else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}".rstrip("0").rstrip(".")


def between(cell: Cell, factor: float = 1.0) -> str:
    return f"{short(cell.between[0], factor)}–{short(cell.between[1], factor)}" if cell.between else ""
