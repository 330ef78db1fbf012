"""Grasps among neighbours: what is free, blocked and by whom is held against coal, which did not decide it."""

from __future__ import annotations

from functools import cache

import coal
import numpy as np
import pytest
from arranged import Z, arranged, at, block, moved, real, tilted, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from bopask.bop.folder import open_bop
from bopask.geometry.se3 import angle_of, rotation_about, se3
from bopask.nouns import GraspSet, Layout
from bopask.priors.contacts import rests_on
from bopask.priors.grasps import sets
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.hold import Sampler
from bopask.priors.grasps.in_scene import InScene, Scene, instance_grasps, minimal_sets, shortlist
from bopask.priors.grasps.sampler import load_or_sample, sample_grasps

GRIPPER = load_gripper()
SAMPLER = Sampler(surface=4_000, starts=2_000, pairs=1_500, hands=2_000, most=400)
CONFIG = InScene(sampler=SAMPLER, few=0)
"""`few=0`: the dense set alone, so that an independent count of it is the whole truth."""
LEVEL = InScene(sampler=SAMPLER, level_most=400)
"""For thin things, of which the small dense set holds too few."""
SLACK = 1e-5
"""Nearer to contact than this (m) the two libraries may differ: undecided."""
SEEDS = st.integers(0, 2**32 - 1)

CUBE = block(1, 0.04, 0.04, 0.04)
FLAT = block(2, 0.10, 0.06, 0.012)
BIG = block(3, 0.12, 0.12, 0.12)
SLAB = block(4, 0.30, 0.30, 0.03)
WALL = block(5, 0.02, 0.12, 0.10)
NO_GRASP = sets.joined([])


@cache
def dense_set(obj_id: int) -> GraspSet:
    return sample_grasps({1: CUBE, 2: FLAT, 3: BIG}[obj_id], GRIPPER, 0, SAMPLER)


def solve(layout, models, on=(), config=CONFIG):
    dense = {int(o): dense_set(int(o)) if o <= 3 else NO_GRASP for o in layout.obj_ids}
    return instance_grasps(layout, models, dense, GRIPPER, pairs(len(layout.obj_ids), on), config)


def pairs(n, on):
    rests = np.zeros((n, n), bool)
    for i, j in on:
        rests[i, j] = True
    return rests


def boxed_in(gap: float, height: float = 0.10, sides: int = 4, thick: float = 0.02, wide: float = 0.12):
    """The cube with a wall `gap` (m) from each of its sides."""
    wall = block(5, thick, wide, height)
    turns = np.pi / 2 * np.arange(sides)
    middle = 0.02 + gap + thick / 2
    around = [(wall, at(middle * np.cos(a), middle * np.sin(a), height / 2, a)) for a in turns]
    return arranged((CUBE, at(0, 0, 0.02)), *around)


def random_table(seed: int):
    """The cube among 2 to 6 boxes near it, none of them in it; some stand, some hang over it."""
    rng = np.random.default_rng(seed)
    things = [(CUBE, at(0, 0, 0.02, rng.uniform(-3, 3)))]
    for k in range(rng.integers(2, 7)):
        size = rng.uniform([0.002, 0.02, 0.02], [0.04, 0.10, 0.15])
        hangs = rng.random() < 0.2
        away, bearing = rng.uniform(0.03, 0.07) + size[0] / 2, rng.uniform(-np.pi, np.pi)
        z = size[2] / 2 + hangs * rng.uniform(0.10, 0.22)
        things.append((block(10 + k, *size), at(away * np.cos(bearing), away * np.sin(bearing), z, bearing)))
    return arranged(*things)


def without(layout: Layout, models, gone):
    kept = [k for k in range(len(layout.obj_ids)) if k not in gone]
    return arranged(*((models[int(layout.obj_ids[k])], layout.T_world_obj[k]) for k in kept))


