"""What kind of body a mesh is: measures that do not depend on how it is turned, each with a plain meaning. Metres.

Silhouettes are those of the convex hull along the axes of the smallest oriented box; hollowness is how far rays get in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull

from bopask.arrays import Array
from bopask.geometry.mesh import Mesh, merge_seams
from bopask.geometry.rays import RayScene

ROUND, FULL = 0.045, 0.93
"""A silhouette is a circle when its radii spread (std / mean) by less; a rectangle when it fills this much of one."""
SLICES = 16


@dataclass(frozen=True)
class Shape:
    """Measures of a body in its oriented box, whose axes are sorted: size[0] <= size[1] <= size[2]."""

    size: Float[Array, "3"]
    filled: Float[Array, "3"]
    """Share of the box's face that the silhouette along each axis fills: 1 a rectangle, 0.79 an ellipse."""
    spread: Float[Array, "3"]
    """Standard deviation over mean of the silhouette's radii along each axis: 0 a circle."""
    depth: Float[Array, "3 2"]
    """Along each axis and from either end: how deep (0..1 of the size) rays near the middle get below the rim."""
    widths: Float[Array, "16 2"]
    """Along the longest axis: width of each slice across the two others, as a share of the box's."""
    bend: float
    """How far the middle line strays from straight, as a share of the length."""
    solid: float
    """Share of the silhouette area, seen along the shortest axis, that a grid of rays hits: 1 has no gaps."""


def shape_of(mesh: Mesh) -> Shape:
    """The measures of a mesh. A flat or degenerate one is measured as if 1 µm thick."""
    import trimesh

    whole = merge_seams(mesh)
    oriented_bounds: Any = trimesh.bounds.oriented_bounds
    T_box_obj, size = oriented_bounds(whole.vertices, ordered=True)
    points = whole.vertices @ T_box_obj[:3, :3].T + T_box_obj[:3, 3]
    order = np.argsort(size, kind="stable")
    points, size = points[:, order], np.maximum(np.asarray(size)[order], 1e-6)
    outlines = [outline(np.delete(points, axis, 1)) for axis in range(3)]
    inside = Mesh(points, whole.faces)
    scene = RayScene([inside])
    slices = sections(inside, size)
    return Shape(
        size,
        np.array([area / np.prod(np.delete(size, axis)) for axis, (area, _) in enumerate(outlines)]),
        np.array([spread for _, spread in outlines]),
        np.array([[depth(scene, size, axis, end) for end in (-1, 1)] for axis in range(3)]),
        slices[:, 2:] / size[:2],
        bend(slices, size),
        solidity(scene, size) * float(np.prod(size[1:])) / outlines[0][0],
    )


def outline(points: Float[Array, "n 2"]) -> tuple[float, float]:
    """Area of the convex silhouette, and the spread of its radii about its middle, sampled at 64 angles."""
    hull = ConvexHull(points)
    corners = points[hull.vertices]
    middle = (points.min(0) + points.max(0)) / 2
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    normals, offsets = hull.equations[:, :2], hull.equations[:, 2] + hull.equations[:, :2] @ middle
    towards = np.stack([np.cos(angles), np.sin(angles)])
    with np.errstate(divide="ignore"):
        reach = np.where(normals @ towards > 1e-9, -offsets[:, None] / (normals @ towards), np.inf).min(0)
    x, y = corners.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2), float(reach.std() / reach.mean())


def depth(scene: RayScene, size: Float[Array, "3"], axis: int, end: int) -> float:
    """How deep rays along an axis get in the middle third, in parts of the size; through and through counts as 1."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9) / 6] * 2), -1).reshape(-1, 2) * np.delete(size, axis)
    origins = np.insert(grid, axis, end * size[axis], axis=1)
    _, distance = scene.first_hit(origins, -end * np.eye(3)[axis])
    return float(np.median(np.minimum(distance - size[axis] / 2, size[axis])) / size[axis])


def solidity(scene: RayScene, size: Float[Array, "3"]) -> float:
    """Share of the box's largest face through which rays along the shortest axis hit the body."""
    across, up = ((np.arange(64) + 0.5) / 64 - 0.5) * size[1], ((np.arange(64) + 0.5) / 64 - 0.5) * size[2]
    y, z = (part.ravel() for part in np.meshgrid(across, up))
    origins = np.stack([np.full(len(y), size[0]), y, z], 1)
    return float((scene.first_hit(origins, np.array([-1.0, 0, 0]))[0] >= 0).mean())


def sections(mesh: Mesh, size: Float[Array, "3"]) -> Float[Array, "16 4"]:
    """Middle and width across the two shorter axes of SLICES slices along the longest: x, y, width x, width y."""
    ends = mesh.triangles[..., 2]
    found = np.zeros((SLICES, 4))
    for k, at in enumerate(((np.arange(SLICES) + 0.5) / SLICES - 0.5) * size[2]):
        crossing = mesh.triangles[(ends.min(1) <= at) & (ends.max(1) >= at)]
        if len(crossing):
            a, b = crossing, np.roll(crossing, -1, 1)
            share = np.clip((at - a[..., 2]) / np.where(a[..., 2] == b[..., 2], 1, b[..., 2] - a[..., 2]), 0, 1)
            cut = (a + share[..., None] * (b - a))[(a[..., 2] - at) * (b[..., 2] - at) <= 0][:, :2]
            found[k] = *((cut.min(0) + cut.max(0)) / 2), *np.ptp(cut, axis=0)
    return found


def bend(slices: Float[Array, "16 4"], size: Float[Array, "3"]) -> float:
    """Largest distance of the slices' middles from the line between the first and last, in parts of the length."""
    middles = slices[:, :2]
    line = middles[0] + np.linspace(0, 1, SLICES)[:, None] * (middles[-1] - middles[0])
    return float(np.linalg.norm(middles - line, axis=1).max() / size[2])
