"""Which boxes of a gripper touch which mesh: exact (FCL), after two exact screens that settle most pairs in numpy.

A box wholly inside a solid touches no triangle and goes unseen; a hand does not fit inside an object, and its boxes
are joined, so one of them crosses the surface. A test holds the whole against coal, a second collision library.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.nouns import Model
from bopask.priors.collision import bvh

SCREEN_POINTS = 400
"""Vertices tried for being inside a box: one inside proves a touch."""
CHUNK = 256


def touches(
    model: Model, T_obj_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"], margin: float = 0.0
) -> Bool[Array, "g"]:
    """True for a grasp any of whose boxes (grasp frame, m), grown by `margin` (m), touches the object's surface."""
    if len(T_obj_grasp) == 0:
        return np.zeros(0, bool)
    boxes = boxes + np.array([[-margin], [margin]])
    near = _near(model, T_obj_grasp, boxes)
    hit = _holds_vertex(model, T_obj_grasp, boxes, near)
    for g in np.flatnonzero(np.any(near, axis=1) & ~hit):
        hit[g] = _touches(model, T_obj_grasp[g], boxes[g, near[g]])
    return hit


def _near(model: Model, T_obj_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"]) -> Bool[Array, "g b"]:
    """False for a box that one of the six directions of object box and gripper box separates from the object's."""
    R = T_obj_grasp[:, None, :3, :3]
    middle, half = boxes.mean(-2), (boxes[..., 1, :] - boxes[..., 0, :]) / 2
    low, high = model.mesh.vertices.min(0), model.mesh.vertices.max(0)
    gap_obj = (R @ middle[..., None])[..., 0] + T_obj_grasp[:, None, :3, 3] - (low + high) / 2
    gap_grasp = (np.swapaxes(R, -1, -2) @ gap_obj[..., None])[..., 0]
    reach_obj = (np.abs(R) @ half[..., None])[..., 0] + (high - low) / 2
    reach_grasp = half + (np.abs(np.swapaxes(R, -1, -2)) @ ((high - low) / 2)[:, None])[..., 0]
    return np.asarray((np.abs(gap_obj) <= reach_obj).all(-1) & (np.abs(gap_grasp) <= reach_grasp).all(-1))


def _holds_vertex(
    model: Model, T_obj_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"], near: Bool[Array, "g b"]
) -> Bool[Array, "g"]:
    """True where a vertex lies in a box: a proof of touch. False proves nothing."""
    vertices = model.mesh.vertices[:: max(1, len(model.mesh.vertices) // SCREEN_POINTS)]
    hit = np.zeros(len(boxes), bool)
    rows = np.flatnonzero(np.any(near, axis=1))
    for at in range(0, len(rows), CHUNK):
        g = rows[at : at + CHUNK]
        points = se3.transform(se3.inverse(T_obj_grasp[g]), vertices)
        for b in range(boxes.shape[1]):
            low, high = boxes[g, b, 0, None], boxes[g, b, 1, None]
            hit[g] |= np.any(((points >= low) & (points <= high)).all(-1), axis=1)
    return hit


def _touches(model: Model, T_obj_grasp: Float[Array, "4 4"], boxes: Float[Array, "b 2 3"]) -> bool:
    import fcl

    obj = fcl.CollisionObject(bvh(model))
    R = T_obj_grasp[:3, :3]
    for low, high in boxes:
        place = fcl.Transform(R, T_obj_grasp[:3, 3] + R @ ((low + high) / 2))
        box = fcl.CollisionObject(fcl.Box(*(high - low)), place)
        if fcl.collide(box, obj, fcl.CollisionRequest(), fcl.CollisionResult()):
            return True
    return False
