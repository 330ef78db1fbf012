"""Compiled loops over what lies near a hand: triangles that its boxes meet, points that its pads hold.

Knows no object and no gripper, only arrays: triangles in a tree of boxes; points in runs, neighbours in space together.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from bopask.arrays import Array
from bopask.geometry.vector import Rows, Vector, cross, dot, grown, minus, plus, rows_of, sizes, times, transposed
from bopask.priors.grasps.runs import RUN, Runs
from bopask.priors.tree import ONE, ROOM, ZERO, Tree, beyond, box_at

HAIR = 1e-5
"""What is nearer than this (m) to the border of meeting and missing is left open."""


@njit(cache=True)
def meetings(
    tree: Tree, T_obj_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"]
) -> tuple[Bool[Array, "g"], Bool[Array, "g b"]]:
    """Grasps one of whose boxes (grasp frame, m) surely meets a triangle of the tree (object frame, m); of the others,
    the boxes for which that is open."""
    n = boxes.shape[1]
    sure, open_, last = np.zeros(len(boxes), np.bool_), np.zeros((len(boxes), n), np.bool_), 0
    waiting, hull = np.empty(ROOM, np.int64), np.empty((2, 3))
    for g in range(len(boxes)):
        T, hull[0], hull[1] = T_obj_grasp[g], np.inf, -np.inf
        for b in range(n):
            for k in range(3):
                hull[0, k], hull[1, k] = min(hull[0, k], boxes[g, b, 0, k]), max(hull[1, k], boxes[g, b, 1, k])
        if _meets(hull, T, tree, waiting, ZERO) < 0:
            continue
        for turn in range(n):
            b = (last + turn) % n  # what the last grasp met, this one may too
            met = _meets(boxes[g, b], T, tree, waiting, ONE)
            open_[g, b] = met == 0
            if met == 1:
                sure[g], open_[g], last = True, False, b
                break
    return sure, open_


@njit(cache=True)
def _meets(box: Float[Array, "2 3"], T: Float[Array, "4 4"], tree: Tree, waiting: Int[Array, "w"], closely: int) -> int:
    """1 or -1 when a hand's box surely meets or misses the triangles of a tree, else 0. Not closely: 0, or -1 where all
    of them are far."""
    rows, t, leaf = rows_of(T), (T[0, 3], T[1, 3], T[2, 3]), len(tree.triangles)
    low, high, columns = (box[0, 0], box[0, 1], box[0, 2]), (box[1, 0], box[1, 1], box[1, 2]), transposed(rows)
    half = (high[0] - low[0]) / 2, (high[1] - low[1]) / 2, (high[2] - low[2]) / 2
    middle, slopes = plus(times(rows, plus(low, half)), t), sizes(columns)
    reach, own = grown(times(sizes(rows), half), HAIR), grown(half, HAIR)
    met, n = -1, 1
    waiting[0] = 1
    while n:
        n -= 1
        k = waiting[n]
        there, wide = box_at(tree.boxes, k)
        away = minus(there, middle)
        if beyond(away, plus(wide, reach)) or beyond(times(columns, away), plus(own, times(slopes, wide))):
            continue
        if not closely:
            return 0
        if k < leaf:
            waiting[n], waiting[n + 1], n = 2 * k, 2 * k + 1, n + 2
        else:
            met = max(met, _cuts(rows_of(tree.triangles[k - leaf]), middle, columns, half))
            if met == 1:
                return 1
    return met


@njit(cache=True)
def _cuts(corners: Rows, middle: Vector, columns: Rows, half: Vector) -> int:
    """1 or -1 when a triangle surely meets or misses a box, else 0. Separating axes: Akenine-Möller, Fast 3D
    triangle-box overlap (2001)."""
    a, b = times(columns, minus(corners[0], middle)), times(columns, minus(corners[1], middle))
    c = times(columns, minus(corners[2], middle))
    met, normal = 1, cross(minus(b, a), minus(c, a))
    for k in range(3):
        met = min(met, _deep(half[k] + min(max(a[k], b[k], c[k]), -min(a[k], b[k], c[k])), 1.0, half[k] > HAIR))
    if met < 0:
        return -1
    length, size = np.sqrt(dot(normal, normal)), (abs(normal[0]), abs(normal[1]), abs(normal[2]))
    met = min(met, _deep(dot(size, half) - abs(dot(normal, a)), length, length > 1e-12))
    for p, q, r in ((a, b, c), (b, c, a), (c, a, b)):
        edge = minus(q, p)
        for k in range(3):
            if met < 0:
                return -1
            y, z = (k + 1) % 3, (k + 2) % 3  # the axis: the box's k-th, crossed with the edge
            length = np.sqrt(edge[y] * edge[y] + edge[z] * edge[z])
            on, off = edge[y] * p[z] - edge[z] * p[y], edge[y] * r[z] - edge[z] * r[y]
            deep = abs(edge[y]) * half[z] + abs(edge[z]) * half[y] + min(max(on, off), -min(on, off))
            if length >= HAIR or deep < 0:
                met = min(met, _deep(deep, length, True))
    return met


@njit(cache=True)
def _deep(overlap: float, length: float, tells: bool) -> int:
    """Of two shapes that overlap so much along an axis of that length: -1 they are apart, 1 they are not, 0 in between,
    or where the axis tells nothing."""
    if overlap < -HAIR * length:
        return -1
    return 1 if tells and overlap > HAIR * length else 0


@njit(cache=True)
def lowest(T_world_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"]) -> Float[Array, "g"]:
    """World z (m) of the lowest corner of each grasp's boxes."""
    z = np.full(len(boxes), np.inf)
    for g in range(len(boxes)):
        for box in boxes[g]:
            at, down = 0.0, 0.0
            for k in range(3):
                up = T_world_grasp[g, 2, k]
                at, down = at + up * ((box[0, k] + box[1, k]) / 2), down + abs(up) * ((box[1, k] - box[0, k]) / 2)
            z[g] = min(z[g], at - down)
        z[g] += T_world_grasp[g, 2, 3]
    return z


