"""How far triangles are from what edges sweep on a straight motion: compiled, for every stretch of every path asks.

Edges and triangles are of one frame, in metres. Held against FCL in tests/test_paths.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numba import njit

from bopask.arrays import Array
from bopask.geometry.vector import Vector, dot, minus, moved
from bopask.priors.runs import RUN


@njit(cache=True)
def swept_distance(
    starts: Float[Array, "s 2 3"], motion: Float[Array, "3"], triangles: Float[Array, "t 3 3"], least: float
) -> float:
    """The smallest distance (m) of triangles to what edges sweep when they move by `motion`, or `least` where that is
    less; 0 where they meet. Exact but for rounding.

    Fast where triangles that are neighbours follow one another. Measured in a frame that looks along the motion: there
    the bounds of what an edge sweeps are narrow.
    """
    R, travel, k = np.zeros((3, 3)), np.sqrt(dot(motion, motion)), int(np.abs(motion).argmin())
    R[0] = motion / travel
    R[1, k - 2], R[1, k - 1] = -R[0, k - 1], R[0, k - 2]
    R[1] /= np.sqrt(dot(R[1], R[1]))
    R[2] = np.cross(R[0], R[1])
    edges, faces = _turned(starts, R), _turned(triangles, R)
    lows, highs = _bounds(faces)
    swept, low, high = np.empty((4, 3)), np.empty(3), np.empty(3)
    for edge in edges:
        swept[0], swept[1], swept[2], swept[3] = edge[0], edge[1], edge[1], edge[0]
        swept[2:, 0] += travel
        for k in range(3):
            low[k], high[k] = swept[:, k].min(), swept[:, k].max()
        for r in range(len(lows)):
            if _gap(low, high, lows[r], highs[r]) < least * least:
                for f in range(r * RUN, min(len(faces), (r + 1) * RUN)):
                    if _gap(low, high, *_bounds_of(faces[f])) < least * least:
                        least = min(least, _apart(swept, faces[f]))
    return least


@njit(cache=True)
def _turned(points: Float[Array, "n c 3"], R: Float[Array, "3 3"]) -> Float[Array, "n c 3"]:
    turned = np.empty_like(points)
    for i in range(points.shape[0]):
        for c in range(points.shape[1]):
            for k in range(3):
                turned[i, c, k] = dot(R[k], points[i, c])
    return turned


@njit(cache=True)
def _bounds(faces: Float[Array, "f 3 3"]) -> tuple[Float[Array, "r 3"], Float[Array, "r 3"]]:
    """Of runs of faces (m)."""
    lows, highs = np.full((2, -(-len(faces) // RUN), 3), np.inf)
    highs[:] = -np.inf
    for f in range(len(faces)):
        low, high = _bounds_of(faces[f])
        for k in range(3):
            lows[f // RUN, k], highs[f // RUN, k] = min(lows[f // RUN, k], low[k]), max(highs[f // RUN, k], high[k])
    return lows, highs


@njit(cache=True)
def _bounds_of(face: Float[Array, "3 3"]) -> tuple[Vector, Vector]:
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = face
    return (min(ax, bx, cx), min(ay, by, cy), min(az, bz, cz)), (max(ax, bx, cx), max(ay, by, cy), max(az, bz, cz))


@njit(cache=True)
def _gap(low: Vector, high: Vector, there_low: Vector, there_high: Vector) -> float:
    """Squared distance (m²) of two bounds."""
    gap = 0.0
    for k in range(3):
        gap += max(low[k] - there_high[k], there_low[k] - high[k], 0.0) ** 2
    return gap


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
    normal = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
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
