"""Where a moved object may meet others at all, by bounds alone: compiled, for it is asked thousands of times a layout.

    a route of offsets ─ others near it, and what may part them there ─ its places ─ places and others left to FCL

Offsets are in metres, world. Nothing here decides that two things meet; what is left out, does not.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from bopask.arrays import Array
from bopask.geometry.vector import dot

Pairs = tuple[Float[Array, "p 3"], Int[Array, "p 2"]]
"""Offsets, and of which place and of which of the others each is."""


class Tables(NamedTuple):
    """One object and the others, compared along directions (unit, world) and along the others' own axes. Metres."""

    directions: Float[Array, "d 3"]
    after: Float[Array, "m d"]
    """Moved by more than this along a direction, the object is beyond another."""
    before: Float[Array, "m d"]
    own: Int[Array, "m"]
    """The first of the three directions that are the axes of another."""
    cells: Float[Array, "c 2 3"]
    """Moved by between these along another's own axes, it overlaps a group of its triangles; of all others in turn."""
    first_cell: Int[Array, "m1"]
    nests: Float[Array, "m 2 3"]
    """Moved by between these along the world's axes, the bounds of one lie within those of another."""


class Near(NamedTuple):
    """What bounds leave open on a route: others, and of each what may decide at a place of it."""

    others: Int[Array, "q"]
    parting: Int[Array, "t"]
    """Directions along which it may be apart; of all these others in turn."""
    first_parting: Int[Array, "q1"]
    cells: Int[Array, "u"]
    """Groups of its triangles that may be met; of all these others in turn."""
    first_cell: Int[Array, "q1"]


@njit(cache=True)
def at(places: Float[Array, "n 3"], *of: Array) -> tuple[Pairs, Pairs]:
    """Places and others that are not apart along any direction, by place; `of`: the columns of Tables.

    First those where the object overlaps a group of the other's triangles too: FCL decides. Then those where the
    bounds of one lie within those of the other: a vertex decides.
    """
    tables = Tables(*of)
    m, d = tables.after.shape
    parting, cells = np.arange(m * d) % d, np.arange(len(tables.cells))
    near = Near(np.arange(m), parting, d * np.arange(m + 1), cells, tables.first_cell)
    meet, nest, _ = _undecided(places, np.zeros((1, 3)), 0.0, near, tables, len(places), 0, len(places) * m)
    return meet, nest


@njit(cache=True)
def along(
    points: Float[Array, "w 3"],
    step: float,
    shifts: Float[Array, "s 3"],
    margin: float,
    nested: int,
    first: int,
    most: int,
    *of: Array,
) -> tuple[Pairs, Pairs, int]:
    """The same for places at most `step` (m) apart along a polyline, each with each of these shifts, the first of which
    is none, and no other is longer than `margin` (m). By shift, from a first question on until some are found; with
    the question to go on with, -1 after the last. Of the first `nested` places it is said whether one may lie within
    another."""
    tables = Tables(*of)
    near = _near(points, margin, tables)
    places = _places(points, step) if len(near.others) else np.empty((0, 3))
    return _undecided(places, shifts, margin, near, tables, nested, first, most)


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
    cells, n_cells = np.empty(len(tables.cells), np.int64), np.zeros(m + 1, np.int64)
    for other in range(m):
        if _far(shift, margin, after[other], before[other]):
            continue
        p, c, x = n_parting[n], n_cells[n], tables.own[other]
        for d in range(len(directions)):
            if most[d] > after[other, d] or least[d] < before[other, d]:
                parting[p] = d
                p += 1
        for cell in range(tables.first_cell[other], tables.first_cell[other + 1]):
            if _overlap(least[x : x + 3], most[x : x + 3], tables.cells[cell]):
                cells[c] = cell
                c += 1
        others[n] = other
        n += 1
        n_parting[n], n_cells[n] = p, c
    return Near(others[:n], parting[: n_parting[n]], n_parting[: n + 1], cells[: n_cells[n]], n_cells[: n + 1])


