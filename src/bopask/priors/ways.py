"""Ways from one free place to another: straight, or arches over and around what is between, pulled taut.

Knows routes as polylines in R^3 from the origin to `end`, in a frame with x level towards the end, y to the left and
z up, and predicates; nothing of meshes. Arches are tried in a fixed order, so a route depends on the problem alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.curve import at_arc_length, densify, distance_to_polyline, length
from bopask.priors.planner import Along, shortcut

At = Callable[[Float[Array, "n 3"]], bool]
"""Is every one of these places free?"""

PULLS = 3
"""Rounds of pulling a route taut, at most."""
HALVINGS = 4
"""Of the bisection that says how far a corner can be pulled."""
BLEND = 0.01
"""Places of the straight blend of two routes are this far apart (m), about."""


def arches(
    end: Float[Array, "3"], free: Along, leans: Sequence[float], bulges: Float[Array, "b"]
) -> Iterator[Float[Array, "4 3"]]:
    """Out, along, back in: for each lean (degrees from straight up, positive to the left) the lowest free arch.

    A lean gives none where nothing is free up to the largest bulge (m), or its legs meet something before.
    """
    ends = np.stack([np.zeros(3), end])
    for lean in np.radians(leans):
        reached = ends
        for bulge in bulges:
            before, reached = reached, ends + bulge * np.array([0.0, np.sin(lean), np.cos(lean)])
            if not all(free(leg) for leg in np.stack([before, reached], 1)):
                break
            if free(reached):
                yield np.stack([ends[0], *reached, ends[1]])
                break


def taut(route: Float[Array, "w 3"], free: Along, step: float) -> Float[Array, "k 3"]:
    """A shorter free route with the same ends: shortcuts between places `step` (m) apart, then corners pulled in."""
    route = shortcut(route, free, step)
    for _ in range(PULLS):
        before, route = length(route), _pulled(route, free)
        if length(route) > 0.998 * before:
            break
    return route


def _pulled(route: Float[Array, "w 3"], free: Along) -> Float[Array, "k 3"]:
    """Every corner moved as far towards the line between its neighbours as is free; dropped where it gets there."""
    kept = [route[0]]
    for here, after in pairwise(route[1:]):
        before = kept[-1]
        chord = after - before
        if free(np.stack([before, after])):
            continue
        t = np.clip((here - before) @ chord / max(float(chord @ chord), 1e-30), 0.0, 1.0)
        line = np.stack([before, here, after])
        inward = np.array([[0.0], [1.0], [0.0]]) * (before + t * chord - here)
        kept.append((line + _share(line, inward, free) * inward)[1])
    return np.array([*kept, route[-1]])


def _share(line: Float[Array, "3 3"], inward: Float[Array, "3 3"], free: Along) -> float:
    """How much of a motion of the line, up to all of it, bisection finds free; none where the least share is not."""
    seen, hidden = 0.0, 1.0
    if free(line + 0.5**HALVINGS * inward):
        for _ in range(HALVINGS):
            middle = (seen + hidden) / 2
            if free(line + middle * inward):
                seen = middle
            else:
                hidden = middle
    return seen


def way(route: Float[Array, "w 3"]) -> str:
    """'straight', 'over', 'under', 'left' or 'right': on which side of the straight line the place farthest from it
    lies, to one who looks along the motion."""
    places = densify(route, BLEND)
    end = route[-1]
    along = np.clip(places @ end / max(float(end @ end), 1e-30), 0.0, 1.0)
    aside = places - along[:, None] * end
    _, y, z = aside[np.linalg.norm(aside, axis=1).argmax()]
    if max(abs(y), abs(z)) < BLEND / 2:
        return "straight"
    if abs(y) > abs(z):
        return "left" if y > 0 else "right"
    return "over" if z > 0 else "under"


def differ(a: Float[Array, "w 3"], b: Float[Array, "k 3"], free: At, apart: float) -> bool:
    """Are two routes with the same ends truly different?

    Some place of one lies `apart` (m) or more from all of the other; and one cannot be deformed straight into the
    other: when each place goes straight to its partner at the same share of the length, something is met on the way.
    """
    fine_a, fine_b = densify(a, BLEND), densify(b, BLEND)
    if max(distance_to_polyline(fine_a, b).max(), distance_to_polyline(fine_b, a).max()) < apart:
        return False
    share = np.linspace(0.0, 1.0, int(np.ceil(max(length(a), length(b)) / BLEND)) + 1)
    on_a, on_b = at_arc_length(a, share * length(a)), at_arc_length(b, share * length(b))
    gap = float(np.linalg.norm(on_b - on_a, axis=1).max())
    mix = np.linspace(0.0, 1.0, int(np.ceil(gap / BLEND)) + 1)[1:-1, None, None]
    return not free(((1 - mix) * on_a + mix * on_b).reshape(-1, 3))
