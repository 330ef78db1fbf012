"""One object carried among the others of its layout: is it free here, along there, how close does it pass?

Every answer is exact FCL, mesh against mesh, and the support is the half-space z < 0. Where surfaces do not meet but
the bounds of one object lie within those of the other, a vertex tells whether it is inside the other's material.

The object is only translated, so a state is its offset (m, world) from where it stands, and its bounds move rigidly:
where those of two objects are apart, along the world's axes or along any other of the scene's directions, no mesh is
looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from bopask.arrays import Array
from bopask.geometry.curve import after, densify
from bopask.geometry.se3 import inverse, transform
from bopask.nouns import Layout, Model
from bopask.priors.collision import bvh, tree
from bopask.priors.surface import surface
from bopask.priors.sweep import edges, parallelograms

SUPPORT = -1
"""The support's number among the bodies; objects have their index in the layout."""
STAR: Float[Array, "6 3"] = np.array([[0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]], float)
"""Free with a margin means free here and a margin away along each of the object's own axes."""
LEVEL, AROUND = 16, 32
"""Directions in which bounds are compared, beside all objects' own axes: level ones, and some over a half-sphere."""
HAIR = 1e-9
"""Bounds nearer than this (m) may touch: rounding."""


class Scene:
    """The FCL objects and world-aligned bounds (m) of a layout's objects, built once a layout."""

    def __init__(self, layout: Layout, models: Mapping[int, Model]) -> None:
        import fcl

        self.models = [models[int(o)] for o in layout.obj_ids]
        self.T_world_obj = np.ascontiguousarray(layout.T_world_obj)
        vertices = [transform(T, m.mesh.vertices) for T, m in zip(self.T_world_obj, self.models, strict=True)]
        corners = [v[m.mesh.faces] for v, m in zip(vertices, self.models, strict=True)]
        self.triangles = [(c.min(1), c.max(1)) for c in corners]
        """World-aligned bounds (m) of each object's triangles."""
        self.low = np.array([v.min(0) for v in vertices]).reshape(-1, 3)
        self.high = np.array([v.max(0) for v in vertices]).reshape(-1, 3)
        self.directions = _directions(self.T_world_obj[:, :3, :3])
        """Unit, world; `least` and `most` (m) are how far each object reaches along them."""
        reach = [v @ self.directions.T for v in vertices]
        self.least = np.array([r.min(0) for r in reach]).reshape(-1, len(self.directions))
        self.most = np.array([r.max(0) for r in reach]).reshape(-1, len(self.directions))
        self._fcl, self._request, self._distance = fcl, fcl.CollisionRequest(), fcl.DistanceRequest()
        self.objects = [self.copy(i) for i in range(len(self.models))]

    def copy(self, i: int) -> Any:
        """A CollisionObject of object i where it stands: the tree is shared, the placement is its own."""
        R, t = np.ascontiguousarray(self.T_world_obj[i, :3, :3]), self.T_world_obj[i, :3, 3]
        return self._fcl.CollisionObject(bvh(self.models[i]), self._fcl.Transform(R, t))

    def solid(self, vertices: Float[Array, "v 3"], faces: Int[Array, "f 3"]) -> Any:
        """A CollisionObject of triangles that are in the world frame already."""
        return self._fcl.CollisionObject(tree(vertices, faces))

    def meet(self, a: Any, b: Any) -> bool:
        return bool(self._fcl.collide(a, b, self._request, self._fcl.CollisionResult()))

    def distance(self, a: Any, b: Any) -> float:
        """Exact distance (m) of two meshes; 0 where they meet."""
        return max(0.0, float(self._fcl.distance(a, b, self._distance, self._fcl.DistanceResult())))


