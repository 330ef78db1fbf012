"""Trajectories: every path is proved again with coal, a collision library that did not make it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import coal
import fcl
import numpy as np
import pytest
import trimesh
from arranged import Z, arranged, at, block, hits, moved, real, tilted, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import block_of, priors_of
from scipy.spatial import ConvexHull

from bopask.ask import trajectory
from bopask.ask.asked import Asked
from bopask.bop.folder import open_bop
from bopask.geometry.box import Box
from bopask.geometry.curve import after, at_arc_length, densify, length
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import inverse, rotation_about, se3, transform
from bopask.nouns import Arrangement, Camera, Frame, FrameKey, Layout, Model, Symmetry, World
from bopask.priors import collision
from bopask.priors.apart import swept_distance
from bopask.priors.carry import Carried, Scene
from bopask.priors.contacts import Overlap, place, rests_on
from bopask.priors.crossing import PathConfig
from bopask.priors.paths import base_point, plan_paths
from bopask.priors.planner import few_waypoints, rrt_connect, shortcut
from bopask.priors.surface import surface
from bopask.priors.tree import tree as boxed
from bopask.priors.ways import differ, way

BRICK = block(1, 0.10, 0.06, 0.04)
POST = block(2, 0.04, 0.04, 0.10)
WALL = block(3, 0.02, 0.30, 0.20)
CUBE = block(4, 0.04, 0.04, 0.04)


def walled():
    """A brick and a post with a wall between them, no two of their distances round: a place at just the margin is free
    or not by the last bit."""
    return arranged((BRICK, at(-0.15, 0, 0.0205, 0.4)), (POST, at(0.1517, 0.0213, 0.0508)), (WALL, at(0, 0, 0.10061)))


def bell(obj_id: int, inside: float, roof: float) -> Model:
    """A cube-shaped hollow, open below, walls 1 cm and roof `roof` (m) thick; its frame at the middle of the hollow."""
    half, middle = inside / 2, inside / 2 + 0.005
    parts = [
        (block(0, 0.01, inside + 0.02, inside), (middle, 0, 0)),
        (block(0, 0.01, inside + 0.02, inside), (-middle, 0, 0)),
        (block(0, inside, 0.01, inside), (0, middle, 0)),
        (block(0, inside, 0.01, inside), (0, -middle, 0)),
        (block(0, inside + 0.02, inside + 0.02, roof), (0, 0, half + roof / 2)),
    ]
    vertices = np.concatenate([m.mesh.vertices + np.array(t) for m, t in parts])
    faces = np.concatenate([m.mesh.faces + 8 * k for k, (m, _) in enumerate(parts)])
    box = Box(at(0, 0, roof / 2), np.array([inside + 0.02, inside + 0.02, inside + roof]))
    return Model(obj_id, Mesh(vertices, faces.astype(np.int32)), box, Symmetry(), f"bell {inside} {roof}")


def ico(obj_id: int, *radii: float) -> Model:
    """An ellipsoid of 320 triangles."""
    ball = trimesh.creation.icosphere(subdivisions=2)
    mesh = Mesh(np.asarray(ball.vertices) * radii, np.asarray(ball.faces, np.int32))
    return Model(obj_id, mesh, Box(np.eye(4), 2 * np.array(radii)), Symmetry(), f"ico {radii}")


def plan(layout, models, on=None, seed=0, config=None):
    n = len(layout.obj_ids)
    return plan_paths(layout, models, np.zeros((n, n), bool) if on is None else on, seed, config)


def reasons(skips):
    return {s.key.split("/")[1]: s.reason for s in skips}


def check(layout, models, path):
    """What every path must be, whatever the scene."""
    T, source, target = layout.T_world_obj, path.source, path.target
    of_source, of_target = models[int(layout.obj_ids[source])], models[int(layout.obj_ids[target])]
    base = base_point(of_source, T[source])
    seen = transform(T[target], of_target.mesh.vertices)
    for told in (path, *path.alternatives):
        assert hits(layout, models, replace(path, points=told.points)) == []
        assert np.allclose(told.points[0], base, atol=1e-12)
        assert np.array_equal(told.points[-1], path.points[-1])
        assert told.length == pytest.approx(length(told.points))
        assert path.length <= told.length <= 1.8 * path.length
        assert told.clearance > 0
        assert 2 <= len(told.points) <= 12
    assert path.points[-1, 2] >= seen[:, 2].max() + 0.01 - 1e-9
    assert (ConvexHull(seen[:, :2]).equations @ [*path.points[-1, :2], 1.0]).max() < 1e-9  # over it
    ways = [path.way, *(other.way for other in path.alternatives)]
    assert len(set(ways)) == len(ways) and set(ways) <= {"straight", "over", "under", "left", "right"}
    assert ways == ["straight"] or "straight" not in ways


def distances(layout, models, path, points, body):
    """By coal, of the carried object to another at each of these places of its base point."""
    T, trees = layout.T_world_obj, [tree(models[int(o)]) for o in layout.obj_ids]
    there = trees[body], coal.Transform3s(T[body, :3, :3], T[body, :3, 3])
    for offset in points - path.points[0]:
        here = trees[path.source], coal.Transform3s(T[path.source, :3, :3], T[path.source, :3, 3] + offset)
        yield coal.distance(*here, *there, coal.DistanceRequest(), coal.DistanceResult())


def test_the_wall_is_passed_over_or_around_and_never_through():
    layout, models = walled()
    paths, skips = plan(layout, models)
    assert set(paths) == {(i, j) for i in range(3) for j in range(3) if i != j} and not skips
    for path in paths.values():
        check(layout, models, path)
    straight = np.linalg.norm(np.ptp(paths[0, 1].points[[0, -1]], axis=0))
    assert paths[0, 1].length > 1.1 * straight
    assert len(paths[0, 1].points) > 3


def test_clearance_is_the_smallest_distance_by_coal():
    """Never less than what is stated, however finely it is sampled, and no more than sampling explains."""
    for layout, models in (
        walled(),
        arranged((POST, at(0, 0, 0.051)), (BRICK, at(0.077, 0, 0.021)), (CUBE, at(0.3, 0, 0.02))),
    ):
        paths, _ = plan(layout, models)
        for path in paths.values():
            low = transform(layout.T_world_obj[path.source], models[int(layout.obj_ids[path.source])].mesh.vertices)
            for told in (path, *path.alternatives):
                places = densify(told.points, 2e-4)
                gaps = [
                    low[:, 2].min() + (after(told.points, 0.02) - told.points[0])[:, 2].min()
                ]  # then the support is left
                others = set(range(len(layout.obj_ids))) - {path.source}
                gaps += [min(distances(layout, models, path, places, body)) for body in others]
                assert told.clearance - 1e-6 <= min(gaps) <= told.clearance + 2e-5


def test_what_a_motion_sweeps_is_as_near_as_its_nearest_instant():
    """Of turned, sloping meshes, not of boxes alone."""
    rng = np.random.default_rng(0)
    for k in range(12):
        things = [
            (ico(20 + j, *rng.uniform(0.02, 0.06, 3)), tilted(0.2 * j, 0.02, 0.2, rng.uniform(0, 3))) for j in (0, 1)
        ]
        layout, models = arranged(*things, key=f"sweep-{k}")
        ends = rng.uniform(-0.15, 0.15, (2, 3)) + [0.08, 0, 0]
        carried = Carried(Scene(layout, models), 0)
        if not carried.free_along(ends, 1e-3):
            continue
        sampled = min(carried.distance(p, 1) for p in densify(ends, 1e-4))
        least = min(sampled, min(carried.low[2] + ends[:, 2]))
        assert carried.clearance(ends, 0.0, 0.0) == pytest.approx(least, abs=2e-5)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["any", "along an edge", "flat"]))
@settings(max_examples=200, deadline=None)
def test_what_edges_sweep_is_as_far_from_triangles_as_fcl_says(seed, how):
    rng = np.random.default_rng(seed)
    starts, triangles = rng.normal(size=(rng.integers(1, 6), 2, 3)), rng.normal(size=(rng.integers(1, 40), 3, 3))
    triangles = triangles * rng.choice([0.2, 1.0]) + rng.normal(size=3) * rng.choice([0.0, 2.0])
    motion = rng.normal(size=3) * 10 ** rng.uniform(-2, 0)
    if how == "along an edge":
        motion = (starts[0, 1] - starts[0, 0]) * rng.normal()
    if how == "flat":
        starts[..., 2], motion[2] = 0.0, 0.0
    quads = 4 * np.arange(len(starts))[:, None, None] + np.array([[0, 1, 3], [0, 3, 2]])
    swept = collision.tree(np.concatenate([starts, starts + motion], 1).reshape(-1, 3), quads.reshape(-1, 3))
    others = collision.tree(triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3))
    a, b = fcl.CollisionObject(swept), fcl.CollisionObject(others)
    met = fcl.collide(a, b, fcl.CollisionRequest(), fcl.CollisionResult())
    far = 0.0 if met else fcl.distance(a, b, fcl.DistanceRequest(), fcl.DistanceResult())
    assert swept_distance(starts, motion, *boxed(triangles), np.inf) == pytest.approx(far, abs=1e-7)
    assert swept_distance(starts, motion, *boxed(triangles), far / 2) == far / 2  # what is known to be nearer stays


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_a_motion_is_free_where_all_of_its_places_are(seed):
    """Also inside the roof of a bell, where surfaces are far apart: to lie within is asked at one end alone."""
    rng = np.random.default_rng(seed)
    roof = bell(9, 0.10, 0.30), at(0, 0, 0.0501)
    layout, models = arranged((block(1, 0.02, 0.02, 0.02), at(0, 0, 0.3)), roof, (POST, at(0.2, 0, 0.06)))
    scene = Scene(layout, models)
    carried = Carried(scene, 0)
    for _ in range(8):
        points = np.cumsum(rng.normal(size=(3, 3)) * 0.05, 0) + rng.choice([[0, 0, 0], [0.2, 0, 0], [0, 0, -0.24]])
        for margin, step in ((0.0, 0.002), (0.003, 0.003)):
            free = Carried(scene, 0).free(densify(points, step), margin)
            assert carried.free_along(points, step, margin) == free
            assert carried.free_along(points[::-1], step, margin) == free


def test_from_board_to_board_of_a_deep_shelf_there_is_a_way_round_its_front():
    board, back = block(11, 0.30, 0.40, 0.01), block(12, 0.01, 0.40, 0.60)
    side = block(13, 0.30, 0.01, 0.60)
    things = [(board, at(0, 0, z)) for z in (0.006, 0.206, 0.406, 0.606)]
    things += [(back, at(-0.156, 0, 0.301)), (side, at(0, 0.206, 0.301)), (side, at(0, -0.206, 0.301))]
    layout, models = arranged((CUBE, at(-0.1, 0, 0.0312)), (CUBE, at(-0.1, 0, 0.2312)), *things)
    paths, _ = plan(layout, models, rests_on(layout, models))
    for pair in ((0, 1), (1, 0)):
        check(layout, models, paths[pair])
        assert np.ptp(paths[pair].points[:, 0]) > 0.2  # from near the back to before the front


def test_of_a_layout_without_objects_there_is_nothing_to_plan():
    layout, models = arranged((CUBE, at(0, 0, 0.03)))
    of = layout.arrangement
    none = Layout(replace(of, obj_ids=of.obj_ids[:0], T_ref_obj=of.T_ref_obj[:0]), layout.world)
    assert plan_paths(none, models, np.zeros((0, 0), bool), 0) == ({}, [])


def test_over_and_around_are_different_answers():
    layout, models = walled()
    path = plan(layout, models)[0][1, 0]
    assert {path.way, *(other.way for other in path.alternatives)} == {"over", "left", "right"}
    check(layout, models, path)
    for a, b in combinations((path, *path.alternatives), 2):
        fine_a, fine_b = densify(a.points, 0.01), densify(b.points, 0.01)
        aside = [min(np.linalg.norm(fine_b - p, axis=1)) for p in fine_a]
        aside += [min(np.linalg.norm(fine_a - p, axis=1)) for p in fine_b]
        assert max(aside) > 0.06
        share = np.linspace(0.15, 1, 80)  # past the opening move, which they share
        on_a, on_b = at_arc_length(a.points, share * a.length), at_arc_length(b.points, share * b.length)
        blends = [(1 - m) * on_a + m * on_b for m in np.linspace(0, 1, 15)]
        assert min(min(distances(layout, models, path, blend, 2)) for blend in blends) <= 0
    side = {other.way: other.points for other in (path, *path.alternatives)}
    assert side["left"][:, 1].min() < -0.15 and side["right"][:, 1].max() > 0.15  # it is carried towards -x
    assert side["over"][:, 2].max() > 0.2 > side["left"][:, 2].max()


def test_where_nothing_is_in_the_way_there_is_one_answer():
    layout, models = arranged((CUBE, at(0, 0, 0.02)), (BRICK, at(0.3, 0, 0.02)))
    for path in plan(layout, models)[0].values():
        assert path.alternatives == ()


@given(st.lists(st.tuples(*[st.floats(-0.3, 0.3)] * 3), min_size=1, max_size=5), st.floats(0.05, 0.5))
@settings(max_examples=30)
def test_a_way_mirrored_is_the_other_way_and_differs_only_around_something(places, far):
    route = np.array([[0, 0, 0], *places, [far, 0, 0]])
    mirrored = route * [1, -1, 1]
    other = {"left": "right", "right": "left"}
    assert way(mirrored) == other.get(way(route), way(route))
    assert not differ(route, route, lambda p: False, 0.06)
    assert not differ(route, mirrored, lambda p: True, 0.06)
    assert differ(route, mirrored, lambda p: False, 0.06) == differ(mirrored, route, lambda p: False, 0.06)


def test_equal_bytes_in_any_order_and_in_another_process():
    layout, models = walled()
    first, _ = plan(layout, models)
    plan(*arranged((CUBE, at(0, 0, 0.03)), (WALL, at(0.1, 0, 0.11)), (POST, at(0.2, 0, 0.06))), seed=5)
    again, _ = plan(layout, models)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_paths import plan, walled; "
        "paths, _ = plan(*walled()); print(''.join(paths[k].points.tobytes().hex() for k in [(2, 1), (0, 1)]))"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True, check=True
    )
    assert all(first[k].points.tobytes() == again[k].points.tobytes() for k in first)
    assert elsewhere.stdout.strip() == "".join(first[k].points.tobytes().hex() for k in [(2, 1), (0, 1)])


@pytest.mark.parametrize(("yaw", "x", "y"), [(0.3, 0.0, 0.0), (2.0, -1.0, 0.5), (-np.pi / 2, 0.1, 0.2)])
def test_a_turned_world_turns_the_paths(yaw, x, y):
    layout, models = walled()
    T = se3(rotation_about(Z, yaw), np.array([x, y, 0.0]))
    paths, _ = plan(layout, models)
    turned, _ = plan(moved(layout, T), models)
    for k, path in paths.items():
        assert turned[k].points == pytest.approx(transform(T, path.points), abs=1e-6)
        assert turned[k].clearance == pytest.approx(path.clearance, abs=1e-6)
        for a, b in zip(turned[k].alternatives, path.alternatives, strict=True):
            assert a.points == pytest.approx(transform(T, b.points), abs=1e-6)
            assert a.way == b.way


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=6)
def test_paths_among_scattered_blocks_are_free(seed):
    rng = np.random.default_rng(seed)
    things = []
    for k, spot in enumerate(rng.permutation(9)[:5]):
        size = rng.uniform(0.03, 0.09, 3)
        sunk = rng.uniform(-0.004, 0.004)
        xy = 0.13 * np.array(divmod(int(spot), 3)) + rng.uniform(-0.01, 0.01, 2)
        things.append((block(10 + k, *size), at(*xy, size[2] / 2 - sunk, rng.uniform(0, 3))))
    layout, models = arranged(*things)
    paths, skips = plan(layout, models, rests_on(layout, models), seed)
    assert len(paths) + len(skips) == 20 and len(paths) >= 16
    for path in paths.values():
        check(layout, models, path)


def test_what_carries_another_stays_and_its_load_can_go():
    layout, models = arranged((BRICK, at(0, 0, 0.02)), (CUBE, at(0.01, 0, 0.06)), (POST, at(0.2, 0, 0.05)))
    paths, skips = plan(layout, models, rests_on(layout, models))
    assert reasons(skips) == {"0-1": "carries_another", "0-2": "carries_another"}
    assert set(paths) == {(1, 0), (1, 2), (2, 0), (2, 1)}
    for path in paths.values():
        check(layout, models, path)


@pytest.mark.parametrize("sunk", [0.003, 0.005])
def test_a_contact_at_the_start_only_opens_and_is_recorded(sunk):
    """A cube sunk into the brick under it: straight up. A post pressed into the brick's side: tilted away."""
    stacked = arranged((BRICK, at(0, 0, 0.02)), (CUBE, at(0, 0, 0.06 - sunk)), (POST, at(0.3, 0, 0.05)))
    beside = arranged((POST, at(0, 0, 0.05)), (BRICK, at(0.07 - sunk, 0, 0.05)), (CUBE, at(0.3, 0, 0.02)))
    for (layout, models), source, upright in ((stacked, 1, True), (beside, 0, False)):
        paths, _ = plan(layout, models)
        path = paths[source, 2]
        check(layout, models, path)
        contact = next(c for c in path.contacts if c["with"] == 1 - source)
        assert contact["depth_m"] == pytest.approx(sunk, abs=2e-4)
        assert sunk - 1e-9 <= contact["opened_after_m"] <= 0.04
        move = densify(path.points[:2], 0.001) - path.points[0]
        assert (np.linalg.norm(move[-1, :2]) < 1e-9) == upright
        a, b = (place(layout, models)[k] for k in (source, 1 - source))
        depths = [Overlap.of(a, b, 0.05).depth(m) for m in move[move[:, 2] < 0.04]]
        assert (np.diff(np.minimum.accumulate(depths)) <= 0).all() and np.max(np.diff(depths)) <= 2.1e-4
        assert depths[-1] == 0


