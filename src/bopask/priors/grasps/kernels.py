"""Compiled loops over what lies near a hand: triangles that its boxes meet, points that its pads hold.

Triangles and points come in runs, neighbours in space together, and what bounds a run is looked at before what is in
it. Knows no object and no gripper, only arrays.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numba import njit

from bopask.arrays import Array
from bopask.priors.runs import RUN, Runs

HAIR = 1e-5
"""What is nearer than this (m) to the border of meeting and missing is left open."""


@njit(cache=True)
def meetings(
    triangles: Float[Array, "f 3 3"], within: Runs, T_obj_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"]
) -> tuple[Bool[Array, "g"], Bool[Array, "g b"]]:
    """Grasps one of whose boxes (grasp frame, m) surely meets a triangle (object frame, m); of the others, the boxes
    for which that is open. Separating axes of box and triangle: Akenine-Möller, Fast 3D triangle-box overlap (2001)."""
    low, high, lows, highs = within
    sure, open_, last = np.zeros(len(boxes), np.bool_), np.zeros(boxes.shape[:2], np.bool_), 0
    middle, half, reach, corners = np.empty(3), np.empty(3), np.empty(3), np.empty((3, 3))
    least, most, hull = low[0].copy(), high[0].copy(), np.empty((2, 3))
    for r in range(1, len(low)):
        least, most = np.minimum(least, low[r]), np.maximum(most, high[r])
    for g in range(len(boxes)):
        T = T_obj_grasp[g]
        for k in range(3):
            hull[0, k], hull[1, k] = boxes[g, :, 0, k].min(), boxes[g, :, 1, k].max()
        _place(T, hull, middle, half, reach)
        if _apart(least, most, T, middle, half, reach):
            continue
        for turn in range(boxes.shape[1]):
            b = (last + turn) % boxes.shape[1]  # what the last grasp met, this one may too
            _place(T, boxes[g, b], middle, half, reach)
            met = -1
            if not _apart(least, most, T, middle, half, reach):
                for q in range(len(lows)):
                    if met < 1 and not _apart(lows[q], highs[q], T, middle, half, reach):
                        for r in range(q * RUN, min(len(low), (q + 1) * RUN)):
                            if met < 1 and not _apart(low[r], high[r], T, middle, half, reach):
                                for t in range(r * RUN, min(len(triangles), (r + 1) * RUN)):
                                    if met < 1:
                                        met = max(met, _meets(triangles[t], T, middle, half, corners))
            open_[g, b] = met == 0
            if met == 1:
                sure[g], open_[g], last = True, False, b
                break
    return sure, open_


@njit(cache=True)
def _place(
    T: Float[Array, "4 4"],
    box: Float[Array, "2 3"],
    middle: Float[Array, "3"],
    half: Float[Array, "3"],
    reach: Float[Array, "3"],
) -> None:
    """Middle of a gripper's box (m, object frame), half its sides, and how far it reaches along the object's axes."""
    for k in range(3):
        half[k] = (box[1, k] - box[0, k]) / 2
    for k in range(3):
        middle[k], reach[k] = T[k, 3], HAIR
        for j in range(3):
            middle[k] += T[k, j] * (box[0, j] + box[1, j]) / 2
            reach[k] += abs(T[k, j]) * half[j]


@njit(cache=True)
def _apart(
    low: Float[Array, "3"],
    high: Float[Array, "3"],
    T: Float[Array, "4 4"],
    middle: Float[Array, "3"],
    half: Float[Array, "3"],
    reach: Float[Array, "3"],
) -> bool:
    """Is a box of the object's frame apart from a gripper's, along an axis of either?"""
    for k in range(3):
        if low[k] > middle[k] + reach[k] or high[k] < middle[k] - reach[k]:
            return True
    for j in range(3):
        gap, extent = 0.0, half[j] + HAIR
        for k in range(3):
            gap += T[k, j] * ((low[k] + high[k]) / 2 - middle[k])
            extent += abs(T[k, j]) * (high[k] - low[k]) / 2
        if abs(gap) > extent:
            return True
    return False


@njit(cache=True)
def _meets(
    triangle: Float[Array, "3 3"],
    T: Float[Array, "4 4"],
    middle: Float[Array, "3"],
    half: Float[Array, "3"],
    p: Float[Array, "3 3"],
) -> int:
    """1 or -1 when a triangle surely meets or misses a gripper's box, else 0; p: room for its corners."""
    for v in range(3):
        for j in range(3):
            p[v, j] = 0.0
            for k in range(3):
                p[v, j] += T[k, j] * (triangle[v, k] - middle[k])
    sure = True
    for j in range(3):
        deep = half[j] + min(max(p[0, j], p[1, j], p[2, j]), -min(p[0, j], p[1, j], p[2, j]))
        if deep < -HAIR:
            return -1
        sure &= deep > HAIR and half[j] > HAIR
    ax, ay, az = p[1, 0] - p[0, 0], p[1, 1] - p[0, 1], p[1, 2] - p[0, 2]
    bx, by, bz = p[2, 0] - p[0, 0], p[2, 1] - p[0, 1], p[2, 2] - p[0, 2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    deep = abs(nx) * half[0] + abs(ny) * half[1] + abs(nz) * half[2]
    deep -= abs(nx * p[0, 0] + ny * p[0, 1] + nz * p[0, 2])
    if deep < -HAIR * length:
        return -1
    sure &= deep > HAIR * length and length > 1e-12
    for v in range(3):
        w = (v + 1) % 3
        for j in range(3):
            y, z = (j + 1) % 3, (j + 2) % 3  # the axis: the box's j-th, crossed with the edge
            ey, ez = p[w, y] - p[v, y], p[w, z] - p[v, z]
            length = np.sqrt(ey * ey + ez * ez)
            on, off = ey * p[v, z] - ez * p[v, y], ey * p[v - 1, z] - ez * p[v - 1, y]
            deep = abs(ey) * half[z] + abs(ez) * half[y] + min(max(on, off), -min(on, off))
            if deep < -HAIR * length:
                return -1
            sure &= deep > HAIR * length or length < HAIR
    return 1 if sure else 0


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
    for g in range(len(contact)):
        T, n, first, most = T_obj_grasp[g], 0, -np.inf, radius[g] ** 2
        for q in range(len(lows)):
            if _squared(lows[q], highs[q], contact[g]) > most + HAIR * radius[g]:
                continue
            for r in range(q * RUN, min(len(low), (q + 1) * RUN)):
                if _squared(low[r], high[r], contact[g]) > most + HAIR * radius[g]:
                    continue
                for k in range(r * RUN, min(len(at), (r + 1) * RUN)):
                    if _squared(at[k], at[k], contact[g]) > most:
                        continue
                    x, y, z = at[k, 0] - T[0, 3], at[k, 1] - T[1, 3], at[k, 2] - T[2, 3]
                    side, ahead = x * T[0, 1] + y * T[1, 1] + z * T[2, 1], x * T[0, 2] + y * T[1, 2] + z * T[2, 2]
                    if side < pad[0, 0] or side > pad[1, 0] or ahead < pad[0, 1] or ahead > pad[1, 1]:
                        continue
                    away = sign * (x * T[0, 0] + y * T[1, 0] + z * T[2, 0])
                    if away <= farthest:
                        on[n], out[n], deep[n], first, n = k, away, ahead, max(first, away), n + 1
        total, count = 0.0, 0
        for m in range(n):
            v = normal[on[m]]
            if out[m] >= first - skin and sign * (v[0] * T[0, 0] + v[1] * T[1, 0] + v[2] * T[2, 0]) >= facing:
                total, count = total + deep[m], count + 1
        found[g, 0], found[g, 1], found[g, 2] = first if count else np.inf, total / max(count, 1), count
    return found


@njit(cache=True)
def _squared(low: Float[Array, "3"], high: Float[Array, "3"], point: Float[Array, "3"]) -> float:
    """Squared distance (m²) of a point to bounds."""
    d = 0.0
    for k in range(3):
        gap = max(low[k] - point[k], point[k] - high[k], 0.0)
        d += gap * gap
    return d
