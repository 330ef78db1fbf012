"""Grasps made for how an object lies: the closing axis level, the hand as it was or straight down.

A closing axis five degrees off level puts one fingertip of an open gripper a centimetre lower than the other, and a
thin object on a table has nothing to spare. The dense set, sampled without a table, holds few level grasps; turning its
near misses level finds the ones that a person would choose.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.nouns import GraspSet
from bopask.priors.grasps import sets
from bopask.priors.grasps.gripper import Gripper
from bopask.priors.grasps.hold import Sampler

TILT = np.sin(np.radians(25))
"""Closing axes this far off level are turned level."""
PLUMB = np.cos(np.radians(45))
"""Approaches this near to straight down are also tried straight down."""


def turned_level(grasps: GraspSet, up: Float[Array, "3"], gripper: Gripper, config: Sampler) -> GraspSet:
    """Near-level grasps, turned level about their contacts' middle, at every depth of contact; not yet proved.

    Args:
        up: the support's normal in the object's frame.
    """
    near = sets.take(
        grasps, (np.abs(grasps.T_obj_grasp[:, :3, 0] @ up) <= TILT) & (grasps.T_obj_grasp[:, :3, 2] @ up <= 0)
    )
    x = near.T_obj_grasp[:, :3, 0]
    x = _unit(x - (x @ up)[:, None] * up)
    approach = near.T_obj_grasp[:, :3, 2]
    steep = approach @ up <= -PLUMB
    R = np.concatenate([_frame(x, approach), _frame(x[steep], np.broadcast_to(-up, (int(steep.sum()), 3)))])
    rows = np.concatenate([np.arange(len(x)), np.flatnonzero(steep)])
    parts = []
    for depth in config.depths:
        z = np.full(len(rows), gripper.contact_depth + depth)
        parts.append(sets.grasp_set(sets.at(R, sets.middle(near)[rows], z), near.width[rows], z, near.quality[rows]))
    return sets.joined(parts)


def _unit(v: Float[Array, "g 3"]) -> Float[Array, "g 3"]:
    return np.asarray(v / np.linalg.norm(v, axis=1, keepdims=True))


def _frame(x: Float[Array, "g 3"], toward: Float[Array, "g 3"]) -> Float[Array, "g 3 3"]:
    """Rotations whose x is x and whose z is as near to `toward` as that allows."""
    z = _unit(toward - (toward * x).sum(1, keepdims=True) * x)
    return np.stack([x, np.cross(z, x), z], -1)
