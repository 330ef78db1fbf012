"""One object carried among the others of its layout: is it free here, along there, how close does it pass?

Every answer is exact FCL, mesh against mesh, and the support is the half-space z < 0. Where surfaces do not meet but
the bounds of one object lie within those of the other, a vertex tells whether it is inside the other's material.

The object is only translated, so a state is its offset (m, world) from where it stands, and its world-aligned bounds
move rigidly: where two bounds are apart no mesh is looked at, and along a path the distance to a body changes by at
most the distance travelled.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry.curve import at_arc_length, densify, length
from bopask.geometry.se3 import inverse, transform
from bopask.nouns import Layout, Model
from bopask.priors.collision import bvh
from bopask.priors.surface import surface

SUPPORT = -1
"""The support's number among the bodies; objects have their index in the layout."""
STAR: Float[Array, "6 3"] = np.array([[0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]], float)
"""Free with a margin means free here and a margin away along each of the object's own axes."""


class Scene:
    """The FCL objects and world-aligned bounds (m) of a layout's objects, built once a layout."""

    def __init__(self, layout: Layout, models: Mapping[int, Model]) -> None:
        import fcl

        self.models = [models[int(o)] for o in layout.obj_ids]
        self.T_world_obj = np.ascontiguousarray(layout.T_world_obj)
        vertices = [transform(T, m.mesh.vertices) for T, m in zip(self.T_world_obj, self.models, strict=True)]
        self.low = np.array([v.min(0) for v in vertices]).reshape(-1, 3)
        self.high = np.array([v.max(0) for v in vertices]).reshape(-1, 3)
        self._fcl, self._request, self._distance = fcl, fcl.CollisionRequest(), fcl.DistanceRequest()
        self.objects = [self.copy(i) for i in range(len(self.models))]

    def copy(self, i: int) -> Any:
        """A CollisionObject of object i where it stands: the tree is shared, the placement is its own."""
        R, t = np.ascontiguousarray(self.T_world_obj[i, :3, :3]), self.T_world_obj[i, :3, 3]
        return self._fcl.CollisionObject(bvh(self.models[i]), self._fcl.Transform(R, t))

    def meet(self, a: Any, b: Any) -> bool:
        return bool(self._fcl.collide(a, b, self._request, self._fcl.CollisionResult()))

    def distance(self, a: Any, b: Any) -> float:
        """Exact distance (m) of two meshes; 0 where they meet."""
        return max(0.0, float(self._fcl.distance(a, b, self._distance, self._fcl.DistanceResult())))