class Carried:
    """Object `source` of a scene, moved by offsets among the others (all of them, but for `ignored`)."""

    def __init__(self, scene: Scene, source: int, ignored: int | None = None) -> None:
        self.scene, self.source = scene, source
        self.others = [i for i in range(len(scene.models)) if i not in (source, ignored)]
        self.low, self.high = scene.low[source], scene.high[source]
        self._to_low, self._to_high = scene.low[self.others], scene.high[self.others]
        self._apart_after = scene.most[self.others] - scene.least[source] + HAIR
        self._apart_before = scene.least[self.others] - scene.most[source] - HAIR
        self._object = scene.copy(source)
        self._origin = scene.T_world_obj[source, :3, 3]
        self._star = np.concatenate([np.zeros((1, 3)), STAR @ scene.T_world_obj[source, :3, :3].T])

    def hits(self, offset: Float[Array, "3"]) -> set[int]:
        """The bodies that the object meets at an offset."""
        self._object.setTranslation(self._origin + offset)
        met = {i for i in self.others if self.scene.meet(self._object, self.scene.objects[i])}
        met |= {self.others[b] for _, b in self._nested(offset[None]) if self._buried(offset[None], self.others[b])}
        return met | {SUPPORT} if self.low[2] + offset[2] <= 0 else met

    def free(self, offsets: Float[Array, "n 3"], margin: float = 0.0) -> bool:
        """True where the object meets nothing at any of the offsets, nor `margin` (m) beside them (see STAR)."""
        if margin:
            offsets = (offsets[:, None] + margin * self._star).reshape(-1, 3)
        if (self.low[2] + offsets[:, 2] <= 0).any():
            return False
        meet, objects, place = self.scene.meet, self.scene.objects, self._object.setTranslation
        translations = self._origin + offsets
        overlaps = self._overlaps(offsets)
        for k, b in overlaps:
            place(translations[k])
            if meet(self._object, objects[self.others[b]]):
                return False
        k, b = self._nested(offsets, overlaps).T
        return not any(self._buried(offsets[k[b == body]], self.others[body]) for body in np.unique(b))

    def free_along(self, points: Float[Array, "w 3"], step: float, margin: float = 0.0) -> bool:
        """`free` at places at most `step` (m) apart along a polyline of offsets; with the margin, every half of it."""
        if self._far(points, margin):
            return True
        if margin:
            coarse = densify(points, margin / 2)
            if not self.free(coarse[_scattered(len(coarse))], margin):
                return False
        fine = densify(points, step)
        return self.free(fine[_scattered(len(fine))])

    def _far(self, points: Float[Array, "w 3"], margin: float) -> bool:
        """Do bounds alone say that nothing comes within `margin` (m) of a polyline of offsets?"""
        shift = points @ self.scene.directions.T
        low, high = np.minimum(shift[:-1], shift[1:])[:, None], np.maximum(shift[:-1], shift[1:])[:, None]
        apart = (low > self._apart_after + margin) | (high < self._apart_before - margin)
        return bool(apart.any(-1).all() and self.low[2] + points[:, 2].min() > margin + HAIR)

    def _overlaps(self, offsets: Float[Array, "n 3"]) -> Int[Array, "m 2"]:
        """(offset, place among the others) wherever the bounds of the object, moved, overlap those of another."""
        low, high = (self.low + offsets)[:, None], (self.high + offsets)[:, None]
        overlap = np.ones((len(offsets), len(self.others)), bool)
        for axis in range(3):
            overlap &= low[..., axis] <= self._to_high[:, axis]
            overlap &= high[..., axis] >= self._to_low[:, axis]
        found = np.argwhere(overlap)
        if not len(found):
            return found
        k, b = found.T
        shift = (offsets @ self.scene.directions.T)[k]
        apart = (shift > self._apart_after[b]) | (shift < self._apart_before[b])
        return found[~apart.any(1)]

    def _nested(self, offsets: Float[Array, "n 3"], overlaps: Int[Array, "m 2"] | None = None) -> Int[Array, "k 2"]:
        """Those overlaps in which the bounds of one lie within those of the other."""
        overlaps = self._overlaps(offsets) if overlaps is None else overlaps
        k, b = overlaps.T
        low, high = self.low + offsets[k], self.high + offsets[k]
        inside = ((low >= self._to_low[b]) & (high <= self._to_high[b])).all(1)
        around = ((low <= self._to_low[b]) & (high >= self._to_high[b])).all(1)
        return overlaps[inside | around]

    def _buried(self, offsets: Float[Array, "n 3"], body: int) -> bool:
        """At any of the offsets: is the object inside the material of a body, or the body inside its? Their surfaces do
        not tell."""
        scene, source = self.scene, self.source
        T_obj_world, T_body_world = inverse(scene.T_world_obj[[source, body]])
        mine = transform(scene.T_world_obj[source], scene.models[source].mesh.vertices[:1]) + offsets
        its = transform(scene.T_world_obj[body], scene.models[body].mesh.vertices[:1]) - offsets
        in_body, in_object = transform(T_body_world, mine), transform(T_obj_world, its)
        solids = (surface(scene.models[body]), in_body), (surface(scene.models[source]), in_object)
        return any(solid.holds_any(points) for solid, points in solids)

    def distance(self, offset: Float[Array, "3"], body: int) -> float:
        """Exact distance (m) to a body with the object at an offset; 0 where they meet."""
        if body == SUPPORT:
            return max(0.0, float(self.low[2] + offset[2]))
        self._object.setTranslation(self._origin + offset)
        return self.scene.distance(self._object, self.scene.objects[body])

    def clearance(self, points: Float[Array, "w 3"], opened: float, touch: float) -> float:
        """The smallest distance (m) to any body on a polyline of offsets, between its places as well as at them.

        A body nearer than `touch` (m) at the start touches, as far as ground truth can tell: it counts from arc length
        `opened` (m) on, the end of the opening move. Exact but for rounding: every straight motion is one question to
        FCL, asked of what the object sweeps (see sweep.py); motions whose bounds stay farther off are not asked.
        """
        later, routes = after(points, opened), []
        for body in [SUPPORT, *self.others]:
            touches = self._bound(points[:1], body) < touch and self.distance(points[0], body) < touch
            routes.append((body, later if touches else points))
        least = np.inf
        for bound, offset, body in self._nearest_first((p[None], b) for b, route in routes for p in route):
            if bound >= least:
                break
            least = min(least, self.distance(offset[0], body))
        motions = ((np.stack(ends), b) for b, route in routes if b != SUPPORT for ends in pairwise(route))
        for bound, ends, body in self._nearest_first(motions):
            if bound >= least:
                break
            least = self._swept_distance(ends, body, least)
        return float(least)

    def _nearest_first(
        self, pieces: Iterable[tuple[Float[Array, "n 3"], int]]
    ) -> list[tuple[float, Float[Array, "n 3"], int]]:
        """Offsets and a body, with a lower bound of their distance (m), by that bound."""
        bounded = [(self._bound(places, body), places, body) for places, body in pieces]
        return sorted(bounded, key=lambda piece: piece[0])

    def _bound(self, places: Float[Array, "n 3"], body: int) -> float:
        """A lower bound (m) of the distance to a body anywhere between offsets: that of the bounds."""
        scene = self.scene
        low, high = self.low + places.min(0), self.high + places.max(0)
        if body == SUPPORT:
            return max(0.0, float(low[2]))
        apart = np.maximum(np.maximum(low - scene.high[body], scene.low[body] - high), 0.0)
        shift = places @ scene.directions.T
        after = scene.least[self.source] + shift.min(0) - scene.most[body]
        before = scene.least[body] - scene.most[self.source] - shift.max(0)
        return max(float(np.linalg.norm(apart)), float(np.maximum(after, before).max()) - HAIR)

    def _swept_distance(self, ends: Float[Array, "2 3"], body: int, least: float) -> float:
        """The distance (m) to a body between two offsets, or `least` where that, or the distance at an end, is less."""
        motion = ends[1] - ends[0]
        travel = float(np.linalg.norm(motion))
        if travel < 1e-9:
            return least
        R = self.scene.T_world_obj[self.source, :3, :3]
        silhouette = edges(self.scene.models[self.source]).silhouette(motion / travel @ R)
        starts = silhouette @ R.T + self._origin + ends[0]
        corners = np.concatenate([starts, starts + motion], 1)
        low, high = corners.min(1) - least, corners.max(1) + least
        there_low, there_high = self.scene.triangles[body]
        there = ((there_low <= high.max(0)) & (there_high >= low.min(0))).all(1)
        if not there.any():
            return least
        starts = starts[((low <= there_high[there].max(0)) & (high >= there_low[there].min(0))).all(1)]
        if not len(starts):
            return least
        swept = self.scene.solid(*parallelograms(starts, motion))
        return min(least, self.scene.distance(swept, self.scene.objects[body]))


@lru_cache(256)
def _scattered(n: int) -> Int[Array, "n"]:
    """0..n-1 spread out: any first few of them sample the whole range (golden-ratio sequence)."""
    return np.argsort(np.arange(n) * 0.6180339887498949 % 1.0, kind="stable")


def _directions(R_world_obj: Float[Array, "N 3 3"]) -> Float[Array, "d 3"]:
    """All objects' axes, along which things with flat sides are apart; level ones; and some all around, spread evenly
    (Fibonacci)."""
    turn = np.pi * np.arange(LEVEL) / LEVEL
    k = np.arange(AROUND) + 0.5
    z, angle = k / AROUND, np.pi * (1 + np.sqrt(5)) * k
    level = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
    around = np.stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z], 1)
    return np.concatenate([np.swapaxes(R_world_obj, 1, 2).reshape(-1, 3), level, around])
