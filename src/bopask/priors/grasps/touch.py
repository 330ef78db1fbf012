"""Which boxes of a gripper touch which mesh: exact (FCL), after an exact screen that settles most pairs.

A box wholly inside a solid touches no triangle and goes unseen; a hand does not fit inside an object, and its boxes
are joined, so one of them crosses the surface. A test holds the whole against coal, a second collision library.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.nouns import Model
from bopask.priors.collision import bvh
from bopask.priors.grasps import kernels
from bopask.priors.tree import tree_of


def touches(
    model: Model, T_obj_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"], margin: float = 0.0
) -> Bool[Array, "g"]:
    """True for a grasp any of whose boxes (grasp frame, m), grown by `margin` (m), touches the object's surface."""
    boxes = boxes + np.array([[-margin], [margin]])
    hit, near = kernels.meetings(tree_of(model), np.ascontiguousarray(T_obj_grasp), boxes)
    rows = np.flatnonzero(np.any(near, axis=1))
    hit[rows] = _meet(model, se3.inverse(T_obj_grasp[rows]), boxes[rows], near[rows])
    return np.asarray(hit)


def _meet(
    model: Model, T_grasp_obj: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"], tried: Bool[Array, "g b"]
) -> list[bool]:
    """Whether the object's surface meets any of the tried boxes. The object is moved, once a grasp; grasps share the
    boxes of one size, which most of a gripper's are."""
    import fcl

    obj, request, made = fcl.CollisionObject(bvh(model)), fcl.CollisionRequest(), dict[bytes, Any]()
    size, middle = boxes[..., 1, :] - boxes[..., 0, :], boxes.mean(-2)

    def meets(g: int, b: int) -> bool:
        key = size[g, b].tobytes()
        if key not in made:
            made[key] = fcl.CollisionObject(fcl.Box(*size[g, b]))
        made[key].setTranslation(middle[g, b])
        return bool(fcl.collide(made[key], obj, request, fcl.CollisionResult()))

    met = []
    for g, T in enumerate(T_grasp_obj):
        obj.setTransform(fcl.Transform(np.ascontiguousarray(T[:3, :3]), T[:3, 3]))
        met.append(any(meets(g, b) for b in np.flatnonzero(tried[g]).tolist()))
    return met
