"""Bodies at rest: hulls, resting faces and contacts, in the object frame and in an arrangement. Knows nothing of up.

An object at rest touches its support with a facet of its convex hull above which its centre of mass lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import ConvexHull, QhullError, cKDTree

from bopask.arrays import Array
from bopask.geometry.mesh import center_of_mass
from bopask.geometry.se3 import rotate, transform
from bopask.nouns import Arrangement, Model
from bopask.rng import rng_for

CONTACT = 0.012
"""Surfaces nearer than this (m) touch: true poses gape and overlap by 5 mm, and sampled surfaces are coarse."""
FACE_REACH = np.deg2rad(6)
"""A direction within this (rad) of a resting face agrees with it."""


@dataclass(frozen=True)
class Body:
    """What resting needs of a model, in the object frame. Once per mesh."""

    hull: Float[Array, "v 3"]
    """Vertices of the convex hull (m)."""
    surface: Float[Array, "s 3"]
    """Points spread over the surface (m)."""
    com: Float[Array, "3"]
    """Centre of mass (m), uniform density."""
    down: Float[Array, "k 3"]
    """Outward normals of the resting faces: what points down when the object rests."""
    rise: Float[Array, "k"]
    """Height of the centre of mass above each face (m)."""
    freedom: Float[Array, "k 3 3"]
    """Covariance of the resting normals near each: a cylinder may roll, so its roll says nothing of up."""
    anyhow: Float[Array, "m"]
    """Angles (rad) from directions spread evenly over the sphere to their nearest resting face: what chance gives."""

    @property
    def round(self) -> bool:
        """It rests in most attitudes, and so nominates none."""
        return bool((self.anyhow <= FACE_REACH).mean() > 0.5)


_BODIES: dict[str, Body] = {}


def body_of(model: Model) -> Body:
    """The model's `Body`, computed once per mesh content in a process."""
    if model.sha256 not in _BODIES:
        _BODIES[model.sha256] = _body(model)
    return _BODIES[model.sha256]


def _body(model: Model) -> Body:
    vertices, com = model.mesh.vertices, center_of_mass(model.mesh)
    try:
        hull = ConvexHull(vertices)
    except QhullError:  # a flat sheet: give it a thickness that changes nothing
        vertices = np.concatenate([vertices - 1e-5, vertices + 1e-5, vertices + [1e-5, -1e-5, 0]])
        hull = ConvexHull(vertices)
    corners = vertices[hull.vertices]
    down = _resting_faces(vertices, hull, com)
    rise = ((corners - com) @ down.T).max(0)
    near = (down @ down.T > np.cos(np.deg2rad(12))).astype(float)
    n, first, outer = near.sum(1)[:, None, None], near @ down, down[:, :, None] * down[:, None, :]
    second, cross = np.einsum("ij,jkl->ikl", near, outer), first[:, :, None] * down[:, None, :]
    freedom = (second - cross - np.swapaxes(cross, 1, 2)) / n + outer
    nearest = (_sphere(4000) @ down.T).max(1) if len(down) else np.full(1, -1.0)
    return Body(corners, _surface(model), com, down, rise, freedom, np.arccos(nearest.clip(-1, 1)))


def _resting_faces(vertices: Float[Array, "n 3"], hull: ConvexHull, com: Float[Array, "3"]) -> Float[Array, "k 3"]:
    """Normals of the hull's facets over which the centre of mass lies, or misses by < 2 mm: scans are rough.

    Merged within 2.5 degrees; and where two neighbours are 5 to 10 degrees apart their edge counts too, for such facets
    are meant to be round.
    """
    facets, normals = vertices[hull.simplices], hull.equations[:, :3]
    foot = com - ((com - facets[:, 0]) * normals).sum(1)[:, None] * normals
    edges = np.roll(facets, -1, 1) - facets
    inward = np.cross(normals[:, None], edges)
    inward *= np.sign(np.einsum("fek,fek->fe", inward, facets.mean(1)[:, None] - facets))[..., None]
    inward /= np.maximum(np.linalg.norm(inward, axis=2, keepdims=True), 1e-12)
    margin = np.einsum("fek,fek->fe", inward, foot[:, None] - facets).min(1)
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    rests = margin > -0.002
    beside = hull.neighbors
    cosine = (normals[:, None] * normals[beside]).sum(2)
    f, e = np.nonzero(
        rests[:, None] & rests[beside] & (cosine < np.cos(np.deg2rad(5))) & (cosine > np.cos(np.deg2rad(10)))
    )
    between = normals[f] + normals[beside[f, e]]
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    # strictly stable facets first, the largest first; then those that a rough scan may have split; then edges
    order = np.lexsort((-area, margin < 0))
    kept, n = np.zeros((rests.sum() + len(between), 3)), 0
    for normal in (*normals[order[rests[order]]], *between):
        if (kept[:n] @ normal).max(initial=-1.0) < np.cos(np.deg2rad(2.5)):
            kept[n], n = normal, n + 1
    return kept[:n]


