"""Grasps made for how an object lies: the closing axis level, the hand straight down or leaning.

A closing axis five degrees off level puts one fingertip of an open gripper a centimetre lower than the other, and a
thin object on a table has nothing to spare. The dense set, sampled without a table, holds few level grasps.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.nouns import GraspSet
from bopask.priors.grasps import sets
from bopask.priors.grasps.contacts import level_pairs
from bopask.priors.grasps.gripper import Gripper
from bopask.priors.grasps.hold import Sampler, Subject
from bopask.rng import rng_for

LEANS = np.radians([0.0, -20.0, 20.0, -40.0, 40.0, -60.0, 60.0])
"""Approaches, from straight down, about the closing axis."""
MOST_PAIRS = 1_000


def level_grasps(obj: Subject, up: Float[Array, "3"], gripper: Gripper, config: Sampler) -> GraspSet:
    """Level grasps under every lean and depth, neither scored nor proved.

    Args:
        up: the support's normal in the object's frame.
    """
    reach = (config.narrowest, gripper.stroke - config.spare)
    pairs = level_pairs(obj.rays, obj.points, up, config.friction, reach)
    pairs = pairs[rng_for(0, "level", obj.model.sha256).permutation(len(pairs))[:MOST_PAIRS]]
    width = np.linalg.norm(pairs.a - pairs.b, axis=1)
    x = (pairs.a - pairs.b) / width[:, None]
    side = np.cross(x, up)
    parts = []
    for lean in LEANS:
        z = np.sin(lean) * side - np.cos(lean) * up
        R = np.stack([x, np.cross(z, x), z], -1)
        for depth in np.full(len(x), gripper.contact_depth) + np.array(config.depths)[:, None]:
            parts.append(sets.grasp_set(sets.at(R, (pairs.a + pairs.b) / 2, depth), width, depth))
    return sets.joined(parts)
