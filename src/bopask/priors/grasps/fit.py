"""How a hand sits on an object's surface, from sample points: does the hand run into it, and what do the pads hold?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from bopask.arrays import Array
from bopask.priors.grasps.contacts import Points
from bopask.priors.grasps.gripper import Gripper

CHUNK = 256
SKIN = 0.002
"""Points this close (m) to the first one that a finger meets lie on its pad (rubber gives)."""
CELL, MOST_CELLS = 0.005, 64
"""Of the grid in which points in front of a pad are looked up: size (m), and along each axis."""
FACING = 0.7
"""... if their normals are this near (cosine) to the closing axis: the lid inside a can's rim is not held."""


def hand_frames(a: Float[Array, "p 3"], b: Float[Array, "p 3"], rolls: Float[Array, "p r"]) -> Float[Array, "p r 3 3"]:
    """Rotations (columns x closing from b to a, y, z approach) for each roll (rad) about the closing axis."""
    x = a - b
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    away = np.eye(3)[np.abs(x).argmin(1)]
    u = away - (away * x).sum(1, keepdims=True) * x
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(x, u)
    c, s = np.cos(rolls)[..., None], np.sin(rolls)[..., None]
    z = c * u[:, None] + s * v[:, None]
    y = s * u[:, None] - c * v[:, None]
    return np.stack([np.broadcast_to(x[:, None], z.shape), y, z], -1)


