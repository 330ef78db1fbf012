"""The four table settings of the sample: what stands where before it is let go. Seeded; at rest only after `settle`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.errors import BopaskError
from bopask.geometry.se3 import rotation_about, se3
from bopask.rng import rng_for
from bopask.synth.settle import Rest, settle
from bopask.synth.shapes import Shape

DROP = 0.002
"""Objects are let go this far (m) above what carries them: nothing tumbles that was not meant to."""
UPRIGHT = np.eye(3)
FACE_UP = rotation_about(np.array([1.0, 0, 0]), -np.pi / 2)
"""Lies on its back: the -y side looks up."""
ON_ITS_SIDE = rotation_about(np.array([0, 1.0, 0]), np.pi / 2)
"""The object's z axis lies along world x."""

RED_MUG, WHITE_BOWL, BLUE_CAN, TUNA_TIN, CEREAL_BOX, JUICE_CARTON = 1, 2, 3, 4, 5, 6
GRAY_TAPE, BANANA, SCREWDRIVER, SHAMPOO, TEA_BOX, APPLE = 7, 8, 9, 10, 11, 12

Spot = Sequence[float] | Float[Array, "2"]


@dataclass(frozen=True)
class Setting:
    """A layout before physics: object ids and where each is let go."""

    name: str
    table: str
    """One of `texture.TABLES`."""
    obj_ids: tuple[int, ...]
    T_world_obj: Float[Array, "n 4 4"]


def place(
    shape: Shape, xy: Spot, yaw: float, lie: Float[Array, "3 3"] = UPRIGHT, on: float = 0.0
) -> Float[Array, "4 4"]:
    """Pose of a shape whose lowest point is DROP above height `on`: first `lie`, then turned by `yaw` (rad) about z."""
    R = rotation_about(np.array([0, 0, 1.0]), yaw) @ lie
    low = (shape.mesh.vertices @ R.T)[:, 2].min()
    return se3(R, np.array([xy[0], xy[1], on + DROP - low]))


def _reach(shape: Shape) -> float:
    return float(np.linalg.norm(shape.mesh.vertices[:, :2], axis=1).max())


def plain(shapes: Mapping[int, Shape], rng: np.random.Generator) -> Setting:
    """Five things well apart: at least 4 cm between the circles round them."""
    ids = (CEREAL_BOX, RED_MUG, BANANA, BLUE_CAN, GRAY_TAPE)
    spots: list[Array] = []
    while len(spots) < len(ids):
        spot = rng.uniform([-0.20, -0.14], [0.20, 0.14])
        radius = [_reach(shapes[i]) for i in ids]
        gaps = [np.linalg.norm(spot - s) - radius[len(spots)] - r for s, r in zip(spots, radius, strict=False)]
        if min(gaps, default=1.0) > 0.04:
            spots.append(spot)
        elif rng.random() < 0.02:
            spots.clear()  # a corner that leaves no room for the rest
    yaw = rng.uniform(-np.pi, np.pi, len(ids))
    yaw[0] = rng.uniform(-0.5, 0.5)  # the printed front is seen
    return Setting(
        "plain", "oak", ids, np.array([place(shapes[i], s, y) for i, s, y in zip(ids, spots, yaw, strict=True)])
    )


def cluttered(shapes: Mapping[int, Shape], rng: np.random.Generator) -> Setting:
    """A low tin walled in by taller things: no gripper gets its hand down to it."""
    gap = rng.uniform(0.003, 0.006, 4)
    turn = rng.uniform(-0.2, 0.2)
    tin = 0.036
    ring = [
        (CEREAL_BOX, (0.0, tin + 0.024 + gap[0]), 0.0),
        (TEA_BOX, (tin + 0.027 + gap[1], -0.004), np.pi / 2),
        (JUICE_CARTON, (-(tin + 0.032 + gap[2]), -0.006), 0.0),
        (APPLE, (0.002, -(tin + 0.037 + gap[3])), 0.3),
        (TUNA_TIN, (0.0, 0.0), 0.0),
        (BLUE_CAN, (0.155, -0.075), 0.0),
        (RED_MUG, (-0.165, -0.085), 2.6),
        (SCREWDRIVER, (0.02, -0.165), 0.15),
    ]
    R = rotation_about(np.array([0, 0, 1.0]), turn)[:2, :2]
    poses = [place(shapes[i], R @ np.array(xy), yaw + turn) for i, xy, yaw in ring]
    return Setting("cluttered", "stone", tuple(i for i, *_ in ring), np.array(poses))


