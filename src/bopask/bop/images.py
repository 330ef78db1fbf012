"""Images of a frame as arrays. Decodes; knows nothing of poses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from bopask.arrays import Array
from bopask.errors import InputError
from bopask.nouns import Frame

FIX = "Download or copy the file again, or go on without it with --keep-going"


def load_rgb(path: Path) -> UInt8[Array, "H W 3"]:
    """Colours of an image. Gray is repeated, 16 bits are scaled to 8, alpha is dropped.

    Raises:
        InputError: missing, truncated or not an image.
    """
    with _opened(path) as image:
        if image.mode in ("I", "I;16", "I;16B", "I;16L"):
            gray = np.rint(np.asarray(image).astype(float) * (255 / 65535)).clip(0, 255).astype(np.uint8)
            return np.repeat(gray[..., None], 3, axis=2)
        return np.asarray(image.convert("RGB"))


def load_depth(frame: Frame) -> Float[Array, "H W"]:
    """Depth (m, float32) along the optical axis; 0 = none. 16-bit png, or tif of integers or floats.

    Raises:
        InputError: no depth, missing, truncated, not one channel, or another size than the camera's.
    """
    path = frame.depth_path
    if path is None:
        raise InputError(str(frame.key), "the frame has no depth image", "Use a split with depth")
    with _opened(path) as image:
        raw = np.asarray(image)
    size = (frame.camera.height, frame.camera.width)
    if raw.shape != size:
        raise InputError(path, f"the depth image's shape is {raw.shape}, the camera's is {size}", FIX)
    depth = raw.astype(np.float32) * np.float32(frame.depth_scale)
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))


def load_mask(path: Path) -> Bool[Array, "H W"]:
    """True on the object.

    Raises:
        InputError: missing, truncated or not an image.
    """
    with _opened(path) as image:
        return np.asarray(image.convert("L")) > 0


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A decoded image; every way in which a file can be bad is one InputError."""
    try:
        with Image.open(path) as image:
            image.load()
            yield image
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's words for missing, truncated and damaged
        raise InputError(path, f"the image cannot be read ({error})", FIX) from error
