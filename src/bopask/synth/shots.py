"""Where the camera stands for each picture, and what it then sees: BOP's counts, boxes and masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.errors import BopaskError
from bopask.geometry.se3 import rotation_about, se3
from bopask.nouns import Camera
from bopask.synth.stage import Stage, cast, depth_and_ids, grid, view_rays

CAMERA = Camera(np.array([[648.0, 0.0, 322.5], [0.0, 648.0, 241.0], [0.0, 0.0, 1.0]]), 640, 480)
DISTANCE = (0.60, 1.00)
ELEVATION = (33.0, 58.0)
"""Metres from the middle of the objects, and degrees above the table."""


@dataclass(frozen=True)
class Sight:
    """What one picture shows of each instance, as bop_toolkit's calc_gt_info defines it."""

    px_count_all: Int[Array, "n"]
    """Pixels of the whole silhouette, alone, also outside the image."""
    px_count_valid: Int[Array, "n"]
    """Those inside the image whose depth is not 0."""
    px_count_visib: Int[Array, "n"]
    bbox_obj: Int[Array, "n 4"]
    """x, y, width, height; the silhouette also outside the image, max - min as bop_toolkit counts; -1 when unseen."""
    bbox_visib: Int[Array, "n 4"]
    masks: Bool[Array, "n h w"]
    """Visible pixels."""


def look_at(eye: Float[Array, "3"], target: Float[Array, "3"], roll: float) -> Float[Array, "4 4"]:
    """T_cam_world of a camera at `eye` (m) that looks at `target`, turned by `roll` (rad) about its optical axis."""
    z = (target - eye) / np.linalg.norm(target - eye)
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    R = rotation_about(np.array([0.0, 0.0, 1.0]), roll) @ np.stack([x, np.cross(z, x), z])
    return se3(R, -R @ eye)


def _good(stage: Stage, T_cam_world: Float[Array, "4 4"], n: int, least: float) -> bool:
    """True when all objects are in the picture, fill it and none hides behind the others (at a quarter of its size)."""
    small = Camera(CAMERA.K / [[4], [4], [1]] - [[0, 0, 0.375], [0, 0, 0.375], [0, 0, 0]], 160, 120)
    seen = sight(stage, small, T_cam_world, n, margin=8)
    low, high = seen.bbox_obj[:, :2].min(0), (seen.bbox_obj[:, :2] + seen.bbox_obj[:, 2:]).max(0)
    inside = (low >= 3).all() and (high <= [156, 116]).all()
    fills = ((high - low) / [160, 120]).max() > 0.72
    return bool(inside and fills and (seen.px_count_visib > least * seen.px_count_all).all())


def viewpoints(
    stage: Stage, middle: Float[Array, "3"], n_objects: int, n_views: int, rng: np.random.Generator, least: float
) -> list[Float[Array, "4 4"]]:
    """T_cam_world of views spread over 150 degrees in front; in each, every object shows at least the share `least`.

    Raises:
        BopaskError: no such view in 400 draws of one azimuth.
    """
    found: list[Array] = []
    front = rng.uniform(-120, -60)
    for view in rng.permutation(n_views):
        for draw in range(400):
            wider = 1 + draw / 80  # things may hide one another from a whole side: look further round
            azimuth = np.radians(front + 150 * ((view + 0.5 + wider * (rng.random() - 0.5)) / n_views - 0.5))
            elevation = np.radians(rng.uniform(*ELEVATION))
            ray = np.array(
                [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
            )
            target = middle + rng.uniform(-0.02, 0.02, 3)
            T = look_at(middle + rng.uniform(*DISTANCE) * ray, target, np.radians(rng.uniform(-4, 4)))
            if _good(stage, T, n_objects, least):
                found.append(T)
                break
        else:
            raise BopaskError(
                f"no camera sees all objects from direction {len(found) + 1} of {n_views}; try another --seed."
            )
    return found


def sight(stage: Stage, camera: Camera, T_cam_world: Float[Array, "4 4"], n: int, margin: int = CAMERA.width) -> Sight:
    """Counts, boxes and masks of all instances; visible = the first thing that the ray of a pixel's centre meets.

    Silhouettes are followed `margin` pixels beyond the image: bop_toolkit's canvas is three times as wide.
    """
    depth, ids = depth_and_ids(stage, camera, T_cam_world)
    pixels = grid(camera.width, camera.height, margin)
    origins, directions = view_rays(camera, T_cam_world, pixels)
    inside = (pixels >= 0).all(1) & (pixels[:, 0] < camera.width) & (pixels[:, 1] < camera.height)
    px_all, px_valid, px_visib = np.zeros((3, n), int)
    bbox_obj, bbox_visib = np.full((2, n, 4), -1)
    masks = ids == np.arange(n)[:, None, None]
    for i in range(n):
        near = _near(stage, T_cam_world, camera, i, pixels)
        silhouette = near.copy()
        silhouette[near] = cast(stage.only(i), origins[near], directions[near]).face >= 0
        u, v = pixels[silhouette & inside].astype(int).T
        px_all[i], px_valid[i], px_visib[i] = silhouette.sum(), (depth[v, u] > 0).sum(), masks[i].sum()
        if masks[i].any():
            bbox_obj[i] = _bbox(pixels[silhouette].astype(int))
            bbox_visib[i] = _bbox(np.argwhere(masks[i])[:, ::-1])
    return Sight(px_all, px_valid, px_visib, bbox_obj, bbox_visib, masks)


def _near(
    stage: Stage, T_cam_world: Float[Array, "4 4"], camera: Camera, i: int, pixels: Float[Array, "n 2"]
) -> Bool[Array, "n"]:
    """Pixels in the box of an instance's projected vertices: no ray elsewhere can meet it."""
    corners = stage.triangles[stage.instance == i].reshape(-1, 3)
    p = (corners @ T_cam_world[:3, :3].T + T_cam_world[:3, 3]) @ camera.K.T
    uv = p[:, :2] / p[:, 2:]
    return np.asarray((pixels >= uv.min(0) - 1).all(1) & (pixels <= uv.max(0) + 1).all(1))


def _bbox(pixels: Int[Array, "n 2"]) -> Int[Array, "4"]:
    low, high = pixels.min(0), pixels.max(0)
    return np.concatenate([low, high - low])
