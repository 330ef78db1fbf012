"""The mug: a turned cup whose handle is sewn into two holes of its wall, so that all is one watertight surface."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.nouns import Description
from bopask.synth.shapes import Loft, Shape, cut, finish, lathe, sew, tidy

K = 60
HOLE = 3
"""A hole is HOLE x HOLE cells of the wall."""
LOW = (18.0, 22.0, 26.0, 30.0)
HIGH = (62.0, 66.0, 70.0, 74.0)
"""Heights (mm) of the rings that bound the cells of the two holes."""
RED, WHITE = (196, 30, 34), (244, 240, 232)


def _cup() -> tuple[Loft, list[Array]]:
    foot = [(34.0, 0.0), (38.0, 2.0), (40.0, 6.0), (40.0, 9.0)]
    wall = [(40.0, z) for z in (*LOW, 38.0, 46.0, 54.0, *HIGH, 82.0)]
    rim = [(40.0, 89.5), (39.5, 91.2), (38.2, 92.0), (37.0, 91.2), (36.5, 89.5)]
    inside = [(36.5, 50.0), (36.5, 9.0), (34.0, 6.0)]
    colors = [RED] * (len(foot) + len(wall) + 2) + [WHITE] * (3 + len(inside))
    loft = lathe(foot + wall + rim + inside, colors, k=K)
    lip, floor = len(foot) + len(wall), len(loft.rings) - 1
    parts = [loft.solid(0, 2)]
    parts += loft.shell(2, 3, floor - 1, floor)
    parts += loft.shell(3, lip, lip + 4, floor - 1)
    parts += loft.shell(*range(lip, lip + 5))
    return loft, parts


def _handle(start: Float[Array, "12 3"], end: Float[Array, "12 3"], steps: int = 14) -> Float[Array, "s 12 3"]:
    """Rings from one hole to the other along half an ellipse; the first and last are the holes themselves."""
    a, b = start.mean(0), end.mean(0)
    outward = (a + b) * [1, 1, 0]
    outward /= np.linalg.norm(outward)
    up = np.array([0.0, 0.0, 1.0])
    side = np.cross(up, outward)
    t = np.linspace(0, np.pi, steps)[:, None]
    reach, half = 0.030, (b - a)[2] / 2
    center = (a + b) / 2 + reach * np.sin(t) * outward - half * np.cos(t) * up
    tangent = reach * np.cos(t) * outward + half * np.sin(t) * up
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.cross(tangent, side)
    y, z = (start - a) @ side, (start - a) @ up
    phi = np.arctan2(z / np.abs(z).max(), y / np.abs(y).max())
    rings = center[:, None] + 0.0055 * np.cos(phi)[:, None] * side + 0.0042 * np.sin(phi)[:, None] * normal[:, None]
    rings[0], rings[-1] = start, end
    return rings


def red_mug() -> Shape:
    """A mug of 92 mm height and 80 mm width, handle towards +x, white inside."""
    loft, parts = _cup()
    vertices, faces, colors = loft.surface()
    heights = np.round(loft.rings[:, 0, 2] * 1e3, 3)
    loops = []
    for rows in (LOW, HIGH):
        faces, loop = cut(loft, faces, int(np.flatnonzero(heights == rows[0])[0]), 0, HOLE, HOLE)
        loops.append(loop)
    start, end = loops[0], np.roll(loops[1][::-1], 1 - HOLE)  # the handle comes back upside down
    rings = _handle(vertices[start], vertices[end])
    red = np.tile(np.array(RED, float), (len(rings) - 2, 1))
    surface = tidy(sew((vertices, faces, colors), start, rings[1:-1], red, end))
    parts += [rings[i : i + 2].reshape(-1, 3) for i in range(len(rings) - 1)]
    return finish(Description("red mug", ("red coffee mug", "red cup")), surface, parts, mass=0.33, gloss=0.7)