def _sphere(n: int) -> Float[Array, "n 3"]:
    """Evenly spread directions (Fibonacci)."""
    k = np.arange(n) + 0.5
    z, angle = 1 - 2 * k / n, np.pi * (1 + np.sqrt(5)) * k
    return np.stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z], 1)


def _surface(model: Model, least: int = 800, spacing: float = 0.015) -> Float[Array, "s 3"]:
    """Points on the surface, even by area, about so far apart (m) or nearer; the same for the same mesh."""
    rng = rng_for(0, "world.surface", model.sha256)
    a, b, c = np.moveaxis(model.mesh.triangles, 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    n = max(least, int(area.sum() / spacing**2))
    at = np.searchsorted(np.cumsum(area), rng.random(n) * area.sum()).clip(max=len(area) - 1)
    s, t = rng.random((2, n, 1))
    s, t = np.where(s + t > 1, 1 - s, s), np.where(s + t > 1, 1 - t, t)
    return np.asarray(a[at] + s * (b - a)[at] + t * (c - a)[at])


@dataclass(frozen=True)
class Standing:
    """An arrangement's bodies in the reference frame: what any guess of the support plane is judged by."""

    bodies: tuple[Body, ...]
    R_ref_obj: Float[Array, "N 3 3"]
    com: Float[Array, "N 3"]
    """Centres of mass (m)."""
    hulls: tuple[Float[Array, "v 3"], ...]
    ups: tuple[Float[Array, "k 3"], ...]
    """Where up would be if an object rested on each of its faces."""
    touching: Bool[Array, "N N"]
    cameras: Float[Array, "F 3"]
    level: Float[Array, "3 3"]
    """Mean of x x^T over the cameras' x axes: up^T level up is the mean squared sine of their roll."""

    @property
    def span(self) -> float:
        """How far the objects are apart (m), at least their own contact tolerance."""
        return max(float(np.linalg.norm(np.ptp(self.com, axis=0))), CONTACT)

    @staticmethod
    def of(arrangement: Arrangement, models: Mapping[int, Model]) -> Standing:
        bodies = tuple(body_of(models[i]) for i in arrangement.obj_ids.tolist())
        pairs = list(zip(arrangement.T_ref_obj, bodies, strict=True))
        return Standing(
            bodies,
            arrangement.T_ref_obj[:, :3, :3],
            np.array([transform(T, b.com[None])[0] for T, b in pairs]).reshape(-1, 3),
            tuple(transform(T, b.hull) for T, b in pairs),
            tuple(-rotate(T, b.down) for T, b in pairs),
            _touching([transform(T, b.surface) for T, b in pairs]),
            arrangement.T_ref_cam[:, :3, 3],
            arrangement.T_ref_cam[:, :3, 0].T @ arrangement.T_ref_cam[:, :3, 0] / len(arrangement.T_ref_cam),
        )

    def lowest(self, up: Float[Array, "h 3"]) -> Float[Array, "h N"]:
        """Coordinate along each direction of each object's lowest point (m)."""
        return np.stack([(up @ hull.T).min(1) for hull in self.hulls], 1)

    def tilts(self, up: Float[Array, "h 3"]) -> Float[Array, "h N"]:
        """Angle (rad) between each direction and each object's nearest resting attitude; pi where it has none."""
        cosines = [(up @ u.T).max(1) if len(u) else np.full(len(up), -1.0) for u in self.ups]
        return np.arccos(np.clip(np.stack(cosines, 1), -1, 1))

    def kinds(self, heights: Float[Array, "... N"], tol: float) -> tuple[Bool[Array, "... N"], ...]:
        """From the heights (m) of lowest points above a plane: who stands on it (within `tol`), who is carried by a
        touching object that reaches lower, and who lies under it (by more than twice `tol`).

        Where all in the plane touch somebody under it, that one carries them: the board of a shelf is no support.
        """
        near, below = np.abs(heights) <= tol, heights < -2 * tol
        over = (below[..., None, :] & self.touching).any(-1)
        on = near & (near & ~over).any(-1, keepdims=True)
        lower = heights[..., None, :] < heights[..., :, None] - 0.002
        carried = ~on & ~below & (lower & self.touching).any(-1)
        return on, carried, below

    def above(self, up: Float[Array, "h 3"], offset: Float[Array, "h"]) -> Bool[Array, "h"]:
        """Whether the cameras are above the plane; one in twenty may dip below the edge of a table."""
        return np.asarray((up @ self.cameras.T > offset[:, None]).mean(1) >= 0.95)


def _touching(surfaces: list[Float[Array, "s 3"]]) -> Bool[Array, "N N"]:
    trees = [cKDTree(s) for s in surfaces]
    touching = np.zeros((len(trees), len(trees)), bool)
    for i in range(len(trees)):
        for j in range(i):
            touching[i, j] = touching[j, i] = trees[i].count_neighbors(trees[j], CONTACT) > 0
    return touching
