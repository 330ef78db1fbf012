"""What a picture shows of each instance, exactly: the ray of a pixel's centre decides. Knows embree; no light, no GL.

Counts, boxes and masks follow bop_toolkit's calc_gt_info: silhouettes are followed over a canvas three times as wide
and high as the image. Depth is worked out in double precision on the triangle that embree names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry.se3 import inverse, transform
from bopask.nouns import Camera

NOTHING = -2
"""The id of a pixel whose ray meets neither object nor furniture."""


@dataclass(frozen=True)
class Sight:
    """What one picture shows of each instance, as bop_toolkit's calc_gt_info defines it."""

    depth: Float[Array, "h w"]
    """z (m); 0 where the ray meets nothing."""
    ids: Int[Array, "h w"]
    """Instance; -1 furniture, -2 nothing."""
    px_count_all: Int[Array, "n"]
    """Pixels of the whole silhouette, alone, also outside the image."""
    px_count_valid: Int[Array, "n"]
    """Those inside the image whose depth is not 0."""
    px_count_visib: Int[Array, "n"]
    bbox_obj: Int[Array, "n 4"]
    """x, y, width, height; the silhouette also outside the image, max - min as bop_toolkit counts; -1 when unseen."""
    bbox_visib: Int[Array, "n 4"]
    masks: Bool[Array, "n h w"]
    """Visible pixels (BOP's mask_visib)."""
    silhouettes: Bool[Array, "n h w"]
    """The part of the whole silhouette that lies inside the image, hidden or not (BOP's mask)."""


@dataclass(frozen=True)
class Truth:
    """A layout's triangles ready for rays: built once, asked from many places."""

    triangles: Float[Array, "f 3 3"]
    """In the world (m)."""
    instance: Int[Array, "f"]
    """Instance of each triangle; -1 for furniture."""

    @cached_property
    def scene(self) -> EmbreeScene:
        return _embree(self.triangles - self._middle)

    @cached_property
    def _middle(self) -> Float[Array, "3"]:
        """Embree counts in float32: rays and triangles are taken about this point."""
        corners = self.triangles.reshape(-1, 3)
        return np.asarray((corners.min(0) + corners.max(0)) / 2)

    @cached_property
    def _normals(self) -> Float[Array, "f 3"]:
        a, b, c = np.moveaxis(self.triangles, 1, 0)
        return np.cross(b - a, c - a)

    @cached_property
    def alone(self) -> tuple[tuple[EmbreeScene, Float[Array, "_ 3"]], ...]:
        """Each instance by itself, and its vertices."""
        soups = [self.triangles[self.instance == i] for i in range(int(self.instance.max(initial=-1)) + 1)]
        return tuple((_embree(s - self._middle), np.unique(s.reshape(-1, 3), axis=0)) for s in soups)

    def depth_and_ids(
        self, camera: Camera, T_cam_world: Float[Array, "4 4"]
    ) -> tuple[Float[Array, "h w"], Int[Array, "h w"]]:
        """Depth z (m; 0 where the ray meets nothing) and instance (-1 furniture, -2 nothing) of each pixel."""
        eye, to_world = inverse(T_cam_world)[:3, 3], directions(camera, T_cam_world)
        u, v = np.arange(camera.width), np.arange(camera.height)
        face = self.faces(camera, T_cam_world)
        with np.errstate(divide="ignore", invalid="ignore"):  # a triangle seen edge-on is met by no ray
            flat = self._normals @ to_world / (self._normals * (self.triangles[:, 0] - eye)).sum(1, keepdims=True)
            depth = 1 / (flat[:, 0][face] * u + flat[:, 1][face] * v[:, None] + flat[:, 2][face])  # affine in u, v
        seen = face >= 0
        return np.where(seen, depth, 0.0), np.where(seen, self.instance[face], NOTHING)

    def faces(self, camera: Camera, T_cam_world: Float[Array, "4 4"]) -> Int[Array, "h w"]:
        """The triangle that the ray of each pixel meets first; -1 for none."""
        rays = _rays(directions(camera, T_cam_world), np.arange(camera.width), np.arange(camera.height))
        origins = self._from(inverse(T_cam_world)[:3, 3], len(rays))
        return np.asarray(self.scene.run(origins, rays, query="INTERSECT")).reshape(camera.height, camera.width)

    def blocked(self, origins: Float[Array, "n 3"], rays: Float[Array, "n 3"], within: float) -> Bool[Array, "n"]:
        """True where something stands in the way nearer than `within` lengths of the ray."""
        about = (origins - self._middle).astype(np.float32)
        limits = np.full(len(about), within, np.float32)
        return np.asarray(self.scene.run(about, rays.astype(np.float32), dists=limits, query="OCCLUDED") >= 0)

    def sight(self, camera: Camera, T_cam_world: Float[Array, "4 4"], margin: tuple[int, int] | None = None) -> Sight:
        """Everything about one view; `margin` (columns, rows) beyond the image, BOP's own when None."""
        depth, ids = self.depth_and_ids(camera, T_cam_world)
        n = len(self.alone)
        masks = ids == np.arange(n)[:, None, None]
        whole = np.zeros_like(masks)
        px_all, bbox_obj, bbox_visib = np.zeros(n, int), np.full((n, 4), -1), np.full((n, 4), -1)
        beyond = np.array((camera.width, camera.height) if margin is None else margin)
        for i in range(n):
            (left, top), silhouette = self._silhouette(i, camera, T_cam_world, beyond)
            px_all[i] = silhouette.sum()
            _paste(whole[i], silhouette, left, top)
            if masks[i].any():
                bbox_obj[i] = _bbox(silhouette) + [left, top, 0, 0]
                bbox_visib[i] = _bbox(masks[i])
        valid = (whole & (depth > 0)).sum((1, 2))
        return Sight(depth, ids, px_all, valid, masks.sum((1, 2)), bbox_obj, bbox_visib, masks, whole)

    def _silhouette(
        self, i: int, camera: Camera, T_cam_world: Float[Array, "4 4"], beyond: Int[Array, "2"]
    ) -> tuple[tuple[int, int], Bool[Array, "r c"]]:
        """Which pixels an instance, alone, covers: the upper left (u, v) of a window of pixels, and the window."""
        alone, vertices = self.alone[i]
        low, high = window(camera, T_cam_world, vertices, beyond)
        if (high < low).any():
            return (0, 0), np.zeros((0, 0), bool)
        u, v = np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1)
        rays = _rays(directions(camera, T_cam_world), u, v)
        hit = alone.run(self._from(inverse(T_cam_world)[:3, 3], len(rays)), rays, query="OCCLUDED")
        return (int(low[0]), int(low[1])), np.asarray(hit >= 0).reshape(len(v), len(u))

    def _from(self, eye: Float[Array, "3"], n: int) -> Float[Array, "n 3"]:
        return np.tile((eye - self._middle).astype(np.float32), (n, 1))


