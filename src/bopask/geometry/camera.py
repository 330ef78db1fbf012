"""The pinhole camera. Camera frame: x right, y down, z forward (OpenCV, BOP).

Pixel (0, 0) is the *centre* of the top-left pixel, so an image of width W covers u in [-0.5, W - 0.5].
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array


def project(K: Float[Array, "... 3 3"], points_cam: Float[Array, "... n 3"]) -> Float[Array, "... n 2"]:
    """Pixels (u, v) of points in the camera frame (m). Points at or behind the camera become NaN."""
    z = np.where(points_cam[..., 2] > 1e-9, points_cam[..., 2], np.nan)
    x, y = points_cam[..., 0] / z, points_cam[..., 1] / z
    K = K[..., None, :, :]
    return np.stack([K[..., 0, 0] * x + K[..., 0, 1] * y + K[..., 0, 2], K[..., 1, 1] * y + K[..., 1, 2]], -1)


def unproject(
    K: Float[Array, "... 3 3"], pixels: Float[Array, "... n 2"], depth: Float[Array, "... n"]
) -> Float[Array, "... n 3"]:
    """Points in the camera frame (m) of pixels at a depth z (m, along the optical axis, not along the ray)."""
    K = K[..., None, :, :]
    y = (pixels[..., 1] - K[..., 1, 2]) / K[..., 1, 1]
    x = (pixels[..., 0] - K[..., 0, 2] - K[..., 0, 1] * y) / K[..., 0, 0]
    return np.stack([x * depth, y * depth, depth], -1)


def inside(pixels: Float[Array, "... 2"], width: int, height: int) -> Bool[Array, "..."]:
    """True where a pixel lies on the image (borders of the outermost pixels included); False for NaN."""
    u, v = pixels[..., 0], pixels[..., 1]
    with np.errstate(invalid="ignore"):
        return np.asarray((u >= -0.5) & (u <= width - 0.5) & (v >= -0.5) & (v <= height - 0.5))
