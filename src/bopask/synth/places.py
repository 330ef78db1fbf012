"""Where there is room: outlines on a plane, the floors of a bin or a shelf unit, and how low a thing can be let down.

World frame: z = 0 is the table's top, +z up, metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import label
from scipy.spatial import ConvexHull

from bopask.arrays import Array
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import rotation_about
from bopask.synth.shapes import Shape
from bopask.synth.solids import Solid, solid_of

CELL = 0.004
"""Distance of the columns along which heights are measured (m)."""
HEADROOM = 0.06
"""A floor with less than this (m) above it holds nothing."""
LEAST_SIDE = 0.06
"""A floor narrower than this (m) is a rim."""
SKY = 3.0
"""Rays come down from here (m)."""
NEAR = 0.0015
"""What is this near (m) when something is let down touches it."""


@dataclass(frozen=True)
class Outline:
    """A convex polygon, counter-clockwise, with the outward unit normals of its sides."""

    points: Float[Array, "k 2"]
    normals: Float[Array, "k 2"]

    @classmethod
    def of(cls, points: Float[Array, "n 2"]) -> Outline:
        hull = ConvexHull(points)
        return cls(points[hull.vertices], np.unique(np.round(hull.equations[:, :2], 6), axis=0))

    def at(self, offset: Float[Array, "2"]) -> Outline:
        return Outline(self.points + offset, self.normals)

    @property
    def size(self) -> Float[Array, "2"]:
        return np.asarray(np.ptp(self.points, axis=0))


def outline(shape: Shape, R: Float[Array, "3 3"]) -> Outline:
    """What a turned shape covers of the plane beneath it, its origin at (0, 0)."""
    return Outline.of((solid_of(shape).whole.vertices @ R.T)[:, :2])


def gaps(moving: Outline, still: Outline, offsets: Float[Array, "m 2"]) -> Float[Array, "m"]:
    """At least how far apart (m) two outlines are when one is moved by each offset; negative where they overlap."""
    n = still.normals
    ahead = (moving.points @ n.T).min(0) - (still.points @ n.T).max(0) + offsets @ n.T
    n = moving.normals
    behind = (still.points @ n.T).min(0) - (moving.points @ n.T).max(0) - offsets @ n.T
    return np.maximum(ahead.max(1), behind.max(1))


def free(
    moving: Outline, taken: Sequence[Outline], offsets: Float[Array, "m 2"], gap: float, half: Float[Array, "2"]
) -> Bool[Array, "m"]:
    """Where an outline stays within ± half and keeps its distance to all others."""
    ok = (moving.points.min(0) + offsets >= -half).all(1) & (moving.points.max(0) + offsets <= half).all(1)
    for still in taken:
        ok &= gaps(moving, still, offsets) >= gap
    return np.asarray(ok)


@dataclass(frozen=True)
class Floor:
    """A level rectangle that things can stand on, in the frame of the thing that has it (m)."""

    z: float
    headroom: float
    """Free height above all of it; inf under the sky."""
    low: Float[Array, "2"]
    high: Float[Array, "2"]


def floors(shape: Shape) -> list[Floor]:
    """The boards of a shelf unit, the bottom of a bin: every level place of some size with room above, lowest first."""
    solid = solid_of(shape)
    low, high = solid.whole.vertices.min(0)[:2], solid.whole.vertices.max(0)[:2]
    xs, ys = (np.arange(a + CELL / 2, b, CELL) for a, b in zip(low, high, strict=True))
    columns = np.stack(np.meshgrid(xs, ys, indexing="ij"), -1).reshape(-1, 2)
    bottom, top = _spans(solid, columns)
    found = []
    for z in np.unique(np.round(top[np.isfinite(top)], 3)):
        on = np.abs(top - z) < 1e-3
        above = np.where(top > z + 1e-3, np.maximum(bottom - z, 0), np.inf).min(0)
        good = (on.any(0) & (above > HEADROOM)).reshape(len(xs), len(ys))
        pieces, count = label(good)
        for k in range(1, count + 1):
            box = _rectangle(pieces == k)
            if box is not None:
                (i, j), (m, n) = box
                ends = np.array([xs[i], ys[j]]) - CELL / 2, np.array([xs[m], ys[n]]) + CELL / 2
                room = above.reshape(good.shape)[i : m + 1, j : n + 1].min()
                found.append(Floor(float(z), float(room), *ends))
    return found


def _spans(solid: Solid, columns: Float[Array, "c 2"]) -> tuple[Float[Array, "p c"], Float[Array, "p c"]]:
    """Where vertical lines enter and leave each convex part; (inf, -inf) where they miss it."""
    bottoms, tops = [], []
    for hull in solid.hulls:
        slack = (hull.normals @ hull.vertices.T).max(1)[:, None] - hull.normals[:, :2] @ columns.T
        rise = hull.normals[:, 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = slack / rise
        top = np.where(rise > 1e-9, z, np.inf).min(0)
        bottom = np.where(rise < -1e-9, z, -np.inf).max(0)
        hit = (bottom < top) & (np.where(np.abs(rise) <= 1e-9, slack, 1.0) >= 0).all(0)
        bottoms.append(np.where(hit, bottom, np.inf))
        tops.append(np.where(hit, top, -np.inf))
    return np.array(bottoms), np.array(tops)


def _rectangle(cells: Bool[Array, "x y"]) -> tuple[Int[Array, "2"], Int[Array, "2"]] | None:
    """The box of the cells, drawn in until all of it is theirs; None where it is too narrow."""
    at = np.argwhere(cells)
    low, high = at.min(0), at.max(0)
    while (high - low + 1 >= LEAST_SIDE / CELL).all():
        if cells[low[0] : high[0] + 1, low[1] : high[1] + 1].all():
            return low, high
        low, high = low + 1, high - 1
    return None


@dataclass(frozen=True)
class Landing:
    """How a thing comes to lie when let straight down."""

    z: float
    """Height of its origin (m)."""
    touches: Float[Array, "k 2"]
    """Where it touches, seen from above."""
    on: Int[Array, "k"]
    """What it touches there: a row of the meshes below, -1 for the table."""


def land(shape: Shape, R: Float[Array, "3 3"], xy: Float[Array, "2"], below: RayScene) -> Landing:
    """Lets a turned shape down at (x, y) until it touches what is below, to about a millimetre."""
    points = _underside(shape, R) + [*xy, 0.0]
    start = np.column_stack([points[:, :2], np.full(len(points), SKY)])
    row, fall = below.first_hit(start, np.array([0.0, 0, -1]))
    ground = np.where(row >= 0, SKY - fall, 0.0)
    lift = ground - points[:, 2]
    touch = lift > lift.max() - NEAR
    return Landing(float(lift.max()), points[touch, :2], row[touch])


def _underside(shape: Shape, R: Float[Array, "3 3"]) -> Float[Array, "n 3"]:
    """Points of a turned shape: the corners of its parts, and its underside on a grid."""
    solid = solid_of(shape)
    turned = np.concatenate([hull.vertices for hull in solid.hulls]) @ R.T
    low, high = turned.min(0), turned.max(0)
    xs, ys = (np.arange(a + CELL / 2, b, CELL) for a, b in zip(low[:2], high[:2], strict=True))
    start = np.stack([*np.meshgrid(xs, ys, indexing="ij"), np.full((len(xs), len(ys)), low[2] - 0.1)], -1)
    distance = solid.rays.first_hit(start @ R, R[2])[1]  # the rays are turned back, not the mesh
    start[..., 2] += distance
    return np.concatenate([turned, start[np.isfinite(distance)]])


def about_z(yaw: float) -> Float[Array, "3 3"]:
    """A turn of the plane, as a rotation of the world."""
    return rotation_about(np.array([0.0, 0, 1.0]), yaw)


def narrow_side(shape: Outline) -> float:
    """The direction (rad) in which an outline is narrowest."""
    widths = [np.ptp(shape.points @ n) for n in shape.normals]
    n = shape.normals[int(np.argmin(widths))]
    return float(np.arctan2(n[1], n[0]))
