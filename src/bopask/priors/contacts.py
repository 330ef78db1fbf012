"""Who touches whom, how deep, and who stands or leans on whom: once a layout.

Ground truth is not physics: annotated objects float or sink into one another and into the support by up to about 5 mm.
So touching means *within TOUCH*, and support is read off the directions of the touching surfaces and the place of the
centre of mass, not off forces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import ConvexHull, QhullError

from bopask.arrays import Array
from bopask.geometry.mesh import center_of_mass
from bopask.geometry.se3 import inverse, rotate, transform
from bopask.nouns import Layout, Model
from bopask.priors.surface import surface

TOUCH = 0.005
"""Surfaces nearer than this (m) touch: what ground truth cannot tell from contact."""
PATCH = 0.003
"""A contact patch is what lies within this much (m) of the closest (or deepest) place."""
CLOSE = 0.01
"""Of samples farther (m) than this from another object it is not asked how far they are."""
THIN = 3
"""Every third sample is enough to find a patch and its direction."""
GROUND = 0.012
"""An object whose lowest point is below this (m) stands on the support: TOUCH and what 1° of tilt does at 0.4 m."""
UPWARD = 0.5
"""A contact whose normal has at least this upward part carries what lies on it (within 60° of vertical)."""
SLIPPING = 0.2
"""An object in the air is held by normals at least this much upward; one that leans, by at least minus this."""
RAISE = 0.01
"""A thing that is raised by this much (m) comes off what carries it..."""
OPENS = 0.3
"""...by at least this share of it. What a thing only grazes, or is sunk into, it slides along: nobody knows."""
STEEP = 0.5
"""...and where the contact's normal says that it carries nothing, by so much it may carry after all."""
STABLE = 0.01
"""A centre of mass within this (m) of what it stands on stays: feet are patches, here told by single points."""


@dataclass(frozen=True)
class Placed:
    """An object in its place: what contact needs of it, in the world frame (m)."""

    model: Model
    T_world_obj: Float[Array, "4 4"]
    points: Float[Array, "n 3"]
    """Surface samples about 2 mm apart."""
    normals: Float[Array, "n 3"]
    low: Float[Array, "3"]
    high: Float[Array, "3"]
    center_of_mass: Float[Array, "3"]

    @classmethod
    def of(cls, model: Model, T_world_obj: Float[Array, "4 4"]) -> Placed:
        samples = surface(model)
        points, normals = transform(T_world_obj, samples.points), rotate(T_world_obj, samples.normals)
        vertices = transform(T_world_obj, model.mesh.vertices)
        com = transform(T_world_obj, center_of_mass(model.mesh)[None])[0]
        return cls(model, T_world_obj, points, normals, vertices.min(0), vertices.max(0), com)

    def signed_distance(
        self, points: Float[Array, "m 3"], within: float
    ) -> tuple[Float[Array, "m"], Float[Array, "m 3"]]:
        """Of world points to this object (m, negative inside), with the outward normal at the closest place. See
        `Surface.signed_distance`."""
        distance, normals = surface(self.model).signed_distance(transform(inverse(self.T_world_obj), points), within)
        return distance, rotate(self.T_world_obj, normals)

    def deepest(self, points: Float[Array, "m 3"], at_most: float, at_least: float) -> float:
        """How far (m) the deepest of the world points is inside this object. See `Surface.deepest`."""
        return surface(self.model).deepest(transform(inverse(self.T_world_obj), points), at_most, at_least)

    def near(self, points: Float[Array, "m 3"], reach: float) -> Bool[Array, "m"]:
        """Which of the world points lie within `reach` (m) of this object's world-aligned bounds."""
        return np.asarray(((points > self.low - reach) & (points < self.high + reach)).all(1))


def place(layout: Layout, models: Mapping[int, Model]) -> list[Placed]:
    """Every object of the layout in its place, in the layout's order."""
    return [Placed.of(models[int(o)], T) for o, T in zip(layout.obj_ids, layout.T_world_obj, strict=True)]


@dataclass(frozen=True)
class Touching:
    """The contact patch of `a` upon `b`, world frame."""

    gap: float
    """Smallest signed distance (m); negative where the objects interpenetrate."""
    center: Float[Array, "3"]
    normal: Float[Array, "3"]
    """Mean direction of the push of b on a (unit)."""