class Coal:
    """The gripper moved step by step through a layout: fingers open down the last 6 cm, then closing.

    Open 1 cm off each contact, or all the way.
    """

    def __init__(self, layout, models, i, grow: float, wide: bool = False) -> None:
        T = layout.T_world_obj
        self.bodies = [
            (tree(models[int(o)]), coal.Transform3s(t[:3, :3], t[:3, 3]))
            for o, t in zip(layout.obj_ids, T, strict=True)
        ]
        lowest = (models[int(layout.obj_ids[i])].mesh.vertices @ T[i, 2, :3]).min() + T[i, 2, 3]
        floor = min(max(lowest, -0.010), 0.0) - 0.002
        self.bodies.append((coal.Halfspace(Z, floor), coal.Transform3s.Identity()))
        self.i, self.T, self.request = i, T[i], coal.CollisionRequest()
        self.ajar = GRIPPER.stroke if wide else 0.02
        self.hand = [(coal.Box(*(b[1] - b[0] + 2 * grow)), b.mean(0)) for b in GRIPPER.hand]
        self.finger = [(coal.Box(*(b[1] - b[0] + 2 * grow)), b.mean(0)) for b in GRIPPER.finger]

    def placed(self, T, opening, hand):
        """Boxes of the gripper whose frame is T in the world, with their places."""
        shift = np.array([opening / 2, 0, 0])
        parts = [(box, c) for box, c in self.hand if hand]
        parts += [(box, (c + shift) * [side, 1, 1]) for box, c in self.finger for side in (1, -1)]
        return [(box, coal.Transform3s(T[:3, :3], T[:3, :3] @ c + T[:3, 3])) for box, c in parts]

    def sweep(self, T_obj_grasp, width):
        """Approach, then closing."""
        T, opening = self.T @ T_obj_grasp, min(width + self.ajar, GRIPPER.stroke)
        back = [T @ at(0, 0, -s) for s in np.linspace(0, 0.06, 13)]
        approach = [part for pose in back for part in self.placed(pose, opening, True)]
        return approach, [part for o in np.linspace(opening, width, 11) for part in self.placed(T, o, False)]

    def hits(self, grasps: GraspSet, known: np.ndarray | bool = False) -> np.ndarray:
        """[g, N + 1]: the bodies that the gripper meets; column i is the object itself (approach only), N the table.

        What is `known` to hit is not tried again.
        """
        found = np.zeros((len(grasps.width), len(self.bodies)), bool) | known
        for g in np.flatnonzero(~found.all(1)):
            approach, closing = self.sweep(grasps.T_obj_grasp[g], grasps.width[g])
            for j in np.flatnonzero(~found[g]):
                parts = approach if j == self.i else approach + closing
                found[g, j] = any(
                    coal.collide(*p, *self.bodies[j], self.request, coal.CollisionResult()) for p in parts
                )
        return found


class Truth:
    """What coal says of one instance: `sure` hits with boxes SLACK smaller, `maybe` hits with boxes SLACK larger."""

    def __init__(self, layout, models, i, grasps: GraspSet, on=()) -> None:
        n = len(layout.obj_ids)
        under = [n, *(j for _, j in on)]
        others = [j for j in range(n) if j not in (i, *under)]
        grasps = sets.take(grasps, (layout.T_world_obj[i] @ grasps.T_obj_grasp)[:, 2, 2] <= 1e-9)
        shrunk, grown = (Coal(layout, models, i, grow) for grow in (-SLACK, SLACK))
        first = shrunk.hits(grasps, ~np.isin(np.arange(n + 1), under))
        grasps = sets.take(grasps, ~first[:, under].any(1))  # the others are out of the question: no need to go on
        sure = shrunk.hits(grasps)
        maybe = grown.hits(grasps, sure)
        self.surely_alone, self.maybe_alone = ~maybe[:, under].any(1), ~sure[:, under].any(1)
        self.sure = [set(np.flatnonzero(row[:n])) & set(others) for row in sure]
        self.maybe = [set(np.flatnonzero(row[:n])) & set(others) for row in maybe]
        self.undecided = (sure != maybe)[:, [*others, *under]].sum()
        assert not sure[:, i].any()

    def surely_free(self, gone=()) -> int:
        return sum(a and hit <= set(gone) for a, hit in zip(self.surely_alone, self.maybe, strict=True))

    def maybe_free(self, gone=()) -> int:
        return sum(a and hit <= set(gone) for a, hit in zip(self.maybe_alone, self.sure, strict=True))


