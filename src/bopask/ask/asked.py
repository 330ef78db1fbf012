"""Asked: what one task may ask of a block, as columns. What is asked is chosen in `budget`, written in `rows`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.ask import text
from bopask.ask.text import Text

Writer: TypeAlias = Callable[[Int[Array, "r"]], Text]
"""Gives the text of some of the questions."""


@dataclass(frozen=True)
class Asked:
    """R facts of one subtask, each of which may be asked in any of the wordings. No text is written yet."""

    subtask: str
    templates: tuple[str, ...]
    """Wordings with slots {a}, {b} and {c} (referring phrases), {width} and {height}."""
    frame: Int[Array, "R"]
    """Row of the block."""
    instances: Int[Array, "R k"]
    """Objects the question is about: the first fills {a}, the second {b}, the third {c}."""
    evidence: Writer
    """A JSON object a fact, not closed yet: `rows` adds what the phrases mean."""
    points: Float[Array, "R P 2"] | None = None
    """Answer points (px), for tasks that point."""
    answer: Callable[[Float[Array, "r P 2"]], Text] = text.points
    """Answer text of points."""
    yes: Bool[Array, "R"] | None = None
    """The answer of yes/no tasks. Facts 2i and 2i + 1 are one pair: same wording, one yes and one no."""
    most: int | None = None
    """At most so many of these facts (pairs) are asked of one frame, drawn at random."""

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def together(self) -> int:
        """Rows that are asked together or not at all: the two of a pair."""
        return 1 if self.yes is None else 2


class Skipped(NamedTuple):
    """An expected no of a task: `number` of questions were not asked, for this reason."""

    reason: str
    number: int