def touching(a: Placed, b: Placed, reach: float = TOUCH) -> Touching | None:
    """The contact of a and b, or None when they are further apart than `reach` (m)."""
    if ((a.low > b.high + reach) | (b.low > a.high + reach)).any():
        return None
    of_a, of_b = b.near(a.points, reach).nonzero()[0][::THIN], a.near(b.points, reach).nonzero()[0][::THIN]
    to_b, out_of_b = b.signed_distance(a.points[of_a], reach)
    to_a, out_of_a = a.signed_distance(b.points[of_b], reach)
    distance = np.concatenate([to_b, to_a])
    if not len(distance) or distance.min() > reach:
        return None
    patch = distance <= min(distance.min() + PATCH, reach)
    center = np.concatenate([a.points[of_a], b.points[of_b]])[patch].mean(0)
    # Two witnesses a sample: the surface it is nearest to, and its own. Inside a thin wall the nearest side may be the
    # wrong one; the wall's own two sides then cancel, and the solid partner decides.
    push = np.concatenate([out_of_b - a.normals[of_a], b.normals[of_b] - out_of_a])[patch].mean(0)
    return Touching(float(distance.min()), center, push / max(float(np.linalg.norm(push)), 1e-9))


@dataclass(frozen=True)
class Overlap:
    """How deep `a`, moved by some offset, is inside `b`. Measures a contact that exists; it never decides that a place
    is free."""

    a: Placed
    b: Placed
    of_a: Float[Array, "n 3"]
    of_b: Float[Array, "k 3"]
    """Samples (m, world, neither moved) that can come into the other object."""
    depth_a: Float[Array, "n"]
    depth_b: Float[Array, "k"]
    """How deep (m) these are inside it, neither moved; negative outside, -CLOSE for all that are farther away."""

    @classmethod
    def of(cls, a: Placed, b: Placed, reach: float) -> Overlap:
        """For offsets of at most `reach` (m)."""
        reach += 1e-6
        of_a, of_b = a.points[b.near(a.points, reach)], b.points[a.near(b.points, reach)]
        depth_a, depth_b = (-of.signed_distance(points, CLOSE)[0] for of, points in ((b, of_a), (a, of_b)))
        return cls(a, b, of_a, of_b, np.maximum(depth_a, -CLOSE), np.maximum(depth_b, -CLOSE))

    def depth(self, offset: Float[Array, "3"], at_most: float = np.inf) -> float:
        """The depth (m) of the deepest surface sample of either in the other, with a moved by `offset` (m, world).

        0 when no sample of one lies in the other. `at_most` is what the caller knows it cannot exceed (m).
        """
        moved = float(np.linalg.norm(offset)) + 1e-6
        deepest = max(self.depth_a.max(initial=0.0), self.depth_b.max(initial=0.0))
        least = max(0.0, deepest - moved) - moved  # a sample gets no deeper, nor less deep, than it is moved
        of_a, of_b = self.of_a[self.depth_a >= least] + offset, self.of_b[self.depth_b >= least] - offset
        in_b = self.b.deepest(of_a[self.b.near(of_a, 0.0)], at_most, 0.0)
        return self.a.deepest(of_b[self.a.near(of_b, 0.0)], at_most, in_b)


@dataclass(frozen=True)
class Support:
    """Who is held up by whom; [i, j]: object i by object j. Acyclic together."""

    stands_on: Bool[Array, "N N"]
    """j pushes i up: their contact faces up, or at least slants where i is in the air, and opens when i is raised."""
    leans_on: Bool[Array, "N N"]
    """i would not stay by what it stands on (its centre of mass is not above it), and j is where it would fall to; or
    i may be carried by j: their contact faces up and does not open, or opens steeply though it faces aside."""

    @property
    def rests_on(self) -> Bool[Array, "N N"]:
        """Stands or leans."""
        return self.stands_on | self.leans_on


def rests_on(layout: Layout, models: Mapping[int, Model]) -> Bool[Array, "N N"]:
    """rests_on[i, j]: object i stands or leans on object j. Acyclic; all False when the layout has no world."""
    return support(layout, models).rests_on