def confirm(layout, models, i, found, grasps, on=()) -> int:
    """Holds one instance's answer against coal. Returns how many of its blocker sets stay undecided."""
    truth = Truth(layout, models, i, grasps, on)
    assert truth.undecided <= 0.01 * len(grasps.width)
    assert truth.surely_alone.sum() <= found.n_alone <= truth.maybe_alone.sum()
    assert truth.surely_free() <= found.n_free <= truth.maybe_free()
    assert found.state == ("ungraspable" if found.n_alone < 10 else "free" if found.n_free else "blocked")
    undecided = 0
    for blockers in found.blocker_sets:
        assert truth.maybe_free(blockers)
        undecided += not truth.surely_free(blockers)
        for back in blockers:
            assert not truth.surely_free(set(blockers) - {back})
    if found.state == "blocked":  # and there are no other ways: whatever lets a grasp through holds a named set
        rows = [m for m, alone in zip(truth.maybe, truth.surely_alone, strict=True) if alone]
        assert all(any(set(s) <= row for s in found.blocker_sets) for row in rows)
    confirm_best(layout, models, i, found)
    return undecided


def confirm_best(layout, models, i, found) -> None:
    """The short list: hit-free under coal, above the support, from above, no two alike."""
    k = len(found.width)
    assert (k > 0) == (found.state == "free")
    assert k <= 5
    best = sets.grasp_set(found.T_obj_grasp, found.width, np.zeros(k))
    assert not Coal(layout, models, i, -SLACK).hits(best).any()
    assert ((layout.T_world_obj[i] @ best.T_obj_grasp)[:, 2, 2] <= 1e-9).all()
    assert np.isfinite(found.quality).all()


# --- the checker is worth something ---


def test_the_sweeps_of_the_checker_meet_what_stands_in_the_way():
    depth = np.array([0.1034])
    down = sets.grasp_set(sets.at(np.diag([1.0, -1.0, -1.0])[None], np.zeros((1, 3)), depth), np.array([0.04]), depth)
    pin = block(9, 0.002, 0.002, 0.002)

    def met(x, y, z):
        layout, models = arranged((CUBE, at(0, 0, 0.02)), (pin, at(x, y, z)))
        return Coal(layout, models, 0, 0.0).hits(down)[0].tolist()

    clear = [False, False, False]
    assert met(0.10, 0, 0.02) == clear
    assert met(0.035, 0, 0.02) == [False, True, False]  # where an open finger stands
    assert met(0.0225, 0, 0.0145) == [False, True, False]  # where it closes
    assert met(0.0225, 0, 0.0285) == [False, True, False]
    assert met(0.0225, 0.0125, 0.02) == clear  # beside it
    assert met(0.10, 0, 0.15) == [False, True, False]  # in the hand's way, in its place and before
    assert met(0.10, 0, 0.20) == [False, True, False]
    assert met(0.10, 0, 0.22) == clear  # more than 6 cm before
    sunk, models = arranged((CUBE, at(0, 0, 0.0085)))
    assert Coal(sunk, models, 0, 0.0).hits(down)[0].tolist() == [False, False]
    low = sets.grasp_set(down.T_obj_grasp @ at(0, 0, 0.0135), down.width, down.depth)
    assert Coal(*arranged((CUBE, at(0, 0, 0.02))), 0, 0.0).hits(low)[0].tolist() == [False, True]


# --- constructed layouts ---


def test_a_cube_with_room_around_it_is_free():
    layout, models = arranged((CUBE, at(0, 0, 0.02)), (WALL, at(0.30, 0, 0.05)))
    cube, wall = solve(layout, models)
    assert cube.state == "free"
    assert cube.n_alone == cube.n_free > 80
    assert len(cube.width) == 5
    assert wall.state == "ungraspable"
    assert (wall.n_dense, wall.n_alone, len(wall.width), wall.blocker_sets) == (0, 0, 0, ())
    confirm(layout, models, 0, cube, dense_set(1))


@pytest.mark.parametrize(
    "yard",
    [
        boxed_in(0.010),
        boxed_in(0.012, height=0.06),
        boxed_in(0.008, sides=3),
        # a sleeve: thin enough for the open fingers to go down outside it; it is in the way as they close
        boxed_in(0.003, height=0.04, thick=0.002, wide=0.036),
    ],
    ids=["tall", "low", "three", "sleeve"],
)
def test_a_cube_boxed_in_is_blocked_by_just_these_walls(yard):
    layout, models = yard
    cube = solve(layout, models)[0]
    assert cube.state == "blocked"
    assert cube.blocker_sets
    assert len(cube.width) == cube.n_free == 0
    assert confirm(layout, models, 0, cube, dense_set(1)) == 0
    for blockers in cube.blocker_sets:
        assert solve(*without(layout, models, blockers))[0].state == "free"
        for back in blockers:
            assert solve(*without(layout, models, set(blockers) - {back}))[0].state == "blocked"


