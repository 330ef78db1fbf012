"""How deep solids are in one another, exactly: separating axes of every pair of convex parts.

The depth of two convex polyhedra is the least motion that parts them. Its direction is the normal of a face of either,
or of an edge of each; edges count only where their arcs of normals cross (Gauss map; D. Gregorius, GDC 2013).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.se3 import transform
from bopask.synth.shapes import Shape
from bopask.synth.solids import Hull, solid_of

NEGLIGIBLE = 2e-5
"""A depth that the faces alone show to be at most this (m) is not looked into further."""
CHUNK = 1 << 20
"""Pairs of edges at a time."""


def moved(hull: Hull, T: Float[Array, "4 4"]) -> Hull:
    """The hull at a pose."""
    R = T[:3, :3]
    return Hull(
        transform(T, hull.vertices), hull.normals @ R.T, hull.edges, hull.sides, hull.volume, R @ hull.center + T[:3, 3]
    )


def depth(a: Hull, b: Hull) -> float:
    """How deep (m) two convex polyhedra are in one another; where they are apart, 0 or less."""
    deep = min(_by_faces(a, b), _by_faces(b, a))
    return min(deep, _by_edges(a, b)) if deep > NEGLIGIBLE else deep


def _by_faces(a: Hull, b: Hull) -> float:
    """The least overlap along the outward normals of a."""
    reach = np.einsum("fi,fi->f", a.normals, _corner_of_each_face(a))
    return float((reach - (a.normals @ b.vertices.T).min(1)).min())


def _corner_of_each_face(hull: Hull) -> Float[Array, "f 3"]:
    corner = np.zeros(len(hull.normals), int)
    corner[hull.sides.ravel()] = np.repeat(hull.edges[:, 0], 2)
    return hull.vertices[corner]


def _by_edges(a: Hull, b: Hull) -> float:
    """The least overlap along the normals of an edge of each."""
    rows = max(CHUNK // max(len(b.edges), 1), 1)
    return min((_edge_block(a, b, slice(k, k + rows)) for k in range(0, len(a.edges), rows)), default=np.inf)


def _edge_block(a: Hull, b: Hull, block: slice) -> float:
    n1, n2 = np.moveaxis(a.normals[a.sides[block]], 1, 0)
    m1, m2 = -np.moveaxis(b.normals[b.sides], 1, 0)
    n12, m12 = np.cross(n1, n2), np.cross(m1, m2)
    m1_side, m2_side = n12 @ m1.T, n12 @ m2.T
    n1_side, n2_side = n1 @ m12.T, n2 @ m12.T
    i, j = ((m1_side * m2_side < 0) & (n1_side * n2_side < 0) & (m1_side * n2_side > 0)).nonzero()
    along_a = np.diff(a.vertices[a.edges[block][i]], axis=1)[:, 0]
    along_b = np.diff(b.vertices[b.edges[j]], axis=1)[:, 0]
    normal = np.cross(along_a, along_b)
    length = np.linalg.norm(normal, axis=1)
    outward = np.sign((normal * (n1 + n2)[i]).sum(1)) / np.maximum(length, 1e-30)
    between = a.vertices[a.edges[block][i, 0]] - b.vertices[b.edges[j, 0]]
    overlap = (between * normal).sum(1) * outward
    return float(overlap[length > 1e-12].min(initial=np.inf))


def deepest(shapes: Sequence[Shape], T_world_obj: Float[Array, "n 4 4"], of: int | None = None) -> float:
    """The greatest depth (m) of any two objects, and of any object in the table (z < 0); 0 where nothing overlaps.

    Args:
        of: only pairs with this object.
    """
    placed = [[moved(hull, T) for hull in solid_of(s).hulls] for s, T in zip(shapes, T_world_obj, strict=True)]
    low = [np.array([h.vertices.min(0) for h in hulls]) for hulls in placed]
    high = [np.array([h.vertices.max(0) for h in hulls]) for hulls in placed]
    found = [0.0, *(-float(low[i][:, 2].min()) for i in range(len(placed)) if of in (None, i))]
    for i in range(len(placed)):
        for j in range(i):
            if (
                of not in (None, i, j)
                or (low[i].min(0) > high[j].max(0)).any()
                or (low[j].min(0) > high[i].max(0)).any()
            ):
                continue
            close = (low[i][:, None] < high[j]).all(2) & (low[j] < high[i][:, None]).all(2)
            found += [depth(placed[i][p], placed[j][q]) for p, q in np.argwhere(close)]
    return max(found)
