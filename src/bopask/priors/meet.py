"""Do two meshes meet, one of them moved? Compiled, for it is asked a hundred thousand times a layout.

Two trees are gone down together, as long as their boxes overlap, and triangles compared along the axes that can part
them. What is within a hair of meeting and missing is left open: FCL decides. Held against FCL in tests/test_meet.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from bopask.arrays import Array
from bopask.geometry.vector import Rows, Vector, cross, dot, grown, minus, plus, rows_of, sizes, times, transposed
from bopask.priors.tree import Tree, beyond, box_at

MEETS, OPEN, MISSES, FAR = 1, 0, -1, -2
HAIR = 1e-7
"""What is nearer than this (m) to the border of meeting and missing is left open."""


@njit(cache=True)
def meet(
    one: Tree,
    other: Tree,
    R: Float[Array, "3 3"],
    t: Float[Array, "3"],
    margin: float,
    waiting: Int[Array, "w 2"],
    last: Int[Array, "2"],
) -> int:
    """Whether a mesh, placed by R and t (m) in the frame of the other, surely MEETS it, surely MISSES it, or is surely
    FAR: farther than the margin (m). Else OPEN.

    Args:
        waiting: room for pairs of boxes.
        last: triangles of both that met at the last place, and so may here; or negative. Set where triangles meet.
    """
    rows, at = rows_of(R), (t[0], t[1], t[2])
    columns = transposed(rows)
    wide_rows, wide_columns = sizes(rows), sizes(columns)
    if (
        last[0] >= 0
        and _cut(_placed(rows_of(one.triangles[last[0]]), rows, at), rows_of(other.triangles[last[1]])) == MEETS
    ):
        return MEETS
    found, reach, n = FAR, margin + HAIR, 1
    waiting[0] = 1
    while n:
        n -= 1
        a, b = waiting[n, 0], waiting[n, 1]
        face, facing = a - len(one.triangles), b - len(other.triangles)
        middle, half = box_at(one.boxes, a)
        there, wide = box_at(other.boxes, b)
        away = minus(plus(times(rows, middle), at), there)
        if beyond(away, plus(grown(wide, reach), times(wide_rows, half))):
            continue
        if beyond(times(columns, away), plus(grown(half, reach), times(wide_columns, wide))):
            continue
        if facing >= 0 and _beside(rows_of(other.triangles[facing]), plus(away, there), half, columns, reach):
            continue
        if face >= 0 and _beside(rows_of(one.triangles[face]), times(columns, minus(there, at)), wide, rows, reach):
            continue
        if face >= 0 and facing >= 0:
            met = _cut(_placed(rows_of(one.triangles[face]), rows, at), rows_of(other.triangles[facing]))
            if met == MEETS:
                last[0], last[1] = face, facing
                return MEETS
            found, reach = max(found, met), HAIR
        elif facing >= 0 or (face < 0 and _surface(half) >= _surface(wide)):
            waiting[n, 0], waiting[n, 1], waiting[n + 1, 0], waiting[n + 1, 1] = 2 * a, b, 2 * a + 1, b
            n += 2
        else:
            waiting[n, 0], waiting[n, 1], waiting[n + 1, 0], waiting[n + 1, 1] = a, 2 * b, a, 2 * b + 1
            n += 2
    return found


@njit(cache=True)
def _placed(corners: Rows, R: Rows, t: Vector) -> Rows:
    return plus(times(R, corners[0]), t), plus(times(R, corners[1]), t), plus(times(R, corners[2]), t)


@njit(cache=True)
def _surface(half: Vector) -> float:
    """An eighth of a box's surface (m²)."""
    return half[0] * half[1] + half[1] * half[2] + half[2] * half[0]


@njit(cache=True)
def _extent(axis: Vector, half: Vector) -> float:
    """How far a box reaches from its middle along an axis of its own frame, times the axis's length."""
    return abs(axis[0]) * half[0] + abs(axis[1]) * half[1] + abs(axis[2]) * half[2]


@njit(cache=True)
def _beside(triangle: Rows, middle: Vector, half: Vector, axes: Rows, reach: float) -> bool:
    """Is a box more than the reach (m) from a triangle's plane? `axes` turn the triangle's frame into the box's."""
    normal = cross(minus(triangle[1], triangle[0]), minus(triangle[2], triangle[0]))
    gap = abs(dot(normal, minus(middle, triangle[0]))) - _extent(times(axes, normal), half)
    return gap > reach * np.sqrt(dot(normal, normal))


@njit(cache=True)
def _cut(a: Rows, b: Rows) -> int:
    """Whether two triangles of one frame surely meet, surely miss each other, or OPEN."""
    along_a, along_b = _edges(a), _edges(b)
    met = min(
        _overlap(cross(along_a[0], along_a[1]), a, b, 1e-15), _overlap(cross(along_b[0], along_b[1]), a, b, 1e-15)
    )
    for i in range(3):
        for j in range(3):
            if met == MISSES:
                return MISSES
            axis = cross(along_a[i], along_b[j])
            if dot(axis, axis) > 1e-24:  # parallel edges part nothing that other axes do not
                met = min(met, _overlap(axis, a, b, 0.0))
    return met


@njit(cache=True)
def _edges(corners: Rows) -> Rows:
    return minus(corners[1], corners[0]), minus(corners[2], corners[1]), minus(corners[0], corners[2])


@njit(cache=True)
def _overlap(axis: Vector, a: Rows, b: Rows, least: float) -> int:
    """MISSES where two triangles are apart along an axis, MEETS where they overlap, OPEN within a hair, or where the
    axis is no longer than the least."""
    low_a, high_a = _ends(axis, a)
    low_b, high_b = _ends(axis, b)
    length = np.sqrt(dot(axis, axis))
    deep = min(high_a - low_b, high_b - low_a)
    if deep < -HAIR * length:
        return MISSES
    return MEETS if deep > HAIR * length and length > least else OPEN


@njit(cache=True)
def _ends(axis: Vector, corners: Rows) -> tuple[float, float]:
    p, q, r = dot(axis, corners[0]), dot(axis, corners[1]), dot(axis, corners[2])
    return min(p, q, r), max(p, q, r)
