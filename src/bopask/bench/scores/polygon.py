"""Convex polygons by the thousand: hulls, clipping, areas. Exact but for rounding; knows no picture and no box.

A polygon is a fixed number of vertices in order, of which any may repeat: that is how polygons with different numbers
of vertices share one array.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array


def hulls(points: Float[Array, "n m 2"]) -> Float[Array, "n m 2"]:
    """Convex hulls, vertices in order (Jarvis 1973, doi:10.1016/0020-0190(73)90020-3: wrapping, from the lowest)."""
    n, m, _ = points.shape
    rows = np.arange(n)
    first = np.lexsort((points[..., 0], points[..., 1]), axis=-1)[:, 0]
    found, at, done = np.empty_like(points), first, np.zeros(n, bool)
    for k in range(m):
        found[:, k] = points[rows, at]
        best = np.where(at == 0, 1 % m, 0)
        for j in range(m):
            to_best, to_j = points[rows, best] - found[:, k], points[:, j] - found[:, k]
            side = to_best[:, 0] * to_j[:, 1] - to_best[:, 1] * to_j[:, 0]
            farther = (to_j**2).sum(1) > (to_best**2).sum(1)
            best = np.where((side < 0) | ((side == 0) & farther), j, best)
        done |= (points[rows, best] == points[rows, first]).all(1)
        at = np.where(done, first, best)
    return found


def clip(polygons: Float[Array, "n m d"], beyond: Float[Array, "n m"]) -> Float[Array, "n m+1 d"]:
    """What lies on the near side of a plane; a point repeated where nothing does.

    Sutherland and Hodgman 1974, doi:10.1145/360767.360802: one more vertex at most, for the polygons are convex.

    Args:
        beyond: how far each vertex lies beyond the plane (any unit that is linear in the vertex); <= 0 stays.
    """
    n, m, dims = polygons.shape
    after, beyond_after = np.roll(polygons, -1, 1), np.roll(beyond, -1, 1)
    stays = beyond <= 0
    crosses = stays != (beyond_after <= 0)
    share = np.where(crosses, beyond / np.where(crosses, beyond - beyond_after, 1.0), 0.0)
    places = np.stack([polygons, polygons + share[..., None] * (after - polygons)], 2).reshape(n, 2 * m, dims)
    valid = np.stack([stays, crosses], 2).reshape(n, 2 * m)
    at = np.minimum(np.cumsum(valid, 1) - 1, m)
    last = at[:, -1:]
    source = np.zeros((n, m + 1), int)
    row, k = np.nonzero(valid)
    source[row, at[row, k]] = k
    source = np.take_along_axis(source, np.minimum(np.arange(m + 1), np.maximum(last, 0)), 1)
    return np.take_along_axis(places, source[..., None], 1)


def areas(polygons: Float[Array, "n m d"]) -> Float[Array, "n"]:
    """Areas (square of the unit), in two or three dimensions."""
    spokes = polygons[:, 1:] - polygons[:, :1]
    a, b = spokes[:, :-1], spokes[:, 1:]
    if polygons.shape[-1] == 2:
        return np.asarray(np.abs((a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(1)) / 2)
    return np.asarray(np.linalg.norm(np.cross(a, b).sum(1), axis=-1) / 2)


def hull_ious(a: Float[Array, "n m 2"], b: Float[Array, "n k 2"]) -> Float[Array, "n"]:
    """Intersection over union of the convex hulls of two sets of points; 0 where the union has no area."""
    middle = b.mean(1, keepdims=True)  # about the middle, so that nothing is lost far from the origin
    hull_a, hull_b = hulls(a - middle), hulls(b - middle)
    common = hull_a
    for k in range(hull_b.shape[1]):
        start, end = hull_b[:, k, None], hull_b[:, (k + 1) % hull_b.shape[1], None]
        along, to = end - start, common - start
        common = clip(common, along[..., 1] * to[..., 0] - along[..., 0] * to[..., 1])
    shared = areas(common)
    union = areas(hull_a) + areas(hull_b) - shared
    return np.where(union > 0, np.clip(shared / np.where(union > 0, union, 1.0), 0.0, 1.0), 0.0)
