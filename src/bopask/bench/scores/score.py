"""What a score is: a truth and a parsed reply in, a number out. Parsing comes before, averaging after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.bench.scores.truth import Truth

Pixels: TypeAlias = Float[Array, "n 2"]
Reply: TypeAlias = Float[Array, "n 2"] | bool | None
"""Pixels of the original image, or yes (True) or no, or None: the reply could not be parsed."""
CHUNK = 512
"""Replies scored at once: what fits the processor's cache. Changes the speed, never the result."""


@dataclass(frozen=True)
class Score:
    """One reply under one score."""

    value: float | None
    """None: the score does not apply to this truth (no world, no meshes), whatever the reply."""
    detail: dict[str, Any] = field(default_factory=dict)
    """`failed`: why there was nothing to score, where the value is the worst for that reason."""


@dataclass(frozen=True)
class Rule:
    """A score by name, with what a reader needs to know of its numbers."""

    name: str
    task: str
    """'binary' for spatial and depth."""
    many: Callable[[Sequence[Truth], Sequence[Any]], Float[Array, "n"]]
    """Values of well-formed replies; NaN where the score does not apply."""
    worst: float
    """Of a reply that is None or of the wrong form."""
    low: float = 0.0
    high: float = 1.0
    higher_better: bool = True
    unit: str = ""
    needs: str = "row"
    """'row', 'masks' (who is seen at each pixel) or 'scene' (meshes and poses)."""
    evidence: tuple[str, ...] = ()
    """Keys that a truth's evidence has to have: foreign rows have none."""
    points: tuple[int, int] | None = None
    """Fewest and most points of a well-formed reply; None: yes or no."""
    explain: Callable[[Truth, Any], dict[str, Any]] | None = None
    """More about one value."""

    @property
    def best(self) -> float:
        return self.high if self.higher_better else self.low

    def one(self, truth: Truth, reply: Reply) -> Score:
        """The score of one reply."""
        value = float(self.batch([truth], [reply])[0])
        if np.isnan(value):
            return Score(None)
        if wrong := self.malformed(reply):
            return Score(value, {"failed": wrong})
        return Score(value, self.explain(truth, reply) if self.explain else {})

    def batch(self, truths: Sequence[Truth], replies: Sequence[Reply]) -> Float[Array, "n"]:
        """Values of many replies; NaN where the score does not apply."""
        values = np.full(len(truths), self.worst)
        applies = np.array([self.applies(truth) for truth in truths], bool)
        values[~applies] = np.nan
        formed = [k for k, reply in enumerate(replies) if applies[k] and not self._misshapen(reply)]
        rows = [k for k, good in zip(formed, self._numbers([replies[k] for k in formed]), strict=True) if good]
        for at in range(0, len(rows), CHUNK):
            part = rows[at : at + CHUNK]
            values[part] = self.many([truths[k] for k in part], [replies[k] for k in part])
        return values

    def applies(self, truth: Truth) -> bool:
        """Whether a truth has what this score looks at."""
        return (
            truth.kind == self.task
            and all(key in truth.evidence for key in self.evidence)
            and {
                "row": True,
                "masks": truth.look is not None,
                "scene": truth.stage is not None and truth.T_world_cam is not None,
            }.get(self.needs, False)
        )

    def malformed(self, reply: Reply) -> str:
        """Why a reply cannot be scored; '' where it can."""
        wrong = self._misshapen(reply)
        return wrong or ("" if self._numbers([reply])[0] else "not numbers of an image")

    def _misshapen(self, reply: Reply) -> str:
        if reply is None:
            return "not parsed"
        if self.points is None:
            return "" if isinstance(reply, (bool, np.bool_)) else "not yes or no"
        if not isinstance(reply, np.ndarray) or reply.ndim != 2 or reply.shape[1] != 2:
            return "not points"
        return "" if self.points[0] <= len(reply) <= self.points[1] else f"{len(reply)} points"

    def _numbers(self, replies: Sequence[Any]) -> list[bool]:
        """Whether all coordinates of each reply are finite and could be some image's."""
        if self.points is None or not replies:
            return [True] * len(replies)
        good = (np.abs(np.concatenate(replies)) < FARTHEST).all(1)  # False for NaN
        starts = np.cumsum([0, *(len(reply) for reply in replies[:-1])])
        return list(np.logical_and.reduceat(good, starts).tolist())


FARTHEST = 1e6
"""A coordinate (px) that no image has: of such a reply no product of two may overflow."""
