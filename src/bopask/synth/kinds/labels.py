"""Draws print: bands, discs, words, barcodes. Millimetres, (0, 0) the lower left of the sheet."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from bopask.arrays import Array
from bopask.synth.kinds.palette import INK, PAPER, Color

PX = 3
"""Pixels a millimetre."""


class Sheet:
    """A printed sheet that is drawn on, one element after the other."""

    def __init__(self, width: float, height: float, ground: Color) -> None:
        self.width, self.height = width, height
        self._image = Image.new("RGB", (round(width * PX), round(height * PX)), ground)
        self._draw = ImageDraw.Draw(self._image)

    def pixels(self) -> UInt8[Array, "h w 3"]:
        return np.asarray(self._image).copy()

    def block(self, left: float, low: float, right: float, high: float, color: Color) -> None:
        """A filled rectangle."""
        a, b = round(left * PX), round(right * PX) - 1
        c, d = round((self.height - high) * PX), round((self.height - low) * PX) - 1
        self._draw.rectangle((a, c, b, d), fill=color)

    def band(self, low: float, high: float, color: Color) -> None:
        """A stripe from edge to edge."""
        self.block(0, low, self.width, high, color)

    def disc(self, x: float, y: float, radius: float, color: Color) -> None:
        u, v, r = x * PX, (self.height - y) * PX, radius * PX
        self._draw.ellipse((u - r, v - r, u + r, v + r), fill=color)

    def words(self, x: float, y: float, text: str, color: Color, *, wide: float, high: float) -> None:
        """A line centred at (x, y), as large as fits into wide x high."""
        size = high * PX / 0.75
        font = ImageFont.load_default(size)
        size *= min(1.0, wide * PX / font.getlength(text))
        at = x * PX, (self.height - y) * PX
        self._draw.text(at, text, fill=color, font=ImageFont.load_default(size), anchor="mm", stroke_width=size / 40)

    def barcode(self, left: float, low: float, wide: float, high: float, rng: np.random.Generator) -> None:
        """Bars on white, as on every package."""
        self.block(left, low, left + wide, low + high, PAPER)
        x = left + 1.5
        while x < left + wide - 2.5:
            bar, gap = rng.choice([0.34, 0.67, 1.0], 2)
            self.block(x, low + 1.5, x + bar, low + high - 1.5, INK)
            x += bar + gap

    def lines(self, left: float, low: float, right: float, high: float, color: Color, rng: np.random.Generator) -> None:
        """Small print: grey lines in place of words too small to read."""
        for y in np.arange(high - 1.2, low, -2.4):
            self.block(left, y - 0.5, left + (right - left) * rng.uniform(0.6, 1.0), y + 0.5, color)


def front(
    sheet: Sheet, x: float, wide: float, title: str, small: str, accent: Color, ink: Color, rng: np.random.Generator
) -> None:
    """A package's front, centred at x: a title, a picture of sorts under it, and a small line; one of three ways."""
    h = sheet.height
    style = int(rng.integers(3))
    if style == 0:  # a disc under the title
        r = min(0.40 * wide, 0.26 * h)
        sheet.disc(x, 0.38 * h, r, PAPER)
        sheet.disc(x, 0.38 * h, 0.86 * r, accent)
        sheet.disc(x, 0.38 * h, 0.45 * r, PAPER)
        sheet.words(x, 0.80 * h, title, ink, wide=0.9 * wide, high=0.16 * h)
    elif style == 1:  # a plate with the title
        sheet.block(x - wide / 2, 0.34 * h, x + wide / 2, 0.76 * h, PAPER)
        sheet.block(x - wide / 2, 0.36 * h, x + wide / 2, 0.385 * h, accent)
        sheet.block(x - wide / 2, 0.715 * h, x + wide / 2, 0.74 * h, accent)
        sheet.words(x, 0.55 * h, title, INK, wide=0.84 * wide, high=0.2 * h)
    else:  # steps of colour
        for n in range(4):
            half = wide * (0.5 - 0.1 * n)
            low = (0.20 + 0.09 * n) * h
            sheet.block(x - half, low, x + half, low + 0.06 * h, accent if n % 2 == 0 else PAPER)
        sheet.words(x, 0.76 * h, title, ink, wide=0.9 * wide, high=0.18 * h)
    sheet.words(x, 0.085 * h, small, ink, wide=0.8 * wide, high=0.035 * h)
