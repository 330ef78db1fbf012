"""What one eats and drinks from."""

from __future__ import annotations

import numpy as np

from bopask.synth.kinds.palette import PAPER, described, other, pick, weighs
from bopask.synth.shapes import EPS, Shape, between, bow, cut, finish, lathe, round_about, sew, tidy

EDGE = EPS * 1e3


def mug(rng: np.random.Generator) -> Shape:
    """A mug, handle towards +x, white inside, one colour or with a band round its middle."""
    r, h, k = rng.uniform(37, 43), rng.uniform(82, 102), 36
    word, paint = pick(rng, "red", "blue", "green", "yellow", "teal", "purple", "orange", "black")
    banded = rng.random() < 0.4
    band, stripe = other(rng, "white", "yellow", "black", "pink", than=word) if banded else (word, paint)
    low, high = 0.2 * h, 0.74 * h
    foot = [(r - 6, 0.0), (r - 2, 2.0), (r, 6.0)]
    wall = [(r, low + d) for d in (0, 5, 10)]
    wall += [(r, 0.44 * h - EDGE), (r, 0.44 * h + EDGE), (r, 0.6 * h - EDGE), (r, 0.6 * h + EDGE)]
    wall += [(r, high - d) for d in (10, 5, 0)]
    rim = [(r, h - 2.5), (r - 0.6, h - 0.7), (r - 1.8, h), (r - 3.0, h - 0.7), (r - 3.5, h - 2.5)]
    inside = [(r - 3.5, 0.5 * h), (r - 3.5, 7.0)]
    colors = [paint] * 7 + [stripe] * 2 + [paint] * 6 + [PAPER] * 5
    loft = lathe(foot + wall + rim + inside, colors, k)
    last = len(loft.rings) - 1
    parts = [np.concatenate([loft.solid(0, 2), loft.rings[last]]), *loft.shell(*range(2, last + 1))]
    vertices, faces, tints = loft.surface()
    loops = []
    for row in (3, 10):
        faces, loop = cut(loft, faces, row, k - 1, 2, 2)
        loops.append(loop)
    rings, order = bow(vertices[loops[0]], vertices[loops[1]], 0.030, (0.0058, 0.0044), 11)
    skin = np.tile(np.array(paint, float), (len(rings) - 2, 1))
    surface = tidy(sew((vertices, faces, tints), loops[0], rings[1:-1], skin, loops[1][order]))
    name = f"{word} mug with a {band} band" if banded else f"{word} mug"
    about = described(
        name,
        f"{word} and {band} mug" if banded else f"plain {word} mug",
        "mug",
        category="mug",
        colors=(word, band, "white"),
        shape="cylindrical with a handle",
        material="ceramic",
        use="drink from",
    )
    return finish(about, surface, parts + between(rings), mass=weighs(surface, "ceramic"), gloss=0.7)


def bowl(rng: np.random.Generator) -> Shape:
    """A bowl of one colour, some with a rim of another."""
    r, k = rng.uniform(62, 80), 30
    h = r * rng.uniform(0.68, 0.84)
    word, paint = pick(rng, "white", "blue", "green", "yellow", "pink", "gray", "teal", "orange")
    rimmed = word == "white" or rng.random() < 0.3
    edge, lip = other(rng, "blue", "red", "green", "brown", than=word) if rimmed else (word, paint)
    outer = [(0.43 * r, 0.0)] + [(0.82 * r + 0.18 * r * t, 0.36 * h + 0.64 * h * t) for t in (0, 0.86, 0.865, 1)]
    rim = [(r - 0.6, h + 1.2), (r - 2.4, h + 1.2)]
    inside = [(r - 3.2, h), (0.82 * r - 3.6, 0.36 * h + 1.6), (0.43 * r - 1.5, 5.0)]
    colors = [paint] * 3 + [lip] * 5 + [paint] * 2
    loft = lathe(outer + rim + inside, colors, k)
    parts = [
        np.concatenate([loft.rings[0], loft.rings[9]]),
        *loft.shell(0, 1, 8, 9),
        *loft.shell(1, 2, 3, 4, 5, 6, 7, 8),
    ]
    surface = loft.surface()
    about = described(
        f"{word} bowl with a {edge} rim" if rimmed else f"{word} bowl",
        f"{word} and {edge} bowl" if rimmed else f"{word} soup bowl",
        "bowl",
        category="bowl",
        colors=(word, edge),
        shape="round and open",
        material="ceramic",
        use="eat soup or cereal from",
    )
    return finish(about, surface, parts, mass=weighs(surface, "ceramic"), gloss=0.6, symmetry=round_about())


def plate(rng: np.random.Generator) -> Shape:
    """A plate: a flat well and a broad sloping rim with a coloured ring."""
    r, h, k = rng.uniform(95, 128), rng.uniform(19, 25), 40
    word, paint = pick(rng, "white", "white", "blue", "green", "pink", "gray", "yellow")
    edge, lip = other(rng, "blue", "red", "green", "gray", "white", than=word)
    well = 0.62 * r
    inside = [(well - 2 + (r - 1.5 - well + 2) * t, 4.5 + (h - 4.5) * t) for t in (1.0, 0.80, 0.79, 0.0)]
    profile = [(well, 0.0), (r - 0.5, h - 4.0), (r, h - 1.6), *inside]
    colors = [paint, paint, lip, lip, lip, paint, paint]
    loft = lathe(profile, colors, k)
    parts = [np.concatenate([loft.rings[0], loft.rings[-1]]), *loft.shell(*range(7))]
    surface = loft.surface()
    about = described(
        f"{word} plate with a {edge} rim",
        f"{word} and {edge} plate",
        f"{word} dinner plate with a {edge} rim",
        "plate",
        category="plate",
        colors=(word, edge),
        shape="flat and round",
        material="ceramic",
        use="serve food on",
    )
    return finish(about, surface, parts, mass=weighs(surface, "ceramic"), gloss=0.6, symmetry=round_about())


def tumbler(rng: np.random.Generator) -> Shape:
    """A plastic cup without a handle, wider at its top."""
    top, h, k = rng.uniform(36, 42), rng.uniform(95, 138), 32
    foot = top * rng.uniform(0.7, 0.82)
    word, paint = pick(rng, "red", "blue", "green", "orange", "pink", "purple", "white", "teal")
    outer = [(foot - 2, 0.0), (foot, 2.0)] + [(foot + (top - foot) * t, 2 + (h - 4) * t) for t in (0.3, 0.6, 1.0)]
    rim = [(top - 0.6, h), (top - 1.6, h)]
    inside = [(top - 2.2, h - 2.0), (foot - 2.0, 4.0)]
    dark = tuple(0.82 * np.array(paint))
    loft = lathe(outer + rim + inside, [paint] * 7 + [dark] * 2, k)
    parts = [np.concatenate([loft.solid(0, 1), loft.rings[-1]]), *loft.shell(*range(1, 9))]
    surface = loft.surface()
    about = described(
        f"{word} tumbler",
        f"{word} plastic cup",
        "tumbler",
        "plastic cup",
        category="cup",
        colors=(word,),
        shape="tapered cylinder, open at the top",
        material="plastic",
        use="drink from",
    )
    return finish(about, surface, parts, mass=weighs(surface, "plastic"), gloss=0.4, symmetry=round_about())