def resting(shapes: Mapping[int, Shape], rng: np.random.Generator) -> Setting:
    """Things on things: a box on a lying box, an apple in a bowl, a can on a tin."""
    box, bowl, tin = (rng.uniform(-0.012, 0.012, 2) + at for at in ([-0.10, 0.06], [0.10, -0.02], [0.16, 0.14]))
    thick = float(np.ptp(shapes[CEREAL_BOX].mesh.vertices[:, 1]))
    turn = rng.uniform(0.1, 0.4)
    top = box + rotation_about(np.array([0, 0, 1.0]), turn)[:2, :2] @ rng.uniform([-0.015, 0.03], [0.015, 0.045])
    poses = [
        (CEREAL_BOX, place(shapes[CEREAL_BOX], box, turn, FACE_UP)),
        (TEA_BOX, place(shapes[TEA_BOX], top, turn + rng.uniform(0.2, 0.6), on=thick)),
        (WHITE_BOWL, place(shapes[WHITE_BOWL], bowl, 0.0)),
        (APPLE, place(shapes[APPLE], bowl + rng.uniform(-0.006, 0.006, 2), 0.5, on=0.006)),
        (TUNA_TIN, place(shapes[TUNA_TIN], tin, 0.0)),
        (BLUE_CAN, place(shapes[BLUE_CAN], tin + rng.uniform(-0.005, 0.005, 2), 0.0, on=0.036)),
        (SCREWDRIVER, place(shapes[SCREWDRIVER], (-0.02, -0.14), rng.uniform(-0.3, 0.3))),
    ]
    return Setting("resting", "walnut", tuple(i for i, _ in poses), np.array([T for _, T in poses]))


def twins(shapes: Mapping[int, Shape], rng: np.random.Generator) -> Setting:
    """Three cans, one of them inside a roll of tape, one lying, and two apples: a name alone no longer says which."""
    tape = np.array([0.11, 0.07])
    spots: list[tuple[int, Spot, Array]] = [
        (BLUE_CAN, (-0.15, 0.05), UPRIGHT),
        (BLUE_CAN, (0.02, -0.11), ON_ITS_SIDE),
        (APPLE, (-0.09, -0.06), UPRIGHT),
        (APPLE, (0.16, -0.06), UPRIGHT),
        (SHAMPOO, (-0.03, 0.10), UPRIGHT),
        (GRAY_TAPE, tape, UPRIGHT),
    ]
    at = [rng.uniform(-0.012, 0.012, 2) + xy for _, xy, _ in spots]
    spots.append((BLUE_CAN, tape, UPRIGHT))
    at.append(at[-1] + rng.uniform(-0.002, 0.002, 2))
    poses = [place(shapes[i], xy, rng.uniform(-0.5, 0.5), lie) for (i, _, lie), xy in zip(spots, at, strict=True)]
    return Setting("twins", "cloth", tuple(i for i, *_ in spots), np.array(poses))


SETTINGS: tuple[Callable[[Mapping[int, Shape], np.random.Generator], Setting], ...] = (plain, cluttered, resting, twins)


def settled(
    make: Callable[[Mapping[int, Shape], np.random.Generator], Setting], shapes: Mapping[int, Shape], seed: int
) -> tuple[Setting, Rest]:
    """Draws a setting until it comes to rest where it was meant to: nothing fell over, rolled away or was pushed off.

    Raises:
        BopaskError: twenty draws did not.
        MissingExtra: without MuJoCo.
    """
    for attempt in range(20):
        setting = make(shapes, rng_for(seed, "setting", (make.__name__, attempt)))
        rest = settle([shapes[i] for i in setting.obj_ids], setting.T_world_obj)
        moved = np.linalg.norm((rest.T_world_obj - setting.T_world_obj)[:, :3, 3], axis=1)
        tilt = (rest.T_world_obj[:, 2, :3] * setting.T_world_obj[:, 2, :3]).sum(1)
        if (
            rest.drift < 1e-3
            and rest.turn < np.radians(0.5)
            and moved.max() < 0.03
            and tilt.min() > np.cos(np.radians(25))
        ):
            return setting, rest
    raise BopaskError(f"the setting {make.__name__!r} did not come to rest in 20 draws; try another --seed.")
