"""Which boxes of a gripper touch which mesh: exact (FCL), after an exact screen that settles most pairs in numpy.

A box wholly inside a solid touches no triangle and goes unseen; a hand does not fit inside an object, and its boxes
are joined, so one of them crosses the surface. A test holds the whole against coal, a second collision library.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numba import njit

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.nouns import Model
from bopask.priors.bounds import HAIR, cells_of
from bopask.priors.collision import bvh


def touches(
    model: Model, T_obj_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"], margin: float = 0.0
) -> Bool[Array, "g"]:
    """True for a grasp any of whose boxes (grasp frame, m), grown by `margin` (m), touches the object's surface."""
    boxes = boxes + np.array([[-margin], [margin]])
    cells = cells_of(model)
    whole = np.stack([cells[:, 0].min(0), cells[:, 1].max(0)])[None]
    near = _near(np.ascontiguousarray(T_obj_grasp), boxes, np.concatenate([whole, cells]))
    rows = np.flatnonzero(near.any(1))
    hit = np.zeros(len(boxes), bool)
    hit[rows] = _meet(model, se3.inverse(T_obj_grasp[rows]), boxes[rows], near[rows])
    return hit


@njit(cache=True)
def _near(
    T_obj_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"], cells: Float[Array, "c 2 3"]
) -> Bool[Array, "g b"]:
    """False for a box that one of the six directions of object and gripper box separates from the first of the cells
    (object frame), or from all others."""
    near = np.zeros(boxes.shape[:2], np.bool_)
    at, half, reach = np.empty(3), np.empty(3), np.empty(3)
    for g in range(len(boxes)):
        T = T_obj_grasp[g]
        for b in range(boxes.shape[1]):
            box = boxes[g, b]
            for d in range(3):
                half[d] = (box[1, d] - box[0, d]) / 2 + HAIR
            for d in range(3):
                at[d], reach[d] = T[d, 3], 0.0
                for e in range(3):
                    at[d] += T[d, e] * (box[0, e] + box[1, e]) / 2
                    reach[d] += abs(T[d, e]) * half[e]
            c = 0
            while c < len(cells) and _apart(T, at, half, reach, cells[c]) == (c > 0):
                c += 1
            near[g, b] = 0 < c < len(cells)
    return near


@njit(cache=True)
def _apart(
    T: Float[Array, "4 4"],
    at: Float[Array, "3"],
    half: Float[Array, "3"],
    reach: Float[Array, "3"],
    cell: Float[Array, "2 3"],
) -> bool:
    """Whether a direction of either separates a box there, so turned, from a cell; `reach`: along the cell's axes."""
    for d in range(3):
        if at[d] - reach[d] > cell[1, d] or at[d] + reach[d] < cell[0, d]:
            return True
    low, high = cell
    x, y, z = at[0] - (low[0] + high[0]) / 2, at[1] - (low[1] + high[1]) / 2, at[2] - (low[2] + high[2]) / 2
    a, b, c = (high[0] - low[0]) / 2, (high[1] - low[1]) / 2, (high[2] - low[2]) / 2
    for d in range(3):
        far = abs(T[0, d] * x + T[1, d] * y + T[2, d] * z)
        if far > half[d] + abs(T[0, d]) * a + abs(T[1, d]) * b + abs(T[2, d]) * c:
            return True
    return False


def _meet(
    model: Model, T_grasp_obj: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"], tried: Bool[Array, "g b"]
) -> Bool[Array, "g"]:
    """Whether the object's surface meets any of the tried boxes. The object is moved, once a grasp; grasps share the
    boxes of one size, which most of a gripper's are."""
    import fcl

    obj, request, made = fcl.CollisionObject(bvh(model)), fcl.CollisionRequest(), dict[bytes, Any]()
    size, middle, met, moved = boxes[..., 1, :] - boxes[..., 0, :], boxes.mean(-2), np.zeros(len(boxes), bool), -1
    for g, b in np.argwhere(tried).tolist():
        if met[g]:
            continue
        if g != moved:
            obj.setTransform(fcl.Transform(np.ascontiguousarray(T_grasp_obj[g, :3, :3]), T_grasp_obj[g, :3, 3]))
            moved = g
        key = size[g, b].tobytes()
        if key not in made:
            made[key] = fcl.CollisionObject(fcl.Box(*size[g, b]))
        made[key].setTranslation(middle[g, b])
        met[g] = fcl.collide(made[key], obj, request, fcl.CollisionResult()) > 0
    return met
