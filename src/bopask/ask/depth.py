"""Relative depth (yes/no): which of two objects, or of three, is closer to, or farther from, the camera.

Distance is from the camera's centre, in metres; the centre of each object must lie outside the other's extent
(paper section 3: depth_relative).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import Facts, along, ask_relation, before, decided, phrase_relation, solid, without_hints
from bopask.ask.superlatives import superlative

TEMPLATES = (
    "Is the {a} {rel} the camera than the {b}?",
    "Would you say that the {a} is {rel} the camera than the {b}?",
    "Is it true that the {a} lies {rel} the camera than the {b}?",
    "Is the {a} positioned {rel} the camera than the {b} is?",
    "Can you confirm that the {a} is {rel} the camera than the {b}?",
    "Has the {a} its place {rel} the camera than the {b}?",
    "Is it the {a} that is {rel} the camera, rather than the {b}?",
    "Compared with the {b}, is the {a} {rel} the camera?",
    "Between the {a} and the {b}, is the {a} the one {rel} the camera?",
    "Of the {b} and the {a}, is the {a} the one {rel} the camera?",
    "Judging by depth, is the {a} {rel} the camera than the {b}?",
    "From where the picture was taken, is the {a} {rel} the camera than the {b}?",
    "Measured from the lens, is the {a} {rel} the camera than the {b}?",
    "Consider how far away things are: is the {a} {rel} the camera than the {b}?",
    "Compare two distances. Is the {a} {rel} the camera than the {b}?",
    "Look at the {b} first. Is the {a} {rel} the camera than that?",
    "Check the depth order: is the {a} {rel} the camera than the {b}?",
    "Decide whether this holds: the {a} is {rel} the camera than the {b}. Does it?",
    "A robot sees the scene through this camera. Is the {a} {rel} the camera than the {b}?",
    "A robot measures the distance to each object. Does it find the {a} {rel} the camera than the {b}?",
    "If you measured from the camera to each object, would you find the {a} {rel} the camera than the {b}?",
    "If you sorted the {b} and the {a} by distance, would the {a} come out {rel} the camera?",
    "Suppose that all distances start at the camera. Is the {a} {rel} the camera than the {b}?",
    "Taking the distance of the {b} as a mark, is the {a} {rel} the camera?",
)
CLOSER = phrase_relation(TEMPLATES, rel="closer to")
FARTHER = phrase_relation(TEMPLATES, rel="farther from")


def ask(block: Block) -> Iterator[Asked | Skipped]:
    closer, skipped = closer_than(block)
    closer, hints = without_hints(block, closer, "near", "far")
    yield from (skipped, *hints)
    yield ask_relation(block, "closer", CLOSER, closer, "camera")
    yield ask_relation(block, "farther", FARTHER, closer.turned, "camera")
    yield from superlative(block, "closest", closer)
    yield from superlative(block, "farthest", closer.turned)


def closer_than(block: Block) -> tuple[Facts, Skipped]:
    """Along the distance from the camera's centre."""
    distance, of_meshes = (np.linalg.norm(points, axis=-1) for points in (block.corners_cam, block.extremes_cam))
    return decided(block, before(*along(distance)), solid(block, of_meshes))