class Carried:
    """Object `source` of a scene, moved by offsets among the others."""

    def __init__(self, scene: Scene, source: int) -> None:
        self.scene, self.source = scene, source
        self.others = [i for i in range(len(scene.models)) if i != source]
        self.low, self.high = scene.low[source], scene.high[source]
        self._object = scene.copy(source)
        self._origin = scene.T_world_obj[source, :3, 3]
        self._star = np.concatenate([np.zeros((1, 3)), STAR @ scene.T_world_obj[source, :3, :3].T])

    def hits(self, offset: Float[Array, "3"]) -> set[int]:
        """The bodies that the object meets at an offset."""
        self._object.setTranslation(self._origin + offset)
        met = {i for i in self.others if self.scene.meet(self._object, self.scene.objects[i])}
        _, nested = self._bounds(offset[None])
        met |= {i for i, inside in zip(self.others, nested[0], strict=True) if inside and self._buried(offset, i)}
        return met | {SUPPORT} if self.low[2] + offset[2] <= 0 else met

    def free(self, offsets: Float[Array, "n 3"], margin: float = 0.0) -> bool:
        """True where the object meets nothing at any of the offsets, nor `margin` (m) beside them (see STAR)."""
        if margin:
            offsets = (offsets[:, None] + margin * self._star).reshape(-1, 3)
        if (self.low[2] + offsets[:, 2] <= 0).any():
            return False
        overlap, nested = self._bounds(offsets)
        meet, objects, place = self.scene.meet, self.scene.objects, self._object.setTranslation
        translations = self._origin + offsets
        for k, b in zip(*overlap.nonzero(), strict=True):
            place(translations[k])
            if meet(self._object, objects[self.others[b]]):
                return False
        return not any(self._buried(offsets[k], self.others[b]) for k, b in zip(*nested.nonzero(), strict=True))

    def free_along(self, points: Float[Array, "w 3"], step: float, margin: float = 0.0) -> bool:
        """`free` at places at most `step` (m) apart along a polyline of offsets; with the margin, every half of it."""
        if margin:
            coarse = densify(points, margin / 2)
            if not self.free(coarse[_scattered(len(coarse))], margin):
                return False
        fine = densify(points, step)
        return self.free(fine[_scattered(len(fine))])

    def _bounds(self, offsets: Float[Array, "n 3"]) -> tuple[Bool[Array, "n b"], Bool[Array, "n b"]]:
        """Whether the bounds of the object, moved, overlap those of each other body; whether one lies in the other."""
        low, high = (self.low + offsets)[:, None], (self.high + offsets)[:, None]
        to_low, to_high = self.scene.low[self.others], self.scene.high[self.others]
        overlap = ((low <= to_high) & (to_low <= high)).all(-1)
        nested = ((low >= to_low) & (high <= to_high)).all(-1) | ((low <= to_low) & (high >= to_high)).all(-1)
        return overlap, nested

    def _buried(self, offset: Float[Array, "3"], body: int) -> bool:
        """Is the object, moved, inside the material of a body, or the body inside its? Their surfaces do not tell."""
        (T, model), (T_body, body_model) = self._at(self.source, offset), self._at(body, np.zeros(3))
        mine = transform(inverse(T_body) @ T, model.mesh.vertices[:1])
        its = transform(inverse(T) @ T_body, body_model.mesh.vertices[:1])
        return bool(surface(body_model).signed_distance(mine)[0] < 0 or surface(model).signed_distance(its)[0] < 0)

    def _at(self, i: int, offset: Float[Array, "3"]) -> tuple[Float[Array, "4 4"], Model]:
        T = self.scene.T_world_obj[i].copy()
        T[:3, 3] += offset
        return T, self.scene.models[i]

    def distance(self, offset: Float[Array, "3"], body: int) -> float:
        """Exact distance (m) to a body with the object at an offset; 0 where they meet."""
        if body == SUPPORT:
            return max(0.0, float(self.low[2] + offset[2]))
        self._object.setTranslation(self._origin + offset)
        return self.scene.distance(self._object, self.scene.objects[body])

    def clearance(self, points: Float[Array, "w 3"], opened: float, touch: float, tolerance: float) -> float:
        """Smallest distance (m) to any body along a polyline of offsets, at most `tolerance` above the true minimum.

        A body nearer than `touch` (m) at the start touches, as far as ground truth can tell: it counts from arc length
        `opened` (m) on, the end of the opening move. Best-first search for the minimum (Piyavskii 1972): a distance
        cannot change faster than the object moves, so most of the path is never measured.
        """

        def value(body: int, s: float) -> float:
            return self.distance(at_arc_length(points, np.array([s]))[0], body)

        def bound(body: int, start: float, end: float) -> float:
            return self._bound(points, start, end, body)

        pieces = []
        for body in [SUPPORT, *self.others]:
            touches = bound(body, 0.0, 0.0) < touch and value(body, 0.0) < touch
            pieces.append((body, opened if touches else 0.0, length(points)))
        return _least(pieces, value, bound, tolerance)

    def _bound(self, points: Float[Array, "w 3"], start: float, end: float, body: int) -> float:
        """A lower bound (m) of the distance to a body between two arc lengths: the distance of the (swept) bounds."""
        travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        places = at_arc_length(
            points, np.concatenate([[start, end], travelled[(travelled > start) & (travelled < end)]])
        )
        low, high = self.low + places.min(0), self.high + places.max(0)
        if body == SUPPORT:
            return max(0.0, float(low[2]))
        apart = np.maximum(low - self.scene.high[body], self.scene.low[body] - high)
        return float(np.linalg.norm(np.maximum(apart, 0.0)))


def _least(
    pieces: list[tuple[int, float, float]],
    value: Callable[[int, float], float],
    bound: Callable[[int, float, float], float],
    tolerance: float,
) -> float:
    """The least value of functions over intervals (which, start, end), each changing no faster than its argument."""
    best = np.inf
    queue: list[tuple[float, int, float, float, tuple[float, ...]]] = [(bound(*piece), *piece, ()) for piece in pieces]
    heapq.heapify(queue)
    while queue and queue[0][0] < best - tolerance:
        low, which, start, end, ends = heapq.heappop(queue)
        if ends:
            middle = (start + end) / 2
            here = value(which, middle)
            parts = [(start, middle, (ends[0], here)), (middle, end, (here, ends[1]))]
        else:
            parts = [(start, end, (value(which, start), value(which, end)))]
        for s, e, (a, b) in parts:
            best = min(best, a, b)
            heapq.heappush(queue, (max(low, bound(which, s, e), (a + b - (e - s)) / 2), which, s, e, (a, b)))
    return float(best)


def _scattered(n: int) -> Int[Array, "n"]:
    """0..n-1 spread out: any first few of them sample the whole range (golden-ratio sequence)."""
    return np.argsort(np.arange(n) * 0.6180339887498949 % 1.0, kind="stable")
