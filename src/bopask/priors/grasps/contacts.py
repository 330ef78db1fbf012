"""Pairs of points on a surface that two fingers can press together: rays into it, friction cones at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry.mesh import Mesh, face_normals


@dataclass(frozen=True)
class Points:
    """Points on a surface with outward normals, spread evenly by area."""

    at: Float[Array, "n 3"]
    normal: Float[Array, "n 3"]
    area: float
    """Surface (m²) that one point stands for."""

    def __getitem__(self, rows: Array) -> Points:
        return Points(self.at[rows], self.normal[rows], self.area)

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class Pairs:
    """Contacts a and b (m)."""

    a: Float[Array, "p 3"]
    b: Float[Array, "p 3"]

    def __getitem__(self, rows: Array | slice) -> Pairs:
        return Pairs(self.a[rows], self.b[rows])

    def __len__(self) -> int:
        return len(self.a)


class Rays:
    """A mesh ready for ray casting (Embree)."""

    def __init__(self, mesh: Mesh) -> None:
        import trimesh
        from trimesh.ray.ray_pyembree import RayMeshIntersector  # by name: trimesh's fallback is 1000x slower, silently

        self.normals, _ = face_normals(mesh)
        self._caster: Any = RayMeshIntersector(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False))

    def hits(
        self, origins: Float[Array, "r 3"], directions: Float[Array, "r 3"], every: bool
    ) -> tuple[Float[Array, "h 3"], Float[Array, "h 3"], Int[Array, "h"]]:
        """Points (m) where rays first (or every time) meet the surface, the outward normals there, the rays' rows."""
        face, ray, at = self._caster.intersects_id(
            origins, directions, multiple_hits=every, return_locations=True, max_hits=20 if every else 1
        )
        return at, self.normals[face], ray


def surface_points(mesh: Mesh, most: int, spacing: float, rng: np.random.Generator) -> Points:
    """Points about `spacing` (m) apart, `most` at most; stratified: one a slice of the surface's area."""
    normals, areas = face_normals(mesh)
    edges = np.cumsum(areas)
    n = int(np.clip(edges[-1] / spacing**2, 1, most))
    face = np.searchsorted(edges, (np.arange(n) + rng.random(n)) / n * edges[-1]).clip(max=len(areas) - 1)
    u, v = rng.random((2, n, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    a, b, c = np.moveaxis(mesh.triangles[face], 1, 0)
    return Points(a + u * (b - a) + v * (c - a), normals[face], float(edges[-1] / n))


def contact_pairs(
    rays: Rays, starts: Points, turns: int, friction: float, reach: tuple[float, float], rng: np.random.Generator
) -> Pairs:
    """Pairs of contacts `reach[0]` to `reach[1]` metres apart, each within the other's friction cone.

    From each start one ray goes straight into the object and `turns` go somewhere within its friction cone.
    """
    inward = np.repeat(-starts.normal, 1 + turns, axis=0)
    tilt = np.arctan(friction) * np.sqrt(rng.random(len(inward)))  # even over the cone's base
    tilt[:: 1 + turns] = 0.0
    side = np.cross(inward, rng.standard_normal(inward.shape))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    direction = np.cos(tilt)[:, None] * inward + np.sin(tilt)[:, None] * side
    return pairs_along(rays, np.repeat(starts.at, 1 + turns, axis=0), direction, friction, reach)


def level_pairs(
    rays: Rays, starts: Points, up: Float[Array, "3"], friction: float, reach: tuple[float, float]
) -> Pairs:
    """Pairs whose line is level: one ray from each start whose friction cone holds a level direction."""
    direction = (starts.normal @ up)[:, None] * up - starts.normal
    flat = np.linalg.norm(direction, axis=1)
    steep = flat >= 1 / np.hypot(1, friction)
    return pairs_along(rays, starts.at[steep], direction[steep] / flat[steep, None], friction, reach)


def pairs_along(
    rays: Rays, origin: Float[Array, "r 3"], direction: Float[Array, "r 3"], friction: float, reach: tuple[float, float]
) -> Pairs:
    """Pairs of a ray's start and every place where it leaves the object, so that a rim is found behind a wall."""
    at, normal, ray = rays.hits(origin + 1e-5 * direction, direction, every=True)
    width = np.linalg.norm(at - origin[ray], axis=1)
    order = np.lexsort((width, ray))
    at, normal, ray, width = at[order], normal[order], ray[order], width[order]
    good = (normal * direction[ray]).sum(1) >= 1 / np.hypot(1, friction)
    good &= (width > reach[0]) & (width < reach[1])
    return Pairs(origin[ray[good]], at[good])


def settle(
    rays: Rays, middle: Float[Array, "g 3"], closing: Float[Array, "g 3"], opening: Float[Array, "g"], friction: float
) -> tuple[Bool[Array, "g"], Float[Array, "g"], Float[Array, "g"]]:
    """Closes the fingers along the line through `middle` from `opening` apart until they meet the object.

    Returns whether both meet it within their friction cones, how far the middle of the contacts lies from `middle`
    along `closing` (m), and their distance (m); zeros where they do not meet.
    """
    meets, shift, width = np.ones(len(middle), bool), np.zeros(len(middle)), np.zeros(len(middle))
    for sign in (1.0, -1.0):
        at, normal, ray = rays.hits(middle + sign * opening[:, None] / 2 * closing, -sign * closing, every=False)
        x = np.full(len(middle), np.nan)
        x[ray] = ((at - middle[ray]) * closing[ray]).sum(1)
        met = np.zeros(len(middle), bool)
        met[ray] = sign * (normal * closing[ray]).sum(1) >= 1 / np.hypot(1, friction)
        meets &= met & (sign * x > -opening / 2)
        shift += x / 2
        width += sign * x
    meets &= np.nan_to_num(width) > 0
    return meets, np.where(meets, shift, 0.0), np.where(meets, width, 0.0)
