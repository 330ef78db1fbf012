"""The built-in household set: every kind a function of a random generator, every shape a true solid.

Millimetres inside the families' profiles, metres in what they return. All made here: no scanned or downloaded mesh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count as counting

import numpy as np

from bopask.errors import BopaskError
from bopask.rng import rng_for
from bopask.synth.kinds import (
    bottles,
    boxes,
    cans,
    cartons,
    cookware,
    cutlery,
    food,
    furniture,
    lathed,
    tableware,
    tools,
)
from bopask.synth.shapes import Shape

Maker = Callable[[np.random.Generator], Shape]

KINDS: Mapping[str, Maker] = {
    "mug": tableware.mug,
    "bowl": tableware.bowl,
    "plate": tableware.plate,
    "tumbler": tableware.tumbler,
    "pan": cookware.pan,
    "pot": cookware.pot,
    "colander": cookware.colander,
    "spoon": cutlery.spoon,
    "fork": cutlery.fork,
    "knife": cutlery.knife,
    "spatula": cutlery.spatula,
    "soda can": cans.soda_can,
    "soup can": cans.soup_can,
    "tuna tin": cans.tuna_tin,
    "jar": cans.jar,
    "bottle": bottles.bottle,
    "soap bottle": bottles.soap_bottle,
    "shampoo bottle": bottles.shampoo_bottle,
    "cereal box": cartons.cereal_box,
    "tea box": cartons.tea_box,
    "juice carton": cartons.juice_carton,
    "hammer": tools.hammer,
    "drill": tools.drill,
    "wrench": tools.wrench,
    "screwdriver": lathed.screwdriver,
    "tape": lathed.tape,
    "flashlight": lathed.flashlight,
    "marker": lathed.marker,
    "banana": food.banana,
    "apple": food.apple,
    "pear": food.pear,
    "lemon": food.lemon,
    "container": boxes.container,
    "tray": boxes.tray,
    "book": boxes.book,
    "sponge": boxes.sponge,
    "bin": furniture.storage_bin,
    "shelf": furniture.shelf_unit,
}
"""Name of a kind to its maker. The order is that of obj_id."""

FURNITURE: tuple[str, ...] = ("bin", "shelf")
"""Kinds that other things stand in."""

DRAWS = 40
"""How often a variant is drawn before its kind is taken to have no more names."""


def household(seed: int, count: int | None = None) -> dict[int, Shape]:
    """obj_id, from 1, to shape: a variant of each kind first, in the order of KINDS, then further ones in that order.

    Names are unique: a variant whose name is taken is drawn again, and a synonym that would fit two is dropped.

    Raises:
        BopaskError: there are not `count` names.
    """
    shapes: list[Shape] = []
    taken: set[str] = set()
    wanted = len(KINDS) if count is None else count
    for turn in counting():
        before = len(shapes)
        for kind in KINDS:
            if len(shapes) < wanted and (shape := _another(seed, kind, turn, taken)):
                shapes.append(shape)
                taken.add(shape.name.casefold())
        if len(shapes) >= wanted:
            return dict(enumerate(_told_apart(shapes), start=1))
        if len(shapes) == before:
            raise BopaskError(f"the household set has only {before} objects with names of their own, not {wanted}.")
    raise AssertionError


def _another(seed: int, kind: str, turn: int, taken: set[str]) -> Shape | None:
    for draw in range(DRAWS):
        shape = KINDS[kind](rng_for(seed, "kind", (kind, turn, draw)))
        if shape.name.casefold() not in taken:
            return shape
    return None


def _told_apart(shapes: list[Shape]) -> Iterator[Shape]:
    said = Counter(word.casefold() for s in shapes for word in {s.name, *s.synonyms})
    for shape in shapes:
        kept = tuple(word for word in shape.synonyms if said[word.casefold()] == 1)
        yield replace(shape, about=replace(shape.about, synonyms=kept))
