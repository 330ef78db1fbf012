"""Form: what a referring phrase means, apart from its words. It stands in the evidence of every row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jaxtyping import Bool, Int

from bopask.arrays import Array

RANKS = ("", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
ENDS = {
    "left": "leftmost",
    "right": "rightmost",
    "top": "topmost",
    "bottom": "lowest",
    "near": "closest to the camera",
    "far": "farthest from the camera",
    "large": "largest",
    "small": "smallest",
}
"""Sides from which look-alikes are counted, and what the first one is called."""
RELATIONS = {"left": "left of", "right": "right of", "front": "in front of", "behind": "behind", "on": "on"}
"""Words between an object and its landmark; left, right, front and behind are the viewer's."""


@dataclass(frozen=True)
class Form:
    """The one visible object of a noun that is at a place among its like, or stands so to a landmark, or both."""

    name: str
    attribute: str = ""
    """A colour word."""
    ordinal: tuple[str, int] | None = None
    """(side, rank): a key of ENDS, and the rank from it; the first is 1."""
    relation: tuple[str, Form] | None = None
    """(kind, landmark): a key of RELATIONS. With an ordinal too, those in this relation are counted."""

    @cached_property
    def text(self) -> str:
        """The phrase without article: 'second can from the left', 'leftmost can behind the red bowl'."""
        noun = f"{self.attribute} {self.name}".strip()
        if self.relation:
            kind, landmark = self.relation
            noun = f"{noun} {RELATIONS[kind]} the {landmark.text}"
        if self.ordinal is None:
            return noun
        side, rank = self.ordinal
        if rank == 1 and side not in ("near", "far"):
            return f"{ENDS[side]} {noun}"
        place = ENDS[side] if side in ("near", "far") else f"from the {side}"
        if self.relation:
            return " ".join(f"{noun} that is {RANKS[rank - 1]} {place}".split())
        return " ".join(
            (
                f"{noun} {RANKS[rank - 1]} {place}" if side in ("near", "far") else f"{RANKS[rank - 1]} {noun} {place}"
            ).split()
        )

    def json(self) -> dict[str, Any]:
        """As evidence: the parts that it has."""
        told: dict[str, Any] = {"name": self.name}
        if self.attribute:
            told["attribute"] = self.attribute
        if self.ordinal:
            told["ordinal"] = list(self.ordinal)
        if self.relation:
            told["relation"] = [self.relation[0], self.relation[1].json()]
        return told


@dataclass(frozen=True)
class Referred:
    """The phrases of a block: object n of frame f is forms[code[f, n]]; -1 where no phrase means it alone."""

    forms: tuple[Form, ...]
    code: Int[Array, "F N"]
    alike: Bool[Array, "N N"]
    """Objects that one noun may cover: what one ordinal may count."""
