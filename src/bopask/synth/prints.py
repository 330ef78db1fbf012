"""How print gets onto a shape: patches of triangles with pictures of their own, laid out on one texture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, UInt8

from bopask.arrays import Array

Surface = tuple[Float[Array, "v 3"], Int[Array, "f 3"], Float[Array, "v 3"]]
"""Vertices (m), triangles, sRGB 0..255 of the vertices."""

GUTTER = 4
"""Pixels by which a picture's edge is repeated on the texture, so that filtering meets no neighbour."""
SWATCH = 8
"""Pixels of the square that holds the colour of what is not printed."""


@dataclass(frozen=True)
class Print:
    """A patch of a surface that shows a picture."""

    faces: Int[Array, "p"]
    """Rows of the surface's triangles."""
    uv: Float[Array, "p 3 2"]
    """Of their corners on the picture, (0, 0) its lower left and (1, 1) its upper right."""
    image: UInt8[Array, "h w 3"]

    def after(self, before: Int[Array, "f 3"], now: Int[Array, "g 3"]) -> Print:
        """The same patch once other triangles have been cut out of the surface."""
        row = {tuple(face): n for n, face in enumerate(now.tolist())}
        return replace(self, faces=np.array([row[tuple(face)] for face in before[self.faces].tolist()]))


@dataclass(frozen=True)
class Printed:
    """A surface with its one texture."""

    rows: Int[Array, "n"]
    """The surface's vertex that each vertex was: one that lies at two places of the texture is now two."""
    faces: Int[Array, "f 3"]
    colors: Float[Array, "n 3"]
    """sRGB 0..255: the texture's mean over the triangles round the vertex."""
    uv: Float[Array, "n 2"]
    texture: UInt8[Array, "h w 3"]


def texel(texture: UInt8[Array, "h w 3"], uv: Float[Array, "*n 2"]) -> Float[Array, "*n 3"]:
    """sRGB 0..255 at texture coordinates, linear between the centres of pixels, clamped at the edges."""
    h, w, _ = texture.shape
    x, y = np.clip(uv[..., 0] * w - 0.5, 0, w - 1), np.clip((1 - uv[..., 1]) * h - 0.5, 0, h - 1)
    i, j = np.minimum(x.astype(int), w - 2), np.minimum(y.astype(int), h - 2)
    s, t = (x - i)[..., None], (y - j)[..., None]
    upper = texture[j, i] * (1 - s) + texture[j, i + 1] * s
    return np.asarray(upper * (1 - t) + (texture[j + 1, i] * (1 - s) + texture[j + 1, i + 1] * s) * t)


def lay_out(surface: Surface, prints: Sequence[Print]) -> Printed:
    """Lays the pictures one above the other, then a swatch for each plain colour: that of a triangle without print."""
    vertices, faces, colors = surface
    plain = np.round(colors[faces].mean(1)).astype(np.uint8)
    plain[np.concatenate([patch.faces for patch in prints])] = plain[prints[0].faces[0]]  # they need no swatch
    tints, tint = np.unique(plain, axis=0, return_inverse=True)
    texture, tops = _sheet([patch.image for patch in prints], tints)
    h, w, _ = texture.shape
    cell = tint.reshape(-1, 1) % (w // SWATCH), tint.reshape(-1, 1) // (w // SWATCH)
    xy = np.stack(np.broadcast_arrays(*(SWATCH * (c + 0.5) for c in cell), np.zeros((1, 3)))[:2], -1) + [0, tops[-1]]
    for patch, top in zip(prints, tops, strict=False):
        high, wide, _ = patch.image.shape
        xy[patch.faces] = [GUTTER, top + GUTTER] + np.stack([patch.uv[..., 0], 1 - patch.uv[..., 1]], -1) * [wide, high]
    uv = np.round(np.stack([xy[..., 0] / w, 1 - xy[..., 1] / h], -1), 7)
    keys = np.concatenate([faces.reshape(-1, 1), uv.reshape(-1, 2)], 1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    new = inverse.reshape(-1, 3).astype(np.int32)
    shown = _means(vertices[faces], new, uv, texture)
    return Printed(faces.ravel()[first], new, shown, uv.reshape(-1, 2)[first], texture)


def _sheet(
    images: Sequence[UInt8[Array, "_ _ 3"]], tints: UInt8[Array, "t 3"]
) -> tuple[UInt8[Array, "h w 3"], list[int]]:
    """The texture, and the row where each picture's gutter begins; the last row is that of the swatches."""
    padded = [np.pad(image, ((GUTTER, GUTTER), (GUTTER, GUTTER), (0, 0)), "edge") for image in images]
    width = -(-max(image.shape[1] for image in padded) // SWATCH) * SWATCH
    a_row = width // SWATCH
    filled = np.concatenate([tints, np.repeat(tints[-1:], -len(tints) % a_row, axis=0)]).reshape(-1, a_row, 3)
    strips = [np.pad(image, ((0, 0), (0, width - image.shape[1]), (0, 0)), "edge") for image in padded]
    tops = np.cumsum([0, *(len(strip) for strip in strips)])
    return np.concatenate([*strips, filled.repeat(SWATCH, 0).repeat(SWATCH, 1)]), tops.tolist()


def _means(
    triangles: Float[Array, "f 3 3"],
    faces: Int[Array, "f 3"],
    uv: Float[Array, "f 3 2"],
    texture: UInt8[Array, "h w 3"],
) -> Float[Array, "n 3"]:
    """What each vertex's triangles show on average, by area."""
    i, j = np.array([(i, j) for i in range(8) for j in range(8 - i)]).T
    weights = np.stack([i + 1 / 3, j + 1 / 3, 7 - i - j + 1 / 3], 1) / 8
    mean = sum(texel(texture, w @ uv) for w in weights) / len(weights)
    area = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1)
    total, share = np.zeros((faces.max() + 1, 3)), np.zeros(faces.max() + 1)
    for corner in faces.T:
        np.add.at(total, corner, mean * area[:, None])
        np.add.at(share, corner, area)
    return np.asarray(total / np.maximum(share, 1e-30)[:, None])
