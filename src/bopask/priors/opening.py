"""The first centimetres: how an object leaves what it touches.

Real ground truth interpenetrates, so a carried object may start inside its neighbours or the support. Such a contact
may only open: along the opening move its depth never grows, it is left for good, and nothing else is met.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.priors.carry import SUPPORT, Carried
from bopask.priors.contacts import Overlap, Placed

UP: Float[Array, "3"] = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class OpeningConfig:
    lift: float = 0.02
    """Length (m) of the opening move; longer while a contact is still opening."""
    longest: float = 0.04
    """A contact that is not open after this much motion (m) does not open."""
    step: float = 0.001
    deepening: float = 2e-4
    """How much (m) a measured depth may exceed the smallest so far: the noise of sampled surfaces."""
    hair: float = 1e-4
    """A contact has opened when this far (m) apart: closer than that, two exact checkers may differ."""
    tilts: tuple[float, ...] = (0.0, 10.0, 20.0, 30.0)
    """Degrees from straight up, tried in this order."""
    azimuths: int = 8
    """Directions a tilt, the one away from what is touched first."""


@dataclass(frozen=True)
class Opening:
    """A straight move after which the object touches nothing."""

    move: Float[Array, "3"]
    contacts: tuple[Mapping[str, Any], ...]
    """{'with': index or 'support', 'depth_m', 'opened_after_m'} for each contact present at the start."""


def find_opening(carried: Carried, placed: list[Placed], config: OpeningConfig) -> Opening | str:
    """The first direction, upright ones first, along which every contact only opens; or why there is none."""
    hits, a = sorted(carried.hits(np.zeros(3))), placed[carried.source]
    overlaps = {b: Overlap.of(a, placed[b], config.longest) for b in hits if b != SUPPORT}
    at_start = {b: _depth(carried, overlaps, b, np.zeros(3), np.inf) for b in hits}
    for direction in upwards(_away(carried, at_start), config.tilts, config.azimuths):
        found = _march(carried, overlaps, at_start, direction, config)
        if found is not None:
            length, opened = found
            names = {b: "support" if b == SUPPORT else b for b in at_start}
            contacts = (
                {"with": names[b], "depth_m": deep, "opened_after_m": opened[b]} for b, deep in at_start.items()
            )
            return Opening(length * direction, tuple(contacts))
    return "start_in_contact" if at_start else "start_enclosed"


def upwards(sideways: Float[Array, "2"], tilts: Sequence[float], azimuths: int) -> Iterator[Float[Array, "3"]]:
    """Unit directions: for each tilt (degrees from straight up) all azimuths, those nearest to `sideways` first."""
    first = np.arctan2(sideways[1], sideways[0])
    turns = [(-1) ** k * ((k + 1) // 2) * 2 * np.pi / azimuths for k in range(azimuths)]
    for tilt in np.radians(tilts):
        for turn in first + np.array(turns if tilt else [0.0]):
            yield np.array([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)])


def level_axis(R_world_obj: Float[Array, "3 3"]) -> Float[Array, "2"]:
    """The object's most level axis, laid flat: a direction that turns with the world."""
    return np.asarray(R_world_obj[:2, np.argmin(np.abs(R_world_obj[2]).round(9))])


def _away(carried: Carried, at_start: Iterable[int]) -> Float[Array, "2"]:
    """Level direction away from the middle of the objects that are touched."""
    scene, objects = carried.scene, [b for b in at_start if b != SUPPORT]
    centers = [T @ m.box.T_ref_box[:, 3] for T, m in zip(scene.T_world_obj, scene.models, strict=True)]
    away = (centers[carried.source] - np.mean([centers[b] for b in objects], axis=0))[:2] if objects else np.zeros(2)
    return away if np.linalg.norm(away) > 1e-6 else level_axis(scene.T_world_obj[carried.source, :3, :3])


def _march(
    carried: Carried,
    overlaps: Mapping[int, Overlap],
    at_start: Mapping[int, float],
    direction: Float[Array, "3"],
    config: OpeningConfig,
) -> tuple[float, dict[int, float]] | None:
    """How far to go, and where each contact opened; None as soon as one deepens, returns, appears or stays too long."""
    touching, opened = dict(at_start), dict[int, float]()
    for step in range(1, round(config.longest / config.step) + 1):
        s = step * config.step
        offset = s * direction
        hits = carried.hits(offset)
        if not hits <= touching.keys():
            return None
        for body, shallowest in list(touching.items()):
            if body not in hits and carried.distance(offset, body) > config.hair:
                opened[body] = s
                del touching[body]
                continue
            at_most = shallowest + config.deepening + config.step  # one step deepens by no more than its length
            now = _depth(carried, overlaps, body, offset, at_most)
            if now > shallowest + config.deepening:
                return None
            touching[body] = min(shallowest, now)
        if not touching and s >= config.lift - 1e-9:
            return s, opened
    return None


def _depth(
    carried: Carried, overlaps: Mapping[int, Overlap], body: int, offset: Float[Array, "3"], at_most: float
) -> float:
    if body == SUPPORT:
        return max(0.0, -float(carried.low[2] + offset[2]))
    return overlaps[body].depth(offset, at_most)
