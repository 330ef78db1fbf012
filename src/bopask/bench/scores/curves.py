"""Polylines in the picture by the thousand: resampling and distances. Pixels, or any unit that both sides share.

Polylines of different lengths share an array by repeating their last point, which leaves the curve as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array


def padded(curves: Sequence[Float[Array, "w 2"]]) -> tuple[Float[Array, "n w 2"], Bool[Array, "n w"]]:
    """Polylines of one length, their last points repeated, and which points are their own."""
    most = max(len(curve) for curve in curves)
    lengths = np.array([len(curve) for curve in curves])
    k = np.minimum(np.arange(most), lengths[:, None] - 1) + (np.cumsum(lengths) - lengths)[:, None]
    return np.concatenate(curves)[k], np.arange(most) < lengths[:, None]


def resampled(curves: Float[Array, "n w 2"], count: int) -> Float[Array, "n count 2"]:
    """Points at equal shares of the length, both ends among them; of a single place, that place."""
    steps = np.linalg.norm(np.diff(curves, axis=1), axis=-1)
    at = np.concatenate([np.zeros((len(curves), 1)), np.cumsum(steps, 1)], 1)
    wanted = at[:, -1:] * np.linspace(0, 1, count)
    segment = np.zeros(wanted.shape, int)
    for k in range(1, curves.shape[1] - 1):
        segment += wanted >= at[:, k, None]
    if curves.shape[1] == 1:
        return np.repeat(curves, count, axis=1)
    start, long = np.take_along_axis(at, segment, 1), np.take_along_axis(steps, segment, 1)
    share = np.clip((wanted - start) / np.where(long > 0, long, 1.0), 0.0, 1.0)
    first = np.take_along_axis(curves, segment[..., None], 1)
    second = np.take_along_axis(curves, segment[..., None] + 1, 1)
    return np.asarray(first + share[..., None] * (second - first))


def apart(a: Float[Array, "n w 2"], b: Float[Array, "n v 2"]) -> Float[Array, "n w v"]:
    """Distances of all pairs of points."""
    off = a[:, :, None] - b[:, None]
    return np.hypot(off[..., 0], off[..., 1])


def frechet(distances: Float[Array, "n w v"]) -> Float[Array, "n"]:
    """Discrete Fréchet distance from the distances of all pairs (Eiter and Mannila 1994, TR CD-TR 94/64)."""
    n, w, v = distances.shape
    reach = np.full((n, w + 1, v + 1), np.inf)
    reach[:, 0, 0] = 0.0
    for i in range(w):
        for j in range(v):
            before = np.minimum(np.minimum(reach[:, i, j], reach[:, i, j + 1]), reach[:, i + 1, j])
            reach[:, i + 1, j + 1] = np.maximum(before, distances[:, i, j])
    return np.asarray(reach[:, w, v])


def chamfer(
    distances: Float[Array, "n w v"], own_a: Bool[Array, "n w"], own_b: Bool[Array, "n v"]
) -> Float[Array, "n"]:
    """½ (mean over a of the distance to the nearest of b + the same of b): each point counts once."""
    of_a, of_b = distances.min(2), distances.min(1)  # repeated points are nobody's new nearest
    return np.asarray(((of_a * own_a).sum(1) / own_a.sum(1) + (of_b * own_b).sum(1) / own_b.sum(1)) / 2)
