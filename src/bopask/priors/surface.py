"""The surface of an object as points: how far a point is from it, inside or out. Built once an object and process.

Knows: sample points and signed distances near the surface. Does not decide whether a placement is free: meet.py does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit
from scipy.spatial import cKDTree

from bopask.arrays import Array
from bopask.geometry.mesh import face_normals
from bopask.nouns import Model
from bopask.priors.closest import closest
from bopask.priors.tree import Tree, near, tree_of
from bopask.rng import rng_for

SPACING = 0.002
"""Mean distance (m) of neighbouring samples; large objects get at most MOST samples."""
MOST = 40_000
CANDIDATES = 3
"""Nearest samples whose triangles, and those beside them, are tried for the exact closest point."""
SURE = 24
"""The same for a point that seems to be inside: the side of a triangle that is nearly the closest may be the other."""
PROBES = 12
"""Points whose distances are asked first, or at a time."""
ROOMS = 400
"""Known rooms kept of an object's outside, the largest."""


@dataclass(frozen=True)
class Surface:
    """Samples of a mesh's surface, each on a known triangle; vertices are among them. Object frame (m)."""

    points: Float[Array, "n 3"]
    normals: Float[Array, "n 3"]
    """Outward, of the triangle the sample lies on."""
    tree: cKDTree
    on: Int[Array, "n"]
    """The triangle a sample lies on."""
    beside: Int[Array, "f 4"]
    """A triangle and the three that share an edge with it (itself at an open edge)."""
    triangles: Float[Array, "f 3 3"]
    face_normals: Float[Array, "f 3"]
    boxes: Tree
    """Of all triangles."""

    def signed_distance(
        self, points: Float[Array, "m 3"], within: float = np.inf
    ) -> tuple[Float[Array, "m"], Float[Array, "m 3"]]:
        """Distance (m, negative inside) of points to the surface, and the outward normal at the closest place; infinite
        for points outside that are farther than `within` (m), but for some a little farther.

        Exact point-to-triangle distance to the triangles around the nearest samples, and from the nearest of these on
        to its neighbours while they are nearer: of fine triangles not each has a sample nearby. The sign is the side of
        the closest triangle; where several share the closest point (an edge, a corner) the one most face-on decides,
        which is right also for open meshes, where counting crossings is not.
        """
        if not len(points):
            return np.zeros(0), np.zeros((0, 3))
        if np.isfinite(within):
            return self._near(points, within)
        distance, normal = self._signed_distance(points, CANDIDATES)
        inside = np.flatnonzero(distance < 0)
        if len(inside):
            distance[inside], normal[inside] = self._signed_distance(points[inside], SURE)
        return distance, normal

    def _near(self, points: Float[Array, "m 3"], within: float) -> tuple[Float[Array, "m"], Float[Array, "m 3"]]:
        """Most points are far outside, and to find the samples nearest to these takes longest."""
        close = near(self.boxes, points, within)
        close |= Inside(self).holds_any(points[~close])
        distance, normal = np.full(len(points), np.inf), np.zeros((len(points), 3))
        if close.any():
            distance[close], normal[close] = self.signed_distance(points[close])
        return distance, normal

    def _signed_distance(
        self, points: Float[Array, "m 3"], candidates: int
    ) -> tuple[Float[Array, "m"], Float[Array, "m 3"]]:
        _, near = self.tree.query(points, k=candidates)
        distance, face = closest(points, self.on[near], self.beside, self.triangles, self.face_normals)
        return distance, self.face_normals[face]

    def deepest(self, points: Float[Array, "m 3"], at_most: float = np.inf, at_least: float = 0.0) -> float:
        """How far (m) the deepest of the points is inside; `at_least` when none is as deep. As `signed_distance`, for a
        fraction of it.

        The distance to the nearest sample bounds the depth from above, so that once a few likely points have been
        measured most others need not be; a point well outside the plane of its nearest sample is not inside. Where it
        is known that nothing is deeper than `at_most` (m), points further than that from every sample are outside.
        """
        points = points[((points > self.tree.mins) & (points < self.tree.maxes)).all(1)]
        bound, nearest = map(np.asarray, self.tree.query(points, distance_upper_bound=at_most + SPACING))
        near = np.isfinite(bound) & (bound > at_least)
        points, bound, nearest = points[near], bound[near], nearest[near]
        side = np.einsum("mi,mi->m", points - self.points[nearest], self.normals[nearest])
        order = np.argsort(side, kind="stable")
        likely, rest = np.split(order[: int((side < 2 * SPACING).sum())], [16])
        deepest = self._deepest(points[likely], at_least)
        return self._deepest(points[rest[bound[rest] > deepest]], deepest)

    def _deepest(self, points: Float[Array, "m 3"], deepest: float) -> float:
        """The depth (m) of the deepest point, or `deepest` if that is more. A few triangles bound a depth from above:
        points are asked surely in the order of these bounds, until none can be deeper."""
        if not len(points):
            return deepest
        bound = -self._signed_distance(points, CANDIDATES)[0]
        order = np.argsort(-bound, kind="stable")
        for few in np.split(order, np.arange(PROBES, len(order), PROBES)):
            if bound[few[0]] <= deepest:
                break
            deepest = max(deepest, -float(self._signed_distance(points[few], SURE)[0].min()))
        return deepest


