"""An object's triangles in a tree of boxes: what is near them is told without a look at most of them.

Boxes and triangles are of the object's own frame, where boxes are narrow. Built once an object and process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from bopask.arrays import Array
from bopask.geometry.vector import Vector
from bopask.nouns import Model

FINE = 1 / 24
"""A triangle is halved until what its box is larger than it is a square of at most so much of the object's length."""
ROOM = 128
"""Boxes, or pairs of them, that can wait for a look: a step down a tree adds one."""
ZERO, ONE = cast(int, np.int64(0)), cast(int, np.int64(1))
"""For compiled loops: of 0 and 1 themselves numba would compile versions of their own."""


class Tree(NamedTuple):
    """Box 1 holds all, boxes 2k and 2k + 1 the halves of what box k holds, the last half of the boxes a triangle each.
    Metres."""

    boxes: Float[Array, "n 6"]
    """Middle and half the sides."""
    triangles: Float[Array, "f 3 3"]


class Trees(NamedTuple):
    """Trees one after another. Metres."""

    boxes: Float[Array, "n 6"]
    triangles: Float[Array, "f 3 3"]
    ends: Int[Array, "N 2"]
    """Where the boxes of each tree begin and end; its triangles at half that."""


def trees(models: Sequence[Model]) -> Trees:
    """Of these objects in turn."""
    each = [tree_of(m) for m in models]
    boxes = np.concatenate([np.zeros((0, 6)), *(one.boxes for one in each)])
    triangles = np.concatenate([np.zeros((0, 3, 3)), *(one.triangles for one in each)])
    first = np.cumsum([0, *(len(one.boxes) for one in each)])
    return Trees(boxes, triangles, np.stack([first[:-1], first[1:]], 1))


_TREES: dict[str, Tree] = {}


def tree_of(model: Model) -> Tree:
    """An object's tree, shared within the process."""
    if model.sha256 not in _TREES:
        _TREES[model.sha256] = tree(model.mesh.triangles)
    return _TREES[model.sha256]


def tree(triangles: Float[Array, "f 3 3"]) -> Tree:
    """Triangles (m) halved at the median of their middles, along the axis that makes the smaller boxes, until one is
    left; the last is repeated to make their number a power of two."""
    triangles = _fine(triangles)
    depth = int(np.ceil(np.log2(len(triangles))))
    triangles = triangles[np.minimum(np.arange(2**depth), len(triangles) - 1)]
    low, high = _ends(triangles)
    order = _halved(np.argsort(triangles.mean(1), axis=0, kind="stable").T.copy(), low, high)
    triangles, lows, highs = triangles[order], [low[order]], [high[order]]
    for _ in range(depth):
        lows.append(np.minimum(lows[-1][::2], lows[-1][1::2]))
        highs.append(np.maximum(highs[-1][::2], highs[-1][1::2]))
    low, high = (np.concatenate([ends[-1], *ends[::-1]]) for ends in (lows, highs))
    return Tree(np.concatenate([low + high, high - low], 1) / 2, triangles)


def _ends(triangles: Float[Array, "f 3 3"]) -> tuple[Float[Array, "f 3"], Float[Array, "f 3"]]:
    """Lowest and highest of each."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


@njit(cache=True)
def _halved(orders: Int[Array, "3 n"], low: Float[Array, "n 3"], high: Float[Array, "n 3"]) -> Int[Array, "n"]:
    """An order in which things with these bounds (m) are halved again and again. Given is their order along each axis;
    a cut along one parts the others'."""
    size, first, later = len(low), np.empty(len(low), np.bool_), np.empty(len(low), np.int64)
    while size > 1:
        for start in range(0, len(low), size):
            middle, end = start + size // 2, start + size
            best, least = 0, np.inf
            for k in range(3):
                surface = _surface(orders[k, start:middle], low, high) + _surface(orders[k, middle:end], low, high)
                if surface < least:
                    best, least = k, surface
            for i in range(start, end):
                first[orders[best, i]] = i < middle
            for k in range(3):
                n, m = start, 0
                for i in range(start, end):
                    one = orders[k, i]
                    if first[one]:
                        orders[k, n], n = one, n + 1
                    else:
                        later[m], m = one, m + 1
                for i in range(m):
                    orders[k, middle + i] = later[i]
        size //= 2
    return orders[0]


@njit(cache=True)
def _surface(some: Int[Array, "s"], low: Float[Array, "n 3"], high: Float[Array, "n 3"]) -> float:
    """Half the surface (m²) of the box around some of the bounds."""
    x = y = z = -np.inf
    u = v = w = np.inf
    for i in some:
        x, y, z = max(x, high[i, 0]), max(y, high[i, 1]), max(z, high[i, 2])
        u, v, w = min(u, low[i, 0]), min(v, low[i, 1]), min(w, low[i, 2])
    return (x - u) * (y - v) + (y - v) * (z - w) + (z - w) * (x - u)


def _fine(triangles: Float[Array, "f 3 3"]) -> Float[Array, "k 3 3"]:
    """The same surface, triangles in so many pieces that their boxes are narrow: of long slanting ones they are not."""
    most, fine = (FINE * float(np.linalg.norm(np.ptp(triangles, axis=(0, 1))))) ** 2, []
    while len(triangles):
        edges = np.roll(triangles, -1, axis=1) - triangles
        low, high = _ends(triangles)
        x, y, z = (high - low).T
        spare = x * y + y * z + z * x - np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
        wide = spare > most
        fine.append(triangles[~wide])
        longest = np.linalg.norm(edges[wide], axis=2).argmax(1)
        a, b, c = (triangles[wide, (longest + k) % 3] for k in range(3))
        triangles = np.concatenate([np.stack([a, (a + b) / 2, c], 1), np.stack([(a + b) / 2, b, c], 1)])
    return np.concatenate(fine)


@njit(cache=True)
def box_at(boxes: Float[Array, "n 6"], k: int) -> tuple[Vector, Vector]:
    """Middle and half the sides (m) of a box."""
    return (boxes[k, 0], boxes[k, 1], boxes[k, 2]), (boxes[k, 3], boxes[k, 4], boxes[k, 5])


@njit(cache=True)
def beyond(away: Vector, reach: Vector) -> bool:
    """Is a middle farther from another along some axis than both boxes reach together?"""
    return abs(away[0]) > reach[0] or abs(away[1]) > reach[1] or abs(away[2]) > reach[2]


@njit(cache=True)
def near(tree: Tree, points: Float[Array, "m 3"], reach: float) -> Bool[Array, "m"]:
    """Which points (m, the object's frame) may be within the reach (m) of a triangle: all that are, and a few more."""
    found, waiting, leaf = np.zeros(len(points), np.bool_), np.empty(ROOM, np.int64), len(tree.triangles)
    for m in range(len(points)):
        n, waiting[0] = 1, 1
        while n and not found[m]:
            k, gap = waiting[n - 1], 0.0
            for d in range(3):
                gap += max(0.0, abs(points[m, d] - tree.boxes[k, d]) - tree.boxes[k, 3 + d]) ** 2
            if gap > reach * reach:
                n -= 1
            elif k >= leaf:
                found[m] = True
            else:
                waiting[n - 1], waiting[n], n = 2 * k, 2 * k + 1, n + 1
    return found
