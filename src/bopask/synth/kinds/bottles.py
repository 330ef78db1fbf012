"""Bottles: of sauce, of soap, of shampoo."""

from __future__ import annotations

import numpy as np

from bopask.synth.kinds.cans import TWOFOLD, rows, twice
from bopask.synth.kinds.labels import Sheet
from bopask.synth.kinds.palette import (
    INK,
    PAINT,
    PAPER,
    described,
    other,
    pick,
    weighs,
)
from bopask.synth.shapes import Loft, Shape, between, cut, finish, lathe, round_loop, sew

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
    body = [(r - 4, 0.0), (r, 4.0), *rows(low, high, r, 10)]
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
    body = [(r - 4, 0.0), (r, 4.0), *rows(low, high, r, 8)]
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
    prints = [loft.wrap(2, 10, twice(half))]
    return finish(about, surface, parts, mass=weighs(surface, 1010.0), gloss=0.6, symmetry=TWOFOLD, prints=prints)
