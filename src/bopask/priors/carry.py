"""One object carried among the others of its layout: is it free here, along there, how close does it pass?

Whether it meets another is exact, mesh against mesh (meet.py; FCL within a hair of touching), and the support is the
half-space z < 0. Where surfaces do not meet but the bounds of one object lie within those of the other, a vertex tells
whether it is inside the other's material. How near it passes, FCL says of places, and apart.py of the motions between.

The object is only translated, so a state is its offset (m, world) from where it stands, and its bounds move rigidly:
where those of two objects are apart, along the world's axes or along any other of the scene's directions, no mesh is
looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.curve import after
from bopask.geometry.se3 import inverse, transform
from bopask.nouns import Layout, Model
from bopask.priors.apart import swept_distance
from bopask.priors.bounds import Between, Bounds
from bopask.priors.collision import bvh
from bopask.priors.meet import MEETS, OPEN
from bopask.priors.sieve import Pairs
from bopask.priors.surface import Inside, surface
from bopask.priors.sweep import edges
from bopask.priors.tree import tree_of

SUPPORT = -1
"""The support's number among the bodies; objects have their index in the layout."""
STAR: Float[Array, "6 3"] = np.array([[0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]], float)
"""Free with a margin means free here and a margin away along each of the object's own axes."""
REMEMBERED = 200_000
"""Ends of free motions that are kept of an object, at most: some 30 MB."""


