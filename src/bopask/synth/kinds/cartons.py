"""Printed cartons: boxes with one sheet of print round their four sides, its left edge at the front's left edge."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from bopask.arrays import Array
from bopask.nouns import Symmetry
from bopask.synth.kinds.labels import Sheet, front
from bopask.synth.kinds.palette import INK, PAPER, Color, described, ink_on, other, pick, weighs
from bopask.synth.prints import Print
from bopask.synth.shapes import Loft, Shape, finish, rectangle, turns

CELL = 14.0
"""Millimetres between the vertices of a side: vertex colours follow the print this closely."""


def upright(wide: float, deep: float, high: float, color: Color, lids: bool = True) -> tuple[Loft, int]:
    """A box (mm) standing on z = 0, its front at -y, and the last ring of its wall.

    With `lids` the top has inner rings too, so that print on it shows in vertex colours.
    """
    ends = (-wide / 2, wide / 2), (-deep / 2, deep / 2), (0.0, high)
    xs, ys, zs = (np.linspace(a, b, max(2, round((b - a) / CELL) + 1)) / 1e3 for a, b in ends)
    ring, _ = rectangle(xs, ys)
    rings = [np.column_stack([ring, np.full(len(ring), z)]) for z in zs]
    if lids:
        rings += [rings[-1] * [q, q, 1] for q in (0.66, 0.33)]
    return Loft(np.array(rings), np.broadcast_to(np.array(color, float), (len(rings), len(ring), 3))), len(zs) - 1


def _round(loft: Loft, last: int, *sides: Sheet) -> Print:
    """Front, right, back and left side by side."""
    images: list[UInt8[Array, "h w 3"]] = [sheet.pixels() for sheet in sides]
    return loft.wrap(0, last, np.concatenate(images, axis=1))


def cereal_box(rng: np.random.Generator) -> Shape:
    """A cereal box: a picture in front, a panel of small print behind, a barcode on one flank."""
    wide, deep, high = rng.uniform(125, 165), rng.uniform(42, 58), rng.uniform(190, 245)
    word, paint = pick(rng, "orange", "red", "yellow", "blue", "green", "purple", "pink", "brown")
    accent, second = other(rng, "yellow", "red", "blue", "orange", "green", "brown", than=word)
    title = str(rng.choice(["OATS", "FLAKES", "CRUNCH", "LOOPS", "MUESLI", "PUFFS"]))
    loft, last = upright(wide, deep, high, paint)
    face, back = Sheet(wide, high, paint), Sheet(wide, high, paint)
    right, left = Sheet(deep, high, paint), Sheet(deep, high, paint)
    front(face, wide / 2, 0.84 * wide, title, "CEREAL  500 g", second, ink_on(word), rng)
    back.block(0.1 * wide, 0.1 * high, 0.9 * wide, 0.7 * high, PAPER)
    back.lines(0.15 * wide, 0.14 * high, 0.85 * wide, 0.66 * high, INK, rng)
    back.words(wide / 2, 0.82 * high, title, ink_on(word), wide=0.7 * wide, high=0.08 * high)
    for side in (right, left):
        side.band(0.86 * high, 0.92 * high, second)
        side.lines(0.15 * deep, 0.40 * high, 0.85 * deep, 0.82 * high, ink_on(word), rng)
    right.barcode(0.18 * deep, 0.06 * high, 0.64 * deep, 0.12 * high, rng)
    top = Sheet(wide, deep, paint)
    top.words(wide / 2, deep / 2, title, ink_on(word), wide=0.6 * wide, high=0.3 * deep)
    about = described(
        f"{word} cereal box",
        f"{word} box of {title.lower()}",
        "cereal box",
        "box of cereal",
        category="box",
        colors=(word, accent, "white"),
        shape="upright box",
        material="cardboard",
        use="store breakfast cereal",
        printed=f"{title} CEREAL 500 g",
    )
    prints = [_round(loft, last, face, right, back, left), loft.cover(last, top.pixels())]
    surface, parts = loft.surface(), [loft.solid(0, last)]
    return finish(about, surface, parts, mass=weighs(surface, 260.0), gloss=0.2, prints=prints)


def tea_box(rng: np.random.Generator) -> Shape:
    """A box of tea bags, the same print on opposite sides."""
    wide, deep, high = rng.uniform(66, 82), rng.uniform(48, 64), rng.uniform(92, 125)
    word, paint = pick(rng, "green", "teal", "red", "purple", "yellow", "blue", "pink", "black")
    accent, second = other(rng, "yellow", "white", "orange", "red", than=word)
    title = str(rng.choice(["TEA", "MINT TEA", "GREEN TEA", "HERBS"]))
    loft, last = upright(wide, deep, high, paint)
    face, flank = Sheet(wide, high, paint), Sheet(deep, high, paint)
    front(face, wide / 2, 0.82 * wide, title, "20 BAGS", second, ink_on(word), rng)
    for sheet in (face, flank):
        sheet.band(0, 3, second)
        sheet.band(high - 3, high, second)
    flank.words(deep / 2, 0.6 * high, title, ink_on(word), wide=0.7 * deep, high=0.1 * high)
    about = described(
        f"{word} tea box",
        f"{word} box of tea",
        "tea box",
        "box of tea",
        category="box",
        colors=(word, accent),
        shape="small upright box",
        material="cardboard",
        use="store tea bags",
        printed=f"{title} 20 BAGS",
    )
    surface, parts, twofold = loft.surface(), [loft.solid(0, last)], Symmetry(discrete=turns((0, 0, 1), 2))
    prints = [_round(loft, last, face, flank, face, flank)]
    return finish(about, surface, parts, mass=weighs(surface, 250.0), gloss=0.25, symmetry=twofold, prints=prints)


def juice_carton(rng: np.random.Generator) -> Shape:
    """A gable-top carton of juice or milk, the same print front and back."""
    s, eaves = rng.uniform(62, 74), rng.uniform(130, 185)
    drink, word = (("milk", "blue"), ("orange juice", "orange"), ("apple juice", "green"), ("tomato juice", "red"))[
        int(rng.integers(4))
    ]
    _, paint = pick(rng, word)
    ground_word, ground = pick(rng, "white", "beige", "yellow")
    loft, last = upright(s, s, eaves, ground, lids=False)
    face, flank = Sheet(s, eaves, ground), Sheet(s, eaves, ground)
    for sheet in (face, flank):
        sheet.band(0, 0.2 * eaves, paint)
        sheet.band(0.23 * eaves, 0.25 * eaves, paint)
    face.disc(s / 2, 0.50 * eaves, 0.32 * s, paint)
    face.disc(s / 2, 0.50 * eaves, 0.22 * s, PAPER)
    face.disc(s / 2, 0.50 * eaves, 0.18 * s, paint)
    *first, last_word = drink.upper().split()
    for n, line in enumerate([*first, last_word]):
        face.words(s / 2, (0.9 - 0.1 * n - (0 if first else 0.05)) * eaves, line, INK, wide=0.8 * s, high=12)
    flank.lines(0.15 * s, 0.35 * eaves, 0.85 * s, 0.85 * eaves, INK, rng)
    base, ridge, top = loft.rings[-1], eaves + 0.46 * s, eaves + 0.46 * s + 14
    lean = 1 - 0.96 * 0.3 / (ridge - eaves)
    roof = [base * [1, q, 1] + [0, 0, (z - eaves) / 1e3] for q, z in ((lean, eaves + 0.3), (0.04, ridge), (0.04, top))]
    tint = np.broadcast_to(np.array(paint, float), (3, len(base), 3))
    whole = Loft(np.concatenate([loft.rings, roof]), np.concatenate([loft.colors, tint]))
    parts = [whole.solid(0, last), whole.solid(last, last + 2), whole.solid(last + 2, last + 3)]
    about = described(
        f"{ground_word} carton of {drink}",
        f"{drink} carton",
        f"carton of {drink}",
        f"{ground_word} and {word} {drink} carton",
        category="carton",
        colors=(ground_word, word),
        shape="upright box with a gable top",
        material="cardboard",
        use="pour a drink from",
        printed=drink.upper(),
    )
    surface, prints = whole.surface(), [_round(whole, last, face, flank, face, flank)]
    symmetry = Symmetry(discrete=turns((0, 0, 1), 2))
    return finish(about, surface, parts, mass=weighs(surface, 1000.0), gloss=0.3, symmetry=symmetry, prints=prints)
