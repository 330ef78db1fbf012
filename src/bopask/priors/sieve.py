"""Does an object, moved without turning, meet others? Compiled, for it is asked tens of thousands of times a layout.

    a route of offsets ─ others near it, and what may part them there ─ its places ─ boxes and triangles of both (meet)

Offsets are in metres, world. What is within a hair of meeting and missing is left to FCL, and whether one thing lies
within another to its vertices.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from bopask.arrays import Array
from bopask.geometry.vector import dot
from bopask.priors.meet import FAR, MEETS, OPEN, meet
from bopask.priors.tree import ONE, ROOM, ZERO, Tree

FEW = 8
"""Pairs for which there is room at first."""
Pairs = tuple[Float[Array, "p 3"], Int[Array, "p"]]
"""Offsets, and the other at each."""
Answer = tuple[bool, Pairs, Pairs]
"""Whether something is surely met. If not: where something may be met; and where the bounds of one lie within those of
another, and a vertex decides whether it does."""


class Tables(NamedTuple):
    """One object and the others, compared along directions (unit, world) and by their trees. Metres."""

    directions: Float[Array, "d 3"]
    after: Float[Array, "m d"]
    """Moved by more than this along a direction, the object is beyond another."""
    before: Float[Array, "m d"]
    nests: Float[Array, "m 2 3"]
    """Moved by between these along the world's axes, the bounds of one lie within those of another."""
    own: Int[Array, "m"]
    """The first of the three directions that are the axes of another."""
    R_other_obj: Float[Array, "m 3 3"]
    t_other_obj: Float[Array, "m 3"]
    """Where the object stands, not moved, in the frame of another."""
    last: Int[Array, "m 2"]
    """Triangles that met last, or -1."""
    boxes: Float[Array, "n 6"]
    triangles: Float[Array, "f 3 3"]
    tree: Int[Array, "2"]
    """Where among the boxes the tree of the object begins and ends (see `Trees`)..."""
    trees: Int[Array, "m 2"]
    """...and those of the others."""


class Near(NamedTuple):
    """What bounds leave open on a route: others, and of each what may decide at a place of it."""

    others: Int[Array, "q"]
    parting: Int[Array, "t"]
    """Directions along which it may be apart; of all these others in turn."""
    first_parting: Int[Array, "q1"]


@njit(cache=True)
def each(offset: Float[Array, "3"], *of: Array) -> tuple[Int[Array, "m"], Bool[Array, "m"]]:
    """How the object at an offset stands to each of the others (see `meet`), and whether one may lie within the other.
    `of`: the columns of Tables."""
    tables, near, waiting = Tables(*of), _all(*of), np.empty((ROOM, 2), np.int64)
    m = len(tables.own)
    found, nests, last = np.full(m, FAR), np.zeros(m, np.bool_), near.first_parting[:-1].copy()
    for other in range(m):
        if not _apart(offset, 0.0, other, near, tables, last):
            found[other] = _met(offset, 0.0, other, tables, waiting)
            nests[other] = _within(offset, tables.nests[other])
    return found, nests


@njit(cache=True)
def at(places: Float[Array, "n 3"], shifts: Float[Array, "s 3"], margin: float, *of: Array) -> Answer:
    """Of places, each with each of these shifts: the first is none, no other is longer than `margin` (m)."""
    return _answer(places, shifts, margin, _all(*of), Tables(*of), len(places))


@njit(cache=True)
def first_free(
    places: Float[Array, "n 3"], shifts: Float[Array, "s 3"], margin: float, first: int, *of: Array
) -> tuple[int, Pairs, Pairs]:
    """The first place, from one on, at which nothing is surely met, or their number; and what is left open there."""
    near, tables = _all(*of), Tables(*of)
    met, close, nest = _answer(places[first : first + 1], shifts, margin, near, tables, ONE)
    while met and first + 1 < len(places):
        first += 1
        met, close, nest = _answer(places[first : first + 1], shifts, margin, near, tables, ONE)
    return len(places) if met else first, close, nest


@njit(cache=True)
def along(points: Float[Array, "w 3"], step: float, shifts: Float[Array, "s 3"], margin: float, *of: Array) -> Answer:
    """Of places at most `step` (m) apart along a polyline, each with each of the shifts. Whether one may lie within
    another is said of the first place alone."""
    tables = Tables(*of)
    near = _near(points, margin, tables)
    places = _places(points, step) if len(near.others) else np.empty((0, 3))
    return _answer(places, shifts, margin, near, tables, ONE)


@njit(cache=True)
def _all(*of: Array) -> Near:
    """Where nothing is known of a route."""
    m, d = Tables(*of).after.shape
    return Near(np.arange(m), np.arange(m * d) % d, d * np.arange(m + 1))


@njit(cache=True)
def _near(points: Float[Array, "w 3"], margin: float, tables: Tables) -> Near:
    """What may be `margin` (m) or less from a polyline. How far it leads, its corners tell."""
    directions, after, before = tables.directions, tables.after, tables.before
    shift, m = np.empty((len(points), len(directions))), len(after)
    least, most = np.full(len(directions), np.inf), np.full(len(directions), -np.inf)
    for d in range(len(directions)):
        for k in range(len(points)):
            shift[k, d] = s = dot(points[k], directions[d])
            least[d], most[d] = min(least[d], s - margin), max(most[d], s + margin)
    others, n = np.empty(m, np.int64), 0
    parting, n_parting = np.empty(after.size, np.int64), np.zeros(m + 1, np.int64)
    for other in range(m):
        if _far(shift, margin, after[other], before[other]):
            continue
        p = n_parting[n]
        for d in range(len(directions)):
            if most[d] > after[other, d] or least[d] < before[other, d]:
                parting[p] = d
                p += 1
        others[n] = other
        n += 1
        n_parting[n] = p
    return Near(others[:n], parting[: n_parting[n]], n_parting[: n + 1])