def directions(camera: Camera, T_cam_world: Float[Array, "4 4"]) -> Float[Array, "3 3"]:
    """Takes a pixel (u, v, 1) to the world direction of depth 1 through it."""
    return T_cam_world[:3, :3].T @ np.linalg.inv(camera.K)


def _rays(to_world: Float[Array, "3 3"], u: Int[Array, "c"], v: Int[Array, "r"]) -> Float[Array, "n 3"]:
    """World directions (float32) through the pixels of these columns and rows, row by row."""
    along, down = np.outer(u, to_world[:, 0]), np.outer(v, to_world[:, 1]) + to_world[:, 2]
    return (along.astype(np.float32) + down.astype(np.float32)[:, None]).reshape(-1, 3)


def window(
    camera: Camera, T_cam_world: Float[Array, "4 4"], points: Float[Array, "n 3"], beyond: Int[Array, "2"] | int = 0
) -> tuple[Int[Array, "2"], Int[Array, "2"]]:
    """First and last column and row that points (world, m) can fall on, within the image and `beyond` it.

    Points at or behind the camera: the whole canvas. An empty window has last < first.
    """
    first, last = -np.asarray(beyond), np.array([camera.width, camera.height]) - 1 + beyond
    p = transform(T_cam_world, points)
    if (p[:, 2] < 1e-3).any():
        return np.broadcast_to(first, 2), np.broadcast_to(last, 2)
    uv = (p @ camera.K.T)[:, :2] / p[:, 2:]
    low, high = np.floor(uv.min(0)).astype(int), np.ceil(uv.max(0)).astype(int)
    return np.maximum(low, first), np.minimum(high, last)


def _paste(image: Bool[Array, "h w"], patch: Bool[Array, "r c"], left: int, top: int) -> None:
    """Writes the part of a patch that lies on the image."""
    h, w = image.shape
    rows, columns = patch.shape
    up, down, to_left, to_right = max(top, 0), min(top + rows, h), max(left, 0), min(left + columns, w)
    if up < down and to_left < to_right:
        image[up:down, to_left:to_right] = patch[up - top : down - top, to_left - left : to_right - left]


def _bbox(mask: Bool[Array, "h w"]) -> Int[Array, "4"]:
    """x, y, width, height of what is True; max - min, as bop_toolkit counts."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return np.array([columns[0], rows[0], columns[-1] - columns[0], rows[-1] - rows[0]])


def _embree(soup: Float[Array, "f 3 3"]) -> EmbreeScene:
    scene = EmbreeScene()
    TriangleMesh(scene, soup.reshape(-1, 3).astype(np.float32), np.arange(len(soup) * 3, dtype=np.int32).reshape(-1, 3))
    return scene
