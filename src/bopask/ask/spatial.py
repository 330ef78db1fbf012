"""Spatial relations (yes/no): left / right, in front of / behind, above / below.

Left, right, front and behind are the viewer's: left and right along the camera's x, front and behind along the
horizontal direction away from the viewer. Above and below are the world's, and only said where one object stands on
the other or over it (overlap in plan). Paper section 3: spatial reasoning, relative position.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import Facts, along, ask_relation, before, decided, phrase_relation
from bopask.geometry import se3

SEEN = (
    "Is the {a} {rel} the {b}{view}?",
    "Would you say that the {a} is {rel} the {b}{view}?",
    "Can you confirm that the {a} is located {rel} the {b}{view}?",
    "Is it true that the {a} is {rel} the {b}{view}?",
    "Looking at the picture, is the {a} {rel} the {b}{view}?",
    "Do you see the {a} {rel} the {b}{view}?",
    "Relative to the {b}, is the {a} placed {rel} it{view}?",
    "Does the {a} stand {rel} the {b}{view}?",
    "Consider the {a} and the {b}. Is the {a} {rel} the {b}{view}?",
    "Check the arrangement: is the {a} {rel} the {b}{view}?",
)
STACKED = (
    "Is the {a} {rel} the {b}?",
    "Would you say that the {a} is {rel} the {b}?",
    "In this scene, does the {a} lie {rel} the {b}?",
    "Is it true that the {a} is {rel} the {b}?",
    "Looking at how things are stacked, is the {a} {rel} the {b}?",
    "Do you see the {a} {rel} the {b} in the stack?",
    "Consider the {a} and the {b}. Is the {a} {rel} the {b}?",
    "Does the {a} sit {rel} the {b}?",
)
WORDS = {
    "left": phrase_relation(SEEN, rel="to the left of", view=" from the camera's point of view"),
    "right": phrase_relation(SEEN, rel="to the right of", view=" from the camera's point of view"),
    "front": phrase_relation(SEEN, rel="in front of", view=" as seen by the camera"),
    "behind": phrase_relation(SEEN, rel="behind", view=" as seen by the camera"),
    "above": phrase_relation(STACKED, rel="above"),
    "below": phrase_relation(STACKED, rel="below"),
}
OVER = 0.01
"""An object over another may reach this far (m) below the other's top: real poses interpenetrate."""


def ask(block: Block) -> Iterator[Asked | Skipped]:
    left, skipped = left_of(block)
    yield from (ask_relation(block, "left", WORDS["left"], left, "camera"), skipped)
    yield ask_relation(block, "right", WORDS["right"], left.turned, "camera")
    if block.layout.world is None:
        return
    front, skipped = in_front_of(block)
    yield from (ask_relation(block, "front", WORDS["front"], front, "camera"), skipped)
    yield ask_relation(block, "behind", WORDS["behind"], front.turned, "camera")
    above = above_of(block)
    yield ask_relation(block, "above", WORDS["above"], above, "world")
    yield ask_relation(block, "below", WORDS["below"], above.turned, "world")


def left_of(block: Block) -> tuple[Facts, Skipped]:
    """Left along the camera's x in metres, and in pixels too: perspective can turn one against the other."""
    bbox = np.nan_to_num(block.view.bbox)
    u = (bbox[..., 0] + bbox[..., 2]) / 2
    seen = u[:, None, :] - u[:, :, None] >= block.config.margin_px
    return decided(block, before(*along(block.corners_cam[..., 0])), seen)


def in_front_of(block: Block) -> tuple[Facts, Skipped]:
    """Nearer to the viewer along the support, and nearer to the camera too."""
    corners_world = se3.transform(block.T_world_cam[:, None], block.corners_cam)
    away = -(corners_world * block.toward_viewer[:, None, None, :]).sum(-1)
    z = block.T_cam_obj[..., 2, 3]
    return decided(block, before(*along(away)), z[:, None, :] > z[:, :, None])


def above_of(block: Block) -> Facts:
    """Standing on the other, or over it: bottom not below the other's top, centre within its plan."""
    corners_world = se3.transform(block.T_world_cam[:, None], block.corners_cam)
    low, high = corners_world.min(-2), corners_world.max(-2)
    center = (low + high) / 2
    margin = low[:, :, None, 2] - high[:, None, :, 2]
    inside = (center[:, :, None, :2] > low[:, None, :, :2]) & (center[:, :, None, :2] < high[:, None, :, :2])
    over = inside.all(-1) | inside.all(-1).swapaxes(1, 2)
    higher = center[:, :, None, 2] > high[:, None, :, 2]
    return Facts(over & higher & ((margin >= -OVER) | block.priors.stands_on[None]), margin)