def test_the_walls_of_a_wide_yard_block_nothing():
    layout, models = boxed_in(0.12, 0.03)
    cube = solve(layout, models)[0]
    assert cube.state == "free"
    confirm(layout, models, 0, cube, dense_set(1))


@given(SEEDS)
@settings(max_examples=10)
def test_random_tables_agree_with_coal(seed):
    layout, models = random_table(seed)
    cube = solve(layout, models)[0]
    assert confirm(layout, models, 0, cube, dense_set(1)) <= 1


def test_the_random_tables_are_free_and_blocked_by_one_and_by_several():
    cubes = [solve(*random_table(seed))[0] for seed in range(30)]
    assert {c.state for c in cubes} == {"free", "blocked"}
    assert {len(s) for c in cubes for s in c.blocker_sets} >= {1, 2}


def test_a_roof_blocks_the_way_down():
    """Over the cube, as far as the hand's last 6 cm reach back and no further."""
    roof = block(7, 0.5, 0.5, 0.002)

    def under(height):
        layout, models = arranged((CUBE, at(0, 0, 0.02)), (roof, at(0, 0, height + 0.001)))
        cube = solve(layout, models)[0]
        confirm(layout, models, 0, cube, dense_set(1))
        return cube

    highest = 0.04 + 0.1122 + 0.026 + 0.06  # fingertips level with the top, the hand's back, the approach
    frees = [under(h).n_free for h in (0.045, 0.12, 0.18, 0.20, highest)]
    assert frees == sorted(frees)
    assert frees[0] == 0
    assert frees[-1] == solve(*arranged((CUBE, at(0, 0, 0.02))))[0].n_free > frees[-2]
    assert under(0.045).blocker_sets == ((1,),)


def test_what_it_stands_on_is_support_and_never_a_blocker():
    layout, models = arranged((CUBE, at(0, 0, 0.05)), (SLAB, at(0, 0, 0.015)), (WALL, at(0.05, 0, 0.08)))
    on = ((0, 1), (2, 1))
    standing = solve(layout, models, on)[0]
    confirm(layout, models, 0, standing, dense_set(1), on[:1])
    assert all(1 not in s for s in standing.blocker_sets)
    table, _ = arranged((CUBE, at(0, 0, 0.02)), (WALL, at(0.05, 0, 0.05)))
    assert solve(table, models)[0].state == standing.state


def test_what_is_below_what_it_stands_on_is_support_too():
    plate = block(6, 0.06, 0.06, 0.002)
    layout, models = arranged((CUBE, at(0, 0, 0.052)), (plate, at(0, 0, 0.031)), (SLAB, at(0, 0, 0.015)))
    held = solve(layout, models, ((0, 1), (1, 2)))[0]
    assert held.state == "free"
    assert held.n_alone < solve(*arranged((CUBE, at(0, 0, 0.052))))[0].n_alone  # of a cube in the air
    assert held.n_alone == held.n_free


def test_too_wide_for_the_gripper_is_ungraspable():
    (big,) = solve(*arranged((BIG, at(0, 0, 0.06))))
    assert (big.state, big.n_alone, len(big.width)) == ("ungraspable", 0, 0)


@given(st.floats(0.0, 0.009), st.floats(-3, 3))
@settings(max_examples=6)
def test_sinking_into_the_support_costs_no_grasp(depth, yaw):
    """Ground truth sinks objects by up to 5 mm, which would cost a thin one all its grasps."""
    above, models = arranged((FLAT, at(0, 0, 0.006, yaw)))
    sunk, _ = arranged((FLAT, at(0, 0, 0.006 - depth, yaw)))
    (a,), (b,) = solve(above, models, config=LEVEL), solve(sunk, models, config=LEVEL)
    assert a.state == "free"
    assert (b.state, b.n_alone, b.n_free) == ("free", a.n_alone, a.n_free)
    assert np.array_equal(a.T_obj_grasp, b.T_obj_grasp)
    confirm_best(sunk, models, 0, b)


