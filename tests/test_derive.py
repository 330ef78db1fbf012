"""Priors survive the way to disk and back, and a layout without a world has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scenes import blocked, lifted, priors_of, table_scene

from bopask.nouns import Detour, Layout, Skip
from bopask.priors import derive
from bopask.priors.grasps.gripper import load_gripper


@given(st.integers(0, 1000), st.integers(2, 6))
def test_noun_to_bytes_to_noun(seed, n):
    models, layout = table_scene(seed, n=n, cameras=1)
    rng = np.random.default_rng(seed)
    stands = np.tril(rng.random((n, n)) < 0.3, -1)
    paths = [lifted(layout, models, i, j) for i in range(n) for j in range(n) if i != j and rng.random() < 0.5]
    others = tuple(Detour(path.points[::2].copy(), 0.01, rng.random(), "left") for path in paths[:2])
    paths = [replace(path, alternatives=others, way="over") for path in paths]
    priors = priors_of(layout, paths, [blocked(0, 1)], stands)
    priors = replace(priors, skips=(Skip("000000-0/0-1", "path", "no_path"),))
    data = derive.dump(priors)
    back = derive.load(data)
    assert derive.dump(back) == data
    assert back.skips == priors.skips
    assert back.rearrangements == dict(priors.rearrangements)
    assert np.array_equal(back.stands_on, stands)
    assert set(back.paths) == set(priors.paths)
    for ends, path in back.paths.items():
        assert np.array_equal(path.points, priors.paths[ends].points)
        assert path.way == "over"
        for a, b in zip(path.alternatives, others, strict=True):
            assert np.array_equal(a.points, b.points)
            assert (a.clearance, a.length, a.way) == (b.clearance, b.length, b.way)
    for a, b in zip(back.grasps, priors.grasps, strict=True):
        assert np.array_equal(a.T_obj_grasp, b.T_obj_grasp)
        assert a.blocker_sets == b.blocker_sets


def test_without_a_world_there_are_no_priors():
    models, layout = table_scene(0)
    lost = Layout(layout.arrangement, None)
    priors, _ = derive.derive(lost, models, {}, load_gripper(), 0, ("grasp", "trajectory", "rearrangement"))
    assert not priors.paths
    assert not priors.rearrangements
    assert {grasps.state for grasps in priors.grasps} == {"unknown"}


def test_only_what_the_tasks_need_is_computed():
    models, layout = table_scene(0, n=2)
    priors, _ = derive.derive(layout, models, {}, load_gripper(), 0, ("pose", "depth"))
    assert not priors.paths
    assert {grasps.state for grasps in priors.grasps} == {"unknown"}
    key = [derive.key_for(layout, models, {}, load_gripper(), seed, ("pose",)) for seed in (0, 0, 1)]
    assert key[0] == key[1] != key[2]