class Scene:
    """The FCL objects and world-aligned bounds (m) of a layout's objects, built once a layout."""

    def __init__(self, layout: Layout, models: Mapping[int, Model]) -> None:
        import fcl

        self.models = [models[int(o)] for o in layout.obj_ids]
        self.T_world_obj = np.ascontiguousarray(layout.T_world_obj)
        vertices = [transform(T, m.mesh.vertices) for T, m in zip(self.T_world_obj, self.models, strict=True)]
        self.low = np.array([v.min(0) for v in vertices]).reshape(-1, 3)
        self.high = np.array([v.max(0) for v in vertices]).reshape(-1, 3)
        self.bounds = Bounds(self.models, self.T_world_obj)
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
    """Object `source` of a scene, moved by offsets among the others (all of them, but for `ignored`)."""

    def __init__(self, scene: Scene, source: int, ignored: int | None = None) -> None:
        self.scene, self.source = scene, source
        self.others = [i for i in range(len(scene.models)) if i not in (source, ignored)]
        self.low = scene.low[source]
        self._between = Between(scene.bounds, source, self.others)
        self._insides: dict[int, Any] = {}
        self._object = scene.copy(source)
        self._outside = set[tuple[float, bytes]]()
        """Ends of free motions, and their margins (m): there the object lies within nothing, and nothing within it."""
        self._shifts = dict[float, tuple[Float[Array, "s 3"], float]]()
        self._origin = scene.T_world_obj[source, :3, 3]
        self._star = np.concatenate([np.zeros((1, 3)), STAR @ scene.T_world_obj[source, :3, :3].T])

    def hits(self, offset: Float[Array, "3"]) -> set[int]:
        """The bodies that the object meets at an offset."""
        found, nests = self._between.each(offset)
        met = {body for body, how in zip(self.others, found.tolist(), strict=True) if how == MEETS}
        met |= {self.others[b] for b in np.flatnonzero(found == OPEN) if self._touches(offset, int(b))}
        met |= {self.others[b] for b in np.flatnonzero(nests) if self._buried(offset[None], self.others[b])}
        return met | {SUPPORT} if self.low[2] + offset[2] <= 0 else met

    def free(self, offsets: Float[Array, "n 3"], margin: float = 0.0) -> bool:
        """True where the object meets nothing at any of the offsets, nor `margin` (m) beside them (see STAR)."""
        shifts, lowest = self._around(margin)
        if lowest + offsets[:, 2].min(initial=np.inf) <= 0:
            return False
        met, close, nest = self._between.at(offsets, shifts, margin)
        return not (met or self._touch(close) or self._bury(nest))

    def first_free(self, offsets: Float[Array, "n 3"], margin: float = 0.0) -> int | None:
        """The first of the offsets at which the object is free, with the margin (m) too; None where it is nowhere."""
        shifts, lowest = self._around(margin)
        rows = np.flatnonzero(lowest + offsets[:, 2] > 0)
        offsets, k = offsets[rows], 0
        while k < len(rows):
            k, close, nest = self._between.first_free(offsets, shifts, margin, k)
            if k < len(rows) and not (self._touch(close) or self._bury(nest)):
                return int(rows[k])
            k += 1
        return None

    def free_along(self, points: Float[Array, "w 3"], step: float, margin: float = 0.0) -> bool:
        """`free` at places at most `step` (m) apart along a polyline of offsets; with a margin, as far as that.

        Whether one lies within another is asked at the first place alone, if neither end is known: what is outside
        there and touches nothing on its way stays outside, for anything thicker than a step.
        """
        shifts, lowest = self._around(margin)
        if lowest + min(points[:, 2].tolist()) <= 0:
            return False
        met, close, nest = self._between.along(points, margin or step, shifts, margin)
        if met or self._touch(close):
            return False
        ends = [(margin, points[k].tobytes()) for k in (0, -1)]
        if self._outside.isdisjoint(ends) and self._bury(nest):
            return False
        if len(self._outside) >= REMEMBERED:
            self._outside.clear()
        self._outside.update(ends)
        return True

    def _around(self, margin: float) -> tuple[Float[Array, "s 3"], float]:
        """No shift, and those of a margin (m); and how high the object reaches down with them where it stands (m)."""
        if margin not in self._shifts:
            shifts = margin * self._star if margin else self._star[:1]
            self._shifts[margin] = shifts, float(self.low[2] + shifts[:, 2].min())
        return self._shifts[margin]

    def _touch(self, close: Pairs) -> bool:
        """Does the object's surface meet another's at any of these pairs?"""
        return len(close[1]) > 0 and any(self._touches(offset, b) for offset, b in zip(*close, strict=True))

    def _touches(self, offset: Float[Array, "3"], b: int) -> bool:
        self._object.setTranslation(self._origin + offset)
        return self.scene.meet(self._object, self.scene.objects[self.others[b]])

    def _bury(self, nest: Pairs) -> bool:
        """Is the object inside another at any of these pairs, or another inside it?"""
        offsets, b = nest
        return any(self._buried(offsets[b == other], self.others[other]) for other in set(b.tolist()))

    def _buried(self, offsets: Float[Array, "n 3"], body: int) -> bool:
        """At any of the offsets, where the bounds of one are within those of the other: is the object inside the
        material of a body, or the body inside its? Their surfaces do not tell; a vertex does."""
        if body not in self._insides:
            size, sizes = (self.scene.high[i] - self.scene.low[i] for i in (self.source, body))
            smaller = bool((size <= sizes).all())
            one, other = (self.source, body) if smaller else (body, self.source)
            self._insides[body] = smaller, *self._inside(one, other)
        smaller, inside, at, R = self._insides[body]
        return bool(inside.holds_any(at + offsets @ R if smaller else at - offsets @ R))

    def _inside(self, one: int, other: int) -> tuple[Inside, Float[Array, "3"], Float[Array, "3 3"]]:
        """The inside of the other, where a vertex of the one stands in its frame (m), and how that is turned."""
        T_world_one, T_world_other = self.scene.T_world_obj[[one, other]]
        vertex = transform(inverse(T_world_other) @ T_world_one, self.scene.models[one].mesh.vertices[:1])[0]
        return Inside(surface(self.scene.models[other])), vertex, T_world_other[:3, :3]

    def distance(self, offset: Float[Array, "3"], body: int) -> float:
        """Exact distance (m) to a body with the object at an offset; 0 where they meet."""
        if body == SUPPORT:
            return max(0.0, float(self.low[2] + offset[2]))
        self._object.setTranslation(self._origin + offset)
        return self.scene.distance(self._object, self.scene.objects[body])

    def clearance(self, points: Float[Array, "w 3"], opened: float, touch: float) -> float:
        """The smallest distance (m) to any body on a polyline of offsets, between its places as well as at them.

        A body nearer than `touch` (m) at the start touches, as far as ground truth can tell: it counts from arc length
        `opened` (m) on, the end of the opening move. Exact but for rounding: what the object sweeps on a straight
        motion is measured (see sweep.py), unless bounds keep it farther off.
        """
        routes = points, after(points, opened)
        gaps = [self._between.gaps(route) for route in routes]
        low = bool(self.low[2] + points[0, 2] < touch)
        least = max(0.0, self.low[2] + routes[low][:, 2].min())
        touching = [
            bool(gap < touch and self.distance(points[0], body) < touch)
            for gap, body in zip(gaps[0][0][0], self.others, strict=True)
        ]
        for ends in (1, 2):  # places first: what they say spares most motions
            bounds = [gaps[late][ends - 1][:, k] for k, late in enumerate(touching)]
            pieces = ((bound, i, k) for k, along in enumerate(bounds) for i, bound in enumerate(along.tolist()))
            for bound, i, k in sorted(pieces):
                if bound >= least:
                    break
                offsets, body = routes[touching[k]][i : i + ends], self.others[k]
                least = min(least, self._least_distance(offsets, body, least))
        return float(least)

    def _least_distance(self, offsets: Float[Array, "n 3"], body: int, least: float) -> float:
        """The distance (m) to a body at an offset, or between two where it is less than `least` and than at these."""
        return self.distance(offsets[0], body) if len(offsets) == 1 else self._swept_distance(offsets, body, least)

    def _swept_distance(self, ends: Float[Array, "2 3"], body: int, least: float) -> float:
        """The distance (m) to a body between two offsets, or `least` where that, or the distance at an end, is less."""
        motion = ends[1] - ends[0]
        travel = float(np.linalg.norm(motion))
        if travel < 1e-9:
            return least
        T_world_obj, T_world_body = self.scene.T_world_obj[[self.source, body]]
        R_body_world, silhouette = T_world_body[:3, :3].T, edges(self.scene.models[self.source]).silhouette
        starts = silhouette(motion / travel @ T_world_obj[:3, :3]) @ (R_body_world @ T_world_obj[:3, :3]).T
        starts += R_body_world @ (self._origin + ends[0] - T_world_body[:3, 3])
        return float(swept_distance(starts, R_body_world @ motion, *tree_of(self.scene.models[body]), least))