def test_a_contact_that_cannot_open_is_a_skip():
    """Pressed from above, with nobody saying that it rests there."""
    layout, models = arranged((BRICK, at(0, 0, 0.02)), (WALL, at(0, 0, 0.138)), (CUBE, at(0.3, 0, 0.02)))
    paths, skips = plan(layout, models)
    assert reasons(skips) == {"0-1": "start_in_contact", "0-2": "start_in_contact"}
    assert (1, 0) in paths


def test_under_a_bell_nothing_gets_out_or_in():
    inside, roof = 0.10, 0.30
    things = [
        (CUBE, at(0, 0, 0.0201)),
        (bell(9, inside, roof), at(0, 0, inside / 2 + 0.0001)),
        (POST, at(0.4, 0, 0.06)),
    ]
    layout, models = arranged(*things)
    _, skips = plan(layout, models)
    found = reasons(skips)
    assert found["2-0"] == "goal_blocked"  # no place above the cube within the limit
    assert found["0-2"] == "out_of_budget"  # there is room to lift it, but no way out
    low = [(CUBE, at(0, 0, 0.0201)), (bell(8, 0.045, 0.01), at(0, 0, 0.0225 + 0.0001)), (POST, at(0.4, 0, 0.06))]
    layout, models = arranged(*low)
    _, skips = plan(layout, models)
    assert reasons(skips)["0-2"] == "start_enclosed"


