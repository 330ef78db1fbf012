"""Fruit."""

from __future__ import annotations

import numpy as np

from bopask.synth.kinds.palette import Color, described, weighs
from bopask.synth.shapes import LAY, Loft, Shape, about_x, finish, lathe, round_about, turned

BROWN = (88, 62, 34)
Skins = dict[str, tuple[Color, Color]]
"""A colour word to the skin's colour and that of its ends."""


def _skin(rng: np.random.Generator, skins: Skins) -> tuple[str, Color, Color]:
    word = list(skins)[int(rng.integers(len(skins)))]
    return word, *skins[word]


def banana(rng: np.random.Generator) -> Shape:
    """A banana that lies on its side: a bent tube with five soft edges."""
    word, skin, end = _skin(rng, {"yellow": ((242, 203, 44), (168, 172, 60)), "green": ((140, 170, 52), (96, 130, 44))})
    size, arc = rng.uniform(0.9, 1.12), np.radians(rng.uniform(85, 112))
    s = np.array([0.0, 0.012, 0.05, 0.1, 0.17, 0.25, 0.34, 0.43, 0.52, 0.61, 0.7, 0.78, 0.85, 0.905, 0.925, 0.96, 1.0])
    r = np.array([3.0, 4.8, 8.5, 12.0, 15.0, 16.6, 17.4, 17.6, 17.4, 16.6, 15.0, 12.6, 9.4, 6.2, 5.2, 4.6, 4.8]) / 1e3
    half = np.mean([skin, end], axis=0)
    colors = np.array([BROWN, BROWN, half, skin, *[skin] * 8, half, end, end, end, BROWN], float)
    bend, radius = arc * (s - 0.5), 0.176 / arc
    center = radius * np.stack([np.sin(bend), 1 - np.cos(bend), 0 * s], 1)
    out = np.stack([np.sin(bend), -np.cos(bend), 0 * s], 1)  # away from the bend's centre
    k = 20
    phi = 2 * np.pi * np.arange(k) / k
    edge = 1 + 0.03 * np.cos(5 * phi)
    y, z = edge * np.cos(phi), edge * np.sin(phi)
    around = -y[:, None] * out[:, None] + z[:, None] * np.array([0.0, 0.0, 1.0])
    loft = Loft(size * (center[:, None] + r[:, None, None] * around), np.repeat(colors[:, None], k, axis=1))
    about = described(
        f"{word} banana",
        "banana",
        f"{'ripe' if word == 'yellow' else 'unripe'} banana",
        category="fruit",
        colors=(word,),
        shape="long and curved",
        material="fruit",
        use="eat",
    )
    surface, parts = loft.surface(), [loft.solid(i, i + 1) for i in range(len(s) - 1)]
    return finish(about, surface, parts, mass=weighs(surface, 950.0), gloss=0.15)


APPLES: Skins = {
    "red": ((176, 30, 36), (206, 120, 60)),
    "green": ((122, 176, 42), (176, 196, 74)),
    "yellow": ((226, 200, 70), (206, 196, 90)),
}


def apple(rng: np.random.Generator) -> Shape:
    """An apple on a flat foot, with a dimple and a stem."""
    word, skin, end = _skin(rng, APPLES)
    s = rng.uniform(0.88, 1.05)
    body = [(13, 0), (19, 1.5), (26, 6), (32, 14), (36, 24), (37, 35), (36.6, 45), (34.5, 54)]
    crown = [(29, 61.5), (22, 65.5), (15, 67), (9, 63.5), (3, 54)]
    stem = [(1.9, 54), (1.5, 64), (1.9, 74)]
    colors = [end, end] + [skin] * 8 + [end, end, (150, 140, 60)] + [BROWN] * 3
    loft = lathe([(s * r, s * z) for r, z in body + crown + stem], colors, k=36)
    b, c = len(body), len(body) + len(crown)
    parts = [loft.solid(0, b - 1), *loft.shell(*range(b - 1, c)), loft.solid(c, c + 2)]
    about = described(
        f"{word} apple", "apple", category="fruit", colors=(word,), shape="round", material="fruit", use="eat"
    )
    surface = loft.surface()
    return finish(about, surface, parts, mass=weighs(surface, 850.0), gloss=0.45, symmetry=round_about())


def pear(rng: np.random.Generator) -> Shape:
    """A pear that stands, its stem up."""
    word, skin, end = _skin(
        rng, {"green": ((158, 184, 62), (190, 190, 90)), "yellow": ((226, 196, 84), (198, 170, 70))}
    )
    s = rng.uniform(0.9, 1.06)
    body: list[tuple[float, float]] = [
        (12, 0),
        (20, 2),
        (29, 10),
        (34, 24),
        (34.5, 34),
        (32, 46),
        (27, 58),
        (22, 68),
        (18.5, 78),
        (16, 86),
    ]
    body += [(12, 92), (6, 95), (2.0, 95.5), (1.6, 104), (2.2, 112)]
    colors = [end, end] + [skin] * 8 + [end, end] + [BROWN] * 3
    loft = lathe([(s * r, s * z) for r, z in body], colors, k=36)
    parts = [loft.solid(0, 5), *(loft.solid(i, i + 1) for i in range(5, 9)), loft.solid(9, 12), loft.solid(12, 13)]
    parts.append(loft.solid(13, 14))
    about = described(
        f"{word} pear",
        "pear",
        category="fruit",
        colors=(word,),
        shape="round with a narrow top",
        material="fruit",
        use="eat",
    )
    surface = loft.surface()
    return finish(about, surface, parts, mass=weighs(surface, 900.0), gloss=0.3, symmetry=round_about())


def lemon(rng: np.random.Generator) -> Shape:
    """A lemon or lime that lies along x, with a tip at either end."""
    skins: Skins = {"lemon": ((244, 214, 56), (214, 190, 60)), "lime": ((92, 158, 48), (140, 170, 70))}
    word, skin, end = _skin(rng, skins)
    s = rng.uniform(0.9, 1.1) * (1.0 if word == "lemon" else 0.85)
    profile = [(2.5, 0), (4.5, 1), (6.5, 4), (13, 8), (20.5, 15), (25.5, 25), (27, 36), (25.5, 47), (20.5, 57)]
    profile += [(13, 64), (7.5, 69), (5.0, 75), (2.5, 77)]
    loft = lathe([(s * r, s * z) for r, z in profile], [end] * 2 + [skin] * 9 + [end] * 2, k=36)
    cores = [loft.solid(0, 2), loft.solid(2, 3), loft.solid(3, 9), loft.solid(9, 10), loft.solid(10, 12)]
    surface, parts = turned(LAY, loft.surface(), cores)
    about = described(
        f"{'yellow' if word == 'lemon' else 'green'} {word}",
        word,
        category="fruit",
        colors=("yellow" if word == "lemon" else "green",),
        shape="oval with pointed ends",
        material="fruit",
        use="squeeze into drinks",
    )
    return finish(about, surface, parts, mass=weighs(surface, 950.0), gloss=0.3, symmetry=about_x())
