"""The shortest phrase that means each object of a frame and no other: the generator.

An object whose name is its own among what is visible is called by it. Look-alikes are told apart by an end ('leftmost',
'topmost', 'closest to the camera'), then by a rank, a landmark ('the can behind the red bowl'), then by both. Where
places are within the margin, or counting depends on one that is barely visible, that phrase is not used; where none is
left, nothing is asked about the object in that frame. All frames of a block at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.ask.names import Names
from bopask.ask.referring.form import ENDS, RANKS, Form, Referred
from bopask.ask.referring.resolve import resolve
from bopask.ask.referring.seen import BARELY, CLEARLY, Seen
from bopask.ask.referring.terms import Noun, Terms
from bopask.nouns import Description

LARGER = 1.25
"""An object is called larger than its like when it is longer by this factor."""
TASTE = {
    "left": 0.0, "right": 0.0, "top": 0.2, "bottom": 0.2, "near": 0.4, "far": 0.4, "large": 0.1, "small": 0.1,
    "on": 0.2, "front": 0.5, "behind": 0.5, "left of": 0.7, "right of": 0.7,
}  # fmt: skip
"""What an end or a landmark costs in words and thought; to it is added 0 to 1, drawn a frame, and 1 for each further
rank: the cheapest way is taken. Depth is harder to see than left and right."""
OTHER_SIDE = {"left": "right", "top": "bottom", "near": "far", "large": "small"}
Claims: TypeAlias = Bool[Array, "F N"]


class Option(NamedTuple):
    """A way to tell look-alikes apart: a side and rank, a relation and landmark (index), or both; or nothing."""

    ordinal: tuple[str, int] | None = None
    relation: tuple[str, int] | None = None


def refer(
    seen: Seen, names: Names, rng: np.random.Generator, described: Mapping[int, Description] | None = None
) -> Referred:
    """A phrase for every object that one can be given to, each confirmed by the resolver.

    Nouns are drawn a frame and an object id, so that one picture's questions speak of 'the tin' throughout; so is the
    side from which look-alikes are told.

    Args:
        described: categories and colours, where known: 'leftmost can' then counts cans of every name.
    """
    terms = Terms(seen.obj_ids, names, described or {})
    writer = _Writer(seen, terms, np.full(seen.visib.shape, -1))
    taste = {side: rng.random(len(seen.visib)) + offset for side, offset in TASTE.items()}
    called = {}
    for obj_id in sorted(set(seen.obj_ids.tolist())):
        nouns = terms.of(obj_id)
        called[obj_id] = nouns, rng.integers(0, max(len(nouns), 1), len(seen.visib))  # drawn also when unused
    for tell in (by_name, by_place):  # landmarks are what is called by its name
        for obj_id, (nouns, draw) in called.items():
            for k, noun in enumerate(nouns):
                tell(writer, obj_id, noun, np.flatnonzero(draw == k), taste)
    for tell in (by_name, by_place) if terms.all_described else ():  # what no category tells, its own name may
        for obj_id, (nouns, _) in called.items():
            for noun in nouns[:1]:
                tell(writer, obj_id, noun, np.arange(len(seen.visib)), taste)
    return Referred(tuple(writer.forms), writer.confirmed(), terms.alike)


@dataclass(frozen=True)
class _Writer:
    """Forms by number, and who is called by which: filled as phrases are found."""

    seen: Seen
    terms: Terms
    code: Int[Array, "F N"]
    forms: dict[Form, int] = field(default_factory=dict)

    def say(self, form: Form, frames: Int[Array, "r"], objects: Int[Array, "r"]) -> None:
        self.code[frames, objects] = self.forms.setdefault(form, len(self.forms))

    def counted(self, noun: Noun, frames: Int[Array, "f"]) -> tuple[Claims, Claims]:
        """Who surely counts as such a thing, and who else may."""
        sure, may = self.terms.covers(noun)
        visib = self.seen.visib[frames]
        counts = sure & (visib >= BARELY)
        return counts, may & (visib > 0) & ~counts

    def confirmed(self) -> Int[Array, "F N"]:
        """The codes of which the resolver, given the form alone, finds the intended object and no other."""
        code = self.code.copy()
        for form, number in self.forms.items():
            if self.terms.covers(Noun(form.name, form.attribute))[1].sum() == 1:
                continue  # the layout has no other
            frames = np.flatnonzero((self.code == number).any(1))
            meant, intended = resolve(form, self.seen.at(frames), self.terms), self.code[frames] == number
            wrong = frames[(meant != intended).any(1) | (intended.sum(1) != 1)]
            code[wrong] = np.where(code[wrong] == number, -1, code[wrong])
        return code


Taste: TypeAlias = Mapping[str, Float[Array, "F"]]


def by_name(writer: _Writer, obj_id: int, noun: Noun, frames: Int[Array, "f"], taste: Taste) -> None:
    """Calls the object by the noun alone where it is the only one of it: in the layout, or to be seen."""
    covered = writer.terms.covers(noun)[1]
    sure, may = writer.counted(noun, frames)
    alone = sure & ((sure.sum(1) == 1) & ~may.any(1))[:, None] if covered.sum() > 1 else covered
    f, n = np.nonzero(alone & (writer.seen.obj_ids == obj_id) & (writer.code[frames] < 0))
    writer.say(Form(*noun), frames[f], n)


def by_place(writer: _Writer, obj_id: int, noun: Noun, frames: Int[Array, "f"], taste: Taste) -> None:
    """Tells look-alikes apart: the option that costs least, for each object that has no phrase yet."""
    open_, mine = writer.code[frames] < 0, writer.seen.obj_ids == obj_id
    frames = frames[(open_ & mine & (writer.seen.visib[frames] >= BARELY)).any(1)]
    if not len(frames):
        return
    seen, (sure, may) = writer.seen.at(frames), writer.counted(noun, frames)
    before = befores(seen)
    best = _Cheapest(sure & mine & (writer.code[frames] < 0))
    for option, which in ordinals(before, sure, may, len(RANKS)):
        side, rank = option.ordinal or ("", 0)
        best.offer(option, which, rank - 1 + taste[side][frames])
    marks = landmarks(writer, frames, sure | may)
    for option, which, _ in relations(seen, sure, may, marks):
        best.offer(option, which, taste[kind_of(option)][frames])
    if best.lacking:
        for option, _, (held, doubtful) in relations(seen, sure, may, marks):
            for end, which in ordinals(before, held, doubtful, 3):
                side, rank = end.ordinal or ("", 0)
                both = end._replace(relation=option.relation)
                best.offer(both, which, 2 * rank + taste[kind_of(option)][frames] + taste[side][frames])
    for option, f, n in best.chosen():
        name_landmark(writer, Form(*noun, ordinal=option.ordinal), option, frames[f], n)


def kind_of(option: Option) -> str:
    """The key in TASTE of an option's relation."""
    kind = option.relation[0] if option.relation else ""
    return f"{kind} of" if kind in ("left", "right") else kind