class Inside:
    """Is any of these points inside an object? Asked again and again of points near one another: what was outside had
    some room around it, and what lies in such a room is outside too."""

    def __init__(self, of: Surface) -> None:
        self._surface, self._rooms = of, np.zeros((0, 4))

    def holds_any(self, points: Float[Array, "m 3"]) -> bool:
        """Whether any of the points (m, object frame) is inside. None beyond the bounds is."""
        points = self._unsettled(points, self._rooms)
        while len(points):  # a few at a time: along a path they settle most of the others
            room, _ = self._surface.signed_distance(points[:PROBES])
            if (room < 0).any():
                return True
            found = np.column_stack([points[:PROBES], room])
            rooms = np.concatenate([found, self._rooms])
            self._rooms = rooms[np.argsort(-rooms[:, 3], kind="stable")[:ROOMS]]
            points = self._unsettled(points[PROBES:], found)
        return False

    def _unsettled(self, points: Float[Array, "m 3"], rooms: Float[Array, "r 4"]) -> Float[Array, "k 3"]:
        """Those within the bounds and in none of the rooms."""
        tree = self._surface.tree
        return points[_unsettled(points, tree.mins, tree.maxes, rooms)]


@njit(cache=True)
def _unsettled(
    points: Float[Array, "m 3"], low: Float[Array, "3"], high: Float[Array, "3"], rooms: Float[Array, "r 4"]
) -> Bool[Array, "m"]:
    left = np.zeros(len(points), np.bool_)
    for k in range(len(points)):
        x, y, z = points[k]
        left[k] = low[0] < x < high[0] and low[1] < y < high[1] and low[2] < z < high[2]
        r = 0
        while left[k] and r < len(rooms):
            apart = (x - rooms[r, 0]) ** 2 + (y - rooms[r, 1]) ** 2 + (z - rooms[r, 2]) ** 2
            left[k] = apart >= max(0.0, rooms[r, 3] - 1e-9) ** 2
            r += 1
    return left


_SURFACES: dict[str, Surface] = {}


def surface(model: Model) -> Surface:
    """The sampled surface of an object, shared within the process."""
    if model.sha256 not in _SURFACES:
        _SURFACES[model.sha256] = _sample(model)
    return _SURFACES[model.sha256]


def _sample(model: Model) -> Surface:
    mesh = model.mesh
    normals, areas = face_normals(mesh)
    n = int(np.clip(areas.sum() / SPACING**2, 500, MOST))
    rng = rng_for(0, "surface", model.sha256)
    on: Int[Array, "n"] = np.searchsorted(np.cumsum(areas), (np.arange(n) + rng.random(n)) / n * areas.sum())
    on = np.minimum(on, len(areas) - 1)
    u, v = rng.random((2, n, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    a, b, c = np.moveaxis(mesh.triangles[on], 1, 0)
    points = a + u * (b - a) + v * (c - a)
    proper = np.flatnonzero(areas > 0)  # corners of sliver faces belong to their neighbours too
    corners, first = np.unique(mesh.faces[proper], return_index=True)
    faces = np.concatenate([on, proper[first // 3]])
    points = np.concatenate([points, mesh.vertices[corners]])
    beside = _and_beside(mesh.faces)
    return Surface(points, normals[faces], cKDTree(points), faces, beside, mesh.triangles, normals, tree_of(model))


def _and_beside(faces: Int[Array, "f 3"]) -> Int[Array, "f 4"]:
    """Each triangle and, over each of its edges, the next one (itself where the edge is open)."""
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], -1), -1).reshape(-1, 2)
    order = np.lexsort(edges.T)
    twins = np.flatnonzero((edges[order[1:]] == edges[order[:-1]]).all(1))
    beside = np.arange(len(edges)) // 3
    beside[order[twins]], beside[order[twins + 1]] = order[twins + 1] // 3, order[twins] // 3
    return np.concatenate([np.arange(len(faces))[:, None], beside.reshape(-1, 3)], 1)
