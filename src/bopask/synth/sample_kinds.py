"""The object kinds of the sample: household things of real size. Millimetres inside this file's profiles.

Each function returns a `Shape`; `KINDS` numbers them (the BOP obj_id). All made here: no scanned or downloaded mesh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bopask.nouns import Description, Symmetry
from bopask.synth.cartons import cereal_box, juice_carton, tea_box
from bopask.synth.mug import red_mug
from bopask.synth.shapes import EPS, Loft, Shape, finish, lathe, round_about, turns

Color = tuple[int, int, int]
SILVER, TIN, STEEL, INK = (190, 193, 198), (164, 167, 173), (132, 136, 144), (34, 34, 38)


def white_bowl() -> Shape:
    """A bowl on a foot, with a blue rim."""
    white, blue = (238, 234, 224), (40, 84, 170)
    a = np.linspace(0, np.pi / 2, 7)
    outer = np.stack([33 + 45 * np.sin(a), 58 - 58 * np.cos(a)], 1)
    inner = np.stack([31 + 43.7 * np.sin(a), 58 - 53.5 * np.cos(a)], 1)[::-1]
    profile = np.concatenate([outer, [[77.2, 59.6], [75.6, 59.6]], inner])
    n = len(a)
    paint = [white] * (n - 1) + [blue] * 5 + [white] * (n - 2)
    loft = lathe([(r, z) for r, z in profile], paint, k=44)
    last = 2 * n + 1  # ring `last - i` is the inner partner of outer ring i
    parts = [np.concatenate([loft.rings[0], loft.rings[last]])]
    for i in range(n - 1):
        parts += loft.shell(i, i + 1, last - i - 1, last - i)
    parts += loft.shell(n - 1, n, n + 1, n + 2)
    names = ("bowl with a blue rim", "white soup bowl")
    return finish(Description("white bowl", names), loft.surface(), parts, mass=0.35, gloss=0.5, symmetry=round_about())


def _banded(z: Sequence[tuple[float, float, Color]], r: float) -> tuple[list[tuple[float, float]], list[Color]]:
    """Rings of a straight wall of radius r: (from, to, colour) bands in mm, each edge crisp."""
    edge = EPS * 1e3
    rings = [(r, h) for low, high, _ in z for h in (low + edge, high - edge)]
    return rings, [c for *_, c in z for _ in range(2)]


def blue_can() -> Shape:
    """A drinks can of 330 ml: 66 mm wide, 116 mm tall."""
    blue, white = (24, 74, 178), (236, 238, 242)
    bands = [(10.0, 34.0, blue), (34.0, 40.0, white), (40.0, 76.0, blue), (76.0, 79.0, white), (79.0, 103.0, blue)]
    wall, paint = _banded(bands, 33.0)
    foot = [(23.0, 0.0), (26.0, 0.0), (30.5, 4.5), (33.0, 10.0)]
    neck = [(33.0, 103.0), (31.8, 107.8), (31.7, 108.1), (29.5, 112.4), (27.2, 115.4), (26.4, 116.0)]
    top = [(r, 116.0) for r in (24.6, 24.3, 15.2, 14.9, 6.2, 5.9)]
    colors = [SILVER] * 4 + paint + [blue] * 2 + [SILVER] * 5 + [STEEL, STEEL, TIN, TIN, STEEL]
    loft = lathe(foot + wall + neck + top, colors)
    parts = [loft.solid(0, len(loft.rings) - 1)]
    names = ("blue soda can", "blue drink can")
    return finish(Description("blue can", names), loft.surface(), parts, mass=0.36, gloss=0.8, symmetry=round_about())


def tuna_tin() -> Shape:
    """A low tin, 72 mm wide and 36 mm tall, with a teal label."""
    teal, cream = (22, 134, 136), (240, 232, 206)
    bands = [(4.0, 13.0, teal), (13.0, 23.0, cream), (23.0, 32.0, teal)]
    wall, paint = _banded(bands, 36.0)
    foot = [(34.0, 0.0), (36.0, 1.0), (36.0, 4.0)]
    steps = [32.2, 31.9, 26.2, 25.9, 18.2, 17.9, 10.2]
    top = [(36.0, 32.0), (36.0, 35.0), (34.5, 36.0)] + [(r, 36.0) for r in steps]
    colors = [SILVER] * 3 + paint + [SILVER] * 4 + [STEEL, STEEL, TIN, TIN, STEEL, STEEL]
    loft = lathe(foot + wall + top, colors)
    parts = [loft.solid(0, len(loft.rings) - 1)]
    names = ("tuna can", "low tin with a teal label")
    return finish(Description("tuna tin", names), loft.surface(), parts, mass=0.2, gloss=0.7, symmetry=round_about())


def gray_tape() -> Shape:
    """A roll of duct tape: 104 mm wide, 48 mm tall, with a cardboard core."""
    gray, dark, board = (142, 146, 150), (112, 116, 121), (188, 152, 104)
    end = [(52.0, 0.7, gray), (51.3, 0.0, gray), (46.2, 0.0, gray), (45.9, 0.0, dark), (40.2, 0.0, dark)]
    end += [(39.9, 0.0, board), (38.0, 0.0, board), (37.7, 0.3, board)]
    rows = end[::-1] + [(r, 48.0 - z, color) for r, z, color in end]  # the same from above and from below
    profile, colors = [(r, z) for r, z, _ in rows], [color for *_, color in rows]
    loft = lathe(profile, colors, closed=True)
    parts = loft.shell(*range(len(profile)))
    names = ("roll of duct tape", "gray duct tape")
    return finish(
        Description("roll of gray tape", names),
        loft.surface(),
        parts,
        mass=0.3,
        gloss=0.35,
        symmetry=round_about(turns((1, 0, 0), 2)),
    )


def banana() -> Shape:
    """A banana lying on its side: a bent tube of five soft edges."""
    yellow, brown, green = (242, 203, 44), (88, 62, 34), (168, 172, 60)
    s = np.array([0.0, 0.012, 0.05, 0.1, 0.17, 0.25, 0.34, 0.43, 0.52, 0.61, 0.7, 0.78, 0.85, 0.905, 0.925, 0.96, 1.0])
    r = np.array([3.0, 4.8, 8.5, 12.0, 15.0, 16.6, 17.4, 17.6, 17.4, 16.6, 15.0, 12.6, 9.4, 6.2, 5.2, 4.6, 4.8]) / 1e3
    colors = np.array(
        [brown, brown, (214, 190, 58), yellow] + [yellow] * 8 + [(226, 200, 56), green, green, (150, 140, 60), brown]
    )
    bend = np.radians(100) * (s - 0.5)
    center = 0.1 * np.stack([np.sin(bend), 1 - np.cos(bend), np.zeros_like(s)], 1)
    out = np.stack([np.sin(bend), -np.cos(bend), np.zeros_like(s)], 1)  # away from the bend's centre
    k = 20
    phi = 2 * np.pi * np.arange(k) / k
    radius = 1 + 0.03 * np.cos(5 * phi)
    y, z = radius * np.cos(phi), radius * np.sin(phi)
    rings = center[:, None] + r[:, None, None] * (-y[:, None] * out[:, None] + z[:, None] * np.array([0.0, 0.0, 1.0]))
    loft = Loft(rings, np.repeat(colors[:, None].astype(float), k, axis=1))
    parts = [loft.solid(i, i + 1) for i in range(len(s) - 1)]
    return finish(Description("banana", ("yellow banana",)), loft.surface(), parts, mass=0.13, gloss=0.15)


def red_screwdriver() -> Shape:
    """A slotted screwdriver, 205 mm long, lying along x."""
    red, black = (196, 32, 38), INK
    k = 24
    phi = 2 * np.pi * np.arange(k) / k
    turned = np.mod(phi + np.pi / 6, np.pi / 3) - np.pi / 6
    hexagon = np.minimum(np.cos(np.pi / 6) * 1.06 / np.cos(turned), 1.0)
    e = EPS * 1e3
    handle = [
        (0.0, 9.0),
        (2.0, 12.0),
        (7.0, 14.5),
        (12 - e, 14.8),
        (12 + e, 14.8),
        (52 - e, 15.5),
        (52 + e, 15.5),
        (66.0, 14.0),
    ]
    handle += [(78.0, 10.5), (86.0, 12.5), (93.0, 12.5), (97.0, 8.0)]
    shaft = [(97.0, 3.2), (180.0, 3.2)]
    colors = [red] * 4 + [black] * 2 + [red] * 4 + [black] * 2 + [SILVER] * 4
    rings = [np.stack([np.full(k, x), h * hexagon * np.cos(phi), h * hexagon * np.sin(phi)], 1) for x, h in handle]
    rings += [np.stack([np.full(k, x), h * np.cos(phi), h * np.sin(phi)], 1) for x, h in shaft]
    rings += [
        np.stack([np.full(k, x), y * np.cos(phi), z * np.sin(phi)], 1) for x, y, z in ((192, 4.2, 1.2), (205, 3.6, 0.6))
    ]
    loft = Loft(np.array(rings) / 1e3, np.repeat(np.array(colors, float)[:, None], k, axis=1))
    parts = [loft.solid(i, i + 1) for i in range(len(rings) - 1) if i != len(handle) - 1]
    names = ("screwdriver with a red handle", "screwdriver")
    symmetry = Symmetry(discrete=turns((1, 0, 0), 2))
    return finish(Description("red screwdriver", names), loft.surface(), parts, mass=0.12, gloss=0.5, symmetry=symmetry)


def purple_bottle() -> Shape:
    """A flat shampoo bottle, 68 x 42 x 182 mm, purple, white cap, a white label front and back."""
    purple, white, lilac = (112, 52, 150), (240, 240, 238), (178, 140, 204)
    phi = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    sides = [np.radians(a) + s * 0.006 for a in (55, 125, 235, 305) for s in (-1, 1)]
    phi = np.sort(np.concatenate([phi, sides]))
    facing = np.abs(np.sin(phi)) > np.sin(np.radians(55))
    e = EPS * 1e3
    edges = [z + s * e for z in (38, 52, 58, 102) for s in (-1, 1)]
    body = [(0.0, 0.90), (3.0, 0.97)] + [(z, 1.0) for z in (8.0, *edges, 122.0)]
    shoulder = [(131.0, 0.95), (138.0, 0.86), (144.0, 0.72), (149.0, 0.5)]
    cap = [(149.0, 14.0), (150.0, 14.6), (180.0, 13.6), (182.0, 12.2)]
    ellipse = np.stack([34 * np.cos(phi), 21 * np.sin(phi)], 1)
    circle = np.stack([np.cos(phi), np.sin(phi)], 1)
    rings = [np.column_stack([q * ellipse, np.full(len(phi), z)]) for z, q in body + shoulder]
    rings += [np.column_stack([q * circle, np.full(len(phi), z)]) for z, q in cap]
    rings_m = np.array(rings) / 1e3
    z = rings_m[..., 2] * 1e3
    neck = len(body) + len(shoulder)
    colors = np.where(np.arange(len(rings))[:, None, None] < neck, np.array(purple, float), np.array(white, float))
    colors = np.tile(colors, (1, len(phi), 1))
    colors[facing & (z > 38) & (z < 102)] = white
    colors[facing & (z > 52) & (z < 58)] = lilac
    loft = Loft(rings_m, colors)
    parts = [loft.solid(0, neck - 1), loft.solid(neck, len(rings) - 1)]
    names = ("purple bottle", "shampoo bottle")
    symmetry = Symmetry(discrete=turns((0, 0, 1), 2))
    return finish(
        Description("purple shampoo bottle", names), loft.surface(), parts, mass=0.28, gloss=0.6, symmetry=symmetry
    )


def green_apple() -> Shape:
    """An apple, 74 mm wide, on a flat foot, with a dimple and a stem."""
    green, pale, brown = (122, 176, 42), (176, 196, 74), (92, 64, 36)
    body: list[tuple[float, float]] = [
        (13, 0),
        (19, 1.5),
        (26, 6),
        (32, 14),
        (36, 24),
        (37, 35),
        (36.6, 45),
        (34.5, 54),
    ]
    crown: list[tuple[float, float]] = [(29, 61.5), (22, 65.5), (15, 67), (9, 63.5), (3, 54)]
    stem: list[tuple[float, float]] = [(1.9, 54), (1.5, 64), (1.9, 74)]
    colors = [pale, pale] + [green] * 8 + [pale, pale, (150, 140, 60)] + [brown] * 3
    loft = lathe(body + crown + stem, colors, k=40)
    b, c = len(body), len(body) + len(crown)
    parts = [loft.solid(0, b - 1), *loft.shell(*range(b - 1, c)), loft.solid(c, c + 2)]
    names = ("apple", "green fruit")
    return finish(
        Description("green apple", names), loft.surface(), parts, mass=0.17, gloss=0.45, symmetry=round_about()
    )


KINDS: Mapping[int, Callable[[], Shape]] = {
    1: red_mug,
    2: white_bowl,
    3: blue_can,
    4: tuna_tin,
    5: cereal_box,
    6: juice_carton,
    7: gray_tape,
    8: banana,
    9: red_screwdriver,
    10: purple_bottle,
    11: tea_box,
    12: green_apple,
}
"""obj_id to the function that makes the kind."""


def shapes() -> dict[int, Shape]:
    """All kinds, with vertices as the PLY keeps them (float32 millimetres)."""
    made = {i: make() for i, make in KINDS.items()}
    return {i: replace(s, mesh=replace(s.mesh, vertices=_as_written(s.mesh.vertices))) for i, s in made.items()}


def _as_written(vertices: np.ndarray) -> np.ndarray:
    return (vertices * 1e3).astype(np.float32).astype(float) / 1e3
