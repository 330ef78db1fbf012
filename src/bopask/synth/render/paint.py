"""Every object as corners with normals, texture coordinates and one image: what renderers without vertex colours need.

A shape that has a texture keeps it. One with vertex colours gets a palette: faces across which the colour changes are
split until it hardly does or they are small, and each then has one colour, so no filter can blend it with another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from bopask.arrays import Array
from bopask.synth.render.stage import corner_normals
from bopask.synth.shapes import Shape

SPREAD, SMALL, ROUNDS = 10.0, 0.003, 3
"""A face is split while its corners' colours differ by more (of 255) and it is longer (m); not more often than this."""
CELL = 4
"""Edge of a palette entry in texels."""


@dataclass(frozen=True)
class Painted:
    """Triangles in the object's frame, each with corners of its own."""

    corners: Float[Array, "f 3 3"]
    normals: Float[Array, "f 3 3"]
    uv: Float[Array, "f 3 2"]
    """(0, 0) is the lower left of the image."""
    image: UInt8[Array, "h w 3"]
    """sRGB, first row at the top."""


def painted(shape: Shape) -> Painted:
    """What of a shape is drawn."""
    corners = shape.mesh.triangles
    normals = corner_normals(corners, shape.mesh.faces)
    if shape.texture is not None and shape.uv is not None:
        return Painted(corners, normals, shape.uv[shape.mesh.faces], shape.texture)
    corners, normals, colors = _split(corners, normals, shape.colors[shape.mesh.faces].astype(float))
    palette, entry = np.unique(np.round(colors.mean(1)).astype(np.uint8), axis=0, return_inverse=True)
    side = int(np.ceil(np.sqrt(len(palette))))
    cells = np.zeros((side * side, 3), np.uint8)
    cells[: len(palette)] = palette
    image = cells.reshape(side, side, 3)[::-1].repeat(CELL, 0).repeat(CELL, 1)
    row, column = np.divmod(entry.reshape(-1), side)
    uv = (np.stack([column, row], 1) + 0.5) / side
    return Painted(corners, normals, np.repeat(uv[:, None], 3, 1), image)


def _split(corners: Array, normals: Array, colors: Array) -> tuple[Array, Array, Array]:
    """Cuts faces whose colour changes into four, up to ROUNDS times."""
    done: list[tuple[Array, Array, Array]] = []
    for _ in range(ROUNDS):
        edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
        mixed = (np.ptp(colors, axis=1).max(1) > SPREAD) & (edges.max(1) > SMALL)
        done.append((corners[~mixed], normals[~mixed], colors[~mixed]))
        corners, normals, colors = (_quarter(a[mixed]) for a in (corners, normals, colors))
    done.append((corners, normals, colors))
    corners, normals, colors = (np.concatenate(rows) for rows in zip(*done, strict=True))
    return corners, normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-12), colors


def _quarter(values: Float[Array, "f 3 3"]) -> Float[Array, "4f 3 3"]:
    """Values at the corners of the four triangles that the middles of the edges make."""
    a, b, c = np.moveaxis(values, 1, 0)
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    return np.concatenate([np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
