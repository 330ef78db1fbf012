"""Terms: the nouns by which a layout's objects may be called, and which objects each of them covers.

An object's own names are its alone. Where every object of the layout is described, its category and its colour with
its category are nouns too: they cover other objects as well, and position tells these apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Int

from bopask.arrays import Array
from bopask.ask.names import Names
from bopask.nouns import Description


class Noun(NamedTuple):
    """A noun phrase without place: 'can', 'red mug' as ('mug', 'red')."""

    name: str
    attribute: str = ""


Covered: TypeAlias = tuple[Bool[Array, "N"], Bool[Array, "N"]]


@dataclass(frozen=True)
class Terms:
    """The nouns of a layout's N objects."""

    obj_ids: Int[Array, "N"]
    names: Names
    described: Mapping[int, Description]
    _covered: dict[Noun, Covered] = field(default_factory=dict, repr=False, compare=False)

    def of(self, obj_id: int) -> tuple[Noun, ...]:
        """By which an object may be called, its own names first."""
        own = tuple(Noun(name) for name in self.names.of(obj_id))
        if not own or not self.all_described:
            return own
        told = self.described[obj_id]
        return tuple(dict.fromkeys((*own, Noun(told.category), *(Noun(told.category, c) for c in told.colors[:1]))))

    @cached_property
    def all_described(self) -> bool:
        """A category can be counted only where that of every object is known."""
        return all(int(o) in self.described and self.described[int(o)].category for o in self.obj_ids)

    def covers(self, noun: Noun) -> Covered:
        """Which objects are surely called so; which may be (they have the colour, but more of another)."""
        if noun not in self._covered:
            self._covered[noun] = self._covers(noun)
        return self._covered[noun]

    def _covers(self, noun: Noun) -> Covered:
        sure = np.array([noun in map(Noun, self.names.of(o)) for o in self.obj_ids])
        if sure.any() or not self.all_described:
            return sure & (not noun.attribute), sure & (not noun.attribute)
        told = [self.described[int(o)] for o in self.obj_ids]
        kind = np.array([d.category == noun.name for d in told])
        if not noun.attribute:
            return kind, kind
        first, any_ = (np.array([noun.attribute in d.colors[:n] for d in told]) for n in (1, None))
        return kind & first, kind & any_

    @property
    def alike(self) -> Bool[Array, "N N"]:
        """Objects that one noun may cover."""
        same = np.equal.outer(self.obj_ids, self.obj_ids)
        if not self.all_described:
            return same
        kinds = np.array([self.described[int(o)].category for o in self.obj_ids])
        return np.asarray(same | np.equal.outer(kinds, kinds))
