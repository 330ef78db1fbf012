"""Layouts without end: where things are let go, on a table, in a bin, on a shelf unit or on one another.

World frame: z = 0 is the table's top, +z up, metres. A bin and a shelf unit are objects themselves: they stand on the
table and are the first row of the setting, so that labels know their walls. What does not work out has a reason:

    before physics   no_room        the things do not fit
                     nothing_stacks of these things, none stays on another
    after it         not_at_rest    something still moves: more than 1 mm or 0.5 degrees in the last second
                     penetration    two objects are more than 1 mm in one another
                     fell_off       something lies beyond the table's edge
                     left_bin       something lies outside or on the rim
                     toppled        something meant to stand (shelf, stack) fell over or down
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.errors import BopaskError
from bopask.geometry.se3 import inverse, transform
from bopask.rng import rng_for
from bopask.synth.furnished import fill, shelve
from bopask.synth.overlap import deepest
from bopask.synth.piles import stack, table
from bopask.synth.places import about_z
from bopask.synth.put import Put, Refused, lowest
from bopask.synth.render.stage import TABLE_SIZE
from bopask.synth.settle import Rest, settle
from bopask.synth.shapes import Shape
from bopask.synth.solids import solid_of, within
from bopask.synth.texture import TABLES

TILT = np.cos(np.radians(25))
DRIFT, TURN, DEEP = 1e-3, np.radians(0.5), 1e-3
"""What a layout at rest may move in a second (m, rad), and how deep objects may be in one another (m)."""
STACKED = 0.03
"""What was meant to stand has not come down by more than this (m)."""


@dataclass(frozen=True)
class Setting:
    """A layout before physics."""

    kind: str
    """A key of ARRANGEMENTS."""
    table: str
    """One of `texture.TABLES`."""
    obj_ids: tuple[int, ...]
    T_world_obj: Float[Array, "n 4 4"]
    """Where each is let go."""
    upright: Bool[Array, "n"]
    """Must not fall over."""
    furniture: bool
    """Row 0 is the bin or the shelf unit."""


@dataclass(frozen=True)
class Outcome:
    """What became of a setting."""

    setting: Setting
    rest: Rest
    penetration: float
    """Deepest that two objects, or an object and the table, are in one another (m)."""
    reason: str
    """'' for a good layout, else why it is not one."""


ARRANGEMENTS: Mapping[str, Callable[[Put, Sequence[int], float, np.random.Generator], None]] = {
    "table": table,
    "shelf": shelve,
    "bin": fill,
    "stack": stack,
}
FURNISHED = ("shelf", "bin")
"""Kinds that need a piece of furniture."""


def arrange(
    kind: str,
    shapes: Mapping[int, Shape],
    ids: Sequence[int],
    *,
    furniture: int | None = None,
    clutter: float = 0.5,
    rng: np.random.Generator,
) -> Setting:
    """Decides where each thing is let go.

    Args:
        kind: a key of ARRANGEMENTS.
        shapes: by obj_id.
        ids: what to place, in any order; an id may come twice. Distractors are ids like any other.
        furniture: obj_id of the bin ('bin') or the shelf unit ('shelf').
        clutter: 0 spread out .. 1 as dense as it goes.
    Raises:
        Refused: 'no_room' or 'nothing_stacks'.
        BopaskError: an unknown kind, no furniture where it is needed, or a bin without a floor.
    """
    if kind not in ARRANGEMENTS:
        raise BopaskError(f"There is no arrangement {kind!r}. Take one of {', '.join(ARRANGEMENTS)}.")
    if kind in FURNISHED and furniture is None:
        raise BopaskError(f"The arrangement {kind!r} needs the obj_id of its furniture.")
    put = Put(shapes)
    if kind in FURNISHED and furniture is not None:
        put.add(furniture, about_z(rng.uniform(-0.3, 0.3)), [0.0, 0.0, -lowest(shapes[furniture], np.eye(3))])
    ARRANGEMENTS[kind](put, [int(i) for i in rng.permutation(list(ids))], clutter, rng)
    poses = np.array(put.poses)
    if kind not in FURNISHED:
        poses[:, :2, 3] -= (poses[:, :2, 3].min(0) + poses[:, :2, 3].max(0)) / 2
    upright = np.full(len(poses), kind in ("shelf", "stack"))
    table = str(rng.choice(sorted(TABLES)))
    return Setting(kind, table, tuple(put.obj_ids), poses, upright, kind in FURNISHED)


def settled(setting: Setting, shapes: Mapping[int, Shape]) -> Outcome:
    """Lets a setting come to rest and says whether it became what it was meant to be.

    Raises:
        MissingExtra: without MuJoCo.
    """
    here = [shapes[i] for i in setting.obj_ids]
    rest = settle(here, setting.T_world_obj, fixed=int(setting.furniture))
    depth = deepest(here, rest.T_world_obj)
    return Outcome(setting, rest, depth, _wrong(setting, here, rest, depth))


def _wrong(setting: Setting, here: Sequence[Shape], rest: Rest, depth: float) -> str:
    """The first reason against a layout, '' where there is none."""
    T, start = rest.T_world_obj, setting.T_world_obj
    tilt = (T[:, 2, :3] * start[:, 2, :3]).sum(1)
    fallen = (tilt < TILT) | (start[:, 2, 3] - T[:, 2, 3] > STACKED)
    if rest.drift > DRIFT or rest.turn > TURN:
        return "not_at_rest"
    if depth > DEEP:
        return "penetration"
    if (np.abs(T[:, :2, 3]) > np.array(TABLE_SIZE[:2]) / 2).any():
        return "fell_off"
    if setting.kind == "bin" and not all(_in_bin(here[0], T[0], here[k], T[k]) for k in range(1, len(here))):
        return "left_bin"
    return "toppled" if (fallen & setting.upright).any() else ""


def _in_bin(bin_: Shape, T_world_bin: Float[Array, "4 4"], shape: Shape, T_world_obj: Float[Array, "4 4"]) -> bool:
    """Its centre of mass is over the bin, and it reaches below the rim."""
    T_bin_obj = inverse(T_world_bin) @ T_world_obj
    walls = solid_of(bin_).whole.vertices
    center = transform(T_bin_obj, solid_of(shape).center[None])[0]
    low = transform(T_bin_obj, solid_of(shape).whole.vertices)[:, 2].min()
    return bool(within(walls[:, :2], center[None, :2])[0] and low < walls[:, 2].max() - 0.005)


class Unarranged(BopaskError):
    """No layout was found; `reasons` counts why."""

    def __init__(self, message: str, reasons: Counter[str]) -> None:
        self.message, self.reasons = message, reasons
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Unarranged], tuple[str, Counter[str]]]:
        return type(self), (self.message, self.reasons)  # crosses process boundaries


def draw(
    kind: str,
    shapes: Mapping[int, Shape],
    ids: Sequence[int],
    *,
    furniture: int | None = None,
    clutter: float = 0.5,
    seed: int,
    key: object,
    tries: int = 12,
) -> tuple[Outcome, Counter[str]]:
    """The first good layout of at most `tries` draws, and the reasons against those before it.

    Raises:
        Unarranged: there was none. See also `arrange`.
        MissingExtra: without MuJoCo.
    """
    reasons: Counter[str] = Counter()
    for attempt in range(tries):
        try:
            rng = rng_for(seed, "arrange", (key, attempt))
            outcome = settled(arrange(kind, shapes, ids, furniture=furniture, clutter=clutter, rng=rng), shapes)
        except Refused as refused:
            reasons[refused.reason] += 1
            continue
        if not outcome.reason:
            return outcome, reasons
        reasons[outcome.reason] += 1
    counts = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items()))
    where = "" if furniture is None else f" with {shapes[furniture].name!r}"
    fix = "ask for fewer --objects" if "no_room" in reasons else "try another --seed or other --models"
    message = f"{len(ids)} objects: no {kind} layout{where} in {tries} draws ({counts}); {fix}."
    raise Unarranged(message, reasons)
