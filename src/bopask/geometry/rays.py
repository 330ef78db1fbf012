"""Rays against triangle meshes that stand still: what is hit first, and is anything in the way. Embree by embreex.

Embree counts in float32. The scene is therefore held about its own middle, where a metre has 60 nm of rounding.
Distances are in lengths of the direction: metres for unit directions, depth z for camera rays whose z is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.geometry.mesh import Mesh


class RayScene:
    """Meshes at fixed poses. Both sides of a triangle stop a ray."""

    def __init__(self, meshes: Sequence[Mesh], poses: Float[Array, "n 4 4"] | None = None) -> None:
        """`poses` are T_scene_mesh, one a mesh; None when the meshes are in the scene's frame already."""
        T_scene_mesh = np.broadcast_to(np.eye(4), (len(meshes), 4, 4)) if poses is None else poses
        placed = [se3.transform(T, mesh.vertices) for T, mesh in zip(T_scene_mesh, meshes, strict=True)]
        solid = [len(mesh.faces) > 0 for mesh in meshes]
        points = np.concatenate([v for v, some in zip(placed, solid, strict=True) if some] or [np.zeros((1, 3))])
        self._middle: Float[Array, "3"] = (points.min(0) + points.max(0)) / 2
        self._instance_of = np.append(np.flatnonzero(solid), -1).astype(np.int32)  # [-1]: the ray hit nothing
        self._scene = EmbreeScene() if any(solid) else None
        for vertices, mesh in zip(placed, meshes, strict=True):
            if len(mesh.faces):
                centred = np.ascontiguousarray(vertices - self._middle, np.float32)
                TriangleMesh(self._scene, centred, np.ascontiguousarray(mesh.faces, np.int32))

    def first_hit(
        self, origins: Float[Array, "*#rays 3"], directions: Float[Array, "*#rays 3"]
    ) -> tuple[Int[Array, "*rays"], Float[Array, "*rays"]]:
        """The mesh each ray meets first (int32, -1 for none) and how far off (float32, inf for none).

        Origins and directions broadcast; distances are in lengths of the direction.
        """
        shape, rays = self._rays(origins, directions)
        if self._scene is None:
            return np.full(shape, -1, np.int32), np.full(shape, np.inf, np.float32)
        hit: dict[str, Any] = self._scene.run(*rays, output=True)
        distance = np.where(hit["geomID"] < 0, np.float32(np.inf), hit["tfar"])
        return self._instance_of[hit["geomID"]].reshape(shape), distance.reshape(shape)

    def first_face(
        self, origins: Float[Array, "*#rays 3"], directions: Float[Array, "*#rays 3"]
    ) -> tuple[Int[Array, "*rays"], Float[Array, "*rays 3"]]:
        """Of a scene of one mesh: the triangle each ray meets first (-1 for none) and the weights of its corners."""
        shape, rays = self._rays(origins, directions)
        if self._scene is None:
            return np.full(shape, -1), np.zeros((*shape, 3))
        hit: dict[str, Any] = self._scene.run(*rays, output=True)
        u, v = hit["u"].astype(float), hit["v"].astype(float)
        return hit["primID"].reshape(shape).astype(int), np.stack([1 - u - v, u, v], -1).reshape(*shape, 3)

    def blocked(
        self, origins: Float[Array, "*#rays 3"], directions: Float[Array, "*#rays 3"], within: Float[Array, "*#rays"]
    ) -> Bool[Array, "*rays"]:
        """True where something is hit nearer than `within` (in lengths of the direction)."""
        shape, rays = self._rays(origins, directions)
        if self._scene is None:
            return np.zeros(shape, bool)
        limits = np.array(np.broadcast_to(within, shape), np.float32).ravel()
        return np.asarray(self._scene.run(*rays, dists=limits, query="OCCLUDED") >= 0).reshape(shape)

    def _rays(self, origins: Array, directions: Array) -> tuple[tuple[int, ...], tuple[Array, Array]]:
        """The common shape of the rays, and both arrays flat, float32 and about the scene's middle."""
        centred = np.asarray(origins - self._middle, np.float32)
        shape = np.broadcast_shapes(centred.shape, np.shape(directions))
        flat = (np.broadcast_to(a, shape).reshape(-1, 3) for a in (centred, np.asarray(directions, np.float32)))
        first, second = (np.ascontiguousarray(a) for a in flat)
        return shape[:-1], (first, second)
