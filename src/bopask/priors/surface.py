"""The surface of an object as points: how far a point is from it, inside or out. Built once an object and process.

Knows: sample points and signed distances near the surface. Does not decide whether a placement is free: FCL does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from bopask.arrays import Array
from bopask.geometry.mesh import face_normals
from bopask.nouns import Model
from bopask.rng import rng_for

SPACING = 0.002
"""Mean distance (m) of neighbouring samples; large objects get at most MOST samples."""
MOST = 40_000
CANDIDATES = 3
"""Nearest samples whose triangles, and those beside them, are tried for the exact closest point."""
SURE = 24
"""The same for a point that seems to be inside: the side of a triangle that is nearly the closest may be the other."""
PROBES = 12
"""Places of a path whose distances are asked first."""


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

    def signed_distance(self, points: Float[Array, "m 3"]) -> tuple[Float[Array, "m"], Float[Array, "m 3"]]:
        """Distance (m, negative inside) of points to the surface, and the outward normal at the closest place.

        Exact point-to-triangle distance to the triangles around the nearest samples, and from the nearest of these on
        to its neighbours while they are nearer: of fine triangles not each has a sample nearby. The sign is the side of
        the closest triangle; where several share the closest point (an edge, a corner) the one most face-on decides,
        which is right also for open meshes, where counting crossings is not.
        """
        if not len(points):
            return np.zeros(0), np.zeros((0, 3))
        distance, normal = self._signed_distance(points, CANDIDATES)
        inside = np.flatnonzero(distance < 0)
        if len(inside):
            distance[inside], normal[inside] = self._signed_distance(points[inside], SURE)
        return distance, normal

    def holds_any(self, points: Float[Array, "m 3"]) -> bool:
        """Is any of the points inside? Not one beyond the bounds, nor one nearer to an outside point than the surface
        is: so a few are asked first, and of places along a path these settle most of the others."""
        points = points[((points > self.tree.mins) & (points < self.tree.maxes)).all(1)]
        first, rest = points[:PROBES], points[PROBES:]
        room = self.signed_distance(first)[0]
        if (room < 0).any():
            return True
        settled = (np.linalg.norm(rest[:, None] - first, axis=-1) < room).any(1)
        return bool((self.signed_distance(rest[~settled])[0] < 0).any())

    def _signed_distance(
        self, points: Float[Array, "m 3"], candidates: int
    ) -> tuple[Float[Array, "m"], Float[Array, "m 3"]]:
        _, near = self.tree.query(points, k=candidates)
        faces = self.beside[self.on[near]].reshape(len(points), -1)
        faces = np.concatenate([faces, self.beside[self._nearest(points, faces)]], 1)
        away = points[:, None] - closest_on_triangles(points[:, None], self.triangles[faces])
        distance = np.linalg.norm(away, axis=-1)
        side = np.einsum("mki,mki->mk", away, self.face_normals[faces])
        tied = distance <= distance.min(1, keepdims=True) + 1e-9
        best = np.where(tied, np.abs(side), -1.0).argmax(1)[:, None]
        signed = np.take_along_axis(distance * np.where(side < 0, -1.0, 1.0), best, 1)[:, 0]
        return signed, self.face_normals[np.take_along_axis(faces, best, 1)[:, 0]]

    def _nearest(self, points: Float[Array, "m 3"], faces: Int[Array, "m k"]) -> Int[Array, "m"]:
        """Downhill from the nearest of these triangles, from neighbour to neighbour, until none is nearer."""
        nearest, least, walking = faces[:, 0].copy(), np.full(len(points), np.inf), np.arange(len(points))
        while len(walking):
            away = points[walking, None] - closest_on_triangles(points[walking, None], self.triangles[faces])
            distance = np.linalg.norm(away, axis=-1)
            best = distance.argmin(1)[:, None]
            found = np.take_along_axis(distance, best, 1)[:, 0]
            nearer = found < least[walking] - 1e-9
            walking = walking[nearer]
            least[walking] = found[nearer]
            nearest[walking] = np.take_along_axis(faces, best, 1)[nearer, 0]
            faces = self.beside[nearest[walking]]
        return nearest

    def deepest(self, points: Float[Array, "m 3"], at_most: float = np.inf) -> float:
        """How far (m) the deepest of the points is inside; 0 when none is. As `signed_distance`, for a fraction of it.

        The distance to the nearest sample bounds the depth from above, so that once a few likely points have been
        measured most others need not be; a point well outside the plane of its nearest sample is not inside. Where it
        is known that nothing is deeper than `at_most` (m), points further than that from every sample are outside.
        """
        points = points[((points > self.tree.mins) & (points < self.tree.maxes)).all(1)]
        bound, nearest = map(np.asarray, self.tree.query(points, distance_upper_bound=at_most + SPACING))
        near = np.isfinite(bound)
        points, bound, nearest = points[near], bound[near], nearest[near]
        side = np.einsum("mi,mi->m", points - self.points[nearest], self.normals[nearest])
        order = np.argsort(side, kind="stable")
        likely, rest = np.split(order[: int((side < 2 * SPACING).sum())], [16])
        deepest = -self.signed_distance(points[likely])[0].min(initial=0.0)
        rest = rest[bound[rest] > deepest]
        return float(max(deepest, -self.signed_distance(points[rest])[0].min(initial=0.0)))


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
    return Surface(points, normals[faces], cKDTree(points), faces, _and_beside(mesh.faces), mesh.triangles, normals)


def _and_beside(faces: Int[Array, "f 3"]) -> Int[Array, "f 4"]:
    """Each triangle and, over each of its edges, the next one (itself where the edge is open)."""
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], -1), -1).reshape(-1, 2)
    order = np.lexsort(edges.T)
    twins = np.flatnonzero((edges[order[1:]] == edges[order[:-1]]).all(1))
    beside = np.arange(len(edges)) // 3
    beside[order[twins]], beside[order[twins + 1]] = order[twins + 1] // 3, order[twins] // 3
    return np.concatenate([np.arange(len(faces))[:, None], beside.reshape(-1, 3)], 1)


def closest_on_triangles(points: Float[Array, "... 3"], triangles: Float[Array, "... 3 3"]) -> Float[Array, "... 3"]:
    """The point of each triangle closest to each point: inside the triangle, or on the nearest of its three edges."""
    a, b, c = np.moveaxis(triangles, -2, 0)
    ab, ac, ap = b - a, c - a, points - a
    aa, bb, cc = (ab * ab).sum(-1), (ac * ac).sum(-1), (ab * ac).sum(-1)
    pa, pb = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = np.maximum(aa * bb - cc * cc, 1e-30)
    u, v = (bb * pa - cc * pb) / area, (aa * pb - cc * pa) / area
    inside = a + u[..., None] * ab + v[..., None] * ac
    edges = np.stack([_on_segment(points, a, b), _on_segment(points, b, c), _on_segment(points, c, a)], -2)
    nearest = ((edges - points[..., None, :]) ** 2).sum(-1).argmin(-1)
    edge = np.take_along_axis(edges, nearest[..., None, None], -2)[..., 0, :]
    return np.where(((u >= 0) & (v >= 0) & (u + v <= 1))[..., None], inside, edge)


def _on_segment(p: Float[Array, "... 3"], a: Float[Array, "... 3"], b: Float[Array, "... 3"]) -> Float[Array, "... 3"]:
    ab = b - a
    t = ((p - a) * ab).sum(-1) / np.maximum((ab * ab).sum(-1), 1e-30)
    return np.asarray(a + np.clip(t, 0.0, 1.0)[..., None] * ab)
