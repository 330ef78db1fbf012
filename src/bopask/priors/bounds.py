"""Bounds of the objects of a scene, and what they say of one that is moved without turning: where nothing can meet.

Bounds are intervals along many directions, and along an object's own axes those of small groups of its triangles, so
that what stands inside a shelf is not taken to meet it. Two things whose intervals are apart along one direction are
apart: a proof, for every place at once, that no mesh need be looked at. What bounds leave open, FCL decides.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import transform
from bopask.nouns import Model
from bopask.priors import sieve
from bopask.priors.sieve import Pairs, Tables

LEVEL, AROUND = 16, 32
"""Directions in which bounds are compared, beside all objects' own axes: level ones, and some over a half-sphere."""
HAIR = 1e-9
"""Bounds nearer than this (m) may touch: rounding."""
CELLS = 128
"""Groups of triangles of a mesh, at most."""
FEW, MANY = 8, 2**31
"""Questions left to FCL at first, and then: most motions that are not free fail one of the first."""


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
        least, most, self._world = bounds.least[source], bounds.most[source], 3 * len(bounds.cells)
        own, cells = [slice(3 * other, 3 * other + 3) for other in others], [bounds.cells[other] for other in others]
        overlap = [(c[:, 0] - most[o] - HAIR, c[:, 1] - least[o] + HAIR) for c, o in zip(cells, own, strict=True)]
        self._tables = Tables(
            bounds.directions,
            bounds.most[others] - least + HAIR,
            bounds.least[others] - most - HAIR,
            3 * np.array(others, int),
            np.concatenate([np.zeros((0, 2, 3)), *(np.stack(ends, 1) for ends in overlap)]),
            np.cumsum([0, *map(len, cells)]),
            self._nests(bounds, source, others),
        )

    def _nests(self, bounds: Bounds, source: int, others: Sequence[int]) -> Float[Array, "m 2 3"]:
        low, high = (ends[:, self._world : self._world + 3] for ends in (bounds.least, bounds.most))
        lows, highs = low[others] - low[source], high[others] - high[source]
        nests = (lows <= highs).all(1) | (lows >= highs).all(1)
        ends = np.stack([np.minimum(lows, highs), np.maximum(lows, highs)], 1)
        return np.where(nests[:, None, None], ends, np.array([[np.inf], [-np.inf]]))

    def at(self, places: Float[Array, "n 3"]) -> tuple[Pairs, Pairs]:
        """Offsets and others that may meet there: their surfaces may, or one may lie within the other. By place."""
        meet, nest = sieve.at(places, *self._tables)
        return meet, nest

    def along(
        self, points: Float[Array, "w 3"], step: float, shifts: Float[Array, "s 3"], margin: float, nest: bool = True
    ) -> Iterator[tuple[Pairs, Pairs]]:
        """The same of places at most `step` (m) apart along a polyline of offsets, with each of these shifts: the first
        is none, no other is longer than `margin` (m). A few of them all along the polyline first, then all others.

        Whether one may lie within the other is said at the first place alone, or nowhere.
        """
        reach, first, most = margin + HAIR if margin else 0.0, 0, FEW
        while first >= 0:
            meet, within, first = sieve.along(points, step, shifts, reach, int(nest), first, most, *self._tables)
            yield meet, within
            most = MANY

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
