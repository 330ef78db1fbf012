"""The world frame of an arrangement: every source of up is asked, and they agree or it is said why not.

World: z up = support normal; origin on the support, at the foot of the objects' mean position; x = the reference
camera's viewing direction laid flat (so y points left in its image). A camera that looks straight down has no such
direction: its image-up takes the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.se3 import inverse, se3
from bopask.nouns import Arrangement, Estimate, Model, Skip, World

SURE = 0.5
"""An estimate below this confidence is not used."""
AGREE_ANGLE = np.deg2rad(5)
AGREE_HEIGHT = 0.01
"""Two planes agree when their normals and their heights (m) at the objects' mean position differ by no more."""


class UpSource(Protocol):
    """Finds the support plane, or says why it cannot. A frozen dataclass: its fields are its settings."""

    def estimate(self, arrangement: Arrangement, models: Mapping[int, Model], seed: int) -> Estimate | Skip: ...


def find_world(
    arrangement: Arrangement, models: Mapping[int, Model], sources: Sequence[UpSource], seed: int = 0
) -> tuple[World | None, tuple[Skip, ...]]:
    """Asks every source and combines what they say.

    Agreeing sources are wrong only if all of them are: 1 - product of (1 - confidence). A source that disagrees
    multiplies the odds by its own doubt (1 - confidence). The tilt is that of the first agreeing source in the order
    given, so list the most precise first; the height is the mean of the agreeing ones by confidence, since a sensor's
    and an annotator's biases (several mm on real data) have nothing to do with each other.

    Returns:
        The world, or None when no source is sure ('up_unsure') or sure ones contradict each other ('up_disputed'); and
        the skips, first those of the sources.
    """
    answers = [source.estimate(arrangement, models, seed) for source in sources]
    skips = tuple(a for a in answers if isinstance(a, Skip))
    estimates = tuple(a for a in answers if isinstance(a, Estimate))
    at = arrangement.T_ref_obj[:, :3, 3].mean(0)
    leaders = [e for e in estimates if e.confidence >= SURE]
    if not leaders:
        return None, (*skips, Skip(arrangement.key, "world", "up_unsure"))
    groups = [[e, *(o for o in estimates if o is not e and _agree(e, o, at))] for e in leaders]
    sures = [_confidence(group, estimates) for group in groups]
    best = int(np.argmax(sures))
    if sures[best] < SURE:
        return None, (*skips, Skip(arrangement.key, "world", "up_disputed"))
    lead, group = leaders[best], groups[best]
    height = np.average([_height(e, at) for e in group], weights=[e.confidence for e in group])
    note = "; ".join(_compared(lead, o, at) for o in estimates if o is not lead)
    T_world_ref = world_frame(lead.normal, float(lead.normal @ at - height), arrangement)
    return World(T_world_ref, lead.source, sures[best], estimates, note), skips


def world_frame(normal: Float[Array, "3"], offset: float, arrangement: Arrangement) -> Float[Array, "4 4"]:
    """T_world_ref of a support plane given in the reference frame (normal . p = offset, m)."""
    mean = arrangement.T_ref_obj[:, :3, 3].mean(0)
    origin = mean - (normal @ mean - offset) * normal
    ahead, image_up = arrangement.T_ref_cam[0, :3, 2], -arrangement.T_ref_cam[0, :3, 1]
    x = ahead - (ahead @ normal) * normal
    if np.linalg.norm(x) < 0.1:
        x = image_up - (image_up @ normal) * normal
    x /= np.linalg.norm(x)
    return inverse(se3(np.stack([x, np.cross(normal, x), normal], 1), origin))


def _height(estimate: Estimate, at: Float[Array, "3"]) -> float:
    return float(estimate.normal @ at - estimate.offset)


def _apart(a: Estimate, b: Estimate, at: Float[Array, "3"]) -> tuple[float, float]:
    """Angle (rad) between two planes, and the difference of their heights (m) at a point."""
    sine, cosine = np.linalg.norm(np.cross(a.normal, b.normal)), a.normal @ b.normal
    return float(np.arctan2(sine, cosine)), abs(_height(a, at) - _height(b, at))


def _agree(a: Estimate, b: Estimate, at: Float[Array, "3"]) -> bool:
    angle, height = _apart(a, b, at)
    return angle <= AGREE_ANGLE and height <= AGREE_HEIGHT


def _confidence(group: list[Estimate], estimates: tuple[Estimate, ...]) -> float:
    doubt = float(np.prod([1 - e.confidence for e in group]))
    against = float(np.prod([1 - e.confidence for e in estimates if not any(e is g for g in group)]))
    return (1 - doubt) * against / ((1 - doubt) * against + doubt) if doubt > 0 else 1.0


def _compared(lead: Estimate, other: Estimate, at: Float[Array, "3"]) -> str:
    angle, height = _apart(lead, other, at)
    verb = "agrees" if _agree(lead, other, at) else "disagrees"
    return (
        f"{other.source} {verb} with {lead.source} ({np.rad2deg(angle):.1f} deg, {1e3 * height:.1f} mm apart; "
        f"confidence {other.confidence:.2f} against {lead.confidence:.2f}: {other.detail})"
    )
