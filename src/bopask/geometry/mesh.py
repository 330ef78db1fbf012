"""Triangle meshes: seams, volume, centre of mass, hull. Metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bopask.arrays import Array


@dataclass(frozen=True)
class Mesh:
    """Vertices (m) and triangles (indices, counter-clockwise seen from outside)."""

    vertices: Float[Array, "v 3"]
    faces: Int[Array, "f 3"]

    @property
    def triangles(self) -> Float[Array, "f 3 3"]:
        return self.vertices[self.faces]


def merge_seams(mesh: Mesh, decimals: int = 7) -> Mesh:
    """One vertex a position: texture seams split vertices, and an open surface has no volume."""
    keys = np.round(mesh.vertices, decimals)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    faces = inverse.reshape(-1)[mesh.faces]
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return Mesh(mesh.vertices[first], faces[proper].astype(np.int32))


def extreme_points(mesh: Mesh, directions: int = 128) -> Float[Array, "d 3"]:
    """The vertex that reaches farthest in each of so many directions, evenly spread: a mesh's extent along any axis,
    to about 1 % of its size."""
    height = 1 - (2 * np.arange(directions) + 1) / directions
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(directions)  # the golden angle
    ring = np.sqrt(1 - height**2)
    toward = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], -1)
    return mesh.vertices[(mesh.vertices @ toward.T).argmax(0)]


def face_normals(mesh: Mesh) -> tuple[Float[Array, "f 3"], Float[Array, "f"]]:
    """Unit outward normals and areas (m²) of the triangles; a degenerate triangle has normal 0."""
    a, b, c = np.moveaxis(mesh.triangles, 1, 0)
    cross = np.cross(b - a, c - a)
    length = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(length, 1e-30)[:, None], length / 2


def signed_volume(mesh: Mesh) -> float:
    """Volume (m³) by the divergence theorem; negative when the triangles face inwards."""
    a, b, c = np.moveaxis(mesh.triangles - mesh.vertices.mean(0), 1, 0)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def center_of_mass(mesh: Mesh) -> Float[Array, "3"]:
    """Centre of mass (m) of the enclosed solid of uniform density; of the hull when the mesh encloses nothing."""
    origin = mesh.vertices.mean(0)
    a, b, c = np.moveaxis(mesh.triangles - origin, 1, 0)
    volumes = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    extent = np.ptp(mesh.vertices, axis=0)
    if abs(volumes.sum()) < 1e-3 * float(np.prod(np.maximum(extent, 1e-6))):  # an open or flat sheet
        return np.asarray((mesh.vertices.min(0) + mesh.vertices.max(0)) / 2)
    return np.asarray(origin + ((a + b + c) / 4 * volumes[:, None]).sum(0) / volumes.sum())