@njit(cache=True)
def _undecided(
    places: Float[Array, "n 3"],
    shifts: Float[Array, "s 3"],
    margin: float,
    near: Near,
    tables: Tables,
    nested: int,
    first: int,
    most: int,
) -> tuple[Pairs, Pairs, int]:
    close = _close(places, margin, near, tables)
    asked, n, m = len(shifts) * len(close), 0, 0
    size = min(most, asked - first)
    meet_at, meet = np.empty((size, 3)), np.empty((size, 2), np.int64)
    nest_at, nest = np.empty((size, 3)), np.empty((size, 2), np.int64)
    directions, after, before, parting = tables.directions, tables.after, tables.before, near.parting
    offset, moved, last = np.empty(3), np.empty(3), near.first_parting[:-1].copy()
    while first < asked and max(n, m) < most:
        shift, k, q = shifts[first // len(close)], close[first % len(close), 0], close[first % len(close), 1]
        first += 1
        other, start, end = near.others[q], near.first_parting[q], near.first_parting[q + 1]
        for d in range(3):
            offset[d] = shift[d] + places[k, d]
        i = _parts(offset, 0.0, last[q], start, end, parting, directions, before[other], after[other])
        if i < end:
            last[q] = i
            continue
        if k < nested and _overlap(offset, offset, tables.nests[other]):
            _note(nest_at[m], nest[m], offset, k, other)
            m += 1
        for d in range(3):
            moved[d] = dot(offset, directions[tables.own[other] + d])
        for c in range(near.first_cell[q], near.first_cell[q + 1]):
            if _overlap(moved, moved, tables.cells[near.cells[c]]):
                _note(meet_at[n], meet[n], offset, k, other)
                n += 1
                break
    return (meet_at[:n], meet[:n]), (nest_at[:m], nest[:m]), first if first < asked else -1


@njit(cache=True)
def _note(at: Float[Array, "3"], row: Int[Array, "2"], offset: Float[Array, "3"], place: int, other: int) -> None:
    row[0], row[1] = place, other
    for d in range(3):
        at[d] = offset[d]


@njit(cache=True)
def _close(places: Float[Array, "n 3"], margin: float, near: Near, tables: Tables) -> Int[Array, "c 2"]:
    """Places and others near that no direction parts by more than the margin (m), by place."""
    close, n = np.empty((len(places) * len(near.others), 2), np.int64), 0
    directions, after, before, parting = tables.directions, tables.after, tables.before, near.parting
    last = near.first_parting[:-1].copy()
    for k in range(len(places)):
        for q in range(len(near.others)):
            other, first, end = near.others[q], near.first_parting[q], near.first_parting[q + 1]
            i = _parts(places[k], margin, last[q], first, end, parting, directions, before[other], after[other])
            if i < end:
                last[q] = i
            else:
                close[n, 0], close[n, 1] = k, q
                n += 1
    return close[:n]


@njit(cache=True, inline="always")
def _parts(
    offset: Float[Array, "3"],
    margin: float,
    last: int,
    first: int,
    end: int,
    parting: Int[Array, "t"],
    directions: Float[Array, "d 3"],
    before: Float[Array, "d"],
    after: Float[Array, "d"],
) -> int:
    """Which of the parting directions first..end parts two by more than the margin, or the end. What parted them last
    is tried first: at the next place it is likely to part them again."""
    i = last
    while i < end:
        d = parting[i]
        s = dot(offset, directions[d])
        if s < before[d] - margin or s > after[d] + margin:
            break
        i, first = first, first + 1
    return i


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
def _overlap(low: Float[Array, "3"], high: Float[Array, "3"], box: Float[Array, "2 3"]) -> bool:
    apart = False
    for d in range(3):
        apart = apart or high[d] < box[0, d] or low[d] > box[1, d]
    return not apart
