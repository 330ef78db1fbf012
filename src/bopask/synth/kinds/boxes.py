"""Boxes and slabs of the household: food containers, trays, books, sponges."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from bopask.arrays import Array
from bopask.nouns import Symmetry
from bopask.synth.kinds.labels import Sheet
from bopask.synth.kinds.palette import PAPER, described, ink_on, other, pick, weighs
from bopask.synth.shapes import EPS, Loft, Shape, finish, rectangle, turns

TWOFOLD = Symmetry(discrete=turns((0, 0, 1), 2))


def rounded(x: float, y: float, r: float, n: int = 5) -> Float[Array, "4n 2"]:
    """A rectangle of half sizes x and y (mm) with rounded corners, counter-clockwise from +x up."""
    turn = np.linspace(0, np.pi / 2, n)
    arc = r * np.stack([np.cos(turn), np.sin(turn)], 1)
    corners = []
    for sx, sy, quarter in ((1, 1, 0), (-1, 1, 1), (-1, -1, 2), (1, -1, 3)):
        R = np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), quarter)
        corners.append(arc @ R + [sx * (x - r), sy * (y - r)])
    return np.concatenate(corners)


def _stacked(levels: list[tuple[Float[Array, "k 2"], float]], colors: list[tuple[int, int, int]]) -> Loft:
    rings = np.array([np.column_stack([ring, np.full(len(ring), z)]) for ring, z in levels]) / 1e3
    return Loft(rings, np.repeat(np.array(colors, float)[:, None], rings.shape[1], axis=1))


def container(rng: np.random.Generator) -> Shape:
    """A closed food container: a tapering box and a lid that overlaps it."""
    x, y, h = rng.uniform(56, 80), rng.uniform(36, 50), rng.uniform(48, 72)
    word, paint = pick(rng, "blue", "green", "red", "orange", "pink", "purple", "yellow", "teal")
    body_word, body = pick(rng, "white", "gray") if rng.random() < 0.7 else (word, paint)
    levels = [(rounded(x - 6, y - 6, 8), 0.0), (rounded(x - 4, y - 4, 10), 2.0), (rounded(x - 1, y - 1, 12), h - 11)]
    levels += [(rounded(x + 2, y + 2, 14), z) for z in (h - 11, h - 2)]
    levels += [(rounded(x + 1, y + 1, 13), h), (rounded(x - 5, y - 5, 9), h), (rounded(x - 6, y - 6, 8), h + 2)]
    loft = _stacked(levels, [body] * 3 + [paint] * 5)
    parts = [loft.solid(0, 2), loft.solid(3, 5), loft.solid(6, 7)]
    about = described(
        f"{body_word} food container with a {word} lid" if body_word != word else f"{word} food container",
        f"{word} lunch box" if body_word == word else f"lunch box with a {word} lid",
        "food container",
        "lunch box",
        category="container",
        colors=(body_word, word),
        shape="box with rounded corners and a lid",
        material="plastic",
        use="store food",
    )
    surface = loft.surface()
    return finish(about, surface, parts, mass=weighs(surface, 450.0), gloss=0.4, symmetry=TWOFOLD)


def tray(rng: np.random.Generator) -> Shape:
    """A serving tray with a low sloping wall."""
    x, y, h = rng.uniform(120, 165), rng.uniform(85, 115), rng.uniform(22, 34)
    word, paint = pick(rng, "brown", "blue", "red", "green", "white", "black", "yellow")
    inner_word, inner = (
        (word, tuple(int(0.88 * c) for c in paint)) if rng.random() < 0.6 else pick(rng, "beige", "gray")
    )
    outer = [(rounded(x - 10, y - 10, 16), 0.0), (rounded(x, y, 26), h - 1.5), (rounded(x - 0.8, y - 0.8, 25.2), h)]
    inside = [(rounded(x - 4.2, y - 4.2, 21.8), h), (rounded(x - 12.5, y - 12.5, 13.5), 4.0)]
    loft = _stacked(outer + inside, [paint] * 4 + [(inner[0], inner[1], inner[2])])
    parts = [np.concatenate([loft.rings[0], loft.rings[4]]), *loft.shell(0, 1, 2, 3, 4)]
    about = described(
        f"{word} tray" if inner_word == word else f"{word} tray with a {inner_word} floor",
        f"{word} serving tray" if inner_word == word else f"{word} and {inner_word} tray",
        "tray",
        "serving tray",
        category="tray",
        colors=(word, inner_word),
        shape="flat and rectangular with a low rim",
        material="plastic",
        use="carry dishes",
    )
    surface = loft.surface()
    return finish(about, surface, parts, mass=weighs(surface, "plastic"), gloss=0.4, symmetry=TWOFOLD)


def book(rng: np.random.Generator) -> Shape:
    """A hardback that lies on its back, the spine towards -x: a printed cover, and pages set in between two boards."""
    x, y, h = rng.uniform(52, 66), rng.uniform(78, 98), rng.uniform(18, 38)
    word, paint = pick(rng, "red", "blue", "green", "black", "yellow", "purple", "orange", "teal", "white")
    accent, second = other(rng, "yellow", "white", "red", "blue", "orange", than=word)
    title = str(rng.choice(["ATLAS", "NOVEL", "POEMS", "COOKING", "GARDEN", "HISTORY", "STARS"]))
    cover = Sheet(2 * x, 2 * y, paint)
    cover.block(0.08 * cover.width, 0.06 * cover.height, 0.92 * cover.width, 0.94 * cover.height, second)
    cover.block(0.11 * cover.width, 0.08 * cover.height, 0.89 * cover.width, 0.92 * cover.height, paint)
    cover.words(x, 1.45 * y, title, ink_on(word), wide=1.4 * x, high=18)
    if rng.random() < 0.5:
        cover.disc(x, 0.75 * y, 0.42 * x, second)
        cover.disc(x, 0.75 * y, 0.26 * x, paint)
    else:
        for n in range(3):
            cover.block(
                (0.4 + 0.15 * n) * x, (0.45 + 0.22 * n) * y, (1.6 - 0.15 * n) * x, (0.56 + 0.22 * n) * y, second
            )
    cover.words(x, 0.24 * y, "A. BOOKMAN", ink_on(word), wide=0.8 * x, high=5)
    ring, _ = rectangle(np.linspace(-x, x, 9), np.linspace(-y, y, 13))
    pages = np.stack([-x + 1 + (ring[:, 0] + x) * (1 - 2.5 / x), ring[:, 1] * (1 - 4 / y)], 1)
    levels = [(ring, 0.0), (ring, 2.5), (pages, 2.5), (pages, h - 2.5), (ring, h - 2.5), (ring, h)]
    levels += [(ring * q, h) for q in (0.75, 0.5, 0.25)]
    loft = _stacked(levels, [paint] * 2 + [PAPER] * 2 + [paint] * 5)
    parts = [loft.solid(0, 1), loft.solid(2, 3), loft.solid(4, 5)]
    about = described(
        f"{word} book",
        f"{word} hardback",
        f"book titled {title.lower()}",
        category="book",
        colors=(word, accent, "white"),
        shape="flat and rectangular",
        material="paper",
        use="read",
        printed=f"{title} A. BOOKMAN",
    )
    surface = loft.surface()
    return finish(about, surface, parts, mass=weighs(surface, 700.0), gloss=0.2, prints=[loft.cover(5, cover.pixels())])


def sponge(rng: np.random.Generator) -> Shape:
    """A kitchen sponge with a rough pad on top."""
    x, y, h = rng.uniform(46, 58), rng.uniform(30, 37), rng.uniform(26, 36)
    word, paint = pick(rng, "yellow", "pink", "blue", "orange", "purple", "white")
    pad_word, pad = other(rng, "green", "gray", "red", than=word)
    e = EPS * 1e3
    levels = [(rounded(x - 1.5, y - 1.5, 5), 0.0), (rounded(x, y, 6), 2.0), (rounded(x, y, 6), 0.70 * h - e)]
    levels += [(rounded(x, y, 6), 0.70 * h + e), (rounded(x, y, 6), h - 1), (rounded(x - 1, y - 1, 5), h)]
    levels += [(levels[-1][0] * q, h) for q in (0.66, 0.33)]
    loft = _stacked(levels, [paint] * 3 + [pad] * 5)
    about = described(
        f"{word} and {pad_word} sponge",
        f"{word} sponge with a {pad_word} pad",
        "sponge",
        "kitchen sponge",
        category="sponge",
        colors=(word, pad_word),
        shape="small block",
        material="foam",
        use="wash dishes",
    )
    surface, parts = loft.surface(), [loft.solid(0, 7)]
    side, top = (_holed(2 * n, m, c, rng) for n, m, c in ((x + y, 0.70 * h - 2, paint), (x, 2 * y, pad)))
    around = np.concatenate([side, side], axis=1)
    prints = [loft.wrap(1, 2, around), loft.cover(5, top // 2 + top[::-1, ::-1] // 2)]
    return finish(about, surface, parts, mass=weighs(surface, 90.0), gloss=0.02, symmetry=TWOFOLD, prints=prints)


def _holed(wide: float, high: float, color: tuple[int, int, int], rng: np.random.Generator) -> UInt8[Array, "h w 3"]:
    """Foam: a plain sheet (mm) with pores."""
    sheet = Sheet(wide, high, color)
    for u, v, r in rng.uniform((0, 0, 0.3), (wide, high, 1.1), (round(wide * high / 22), 3)):
        sheet.disc(u, v, r, (int(0.7 * color[0]), int(0.7 * color[1]), int(0.7 * color[2])))
    return sheet.pixels()
