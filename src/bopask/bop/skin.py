"""How a model's surface is coloured: its texture, or the colours of its vertices, as BOP's PLY files have them.

Knows files and where a point of the surface has its colour; knows no words and no light. BOP keeps texture coordinates
with the vertices ('texture_u', 'texture_v' or 's', 't'), (0, 0) the lower left of the image.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from bopask.arrays import Array
from bopask.bop.images import load_rgb
from bopask.errors import InputError
from bopask.geometry.mesh import Mesh, face_normals
from bopask.nouns import Model
from bopask.rng import rng_for

GRAY = 190
"""Of a surface that has no colour of its own, in pictures only."""
COORDINATES = (("texture_u", "texture_v"), ("s", "t"), ("u", "v"))


@dataclass(frozen=True)
class Skin:
    """A mesh with its colours; all gray where `uv` and `colors` are None."""

    mesh: Mesh
    uv: Float[Array, "v 2"] | None = None
    texture: UInt8[Array, "h w 3"] | None = None
    """sRGB, first row at the top."""
    colors: UInt8[Array, "v 3"] | None = None
    """sRGB of the vertices."""

    @property
    def coloured(self) -> bool:
        return self.uv is not None or self.colors is not None

    def at(self, faces: Int[Array, "n"], weights: Float[Array, "n 3"]) -> UInt8[Array, "n 3"]:
        """sRGB at points of triangles, given by the weights of their corners."""
        corners = self.mesh.faces[faces]
        if self.uv is not None and self.texture is not None:
            u, v = (self.uv[corners] * weights[..., None]).sum(1).T % 1.0
            height, width = self.texture.shape[:2]
            row, column = ((1 - v) * height).astype(int), (u * width).astype(int)
            return self.texture[row.clip(0, height - 1), column.clip(0, width - 1)]
        if self.colors is not None:
            return np.asarray((self.colors[corners] * weights[..., None]).sum(1).round().astype(np.uint8))
        return np.full((len(faces), 3), GRAY, np.uint8)

    def sample(self, n: int, key: str) -> tuple[Float[Array, "n 3"], UInt8[Array, "n 3"]]:
        """Points (m, obj) spread evenly by area, and their sRGB: the same ones for the same key."""
        area = face_normals(self.mesh)[1].cumsum()
        rng = rng_for(0, "skin", key)
        faces = np.searchsorted(area, (np.arange(n) + rng.random(n)) / n * area[-1]).clip(0, len(area) - 1)
        a, b = np.sort(rng.random((2, n)), axis=0)
        weights = np.stack([a, b - a, 1 - b], 1)
        return (self.mesh.triangles[faces] * weights[..., None]).sum(1), self.at(faces, weights)


def read_skin(model: Model) -> Skin:
    """The colours of a model; a texture that is named but missing leaves it gray.

    Raises:
        InputError: the texture cannot be read.
    """
    import trimesh

    if model.path is None:
        return Skin(model.mesh)
    with model.path.open("rb") as file:
        raw: Any = trimesh.load(file, file_type="ply", process=False, skip_materials=True)
    vertices = raw.metadata.get("_ply_raw", {}).get("vertex", {}).get("data")
    fields = vertices.dtype.names or () if isinstance(vertices, np.ndarray) else ()
    if len(raw.vertices) != len(model.mesh.vertices):
        raise InputError(model.path, "changed while it was read", "Start again")
    image = texture_path(model.path)
    for u, v in COORDINATES:
        if {u, v} <= set(fields) and image is not None:
            uv = np.stack([vertices[u], vertices[v]], -1).reshape(-1, 2).astype(float)
            return Skin(model.mesh, uv, load_rgb(image))
    if {"red", "green", "blue"} <= set(fields):
        colors = np.stack([vertices[c] for c in ("red", "green", "blue")], -1).reshape(-1, 3)
        scale = 255 if colors.dtype.kind == "f" else 1
        return Skin(model.mesh, colors=(colors * scale).clip(0, 255).astype(np.uint8))
    return Skin(model.mesh)


def texture_path(ply: Path) -> Path | None:
    """The image that a PLY's header names, or the one of its own name; never one outside its folder."""
    with ply.open("rb") as file:
        header = file.read(4096).split(b"end_header")[0].decode("ascii", "replace")
    named = re.findall(r"(?im)^comment texturefile (.+?)\r?$", header)
    images = (*(ply.with_name(Path(name).name) for name in named if Path(name).name), ply.with_suffix(".png"))
    return next((image for image in images if image.is_file()), None)
