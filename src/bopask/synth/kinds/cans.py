"""Cans, tins, jars and bottles: turned, with a printed label round them."""

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
from bopask.synth.shapes import Loft, Shape, between, cut, finish, lathe, round_loop, sew, turns

TWOFOLD = Symmetry(discrete=turns((0, 0, 1), 2))


def _twice(half: Sheet) -> UInt8[Array, "h w 3"]:
    """The same print on either side of a round thing."""
    return np.concatenate([half.pixels()] * 2, axis=1)


def _rows(low: float, high: float, r: float, n: int) -> list[tuple[float, float]]:
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
    wall = _rows(low, high, r, 10)
    foot = [(r - 10, 0.0), (r - 7, 0.0), (r - 2.5, 4.0)]
    neck = [(r - 1.2, h - 8.0), (r - 3.5, h - 4.0), (r - 5.6, h - 0.8), (r - 6.4, h)]
    cap = [(t * (r - 6.4), h) for t in (0.92, 0.5)]
    loft = lathe(foot + wall + neck + cap, [SILVER] * 3 + [paint] * 11 + [SILVER] * 5, k=48)
    top = len(foot + wall + neck) - 1
    prints = [
        loft.wrap(len(foot), len(foot) + 9, _twice(half)),
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


def soup_can(rng: np.random.Generator) -> Shape:
    """A food can with a paper label: a picture in front, small print and a barcode behind."""
    r, h = rng.uniform(32, 38), rng.uniform(96, 116)
    word, paint = pick(rng, "red", "green", "orange", "yellow", "blue", "white", "brown")
    accent, second = other(rng, "red", "green", "orange", "yellow", than=word)
    food = str(rng.choice(["TOMATO", "BEANS", "CORN", "PEAS", "CHILI", "MUSHROOM"]))
    low, high = 6.0, h - 6.0
    sheet = Sheet(2 * np.pi * r, high - low, paint)
    sheet.band(0, 4, second)
    sheet.band(sheet.height - 4, sheet.height, second)
    front(sheet, 0.75 * sheet.width, 0.32 * sheet.width, food, "SOUP  400 g", second, ink_on(word), rng)
    sheet.lines(0.06 * sheet.width, 10, 0.24 * sheet.width, sheet.height - 10, ink_on(word), rng)
    sheet.barcode(0.30 * sheet.width, 12, 30, 18, rng)
    wall = _rows(low, high, r, 10)
    foot = [(r - 1.5, 0.0), (r, 0.8), (r, 3.0)]
    rim = [(r, h - 3.0), (r, h - 0.8), (r - 1.5, h)]
    cap = [(0.9 * r, h), (0.5 * r, h)]
    loft = lathe(foot + wall + rim + cap, [SILVER] * 3 + [paint] * 10 + [TIN] * 5, k=44)
    lid = _lid(r - 1.5, (0.94, 0.88, 0.7, 0.64, 0.45, 0.39), TIN)
    prints = [loft.wrap(3, 12, sheet.pixels()), loft.cover(15, lid.pixels())]
    thing = {"BEANS": "can of beans", "CORN": "can of corn", "PEAS": "can of peas"}.get(
        food, f"{food.lower()} soup can"
    )
    about = described(
        f"{word} {thing}",
        thing,
        f"{word} food can",
        category="can",
        colors=(word, accent, "silver"),
        shape="cylindrical",
        material="steel",
        use="store food",
        printed=f"{food} SOUP 400 g",
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
    foot = [(r - 1.5, 0.0), (r, 0.8)]
    wall = _rows(low, high, r, 6)
    rim = [(r, h - 0.8), (r - 1.5, h)]
    cap = [(0.9 * r, h), (0.5 * r, h)]
    loft = lathe(foot + wall + rim + cap, [SILVER] * 2 + [paint] * 6 + [TIN] * 4, k=44)
    lid = _lid(r - 1.5, (0.94, 0.89, 0.72, 0.67, 0.5, 0.45), TIN)
    prints = [loft.wrap(2, 7, _twice(half)), loft.cover(9, lid.pixels())]
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
    surface, parts = loft.surface(), [loft.solid(0, 9)]
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
    body = [(r - 4, 0.0), (r, 4.0), *_rows(low, high, r, 9)]
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


SAUCES = {"ketchup": "red", "mustard": "yellow", "olive oil": "green", "soy sauce": "brown", "water": "blue"}


def bottle(rng: np.random.Generator) -> Shape:
    """A tall round bottle of sauce, oil or water: a shoulder, a narrow neck, a cap, a label in front."""
    r, h = rng.uniform(28, 35), rng.uniform(195, 245)
    content = list(SAUCES)[int(rng.integers(len(SAUCES)))]
    inside = PAINT[SAUCES[content]]
    inside = (150, 196, 224) if content == "water" else inside
    word, cap = other(rng, "white", "black", "red", "green", "blue", "yellow", than=SAUCES[content])
    low, high = 0.12 * h, 0.56 * h
    sheet = Sheet(2 * np.pi * r, high - low, inside)
    sheet.block(0, 0.05 * sheet.height, sheet.width, 0.95 * sheet.height, PAPER)
    sheet.band(0.05 * sheet.height, 0.12 * sheet.height, cap)
    sheet.band(0.88 * sheet.height, 0.95 * sheet.height, cap)
    for n, line in enumerate(content.upper().split()):
        sheet.words(0.75 * sheet.width, (0.68 - 0.16 * n) * sheet.height, line, INK, wide=0.28 * sheet.width, high=13)
    sheet.disc(0.75 * sheet.width, 0.30 * sheet.height, 0.13 * sheet.height, PAINT[SAUCES[content]])
    sheet.lines(0.14 * sheet.width, 30, 0.36 * sheet.width, 0.84 * sheet.height, INK, rng)
    sheet.barcode(0.15 * sheet.width, 12, 26, 14, rng)
    body = [(r - 4, 0.0), (r, 4.0), *_rows(low, high, r, 10)]
    shoulder = [(r, 0.62 * h), (0.93 * r, 0.68 * h), (0.74 * r, 0.745 * h), (0.48 * r, 0.80 * h)]
    neck = [(0.40 * r, 0.90 * h)]
    top = [(0.50 * r, 0.90 * h), (0.50 * r, 0.985 * h), (0.44 * r, h)]
    loft = lathe(body + shoulder + neck + top, [inside] * 17 + [cap] * 3, k=40)
    n = len(body + shoulder) - 1
    parts = [loft.solid(0, n), loft.solid(n, n + 1), loft.solid(n + 2, n + 4)]
    about = described(
        f"bottle of {content} with a {word} cap",
        f"{content} bottle",
        f"{content} bottle with a {word} cap",
        category="bottle",
        colors=(SAUCES[content], "white", word),
        shape="tall and round with a narrow neck",
        material="plastic",
        use="pour water from" if content == "water" else "season food",
        printed=content.upper(),
    )
    surface, prints = loft.surface(), [loft.wrap(2, 11, sheet.pixels())]
    return finish(about, surface, parts, mass=weighs(surface, 1030.0), gloss=0.7, prints=prints)


def soap_bottle(rng: np.random.Generator) -> Shape:
    """A soap dispenser: a round bottle, a collar, and a pump whose spout points to -y."""
    r, h, k = rng.uniform(29, 35), rng.uniform(105, 130), 40
    word, paint = pick(rng, "pink", "green", "blue", "white", "yellow", "orange", "purple", "teal")
    cap_word, cap = other(rng, "white", "black", "gray", than=word)
    low, high = 0.14 * h, 0.80 * h
    sheet = Sheet(2 * np.pi * r, high - low, paint)
    sheet.disc(0.75 * sheet.width, 0.62 * sheet.height, 0.27 * sheet.height, PAPER)
    sheet.words(0.75 * sheet.width, 0.62 * sheet.height, "SOAP", INK, wide=0.42 * sheet.height, high=14)
    sheet.block(0.62 * sheet.width, 0.12 * sheet.height, 0.88 * sheet.width, 0.17 * sheet.height, PAPER)
    body = [(r - 4, 0.0), (r, 4.0), *_rows(low, high, r, 8)]
    shoulder = [(r, 0.86 * h), (0.88 * r, 0.94 * h), (0.55 * r, h)]
    collar = [(0.48 * r, h), (0.48 * r, h + 14)]
    stem = [(4.0, h + 14), (4.0, h + 24)]
    head = [(9.0, h + 24), (9.5, h + 26), (9.5, h + 31), (9.5, h + 36), (8.0, h + 38)]
    profile = body + shoulder + collar + stem + head
    loft = lathe(profile, [paint] * 13 + [cap] * 9, k)
    a, b, c, d = (len(body + shoulder), *(len(body + shoulder) + n for n in (2, 4, 9)))
    parts = [loft.solid(0, a - 1), loft.solid(a, b - 1), loft.solid(b, c - 1), loft.solid(c, d - 1)]
    vertices, whole, tints = loft.surface()
    faces, loop = cut(loft, whole, c + 1, 3 * k // 4 - 3, 2, 6)
    prints = [loft.wrap(2, 9, sheet.pixels()).after(whole, faces)]
    start = vertices[loop]
    along = np.array([[5, 0], [20, 0], [28, -2], [33, -6.0]]) / 1e3
    centers = start.mean(0) + along[:, :1] * np.array([0, -1.0, 0]) + along[:, 1:] * np.array([0, 0, 1.0])
    across = np.array([4.0, 3.6, 3.4, 3.0])[:, None] / 1e3
    tilt = np.radians([0, 5, 25, 45])
    up = np.stack([0 * tilt, -np.sin(tilt), np.cos(tilt)], 1) * across
    rings = round_loop(start, centers, across * np.array([1.0, 0, 0]), up)
    surface = sew((vertices, faces, tints), loop, rings, np.tile(np.array(cap, float), (4, 1)), None)
    about = described(
        f"{word} soap bottle with a {cap_word} pump",
        f"{word} soap dispenser",
        "soap dispenser",
        category="bottle",
        colors=(word, cap_word),
        shape="cylindrical with a pump",
        material="plastic",
        use="wash hands",
        printed="SOAP",
    )
    parts += between(np.concatenate([start[None], rings]))
    return finish(about, surface, parts, mass=weighs(surface, 980.0), gloss=0.5, prints=prints)


def shampoo_bottle(rng: np.random.Generator) -> Shape:
    """A flat oval bottle with a flip cap, the same label front and back."""
    a, b, h, k = rng.uniform(31, 37), rng.uniform(18, 22), rng.uniform(165, 200), 48
    word, paint = pick(rng, "purple", "blue", "green", "pink", "teal", "white", "orange", "black")
    cap_word, cap = other(rng, "white", "black", "yellow", "gray", than=word)
    title = str(rng.choice(["SHAMPOO", "SHOWER GEL", "LOTION"]))
    low, high = 0.14 * h, 0.66 * h
    phi = 2 * np.pi * np.arange(k) / k
    ellipse, circle = (np.stack([x * np.cos(phi), y * np.sin(phi), 0 * phi], 1) for x, y in ((a, b), (1.0, 1.0)))
    arc = float(np.linalg.norm(np.roll(ellipse, -1, axis=0) - ellipse, axis=1).sum())
    half = Sheet(arc / 2, high - low, paint)
    half.block(0.18 * half.width, 0.06 * half.height, 0.82 * half.width, 0.94 * half.height, PAPER)
    half.words(half.width / 2, 0.72 * half.height, title, INK, wide=0.56 * half.width, high=10)
    half.block(0.18 * half.width, 0.40 * half.height, 0.82 * half.width, 0.54 * half.height, paint)
    half.disc(half.width / 2, 0.24 * half.height, 0.09 * half.height, paint)
    levels = [(0.0, 0.88), (3.0, 0.97), *((z, 1.0) for z in np.linspace(low, high, 9))]
    levels += [(0.70 * h, 0.97), (0.76 * h, 0.86), (0.80 * h, 0.66), (0.815 * h, 0.5)]
    neck = len(levels)
    rings = [q * ellipse + [0, 0, z] for z, q in levels]
    rings += [q * circle + [0, 0, z] for q, z in ((12.0, 0.815 * h), (14.0, 0.822 * h), (13.2, h - 2), (11.5, h))]
    tints = np.array([paint] * neck + [cap] * 4, float)
    loft = Loft(np.array(rings) / 1e3, np.repeat(tints[:, None], k, axis=1))
    about = described(
        f"{word} {title.lower()} bottle",
        f"flat {word} bottle with a {cap_word} cap",
        f"{title.lower()} bottle",
        category="bottle",
        colors=(word, "white", cap_word),
        shape="flat oval with a cap",
        material="plastic",
        use="wash hair" if title == "SHAMPOO" else "care for the skin",
        printed=title,
    )
    surface, parts = loft.surface(), [loft.solid(0, neck - 1), loft.solid(neck, neck + 3)]
    prints = [loft.wrap(2, 10, _twice(half))]
    return finish(about, surface, parts, mass=weighs(surface, 1010.0), gloss=0.6, symmetry=TWOFOLD, prints=prints)
