"""Turned things that are no dishes: a screwdriver, a roll of tape, a flashlight, a marker pen."""

from __future__ import annotations

import numpy as np

from bopask.nouns import Symmetry
from bopask.synth.kinds.labels import Sheet
from bopask.synth.kinds.palette import INK, PAPER, SILVER, described, other, pick, weighs
from bopask.synth.shapes import EPS, LAY, Loft, Shape, about_x, finish, lathe, round_about, turned, turns

EDGE = EPS * 1e3


def screwdriver(rng: np.random.Generator) -> Shape:
    """A slotted screwdriver that lies along x, the tip towards +x."""
    word, paint = pick(rng, "red", "yellow", "blue", "green", "orange", "purple", "black")
    _, second = other(rng, "black", "yellow", "red", than=word)
    s, shank, k = rng.uniform(0.85, 1.1), rng.uniform(75, 125), 24
    phi = 2 * np.pi * np.arange(k) / k
    folded = np.mod(phi + np.pi / 6, np.pi / 3) - np.pi / 6
    hexagon = np.minimum(np.cos(np.pi / 6) * 1.06 / np.cos(folded), 1.0)
    grip = [(0.0, 9.0), (2.0, 12.0), (7.0, 14.5), (12 - EDGE, 14.8), (12 + EDGE, 14.8), (52 - EDGE, 15.5)]
    grip += [(52 + EDGE, 15.5), (66.0, 14.0), (78.0, 10.5), (86.0, 12.5), (93.0, 12.5), (97.0, 8.0)]
    colors = [paint] * 4 + [second] * 2 + [paint] * 4 + [INK] * 2 + [SILVER] * 4
    rings = [np.stack([np.full(k, x), r * hexagon * np.cos(phi), r * hexagon * np.sin(phi)], 1) * s for x, r in grip]
    shaft = ((97 * s, 3.2, 3.2), (97 * s + shank, 3.2, 3.2), (109 * s + shank, 4.2, 1.2), (122 * s + shank, 3.6, 0.6))
    rings += [np.stack([np.full(k, x), y * np.cos(phi), z * np.sin(phi)], 1) for x, y, z in shaft]
    loft = Loft(np.array(rings) / 1e3, np.repeat(np.array(colors, float)[:, None], k, axis=1))
    parts = [loft.solid(i, i + 1) for i in range(len(rings) - 1) if i != len(grip) - 1]
    about = described(
        f"{word} screwdriver",
        f"screwdriver with a {word} handle",
        "screwdriver",
        category="screwdriver",
        colors=(word, "silver"),
        shape="long and thin with a thick handle",
        material="steel",
        use="turn screws",
    )
    surface, symmetry = loft.surface(), Symmetry(discrete=turns((1, 0, 0), 2))
    return finish(about, surface, parts, mass=weighs(surface, 1500.0), gloss=0.5, symmetry=symmetry)


def tape(rng: np.random.Generator) -> Shape:
    """A roll of tape round a cardboard core, the same from above and from below."""
    r, core, h = rng.uniform(44, 56), rng.uniform(36, 40), rng.uniform(38, 52)
    word, paint = pick(rng, "gray", "brown", "black", "blue", "yellow", "green", "red", "white")
    dark, board = tuple(0.8 * np.array(paint)), (188, 152, 104)
    face = [(r, 0.7, paint), (r - 0.7, 0.0, paint), (0.4 * r + 0.6 * core, 0.0, paint)]
    face += [(0.4 * r + 0.6 * core - 0.4, 0.0, dark), (core + 2.4, 0.0, dark), (core + 2.1, 0.0, board)]
    face += [(core + 0.3, 0.0, board), (core, 0.3, board)]
    rows = face[::-1] + [(x, h - z, color) for x, z, color in face]
    loft = lathe([(x, z) for x, z, _ in rows], [color for *_, color in rows], k=44, closed=True)
    about = described(
        f"roll of {word} tape",
        f"{word} tape",
        "roll of tape",
        "tape roll",
        category="tape",
        colors=(word, "beige"),
        shape="ring",
        material="plastic",
        use="stick things together",
    )
    surface, symmetry = loft.surface(), round_about(turns((1, 0, 0), 2))
    parts = loft.shell(*range(len(rows)))
    return finish(about, surface, parts, mass=weighs(surface, 1000.0), gloss=0.35, symmetry=symmetry)


