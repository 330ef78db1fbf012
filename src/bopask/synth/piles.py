"""Things on a table: spread out, walled in, or on one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial import QhullError

from bopask.arrays import Array
from bopask.synth.places import Outline, about_z, free, gaps, land, narrow_side, outline
from bopask.synth.put import DROP, HALF, Put, Refused, between, height, lie, scatter, steady
from bopask.synth.solids import solid_of, within


def table(put: Put, ids: Sequence[int], clutter: float, rng: np.random.Generator) -> None:
    """Spread out at clutter 0; towards 1, low things walled in by taller ones a few millimetres off, and no gaps."""
    left, taken = list(ids), list[Outline]()
    for ring in range(int(clutter > 0.25) + int(clutter > 0.6 and len(ids) >= 10)):
        if len(left) >= 4:
            middle = (
                rng.normal(0, 0.02, 2) if not ring else rng.choice([-1, 1]) * np.array([0.24, rng.uniform(-0.08, 0.08)])
            )
            left = _ring(put, left, taken, middle, rng)
    scatter(put, left, taken, clutter, rng, lie)


def _ring(
    put: Put, ids: list[int], taken: list[Outline], middle: Float[Array, "2"], rng: np.random.Generator
) -> list[int]:
    """A low thing with up to five taller ones round it, 3 to 12 mm off; returns the things left over."""
    turned = {k: lie(put.shapes[i], rng) for k, i in enumerate(ids)}
    tall = {k: height(put.shapes[ids[k]], R) for k, R in turned.items()}
    small = [k for k, R in turned.items() if outline(put.shapes[ids[k]], R).size.max() < 0.15] or list(turned)
    low = rng.choice(sorted(small, key=lambda k: tall[k])[: max(len(small) // 3, 1)])
    others = sorted((k for k in turned if k != low), key=lambda k: -tall[k])
    walls = [int(k) for k in rng.permutation(others[: max(5, len(others) // 2)])[: rng.integers(4, 6)]]
    shadow = outline(put.shapes[ids[low]], turned[low])
    if not free(shadow, taken, middle[None], 0.003, HALF)[0]:
        return ids
    put.stand(ids[low], turned[low], middle)
    taken.append(shadow.at(middle))
    start, used = rng.uniform(-np.pi, np.pi), {int(low)}
    for k, wall in enumerate(walls):
        angle = start + 2 * np.pi * k / len(walls) + rng.uniform(-0.12, 0.12)
        side = narrow_side(outline(put.shapes[ids[wall]], turned[wall]))
        R = about_z(angle - side + rng.uniform(-0.1, 0.1)) @ turned[wall]
        shadow = outline(put.shapes[ids[wall]], R)
        ray = middle + np.arange(0.35, 0, -0.001)[:, None] * [np.cos(angle), np.sin(angle)]
        gap = np.min([gaps(shadow, still, ray) for still in taken], axis=0)
        stop = int(np.argmax(gap < rng.uniform(0.003, 0.012)))
        if stop and free(shadow, taken, ray[stop - 1][None], 0.003, HALF)[0]:
            put.stand(ids[wall], R, ray[stop - 1])
            taken.append(shadow.at(ray[stop - 1]))
            used.add(wall)
    return [i for k, i in enumerate(ids) if k not in used]


def stack(put: Put, ids: Sequence[int], clutter: float, rng: np.random.Generator) -> None:
    """Wide flat things first; then others on them or in them, where their weight is well over what they touch."""
    area = {k: float(np.prod(outline(put.shapes[i], steady(put.shapes[i], rng)).size)) for k, i in enumerate(ids)}
    order = sorted(area, key=lambda k: -area[k] * rng.uniform(0.5, 1.5))
    base = len(ids) - max(int(len(ids) * between(0.35, 0.6, clutter)), 1)
    taken: list[Outline] = []
    scatter(put, [ids[k] for k in order[:base]], taken, between(0.3, 0.8, clutter), rng, steady)
    rest = [ids[k] for k in order[base:] if not _on_another(put, ids[k], rng)]
    if len(rest) == len(ids) - base:
        raise Refused("nothing_stacks")
    scatter(put, rest, taken, between(0.3, 0.8, clutter), rng, steady)


def _on_another(put: Put, obj_id: int, rng: np.random.Generator, tries: int = 16) -> bool:
    """Puts a thing on or in one that is there already; False where it would not stay."""
    shape, below = put.shapes[obj_id], put.below()
    for attempt in range(tries if put.obj_ids else 0):
        row = int(rng.integers(len(put.obj_ids)))
        R = (steady if rng.random() < 0.7 else lie)(shape, rng)
        loose = 0.002 if attempt % 2 else 0.2 * float(np.ptp(put.shapes[put.obj_ids[row]].mesh.vertices, axis=0).min())
        xy = put.poses[row][:2, 3] + rng.normal(0, loose, 2)
        landing = land(shape, R, xy, below)
        center = (R @ solid_of(shape).center)[:2] + xy
        if (landing.on == row).all() and _carried(landing.touches, center) and landing.z < 0.25:
            put.add(obj_id, R, put.lifted(obj_id, R, np.array([*xy, landing.z + DROP])))
            return True
    return False


def _carried(touches: Float[Array, "k 2"], center: Float[Array, "2"]) -> bool:
    """The weight is well inside what is touched: within three quarters of its hull, which is no sliver."""
    middle = (touches.min(0) + touches.max(0)) / 2
    try:
        return len(touches) > 3 and bool(within(middle + 0.75 * (touches - middle), center[None])[0])
    except QhullError:  # all in line
        return False
