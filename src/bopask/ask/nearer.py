"""Which of two objects a third is nearer to, in space (yes/no): told once a layout, the same from every camera.

Nearer between surfaces and between centres too, by the margin each: so it does not matter what a person measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from bopask.arrays import Array
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import anchored, ask_anchored
from bopask.geometry import se3
from bopask.priors.collision import bvh

TEMPLATES = (
    "Is the {{a}} {than}?",
    "Is the {{a}} placed {than}?",
    "Is it true that the {{a}} is {than}?",
    "Would you say that the {{a}} is {than}?",
    "Can you confirm that the {{a}} is {than}?",
    "Has the {{a}} its place {than}?",
    "Measured from object to object, is the {{a}} {than}?",
    "Measured in the scene and not in the picture, is the {{a}} {than}?",
    "Judging by the distances in the scene, is the {{a}} {than}?",
    "In three dimensions, is the {{a}} {than}?",
    "Wherever one looks from, is the {{a}} {than}?",
    "Forget the point of view for a moment. Is the {{a}} {than}?",
    "Compare two gaps. Is the {{a}} {than}?",
    "Look at the {{a}}. Is it {than}?",
    "Take the {{a}} and measure to its neighbours. Is it {than}?",
    "Consider where things are in space: is the {{a}} {than}?",
    "Decide whether this holds: the {{a}} is {than}. Does it?",
    "Someone claims that the {{a}} is {than}. Is that right?",
    "A robot measures the distances between objects. Does it find the {{a}} {than}?",
    "A robot holds a tape measure between objects. Is the {{a}} {than}?",
    "If you measured the distances between the objects, would you find the {{a}} {than}?",
    "If gaps between objects are compared, is the {{a}} {than}?",
    "Suppose that only distances between objects count. Is the {{a}} {than}?",
)
WORDS = {
    subtask: tuple(words.format(than=than) for words in TEMPLATES)
    for subtask, than in (
        ("nearer", "nearer to the {b} than to the {c}"),
        ("farther_from", "farther from the {b} than from the {c}"),
    )
}


def ask(block: Block) -> Iterator[Asked | Skipped]:
    yield from ask_anchored(block, *block.once("nearer", lambda: nearer(block)), WORDS)


def nearer(block: Block) -> tuple[Int[Array, "t 3"], Float[Array, "t"]]:
    """(a, b, c): a is nearer to b than to c, by a margin (m)."""
    gaps, middles = distances(block)
    a, b, c = anchored(block.n).T
    margin = np.minimum(gaps[a, c] - gaps[a, b], middles[a, c] - middles[a, b])
    sure = margin >= block.config.margin
    return np.stack([a, b, c], -1)[sure], margin[sure]


def distances(block: Block) -> tuple[Float[Array, "N N"], Float[Array, "N N"]]:
    """Between the surfaces of every two objects, and between the centres of their boxes (m)."""
    import fcl

    models, T = [block.models[int(o)] for o in block.layout.obj_ids], block.layout.T_world_obj
    middle = se3.transform(T, np.stack([m.box.T_ref_box[:3, 3] for m in models])[:, None])[:, 0]
    middles = np.linalg.norm(middle[:, None] - middle, axis=-1)
    gaps = np.zeros_like(middles)
    placed = [
        fcl.CollisionObject(bvh(m), fcl.Transform(T_[:3, :3], T_[:3, 3])) for T_, m in zip(T, models, strict=True)
    ]
    for i, j in combinations(range(block.n), 2):
        apart = fcl.distance(placed[i], placed[j], fcl.DistanceRequest(), fcl.DistanceResult())
        gaps[i, j] = gaps[j, i] = max(apart, 0.0)
    return gaps, middles