@njit(cache=True)
def pressed(
    at: Float[Array, "n 3"],
    normal: Float[Array, "n 3"],
    within: Runs,
    T_obj_grasp: Float[Array, "g 4 4"],
    contact: Float[Array, "g 3"],
    radius: Float[Array, "g"],
    pad: Float[Array, "2 2"],
    sign: float,
    farthest: float,
    skin: float,
    facing: float,
) -> Float[Array, "g 3"]:
    """How far out (m) points near a contact reach in front of a finger's pad (inf: none is held), the mean z (m) of
    those held, and their number.

    Sums run over the points in the order given.

    Args:
        sign: of the finger's side; farthest: how far out (m) it reaches; skin, facing: see `fit`.
    """
    low, high, lows, highs = within
    found, on = np.empty((len(contact), 3)), np.empty(len(at), np.int64)
    out, deep = np.empty(len(at)), np.empty(len(at))
    xs, ys, zs = at[:, 0].copy(), at[:, 1].copy(), at[:, 2].copy()
    away, ahead, before = np.empty(RUN), np.empty(RUN), np.empty(RUN, np.bool_)
    (left, back), (right, front) = pad
    for g in range(len(contact)):
        T, n, first, most = T_obj_grasp[g], 0, -np.inf, radius[g] ** 2
        near, t = (contact[g, 0], contact[g, 1], contact[g, 2]), (T[0, 3], T[1, 3], T[2, 3])
        x, y, z = transposed(rows_of(T))
        for q in range(len(lows)):
            if _squared(lows[q], highs[q], near) > most + HAIR * radius[g]:
                continue
            for r in range(q * RUN, min(len(low), (q + 1) * RUN)):
                if _squared(low[r], high[r], near) > most + HAIR * radius[g]:
                    continue
                if _beside(low[r], high[r], t, y, left, right):
                    continue
                if _beside(low[r], high[r], t, z, back, front):
                    continue
                start, end = r * RUN, min(len(at), (r + 1) * RUN)
                for k in range(end - start):  # without a branch: several at once
                    p = xs[start + k], ys[start + k], zs[start + k]
                    gap, here = minus(p, near), minus(p, t)
                    side, away[k], ahead[k] = dot(here, y), sign * dot(here, x), dot(here, z)
                    before[k] = (dot(gap, gap) <= most) & (away[k] <= farthest)
                    before[k] &= (side >= left) & (side <= right) & (ahead[k] >= back) & (ahead[k] <= front)
                for k in range(end - start):
                    if before[k]:
                        on[n], out[n], deep[n], n = start + k, away[k], ahead[k], n + 1
                        first = max(first, away[k])
        total, count = 0.0, 0
        for m in range(n):
            v = normal[on[m], 0], normal[on[m], 1], normal[on[m], 2]
            if out[m] >= first - skin and sign * dot(v, x) >= facing:
                total, count = total + deep[m], count + 1
        found[g, 0], found[g, 1], found[g, 2] = first if count else np.inf, total / max(count, 1), count
    return found


@njit(cache=True)
def _squared(low: Float[Array, "3"], high: Float[Array, "3"], point: Vector) -> float:
    """Squared distance (m²) of a point to bounds."""
    x = max(low[0] - point[0], point[0] - high[0], 0.0)
    y = max(low[1] - point[1], point[1] - high[1], 0.0)
    z = max(low[2] - point[2], point[2] - high[2], 0.0)
    return x * x + y * y + z * z


@njit(cache=True)
def _beside(
    low: Float[Array, "3"], high: Float[Array, "3"], t: Vector, axis: Vector, least: float, most: float
) -> bool:
    """Do bounds lie outside least..most (m) along an axis through t?"""
    middle, reach = -dot(t, axis), HAIR
    for k in range(3):
        middle += axis[k] * (low[k] + high[k]) / 2
        reach += abs(axis[k]) * (high[k] - low[k]) / 2
    return middle + reach < least or middle - reach > most