def support(layout: Layout, models: Mapping[int, Model]) -> Support:
    """What holds each object up, told from contacts. Nothing does when the layout has no world."""
    n = len(layout.obj_ids)
    stands, leans = np.zeros((2, n, n), bool)
    if layout.world is None:
        return Support(stands, leans)
    placed = place(layout, models)
    contacts: list[dict[int, Touching]] = [{} for _ in placed]
    for i in range(n):
        for j in range(i):
            contact = touching(placed[i], placed[j])
            if contact is not None:
                contacts[i][j] = contact
                contacts[j][i] = Touching(contact.gap, contact.center, -contact.normal)
    for i, a in enumerate(placed):
        slope = SLIPPING if a.low[2] > GROUND else UPWARD
        for j, c in contacts[i].items():
            if c.normal[2] >= slope:
                (stands if opening(a, placed[j], c.gap) >= OPENS else leans)[i, j] = True
            elif c.normal[2] >= SLIPPING:
                leans[i, j] = opening(a, placed[j], c.gap) >= STEEP
        feet = [a.points[a.points[:, 2] < max(a.low[2], 0.0) + TOUCH, :2]] if a.low[2] <= GROUND else []
        feet += [c.center[None, :2] for j, c in contacts[i].items() if stands[i, j]]
        if feet:
            for j, c in contacts[i].items():
                leans[i, j] |= not stands[i, j] and _falls_to(a, c, np.concatenate(feet))
    kept = without_cycles(stands | leans, np.array([p.center_of_mass[2] for p in placed]))
    return Support(stands & kept, leans & kept)


def opening(a: Placed, b: Placed, gap: float) -> float:
    """How much of RAISE the gap (m) between a and b opens when a is raised by that."""
    up = np.array([0.0, 0.0, RAISE])
    raised = replace(a, points=a.points + up, low=a.low + up, high=a.high + up, T_world_obj=_moved(a.T_world_obj, up))
    contact = touching(raised, b, TOUCH + RAISE)
    return 1.0 if contact is None else (contact.gap - gap) / RAISE


def _moved(T_world_obj: Float[Array, "4 4"], by: Float[Array, "3"]) -> Float[Array, "4 4"]:
    T = T_world_obj.copy()
    T[:3, 3] += by
    return T


def _falls_to(a: Placed, contact: Touching, feet: Float[Array, "n 2"]) -> bool:
    """Would `a`, on its feet alone, fall against this contact?"""
    com = a.center_of_mass[:2]
    foot = nearest_in_hull(feet, com)
    fall = com - foot
    falls = float(np.linalg.norm(fall)) > STABLE and contact.normal[2] >= -SLIPPING
    return bool(falls and (contact.center[:2] - foot) @ fall > 0 and contact.normal[:2] @ fall < 0)


def nearest_in_hull(points: Float[Array, "n 2"], p: Float[Array, "2"]) -> Float[Array, "2"]:
    """The point of the convex hull of `points` that is nearest to p: p itself when inside."""
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):  # fewer than three points, or all in line
        corners = points
    else:
        if (hull.equations[:, :2] @ p + hull.equations[:, 2] <= 0).all():
            return p
        corners = points[hull.vertices]
    a, b = corners, np.roll(corners, -1, axis=0)
    ab = b - a
    t = np.clip(((p - a) * ab).sum(1) / np.maximum((ab * ab).sum(1), 1e-30), 0.0, 1.0)
    on_edges = a + t[:, None] * ab
    return np.asarray(on_edges[np.linalg.norm(on_edges - p, axis=1).argmin()])


def without_cycles(on: Bool[Array, "N N"], height: Float[Array, "N"]) -> Bool[Array, "N N"]:
    """`on` without the edges of its cycles that lead from a lower (or equal, later) to a higher object."""
    reach = on.copy()
    for k in range(len(on)):
        reach |= reach[:, k : k + 1] & reach[k : k + 1, :]
    rank = np.empty(len(on), int)
    rank[sorted(range(len(on)), key=lambda i: (height[i], -i))] = np.arange(len(on))
    return np.asarray(on & ~(reach.T & (rank[:, None] < rank[None, :])))
