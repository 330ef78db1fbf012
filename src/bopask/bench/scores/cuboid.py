"""Intersection over union of oriented boxes: exact polyhedra, never a raster. Many pairs at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.bench.scores.polygon import areas, clip
from bopask.geometry import se3
from bopask.geometry.box import SIGNS

FACES = ((0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (3, 2, 6, 7), (0, 3, 7, 4), (1, 2, 6, 5))
"""Corners of each face, in the order of `SIGNS`..."""
NORMALS: Float[Array, "6 3"] = np.array([[0, 0, -1], [0, 0, 1], [0, -1, 0], [0, 1, 0], [-1, 0, 0], [1, 0, 0]], float)
"""...and the way it looks."""
APART = 1e-9
"""The second box is taken larger by this share, so that no two faces lie in one plane and each piece of the surface of
the intersection belongs to one box. It changes the volume by less than the IoU is claimed to be exact to."""


def box_ious(
    T_a: Float[Array, "n 4 4"], size_a: Float[Array, "n 3"], T_b: Float[Array, "n 4 4"], size_b: Float[Array, "n 3"]
) -> Float[Array, "n"]:
    """IoU of boxes centred at the origins of their frames. Poses T_ref_box, full edge lengths (m)."""
    shared = shared_volumes(se3.inverse(T_a) @ T_b, size_a, size_b)
    volume_a, volume_b = size_a.prod(-1), size_b.prod(-1)
    shared = np.minimum(shared, np.minimum(volume_a, volume_b))
    return np.clip(shared / np.maximum(volume_a + volume_b - shared, 1e-300), 0.0, 1.0)


def shared_volumes(
    T_a_b: Float[Array, "n 4 4"], size_a: Float[Array, "n 3"], size_b: Float[Array, "n 3"]
) -> Float[Array, "n"]:
    """Volume (m³) of the intersection, by the divergence theorem: V = 1/3 Σ over faces of (normal · face) · area.

    A face of the intersection is a face of one box clipped by the six half-spaces of the other. Positions are about the
    middle of the first box: large offsets would cost digits (pytorch3d issue 1551).
    """
    half_a, half_b = size_a / 2, size_b / 2 * (1 + APART)
    in_b = se3.transform(se3.inverse(T_a_b), SIGNS * half_a[:, None])
    in_a = se3.transform(T_a_b, SIGNS * half_b[:, None])
    reach_a = np.abs(NORMALS) @ half_a[..., None]
    outward = se3.rotate(T_a_b, np.broadcast_to(NORMALS, (len(T_a_b), 6, 3)))
    reach_b = (outward * T_a_b[:, None, :3, 3]).sum(-1) + (np.abs(NORMALS) @ half_b[..., None])[..., 0]
    volume = (reach_a[..., 0] * clipped_areas(in_b, half_b)).sum(1) + (reach_b * clipped_areas(in_a, half_a)).sum(1)
    return np.maximum(volume / 3, 0.0)


def clipped_areas(corners: Float[Array, "n 8 3"], half: Float[Array, "n 3"]) -> Float[Array, "n 6"]:
    """Area (m²) of what of each face of a box lies within another, in whose frame the corners are."""
    polygons = corners[:, FACES].reshape(-1, 4, 3)
    limit = np.repeat(half, 6, axis=0)
    for axis in range(3):
        for sign in (1.0, -1.0):
            polygons = clip(polygons, sign * polygons[..., axis] - limit[:, axis, None])
    return areas(polygons).reshape(-1, 6)
