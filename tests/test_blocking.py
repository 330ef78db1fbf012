"""What must move first: the smallest set, in an order that a replay carries out. Checked against all orders."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bopask.nouns import InstanceGrasps
from bopask.priors.blocking import movable, rearrange, rearrangements, transitive


def grasps(state: str, *sets: tuple[int, ...]) -> InstanceGrasps:
    return InstanceGrasps(state, np.zeros((0, 4, 4)), np.zeros(0), np.zeros(0), 9, 9, 9 * (state == "free"), sets)


FREE, NEVER = grasps("free"), grasps("ungraspable")


def blocked(*sets: tuple[int, ...]) -> InstanceGrasps:
    return grasps("blocked", *sets)


def on(n: int, *pairs: tuple[int, int]) -> np.ndarray:
    matrix = np.zeros((n, n), bool)
    for i, j in pairs:
        matrix[i, j] = True
    return matrix


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[InstanceGrasps], np.ndarray]:
    """Up to five objects in any states; what rests on what has no cycle (i rests on j only for i > j)."""
    n = draw(st.integers(1, 5))
    rests = np.tril(draw(st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=n, max_size=n)), -1)
    rests = rests & (np.random.default_rng(draw(st.integers(0, 99))).random((n, n)) < 0.4)
    rows = []
    for i in range(n):
        others = st.sets(st.sampled_from([j for j in range(n) if j != i]), min_size=1) if n > 1 else st.nothing()
        state = draw(st.sampled_from(["free", "free", "blocked", "ungraspable"] if n > 1 else ["free", "ungraspable"]))
        sets = (
            draw(st.sets(others.map(lambda s: tuple(sorted(s))), min_size=1, max_size=3)) if state == "blocked" else ()
        )
        rows.append(grasps(state, *sorted(sets)))
    return rows, rests.astype(bool)


def carried_out(target: int, order: tuple[int, ...], scene: list[InstanceGrasps], rests: np.ndarray) -> bool:
    """Replays an order with its own reading of the rules."""
    gone: set[int] = set()
    for mover in (*order, target):
        if any(rests[k, mover] and k not in gone for k in range(len(scene)) if k != mover):
            return False
        g = scene[mover]
        if not (g.state == "free" or (g.state == "blocked" and any(set(s) <= gone for s in g.blocker_sets))):
            return False
        gone.add(mover)
    return True


def smallest(target: int, scene: list[InstanceGrasps], rests: np.ndarray) -> list[tuple[int, ...]]:
    others = [j for j in range(len(scene)) if j != target]
    for size in range(len(scene)):
        found = [
            s
            for s in combinations(others, size)
            if any(carried_out(target, order, scene, rests) for order in permutations(s))
        ]
        if found:
            return found
    return []


@given(scenes())
def test_finds_the_smallest_sets_and_an_order_that_works(scene: tuple[list[InstanceGrasps], np.ndarray]) -> None:
    rows, rests = scene
    found, skips = rearrangements(rows, rests)
    assert len({s.key for s in skips}) == len(skips)
    for target in range(len(rows)):
        truth = smallest(target, rows, rests)
        reason = next((s.reason for s in skips if s.key == str(target)), None)
        if rows[target].state == "ungraspable":
            assert reason == "ungraspable"
        elif not truth:
            assert reason == "no_movable_order"
        elif truth == [()]:
            assert target not in found and reason is None
        else:
            plan = found[target]
            assert carried_out(target, plan.order, rows, rests)
            assert sorted([tuple(sorted(plan.order)), *plan.alternatives]) == truth
            assert len(plan.reasons) == len(plan.order)


@given(scenes(), st.sets(st.integers(0, 4)))
def test_moving_more_away_never_makes_an_object_harder_to_take(
    scene: tuple[list[InstanceGrasps], np.ndarray], gone: set[int]
) -> None:
    rows, rests = scene
    for i in range(len(rows)):
        for extra in range(len(rows)):
            assert movable(i, frozenset(gone), rows, rests) <= movable(i, frozenset(gone | {extra}), rows, rests)


def test_what_rests_on_a_free_target_moves_first() -> None:
    found, skips = rearrangements([FREE, FREE, FREE], on(3, (1, 0), (2, 1)))
    assert found[0].order == (2, 1)
    assert found[0].reasons == ("rests_on_target", "rests_on_target")
    assert found[1].order == (2,)
    assert 2 not in found and not skips


def test_a_blocker_is_bared_before_it_moves() -> None:
    found, _ = rearrangements([blocked((1,)), FREE, FREE], on(3, (2, 1)))
    assert found[0].order == (2, 1)
    assert found[0].reasons == ("rests_on_blocker", "blocks_grasp")


def test_a_blocker_that_is_itself_blocked() -> None:
    found, _ = rearrangements([blocked((1,)), blocked((2,)), FREE], on(3))
    assert found[0].order == (2, 1)
    assert found[0].reasons == ("blocks_blocker", "blocks_grasp")


def test_the_movable_set_wins_and_equals_are_told() -> None:
    scene = [blocked((1,), (2,), (3,)), NEVER, FREE, FREE]
    plan = rearrange(0, scene, on(4))
    assert plan.order == (2,) and plan.alternatives == ((3,),)  # type: ignore[union-attr]
    assert rearrangements(scene, on(4))[1] == [("1", "rearrangement", "ungraspable")]


def test_two_that_block_each_other_cannot_be_sorted_out() -> None:
    found, skips = rearrangements([blocked((1,)), blocked((0,))], on(2))
    assert not found and {s.reason for s in skips} == {"no_movable_order"}


def test_transitive_is_closed_and_reflects_nobody() -> None:
    closed = transitive(on(4, (3, 2), (2, 1), (1, 0)))
    assert closed[3, 0] and closed[2, 0] and not closed[0, 3]
    assert (transitive(closed) == closed).all() and not closed.diagonal().any()
