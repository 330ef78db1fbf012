"""Bounds of the objects of a scene, and what they say of one that is moved without turning: where nothing can meet.

Bounds are intervals along many directions, and along an object's own axes those of small groups of its triangles, so
that what stands inside a shelf is not taken to meet it. Two things whose intervals are apart along one direction are
apart: a proof, for every place at once, that no mesh need be looked at. What bounds leave open, FCL decides.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from bopask.arrays import Array
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import transform
from bopask.nouns import Model

LEVEL, AROUND = 16, 32
"""Directions in which bounds are compared, beside all objects' own axes: level ones, and some over a half-sphere."""
HAIR = 1e-9
"""Bounds nearer than this (m) may touch: rounding."""
CELLS = 128
"""Groups of triangles of a mesh, at most."""
WORTH = 6
"""So many places are asked of FCL as fast as of groups of triangles."""


class Bounds:
    """How far each object reaches along each direction (m, world), where it stands."""

    def __init__(self, models: Sequence[Model], T_world_obj: Float[Array, "N 4 4"]) -> None:
        R = T_world_obj[:, :3, :3]
        self.directions = np.concatenate([np.swapaxes(R, 1, 2).reshape(-1, 3), np.eye(3), _spread()])
        """Unit, world: every object's own axes in turn, the world's, and others."""
        reach = [transform(T, m.mesh.vertices) @ self.directions.T for T, m in zip(T_world_obj, models, strict=True)]
        self.least = np.array([r.min(0) for r in reach]).reshape(-1, len(self.directions))
        self.most = np.array([r.max(0) for r in reach]).reshape(-1, len(self.directions))
        self.cells = [_cells_of(m) + T[:3, 3] @ T[:3, :3] for T, m in zip(T_world_obj, models, strict=True)]
        """Lowest and highest along the object's own axes (m) of groups of its triangles."""


class Between:
    """Object `source`, moved by offsets (m, world), and the others."""

    def __init__(self, bounds: Bounds, source: int, others: Sequence[int]) -> None:
        self._directions = bounds.directions.T
        least, most, first = bounds.least[source], bounds.most[source], 3 * len(bounds.cells)
        self._after = bounds.most[others] - least + HAIR
        """Moved by more than this along a direction, the source is beyond another."""
        self._before = bounds.least[others] - most - HAIR
        self._world = slice(first, first + 3)
        self._own = [slice(3 * other, 3 * other + 3) for other in others]
        self._cells_before, self._cells_after = (
            [(bounds.cells[other][:, end] - reach[own] + hair).T for other, own in zip(others, self._own, strict=True)]
            for end, reach, hair in ((0, most, -HAIR), (1, least, HAIR))
        )

    def far(self, points: Float[Array, "w 3"], margin: float) -> bool:
        """Is every other object farther than `margin` (m) from all of a polyline of offsets?"""
        shift = points @ self._directions
        low, high = np.minimum(shift[:-1], shift[1:])[:, None], np.maximum(shift[:-1], shift[1:])[:, None]
        return bool(((low > self._after + margin) | (high < self._before - margin)).any(-1).all())

    def gap(self, places: Float[Array, "n 3"], other: int) -> float:
        """A lower bound (m) of the distance to one of the others anywhere between offsets."""
        shift = places @ self._directions
        apart = np.maximum(shift.min(0) - self._after[other], self._before[other] - shift.max(0))
        return max(float(np.linalg.norm(np.maximum(apart[self._world], 0.0))), float(apart.max()))

    def overlaps(self, offsets: Float[Array, "n 3"]) -> Pairs:
        """(offset, place among the others) of all that are not apart along some direction."""
        shift, world = offsets @ self._directions, self._world
        near = np.ones((len(offsets), len(self._own)), bool)
        for axis in range(world.start, world.stop):
            s = shift[:, axis, None]
            near &= s <= self._after[:, axis]
            near &= s >= self._before[:, axis]
        k, b = near.nonzero()
        if not len(k):
            return k, b, shift[k]
        shift = shift[k]
        near = ~((shift > self._after[b]) | (shift < self._before[b])).any(1)
        return k[near], b[near], shift[near]

    def meetings(self, overlaps: Pairs) -> Pairs:
        """Those overlaps in which the source's bounds, along the other's own axes, overlap a group of its triangles.
        Few are not worth the question."""
        k, b, shift = overlaps
        near = np.ones(len(k), bool)
        for other in set(b.tolist()):
            rows = (b == other).nonzero()[0]
            if len(rows) < WORTH:
                continue
            found = np.ones((len(rows), self._cells_after[other].shape[-1]), bool)
            own = shift[rows, self._own[other]].T[..., None]
            for s, before, after in zip(own, self._cells_before[other], self._cells_after[other], strict=True):
                found &= (s >= before) & (s <= after)
            near[rows] = found.any(1)
        return k[near], b[near], shift[near]


Pairs = tuple[Int[Array, "m"], Int[Array, "m"], Float[Array, "m d"]]
"""Offsets, others, and how far the offset leads along each direction."""


def _spread() -> Float[Array, "d 3"]:
    """Level directions, and some all around, spread evenly (Fibonacci)."""
    turn, k = np.pi * np.arange(LEVEL) / LEVEL, np.arange(AROUND) + 0.5
    z, angle = k / AROUND, np.pi * (1 + np.sqrt(5)) * k
    level = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
    return np.concatenate(
        [level, np.stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z], 1)]
    )


_CELLS: dict[str, Float[Array, "c 2 3"]] = {}


def _cells_of(model: Model) -> Float[Array, "c 2 3"]:
    """Bounds (m, object frame) of groups of an object's triangles, shared within the process."""
    if model.sha256 not in _CELLS:
        _CELLS[model.sha256] = _grouped(model.mesh)
    return _CELLS[model.sha256]


def _grouped(mesh: Mesh) -> Float[Array, "c 2 3"]:
    """Triangles halved at the median of their middles along the longest side, the group of the longest side first."""
    triangles = mesh.triangles
    middles, whole = triangles.mean(1), np.arange(len(triangles))
    groups = [(0.0, 0, whole)]
    while len(groups) < CELLS and len(groups[0][2]) > 1:
        _, _, group = heapq.heappop(groups)
        along = middles[group, np.ptp(middles[group], axis=0).argmax()]
        for half in np.array_split(group[np.argsort(along, kind="stable")], 2):
            longest = np.ptp(triangles[half].reshape(-1, 3), axis=0).max() if len(half) > 1 else 0.0
            heapq.heappush(groups, (-float(longest), int(half[0]), half))
    return np.array([[triangles[g].min((0, 1)), triangles[g].max((0, 1))] for _, _, g in groups])