@njit(cache=True)
def _answer(
    places: Float[Array, "n 3"], shifts: Float[Array, "s 3"], margin: float, near: Near, tables: Tables, nested: int
) -> Answer:
    """Places without a shift first. What is farther than the margin from one of them is not met with any shift."""
    q, close, nest, n, m = len(near.others), _pairs(), _pairs(), ZERO, ZERO
    pairs, last, waiting = np.arange(len(places) * q), near.first_parting[:-1].copy(), np.empty((ROOM, 2), np.int64)
    offset, left = np.empty(3), len(pairs)
    for s in range(len(shifts)):
        asked, left, reach = left, 0, 0.0 if s else margin
        for pair in pairs[:asked]:
            place, k = pair // q, pair % q
            for d in range(3):
                offset[d] = shifts[s, d] + places[place, d]
            apart, met, other = _apart(offset, reach, k, near, tables, last), FAR, near.others[k]
            if not apart:
                if place < nested and _within(offset, tables.nests[other]):
                    nest, m = _noted(nest, m, offset, other)
                met = _met(offset, reach, other, tables, waiting)
                if met == MEETS:
                    return True, _first(close, ZERO), _first(nest, ZERO)
                if met == OPEN:
                    close, n = _noted(close, n, offset, other)
            if s or met > FAR or (place < nested and not apart):
                pairs[left], left = pair, left + 1
    return False, _first(close, n), _first(nest, m)


@njit(cache=True)
def _pairs() -> Pairs:
    """Room for some."""
    return np.empty((FEW, 3)), np.empty(FEW, np.int64)


@njit(cache=True)
def _noted(pairs: Pairs, n: int, offset: Float[Array, "3"], other: int) -> tuple[Pairs, int]:
    """The first n pairs and one more."""
    at, others = pairs
    if n == len(others):
        at, others = np.empty((2 * n, 3)), np.empty(2 * n, np.int64)
        for k in range(n):
            at[k], others[k] = pairs[0][k], pairs[1][k]
    at[n], others[n] = offset, other
    return (at, others), n + 1


@njit(cache=True)
def _first(pairs: Pairs, n: int) -> Pairs:
    return pairs[0][:n], pairs[1][:n]


@njit(cache=True)
def _met(offset: Float[Array, "3"], margin: float, other: int, tables: Tables, waiting: Int[Array, "w 2"]) -> int:
    """How the object at an offset stands to another: see `meet`."""
    t = tables.t_other_obj[other].copy()
    for d in range(3):
        t[d] += dot(offset, tables.directions[tables.own[other] + d])
    one, two = _tree(tables.tree, tables), _tree(tables.trees[other], tables)
    return meet(one, two, tables.R_other_obj[other], t, margin, waiting, tables.last[other])


@njit(cache=True)
def _tree(ends: Int[Array, "2"], tables: Tables) -> Tree:
    return Tree(tables.boxes[ends[0] : ends[1]], tables.triangles[ends[0] // 2 : ends[1] // 2])


@njit(cache=True, inline="always")
def _apart(offset: Float[Array, "3"], margin: float, k: int, near: Near, tables: Tables, last: Int[Array, "q"]) -> bool:
    """Is the object at an offset more than the margin (m) from the k-th other near, along a direction? What parted them
    last is tried first: at the next place it is likely to part them again."""
    before, after, end = tables.before[near.others[k]], tables.after[near.others[k]], near.first_parting[k + 1]
    i, then = last[k], near.first_parting[k]
    while i < end:
        d = near.parting[i]
        s = dot(offset, tables.directions[d])
        if s < before[d] - margin or s > after[d] + margin:
            last[k] = i
            return True
        i, then = then, then + 1
    return False


@njit(cache=True)
def _places(points: Float[Array, "w 3"], step: float) -> Float[Array, "n 3"]:
    """The places of `densify`, any first few of which sample all of the polyline (golden-ratio sequence): most motions
    that are not free are not free at one of the first."""
    counts, n = np.ones(len(points), np.int64), 0
    for k in range(len(points) - 1):
        towards = points[k + 1] - points[k]
        counts[k] = max(1, int(np.ceil(np.sqrt(dot(towards, towards)) / step - 1e-9)))
    fine = np.empty((np.sum(counts), 3))
    for k in range(len(points)):
        towards = points[min(k + 1, len(points) - 1)] - points[k]
        for j in range(counts[k]):
            for d in range(3):
                fine[n, d] = points[k, d] + towards[d] * (j / counts[k])
            n += 1
    stride = max(1, int(0.618 * n))
    while gcd(stride, n) > 1:
        stride += 1
    places = np.empty_like(fine)
    for k in range(n):
        for d in range(3):
            places[k, d] = fine[k * stride % n, d]
    return places


@njit(cache=True)
def _far(shift: Float[Array, "w d"], margin: float, after: Float[Array, "d"], before: Float[Array, "d"]) -> bool:
    """Whether each piece of a polyline is farther than the margin from another along some direction."""
    for k in range(max(1, len(shift) - 1)):
        s, t, apart = shift[k], shift[min(k + 1, len(shift) - 1)], False
        for d in range(len(after)):
            if min(s[d], t[d]) > after[d] + margin or max(s[d], t[d]) < before[d] - margin:
                apart = True
                break
        if not apart:
            return False
    return True


@njit(cache=True)
def _within(point: Float[Array, "3"], ends: Float[Array, "2 3"]) -> bool:
    inside = True
    for d in range(3):
        inside = inside and ends[0, d] <= point[d] <= ends[1, d]
    return inside
