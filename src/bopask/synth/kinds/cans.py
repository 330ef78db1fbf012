"""Cans, tins and jars: turned, with a printed label round them."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from bopask.arrays import Array
from bopask.nouns import Symmetry
from bopask.synth.kinds.labels import Sheet, front
from bopask.synth.kinds.palette import (
    INK,
    PAINT,
    PAPER,
    SILVER,
    STEEL,
    TIN,
    Color,
    described,
    ink_on,
    other,
    pick,
    weighs,
)
from bopask.synth.shapes import Shape, finish, lathe, turns

EDGE = 0.3
"""Millimetres from metal to print: a row of triangles of its own, so that neither runs into the other."""
TWOFOLD = Symmetry(discrete=turns((0, 0, 1), 2))


def twice(half: Sheet) -> UInt8[Array, "h w 3"]:
    """The same print on either side of a round thing."""
    return np.concatenate([half.pixels()] * 2, axis=1)


def rows(low: float, high: float, r: float, n: int) -> list[tuple[float, float]]:
    """Rings of a straight wall, so that vertex colours follow its print too."""
    return [(r, z) for z in np.linspace(low, high, n)]


def _lid(radius: float, rings: tuple[float, ...], ground: Color) -> Sheet:
    """The top of a can: circles pressed into it."""
    sheet = Sheet(2 * radius, 2 * radius, ground)
    for n, r in enumerate(rings):
        sheet.disc(radius, radius, r * radius, STEEL if n % 2 == 0 else ground)
    return sheet


def soda_can(rng: np.random.Generator) -> Shape:
    """A drinks can of 250 to 330 ml, the same print front and back."""
    r, h = (33.0, 115.5) if rng.random() < 0.6 else (26.5, 134.0)
    word, paint = pick(rng, "red", "blue", "green", "orange", "purple", "black", "yellow", "teal")
    accent, second = other(rng, "white", "yellow", "red", "blue", "pink", than=word)
    title = str(rng.choice(["COLA", "FIZZ", "SODA", "LEMON", "ZING", "TONIC"]))
    low, high = 9.0, h - 13.0
    half = Sheet(np.pi * r, high - low, paint)
    half.band(4, 8, second)
    half.band(high - low - 8, high - low - 4, second)
    half.block(0, 8, 0.16 * half.width, high - low - 8, second)
    half.words(0.55 * half.width, 0.58 * half.height, title, ink_on(word), wide=0.52 * half.width, high=20)
    half.words(0.55 * half.width, 0.30 * half.height, "SPARKLING", ink_on(word), wide=0.42 * half.width, high=6)
    wall = rows(low, high, r, 10)
    foot = [(r - 10, 0.0), (r - 7, 0.0), (r - 2.5, 4.0), (r, low - EDGE)]
    neck = [
        (r - 1.2, h - 8.0),
        (r - 1.2 - 0.575 * EDGE, h - 8 + EDGE),
        (r - 3.5, h - 4.0),
        (r - 5.6, h - 0.8),
        (r - 6.4, h),
    ]
    cap = [(t * (r - 6.4), h) for t in (0.92, 0.5)]
    loft = lathe(foot + wall + neck + cap, [SILVER] * 4 + [paint] * 11 + [SILVER] * 6, k=48)
    top = len(foot + wall + neck) - 1
    prints = [
        loft.wrap(len(foot), len(foot) + 9, twice(half)),
        loft.cover(top, _lid(r - 6.4, (0.93, 0.88, 0.45, 0.38), SILVER).pixels()),
    ]
    about = described(
        f"{word} and {accent} soda can",
        f"{word} soda can",
        "soda can",
        "drinks can",
        category="can",
        colors=(word, accent, "silver"),
        shape="cylindrical",
        material="aluminium",
        use="hold a drink",
        printed=f"{title} SPARKLING",
    )
    surface, parts = loft.surface(), [loft.solid(0, top)]
    return finish(about, surface, parts, mass=weighs(surface, 1000.0), gloss=0.8, symmetry=TWOFOLD, prints=prints)


BARE = ("BEANS", "CORN", "PEAS")
"""Foods that are canned as they are."""


def soup_can(rng: np.random.Generator) -> Shape:
    """A food can with a paper label: a picture in front, small print and a barcode behind."""
    r, h = rng.uniform(32, 38), rng.uniform(96, 116)
    word, paint = pick(rng, "red", "green", "orange", "yellow", "blue", "white", "brown")
    accent, second = other(rng, "red", "green", "orange", "yellow", than=word)
    food = str(rng.choice(["TOMATO", "BEANS", "CORN", "PEAS", "CHILI", "MUSHROOM"]))
    weight = "400 g" if food in BARE else "SOUP 400 g"
    low, high = 6.0, h - 6.0
    sheet = Sheet(2 * np.pi * r, high - low, paint)
    sheet.band(0, 4, second)
    sheet.band(sheet.height - 4, sheet.height, second)
    front(sheet, 0.75 * sheet.width, 0.32 * sheet.width, food, weight, second, ink_on(word), rng)
    sheet.lines(0.06 * sheet.width, 10, 0.24 * sheet.width, sheet.height - 10, ink_on(word), rng)
    sheet.barcode(0.30 * sheet.width, 12, 30, 18, rng)
    wall = rows(low, high, r, 10)
    foot = [(r - 1.5, 0.0), (r, 0.8), (r, low - EDGE)]
    rim = [(r, high + EDGE), (r, h - 0.8), (r - 1.5, h)]
    cap = [(0.9 * r, h), (0.5 * r, h)]
    loft = lathe(foot + wall + rim + cap, [SILVER] * 3 + [paint] * 10 + [TIN] * 5, k=44)
    lid = _lid(r - 1.5, (0.94, 0.88, 0.7, 0.64, 0.45, 0.39), TIN)
    prints = [loft.wrap(3, 12, sheet.pixels()), loft.cover(15, lid.pixels())]
    thing = f"can of {food.lower()}" if food in BARE else f"{food.lower()} soup can"
    about = described(
        f"{word} {thing}",
        thing,
        f"{word} food can",
        category="can",
        colors=(word, accent, "silver"),
        shape="cylindrical",
        material="steel",
        use="store food",
        printed=f"{food} {weight}",
    )
    surface, parts = loft.surface(), [loft.solid(0, 15)]
    return finish(about, surface, parts, mass=weighs(surface, 1080.0), gloss=0.45, prints=prints)


def tuna_tin(rng: np.random.Generator) -> Shape:
    """A low tin: a paper band round it, the title on both sides, circles on the lid."""
    r, h = rng.uniform(34, 44), rng.uniform(33, 42)
    word, paint = pick(rng, "teal", "red", "blue", "yellow", "green", "orange", "purple")
    accent, second = other(rng, "white", "yellow", "red", than=word)
    fish = str(rng.choice(["TUNA", "SARDINES", "SALMON"]))
    low, high = 4.0, h - 4.0
    half = Sheet(np.pi * r, high - low, paint)
    half.band(0, 3, second)
    half.band(half.height - 3, half.height, second)
    half.words(half.width / 2, half.height / 2, fish, ink_on(word), wide=0.5 * half.width, high=0.5 * half.height)
    foot = [(r - 1.5, 0.0), (r, 0.8), (r, low - EDGE)]
    wall = rows(low, high, r, 6)
    rim = [(r, high + EDGE), (r, h - 0.8), (r - 1.5, h)]
    cap = [(0.9 * r, h), (0.5 * r, h)]
    loft = lathe(foot + wall + rim + cap, [SILVER] * 3 + [paint] * 6 + [TIN] * 5, k=44)
    lid = _lid(r - 1.5, (0.94, 0.89, 0.72, 0.67, 0.5, 0.45), TIN)
    prints = [loft.wrap(3, 8, twice(half)), loft.cover(11, lid.pixels())]
    about = described(
        f"{word} tin of {fish.lower()}",
        f"low {word} and {accent} tin",
        f"{fish.lower()} tin",
        category="can",
        colors=(word, accent, "silver"),
        shape="low cylinder",
        material="steel",
        use="store fish",
        printed=fish,
    )
    surface, parts = loft.surface(), [loft.solid(0, 11)]
    return finish(about, surface, parts, mass=weighs(surface, 1100.0), gloss=0.6, symmetry=TWOFOLD, prints=prints)


FILLINGS = {
    "strawberry jam": "red",
    "honey": "orange",
    "pesto": "green",
    "peanut butter": "beige",
    "chocolate": "brown",
}


def jar(rng: np.random.Generator) -> Shape:
    """A glass jar full of something, a label in front, a screw lid on top."""
    r, h = rng.uniform(33, 40), rng.uniform(88, 118)
    filling = list(FILLINGS)[int(rng.integers(len(FILLINGS)))]
    inside = PAINT[FILLINGS[filling]]
    word, paint = other(rng, "red", "white", "green", "blue", "yellow", "black", than=FILLINGS[filling])
    low, high = 12.0, 0.68 * h
    sheet = Sheet(2 * np.pi * r, high - low, inside)
    sheet.block(0.58 * sheet.width, 3, 0.92 * sheet.width, sheet.height - 3, PAPER)
    sheet.block(0.60 * sheet.width, 6, 0.90 * sheet.width, 8, paint)
    sheet.block(0.60 * sheet.width, sheet.height - 8, 0.90 * sheet.width, sheet.height - 6, paint)
    *first, last_word = filling.upper().split()
    for n, line in enumerate([*first, last_word]):
        y = sheet.height * (0.5 if not first else 0.62 - 0.26 * n)
        sheet.words(0.75 * sheet.width, y, line, INK, wide=0.28 * sheet.width, high=10)
    body = [(r - 4, 0.0), (r, 4.0), *rows(low, high, r, 9)]
    shoulder = [(r, 0.76 * h), (0.94 * r, 0.80 * h), (0.82 * r, 0.84 * h)]
    lid = [(0.90 * r, 0.84 * h), (0.92 * r, 0.85 * h), (0.92 * r, h - 1.5), (0.89 * r, h)]
    loft = lathe(body + shoulder + lid, [inside] * 14 + [paint] * 4, k=44)
    neck = len(body + shoulder)
    about = described(
        f"jar of {filling} with a {word} lid",
        f"jar of {filling}",
        f"{filling} jar with a {word} lid",
        category="jar",
        colors=(FILLINGS[filling], word, "white"),
        shape="cylindrical with a lid",
        material="glass",
        use="store food",
        printed=filling.upper(),
    )
    surface, parts = loft.surface(), [loft.solid(0, neck - 1), loft.solid(neck, neck + 3)]
    prints = [loft.wrap(2, 10, sheet.pixels())]
    return finish(about, surface, parts, mass=weighs(surface, 1200.0), gloss=0.85, prints=prints)
