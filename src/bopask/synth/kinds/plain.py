"""Distractors: plain solids that the ground truth knows and no question names."""

from __future__ import annotations

import numpy as np

from bopask.nouns import Description
from bopask.rng import rng_for
from bopask.synth.kinds.palette import pick, weighs
from bopask.synth.shapes import Shape, blocks, finish, lathe, round_about

COLORS = ("gray", "beige", "brown", "white", "black")
NAMELESS = Description("", source="bopask.synth")


def solids(seed: int) -> list[Shape]:
    """Two blocks, two cylinders and a cone, drawn by the seed."""
    makers = (block, block, cylinder, cylinder, cone)
    return [make(rng_for(seed, "plain", number)) for number, make in enumerate(makers)]


def block(rng: np.random.Generator) -> Shape:
    """A block of 3 to 9 cm."""
    edges = rng.uniform(15, 45, 3) / 1e3
    nodes = np.stack(np.meshgrid(*([-e, e] for e in edges), indexing="ij"), -1)
    surface, parts = blocks(
        nodes,
        np.ones((1, 1, 1), bool),
        np.broadcast_to(np.array(pick(rng, *COLORS)[1], float), nodes.shape),
        straight=True,
    )
    return finish(NAMELESS, surface, parts, mass=weighs(surface, "wood"), gloss=0.1)


def cylinder(rng: np.random.Generator) -> Shape:
    """A cylinder 4 to 8 cm wide and 3 to 12 cm high."""
    radius, height = rng.uniform(20, 40), rng.uniform(30, 120)
    return _turned(rng, [(radius - 1, 0), (radius, 1), (radius, height - 1), (radius - 1, height)])


def cone(rng: np.random.Generator) -> Shape:
    """A blunt cone."""
    radius, height = rng.uniform(25, 40), rng.uniform(50, 100)
    return _turned(rng, [(radius, 0), (0.4 * radius, height)])


def _turned(rng: np.random.Generator, profile: list[tuple[float, float]]) -> Shape:
    paint = pick(rng, *COLORS)[1]
    loft = lathe(profile, [paint] * len(profile), k=32)
    surface = loft.surface()
    parts = [loft.solid(0, len(profile) - 1)]
    return finish(NAMELESS, surface, parts, mass=weighs(surface, "wood"), gloss=0.1, symmetry=round_about())
