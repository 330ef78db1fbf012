"""A model seen from all around: orthographic pictures with its own colours, on one sheet. Rays, no OpenGL."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from bopask.arrays import Array
from bopask.bop.skin import Skin
from bopask.geometry.mesh import face_normals
from bopask.geometry.rays import RayScene

EIGHT = ((20, 20), (80, 20), (140, 20), (200, 20), (260, 20), (320, 20), (50, 75), (50, -75))
"""Azimuth and elevation (degrees) of the views, the model's z up: six around, one from above, one from below."""
FINER = 2
"""Rays across a pixel."""


def seen(skin: Skin, azimuth: float, elevation: float, side: int) -> UInt8[Array, "side side 3"]:
    """One view (degrees) of a model that fills the picture, lit from the camera, on white."""
    a, e = np.deg2rad([azimuth, elevation])
    back = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    up = np.cross(back, right)
    vertices = skin.mesh.vertices
    middle = (vertices.min(0) + vertices.max(0)) / 2
    reach = float(np.linalg.norm(vertices - middle, axis=1).max())
    n = side * FINER
    across, down = np.meshgrid(np.linspace(-1, 1, n), np.linspace(1, -1, n))
    origins = middle + reach * (across[..., None] * right + down[..., None] * up + 2 * back)
    face, weights = RayScene([skin.mesh]).first_face(origins, -back)
    on = face >= 0
    light = 0.55 + 0.45 * np.abs(face_normals(skin.mesh)[0][face[on]] @ back)
    picture = np.full((n, n, 3), 255.0)
    picture[on] = skin.at(face[on], weights[on]) * light[:, None]
    return np.asarray(picture.reshape(side, FINER, side, FINER, 3).mean((1, 3)).round().astype(np.uint8))


def sheet(skin: Skin, side: int = 256, views: Sequence[tuple[float, float]] = EIGHT, columns: int = 4) -> bytes:
    """A PNG of the views, row by row."""
    rows = -(-len(views) // columns)
    paper = Image.new("RGB", (columns * side, rows * side), "white")
    for k, (azimuth, elevation) in enumerate(views):
        paper.paste(Image.fromarray(seen(skin, azimuth, elevation, side)), (k % columns * side, k // columns * side))
    out = io.BytesIO()
    paper.save(out, "PNG", optimize=True)
    return out.getvalue()
