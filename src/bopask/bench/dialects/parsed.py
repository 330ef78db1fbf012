"""What a reply turned out to be: points or a verdict, or the kind of failure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from jaxtyping import Float

from bopask.arrays import Array

COUNTS = {"pose": (8, 8), "grasp": (5, 5), "trajectory": (2, 64), "rearrangement": (1, 64)}
"""Least and most points of an answer, by task that is answered in points."""
CHOICES = frozenset({"spatial", "depth"})
"""Tasks that are answered with Yes or No."""


class Status(StrEnum):
    """What came of a reply. Everything but OK is a failure to answer, told apart from a wrong answer."""

    OK = "ok"
    EMPTY = "empty"
    """Nothing but white space, markup or thoughts."""
    REFUSAL = "refusal"
    """No answer, and words that decline to give one."""
    NO_POINTS = "no_points"
    """No answer: no points, or neither Yes nor No."""
    WRONG_COUNT = "wrong_count"
    """Points, but not as many as the task's answer has."""
    OUT_OF_RANGE = "out_of_range"
    """A number that is impossible in the dialect's convention: 1500 in 0–1000, 431 in 0–1."""
    NOT_FINITE = "not_finite"
    """NaN, Infinity, or a number too large for a float."""
    TRUNCATED = "truncated"
    """The reply stops in the middle of a list; `points` has the complete ones."""
    MALFORMED = "malformed"
    """Numbers in a form that is not the dialect's: 3-vectors, percent signs, another dialect's keys."""
    AMBIGUOUS = "ambiguous"
    """Several answers that differ."""


@dataclass(frozen=True, eq=False)
class Parsed:
    """A reply, read."""

    status: Status
    points: Float[Array, "n 2"] | None = None
    """Pixels of the original image, unrounded, in order. Of OK, WRONG_COUNT and TRUNCATED only."""
    verdict: bool | None = None
    """Yes or no, of the tasks in `CHOICES`."""
    notes: tuple[str, ...] = ()
    """What a reader of the report should know: 'order_lost', 'box_centre', 'other_points_ignored', …"""
    written: tuple[float, ...] = ()
    """The numbers that `points` come from, as the reply has them."""

    @property
    def ok(self) -> bool:
        return self.status is Status.OK
