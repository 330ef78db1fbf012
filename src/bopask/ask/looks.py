"""Words for an object that nobody has named: its shape, colour and size, from its mesh and texture alone.

Two readings of each object are kept: what is certain, which makes its words, and what a person might say of it, which
forbids those words to every other object. So 'red box' is said of one object of a dataset, or of none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bopask.ask.colors import WORDS, Colors, colors_of
from bopask.geometry.shape import ROUND, Shape

SAMPLES = 20_000
"""Points of the surface whose colours are looked at."""
SMALLER = 1.5
"""How many times as long the others must be, or this one, for 'small' or 'large' to be said."""
PLAIN = 0.85
"""Share of one colour from which a box bears no print: it may be a block, and is called a rectangular object."""
LOOSE = 2.0
"""How far the limits of a shape are widened for what a person might say."""


@dataclass(frozen=True)
class Looks:
    """What can be said of one object by looking at it."""

    colors: Colors
    noun: str
    nouns: frozenset[str]
    """Every noun that a person might use, `noun` among them."""
    manner: str
    """'flat', 'long' or ''."""
    manners: frozenset[str]
    length: float
    """Of its longest side (m)."""

    @property
    def words(self) -> str:
        """All that is certain, whether or not it is told apart by it."""
        return " ".join(filter(None, (self.manner, self.colors.words, self.noun)))


def looks_of(shape: Shape, rgb: np.ndarray | None) -> Looks:
    """Of an object with this shape and these colours (sRGB of equal areas); None: it has no colour of its own."""
    colors = colors_of(rgb) if rgb is not None else Colors((), frozenset(WORDS))
    plain = rgb is not None and len(colors.sure) == 1 and colors.share >= PLAIN
    noun = next((noun for noun, fits in NOUNS.items() if fits(shape, 1.0)), "object")
    if noun == "box" and (plain or rounded(shape)):
        noun = "rectangular object"
    nouns = {noun, "object"} | {other for other, fits in NOUNS.items() if fits(shape, LOOSE)}
    nouns |= {"rectangular object"} if "box" in nouns else set()
    manner = next((manner for manner, fits in MANNERS.items() if fits(shape, noun, 1.0)), "")
    manners = frozenset(manner for manner, fits in MANNERS.items() if fits(shape, noun, LOOSE))
    return Looks(colors, noun, frozenset(nouns), manner, manners, float(shape.size[2]))


def tell_apart(looks: Mapping[int, Looks]) -> dict[int, str]:
    """The shortest phrase of each object that fits no other one; objects without such a phrase are left out."""
    found: dict[int, str] = {}
    for obj_id, own in looks.items():
        others = [other for o, other in looks.items() if o != obj_id]
        phrase = next(phrases(own, others), None)
        if phrase is not None:
            found[obj_id] = phrase
    return found


def phrases(own: Looks, others: list[Looks]) -> Iterator[str]:
    """Phrases for an object that no other one fits, the shortest first. Each says a colour: shape alone is too weak."""
    if not own.colors.sure:
        return
    alike = [o for o in others if set(own.colors.sure) <= o.colors.maybe and own.noun in o.nouns]
    plain = f"{own.colors.words} {own.noun}"
    if not alike:
        yield plain
    if own.manner:
        alike_so = [o for o in alike if own.manner in o.manners]
        if not alike_so:
            yield f"{own.manner} {plain}"
    if alike and all(o.length >= SMALLER * own.length for o in alike):
        yield f"small {plain}"
    if alike and all(o.length * SMALLER <= own.length for o in alike):
        yield f"large {plain}"


def rounded(shape: Shape) -> bool:
    """A box whose ends are rounded off, as a tin of meat is."""
    return bool(min(shape.widths[0].min(), shape.widths[-1].min()) < 0.8)


def opening(shape: Shape, slack: float) -> int | None:
    """The axis along which the body is an open vessel: deep from one end only, and round or round with a handle."""
    for axis in range(3):
        deep = np.sort(shape.depth[axis])
        if (
            deep[1] > 0.6 / slack
            and deep[0] < 0.2 * slack
            and 0.6 < shape.filled[axis] < 0.86
            and is_round(shape, axis, 5 * slack)
        ):
            return axis
    return None


def is_round(shape: Shape, axis: int, slack: float) -> bool:
    return bool(shape.spread[axis] < ROUND * slack)


def height(shape: Shape, axis: int) -> float:
    """Along an axis, in parts of the smaller of the other two sides."""
    return float(shape.size[axis] / np.delete(shape.size, axis).min())


def box(shape: Shape, slack: float) -> bool:
    return bool((shape.filled > 1 - 0.07 * slack).all() and shape.solid > 1 - 0.06 * slack and shape.depth.max() < 0.15)


def axis_of_cylinder(shape: Shape, slack: float) -> int | None:
    """The axis of a round body with straight sides."""
    for axis in range(3):
        sides = np.delete(shape.filled, axis)
        if is_round(shape, axis, slack) and (sides > 1 - 0.07 * slack).all() and shape.depth[axis].max() < 0.3 * slack:
            return axis
    return None


def bottle(shape: Shape, slack: float) -> bool:
    """Solid, upright, with a neck much narrower than the even body below it."""
    neck, body = min(
        (shape.widths[:2], shape.widths[8:]), (shape.widths[-2:], shape.widths[:8]), key=lambda e: e[0].mean()
    )
    tall = 1.5 / slack < shape.size[2] / shape.size[1] < 4.5 * slack
    narrow = neck.mean() < 0.45 * min(slack, 1.4) and neck.max() < 0.7 * min(slack, 1.3)
    return bool(
        tall and narrow and body.min() > 0.8 / slack and shape.solid > 0.85 / slack and shape.bend < 0.06 * slack
    )


def curved(shape: Shape, slack: float) -> bool:
    """Slender, and bent along its length, as a banana is."""
    slim = shape.size[1] / shape.size[2] < 0.45 * slack and shape.widths[1:-1, 1].max() < 0.75 * min(slack, 1.3)
    return bool(slim and shape.bend > 0.12 / slack)


def vessel(shape: Shape, slack: float, low: float, high: float, handle: bool | None) -> bool:
    axis = opening(shape, slack)
    if axis is None or not low / slack < height(shape, axis) <= high * slack:
        return False
    return handle is None or slack > 1 or handle == (not is_round(shape, axis, 1.3))


def ring(shape: Shape, slack: float) -> bool:
    """Round, with a hole right through."""
    return any(shape.depth[axis].min() > 0.95 / slack and is_round(shape, axis, slack) for axis in range(3))


def ball(shape: Shape, slack: float) -> bool:
    return bool((shape.spread < ROUND * slack).all() and shape.size[0] / shape.size[2] > 1 - 0.1 * slack)


NOUNS: Mapping[str, Callable[[Shape, float], bool]] = {
    "round object": ball,
    "ring": ring,
    "bowl": lambda shape, slack: vessel(shape, slack, 0.0, 0.5, False),
    "cup with a handle": lambda shape, slack: vessel(shape, slack, 0.6, 1.8, True),
    "cup": lambda shape, slack: vessel(shape, slack, 0.6, 1.8, None),
    "box": box,
    "cylinder": lambda shape, slack: axis_of_cylinder(shape, slack) is not None,
    "bottle": bottle,
    "curved object": curved,
}
"""Nouns from the most telling, and whether they fit a shape; the second argument widens their limits."""


def flat(shape: Shape, noun: str, slack: float) -> bool:
    if noun == "cylinder":
        return axis_of_cylinder(shape, slack) == 0 and height(shape, 0) < 0.5 * min(slack, 1.5)
    return bool(noun != "bowl" and shape.size[0] / shape.size[1] < 0.2 * slack)


def long(shape: Shape, noun: str, slack: float) -> bool:
    return bool(noun != "bottle" and shape.size[1] / shape.size[2] < 0.3 * slack)


MANNERS: Mapping[str, Callable[[Shape, str, float], bool]] = {"flat": flat, "long": long}
