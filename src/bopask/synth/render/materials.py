"""Surfaces of furniture and room: patterns over a plane (m) as image textures that tile, computed, never loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8

from bopask.arrays import Array
from bopask.synth.texture import TABLES as SAMPLE_TABLES
from bopask.synth.texture import cloth, fractal, laminate, noise, to_linear, to_srgb, wood

PERIOD = 1.28
"""Edge (m) of the square that a texture covers before it repeats; wider than the table is long."""
PIXELS = 1024
Pattern = Callable[[Float[Array, "... 3"]], Float[Array, "... 3"]]
"""Points whose x, y lie on the surface (m) -> linear albedo."""


def _blend(a: tuple[int, int, int], b: tuple[int, int, int], t: Float[Array, "..."]) -> Float[Array, "... 3"]:
    t = np.clip(t, 0, 1)[..., None]
    return to_linear(np.array(a)) * (1 - t) + to_linear(np.array(b)) * t


def marble(p: Float[Array, "... 3"], base: tuple[int, int, int], vein: tuple[int, int, int]) -> Float[Array, "... 3"]:
    """Thin veins where a warped field crosses its middle."""
    x, y = p[..., 0], p[..., 1]
    warp = fractal(x * 4, y * 4, 51, 4)
    field = np.abs(fractal(x * 3 + 2.5 * warp, y * 3 - 2 * warp, 57, 4) - 0.5)
    return _blend(base, vein, 0.75 * np.exp(-field / 0.016) + 0.25 * (warp - 0.3))


def speckle(p: Float[Array, "... 3"], *grains: tuple[int, int, int]) -> Float[Array, "... 3"]:
    """Grains of some millimetres in each of the colours, on the first."""
    x, y = p[..., 0] * 0.8 + p[..., 1] * 0.6, p[..., 1] * 0.8 - p[..., 0] * 0.6
    color = (
        np.broadcast_to(to_linear(np.array(grains[0])), p.shape)
        * (0.85 + 0.3 * fractal(x * 9, y * 9, 41, 3))[..., None]
    )
    for n, grain in enumerate(grains[1:]):
        size = 170 * 1.7**n
        here = np.clip((noise(x * size, y * size, 43 + n) - 0.56) / 0.12, 0, 1)[..., None]
        color = color * (1 - here) + to_linear(np.array(grain)) * here
    return np.asarray(color)


def linen(p: Float[Array, "... 3"], base: tuple[int, int, int], thread: tuple[int, int, int]) -> Float[Array, "... 3"]:
    """A plain weave with threads of uneven thickness, and soft folds."""
    x, y = p[..., 0], p[..., 1]
    warp, weft = noise(x * 500, y * 25, 61), noise(x * 25, y * 500, 67)
    return _blend(base, thread, 0.32 * (warp + weft - 0.5) + 0.35 * (fractal(x * 5, y * 5, 71, 2) - 0.4))


def concrete(
    p: Float[Array, "... 3"], base: tuple[int, int, int], stain: tuple[int, int, int]
) -> Float[Array, "... 3"]:
    """Clouds, grains and a few pores."""
    x, y = p[..., 0], p[..., 1]
    pores = np.clip((noise(x * 120, y * 120, 73) - 0.9) / 0.05, 0, 1)
    return _blend(
        base, stain, 0.7 * (fractal(x * 6, y * 6, 79, 5) - 0.25) + 0.12 * noise(x * 400, y * 400, 83) + 0.5 * pores
    )


def tiles(p: Float[Array, "... 3"], base: tuple[int, int, int], joint: tuple[int, int, int]) -> Float[Array, "... 3"]:
    """Square tiles of 32 cm, each a little different, with joints."""
    edge = PERIOD / 4
    cell, place = np.divmod(p[..., :2], edge)
    gap = np.minimum(place, edge - place).min(-1)
    shade = 0.25 * noise(cell[..., 0] * 7.3, cell[..., 1] * 5.7, 89) + 0.2 * fractal(p[..., 0] * 7, p[..., 1] * 7, 97)
    return _blend(base, joint, np.where(gap < 0.003, 1.0, shade))


def plaster(p: Float[Array, "... 3"], base: tuple[int, int, int]) -> Float[Array, "... 3"]:
    """A painted wall: nearly plain."""
    dark = (int(base[0] * 0.88), int(base[1] * 0.88), int(base[2] * 0.88))
    return _blend(base, dark, 0.6 * fractal(p[..., 0] * 3, p[..., 1] * 3, 101, 5))


TABLES: Mapping[str, Pattern] = {
    **SAMPLE_TABLES,
    "beech": lambda p: wood(p, (226, 196, 152), (190, 148, 104)),
    "wenge": lambda p: wood(p, (92, 68, 54), (46, 34, 28)),
    "white laminate": lambda p: laminate(p, (226, 226, 222), (196, 196, 194)),
    "granite": lambda p: speckle(p, (104, 102, 104), (58, 56, 60), (172, 164, 158), (132, 126, 124)),
    "terrazzo": lambda p: speckle(p, (206, 202, 194), (186, 174, 160), (164, 160, 156), (222, 216, 208)),
    "marble": lambda p: marble(p, (228, 226, 222), (128, 128, 134)),
    "linen": lambda p: linen(p, (214, 204, 184), (168, 156, 136)),
    "green cloth": lambda p: linen(p, (84, 112, 92), (48, 72, 58)),
    "red check": lambda p: cloth(p, (232, 226, 216), (176, 58, 52)),
    "concrete": lambda p: concrete(p, (172, 170, 166), (118, 116, 112)),
}
"""Table tops."""
FLOORS: Mapping[str, Pattern] = {
    "parquet": lambda p: wood(p, (188, 142, 96), (120, 80, 48)),
    "dark parquet": lambda p: wood(p, (112, 80, 58), (66, 46, 34)),
    "tiles": lambda p: tiles(p, (196, 190, 180), (120, 116, 110)),
    "screed": lambda p: concrete(p, (150, 150, 150), (104, 104, 106)),
    "carpet": lambda p: linen(p, (120, 118, 124), (84, 84, 92)),
}
WALLS: Mapping[str, Pattern] = {
    "white wall": lambda p: plaster(p, (226, 224, 218)),
    "cream wall": lambda p: plaster(p, (226, 212, 184)),
    "sage wall": lambda p: plaster(p, (178, 192, 176)),
    "blue wall": lambda p: plaster(p, (158, 178, 200)),
    "gray wall": lambda p: plaster(p, (164, 164, 166)),
}
PLASTICS: Mapping[str, Pattern] = {
    "gray plastic": lambda p: plaster(p, (120, 124, 130)),
    "blue plastic": lambda p: plaster(p, (48, 86, 150)),
    "metal": lambda p: linen(p, (176, 178, 182), (150, 152, 156)),
    "cardboard": lambda p: concrete(p, (186, 150, 108), (160, 124, 84)),
}
"""What bins and shelves are made of, beside the tables' materials."""
SURFACES: Mapping[str, Pattern] = {**TABLES, **FLOORS, **WALLS, **PLASTICS}


@lru_cache(maxsize=32)
def surface(name: str) -> UInt8[Array, "p p 3"]:
    """The texture of a material, sRGB: PERIOD metres a side, first row at the largest y. Opposite borders blend."""
    ahead = 96  # pixels over which the far border turns into the near one, so that tiles join
    step = PERIOD / PIXELS
    x, y = np.meshgrid((np.arange(PIXELS + ahead) + 0.5) * step, (np.arange(PIXELS + ahead) + 0.5) * step)
    light = SURFACES[name](np.stack([x, y, np.zeros_like(x)], -1))
    ramp = np.linspace(0, 1, ahead)
    light[:, :ahead] += (1 - ramp)[None, :, None] * (light[:, PIXELS:] - light[:, :ahead])
    light[:ahead] += (1 - ramp)[:, None, None] * (light[PIXELS:] - light[:ahead])
    image: UInt8[Array, "p p 3"] = np.round(to_srgb(light[:PIXELS, :PIXELS])).astype(np.uint8)[::-1]
    return image
