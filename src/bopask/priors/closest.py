"""How far points are from the triangles around them, and on which side: compiled, for contacts ask of thousands.

Knows arrays only, in one frame (m). Which triangles are around a point, the caller says.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from bopask.arrays import Array
from bopask.geometry.vector import Vector, dot, minus, moved

TIE = 1e-9
"""Triangles that are equally near to a point, to this much (m)."""


@njit(cache=True)
def closest(
    points: Float[Array, "m 3"],
    around: Int[Array, "m k"],
    beside: Int[Array, "f 4"],
    triangles: Float[Array, "f 3 3"],
    normals: Float[Array, "f 3"],
) -> tuple[Float[Array, "m"], Int[Array, "m"]]:
    """Distance (m, negative behind the closest triangle) of each point, and which triangle that is.

    Those around a point and those beside them (`beside`: itself and three neighbours) are measured, and from the
    nearest on its neighbours while one is nearer. Of triangles that tie, the one most face-on to the point decides.
    """
    m, k = around.shape
    signed, face = np.empty(m), np.empty(m, np.int64)
    of, distance, side = np.empty(4 * k + 4, np.int64), np.empty(4 * k + 4), np.empty(4 * k + 4)
    for i in range(m):
        nearest, n = 0, 4 * k
        for c in range(k):
            for j in range(4):
                t, at = beside[around[i, c], j], 4 * c + j
                of[at] = t
                distance[at], side[at] = _apart(points[i], triangles[t], normals[t])
                if distance[at] < distance[nearest]:
                    nearest = at
        least, here, downhill = distance[nearest], of[nearest], True
        while downhill:
            next_ = n
            for j in range(4):
                t = beside[here, j]
                of[n + j] = t
                distance[n + j], side[n + j] = _apart(points[i], triangles[t], normals[t])
                if distance[n + j] < distance[next_]:
                    next_ = n + j
            downhill = distance[next_] < least - TIE
            if downhill:
                least, here = distance[next_], of[next_]
        best, least = -1, min(least, distance[next_])
        for at in range(n + 4):
            if distance[at] <= least + TIE and (best < 0 or abs(side[at]) > abs(side[best])):
                best = at
        signed[i], face[i] = -distance[best] if side[best] < 0 else distance[best], of[best]
    return signed, face


@njit(cache=True)
def _apart(p: Float[Array, "3"], triangle: Float[Array, "3 3"], normal: Float[Array, "3"]) -> tuple[float, float]:
    """Distance (m) of a point to a triangle, and of that how far along the normal."""
    a, b, c = triangle
    ab, ac, ap = minus(b, a), minus(c, a), minus(p, a)
    aa, bb, cc, pa, pb = dot(ab, ab), dot(ac, ac), dot(ab, ac), dot(ap, ab), dot(ap, ac)
    area = max(aa * bb - cc * cc, 1e-30)
    u, v = (bb * pa - cc * pb) / area, (aa * pb - cc * pa) / area
    if u >= 0 and v >= 0 and u + v <= 1:
        away = moved(moved(ap, -u, ab), -v, ac)
        return np.sqrt(dot(away, away)), dot(away, normal)
    away = _from_edge(ap, ab)
    for other in (_from_edge(minus(p, b), minus(c, b)), _from_edge(minus(p, c), minus(a, c))):
        if dot(other, other) < dot(away, away):
            away = other
    return np.sqrt(dot(away, away)), dot(away, normal)


@njit(cache=True)
def _from_edge(to_p: Vector, edge: Vector) -> Vector:
    """To a point from the closest place of an edge, both given from where the edge begins."""
    t = min(max(dot(to_p, edge) / max(dot(edge, edge), 1e-30), 0.0), 1.0)
    return moved(to_p, -t, edge)