def test_a_load_on_the_target_raises_the_goal():
    layout, models = arranged((CUBE, at(0, 0, 0.02)), (POST, at(0.2, 0, 0.05)), (BRICK, at(0.2, 0, 0.12)))
    paths, _ = plan(layout, models, rests_on(layout, models))
    check(layout, models, paths[0, 1])
    assert paths[0, 1].points[-1, 2] >= 0.15 - 1e-6  # over the brick that stands on the post


def test_a_lower_place_over_the_target_is_found_beside_what_is_in_the_way():
    """A tower stands close to one half of the brick: it is held over the other half, low, not over the tower."""
    tower = block(7, 0.02, 0.06, 0.2)
    things = (CUBE, at(0.3, 0.2, 0.02)), (block(8, 0.16, 0.06, 0.04), at(0, 0, 0.02)), (tower, at(0.0, 0.065, 0.1))
    layout, models = arranged(*things)
    path = plan(layout, models)[0][0, 1]
    check(layout, models, path)
    assert path.points[-1, 2] < 0.06


def test_integers_of_the_evidence_are_rows_of_each_frame():
    layout, models = arranged((BRICK, at(0, 0, 0.02)), (CUBE, at(0, 0, 0.058)), (POST, at(0.3, 0, 0.05)))
    path = plan(layout, models)[0][1, 2]
    assert path.contacts[0]["with"] == 0
    T_cam = tilted(-0.1, 0, 0.6, np.pi * 0.9)
    T_cam_obj, K = inverse(T_cam) @ layout.T_world_obj, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
    orders = [np.array(o) for o in ([0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 0, 1])]
    frames = tuple(
        Frame(FrameKey(0, k), Camera(K, 640, 480), layout.obj_ids[o], T_cam_obj[o], np.ones(3))
        for k, o in enumerate(orders)
    )
    slots = np.stack([np.argsort(o) for o in orders])
    arrangement = Arrangement("t-0", frames, slots, layout.obj_ids, T_cam_obj, np.tile(np.eye(4), (4, 1, 1)))
    seen = Layout(arrangement, World(T_cam, "truth", 1.0))
    asked = [a for a in trajectory.ask(block_of(seen, models, priors_of(seen, [path]))) if isinstance(a, Asked)]
    assert sum(len(a) for a in asked) == 4
    told = asked[0].evidence(np.arange(len(asked[0]))).to_pylist()
    for frame, text in zip(asked[0].frame, told, strict=True):
        evidence = json.loads(text + "}")
        assert frames[frame].obj_ids[evidence["start_contacts"][0]["with"]] == BRICK.obj_id
        assert evidence["waypoints_m"] == np.round(path.points, 6).tolist()
        assert [a["way"] for a in evidence["alternatives"]] == [a.way for a in path.alternatives]


