"""Near-duplicates: frames of a layout that show what an earlier one shows, to some pixels. Told from poses alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from bopask.arrays import Array
from bopask.geometry import camera, se3
from bopask.nouns import Arrangement, Model

APART = 1e9
"""Pixels between what is in view and what is not: more than any picture is wide."""


def distinct(arrangement: Arrangement, models: Mapping[int, Model], pixels: float) -> Int[Array, "k"]:
    """The frames that are kept, in order: each that is no near-duplicate of one kept before it.

    Two frames are near-duplicates when the same objects are in view, in pictures of one size, and every corner of their
    boxes lies within `pixels` of its own place in the other, both in u and in v.
    """
    shown = places(arrangement, models)
    near, again = cKDTree(shown), np.zeros(len(shown), bool)
    kept = []
    for f, place in enumerate(shown):
        if not again[f]:
            kept.append(f)
            again[near.query_ball_point(place, pixels, p=np.inf)] = True
    return np.array(kept)


def places(arrangement: Arrangement, models: Mapping[int, Model]) -> Float[Array, "F d"]:
    """What is compared of each frame: corners of all boxes (px), those of objects out of view at one place far away.

    An object is in view when some corner of its box is on the image and none behind the camera. Symmetric poses are
    the same here, for all frames share the arrangement's.
    """
    frames = arrangement.frames
    size = np.array([[frame.camera.width, frame.camera.height] for frame in frames], float)
    corners_ref = se3.transform(
        arrangement.T_ref_obj, np.stack([models[int(o)].box.corners() for o in arrangement.obj_ids])
    )
    corners_cam = se3.transform(se3.inverse(arrangement.T_ref_cam), corners_ref.reshape(1, -1, 3))
    at = camera.project(np.stack([frame.camera.K for frame in frames]), corners_cam).reshape(len(frames), -1, 8, 2)
    with np.errstate(invalid="ignore"):
        on_image = ((at >= -0.5) & (at <= size[:, None, None] - 0.5)).all(-1).any(-1)
    in_view = np.asarray(on_image & np.isfinite(at).all((-1, -2)))
    at = np.where(in_view[..., None, None], at, APART)
    return np.concatenate([at.reshape(len(frames), -1), size * APART], 1)