def test_sinking_deeper_than_ground_truth_errs_costs_grasps():
    counts = [solve(*arranged((CUBE, at(0, 0, 0.02 - d))))[0].n_alone for d in (0.0, 0.010, 0.015, 0.025, 0.05)]
    assert counts[0] == counts[1] > counts[2] > counts[3] > counts[4] == 0


def test_level_grasps_are_added_where_the_support_leaves_few():
    layout, models = arranged((FLAT, at(0, 0, 0.006)), (WALL, at(0.12, 0, 0.05)))
    few, many = (solve(layout, models, config=c)[0] for c in (CONFIG, LEVEL))
    assert many.n_alone > few.n_alone
    assert many.n_dense == few.n_dense
    scene = Scene([FLAT, WALL], layout.T_world_obj, GRIPPER, LEVEL)
    possible = scene.possible(0, dense_set(2), np.zeros(2, bool))
    assert (np.diff(possible.quality) <= 0).all()
    confirm(layout, models, 0, many, possible)


def test_a_long_thing_whose_middle_is_crowded_is_taken_by_its_free_end():
    """The dense set may lie round the middle: before it is called blocked, level grasps all along it are tried."""
    rod = block(8, 0.16, 0.03, 0.03)
    everywhere = sample_grasps(rod, GRIPPER, 0, SAMPLER)
    middle = sets.take(everywhere, np.abs(sets.middle(everywhere)[:, 0]) < 0.02)
    dense = {8: middle, 5: NO_GRASP}
    walls = [(WALL, at(0, y, 0.05, np.pi / 2)) for y in (0.035, -0.035)]

    def state(few: int) -> str:
        layout, models = arranged((rod, at(0, 0, 0.015)), *walls)
        config = InScene(sampler=SAMPLER, few=few, level_most=400)
        return instance_grasps(layout, models, dense, GRIPPER, pairs(3, ()), config)[0].state

    assert len(middle.width) >= 20
    assert state(few=0) == "blocked"
    assert state(few=20) == "free"


def test_a_lying_object_is_seen_as_it_lies():
    """The flat box on its edge, leaning over by a little."""
    layout, models = arranged((FLAT, tilted(0, 0, 0.0495, 1.5)), (WALL, at(-0.09, 0, 0.05)))
    flat = solve(layout, models)[0]
    confirm(layout, models, 0, flat, dense_set(2))


# --- laws ---


@given(SEEDS)
@settings(max_examples=12)
def test_taking_a_neighbour_away_never_blocks(seed):
    layout, models = random_table(seed)
    cube = solve(layout, models)[0]
    for k in range(1, len(layout.obj_ids)):
        fewer = solve(*without(layout, models, {k}))[0]
        assert fewer.n_alone == cube.n_alone
        assert fewer.n_free >= cube.n_free
        assert not (cube.state == "free" and fewer.state != "free")
        if cube.state == "blocked":
            assert (fewer.state == "free") == ((k,) in cube.blocker_sets)


@given(SEEDS)
@settings(max_examples=8)
def test_moving_the_world_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    layout, models = random_table(seed)
    elsewhere = moved(layout, se3(rotation_about(Z, rng.uniform(-3, 3)), np.array([*rng.uniform(-2, 2, 2), 0.0])))
    for a, b in zip(solve(layout, models), solve(elsewhere, models), strict=True):
        assert (a.state, a.n_alone, a.n_free, a.blocker_sets) == (b.state, b.n_alone, b.n_free, b.blocker_sets)
        assert np.array_equal(a.T_obj_grasp, b.T_obj_grasp)


@given(SEEDS)
@settings(max_examples=6)
def test_the_order_of_the_objects_changes_nothing_but_their_numbers(seed):
    layout, models = random_table(seed)
    order = np.random.default_rng(seed).permutation(len(layout.obj_ids))
    shuffled, _ = arranged(*((models[int(layout.obj_ids[k])], layout.T_world_obj[k]) for k in order))
    a, b = solve(layout, models)[0], solve(shuffled, models)[int(np.flatnonzero(order == 0)[0])]
    assert (a.state, a.n_alone, a.n_free) == (b.state, b.n_alone, b.n_free)
    assert set(a.blocker_sets) == {tuple(sorted(order[list(s)].tolist())) for s in b.blocker_sets}