def test_no_world_no_paths():
    layout, models = walled()
    paths, skips = plan(Layout(layout.arrangement, None), models)
    assert not paths and {s.reason for s in skips} == {"no_world"} and len(skips) == 6


def test_the_base_point_is_the_middle_of_the_face_that_looks_down():
    assert base_point(BRICK, at(1, 2, 0.02, 0.7)) == pytest.approx([1, 2, 0], abs=1e-6)
    on_its_side = se3(rotation_about(np.array([1.0, 0, 0]), np.pi / 2), np.array([0, 0, 0.03]))
    assert base_point(BRICK, on_its_side) == pytest.approx([0, 0, 0], abs=1e-6)


def test_the_base_point_lies_on_the_object_also_where_its_box_is_empty_below():
    ell = Mesh(  # two bars at a right angle: the box's centre has nothing under it
        np.concatenate(
            [BRICK.mesh.vertices * [4, 0.2, 1] + [0, 0.1, 0], BRICK.mesh.vertices * [0.2, 4, 1] + [0.1, 0, 0]]
        ),
        np.concatenate([BRICK.mesh.faces, BRICK.mesh.faces + len(BRICK.mesh.vertices)]),
    )
    low, high = ell.vertices.min(0), ell.vertices.max(0)
    box = Box(se3(np.eye(3), (low + high) / 2), high - low)
    model = Model(9, ell, box, BRICK.symmetry, "ell")
    base = base_point(model, at(0.3, 0.1, 0.0, 0.4))
    distance, _ = surface(model).signed_distance(transform(inverse(at(0.3, 0.1, 0.0, 0.4)), base[None]))
    assert abs(distance[0]) < 1e-6
    assert base[2] == pytest.approx(low[2], abs=1e-6)


