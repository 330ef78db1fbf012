"""What must move before an object can be grasped, and in which order. Pure logic on states and sets: no geometry.

An object may be moved when nothing rests on it any more and it has a free grasp with what then remains in place; a
target is reached when the same holds for it. The answer is the smallest set of objects that can be moved away one after
another until then, so it may hold more than the target's own blockers: what rests on these, and what blocks these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from bopask.arrays import Array
from bopask.nouns import InstanceGrasps, Rearrangement, Skip

MOST_STATES = 20_000
"""Sets of moved objects tried for one target; a count, not a clock, so that results repeat."""
Moved = frozenset[int]


def rearrangements(
    grasps: Sequence[InstanceGrasps], rests_on: Bool[Array, "N N"]
) -> tuple[dict[int, Rearrangement], list[Skip]]:
    """For each instance that cannot be taken at once: the smallest set that must move first, in an order that works.

    Returns:
        Targets' rearrangements (a target that can be taken at once has none), and skips keyed by the instance:
        'ungraspable', 'no_movable_order' (something that must move cannot be) or 'too_many_sets'.
    """
    found, skips = {}, []
    for target, g in enumerate(grasps):
        if g.state == "ungraspable":
            skips.append(Skip(str(target), "rearrangement", "ungraspable"))
        elif not movable(target, frozenset(), grasps, rests_on):
            plan = rearrange(target, grasps, rests_on)
            if isinstance(plan, Rearrangement):
                found[target] = plan
            else:
                skips.append(plan)
    return found, skips


def movable(i: int, moved: Moved, grasps: Sequence[InstanceGrasps], rests_on: Bool[Array, "N N"]) -> bool:
    """Whether i can be taken once `moved` are gone: nothing rests on it, and a grasp is free."""
    bare = set(np.flatnonzero(rests_on[:, i]).tolist()) - {i} <= moved
    return bare and (grasps[i].state == "free" or any(moved.issuperset(s) for s in grasps[i].blocker_sets))


def rearrange(target: int, grasps: Sequence[InstanceGrasps], rests_on: Bool[Array, "N N"]) -> Rearrangement | Skip:
    """Breadth-first over sets of moved objects, so that the first sets that free the target are the smallest.

    Orders are kept per set, the first found; sets and movers are tried by index, so the result is one and the same.
    """
    candidates = relevant(target, grasps, rests_on)
    layer: dict[Moved, tuple[int, ...]] = {frozenset(): ()}
    tried = 0
    while layer:
        done = {s: order for s, order in layer.items() if movable(target, s, grasps, rests_on)}
        if done:
            best, *others = sorted(done, key=sorted)
            order = done[best]
            alternatives = tuple(tuple(sorted(s)) for s in others)
            return Rearrangement(target, order, _reasons(target, order, grasps, rests_on), alternatives)
        tried += len(layer)
        if tried > MOST_STATES:
            return Skip(str(target), "rearrangement", "too_many_sets")
        following: dict[Moved, tuple[int, ...]] = {}
        for moved, order in layer.items():
            for j in candidates:
                if j not in moved and movable(j, moved, grasps, rests_on):
                    following.setdefault(moved | {j}, (*order, j))
        layer = following
    return Skip(str(target), "rearrangement", "no_movable_order")


def relevant(target: int, grasps: Sequence[InstanceGrasps], rests_on: Bool[Array, "N N"]) -> list[int]:
    """Objects that can matter: what rests on the target or may block it, and the same of these, and so on."""
    seen, to_do = {target}, [target]
    while to_do:
        i = to_do.pop()
        near = {j for s in grasps[i].blocker_sets for j in s} | set(np.flatnonzero(rests_on[:, i]).tolist())
        to_do += near - seen
        seen |= near
    return sorted(seen - {target})


def _reasons(
    target: int, order: tuple[int, ...], grasps: Sequence[InstanceGrasps], rests_on: Bool[Array, "N N"]
) -> tuple[str, ...]:
    """Why each of `order` moves: for the target itself where that can be said, else for another of the order."""
    over = transitive(rests_on)
    used = [set(s) for s in grasps[target].blocker_sets if set(s) <= set(order)]
    blocks = min(used, key=lambda s: (len(s), sorted(s)), default=set())

    def reason(j: int) -> str:
        if over[j, target]:
            return "rests_on_target"
        if j in blocks:
            return "blocks_grasp"
        return "rests_on_blocker" if any(over[j, k] for k in order) else "blocks_blocker"

    return tuple(reason(j) for j in order)


def transitive(rests_on: Bool[Array, "N N"]) -> Bool[Array, "N N"]:
    """[i, j] when i rests on j or on something that rests on j, and so on; never on itself."""
    closed = np.asarray(rests_on, bool).copy()
    for k in range(len(closed)):
        closed |= closed[:, k, None] & closed[None, k]
    np.fill_diagonal(closed, False)
    return closed
