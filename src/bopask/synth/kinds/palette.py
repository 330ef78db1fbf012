"""Colours that have plain names, what materials weigh, and the two turned at random a little."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bopask.geometry.mesh import Mesh, signed_volume
from bopask.nouns import Description
from bopask.synth.prints import Surface

Color = tuple[int, int, int]

PAINT: Mapping[str, Color] = {
    "red": (194, 34, 36),
    "orange": (236, 118, 24),
    "yellow": (244, 200, 40),
    "green": (44, 134, 62),
    "teal": (20, 136, 138),
    "blue": (32, 84, 180),
    "purple": (112, 54, 152),
    "pink": (236, 128, 162),
    "brown": (116, 72, 42),
    "black": (36, 36, 40),
    "gray": (128, 132, 138),
    "white": (240, 238, 232),
    "beige": (222, 204, 168),
}
SILVER, TIN, STEEL, INK, PAPER = (182, 186, 192), (160, 163, 170), (128, 132, 140), (34, 34, 38), (246, 243, 234)
LIGHT = frozenset({"yellow", "white", "beige", "pink", "orange"})
"""Paints on which dark ink is read better than white."""

DENSITY: Mapping[str, float] = {
    "aluminium": 2700.0,
    "cardboard": 700.0,
    "ceramic": 2300.0,
    "glass": 2500.0,
    "plastic": 950.0,
    "steel": 7800.0,
    "wood": 620.0,
}
"""Kilograms a cubic metre of the material itself."""


def pick(rng: np.random.Generator, *words: str) -> tuple[str, Color]:
    """One of these colours, a little off its mean: two red things are seldom the same red."""
    word = words[int(rng.integers(len(words)))]
    r, g, b = np.clip(np.array(PAINT[word]) + rng.integers(-8, 9, 3), 0, 255).tolist()
    return word, (r, g, b)


def other(rng: np.random.Generator, *words: str, than: str) -> tuple[str, Color]:
    """One of these colours, but not that one."""
    return pick(rng, *(word for word in words if word != than))


def ink_on(word: str) -> Color:
    """What is read well on a paint."""
    return INK if word in LIGHT else PAPER


def weighs(surface: Surface, density: float | str) -> float:
    """Kilograms of a solid: a material's own density, or what a full package has on average (kg/m³)."""
    vertices, faces, _ = surface
    return signed_volume(Mesh(vertices, faces)) * (DENSITY[density] if isinstance(density, str) else density)


def described(
    name: str,
    *synonyms: str,
    category: str,
    colors: tuple[str, ...],
    shape: str,
    material: str,
    use: str,
    printed: str = "",
) -> Description:
    """What is said of a shape made here: verified, since the same numbers make the words and the shape."""
    return Description(
        name,
        tuple(dict.fromkeys(synonyms)),
        category=category,
        colors=tuple(dict.fromkeys(colors)),
        shape=shape,
        material=material,
        use=use,
        printed=printed,
        source="bopask.synth",
    )
