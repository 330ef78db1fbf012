"""Colours by position: noise, wood, cloth, laminate, and the room behind the table. Linear light, no image files."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from bopask.arrays import Array


def to_linear(srgb: UInt8[Array, "... 3"] | Float[Array, "... 3"]) -> Float[Array, "... 3"]:
    """Linear light of sRGB 0..255 (IEC 61966-2-1)."""
    c = np.asarray(srgb, float) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Float[Array, "... 3"]) -> Float[Array, "... 3"]:
    """sRGB 0..255 (not rounded) of linear light."""
    c = np.clip(linear, 0, 1)
    return 255 * np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)


def _hash(x: Array, y: Array, salt: int) -> Float[Array, "..."]:
    """A number in [0, 1) for each lattice point, the same on every machine (integer arithmetic only)."""
    h = (x.astype(np.int64) * 374761393 + y.astype(np.int64) * 668265263 + salt * 2147483647) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFFFF) / float(1 << 24)


def noise(x: Float[Array, "..."], y: Float[Array, "..."], salt: int = 0) -> Float[Array, "..."]:
    """Smooth value noise in 0..1 with features one unit wide."""
    i, j = np.floor(x), np.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    a, b = _hash(i, j, salt), _hash(i + 1, j, salt)
    c, d = _hash(i, j + 1, salt), _hash(i + 1, j + 1, salt)
    return np.asarray((a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v)


def fractal(x: Float[Array, "..."], y: Float[Array, "..."], salt: int = 0, octaves: int = 4) -> Float[Array, "..."]:
    """Octaves of noise, 0..1."""
    total = sum(noise(x * 2.0**o, y * 2.0**o, salt + o) * 0.5**o for o in range(octaves))
    return np.asarray(total / (2 - 0.5 ** (octaves - 1)))


def _mix(a: tuple[int, int, int], b: tuple[int, int, int], t: Float[Array, "..."]) -> Float[Array, "... 3"]:
    t = np.clip(t, 0, 1)[..., None]
    return to_linear(np.array(a)) * (1 - t) + to_linear(np.array(b)) * t


def wood(p: Float[Array, "... 3"], light: tuple[int, int, int], dark: tuple[int, int, int]) -> Float[Array, "... 3"]:
    """Planks 11 cm wide along x, each with its own grain and tint."""
    x, y = p[..., 0], p[..., 1]
    plank = np.floor(y / 0.11)
    shift = _hash(plank, plank * 0, 7)
    warp = fractal(x * 3 + 40 * shift, y * 14 + 9 * shift, 11, 3)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (y * 34 + 5.0 * warp + 7 * shift))
    fibre = fractal(x * 18 + 90 * shift, y * 420, 23, 2)
    grain = 0.20 + 0.42 * rings**2 * warp + 0.34 * (fibre - 0.35) + 0.30 * (shift - 0.5)
    color = _mix(light, dark, grain)
    edge = np.minimum(y / 0.11 - plank, plank + 1 - y / 0.11) * 0.11
    return color * np.clip(0.45 + edge / 0.0022, 0.45, 1.0)[..., None]


def cloth(p: Float[Array, "... 3"], base: tuple[int, int, int], stripe: tuple[int, int, int]) -> Float[Array, "... 3"]:
    """A woven cloth with a wide check."""
    x, y = p[..., 0], p[..., 1]
    period, width = 0.12, 0.03
    sx = np.mod(x + 0.045, period) < width
    sy = np.mod(y + 0.02, period) < width
    weave = 0.5 + 0.25 * np.sin(2 * np.pi * x / 0.004) * np.sin(2 * np.pi * y / 0.004)
    check = 0.38 * (sx.astype(float) + sy.astype(float)) + 0.06 * weave + 0.05 * fractal(x * 30, y * 30, 5, 3)
    return _mix(base, stripe, check)


def laminate(
    p: Float[Array, "... 3"], base: tuple[int, int, int], fleck: tuple[int, int, int]
) -> Float[Array, "... 3"]:
    """A kitchen top: flecks of two sizes on a plain ground."""
    x, y = p[..., 0], p[..., 1]
    coarse, fine = fractal(x * 26, y * 26, 3, 3), noise(x * 330, y * 330, 9)
    return _mix(base, fleck, 0.55 * np.clip(coarse - 0.35, 0, 1) + 0.5 * np.clip(fine - 0.62, 0, 1))


TABLES = {
    "oak": lambda p: wood(p, (214, 176, 128), (138, 92, 52)),
    "walnut": lambda p: wood(p, (146, 98, 64), (66, 40, 26)),
    "cloth": lambda p: cloth(p, (226, 222, 212), (92, 120, 160)),
    "stone": lambda p: laminate(p, (176, 180, 182), (96, 100, 106)),
}
"""Table tops: points on the top (m) to linear albedo."""


def room(points: Float[Array, "n 3"], is_floor: Array) -> Float[Array, "n 3"]:
    """Albedo of floor and walls (m, table frame): far away, so broad and soft."""
    x, y, z = points.T
    carpet = _mix((150, 142, 134), (118, 110, 104), fractal(x * 5, y * 5, 31, 2))
    wall = _mix((196, 192, 182), (170, 168, 164), fractal(x + y, z * 1.3, 37, 2))
    skirting = ((z < -0.62) & ~is_floor)[:, None]
    return np.where(is_floor[:, None], carpet, np.where(skirting, to_linear(np.array((228, 226, 220))), wall))
