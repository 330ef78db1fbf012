"""Ink: anti-aliased strokes, dots and labels over a photo, readable on any background.

Knows pixels and colours; knows nothing of tasks. Everything is drawn on two transparent layers at three times the
final size: a dark halo below, colour above, so that no halo ever cuts a stroke. The photo itself is never resampled
at scale 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from bopask.arrays import Array

Colour = tuple[int, int, int]
GREEN, CYAN, AMBER = (61, 220, 132), (56, 200, 255), (255, 179, 0)
MAGENTA, RED, WHITE, DARK = (255, 92, 205), (255, 92, 92), (245, 247, 250), (14, 17, 22)
_HALO = (*DARK, 190)
_FINE = 3  # drawn at three times the final size, then averaged


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The typeface that ships with Pillow: the same picture on every machine."""
    return ImageFont.load_default(size=max(size, 6))


class Ink:
    """Layers for an image of `width` x `height` px with `margin` = (left, top, right, bottom) px around it."""

    def __init__(
        self, width: int, height: int, margin: tuple[int, int, int, int], scale: float, weight: float = 1.0
    ) -> None:
        self.scale, self.margin = scale, margin
        self.size = (
            max(1, round((width + margin[0] + margin[2]) * scale)),
            max(1, round((height + margin[1] + margin[3]) * scale)),
        )
        self.unit = weight * max(1.0, math.sqrt(width * height) * scale / 560)
        """Output pixels of one stroke unit: strokes keep their weight whatever the camera's resolution."""
        fine = (self.size[0] * _FINE, self.size[1] * _FINE)
        self._halo_layer, self._ink_layer = (Image.new("RGBA", fine, (0, 0, 0, 0)) for _ in range(2))
        self._halo, self._ink = ImageDraw.Draw(self._halo_layer), ImageDraw.Draw(self._ink_layer)

    def at(self, point: Sequence[float] | Float[Array, "2"]) -> tuple[float, float]:
        """Layer coordinates of an image pixel, where (0, 0) is the centre of the top-left pixel."""
        factor = self.scale * _FINE
        return (
            (float(point[0]) + 0.5 + self.margin[0]) * factor - 0.5,
            (float(point[1]) + 0.5 + self.margin[1]) * factor - 0.5,
        )

    def px(self, units: float) -> float:
        """Layer pixels of a length in stroke units."""
        return units * self.unit * _FINE

    def fill(self, points: Float[Array, "n 2"], colour: Colour, alpha: int) -> None:
        """A faint area, under every stroke: call before any."""
        self._halo.polygon([self.at(p) for p in points], fill=(*colour, alpha))

    def line(
        self, points: Float[Array, "n 2"], colour: Colour, width: float = 2.2, *, dashed: bool = False, alpha: int = 255
    ) -> None:
        """A polyline with round joints and ends."""
        path = [self.at(p) for p in points]
        for piece in _dashes(path, self.px(6), self.px(5)) if dashed else [path]:
            for draw, rgba, extra in ((self._halo, _HALO, 2.4), (self._ink, (*colour, alpha), 0.0)):
                w = self.px(width + extra)
                draw.line(piece, fill=rgba, width=max(1, round(w)), joint="curve")
                for x, y in (piece[0], piece[-1]):
                    draw.ellipse((x - w / 2, y - w / 2, x + w / 2, y + w / 2), fill=rgba)

    def dot(self, point: Float[Array, "2"], colour: Colour, radius: float = 3.2) -> None:
        self._disc(self.at(point), self.px(radius), colour)

    def ring(self, point: Float[Array, "2"], colour: Colour, radius: float, width: float = 2.2) -> None:
        x, y = self.at(point)
        for draw, rgba, extra in ((self._halo, _HALO, 1.2), (self._ink, (*colour, 255), 0.0)):
            r = self.px(radius + width / 2 + extra)
            draw.ellipse((x - r, y - r, x + r, y + r), outline=rgba, width=round(self.px(width + 2 * extra)))

    def arrow_head(self, tip: Float[Array, "2"], along: Float[Array, "2"], colour: Colour, size: float = 9.0) -> None:
        """A solid head whose point is at `tip`, looking along a direction in the image."""
        angle = math.atan2(float(along[1]), float(along[0]))
        x, y = self.at(tip)
        for draw, rgba, extra in ((self._halo, _HALO, 1.6), (self._ink, (*colour, 255), 0.0)):
            r, ahead = self.px(size + 2 * extra), self.px(1.6 * extra)
            x0, y0 = x + ahead * math.cos(angle), y + ahead * math.sin(angle)
            wings = [(x0 - r * math.cos(angle + t), y0 - r * math.sin(angle + t)) for t in (0.46, -0.46)]
            draw.polygon([(x0, y0), *wings], fill=rgba)

    def text(
        self, point: Float[Array, "2"], words: str, colour: Colour, size: float = 12, away: Sequence[float] = (0, 0)
    ) -> None:
        """Words centred `away` stroke units from a pixel, with their own dark outline; kept on the canvas."""
        x, y = self.at(point)
        self._words(x + self.px(away[0]), y + self.px(away[1]), words, colour, size)

    def number(self, point: Float[Array, "2"], value: int | str, colour: Colour, radius: float = 8.0) -> None:
        """A disc with a number in it."""
        centre = self.at(point)
        self._disc(centre, self.px(radius), colour)
        size = round(self.px(radius * (1.45 if len(str(value)) < 2 else 1.1)))
        self._ink.text(centre, str(value), fill=(*DARK, 255), font=font(size), anchor="mm")

    def frame(self, bbox: Float[Array, "4"], colour: Colour, words: str = "", *, dashed: bool = False) -> None:
        """A rectangle u0, v0, u1, v1 (px), closed at the canvas's edge, and a label on its upper left corner."""
        (u0, v0), (u1, v1) = self._kept(bbox[:2]), self._kept(bbox[2:])
        corners = np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1], [u0, v0]])
        self.line(corners, colour, 2.2, dashed=dashed)
        if words:
            x, y = self.at((u0, v0))
            self._pill(x - self.px(0.9), y - self.px(19), words, colour, 12)

    def badge(self, words: str, colour: Colour, *, right: bool = False) -> None:
        """A large label in the upper left, or right, corner of the canvas."""
        wide = self._ink.textlength(words, font=font(round(self.px(20)))) + self.px(28)
        self._pill(self._ink_layer.width - wide if right else self.px(10), self.px(10), words, colour, 20)

    def flatten(self, photo: Image.Image) -> Image.Image:
        """The photo (of this canvas's size) with the ink on it."""
        picture = photo.convert("RGBA")
        for layer in (self._halo_layer, self._ink_layer):
            if box := layer.getbbox():
                left, top = box[0] // _FINE, box[1] // _FINE
                right, bottom = -(-box[2] // _FINE), -(-box[3] // _FINE)
                inked = layer.crop((left * _FINE, top * _FINE, right * _FINE, bottom * _FINE))
                picture.alpha_composite(inked.reduce(_FINE), (left, top))
        return picture.convert("RGB")

    def _kept(self, point: Float[Array, "2"]) -> tuple[float, float]:
        """The pixel, or the nearest one well on the canvas."""
        inset = 2 * self.unit / self.scale
        wide, high = (size / self.scale for size in self.size)
        return (
            min(max(float(point[0]), inset - self.margin[0] - 0.5), wide - self.margin[0] - 0.5 - inset),
            min(max(float(point[1]), inset - self.margin[1] - 0.5), high - self.margin[1] - 0.5 - inset),
        )

    def _disc(self, centre: tuple[float, float], radius: float, colour: Colour) -> None:
        x, y = centre
        for draw, rgba, extra in ((self._halo, _HALO, 1.4), (self._ink, (*colour, 255), 0.0)):
            r = radius + self.px(extra)
            draw.ellipse((x - r, y - r, x + r, y + r), fill=rgba)

    def _words(self, x: float, y: float, words: str, colour: Colour, size: float) -> None:
        face = font(round(self.px(size)))
        half = self._ink.textlength(words, font=face) / 2 + self.px(2), self.px(size * 0.6)
        x = min(max(x, half[0]), self._ink_layer.width - half[0])
        y = min(max(y, half[1]), self._ink_layer.height - half[1])
        stroke = round(self.px(1.6))
        self._ink.text((x, y), words, (*colour, 255), face, "mm", stroke_width=stroke, stroke_fill=(*DARK, 235))

    def _pill(self, x: float, y: float, words: str, colour: Colour, size: float) -> None:
        face = font(round(self.px(size)))
        wide, high = self._ink.textlength(words, font=face) + self.px(size * 0.9), self.px(size * 1.5)
        x = min(max(x, self.px(2)), max(self._ink_layer.width - wide - self.px(2), 0))
        y = min(max(y, self.px(2)), max(self._ink_layer.height - high - self.px(2), 0))
        edge, radius = self.px(1.4), self.px(size * 0.3)
        self._halo.rounded_rectangle((x - edge, y - edge, x + wide + edge, y + high + edge), radius + edge, _HALO)
        self._ink.rounded_rectangle((x, y, x + wide, y + high), radius, (*colour, 255))
        self._ink.text((x + wide / 2, y + high / 2), words, (*DARK, 255), face, "mm")


def _dashes(path: list[tuple[float, float]], on: float, off: float) -> list[list[tuple[float, float]]]:
    """Pieces of each segment, `on` long with `off` between; a segment begins and ends with a dash."""
    pieces = []
    for (x0, y0), (x1, y1) in pairwise(path):
        length = math.hypot(x1 - x0, y1 - y0)
        count = min(max(1, round((length + off) / (on + off))), 400)
        period = (1 + off / (on * count + off * (count - 1))) / count if count > 1 else 1.0
        share = period * on / (on + off) if count > 1 else 1.0
        for start in np.arange(count) * period:
            a, b = start, min(start + share, 1.0)
            pieces.append([(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in (a, b)])
    return pieces


def wrap(words: str, size: int, width: float) -> list[str]:
    """Lines of at most `width` px in the font of that size; a single word may be wider."""
    measure = ImageDraw.Draw(Image.new("L", (1, 1)))
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure.textlength(longer, font=font(size)) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