def clear_of(
    points: Float[Array, "n 3"],
    R: Float[Array, "p r 3 3"],
    middle: Float[Array, "p 3"],
    depth: Float[Array, "d"],
    boxes: Float[Array, "p b 2 3"],
) -> Bool[Array, "p r d"]:
    """True where no point lies in a box (grasp frame) of the hand whose contacts' middle has z = depth (m).

    The boxes reach back along the approach: only their front faces are looked at.
    """
    free = np.ones((*R.shape[:2], len(depth)), bool)
    points, boxes = points.astype(np.float32), boxes.astype(np.float32)
    step = max(1, CHUNK // R.shape[1])
    for at in range(0, len(R), step):
        rows = slice(at, at + step)
        offset = points - middle[rows, None].astype(np.float32)
        # (p, r, 3, n): coordinates first, so that a comparison runs along memory
        x, y, z = np.moveaxis(
            np.swapaxes(R[rows], -1, -2).astype(np.float32) @ np.swapaxes(offset, 1, 2)[:, None], 2, 0
        )
        for (x0, y0, _), (x1, y1, front) in np.moveaxis(boxes[rows], 0, -1)[..., None, None]:
            beside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
            deepest = np.where(beside, z, np.float32(np.inf)).min(-1)
            free[rows] &= deepest[..., None] + depth >= front
    return free


@dataclass(frozen=True)
class Pads:
    """What the two pads hold, per grasp, in the grasp frame (m)."""

    above: Float[Array, "g"]
    """How far the object between the pads reaches beyond the contacts, on the worse side."""
    x: Float[Array, "g"]
    """The middle of what is between the pads: not 0 where one finger touches first."""
    z: Float[Array, "g"]
    """Centre of the held patches along the pads' depth."""
    patch: Float[Array, "g"]
    """Held area (m²), of the smaller patch."""


def held(
    points: Points,
    T_obj_grasp: Float[Array, "g 4 4"],
    width: Float[Array, "g"],
    depth: Float[Array, "g"],
    gripper: Gripper,
) -> Pads:
    """What the pads hold when they close on contacts `width` apart (m) at z = `depth` (m)."""
    order, starts, corner, size = _grid(points.at)
    at, normal, T, widest = (
        points.at[order],
        points.normal[order],
        np.ascontiguousarray(T_obj_grasp),
        gripper.stroke / 2,
    )
    (first, z, n), (last, z_, n_) = (
        np.asarray(_side(at, normal, starts, corner, size, T, width, depth, gripper.pad, widest, sign)).T
        for sign in (1.0, -1.0)
    )
    return Pads(
        above=np.maximum(first, last) - width / 2,
        x=(np.where(np.isfinite(first), first, 0) - np.where(np.isfinite(last), last, 0)) / 2,
        z=(z + z_) / 2,
        patch=np.minimum(n, n_) * points.area,
    )


def _grid(at: Float[Array, "n 3"]) -> tuple[Int[Array, "n"], Int[Array, "x y z1"], Float[Array, "3"], float]:
    """Points by the cell of a grid in which they lie: their order, where each cell of a column along z starts and the
    column ends, the grid's corner and its cells' size (m)."""
    low, size = at.min(0), max(CELL, float(np.ptp(at, axis=0).max()) / MOST_CELLS)
    cell = np.floor((at - low) / size).astype(int)
    shape = cell.max(0) + 1
    key = np.ravel_multi_index(cell.T, shape)
    order = np.argsort(key, kind="stable")
    starts = np.searchsorted(key[order], np.arange(shape.prod() + 1))
    columns = np.arange(shape.prod()).reshape(shape)
    return order, starts[np.concatenate([columns, columns[..., -1:] + 1], -1)], low, size


@njit(cache=True)
def _side(
    at: Float[Array, "n 3"],
    normal: Float[Array, "n 3"],
    starts: Int[Array, "x y z1"],
    corner: Float[Array, "3"],
    size: float,
    T_obj_grasp: Float[Array, "g 4 4"],
    width: Float[Array, "g"],
    depth: Float[Array, "g"],
    pad: Float[Array, "2 2"],
    widest: float,
    sign: float,
) -> Float[Array, "g 3"]:
    """One finger: how far out the object reaches in front of its pad (inf: nothing there), z of the patch that it
    holds, and its points."""
    sides, low, high = np.zeros((len(width), 3)), np.empty(3, np.int64), np.empty(3, np.int64)
    near, z, out = np.empty(len(at), np.int64), np.empty(len(at)), np.empty(len(at))
    for g in range(len(width)):
        T, x = T_obj_grasp[g], sign * width[g] / 2
        tall = max(abs(pad[0, 1] - depth[g]), abs(pad[1, 1] - depth[g]))
        radius = np.sqrt(pad[1, 0] ** 2 + tall**2) + SKIN
        for d in range(3):
            contact = T[d, 0] * x + T[d, 2] * depth[g] + T[d, 3] - corner[d]
            low[d] = max(0, int(np.floor((contact - radius) / size)))
            high[d] = min(starts.shape[d] - (d == 2), int(np.floor((contact + radius) / size)) + 1)
        n, first = 0, -np.inf
        for i in range(low[0], high[0]):
            for j in range(low[1], high[1]):
                for k in range(starts[i, j, low[2]], starts[i, j, max(low[2], high[2])]):
                    a, b, c = at[k, 0] - T[0, 3], at[k, 1] - T[1, 3], at[k, 2] - T[2, 3]
                    v, w = T[0, 1] * a + T[1, 1] * b + T[2, 1] * c, T[0, 2] * a + T[1, 2] * b + T[2, 2] * c
                    if v < pad[0, 0] or v > pad[1, 0] or w < pad[0, 1] or w > pad[1, 1]:
                        continue
                    u = T[0, 0] * a + T[1, 0] * b + T[2, 0] * c
                    if (u - x) ** 2 + v**2 + (w - depth[g]) ** 2 > radius**2 or sign * u > widest:
                        continue
                    near[n], z[n], out[n] = k, w, sign * u
                    first, n = max(first, sign * u), n + 1
        sides[g, 0] = np.inf
        for i in range(n):
            facing = normal[near[i], 0] * T[0, 0] + normal[near[i], 1] * T[1, 0] + normal[near[i], 2] * T[2, 0]
            if out[i] >= first - SKIN and sign * facing >= FACING:
                sides[g, 0], sides[g, 1], sides[g, 2] = first, sides[g, 1] + z[i], sides[g, 2] + 1
        sides[g, 1] /= max(sides[g, 2], 1)
    return sides
