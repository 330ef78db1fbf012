"""Printed cartons: rectangular lofts whose vertices follow the print, so that vertex colours show it crisply."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bopask.arrays import Array
from bopask.nouns import Description, Symmetry
from bopask.synth.prints import Surface
from bopask.synth.shapes import EPS, Loft, Shape, cut, finish, lines, rectangle, sew, tidy, turns

CORNER = 4e-4
"""The print of one side ends this far (m) from the edge, so that it does not bleed round the corner."""
Color = tuple[int, int, int]


def _between(x: Array, low: float, high: float) -> Array:
    return (x > low) & (x < high)


def _carton(xs: Array, ys: Array, zs: Array, paint: Callable[[Array, Array], Array], lid: Color) -> Loft:
    """A box from z = 0 up. `paint(points, sides)` gives sRGB; top and bottom have the colour `lid`."""
    ring, sides = rectangle(xs, ys)
    rings = np.concatenate([np.tile(ring, (len(zs), 1, 1)), np.repeat(zs[:, None, None], len(ring), 1)], -1)
    colors = paint(rings, np.broadcast_to(sides, rings.shape[:2]))
    ends = rings[[0, -1]] * np.append(1 - 2 * EPS / np.ptp(ring, axis=0), 1.0)
    tint = np.tile(np.array(lid, float), (2, len(ring), 1))
    return Loft(np.concatenate([ends[:1], rings, ends[1:]]), np.concatenate([tint[:1], colors, tint[1:]]))


def _discs(
    loft: Loft, surface: Surface, frame: tuple[float, float, float], back: bool, bands: Sequence[tuple[float, Color]]
) -> Surface:
    """Prints concentric discs, widest first: (radius m, colour) each, in place of the cells of one side.

    `frame` is (half width, lowest z, highest z) of the square that is re-cut; it lies on rows and columns of the loft.
    """
    half, low, high = frame
    vertices, faces, colors = surface
    ring = loft.rings[1, :, :2]
    on_side = ring[:, 1] == (ring[:, 1].max() if back else ring[:, 1].min())
    column = np.flatnonzero(on_side & (np.abs(ring[:, 0]) < half + 1e-6))
    row = np.flatnonzero(_between(loft.rings[:-1, 0, 2], low - 1e-6, high + 1e-6))
    faces, loop = cut(loft, faces, int(row[0]), int(column[0]), len(row) - 1, len(column) - 1)
    edge = vertices[loop]
    center = np.array([0.0, edge[0, 1], (low + high) / 2])
    spoke = (edge - center) / np.linalg.norm(edge - center, axis=1, keepdims=True)
    radii = [r + s * EPS for r, _ in bands for s in (1, -1)]
    tints = [colors[loop[0]], *(np.array(c, float) for _, c in bands for _ in range(2))][: len(radii)]
    rings = center + np.array(radii)[:, None, None] * spoke
    return sew((vertices, faces, colors), loop, rings, np.array(tints), None)


def cereal_box() -> Shape:
    """A cereal box, 130 x 48 x 190 mm: orange, a yellow ring under a brown title, a white panel behind."""
    orange, yellow, brown, white = (232, 112, 24), (252, 206, 60), (96, 46, 20), (244, 240, 230)
    sx, sy, sz = 0.130, 0.048, 0.190
    edge = sx / 2 - CORNER
    xs = lines(-sx / 2, sx / 2, 0.009, (-edge, -0.048, 0.048, edge))
    ys = lines(-sy / 2, sy / 2, 0.03, (-sy / 2 + CORNER, sy / 2 - CORNER))
    frame = 0.048 + EPS, 0.026, 0.122
    zs = np.unique(
        np.concatenate(
            [
                lines(0.0, 0.026, 0.02, (0.012,)),
                lines(0.026, 0.122, 0.009),
                lines(0.122, sz, 0.02, (0.130, 0.152, 0.160, 0.168, 0.176, 0.184)),
            ]
        )
    )

    def paint(p: Array, side: Array) -> Array:
        x, z = p[..., 0], p[..., 2]
        color = np.full(p.shape, orange, float)
        title = np.abs(x) < 0.048
        color[(side == 0) & title & (_between(z, 0.130, 0.152) | _between(z, 0.160, 0.168))] = brown
        color[(side == 2) & title & _between(z, 0.012, 0.130)] = white
        color[_between(z, 0.176, 0.184) | _between(z, -1.0, 0.012)] = yellow
        return color

    loft = _carton(xs, ys, zs, paint, orange)
    discs = ((0.045, white), (0.038, yellow), (0.024, orange), (0.012, yellow))
    surface = tidy(_discs(loft, loft.surface(), frame, False, discs))
    parts = [loft.solid(1, len(loft.rings) - 2)]
    names = ("cereal box", "orange box of cereal")
    return finish(Description("orange cereal box", names), surface, parts, mass=0.3, gloss=0.15)


def tea_box() -> Shape:
    """A box of tea, 72 x 54 x 100 mm: dark green, a cream label with a green bar, the same on opposite sides."""
    green, cream, gold = (20, 92, 58), (240, 228, 196), (206, 158, 52)
    sx, sy, sz = 0.072, 0.054, 0.100
    ex, ey = sx / 2 - CORNER, sy / 2 - CORNER
    xs = lines(-sx / 2, sx / 2, 0.02, (-ex, -0.024, 0.024, ex))
    ys = lines(-sy / 2, sy / 2, 0.02, (-ey, -0.018, 0.018, ey))
    zs = lines(0.0, sz, 0.02, (0.010, 0.014, 0.028, 0.052, 0.060, 0.074, 0.086, 0.090))

    def paint(p: Array, side: Array) -> Array:
        x, y, z = np.moveaxis(p, -1, 0)
        color = np.full(p.shape, green, float)
        front, flank = (side % 2 == 0) & (np.abs(x) < 0.024), (side % 2 == 1) & (np.abs(y) < 0.018)
        color[front & (_between(z, 0.028, 0.052) | _between(z, 0.060, 0.074))] = cream
        color[flank & _between(z, 0.052, 0.074)] = gold
        color[_between(z, 0.010, 0.014) | _between(z, 0.086, 0.090)] = gold
        return color

    loft = _carton(xs, ys, zs, paint, green)
    parts = [loft.solid(1, len(loft.rings) - 2)]
    names = ("tea box", "green box of tea")
    symmetry = Symmetry(discrete=turns((0, 0, 1), 2))
    return finish(Description("green tea box", names), loft.surface(), parts, mass=0.12, gloss=0.2, symmetry=symmetry)


def juice_carton() -> Shape:
    """A gable-top carton, 64 x 64 x 186 mm: white, an orange disc and foot on front and back, a green ridge."""
    white, orange, green, leaf = (242, 242, 238), (244, 140, 20), (70, 150, 50), (252, 190, 70)
    s, eaves, ridge, top = 0.064, 0.142, 0.172, 0.186
    edge = s / 2 - CORNER
    xs = lines(-s / 2, s / 2, 0.008, (-edge, -0.0275, 0.0275, edge))
    ys = lines(-s / 2, s / 2, 0.03, (-edge, edge))
    frame = 0.0275 + EPS, 0.046, 0.102
    zs = np.unique(
        np.concatenate(
            [lines(0.0, 0.046, 0.02, (0.030,)), lines(0.046, 0.102, 0.008), lines(0.102, eaves, 0.02, (0.116, 0.124))]
        )
    )

    def paint(p: Array, side: Array) -> Array:
        color = np.full(p.shape, white, float)
        color[_between(p[..., 2], -1.0, 0.030)] = orange
        color[_between(p[..., 2], 0.116, 0.124)] = green
        return color

    body = _carton(xs, ys, zs, paint, white)
    base, n = body.rings[-2], len(zs)

    def at(z: float) -> Array:
        lean = 1 - 0.96 * min((z - eaves) / (ridge - eaves), 1.0)
        return base * [1, lean, 1] + [0, 0, z - eaves]

    roof = [at(z) for z in (ridge - 0.006 - EPS, ridge - 0.006 + EPS, ridge, top - EPS)]
    fin = at(top) * [1 - 2 * EPS / s, 0.9, 1]
    tint = np.array([white, green, green, green, green], float)[:, None] * np.ones((1, len(base), 1))
    loft = Loft(np.concatenate([body.rings[:-1], [*roof, fin]]), np.concatenate([body.colors[:-1], tint]))
    discs = ((0.026, orange), (0.019, leaf), (0.017, orange))
    surface = loft.surface()
    for back in (False, True):
        surface = _discs(loft, surface, frame, back, discs)
    parts = [loft.solid(1, n), loft.solid(n, n + 3), loft.solid(n + 3, n + 5)]
    names = ("carton of juice", "white juice carton")
    symmetry = Symmetry(discrete=turns((0, 0, 1), 2))
    return finish(Description("juice carton", names), tidy(surface), parts, mass=0.5, gloss=0.25, symmetry=symmetry)