@given(SEEDS)
def test_minimal_sets_are_the_rows_that_hold_no_other(seed):
    rng = np.random.default_rng(seed)
    hits = rng.random((rng.integers(0, 30), rng.integers(1, 7))) < rng.choice([0.2, 0.5, 0.8])
    found = minimal_sets(hits)
    rows = [frozenset(np.flatnonzero(h).tolist()) for h in hits]
    assert {frozenset(s) for s in found} == {r for r in rows if not any(other < r for other in rows)}
    assert list(found) == sorted(set(found), key=lambda s: (len(s), s))


@given(SEEDS)
def test_the_short_list_holds_the_best_and_no_two_alike(seed):
    rng = np.random.default_rng(seed)
    grasps = sets.take(dense_set(1), np.sort(rng.choice(len(dense_set(1).width), rng.integers(1, 60), False)))
    roomy = rng.random(len(grasps.width)) < rng.choice([0.0, 0.2, 1.0])
    rows = shortlist(grasps, roomy, CONFIG)
    assert rows[0] == (roomy.argmax() if roomy.any() else 0)
    assert list(roomy[rows]) == sorted(roomy[rows], reverse=True)
    middle, R = sets.middle(grasps), grasps.T_obj_grasp[:, :3, :3]

    def alike(a, b):
        turns = [R[a].T @ R[b] @ rotation_about(Z, half) for half in (0.0, np.pi)]
        return np.linalg.norm(middle[a] - middle[b]) <= 0.02 and min(map(angle_of, turns)) <= np.radians(30)

    assert not any(alike(a, b) for a in rows for b in rows if a < b)
    left = [g for g in range(len(grasps.width)) if not any(alike(g, k) for k in rows)]
    assert len(rows) == 5 or not left


def test_free_with_the_gripper_wide_open_comes_first():
    """Two kerbs that some hands clear only with their fingers ajar."""
    kerb = block(5, 0.02, 0.12, 0.03)
    layout, models = arranged((CUBE, at(0, 0, 0.02)), (kerb, at(0.068, 0, 0.015)), (kerb, at(-0.068, 0, 0.015)))
    cube = solve(layout, models)[0]
    assert cube.state == "free"
    best = sets.grasp_set(cube.T_obj_grasp, cube.width, np.zeros(len(cube.width)))
    roomy = ~Coal(layout, models, 0, SLACK, wide=True).hits(best).any(1)
    assert set(roomy) == {True, False}
    assert list(roomy) == sorted(roomy, reverse=True)


# --- real data ---


@pytest.fixture(scope="module")
def real_table(ycbv_mini, tmp_path_factory):
    models, layout = open_bop(ycbv_mini).models(), real(ycbv_mini)[0]
    dense = load_or_sample(models, layout.obj_ids, GRIPPER, 0, tmp_path_factory.mktemp("grasps"), SAMPLER)
    return layout, models, dense


def test_the_best_grasps_of_a_real_table_hit_nothing(real_table):
    layout, models, dense = real_table
    found = instance_grasps(layout, models, dense, GRIPPER, rests_on(layout, models), LEVEL)
    assert [g.n_dense for g in found] == [len(dense[int(o)].width) for o in layout.obj_ids]
    assert {g.state for g in found} == {"free"}  # as a look at the picture says
    for i, g in enumerate(found):
        confirm_best(layout, models, i, g)


def test_real_objects_pushed_together_are_blocked_by_whom_coal_says(real_table):
    layout, models, dense = real_table
    T, ids = layout.T_world_obj, layout.obj_ids
    pushed = T.copy()
    pushed[:, :2, 3] += 0.7 * (T[:, :2, 3].mean(0) - T[:, :2, 3])
    crowd, _ = arranged(*((models[int(o)], t) for o, t in zip(ids, pushed, strict=True)))
    nothing = np.zeros((len(ids), len(ids)), bool)
    found = instance_grasps(crowd, models, dense, GRIPPER, nothing, CONFIG)
    assert {g.state for g in found} == {"free", "blocked"}
    for i, (o, g) in enumerate(zip(ids, found, strict=True)):
        assert confirm(crowd, models, i, g, dense[int(o)]) == 0
