"""What settling needs to know of a shape: its convex hulls, its centre of mass, and the ways it can lie on a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import ConvexHull, QhullError

from bopask.arrays import Array
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import rotation_between
from bopask.synth.shapes import Shape

FLAT = 1e-4
"""Facets whose unit normals differ by less than this are one."""
STEADY = np.radians(2.5)
"""A way to lie that less tilt than this ends is none: nobody balances a thing on an edge."""


@dataclass(frozen=True)
class Hull:
    """A convex polyhedron with what separating axes are made of."""

    vertices: Float[Array, "v 3"]
    normals: Float[Array, "f 3"]
    """Unit outward normals, one a flat face."""
    edges: Int[Array, "e 2"]
    """Vertices of each edge between two faces that are not one plane."""
    sides: Int[Array, "e 2"]
    """The two faces (rows of `normals`) of each edge."""
    volume: float
    center: Float[Array, "3"]
    """Centre of mass."""


@dataclass(frozen=True)
class Lie:
    """A way to lie on a plane."""

    R_world_obj: Float[Array, "3 3"]
    """Up to a turn about the world's z."""
    chance: float
    """How often it ends so, of all its ways: the solid angle of the face it lies on, seen from the centre of mass."""
    tip: float
    """The smallest tilt (rad) that tips it over."""


@dataclass(frozen=True)
class Solid:
    """A shape's matter."""

    hulls: tuple[Hull, ...]
    """One a convex part, in order."""
    whole: Hull
    """The hull of all of them."""
    center: Float[Array, "3"]
    """Centre of mass (m, object frame)."""
    lies: tuple[Lie, ...]
    """Likeliest first."""
    rays: RayScene
    """The mesh, in the object frame."""


_SOLIDS: dict[int, tuple[Shape, Solid]] = {}  # the shape is kept, so that its id stays its own


def solid_of(shape: Shape) -> Solid:
    """The solid of a shape, worked out once a process."""
    if id(shape) not in _SOLIDS:
        _SOLIDS[id(shape)] = (shape, _solid(shape))
    return _SOLIDS[id(shape)][1]


def _solid(shape: Shape) -> Solid:
    hulls = tuple(hull_of(part) for part in shape.parts)
    volumes = np.array([hull.volume for hull in hulls])
    center = np.array([hull.center for hull in hulls]).T @ volumes / volumes.sum()
    whole = hull_of(np.concatenate([hull.vertices for hull in hulls]))
    return Solid(hulls, whole, center, tuple(_lies(whole, center)), RayScene([shape.mesh]))


def hull_of(points: Float[Array, "n 3"]) -> Hull:
    """The convex hull of points (m). Raises ValueError when they lie in a plane."""
    try:
        found = ConvexHull(points)
    except (QhullError, ValueError) as error:
        raise ValueError("the points of a convex part lie in a plane") from error
    used, corners = np.unique(found.simplices, return_inverse=True)
    vertices, corners = found.points[used], corners.reshape(-1, 3)
    face = _coplanar(found.equations, found.neighbors)
    first = np.unique(face, return_index=True)[1]
    pair = np.repeat(np.arange(len(corners)), 3), found.neighbors.ravel()  # neighbour k is opposite corner k
    ends = np.stack([corners[:, [1, 2, 0]].ravel(), corners[:, [2, 0, 1]].ravel()], 1)
    sharp = (pair[0] < pair[1]) & (face[pair[0]] != face[pair[1]])
    a, b, c = np.moveaxis(vertices[corners] - vertices.mean(0), 1, 0)
    weights = np.abs(np.einsum("ij,ij->i", a, np.cross(b, c)))
    center = vertices.mean(0) + weights @ (a + b + c) / 4 / weights.sum()
    sides = np.stack([face[pair[0]], face[pair[1]]], 1)
    return Hull(vertices, found.equations[first, :3], ends[sharp], sides[sharp], float(found.volume), center)


def _coplanar(equations: Float[Array, "t 4"], neighbors: Int[Array, "t 3"]) -> Int[Array, "t"]:
    """The flat face of each triangle: neighbours of one normal grow together."""
    face = np.full(len(equations), -1)
    count = 0
    for start in range(len(equations)):
        if face[start] >= 0:
            continue
        face[start], queue = count, [start]
        while queue:
            for t in neighbors[queue.pop()]:
                if face[t] < 0 and np.abs(equations[t, :3] - equations[start, :3]).max() < FLAT:
                    face[t] = count
                    queue.append(int(t))
        count += 1
    return face


def _lies(whole: Hull, center: Float[Array, "3"]) -> list[Lie]:
    """Every face of the hull that the centre of mass stands over."""
    found = []
    for f, normal in enumerate(whole.normals):
        mine = (whole.sides == f).any(1)
        a, b = whole.vertices[whole.edges[mine]].swapaxes(0, 1) - center
        height = float(a[0] @ normal)
        inward = np.cross(normal, b - a)
        inward *= np.sign((inward * (np.concatenate([a, b]).mean(0) - a)).sum(1))[:, None]
        margin = float((-(inward * a).sum(1) / np.linalg.norm(inward, axis=1)).min())  # the foot of the centre is 0
        tip = np.arctan2(margin, height)
        if tip > STEADY:
            found.append((_down(normal), _solid_angle(a, b, normal * height), float(tip)))
    total = sum(angle for _, angle, _ in found)
    return sorted((Lie(R, angle / total, tip) for R, angle, tip in found), key=lambda lie: -lie.chance)


def _down(normal: Float[Array, "3"]) -> Float[Array, "3 3"]:
    """The smallest turn that lays the face down; none at all for a thing that was drawn standing."""
    upright = np.abs(normal - [0, 0, -1]).max() < 1e-3
    return np.eye(3) if upright else rotation_between(normal, np.array([0.0, 0, -1]))


def _solid_angle(a: Float[Array, "e 3"], b: Float[Array, "e 3"], foot: Float[Array, "3"]) -> float:
    """Of a face seen from the origin (sr): triangles between its edges and the foot (van Oosterom & Strackee 1983)."""
    la, lb, lc = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1), float(np.linalg.norm(foot))
    numerator = np.abs(np.cross(a, b) @ foot)
    denominator = la * lb * lc + (a * b).sum(1) * lc + (a @ foot) * lb + (b @ foot) * la
    return float(2 * np.arctan2(numerator, denominator).sum())


def within(polygon: Float[Array, "n 2"], points: Float[Array, "m 2"]) -> Bool[Array, "m"]:
    """Which points lie in the convex hull of the polygon's. Raises QhullError when that is a line."""
    sides = ConvexHull(polygon).equations
    return np.asarray((points @ sides[:, :2].T + sides[:, 2] <= 0).all(1))
