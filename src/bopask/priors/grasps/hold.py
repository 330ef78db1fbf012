"""Does a hand so placed hold the object, and how well? Scores by what the pads hold, proves by rays and exact meshes.

The score is the log-odds that the object survives lifting and shaking, fitted to MuJoCo (bench/hold.py: 20 YCB objects,
1,367 grasps, each tried nominally and in the harder setting). What matters is the torque of the weight: about the
closing axis it turns the object between the pads, along it it levers the fingers open; and how much the pads hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.mesh import center_of_mass, merge_seams
from bopask.geometry.weight import GRAVITY, box_volume, mass_of, solid_volume
from bopask.nouns import GraspSet, Model
from bopask.priors.grasps import sets
from bopask.priors.grasps.contacts import Points, Rays, settle, surface_points
from bopask.priors.grasps.fit import Pads, held
from bopask.priors.grasps.gripper import Gripper
from bopask.priors.grasps.touch import touches
from bopask.rng import rng_for


@dataclass(frozen=True)
class Sampler:
    """How densely to sample, and what counts as a grasp. Metres, radians."""

    surface: int = 20_000
    """Surface points for pads and patches, at most; a small object gets one every `spacing`."""
    spacing: float = 0.0015
    screen: int = 3_000
    """Of these, points for the first, fast check of the hand; what passes is checked exactly."""
    starts: int = 10_000
    turns: int = 2
    """Rays within the friction cone beside the straight one."""
    friction: float = 0.5
    narrowest: float = 0.002
    ajar: float = 0.01
    """On its way in each finger stands this far off its contact, if the stroke allows."""
    spare: float = 0.004
    """The object is at least this much narrower than the stroke."""
    pairs: int = 10_000
    """Contact pairs turned into hands, until `hands` of them clear the object."""
    hands: int = 10_000
    rolls: int = 12
    depths: tuple[float, ...] = (-0.006, 0.0, 0.006)
    """Contacts' z relative to the gripper's contact_depth: negative reaches deeper over the object."""
    margin: float = 0.001
    back: float = 0.1
    """The object itself is in nobody's way over this much of the approach."""
    reach: float = 0.005
    """In front of the pads the object reaches at most this far beyond the contacts."""
    patch: float = 32e-6
    """Each pad holds at least this much surface (m²), a tenth of itself: a can's rim of 2 mm holds no can."""
    worst: float = -0.5
    """Least score: likelier held than not. In MuJoCo, nominally, 69 % of the grasps with a score in -0.5..0 came
    through lift and shake, 50 % in -1..-0.5, 17 % in -1.5..-1 (bench/hold.py)."""
    steps: int = 16
    """Turns that stand for a continuous symmetry."""
    fewest: int = 200
    """Grasps expanded by symmetry, at least."""
    most: int = 4_000
    """Grasps kept, spread over the object."""

    def opening(self, width: Float[Array, "g"], gripper: Gripper) -> Float[Array, "g"]:
        """Distance (m) of the fingers' inner faces during the approach."""
        return np.minimum(width + 2 * self.ajar, gripper.stroke)


@dataclass(frozen=True)
class Subject:
    """An object ready to be held: its mesh without seams for rays, points on its surface, its centre of mass (m)."""

    model: Model
    rays: Rays
    points: Points
    com: Float[Array, "3"]
    weight: float
    """N, as `mass_of` takes it to be."""


CONSTANT = 2.78
WEIGHTS: Float[Array, "5"] = np.array([-3.12, -5.05, -0.56, -0.66, 3.01])
"""Of the `features`: what bench/hold.py prints."""

_SUBJECTS: dict[tuple[str, int, float], Subject] = {}


def subject(model: Model, config: Sampler) -> Subject:
    """Shared within the process: built once an object."""
    key = model.sha256, config.surface, config.spacing
    if key not in _SUBJECTS:
        mesh = merge_seams(model.mesh)
        points = surface_points(mesh, config.surface, config.spacing, rng_for(0, "grasp surface", model.sha256))
        weight = GRAVITY * mass_of(solid_volume(mesh) or box_volume(mesh))
        _SUBJECTS[key] = Subject(model, Rays(mesh), points, center_of_mass(mesh), weight)
    return _SUBJECTS[key]


def scored(grasps: GraspSet, obj: Subject, gripper: Gripper, config: Sampler) -> GraspSet:
    """With scores; without hands that hold too little, or whose fingers would meet the object beside the contacts."""
    pads = held(obj.points, grasps.T_obj_grasp, grasps.width, grasps.depth, gripper)
    quality = score(obj, sets.middle(grasps), grasps.T_obj_grasp[:, :3, 0], pads)
    good = (pads.above <= config.reach) & (pads.patch >= config.patch) & (quality >= config.worst)
    return sets.take(replace(grasps, quality=quality), good)


def score(obj: Subject, middle: Float[Array, "g 3"], closing: Float[Array, "g 3"], pads: Pads) -> Float[Array, "g"]:
    """Log-odds that the object is lifted and shaken without being lost (see the module's docstring)."""
    return np.asarray(CONSTANT + features(obj, middle, closing, pads) @ WEIGHTS)


def features(
    obj: Subject, middle: Float[Array, "g 3"], closing: Float[Array, "g 3"], pads: Pads
) -> Float[Array, "g 5"]:
    """What the score weighs: torque of the weight about the closing axis and along it (N m), weight (N), how near to
    the fingertips the pads hold (a pad's quarter, 4 mm), and the side of the patch they hold (of a whole pad's).

    Args:
        middle: between the contacts (m, object frame); closing: the closing axis there.
    """
    lever = obj.com - middle
    along = (lever * closing).sum(1)
    off_axis = np.linalg.norm(lever - along[:, None] * closing, axis=1)
    weight = np.full(len(along), obj.weight)
    return np.stack(
        [weight * off_axis, weight * np.abs(along), weight, (pads.z - 0.1025) / 0.004, np.sqrt(pads.patch / 308e-6)], 1
    )


def proved(grasps: GraspSet, obj: Subject, gripper: Gripper, config: Sampler) -> GraspSet:
    """Closes the fingers by ray, centres the hand on the contacts, and keeps what is then exactly clear of the object.

    Symmetries of scanned objects hold to a millimetre or two only, so expanded grasps are proved like all the others.
    """
    T, opening = grasps.T_obj_grasp.copy(), config.opening(grasps.width, gripper)
    meets, shift, width = settle(obj.rays, sets.middle(grasps), T[:, :3, 0], opening, config.friction)
    T[:, :3, 3] += shift[:, None] * T[:, :3, 0]
    meets &= (np.abs(shift) <= config.reach) & (width > config.narrowest) & (width < gripper.stroke - config.spare)
    centred = sets.take(replace(grasps, T_obj_grasp=T, width=width), meets)
    boxes = gripper.approach_boxes(config.opening(centred.width, gripper), config.back)
    return sets.take(centred, ~touches(obj.model, centred.T_obj_grasp, boxes, config.margin))
