"""Seen: what decides which object a phrase means, for F frames of a layout with N objects, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.ask.block import Block
from bopask.ask.relations import along
from bopask.ask.spatial import UP, above_of, in_front_of, left_of

BARELY = 0.1
"""Below this visible share a reader may or may not count an object."""
CLEARLY = 0.3
"""A landmark is visible at least this much."""
BESIDE = 2.0
"""What lies so many times as far to the side of another as before it is surely not in front of it."""
LOPSIDED = 1 / 6
"""The centroid of a convex shape lies in the middle third of its width: at most so much of it off the middle."""
NEAR = 0.03
"""What has its underside less than this (m) over the top of another might be said to be on it."""

Known: TypeAlias = tuple[Bool[Array, "F N N"], Bool[Array, "F N N"]]
"""[f, a, b]: 'a <relation> b' surely holds; it surely does not. Where neither, a person could go either way."""


@dataclass(frozen=True)
class Seen:
    """Pixels and metres; NaN where an object has no silhouette."""

    obj_ids: Int[Array, "N"]
    visib: Float[Array, "F N"]
    middle: Float[Array, "F N 2"]
    """(u, v) of the middle of the whole silhouette's box."""
    visible: Float[Array, "F N 2"]
    """(u, v) of the visible part; `middle` where there is none."""
    distance: Float[Array, "F N 3"]
    """From the camera's centre to the object's box: middle, nearest and farthest of its corners."""
    length: Float[Array, "N"]
    """Longest side of the object's box."""
    relations: Mapping[str, Known] = field(default_factory=dict)
    margin_px: float = 6.0
    margin: float = 0.02

    def at(self, frames: Int[Array, "f"]) -> Seen:
        """The same of some frames."""
        return replace(
            self,
            visib=self.visib[frames],
            middle=self.middle[frames],
            visible=self.visible[frames],
            distance=self.distance[frames],
            relations={kind: (holds[frames], denied[frames]) for kind, (holds, denied) in self.relations.items()},
        )


def seen_in(block: Block, alone: bool) -> Seen:
    """What a block shows; `alone`: every object is the only one of its kind, so that no place need be known."""
    view, ids = block.view, block.layout.obj_ids
    middle = (view.bbox[..., :2] + view.bbox[..., 2:]) / 2
    length = np.array([block.models[int(o)].box.size.max() for o in ids])
    if alone:
        nowhere = np.full((*middle.shape[:2], 3), np.nan)
        return Seen(ids, view.visib_fract, middle, middle, nowhere, length)
    distance = np.stack(along(np.linalg.norm(block.corners_cam, axis=-1)), -1)
    visible = np.where(np.isfinite(view.anchor), view.anchor, middle)
    given = (ids, view.visib_fract, middle, visible, distance, length)
    return Seen(*given, dict(relations(block, visible)), block.config.margin_px, block.config.margin)


def relations(block: Block, visible: Float[Array, "F N 2"]) -> Mapping[str, Known]:
    """Every relation to a landmark that can be told of the block; what needs up only where it is known."""
    left = left_known(block, visible)
    if block.layout.world is None:
        return {"left": left, "right": turned(left)}
    above, stands = above_of(block).holds, np.broadcast_to(block.priors.stands_on, left[0].shape)
    beside = level(block) & ~above & ~above.swapaxes(1, 2)
    front = front_known(block)
    found = {"left": left, "right": turned(left), "front": front, "behind": turned(front)}
    found = {kind: (holds & beside, denied) for kind, (holds, denied) in found.items()}
    return found | {"on": (above & stands, ~above & ~stands & ~block.priors.leans_on & ~might_be_on(block))}


def level(block: Block) -> Bool[Array, "F N N"]:
    """Pairs at one height, in part: what lies on another shelf, or on or under a thing, nobody calls beside it."""
    z = block.corners_world[..., 2]
    low, high = z.min(-1), z.max(-1)
    return np.asarray((low[:, :, None] < high[:, None, :]) & (low[:, None, :] < high[:, :, None]))


def might_be_on(block: Block) -> Bool[Array, "F N N"]:
    """Pairs whose boxes overlap in plan, not far over each other: of what lies in a bin, some say that it is on it."""
    low, high = block.corners_world.min(2), block.corners_world.max(2)
    overlap = (low[:, :, None] < high[:, None, :]) & (low[:, None, :] < high[:, :, None])
    over = low[:, :, None, 2] - high[:, None, :, 2]
    return np.asarray(overlap[..., :2].all(-1) & (over < NEAR))


def turned(known: Known) -> Known:
    """The opposite relation."""
    return known[0].swapaxes(1, 2), known[1].swapaxes(1, 2)


def left_known(block: Block, visible: Float[Array, "F N 2"]) -> Known:
    """Left by metres and pixels; not left where the middles lie the other way in both, however lopsided the shapes."""
    facts, _ = left_of(block)
    x, u = block.corners_cam[..., 0].mean(-1), visible[..., 0]
    start, end = block.view.bbox[..., 0], block.view.bbox[..., 2]
    x_gap, u_gap, middle_gap = (of[:, None, :] - of[:, :, None] for of in (x, u, (start + end) / 2))
    margin = np.maximum(block.config.margin_px, LOPSIDED * ((end - start)[:, None, :] + (end - start)[:, :, None]))
    denied = (x_gap < 0) & (u_gap <= -block.config.margin_px) & (middle_gap <= -margin)
    return facts.holds & (u_gap > 0), denied


def front_known(block: Block) -> Known:
    """In front as `spatial` tells it; not in front where the middle lies farther away, or far to the side."""
    facts, _ = in_front_of(block)
    away = -(block.corners_world * block.toward_viewer[:, None, None, :]).sum(-1).mean(-1)
    aside = (block.corners_world * np.cross(block.toward_viewer, UP)[:, None, None, :]).sum(-1).mean(-1)
    behind, beside = (of[:, None, :] - of[:, :, None] for of in (away, aside))
    return facts.holds, (behind <= -block.config.margin) | (np.abs(beside) >= BESIDE * np.abs(behind))
