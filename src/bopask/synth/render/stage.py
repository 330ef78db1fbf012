"""A settled layout as triangles for rays: what a ray meets first, how far away, and what it looks like there.

Knows embree; knows nothing of light. World frame: table top z = 0, +z up, metres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Bool, Float, Int, UInt8

from bopask.arrays import Array
from bopask.geometry.camera import unproject
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import inverse, rotate, transform
from bopask.nouns import Camera
from bopask.synth.prints import texel
from bopask.synth.shapes import Shape
from bopask.synth.texture import to_linear

TABLE_SIZE = (1.20, 0.80, 0.035)
"""Length, width and thickness (m); the top's middle is the world's origin."""
CREASE = np.cos(np.radians(40))
"""Faces that meet more sharply than this are shaded as an edge."""


@dataclass(frozen=True)
class Stage:
    """A layout ready for pictures: all triangles in the world frame and what is needed to shade them."""

    scene: EmbreeScene
    triangles: Float[Array, "f 3 3"]
    instance: Int[Array, "f"]
    """Instance of each triangle; -1 for the table."""
    normals: Float[Array, "f 3 3"]
    """Shading normals at the corners."""
    colors: Float[Array, "f 3 3"]
    """Linear albedo at the corners: all there is of a shape without texture, the mean about there of one that has."""
    uv: Float[Array, "f 3 2"]
    """Texture coordinates of the corners; NaN without texture."""
    textures: Mapping[int, UInt8[Array, "_ _ 3"]]
    """By instance."""
    gloss: Float[Array, "f"]
    table: str
    lamp: Float[Array, "3"]

    def albedo(self, hits: Hits) -> Float[Array, "n 3"]:
        """Linear albedo of the object or the slab where rays hit it; each must have hit something."""
        color = (self.colors[hits.face] * hits.weights[..., None]).sum(1)
        instance = self.instance[hits.face]
        for i, texture in self.textures.items():
            mine = instance == i
            uv = (self.uv[hits.face[mine]] * hits.weights[mine, :, None]).sum(1)
            color[mine] = to_linear(texel(texture, uv))
        return color


@dataclass(frozen=True)
class Hits:
    """First hits of rays: triangle (-1 for none), distance (m) and barycentric weights."""

    face: Int[Array, "n"]
    distance: Float[Array, "n"]
    weights: Float[Array, "n 3"]

    def at(self, rows: Bool[Array, "n"]) -> Hits:
        """Some of them."""
        return Hits(self.face[rows], self.distance[rows], self.weights[rows])


def corner_normals(triangles: Float[Array, "f 3 3"], faces: Int[Array, "f 3"]) -> Float[Array, "f 3 3"]:
    """Normals at face corners: the area-weighted mean of the faces at the vertex that lie within the crease angle."""
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    flat = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)
    order = np.argsort(faces.ravel(), kind="stable")
    vertex = faces.ravel()[order]
    start = np.searchsorted(vertex, np.arange(faces.max() + 2))
    total = np.zeros((faces.size, 3))
    degree = np.diff(start)[faces.ravel()]
    for n in range(int(degree.max())):
        corners = np.flatnonzero(degree > n)
        mate = order[start[faces.ravel()[corners]] + n] // 3
        near = (flat[mate] * flat[corners // 3]).sum(1) > CREASE
        total[corners[near]] += cross[mate[near]]
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)
    return total.reshape(-1, 3, 3)


def joined(mesh: Mesh) -> Int[Array, "f 3"]:
    """The triangles of a mesh with one index a place: a texture's seam is no edge."""
    _, place = np.unique(mesh.vertices, axis=0, return_inverse=True)
    return np.asarray(place.reshape(-1)[mesh.faces])


def _slab() -> tuple[Float[Array, "8 3"], Int[Array, "12 3"]]:
    x, y, z = TABLE_SIZE
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    top = np.column_stack([signs * [x / 2, y / 2], np.zeros(4)])
    quads = [(4, 5, 6, 7), (3, 2, 1, 0), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    faces = [f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))]
    return np.concatenate([top - [0, 0, z], top]), np.array(faces)


def _embree(soup: Float[Array, "f 3 3"]) -> EmbreeScene:
    scene = EmbreeScene()
    TriangleMesh(scene, soup.reshape(-1, 3).astype(np.float32), np.arange(len(soup) * 3, dtype=np.int32).reshape(-1, 3))
    return scene


def stage(
    shapes: Sequence[Shape],
    T_world_obj: Float[Array, "n 4 4"],
    table: str = "oak",
    lamp: Sequence[float] = (-0.7, 0.5, 1.5),
) -> Stage:
    """Builds the scene once a layout. `table` is one of `texture.TABLES`, `lamp` the lamp's place (m, world)."""
    vertices, faces = _slab()
    triangles, normals = [vertices[faces]], [corner_normals(vertices[faces], faces)]
    instance, colors = [np.full(len(faces), -1)], [np.tile(to_linear(np.array([168, 130, 92])), (len(faces), 3, 1))]
    gloss, uv = [np.full(len(faces), 0.12)], [np.full((len(faces), 3, 2), np.nan)]
    for i, (shape, T) in enumerate(zip(shapes, T_world_obj, strict=True)):
        placed = transform(T, shape.mesh.vertices)[shape.mesh.faces]
        triangles.append(placed)
        normals.append(corner_normals(placed, joined(shape.mesh)))
        uv.append(np.full((len(placed), 3, 2), np.nan) if shape.uv is None else shape.uv[shape.mesh.faces])
        colors.append(to_linear(shape.colors)[shape.mesh.faces])
        instance.append(np.full(len(placed), i))
        gloss.append(np.full(len(placed), shape.gloss))
    soup = np.concatenate(triangles)
    return Stage(
        _embree(soup),
        soup,
        instance=np.concatenate(instance),
        normals=np.concatenate(normals),
        colors=np.concatenate(colors),
        uv=np.concatenate(uv),
        textures={i: shape.texture for i, shape in enumerate(shapes) if shape.texture is not None},
        gloss=np.concatenate(gloss),
        table=table,
        lamp=np.asarray(lamp, float),
    )


def cast(stage: Stage, origins: Float[Array, "n 3"], directions: Float[Array, "n 3"]) -> Hits:
    """First hits of rays; distances are recomputed in double precision on the triangle that embree names."""
    result = stage.scene.run(origins.astype(np.float32), directions.astype(np.float32), output=True)
    face = result["primID"]
    a, b, c = np.moveaxis(stage.triangles[face], 1, 0)
    normal = np.cross(b - a, c - a)
    along = (normal * directions).sum(1)
    distance = (normal * (a - origins)).sum(1) / np.where(np.abs(along) > 1e-18, along, 1e-18)
    u, v = result["u"].astype(float), result["v"].astype(float)
    return Hits(face, np.where(face >= 0, distance, np.inf), np.stack([1 - u - v, u, v], 1))


def view_rays(
    camera: Camera, T_cam_world: Float[Array, "4 4"], pixels: Float[Array, "n 2"]
) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
    """World origins and directions of pixels; a direction has unit depth, so a hit's distance is its depth z (m)."""
    T_world_cam = inverse(T_cam_world)
    directions = rotate(T_world_cam, unproject(camera.K, pixels, np.ones(len(pixels))))
    return np.broadcast_to(T_world_cam[:3, 3], directions.shape), directions


def grid(width: int, height: int) -> Float[Array, "n 2"]:
    """Pixel centres in row order."""
    v, u = np.mgrid[0:height, 0:width]
    return np.stack([u.ravel(), v.ravel()], 1).astype(float)
