"""What one eats and stirs with: flat things that lie along x, the handle towards -x, and a spoon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.synth.kinds.palette import SILVER, TIN, Color, described, pick, weighs
from bopask.synth.prints import Surface
from bopask.synth.shapes import Loft, Shape, between, blocks, cut, finish, narrowed, round_loop, sew, tidy

Parts = list[Float[Array, "n 3"]]


def flatware(
    x: Float[Array, "a"],
    y: Float[Array, "a b"],
    thick: Float[Array, "a b"],
    z: Float[Array, "a"],
    colors: Sequence[Color],
    solid: Bool[Array, "_ _"] | None = None,
) -> tuple[Surface, Parts]:
    """A sheet of cells: station x[i] (mm) has its lines at y[i], is `thick` there and has its middle at height z[i]."""
    a, b = y.shape
    nodes = np.empty((a, b, 2, 3))
    nodes[..., 0], nodes[..., 1] = x[:, None, None], y[..., None]
    nodes[..., 2] = z[:, None, None] + thick[..., None] / 2 * [-1, 1]
    there = np.ones((a - 1, b - 1), bool) if solid is None else solid
    paint = np.broadcast_to(np.asarray(colors, float)[:, None, None], nodes.shape)
    return blocks(nodes / 1e3, there[..., None], paint, straight=False)


def fork(rng: np.random.Generator) -> Shape:
    """A table fork with four tines."""
    s = rng.uniform(0.95, 1.08)
    word, paint, material = _metal_or_plastic(rng)
    x = np.array([0, 6, 20, 60, 100, 118, 130, 140, 150, 168, 186, 194]) * s
    wide = np.array([8, 14, 17, 11, 7, 8, 17, 24, 25, 25, 24, 23.0])
    lines = np.array([-1, -0.70, -0.43, -0.14, 0.14, 0.43, 0.70, 1.0]) / 2
    z = np.array([2, 2.5, 3, 5, 9, 10, 8, 5, 3, 1, 3, 6.0])
    thick = np.array([3, 3.2, 3.2, 3.2, 3.6, 3.6, 2.8, 2.4, 2.2, 2.0, 1.8, 1.4])
    solid = np.ones((len(x) - 1, 7), bool)
    solid[8:, 1::2] = False
    surface, parts = flatware(x, wide[:, None] * lines, np.tile(thick[:, None], 8), z, [paint] * len(x), solid)
    about = described(
        f"{word} fork",
        f"{word} table fork",
        "fork",
        category="fork",
        colors=(word,),
        shape="long and thin with four tines",
        material=material,
        use="pick up food",
    )
    return finish(about, surface, parts, mass=weighs(surface, material), gloss=0.8 if material == "steel" else 0.35)


def _metal_or_plastic(rng: np.random.Generator) -> tuple[str, Color, str]:
    if rng.random() < 0.5:
        return "silver", TIN, "steel"
    return *pick(rng, "red", "blue", "green", "yellow", "white", "pink", "purple"), "plastic"


def knife(rng: np.random.Generator) -> Shape:
    """A kitchen knife, its edge towards -y."""
    s = rng.uniform(0.92, 1.1)
    word, paint = pick(rng, "black", "red", "blue", "green", "brown", "yellow", "white")
    grip, blade = 118.0, 178.0
    x = np.concatenate([[0, 5, 30, 70, 106, grip], grip + blade * np.array([0.0, 0.02, 0.35, 0.62, 0.82, 0.93, 1.0])])
    top = np.array([10, 12, 12, 10.5, 11, 11, 10, 11, 11, 10.6, 9, 6.5, 2.0])
    low = np.array([-9, -12, -12, -9.5, -12, -11, -10, -27, -27, -25, -18, -10, 1.0])
    deep = np.array([12, 16, 16, 14, 16, 15, 2.4, 2.2, 2.0, 1.8, 1.7, 1.6, 1.4])
    colors = [paint] * 6 + [SILVER] * 7
    x[6] += 0.6
    bevel = np.where(np.arange(13)[:, None] < 6, [0.55, 1, 1, 0.55], [0.25, 1, 1, 1])
    lines = np.where(np.arange(13)[:, None] < 6, [0, 0.25, 0.75, 1], [0, 0.16, 0.75, 1])
    y = low[:, None] + (top - low)[:, None] * lines
    surface, parts = flatware(x * s, y, deep[:, None] * bevel, np.zeros(13), colors)
    about = described(
        f"kitchen knife with a {word} handle",
        f"{word} knife",
        "knife",
        "kitchen knife",
        category="knife",
        colors=("silver", word),
        shape="long and flat with a pointed blade",
        material="steel",
        use="cut food",
    )
    return finish(about, surface, parts, mass=weighs(surface, 3000.0), gloss=0.7)


def spatula(rng: np.random.Generator) -> Shape:
    """A turner: a blade with three slots, and a long rising handle."""
    s = rng.uniform(0.92, 1.08)
    word, paint = pick(rng, "black", "red", "green", "blue", "orange", "teal", "purple")
    grip, wood = pick(rng, "black", "beige", "gray")
    x = np.array([0, 4, 60, 110, 111, 190, 214, 232, 244, 292, 306, 308.0]) * s
    wide = np.array([18, 24, 22, 18, 12, 12, 20, 62, 72, 80, 82, 80.0])
    thick = np.array([9, 12, 12, 11, 7, 6, 5, 3.6, 3.2, 2.4, 2.0, 1.2])
    z = np.array([58, 58, 56, 50, 50, 24, 14, 6, 3.5, 2, 1.4, 1.0])
    lines = np.array([-1, -0.72, -0.46, -0.14, 0.14, 0.46, 0.72, 1]) / 2
    solid = np.ones((len(x) - 1, 7), bool)
    solid[8, 1::2] = False
    bevel = np.where(np.arange(len(x))[:, None] < 6, [0.5, 0.9, 1, 1, 1, 1, 0.9, 0.5], np.ones(8))
    colors = [wood] * 4 + [paint] * 8
    surface, parts = flatware(x, wide[:, None] * lines, thick[:, None] * bevel, z, colors, solid)
    about = described(
        f"{word} spatula with a {grip} handle",
        f"{word} turner with a {grip} handle",
        "spatula",
        category="spatula",
        colors=(word, grip),
        shape="long handle with a flat slotted blade",
        material="plastic",
        use="turn food in a pan",
    )
    return finish(about, surface, parts, mass=weighs(surface, "plastic"), gloss=0.3)


def spoon(rng: np.random.Generator) -> Shape:
    """A cooking spoon: an oval bowl whose long stem, towards -x, grows out of its wall."""
    s, k = rng.uniform(0.92, 1.08), 26
    wooden = rng.random() < 0.35
    word, paint = (
        ("wooden", (196, 150, 98)) if wooden else pick(rng, "black", "red", "blue", "green", "orange", "yellow")
    )
    material = "wood" if wooden else "plastic"
    phi = narrowed(k, 0.18)
    oval = np.stack([-36 * np.cos(phi), -26 * np.sin(phi), 0 * phi], 1) * s
    profile = [(0.40, 0.0), (0.80, 5.0), (0.88, 8.4), (0.94, 11.2), (1.0, 14.0), (0.985, 15.0), (0.93, 15.0)]
    profile += [(0.75, 7.4), (0.36, 3.0)]
    rings = np.array([oval * q + [0, 0, z] for q, z in profile]) / 1e3
    dark = 0.9 * np.array(paint, float)
    colors = np.array([paint] * 7 + [dark] * 2, float)[:, None] * np.ones((1, k, 1))
    loft = Loft(rings, colors)
    parts = [np.concatenate([loft.rings[0], loft.rings[8]]), *loft.shell(0, 1, 7, 8), *loft.shell(*range(1, 8))]
    vertices, faces, tints = loft.surface()
    faces, loop = cut(loft, faces, 2, k - 1, 2, 2)
    start = vertices[loop]
    along = np.array([4, 14, 40, 90, 150, 185, 205, 208.0]) * s / 1e3
    half = np.array([[4.6, 3.0], [4.6, 3.2], [5, 3.8], [5.5, 4.2], [6.5, 4.6], [7.5, 4.8], [7, 4.4], [5, 3]]) / 1e3
    centers = start.mean(0) - along[:, None] * [1, 0, 0] + (along / 0.208)[:, None] * [0, 0, 0.012]
    stem = round_loop(start, centers, half[:, :1] * np.array([0, -1.0, 0]), half[:, 1:] * np.array([0, 0, 1.0]))
    surface = tidy(sew((vertices, faces, tints), loop, stem, np.tile(np.array(paint, float), (len(stem), 1)), None))
    about = described(
        f"{word} spoon" if wooden else f"{word} cooking spoon",
        f"{word} kitchen spoon",
        "spoon",
        "cooking spoon",
        category="spoon",
        colors=("brown",) if wooden else (word,),
        shape="oval bowl with a long handle",
        material=material,
        use="stir and serve food",
    )
    parts += between(np.concatenate([start[None], stem]))
    return finish(about, surface, parts, mass=weighs(surface, material), gloss=0.15 if wooden else 0.35)
