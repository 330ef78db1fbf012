"""What other things stand in: a storage bin and a shelf unit, made of boards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from bopask.arrays import Array
from bopask.nouns import Symmetry
from bopask.synth.kinds.palette import Color, described, pick, weighs
from bopask.synth.shapes import Shape, blocks, finish, turns

TWOFOLD = Symmetry(discrete=turns((0, 0, 1), 2))


def _boards(
    lines: Sequence[Sequence[float]], solid: Bool[Array, "p q r"], color: Color
) -> tuple[tuple[Array, Array, Array], list[Array]]:
    """The solid cells of a straight grid with these lines (mm) along x, y and z."""
    nodes = np.stack(np.meshgrid(*(np.asarray(line) / 1e3 for line in lines), indexing="ij"), -1)
    return blocks(nodes, solid, np.broadcast_to(np.array(color, float), nodes.shape), straight=True)


def storage_bin(rng: np.random.Generator) -> Shape:
    """An open box, about 38 x 28 x 15 cm, with walls and floor of 4 mm."""
    x, y, h = rng.uniform(180, 200), rng.uniform(132, 148), rng.uniform(140, 165)
    word, paint = pick(rng, "blue", "gray", "white", "red", "green", "black", "yellow")
    solid = np.zeros((3, 3, 2), bool)
    solid[..., 0] = solid[[0, 2]] = solid[:, [0, 2]] = True
    sides = ([-s, -s + 4, s - 4, s] for s in (x, y))
    surface, parts = _boards((*sides, [0, 4, h]), solid, paint)
    about = described(
        f"{word} storage bin",
        f"{word} open box",
        "storage bin",
        category="bin",
        colors=(word,),
        shape="open box",
        material="plastic",
        use="keep things in",
    )
    return finish(about, surface, parts, mass=weighs(surface, "plastic"), gloss=0.3, symmetry=TWOFOLD)


def shelf_unit(rng: np.random.Generator) -> Shape:
    """An open shelf, about 64 wide x 26 deep x 58 cm high: two sides, a low board, one halfway up and one on top."""
    x, y, h = rng.uniform(305, 335), rng.uniform(125, 138), rng.uniform(560, 600)
    thick, low = 15.0, 30.0
    middle = low + 0.5 * (h - low)
    word, paint = pick(rng, "brown", "white", "beige", "gray", "black")
    heights = [0, low - thick, low, middle - thick, middle, h - thick, h]
    solid = np.zeros((3, 1, 6), bool)
    solid[[0, 2]] = solid[..., 1::2] = True
    surface, parts = _boards(([-x, -x + thick, x - thick, x], [-y, y], heights), solid, paint)
    about = described(
        f"{word} shelf unit",
        f"{word} shelf",
        "shelf unit",
        category="shelf",
        colors=(word,),
        shape="three boards between two sides",
        material="wood",
        use="keep things on",
    )
    return finish(about, surface, parts, mass=weighs(surface, "wood"), gloss=0.25, symmetry=TWOFOLD)
