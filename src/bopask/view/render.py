"""A picture where the folder has none: the objects' meshes at their true poses, cast from the camera of the row.

Objects that the question is about are coloured, the others gray; brightness is how much a surface faces the camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw

from bopask.arrays import Array
from bopask.bop.folder import BopFolder, open_bop
from bopask.errors import InputError
from bopask.geometry.camera import unproject
from bopask.nouns import Frame
from bopask.world.visibility import render_ids_depth

GROUND = (38, 42, 50)
OTHER = (120, 124, 132)
ASKED = ((98, 160, 234), (230, 168, 80), (120, 200, 140), (210, 120, 170), (190, 190, 90))
"""Colours of the instances of a row, in order."""
NOTE = "no image in this folder: meshes at their poses"


def rendered(row: Mapping[str, Any], bop_root: Path) -> UInt8[Array, "h w 3"] | None:
    """The row's view as shaded meshes; None where the folder, the frame or a model cannot be had."""
    try:
        frames = _frames(bop_root, str(row["split"]), int(row["scene_id"]))
        frame = frames[int(row["frame_id"]), str(row.get("sensor") or "")]
        models = _folder(bop_root).models()
        meshes = [models[int(o)].mesh for o in frame.obj_ids]
    except (InputError, KeyError):
        return None
    ids, depth = render_ids_depth(frame.camera, frame.T_cam_obj, meshes)
    colours = np.array([OTHER] * frame.n + [GROUND], float)  # the last one: nothing there
    for colour, instance in zip(ASKED, dict.fromkeys(row["instances"]), strict=False):
        colours[instance] = colour
    light = np.where(ids < 0, 1.0, 0.35 + 0.65 * facing(frame, depth, ids))
    picture = Image.fromarray((colours[ids] * light[..., None]).astype(np.uint8))
    ImageDraw.Draw(picture).text((8, 4), NOTE, fill=OTHER)
    return np.asarray(picture)


def facing(frame: Frame, depth: Float[Array, "h w"], ids: Int[Array, "h w"]) -> Float[Array, "h w"]:
    """How much the surface at each pixel faces the camera, 0..1, from differences of depth."""
    v, u = np.mgrid[: depth.shape[0], : depth.shape[1]]
    points = unproject(frame.camera.K, np.stack([u, v], -1).reshape(-1, 2), depth.reshape(-1).astype(float))
    points = points.reshape(*depth.shape, 3)
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    length = np.linalg.norm(normal, axis=-1) * np.maximum(np.linalg.norm(points, axis=-1), 1e-9)
    return np.asarray(np.abs((normal * points).sum(-1)) / np.maximum(length, 1e-15))


@lru_cache(maxsize=1)
def _folder(bop_root: Path) -> BopFolder:
    return open_bop(bop_root)


@lru_cache(maxsize=2)
def _frames(bop_root: Path, split: str, scene_id: int) -> dict[tuple[int, str], Frame]:
    frames = _folder(bop_root).read_scene(split, scene_id, keep_going=True).frames
    return {(frame.key.frame_id, frame.key.sensor): frame for frame in frames}
