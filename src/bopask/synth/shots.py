"""Where the camera stands for each picture, and what it then sees: BOP's counts, boxes and masks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.errors import BopaskError
from bopask.geometry.se3 import rotation_about, se3
from bopask.nouns import Camera
from bopask.synth.render.truth import Sight, Truth
from bopask.synth.stage import Stage

CAMERA = Camera(np.array([[648.0, 0.0, 322.5], [0.0, 648.0, 241.0], [0.0, 0.0, 1.0]]), 640, 480)
DISTANCE = (0.60, 1.00)
ELEVATION = (33.0, 58.0)
"""Metres from the middle of the objects, and degrees above the table."""


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


def sight(stage: Stage, camera: Camera, T_cam_world: Float[Array, "4 4"], n: int, margin: int | None = None) -> Sight:
    """Counts, boxes and masks of all n instances; silhouettes are followed `margin` pixels beyond the image."""
    seen = Truth(stage.triangles, stage.instance).sight(
        camera, T_cam_world, None if margin is None else (margin, margin)
    )
    assert len(seen.masks) == n
    return seen
