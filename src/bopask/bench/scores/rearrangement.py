"""Scores of points on the objects that must move. A point names the object that is seen at its pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.bench.scores.curves import apart, chamfer, padded
from bopask.bench.scores.trajectory import SPATIALCLI, looked_up
from bopask.bench.scores.truth import Truth

Counted = Callable[[list[int], tuple[int, ...]], float]
"""Of the objects pointed at, in order (-1: none), and one set that is right."""


def recall_of(named: list[int], right: tuple[int, ...]) -> float:
    """Share of the set that some point names."""
    return len(set(named) & set(right)) / max(len(right), 1)


def precision_of(named: list[int], right: tuple[int, ...]) -> float:
    """Share of the points that name something of the set."""
    return sum(i in right for i in named) / len(named)


def f1_of(named: list[int], right: tuple[int, ...]) -> float:
    """Harmonic mean of both."""
    r, p = recall_of(named, right), precision_of(named, right)
    return 2 * r * p / (r + p) if r + p else 0.0


def best_set(counted: Counted) -> Callable[[Sequence[Truth], Sequence[Any]], Float[Array, "n"]]:
    """The best over the sets that are right."""

    def many(truths: Sequence[Truth], replies: Sequence[Any]) -> Float[Array, "n"]:
        each = zip(named(truths, replies), truths, strict=True)
        return np.array([max(counted(said, right) for right in truth.sets) for said, truth in each])

    return many


def sequence(truths: Sequence[Truth], replies: Sequence[Any]) -> Float[Array, "n"]:
    """1 where the points name the objects of one right set, each once, in an order that can be carried out."""
    each = zip(named(truths, replies), truths, strict=True)
    return np.array([float(truth.works(tuple(said))) for said, truth in each])


def named(truths: Sequence[Truth], replies: Sequence[Any]) -> list[list[int]]:
    """The row of scene_gt seen at each point, -1 for none."""
    points, own = padded(replies)
    shown = looked_up(truths, points).tolist()
    return [row[:n] for row, n in zip(shown, own.sum(1).tolist(), strict=True)]


def why(truth: Truth, reply: Any) -> dict[str, Any]:
    return {"named": named([truth], [reply])[0], "right": [list(some) for some in truth.sets]}


def chamfer_spatialcli(truths: Sequence[Truth], replies: Sequence[Any]) -> Float[Array, "n"]:
    """max(0, 1 - d / 0.15) against the row's own points, x in widths and y in heights: SpatialCLI's."""
    size = np.array([[[t.width, t.height]] for t in truths], float)
    (a, own_a), (b, own_b) = padded(replies), padded([t.points for t in truths])
    return np.maximum(0.0, 1 - chamfer(apart(a / size, b / size), own_a, own_b) / SPATIALCLI)
