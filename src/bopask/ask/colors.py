"""Plain colour words for a coloured surface: what a person would call it, and what a person might call it.

CIELAB, because equal steps there look equal. A colour near the border between two words may be called either way: it
is possible for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from bopask.arrays import Array

WORDS = ("black", "gray", "white", "red", "orange", "brown", "yellow", "green", "blue", "purple", "pink")
HUES = (("pink", -15.0), ("red", 12.0), ("orange", 42.0), ("yellow", 74.0), ("green", 105.0), ("blue", 205.0),
        ("purple", 308.0), ("pink", 332.0), ("red", 372.0))  # fmt: skip
"""Where each word begins on the circle of hues (degrees in CIELAB's a, b plane)."""
ONE, MOST, TWO, BOTH, MAYBE = 0.62, 0.5, 0.24, 0.72, 0.12
"""Shares of the surface: that gives it one word; or does when no other has half of it; each of two; the two together;
that a person might go by."""


@dataclass(frozen=True)
class Colors:
    """The colour words of a surface."""

    sure: tuple[str, ...]
    """One word, or two for 'red and white', the larger first; () when no word is certain."""
    maybe: frozenset[str]
    """Every word that a person might use."""
    share: float = 0.0
    """Of the surface, that the first word names."""

    @property
    def words(self) -> str:
        return " and ".join(self.sure)


def colors_of(rgb: UInt8[Array, "n 3"]) -> Colors:
    """The colour words of a surface, from sRGB samples that stand for equal areas."""
    lab = to_lab(rgb)
    shares = shares_of(lab)
    first, second = sorted(shares, key=lambda word: -shares[word])[:2]
    maybe = frozenset(word for moved in nearby(lab) for word, share in shares_of(moved).items() if share >= MAYBE)
    if shares[first] >= ONE or (shares[first] >= MOST and shares[second] < shares[first] * 0.45):
        return Colors((first,), maybe, shares[first])
    if shares[second] >= TWO and shares[first] + shares[second] >= BOTH:
        return Colors((first, second), maybe, shares[first])
    return Colors((), maybe)


def nearby(lab: Float[Array, "n 3"]) -> Iterator[Float[Array, "n 3"]]:
    """The colours as they are, and as another light, camera or eye may have them: lighter, darker, turned in hue."""
    yield lab
    for light in (-8.0, 8.0):
        yield lab + [light, 0, 0]
    for turn in np.deg2rad([-8.0, 8.0]):
        c, s = np.cos(turn), np.sin(turn)
        yield lab @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def shares_of(lab: Float[Array, "n 3"]) -> Mapping[str, float]:
    """The share of the samples that each word names."""
    named = name_of(lab)
    return {word: float((named == k).mean()) for k, word in enumerate(WORDS)}


def name_of(lab: Float[Array, "n 3"]) -> Array:
    """The index in WORDS of each colour's word."""
    L, a, b = lab.T
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    hue = np.where(hue > 345, hue - 360, hue)
    starts = np.array([start for _, start in HUES])
    words = np.array([WORDS.index(word) for word, _ in HUES])
    named = words[np.searchsorted(starts, hue, side="right").clip(1) - 1]
    index = WORDS.index
    warm = (hue > 30) & (hue < 95)
    named = np.where(warm & (L < 68) & (chroma < 52) & ~((hue < 40) & (chroma > 18)), index("brown"), named)
    named = np.where((hue >= 46) & (hue < 112) & (L < 55), index("brown"), named)
    named = np.where((hue > 46) & (hue < 82) & (chroma < 38) & (L >= 68), index("brown"), named)
    named = np.where((hue >= 12) & (hue < 46) & (L > 70) & (chroma < 45), index("pink"), named)
    vivid = np.where(L < 30, 9.0 + (30 - L) * 0.1, 11.0 + np.clip(L - 70, 0, 30) * 0.15)
    gray = np.where(L < 24, index("black"), np.where(L > 74, index("white"), index("gray")))
    named = np.where(chroma < vivid, gray, named)
    return np.where((L < 12) & (chroma < 18), index("black"), named)


def to_lab(rgb: UInt8[Array, "n 3"]) -> Float[Array, "n 3"]:
    """sRGB (D65, IEC 61966-2-1) as CIELAB."""
    value = np.asarray(rgb, float) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    xyz = linear @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
