"""How a hand sits on an object's surface, from sample points: does the hand run into it, and what do the pads hold?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.priors.grasps import kernels
from bopask.priors.grasps.contacts import Points
from bopask.priors.grasps.gripper import Gripper
from bopask.priors.grasps.runs import order, runs

CHUNK = 256
SKIN = 0.002
"""Points this close (m) to the first one that a finger meets lie on its pad (rubber gives)."""
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
    points, T_obj_grasp = points[order(points.at)], np.ascontiguousarray(T_obj_grasp)
    within = runs(points.at)
    radius = np.full(len(width), SKIN)
    for at in range(0, len(width), CHUNK):
        some = slice(at, at + CHUNK)
        radius[some] += np.hypot(gripper.pad[1, 0], np.abs(gripper.pad[:, 1] - depth[some, None]).max())
    sides = []
    for sign in (1.0, -1.0):
        contact = se3.transform(T_obj_grasp, np.stack([sign * width / 2, 0 * width, depth], -1)[:, None])[:, 0]
        reach = gripper.stroke / 2
        side = kernels.pressed(
            points.at, points.normal, within, T_obj_grasp, contact, radius, gripper.pad, sign, reach, SKIN, FACING
        )
        sides.append(side * [1.0, 1.0, points.area])
    (first, z, patch), (last, z_, patch_) = (side.T for side in sides)
    return Pads(
        above=np.maximum(first, last) - width / 2,
        x=(np.where(np.isfinite(first), first, 0) - np.where(np.isfinite(last), last, 0)) / 2,
        z=(z + z_) / 2,
        patch=np.minimum(patch, patch_),
    )
