"""What a written number means: where on the image it lies.

Pixel (0, 0) is the centre of the top-left pixel, everywhere in bopask. Two conventions follow:

- a *share* of the image (0–1, 0–100, 0–1000) counts from its left edge, which is u = -0.5:
  x = scale · (u + 0.5) / width;
- a *pixel* written by a model is an index, so a whole number is a centre: x = u; in an image that was resized to
  `w` columns, x = (u + 0.5) · w / width - 0.5.

Scripts of the models' makers often scale with x · width / w; that differs by at most half a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol


class Frame(Protocol):
    """A written number x of an axis: x = gain · u + offset, possible in 0 … top."""

    @property
    def decimals(self) -> int:
        """Decimals that the dialect writes."""
        ...

    def axes(self, width: int, height: int) -> tuple[Axis, Axis]: ...


@dataclass(frozen=True)
class Axis:
    """x = gain · u + offset for the pixel u of the original image; 0 ≤ x ≤ top."""

    gain: float
    offset: float
    top: float


@dataclass(frozen=True)
class Share:
    """Shares of the image's sides: 0 … scale from edge to edge."""

    scale: float
    decimals: int

    def axes(self, width: int, height: int) -> tuple[Axis, Axis]:
        return _share(self.scale, width), _share(self.scale, height)


@dataclass(frozen=True)
class Pixels:
    """Pixels of the original image. The index `width` itself is let pass: models mean the edge by it."""

    decimals: int = 0

    def axes(self, width: int, height: int) -> tuple[Axis, Axis]:
        return Axis(1.0, 0.0, width), Axis(1.0, 0.0, height)


@dataclass(frozen=True)
class SmartPixels:
    """Pixels of the image that Qwen2.5-VL sees. The two limits are those of the served processor."""

    factor: int = 28
    min_pixels: int = 56 * 56
    max_pixels: int = 16384 * 28 * 28
    decimals: int = 0

    def axes(self, width: int, height: int) -> tuple[Axis, Axis]:
        h, w = smart_resize(height, width, self.factor, self.min_pixels, self.max_pixels)
        return _resized(w, width), _resized(h, height)


@dataclass(frozen=True)
class FittedPixels:
    """Pixels of the image that Claude sees: sides at most `max_side` (px), at most `max_tokens` patches of 28 px."""

    max_side: int = 1568
    max_tokens: int = 1568
    decimals: int = 0

    def axes(self, width: int, height: int) -> tuple[Axis, Axis]:
        w, h = fitted(width, height, self.max_side, self.max_tokens)
        return _resized(w, width), _resized(h, height)


@lru_cache(maxsize=1024)
def _share(scale: float, side: int) -> Axis:
    return Axis(scale / side, 0.5 * scale / side, scale)


@lru_cache(maxsize=1024)
def _resized(seen: int, side: int) -> Axis:
    return Axis(seen / side, 0.5 * seen / side - 0.5, seen)


@lru_cache(maxsize=1024)
def smart_resize(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """Height and width (px) of the image that Qwen2-VL and 2.5-VL see, exactly as their processor computes them.

    https://github.com/QwenLM/Qwen2.5-VL/blob/main/qwen-vl-utils/src/qwen_vl_utils/vision_process.py

    Raises:
        ValueError: one side is more than 200 times the other; the processor refuses such an image.
    """
    if max(height, width) / min(height, width) > 200:
        raise ValueError(f"Qwen's processor refuses images of {width}x{height} pixels")
    # Python's round, ties to even, is part of the rule.
    h, w = (max(factor, round(side / factor) * factor) for side in (height, width))
    if h * w > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        h, w = (max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width))
    elif h * w < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        h, w = (math.ceil(side * grow / factor) * factor for side in (height, width))
    return h, w


@lru_cache(maxsize=1024)
def fitted(width: int, height: int, max_side: int, max_tokens: int) -> tuple[int, int]:
    """Width and height (px) of the image that Claude sees: the largest of the same aspect within both limits.

    The long side is searched for, the short one follows, rounded with ties to even.
    https://platform.claude.com/docs/en/build-with-claude/vision-coordinates
    """

    def fits(long: int, short: int) -> bool:
        columns, rows = -(-long // 28), -(-short // 28)
        return columns * 28 <= max_side and columns * rows <= max_tokens

    long, short = max(width, height), min(width, height)
    if not fits(long, short):
        aspect = long / short
        low, high = 1, long
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle, max(1, round(middle / aspect))) else (low, middle)
        long, short = low, max(1, round(low / aspect))
    return (long, short) if width >= height else (short, long)
