"""Tools: a head that lies along x with a grip sewn into its underside, and a wrench of one sheet of steel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.nouns import Symmetry
from bopask.synth.kinds.cutlery import flatware
from bopask.synth.kinds.palette import PAINT, SILVER, STEEL, TIN, described, pick, weighs
from bopask.synth.shapes import LAY, Loft, Shape, between, cut, finish, round_loop, sew, tidy, turned, turns

K = 16
UNDERSIDE = 11
"""Column of a section where its flat underside begins; it is two cells wide."""


def octagon(y: float, z: float, flat: float = 0.62) -> Float[Array, "16 2"]:
    """A rectangle with its corners cut off: corners and middles of its sides, counter-clockwise seen from +x (mm)."""
    quarter = np.array([(1, 0), (1, flat), ((1 + flat) / 2, (1 + flat) / 2), (flat, 1)])
    turns_of_90 = [np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), n) for n in range(4)]
    return np.concatenate([quarter @ R for R in turns_of_90]) * [y, z]


def circle(r: float) -> Float[Array, "16 2"]:
    phi = 2 * np.pi * np.arange(K) / K
    return r * np.stack([np.cos(phi), np.sin(phi)], 1)


def _along_x(sections: list[tuple[float, Float[Array, "16 2"]]]) -> Float[Array, "m 16 3"]:
    return np.array([np.column_stack([np.full(K, x), yz]) for x, yz in sections]) / 1e3


def hammer(rng: np.random.Generator) -> Shape:
    """A hammer, handle along -x, its head's striking face towards -y."""
    s = rng.uniform(0.9, 1.1)
    word, paint = pick(rng, "brown", "red", "blue", "yellow", "orange", "black", "green")
    wooden = word == "brown"
    grip = (188, 138, 84) if wooden else paint
    square = octagon(12 * s, 12 * s, 0.8)
    low = octagon(12 * s, 2 * s, 0.8)
    sections = [(0, circle(12 * s)), (2, circle(13.5 * s)), (17, circle(13.5 * s)), (21, circle(8.5 * s))]
    sections += [(30, circle(8.5 * s)), (30, square), (36, square), (46, square), (56, square), (62, square)]
    sections += [(104, low)]
    rings = _along_x([(x * s, yz) for x, yz in sections])
    loft = Loft(rings, np.broadcast_to(np.array(STEEL, float), rings.shape))
    parts = [loft.solid(0, 2), loft.solid(2, 3), loft.solid(3, 4), loft.solid(5, 9), loft.solid(9, 10)]
    vertices, faces, tints = loft.surface()
    faces, loop = cut(loft, faces, 6, UNDERSIDE, 2, 2)
    start = vertices[loop]
    down = np.array([0, 2, 60, 120, 120.5, 200, 245, 256, 262.0]) * s / 1e3
    half = (
        np.array([[9, 6.5], [9, 6.5], [9, 6.6], [9, 7], [13, 9.5], [15, 10.5], [16, 11], [15.5, 10.5], [11, 7]])
        * s
        / 1e3
    )
    rings = _stem(start, down, half, 0.0)
    skin = np.array([SILVER if not wooden else grip] * 4 + [grip] * 5, float)
    surface = tidy(sew((vertices, faces, tints), loop, rings, skin, None))
    surface, parts = turned(LAY, surface, parts + between(rings))
    name = "hammer with a wooden handle" if wooden else f"{word} hammer"
    about = described(
        name,
        "wooden hammer" if wooden else f"hammer with a {word} handle",
        "hammer",
        category="hammer",
        colors=(word, "gray"),
        shape="long handle with a heavy head",
        material="steel",
        use="drive nails",
    )
    return finish(about, surface, parts, mass=weighs(surface, 3000.0), gloss=0.45)


def _stem(start: Array, down: Array, half: Array, lean: float) -> Float[Array, "r k 3"]:
    """Sections of a grip below the hole `start`: half axes along x and y, shifted by `lean` metres a metre down."""
    centers = start.mean(0) + down[:, None] * np.array([lean, 0, -1.0])
    return round_loop(start, centers, half[:, 1:] * np.array([0, 1.0, 0]), half[:, :1] * np.array([1.0, 0, 0]))