def flashlight(rng: np.random.Generator) -> Shape:
    """A flashlight that lies along x, its lamp towards +x."""
    r, length = rng.uniform(12, 16), rng.uniform(125, 180)
    word, paint = pick(rng, "black", "red", "blue", "yellow", "green", "orange", "purple")
    _, ring = other(rng, "gray", "black", "white", than=word)
    body = [(r - 2, 0.0), (r, 2.0), (r, 14.0), (r, 14 + 2 * EDGE), (r, 18.0), (r, 18 + 2 * EDGE), (r, 0.66 * length)]
    head = [(1.65 * r, 0.78 * length), (1.65 * r, 0.90 * length), (1.65 * r, 0.90 * length + 2 * EDGE)]
    head += [(1.65 * r, length - 1), (1.55 * r, length), (1.45 * r, length), (1.43 * r, length), (0.4 * r, length)]
    colors = [paint] * 3 + [ring] * 2 + [paint] * 4 + [ring] * 4 + [(250, 246, 214)] * 2
    loft = lathe(body + head, colors, k=36)
    n = len(body) - 1
    surface, parts = turned(LAY, loft.surface(), [loft.solid(0, n), loft.solid(n, n + 1), loft.solid(n + 1, n + 5)])
    about = described(
        f"{word} flashlight",
        f"{word} torch",
        "flashlight",
        "torch",
        category="flashlight",
        colors=(word,),
        shape="cylindrical with a wider head",
        material="aluminium",
        use="light the way",
    )
    return finish(about, surface, parts, mass=weighs(surface, 1600.0), gloss=0.5, symmetry=about_x())


def marker(rng: np.random.Generator) -> Shape:
    """A thick felt pen that lies along x, its cap and plug in the colour of its ink, the cap towards +x."""
    r, length = rng.uniform(7.5, 10), rng.uniform(118, 142)
    word, paint = pick(rng, "red", "blue", "green", "black", "orange", "purple", "pink", "teal")
    cap = 0.62 * length
    body = [(r - 1.5, 0.0), (r - 0.5, 1.0), (r - 0.5, 9), *((r - 0.5, z) for z in np.linspace(9 + EDGE, cap, 9))]
    top = [(r, cap), (r, length - 6), (0.62 * r, length - 0.8), (0.5 * r, length)]
    colors = [paint] * 3 + [PAPER] * 9 + [paint] * 4
    loft = lathe(body + top, colors, k=24)
    n = len(body)
    surface, parts = turned(LAY, loft.surface(), [loft.solid(0, n - 1), loft.solid(n, n + 3)])
    sheet = Sheet(cap - 9, 2 * np.pi * (r - 0.5), PAPER)
    sheet.block(0, 0, 6, sheet.height, paint)
    sheet.words(
        0.56 * sheet.width, 0.75 * sheet.height, "MARKER", paint, wide=0.7 * sheet.width, high=0.16 * sheet.height
    )
    about = described(
        f"{word} marker",
        f"{word} marker pen",
        f"{word} felt pen",
        "marker",
        category="pen",
        colors=(word, "white"),
        shape="long and cylindrical",
        material="plastic",
        use="write and draw",
        printed="MARKER",
    )
    prints = [loft.wrap(3, n - 1, np.rot90(sheet.pixels()).copy())]
    return finish(about, surface, parts, mass=weighs(surface, 800.0), gloss=0.4, prints=prints)
