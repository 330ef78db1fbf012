"""A picture where the folder has none: the objects' meshes at their true poses, cast from the camera of the row.

Objects that the question is about are coloured, the others gray; brightness is how much a surface faces the camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
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
    canvas = np.full((*ids.shape, 3), GROUND, np.uint8)
    window = around(ids >= 0)
    light = np.where(ids[window] < 0, 1.0, 0.35 + 0.65 * facing(frame, depth, window))
    canvas[window] = colours[ids[window]] * light[..., None]
    picture = Image.fromarray(canvas)
    ImageDraw.Draw(picture).text((8, 4), NOTE, fill=OTHER)
    return np.asarray(picture)


def around(shown: Bool[Array, "h w"]) -> tuple[slice, slice]:
    """Rows and columns of what is shown and of its neighbours in the picture; all of them where nothing is."""
    if not shown.any():
        return slice(0, shown.shape[0]), slice(0, shown.shape[1])
    spans = [(np.flatnonzero(shown.any(axis)), size) for axis, size in zip((1, 0), shown.shape, strict=True)]
    rows, columns = (slice(int(max(at[0] - 1, 0)), int(min(at[-1] + 2, size))) for at, size in spans)
    return rows, columns


def facing(frame: Frame, depth: Float[Array, "h w"], window: tuple[slice, slice]) -> Float[Array, "r c"]:
    """How much the surface at each pixel of a window faces the camera, 0..1, from differences of depth."""
    v, u = np.mgrid[window]
    pixels = np.stack([u, v], -1).reshape(-1, 2)
    points = unproject(frame.camera.K, pixels, depth[window].reshape(-1).astype(float)).T.reshape(3, *u.shape)
    normal = np.cross(np.gradient(points, axis=2), np.gradient(points, axis=1), axis=0)
    length = np.linalg.norm(normal, axis=0) * np.maximum(np.linalg.norm(points, axis=0), 1e-9)
    return np.asarray(np.abs((normal * points).sum(0)) / np.maximum(length, 1e-15))


@lru_cache(maxsize=1)
def _folder(bop_root: Path) -> BopFolder:
    return open_bop(bop_root)


@lru_cache(maxsize=2)
def _frames(bop_root: Path, split: str, scene_id: int) -> dict[tuple[int, str], Frame]:
    frames = _folder(bop_root).read_scene(split, scene_id, keep_going=True).frames
    return {(frame.key.frame_id, frame.key.sensor): frame for frame in frames}
