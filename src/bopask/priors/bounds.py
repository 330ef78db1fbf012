"""Bounds of the objects of a scene, and what they say of one that is moved without turning: where nothing can meet.

Bounds are intervals along many directions. Two things whose intervals are apart along one direction are apart: a proof,
for every place at once, that no mesh need be looked at. What bounds leave open, the objects' trees decide (sieve.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry.se3 import inverse, transform
from bopask.nouns import Model
from bopask.priors import sieve
from bopask.priors.sieve import Answer, Pairs, Tables
from bopask.priors.tree import trees

LEVEL, AROUND = 16, 32
"""Directions in which bounds are compared, beside all objects' own axes: level ones, and some over a half-sphere."""
HAIR = 1e-9
"""Bounds nearer than this (m) may touch: rounding."""


class Bounds:
    """How far each object reaches along each direction (m, world), where it stands."""

    def __init__(self, models: Sequence[Model], T_world_obj: Float[Array, "N 4 4"]) -> None:
        R = T_world_obj[:, :3, :3]
        self.directions = np.concatenate([np.swapaxes(R, 1, 2).reshape(-1, 3), np.eye(3), _spread()])
        """Unit, world: every object's own axes in turn, the world's, and others."""
        reach = [transform(T, m.mesh.vertices) @ self.directions.T for T, m in zip(T_world_obj, models, strict=True)]
        self.least = np.array([r.min(0) for r in reach]).reshape(-1, len(self.directions))
        self.most = np.array([r.max(0) for r in reach]).reshape(-1, len(self.directions))
        self.T_world_obj = T_world_obj
        self.trees = trees(models)


class Between:
    """Object `source`, moved by offsets (m, world), and the others."""

    def __init__(self, bounds: Bounds, source: int, others: Sequence[int]) -> None:
        least, most, self._world = bounds.least[source], bounds.most[source], 3 * len(bounds.T_world_obj)
        T_other_obj = inverse(bounds.T_world_obj[others]) @ bounds.T_world_obj[source]
        self._tables = Tables(
            directions=bounds.directions,
            after=bounds.most[others] - least + HAIR,
            before=bounds.least[others] - most - HAIR,
            nests=self._nests(bounds, source, others),
            own=3 * np.array(others, int),
            R_other_obj=np.ascontiguousarray(T_other_obj[:, :3, :3]),
            t_other_obj=np.ascontiguousarray(T_other_obj[:, :3, 3]),
            last=np.full((len(others), 2), -1),
            boxes=bounds.trees.boxes,
            triangles=bounds.trees.triangles,
            tree=bounds.trees.ends[source],
            trees=bounds.trees.ends[others],
        )

    def _nests(self, bounds: Bounds, source: int, others: Sequence[int]) -> Float[Array, "m 2 3"]:
        low, high = (ends[:, self._world : self._world + 3] for ends in (bounds.least, bounds.most))
        lows, highs = low[others] - low[source], high[others] - high[source]
        nests = (lows <= highs).all(1) | (lows >= highs).all(1)
        ends = np.stack([np.minimum(lows, highs), np.maximum(lows, highs)], 1)
        return np.where(nests[:, None, None], ends, np.array([[np.inf], [-np.inf]]))

    def each(self, offset: Float[Array, "3"]) -> tuple[Int[Array, "m"], Bool[Array, "m"]]:
        """How the object at an offset stands to each of the others, and whether one may lie within the other."""
        return sieve.each(offset, *self._tables)

    def at(self, places: Float[Array, "n 3"], shifts: Float[Array, "s 3"], margin: float) -> Answer:
        """Whether another is met at one of the places, each with each of these shifts: the first is none, no other is
        longer than `margin` (m)."""
        return sieve.at(places, shifts, margin + HAIR, *self._tables)

    def first_free(
        self, places: Float[Array, "n 3"], shifts: Float[Array, "s 3"], margin: float, first: int
    ) -> tuple[int, Pairs, Pairs]:
        """The first such place, from one on, at which nothing is surely met, or their number; what is open there."""
        return sieve.first_free(places, shifts, margin + HAIR, first, *self._tables)

    def along(self, points: Float[Array, "w 3"], step: float, shifts: Float[Array, "s 3"], margin: float) -> Answer:
        """Whether another is met at such places at most `step` (m) apart along a polyline of offsets. Whether one may
        lie within the other is said of the first place alone."""
        return sieve.along(points, step, shifts, margin + HAIR, *self._tables)

    def gaps(self, points: Float[Array, "w 3"]) -> tuple[Float[Array, "w m"], Float[Array, "w1 m"]]:
        """Lower bounds of the distance (m) to the others at each place of a polyline of offsets, and on each piece."""
        shift = (points @ self._tables.directions.T)[:, None]
        pieces = np.minimum(shift[:-1], shift[1:]), np.maximum(shift[:-1], shift[1:])
        return self._gap(shift, shift), self._gap(*pieces)

    def _gap(self, least: Float[Array, "n 1 d"], most: Float[Array, "n 1 d"]) -> Float[Array, "n m"]:
        apart = np.maximum(least - self._tables.after, self._tables.before - most)
        aside = np.maximum(apart[..., self._world : self._world + 3], 0.0)
        return np.maximum(np.linalg.norm(aside, axis=-1), apart.max(-1))


def _spread() -> Float[Array, "d 3"]:
    """Level directions, and some all around, spread evenly (Fibonacci)."""
    turn, k = np.pi * np.arange(LEVEL) / LEVEL, np.arange(AROUND) + 0.5
    z, angle = k / AROUND, np.pi * (1 + np.sqrt(5)) * k
    level = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
    return np.concatenate(
        [level, np.stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z], 1)]
    )
