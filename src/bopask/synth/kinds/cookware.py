"""What one cooks with: pans, pots, sieves."""

from __future__ import annotations

import numpy as np

from bopask.nouns import Symmetry
from bopask.synth.kinds.palette import PAINT, SILVER, STEEL, TIN, described, pick, weighs
from bopask.synth.shapes import Shape, between, bow, cut, finish, lathe, narrowed, round_loop, sew, tidy, turns


def pan(rng: np.random.Generator) -> Shape:
    """A frying pan with one long handle towards +x, dark inside."""
    r, h, k = rng.uniform(104, 128), rng.uniform(42, 52), 40
    word, paint = pick(rng, "black", "red", "blue", "green", "orange", "teal")
    grip = PAINT["black"]
    foot, base = 0.84 * r, 0.86 * r
    wall = [(base + (r - base) * t, 3 + (h - 5) * t) for t in (0.0, 0.42, 0.62, 0.82, 1.0)]
    rim = [(r - 0.4, h), (r - 1.6, h)]
    inside = [(r - 2.7, h - 2.0), (base - 2.6, 5.0)]
    profile = [(foot, 0.0), *wall, *rim, *inside]
    loft = lathe(profile, [STEEL] + [paint] * 5 + [SILVER] * 2 + [(62, 62, 66)] * 2, angle=narrowed(k, 0.11))
    parts = [np.concatenate([loft.solid(0, 1), loft.rings[-1]]), *loft.shell(*range(1, len(profile)))]
    vertices, faces, tints = loft.surface()
    faces, loop = cut(loft, faces, 2, k - 1, 2, 2)
    length = rng.uniform(0.145, 0.185)
    along = np.array([0.004, 0.018, 0.030, 0.0305, 0.07, 0.12, length - 0.012, length - 0.003, length])
    start = vertices[loop]
    centers = start.mean(0) + along[:, None] * [1, 0, 0] + np.sin(along / length * 1.4)[:, None] * [0, 0, 0.024]
    half = np.array([[11, 4.5], [8.5, 4], [8.5, 4], [11, 7], [12, 7.5], [13, 8], [12.5, 8], [10, 6.5], [6, 4]]) / 1e3
    rings = round_loop(start, centers, half[:, :1] * np.array([0, 1.0, 0]), half[:, 1:] * np.array([0, 0, 1.0]))
    skin = np.array([SILVER] * 3 + [grip] * 6, float)
    surface = tidy(sew((vertices, faces, tints), loop, rings, skin, None))
    about = described(
        f"{word} frying pan",
        f"{word} pan",
        "frying pan",
        "skillet",
        category="pan",
        colors=(word, "black"),
        shape="round and shallow with a long handle",
        material="aluminium",
        use="fry food",
    )
    parts += between(np.concatenate([start[None], rings]))
    return finish(about, surface, parts, mass=weighs(surface, "aluminium"), gloss=0.4)


def pot(rng: np.random.Generator) -> Shape:
    """A cooking pot with a loop handle on either side."""
    r, h, k = rng.uniform(86, 104), rng.uniform(96, 128), 40
    word, paint = pick(rng, "red", "blue", "green", "orange", "gray", "white", "yellow")
    high = 0.74 * h
    foot = [(r - 5, 0.0), (r, 5.0)]
    wall = [(r, z) for z in (high - 10, high, h - 3)]
    rim = [(r - 0.8, h), (r - 2.4, h), (r - 3.2, h - 3)]
    loft = lathe([*foot, *wall, *rim, (r - 3.2, 6.0)], [paint] * 5 + [SILVER] * 2 + [TIN] * 2, k)
    last = len(loft.rings) - 1
    parts = [np.concatenate([loft.solid(0, 1), loft.rings[last]]), *loft.shell(*range(1, last + 1))]
    surface = loft.surface()
    for side in (0, k // 2):
        vertices, faces, tints = surface
        loops = []
        for column in (side - 3, side + 2):
            faces, loop = cut(loft, faces, 2, column % k, 1, 1)
            loops.append(loop)
        rings, order = bow(vertices[loops[0]], vertices[loops[1]], 0.034, (0.0055, 0.0065), 10)
        skin = np.tile(np.array(STEEL, float), (len(rings) - 2, 1))
        surface = sew((vertices, faces, tints), loops[0], rings[1:-1], skin, loops[1][order])
        parts += between(rings)
    surface = tidy(surface)
    about = described(
        f"{word} cooking pot",
        f"{word} pot",
        "cooking pot",
        "pot with two handles",
        category="pot",
        colors=(word, "gray"),
        shape="cylindrical with two handles",
        material="steel",
        use="boil food",
    )
    symmetry = Symmetry(discrete=turns((0, 0, 1), 2))
    return finish(about, surface, parts, mass=weighs(surface, "aluminium"), gloss=0.6, symmetry=symmetry)


def colander(rng: np.random.Generator) -> Shape:
    """A colander: a straight-walled bowl with three rows of twelve holes, each cut through and lined."""
    r, h = rng.uniform(98, 118), rng.uniform(88, 108)
    word, paint = pick(rng, "green", "red", "white", "yellow", "blue", "orange", "gray", "teal")
    foot, thick = 0.56 * r, 2.6
    levels = (0.0, 0.18, 0.36, 0.46, 0.64, 0.74, 0.92, 1.0)
    outer = [(foot + (r - foot) * t, 3 + (h - 5) * t) for t in levels]
    inner = [(x - thick - 0.4, z + 1.8) for x, z in outer]
    rim = [(r - 0.6, h - 0.4), (r - thick + 0.2, h - 0.2)]
    profile = [(foot - 3, 0.0), *outer, *rim, *inner[::-1]]
    angle = np.cumsum(np.tile([0.19, np.pi / 6 - 0.19], 12))
    loft = lathe(profile, [paint] * len(profile), angle=np.append(0, angle[:-1]) - 0.095)
    last, holes = len(profile) - 1, (2, 4, 6)  # ring i of the outer wall faces ring last + 1 - i of the inner one
    parts = [np.concatenate([loft.solid(0, 1), loft.rings[last]]), *loft.shell(*range(1, last + 1))[1::2]]
    for i, j in ((1, 2), (3, 4), (5, 6)):
        parts += loft.shell(i, j, last + 1 - j, last + 1 - i)[::2]
    parts += loft.shell(*range(7, last - 5))[::2]
    surface = loft.surface()
    for i in holes:
        for column in range(0, 24, 2):
            vertices, faces, tints = surface
            faces, loop = cut(loft, faces, i, column, 1, 1)
            faces, _ = cut(loft, faces, last - i, column, 1, 1)
            facing = (last + 1 - loop // 24) * 24 + loop % 24
            surface = sew((vertices, faces, tints), loop, np.zeros((0, 4, 3)), np.zeros((0, 3)), facing)
    surface = tidy(surface)
    about = described(
        f"{word} colander",
        f"{word} strainer",
        "colander",
        "strainer",
        category="colander",
        colors=(word,),
        shape="round and open with holes",
        material="plastic",
        use="drain pasta and vegetables",
    )
    symmetry = Symmetry(discrete=turns((0, 0, 1), 12))
    return finish(about, surface, parts, mass=weighs(surface, "plastic"), gloss=0.4, symmetry=symmetry)