def drill(rng: np.random.Generator) -> Shape:
    """A cordless drill that stands on its battery, the bit towards +x."""
    s = rng.uniform(0.9, 1.05)
    word, paint = pick(rng, "yellow", "red", "blue", "green", "orange", "teal")
    dark = PAINT["black"]
    sections = [
        (0, octagon(20, 20)),
        (6, octagon(27, 27)),
        (6.3, octagon(27, 27)),
        (40, octagon(27, 27)),
        (58, octagon(27, 27)),
    ]
    sections += [
        (80, octagon(27, 27)),
        (100, octagon(27, 27)),
        (100.3, octagon(27 - 0.3 / 3.6, 27 - 0.3 / 3.6)),
        (118, octagon(22, 22)),
    ]
    sections += [(118, circle(18)), (126, circle(18)), (150, circle(16)), (160, circle(8))]
    sections += [(160, circle(3.2)), (206, circle(3.2)), (212, circle(0.8))]
    rings = _along_x([(x * s, yz * s) for x, yz in sections])
    tints = np.array([dark] * 2 + [paint] * 5 + [dark] * 6 + [SILVER] * 3, float)
    loft = Loft(rings, np.repeat(tints[:, None], K, axis=1))
    parts = [loft.solid(0, 8), loft.solid(9, 12), loft.solid(13, 15)]
    vertices, faces, colors = loft.surface()
    faces, loop = cut(loft, faces, 3, UNDERSIDE, 2, 2)
    start = vertices[loop]
    down = np.array([0, 12, 12.3, 40, 80, 96, 96, 100, 128, 132.0]) * s / 1e3
    half = (
        np.array([[18, 15], [18, 15], [18, 15], [17, 16], [18, 16], [20, 18], [44, 30], [47, 33], [47, 33], [44, 30]])
        * s
        / 1e3
    )
    rings = _stem(start, down, half, -0.12)
    skin = np.array([paint, paint, dark, dark, dark, dark, dark, dark, dark, dark], float)
    surface = tidy(sew((vertices, faces, colors), loop, rings, skin, None))
    stem = between(rings)
    about = described(
        f"{word} drill",
        f"{word} power drill",
        "cordless drill",
        "power drill",
        category="drill",
        colors=(word, "black"),
        shape="pistol-shaped",
        material="plastic",
        use="drill holes",
    )
    return finish(about, surface, parts + stem[:5] + stem[6:], mass=weighs(surface, 1400.0), gloss=0.35)


def wrench(rng: np.random.Generator) -> Shape:
    """A double open-ended wrench."""
    s = rng.uniform(0.85, 1.15)
    chromed = rng.random() < 0.5
    word, paint = ("silver", TIN) if chromed else pick(rng, "black", "red", "blue", "yellow", "green")
    x = np.array([0, 4, 16, 22, 30, 40, 140, 150, 160, 167, 182, 188.0]) * s
    wide = np.array([26, 34, 44, 43, 34, 18, 16, 28, 37, 38, 30, 22.0]) * s
    gap = np.array([20, 19, 18, 9, 8, 5, 5, 7, 8, 15, 16, 17.0]) * s
    lines = np.stack([-wide / 2, -gap / 2, gap / 2, wide / 2], 1)
    solid = np.ones((len(x) - 1, 3), bool)
    solid[:2, 1] = solid[-2:, 1] = False
    thick = np.tile(np.array([8, 8.4, 8.4, 8.4, 8, 6, 6, 7, 7.4, 7.4, 7.4, 7.0])[:, None] * s, 4)
    surface, parts = flatware(x, lines, thick, np.zeros(len(x)), [paint] * len(x), solid)
    about = described(
        f"{word} wrench",
        f"{word} spanner",
        "wrench",
        "spanner",
        category="wrench",
        colors=(word,),
        shape="long and flat with open jaws at both ends",
        material="steel",
        use="turn bolts",
    )
    symmetry = Symmetry(discrete=turns((1, 0, 0), 2))
    return finish(about, surface, parts, mass=weighs(surface, "steel"), gloss=0.7, symmetry=symmetry)
