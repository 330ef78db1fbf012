"""How far triangles are from what edges sweep on a straight motion: compiled, for every stretch of every path asks.

Edges and triangles are of one frame, in metres. Held against FCL in tests/test_paths.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numba import njit

from bopask.arrays import Array
from bopask.geometry.vector import Vector, cross, dot, minus, moved, plus, sizes, times
from bopask.priors.tree import ROOM, box_at


@njit(cache=True)
def swept_distance(
    starts: Float[Array, "s 2 3"],
    motion: Float[Array, "3"],
    boxes: Float[Array, "n 6"],
    triangles: Float[Array, "f 3 3"],
    least: float,
) -> float:
    """The smallest distance (m) of a tree's triangles to what edges sweep when they move by `motion`, or `least` where
    that is less; 0 where they meet. Exact but for rounding.

    Args:
        boxes, triangles: of a Tree.
    """
    travel, waiting, leaf = np.sqrt(dot(motion, motion)), np.empty(ROOM, np.int64), len(triangles)
    x, swept = (motion[0] / travel, motion[1] / travel, motion[2] / travel), np.empty((4, 3))
    for edge in starts:
        swept[0], swept[1], swept[2], swept[3] = edge[0], edge[1], edge[1] + motion, edge[0] + motion
        # a frame that looks along the motion, over what is swept: there its box is flat
        along = minus(edge[1], edge[0])
        y = _upright(x, moved(along, -dot(along, x), x))
        axes, corner = (x, y, cross(x, y)), (edge[0, 0], edge[0, 1], edge[0, 2])
        ahead, aside = dot(along, x), dot(along, y)
        half = (travel + abs(ahead)) / 2, aside / 2, 0.0
        middle, slopes = ((travel + ahead) / 2, aside / 2, 0.0), sizes(axes)
        center = moved(moved(corner, 0.5, along), 0.5, motion)
        spread = plus(_halved(along), _halved(motion))
        n, waiting[0] = 1, 1
        while n:
            n -= 1
            k = waiting[n]
            there, wide = box_at(boxes, k)
            if _gap(minus(there, center), plus(spread, wide)) >= least * least:
                continue
            away = minus(times(axes, minus(there, corner)), middle)
            if _gap(away, plus(half, times(slopes, wide))) >= least * least:
                continue
            if k < leaf:
                waiting[n], waiting[n + 1], n = 2 * k, 2 * k + 1, n + 2
            else:
                least = min(least, _apart(swept, triangles[k - leaf]))
    return least


@njit(cache=True)
def _halved(a: Vector) -> Vector:
    """Half the sides of the box around it."""
    return abs(a[0]) / 2, abs(a[1]) / 2, abs(a[2]) / 2


@njit(cache=True)
def _upright(x: Vector, aside: Vector) -> Vector:
    """A direction across x: of what is aside, or any where that is nothing."""
    length = np.sqrt(dot(aside, aside))
    if length < 1e-12:
        aside = (-x[1], x[0], 0.0) if abs(x[2]) < 0.9 else (0.0, -x[2], x[1])
        length = np.sqrt(dot(aside, aside))
    return aside[0] / length, aside[1] / length, aside[2] / length


@njit(cache=True)
def _gap(away: Vector, reach: Vector) -> float:
    """Squared distance (m²) of two boxes, at least: so far away in some frame, and so far they reach along its axes."""
    x, y, z = max(abs(away[0]) - reach[0], 0.0), max(abs(away[1]) - reach[1], 0.0), max(abs(away[2]) - reach[2], 0.0)
    return x * x + y * y + z * z


@njit(cache=True)
def _apart(swept: Float[Array, "4 3"], triangle: Float[Array, "3 3"]) -> float:
    """Distance (m) of a parallelogram and a triangle: of their edges, or of a corner of one and the other's face; 0
    where an edge of one goes through the other."""
    least = min(_over(triangle, swept, True), _over(swept, triangle, False))
    for i in range(4):
        for j in range(3):
            least = min(least, _edges_apart(swept[i - 1], swept[i], triangle[j - 1], triangle[j]))
    return np.sqrt(least)


@njit(cache=True)
def _over(outline: Float[Array, "n 3"], face: Float[Array, "f 3"], parallelogram: bool) -> float:
    """Squared distance (m²) of an outline to a face by the corners straight above or below it: infinite where there is
    none, 0 where an edge goes through. The face is all of a parallelogram or the half of it that is a triangle."""
    origin, a, b = face[0], minus(face[1], face[0]), minus(face[-1], face[0])
    normal = cross(a, b)
    area = dot(normal, normal)
    if area <= 1e-18 * dot(a, a) * dot(b, b):  # a line has edges alone
        return np.inf
    least, before = np.inf, minus(outline[-1], origin)
    height_before = dot(before, normal)
    for corner in outline:
        here = minus(corner, origin)
        height = dot(here, normal)
        if height * height_before < 0:
            t = height_before / (height_before - height)
            if _inside(moved(before, t, minus(here, before)), a, b, parallelogram):
                return 0.0
        if height * height < least * area and _inside(here, a, b, parallelogram):
            least = height * height / area
        before, height_before = here, height
    return least


@njit(cache=True)
def _inside(p: Vector, a: Vector, b: Vector, parallelogram: bool) -> bool:
    """Does a point stand over what a and b span, all given from the corner between them?"""
    aa, bb, ab, pa, pb = dot(a, a), dot(b, b), dot(a, b), dot(p, a), dot(p, b)
    area = aa * bb - ab * ab
    u, v = bb * pa - ab * pb, aa * pb - ab * pa
    return u >= 0 and v >= 0 and (max(u, v) if parallelogram else u + v) <= area


@njit(cache=True)
def _edges_apart(p: Vector, q: Vector, r: Vector, s: Vector) -> float:
    """Squared distance (m²) of the segments pq and rs. Ericson, Real-Time Collision Detection (2005), 5.1.9."""
    a, b, c = minus(q, p), minus(s, r), minus(p, r)
    aa, bb, ab, ac, bc = dot(a, a), dot(b, b), dot(a, b), dot(a, c), dot(b, c)
    area = aa * bb - ab * ab
    t = min(max((ab * bc - ac * bb) / area, 0.0), 1.0) if area > 1e-12 * aa * bb else 0.0
    u = (ab * t + bc) / bb if bb > 0 else 0.0
    if u < 0 or u > 1:
        u = min(max(u, 0.0), 1.0)
        t = min(max((ab * u - ac) / aa, 0.0), 1.0) if aa > 0 else 0.0
    gap = moved(moved(c, t, a), -u, b)
    return dot(gap, gap)