def test_rrt_connect_goes_round_a_wall_inside_its_bounds_or_says_no():
    bounds = np.array([[-0.2, -0.3, 0.0], [0.6, 0.3, 0.3]])

    def free(points):
        x, y, _ = densify(points, 0.005).T
        return not ((abs(x - 0.2) < 0.02) & (y > -0.2)).any()

    goal = np.array([0.4, 0.0, 0.0])
    options = {"reach": 0.08, "iterations": 500}
    route = rrt_connect(goal, bounds, free, 3, **options)
    assert route is not None and free(route)
    assert np.array_equal(route[0], np.zeros(3)) and np.array_equal(route[-1], goal)
    assert (route >= bounds[0]).all() and (route <= bounds[1]).all()
    assert np.array_equal(route, rrt_connect(goal, bounds, free, 3, **options))
    shorter = shortcut(route, free, 0.02)
    assert free(shorter) and length(shorter) <= length(route) and np.array_equal(shorter[[0, -1]], route[[0, -1]])
    assert rrt_connect(goal, bounds, lambda p: free(p) and (densify(p, 0.005)[:, 1] > -0.2).all(), 3, **options) is None


def test_few_waypoints_never_cuts_into_what_is_in_the_way():
    arc = np.array([[0, 0, 0], [0.1, 0.004, 0], [0.2, 0.0045, 0], [0.3, 0.004, 0], [0.4, 0, 0]])

    def free(points):
        x, y, _ = densify(points, 0.001).T
        return not ((abs(x - 0.2) < 0.05) & (y < 0.002)).any()

    few = few_waypoints(arc, free, 0.005)
    assert free(few) and 2 < len(few) < 5


def test_real_scenes(ycbv_mini):
    """All pairs of four real scenes whose ground truth sinks up to 11 mm into the table and 9 mm into neighbours."""
    models = open_bop(ycbv_mini).models()
    solved = 0
    for layout in real(ycbv_mini):
        paths, skips = plan(layout, models, rests_on(layout, models))
        assert {s.reason for s in skips} <= {"carries_another"}
        solved += len(paths)
        for path in paths.values():
            check(layout, models, path)
            assert len(path.points) <= 7
            assert path.length < 2 * np.linalg.norm(path.points[-1] - path.points[0])
    assert solved == 55  # of 60: the wood block of scene 2 carries others


def test_the_config_is_its_own_record():
    assert repr(PathConfig()) == repr(PathConfig()) and "epsilon=0.005" in repr(PathConfig())
