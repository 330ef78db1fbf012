"""Twelve things of the household set, each always the same variant, and how to stand one somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from bopask.arrays import Array
from bopask.geometry.se3 import rotation_about, se3
from bopask.synth.kinds import KINDS
from bopask.synth.put import DROP, lowest
from bopask.synth.shapes import Shape

RED_MUG, WHITE_BOWL, BLUE_CAN, TUNA_TIN, CEREAL_BOX, JUICE_CARTON = 1, 2, 3, 4, 5, 6
GRAY_TAPE, BANANA, SCREWDRIVER, SHAMPOO, TEA_BOX, APPLE = 7, 8, 9, 10, 11, 12
VARIANTS = (
    *(("mug", 9), ("bowl", 1), ("soda can", 3), ("tuna tin", 3), ("cereal box", 12), ("juice carton", 0)),
    *(("tape", 0), ("banana", 1), ("screwdriver", 5), ("shampoo bottle", 5), ("tea box", 4), ("apple", 1)),
)


@cache
def shapes() -> dict[int, Shape]:
    """obj_id, as named above, to shape."""
    return {i: KINDS[kind](np.random.default_rng(n)) for i, (kind, n) in enumerate(VARIANTS, start=1)}


def place(shape: Shape, xy: Sequence[float], yaw: float, lie: Array | None = None, on: float = 0.0) -> Array:
    """Pose of a shape DROP above height `on` (m): first turned by `lie`, then by `yaw` (rad) about z."""
    R = rotation_about(np.array([0, 0, 1.0]), yaw) @ (np.eye(3) if lie is None else lie)
    return se3(R, np.array([xy[0], xy[1], on + DROP - lowest(shape, R)]))
