"""A parallel-jaw gripper as boxes, and the five points it is drawn with. Read from data; knows no object.

Grasp frame: origin at the hand's base, +z approach, +x closing, y = z x x (M2T2, ACRONYM, GraspGen, Contact-GraspNet,
Franka's panda_hand; Franka's URDF closes along y). Contacts lie at x = ±width/2, y = 0, z near `contact_depth`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.errors import InputError

MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Gripper:
    """Lowest and highest corners of boxes in the grasp frame (m)."""

    name: str
    stroke: float
    """Largest distance of the fingers' inner faces (m)."""
    contact_depth: float
    """z of the contacts (m), half way along the pads."""
    hand: Float[Array, "h 2 3"]
    finger: Float[Array, "f 2 3"]
    """The +x finger, with x measured from its inner face; the other one is its mirror image."""
    pad: Float[Array, "2 2"]
    """Lowest and highest (y, z) of a finger's flat pad (m)."""
    centre: Float[Array, "3"]
    base: Float[Array, "3"]
    """Drawn base of the +x finger."""
    tip: Float[Array, "3"]

    def boxes(self, opening: Float[Array, "..."] | float) -> Float[Array, "... b 2 3"]:
        """The hand's boxes, the +x finger's, the -x finger's, with the fingers' inner faces `opening` (m) apart."""
        opening = np.asarray(opening, float)
        finger = np.broadcast_to(self.finger, (*opening.shape, *self.finger.shape)).copy()
        finger[..., 0] += opening[..., None, None] / 2
        hand = np.broadcast_to(self.hand, (*opening.shape, *self.hand.shape))
        return np.concatenate([hand, finger, _mirrored(finger)], -3)

    def approach_boxes(self, opening: Float[Array, "..."] | float, back: float) -> Float[Array, "... b 2 3"]:
        """Exactly what the gripper, so far open, sweeps over the last `back` metres of its approach along +z."""
        swept = self.boxes(opening)
        swept[..., 0, 2] -= back
        return swept

    def closing_boxes(self, opening: Float[Array, "..."], width: Float[Array, "..."]) -> Float[Array, "... c 2 3"]:
        """What the fingers sweep while their inner faces close from `opening` to `width` apart (m)."""
        swept = np.broadcast_to(self.finger, (*width.shape, *self.finger.shape)).copy()
        swept[..., 0, 0] += width[..., None] / 2
        swept[..., 1, 0] += opening[..., None] / 2
        return np.concatenate([swept, _mirrored(swept)], -3)

    def label_points(self) -> Float[Array, "5 3"]:
        """The drawn gripper (m): centre, base (+x), base (-x), tip (+x), tip (-x)."""
        return np.stack([self.centre, self.base, self.base * MIRROR, self.tip, self.tip * MIRROR])

    @property
    def fingerprint(self) -> str:
        """Of every number above: caches are keyed by it."""
        values = [np.asarray(getattr(self, f.name)) for f in fields(self) if f.name != "name"]
        return hashlib.sha256(b"".join(v.astype(float).tobytes() for v in values)).hexdigest()[:16]


def _mirrored(boxes: Float[Array, "... 2 3"]) -> Float[Array, "... 2 3"]:
    mirrored = boxes * MIRROR
    mirrored[..., 0] = mirrored[..., ::-1, 0]  # the lowest becomes the highest
    return mirrored


@cache
def load_gripper(which: str | Path = "panda") -> Gripper:
    """A gripper that ships with the package, by name, or one of the user's, by the path of its JSON file.

    Raises InputError when there is none of that name or the file does not describe a gripper.
    """
    shipped = files("bopask") / "data" / "grippers" / f"{which}.json"
    try:
        text = Path(which).read_text() if str(which).endswith(".json") else shipped.read_text()
        return _parse(json.loads(text))
    except (OSError, ValueError, KeyError, TypeError) as error:
        wrong = f"not a gripper ({error})"
        raise InputError(
            which, wrong, "name one that ships with bopask, or copy its panda.json and change it"
        ) from error


def _parse(row: dict[str, object]) -> Gripper:
    label = row["label"]
    if not isinstance(label, dict):
        raise TypeError("label is not an object")

    def numbers(value: object, *shape: int) -> Array:
        array = np.array(value, float)
        if array.shape[-len(shape) :] != shape or not np.isfinite(array).all():
            raise ValueError(f"expected finite numbers of shape {shape}, got {value}")
        return array

    return Gripper(
        name=str(row["name"]),
        stroke=float(numbers([row["stroke"]], 1)[0]),
        contact_depth=float(numbers([row["contact_depth"]], 1)[0]),
        hand=numbers(row["hand"], 2, 3),
        finger=numbers(row["finger"], 2, 3),
        pad=numbers(row["pad"], 2, 2),
        centre=numbers(label["centre"], 3),
        base=numbers(label["base"], 3),
        tip=numbers(label["tip"], 3),
    )