def name_landmark(
    writer: _Writer, form: Form, option: Option, frames: Int[Array, "r"], objects: Int[Array, "r"]
) -> None:
    """Says the form, the landmark called as its own frame calls it."""
    if option.relation is None:
        writer.say(form, frames, objects)
        return
    kind, mark = option.relation
    numbers, forms = writer.code[frames, mark], tuple(writer.forms)
    for number in np.unique(numbers):
        here = numbers == number
        writer.say(replace(form, relation=(kind, forms[number])), frames[here], objects[here])


def befores(seen: Seen) -> Mapping[str, Bool[Array, "F N N"]]:
    """[f, a, b]: a surely comes before b, counted from each side: by the whole silhouette and by its visible part."""
    found: dict[str, Array] = {}
    for axis, first in ((0, "left"), (1, "top")):
        places = (seen.middle[..., axis], seen.visible[..., axis])
        found[first] = np.logical_and(*(at[:, :, None] + seen.margin_px <= at[:, None] for at in places))
    middle, near, far = (seen.distance[..., k] for k in range(3))
    found["near"] = (middle[:, :, None] + seen.margin <= near[:, None]) & (
        far[:, :, None] + seen.margin <= middle[:, None]
    )
    found["large"] = np.broadcast_to(seen.length[:, None] >= LARGER * seen.length, found["near"].shape)
    return found | {OTHER_SIDE[side]: before.swapaxes(1, 2) for side, before in found.items()}


def ordinals(
    before: Mapping[str, Bool[Array, "F N N"]], sure: Claims, may: Claims, ranks: int
) -> Iterator[tuple[Option, Claims]]:
    """Every side and rank, and who surely has it: told from all that count, before all that may not count."""
    some = np.flatnonzero((sure | may).any(0))
    if not len(some):
        return
    counts, doubtful = sure[:, None, some], may[:, None, some]
    for side in ENDS:
        after = before[side][:, some[:, None], some]  # [f, i, j]: i before j
        ahead = after.swapaxes(1, 2) & counts
        itself = np.eye(len(some), dtype=bool)
        told = ((after | ahead | ~counts | itself) & (after | ~doubtful)).all(2) & sure[:, some]
        rank = 1 + ahead.sum(2)
        highest = 1 if side in ("large", "small") else min(ranks, int(rank[told].max(initial=0)))
        for k in range(1, highest + 1):
            which = np.zeros_like(sure)
            which[:, some] = told & (rank == k)
            yield Option(ordinal=(side, k)), which


def landmarks(writer: _Writer, frames: Int[Array, "f"], like: Claims) -> Claims:
    """What can stand for a place: clearly visible, called by its name alone, and none of those to be told apart."""
    plain = np.array([form.ordinal is None and form.relation is None for form in writer.forms] + [False])
    return plain[writer.code[frames]] & (writer.seen.visib[frames] >= CLEARLY) & ~like


def relations(
    seen: Seen, sure: Claims, may: Claims, marks: Claims
) -> Iterator[tuple[Option, Claims, tuple[Claims, Claims]]]:
    """Every relation and landmark, who alone stands in it, and who does among others: surely, and perhaps."""
    for kind, (holds, denied) in seen.relations.items():
        for mark in np.flatnonzero(marks.any(0)):
            here = marks[:, mark, None]
            held = sure & holds[:, :, mark] & here
            doubtful = (sure | may) & ~denied[:, :, mark] & here & ~held
            alone = held & ((held.sum(1) == 1) & ~doubtful.any(1))[:, None]
            yield Option(relation=(kind, int(mark))), alone, (held, doubtful)


class _Cheapest:
    """Keeps, for each object that is still to be told, the option that costs least."""

    def __init__(self, wanted: Claims) -> None:
        self.wanted, self.options = wanted, list[Option]()
        self.cost = np.where(wanted, np.inf, -np.inf)
        self.which = np.full(wanted.shape, -1)

    def offer(self, option: Option, fits: Claims, cost: Float[Array, "F"]) -> None:
        better = fits & (cost[:, None] < self.cost)
        if better.any():
            self.cost = np.where(better, cost[:, None], self.cost)
            self.which = np.where(better, len(self.options), self.which)
            self.options.append(option)

    @property
    def lacking(self) -> bool:
        return bool((self.which[self.wanted] < 0).any())

    def chosen(self) -> Iterator[tuple[Option, Int[Array, "r"], Int[Array, "r"]]]:
        for number, option in enumerate(self.options):
            f, n = np.nonzero(self.which == number)
            yield option, f, n
