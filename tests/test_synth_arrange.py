"""Layouts come to rest where they were meant to, apart from one another; what cannot be is refused with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="settling needs the extra 'synth'")

import coal
from furniture import block, shelf_unit, storage_bin
from household import shapes
from hypothesis import given, settings
from hypothesis import strategies as st

from bopask.arrays import Array
from bopask.errors import BopaskError
from bopask.geometry.mesh import Mesh, signed_volume
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import rotation_about, se3, transform
from bopask.rng import rng_for
from bopask.synth.arrange import ARRANGEMENTS, arrange, draw, settled
from bopask.synth.overlap import deepest, depth, moved
from bopask.synth.places import floors, gaps, land, outline
from bopask.synth.put import Refused
from bopask.synth.settle import settle
from bopask.synth.solids import hull_of, solid_of, within

BIN, UNIT = 101, 102
SHAPES = shapes() | {BIN: storage_bin(), UNIT: shelf_unit()}
FURNITURE = {"bin": BIN, "shelf": UNIT}
CUBE = block(0.04, 0.04, 0.04)
seeds = st.integers(0, 2**32 - 1)


def by_coal(points: Array) -> coal.ConvexBase:
    vector = coal.StdVec_Vec3s()
    vector.extend(points)
    return coal.ConvexBase.convexHull(vector, True, "Qt")


def random_turn(rng: np.random.Generator) -> Array:
    return rotation_about(rng.normal(size=3), rng.uniform(0, np.pi))


@given(seeds)
def test_depth_is_that_of_another_library(seed: int) -> None:
    """Both signs: coal's signed distance is minus the depth; apart, the separating axes only say so."""
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=(rng.integers(4, 24), 3)) * 0.03 for _ in range(2))
    T = se3(random_turn(rng), rng.normal(size=3) * 0.03)
    request = coal.DistanceRequest()
    request.enable_signed_distance = True
    pose = coal.Transform3s(T[:3, :3], T[:3, 3])
    truth = -coal.distance(by_coal(a), coal.Transform3s(), by_coal(b), pose, request, coal.DistanceResult())
    found = depth(hull_of(a), moved(hull_of(b), T))
    assert found == pytest.approx(truth, abs=2e-5) if truth > 0 else found <= 2e-5


@pytest.mark.parametrize(("up", "deep"), [(0.039, 0.001), (0.0401, 0.0), (0.03, 0.01)])
def test_two_cubes_are_as_deep_as_they_were_put(up: float, deep: float) -> None:
    poses = se3(np.eye(3), np.array([[0, 0, 0.02], [0, 0, 0.02 + up]]))
    assert deepest([CUBE, CUBE], poses) == pytest.approx(deep, abs=1e-9)
    assert deepest([CUBE], se3(np.eye(3), np.array([[0, 0, 0.017]]))) == pytest.approx(0.003)


def test_a_solid_is_the_mesh_it_came_from() -> None:
    for shape in SHAPES.values():
        solid = solid_of(shape)
        assert sum(h.volume for h in solid.hulls) == pytest.approx(signed_volume(shape.mesh), rel=3e-3)
        assert len(solid.whole.vertices) - len(solid.whole.edges) + len(solid.whole.normals) == 2  # Euler
        assert sum(way.chance for way in solid.lies) == pytest.approx(1)


def test_ways_to_lie_are_those_of_a_box() -> None:
    box = block(0.02, 0.06, 0.10)
    ways = solid_of(box).lies
    assert len(ways) == 6
    tall = [w for w in ways if abs(w.R_world_obj[2, 2]) > 0.9]
    assert len(tall) == 2 and (tall[0].R_world_obj == np.eye(3)).any()
    assert all(w.tip == pytest.approx(np.arctan(0.01 / 0.05)) for w in tall)
    assert sum(w.chance for w in tall) < 0.1
    sides = [abs(w.R_world_obj[2]).argmax() for w in ways]
    assert sides[:2] == [0, 0]  # it likes best to lie on its largest face


@given(seeds)
@settings(max_examples=20)
def test_every_way_to_lie_is_one_in_which_it_stays(seed: int) -> None:
    """Statics: the centre of mass is over the face it lies on."""
    rng = np.random.default_rng(seed)
    shape = list(SHAPES.values())[rng.integers(len(SHAPES))]
    solid = solid_of(shape)
    way = solid.lies[rng.integers(len(solid.lies))]
    points = solid.whole.vertices @ way.R_world_obj.T
    foot = points[points[:, 2] < points[:, 2].min() + 1e-4, :2]
    assert within(foot, (way.R_world_obj @ solid.center)[None, :2])[0]


def test_outlines_know_their_gap() -> None:
    square = outline(CUBE, np.eye(3))
    found = gaps(square, square, np.array([[0.05, 0.0], [0.03, 0.0], [0.0, -0.1]]))
    np.testing.assert_allclose(found, [0.01, -0.01, 0.06], atol=1e-9)


def test_floors_are_where_things_can_stand() -> None:
    (bottom,) = floors(storage_bin(0.3, 0.2, 0.12, 0.005))
    assert bottom.z == pytest.approx(-0.055, abs=1e-3) and np.isinf(bottom.headroom)
    np.testing.assert_allclose(bottom.high - bottom.low, [0.29, 0.19], atol=0.009)
    boards = floors(shelf_unit())
    assert [round(b.z + 0.28, 3) for b in boards] == [0.016, 0.286, 0.56]
    assert boards[0].headroom == pytest.approx(0.254, abs=1e-3) and np.isinf(boards[2].headroom)
    assert floors(CUBE) == []


def test_things_are_let_down_onto_what_is_below() -> None:
    below = RayScene([CUBE.mesh], se3(np.eye(3), np.array([[0.1, 0, 0.02]])))
    on_cube, on_table = (land(CUBE, np.eye(3), np.array([x, 0.0]), below) for x in (0.11, 0.0))
    assert on_cube.z == pytest.approx(0.06, abs=1e-6) and set(on_cube.on) == {0}
    assert on_table.z == pytest.approx(0.02, abs=1e-6) and set(on_table.on) == {-1}


@pytest.mark.parametrize("kind", ARRANGEMENTS)
def test_a_layout_is_at_rest_apart_and_where_it_was_meant_to_be(kind: str) -> None:
    ids = [3, 4, 5, 11, 12]
    outcome, _ = draw(kind, SHAPES, ids, furniture=FURNITURE.get(kind), clutter=0.7, seed=3, key=kind)
    here = [SHAPES[i] for i in outcome.setting.obj_ids]
    rest = outcome.rest
    assert sorted(i for i in outcome.setting.obj_ids if i < 100) == ids
    assert rest.drift < 1e-3 and rest.turn < np.radians(0.5) and outcome.penetration < 5e-4
    still = settle(here, rest.T_world_obj, fixed=int(outcome.setting.furniture), max_seconds=1)
    assert still.drift < 1e-3 and still.turn < np.radians(0.5)
    low = [transform(T, s.mesh.vertices)[:, 2].min() for s, T in zip(here, rest.T_world_obj, strict=True)]
    assert min(low) > -1e-4
    on_things = rest.stands_on.any(1)
    if kind == "stack":
        assert on_things.any() and max(low) > 0.01
    if kind in FURNITURE:
        assert outcome.setting.obj_ids[0] == FURNITURE[kind] and on_things[1:].all()
    if kind == "table":
        assert not on_things.any() and max(low) < 1e-3


@pytest.mark.parametrize("kind", ARRANGEMENTS)
def test_a_layout_is_a_function_of_seed_and_key(kind: str) -> None:
    def poses(key: str) -> Array:
        rng = rng_for(0, "test", key)
        return arrange(kind, SHAPES, [2, 4, 5, 12], furniture=FURNITURE.get(kind), rng=rng).T_world_obj

    np.testing.assert_array_equal(poses("a"), poses("a"))
    assert not np.allclose(poses("a"), poses("b"))


@given(seeds, st.sampled_from(sorted(ARRANGEMENTS)), st.floats(0, 1))
@settings(max_examples=10)
def test_nothing_is_let_go_inside_anything(seed: int, kind: str, clutter: float) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.choice([3, 4, 5, 6, 8, 9, 11], 6)
    try:
        setting = arrange(kind, SHAPES, ids, furniture=FURNITURE.get(kind), clutter=clutter, rng=rng)
    except Refused:
        return
    assert deepest([SHAPES[i] for i in setting.obj_ids], setting.T_world_obj) < 1e-9


def test_clutter_walls_a_low_thing_in() -> None:
    """Towards 1, some low thing has taller ones within 13 mm on most sides; at 0 nothing is nearer than 29 mm."""
    walled, nearest = [], []
    for seed in range(6):
        for clutter, told in ((1.0, walled), (0.0, nearest)):
            rng = np.random.default_rng(seed)
            setting = arrange("table", SHAPES, [3, 3, 4, 6, 7, 10, 11, 12], clutter=clutter, rng=rng)
            told.append(_neighbours(setting.obj_ids, setting.T_world_obj))
    assert np.mean([max(near) >= 3 for near, _ in walled]) > 0.8
    assert min(gap for _, gap in nearest) > 0.029


def _neighbours(ids: tuple[int, ...], T: Array) -> tuple[list[int], float]:
    """How many taller things each has within 13 mm of its outline, and the smallest gap of all."""
    drawn = [outline(SHAPES[i], t[:3, :3]).at(t[:2, 3]) for i, t in zip(ids, T, strict=True)]
    top = [transform(t, SHAPES[i].mesh.vertices)[:, 2].max() for i, t in zip(ids, T, strict=True)]
    n = len(ids)
    gap = np.array([[gaps(a, b, np.zeros((1, 2)))[0] if a is not b else 1.0 for b in drawn] for a in drawn])
    return [sum(gap[i, j] < 0.013 and top[j] > top[i] + 0.01 for j in range(n)) for i in range(n)], float(gap.min())


def test_a_thing_that_falls_over_or_out_is_told() -> None:
    can = SHAPES[3]
    setting = arrange("stack", SHAPES, [3, 4, 5], clutter=0.0, rng=np.random.default_rng(1))
    k = setting.obj_ids.index(3)
    poses = setting.T_world_obj.copy()
    poses[k] = se3(rotation_about(np.array([0, 1.0, 0]), 0.6), np.array([0.3, 0.3, 0.12]))
    assert settled(replace(setting, T_world_obj=poses), SHAPES).reason == "toppled"
    poses[k] = se3(np.eye(3), np.array([2.0, 0, np.ptp(can.mesh.vertices[:, 2]) / 2]))
    assert settled(replace(setting, T_world_obj=poses), SHAPES).reason == "fell_off"
    full = arrange("bin", SHAPES, [4, 12], furniture=BIN, rng=np.random.default_rng(1))
    poses = full.T_world_obj.copy()
    poses[1, :3, 3] = [0.4, 0.3, 0.1]
    assert settled(replace(full, T_world_obj=poses), SHAPES).reason == "left_bin"


def test_what_cannot_be_is_refused_in_a_bounded_number_of_tries() -> None:
    with pytest.raises(BopaskError, match=r"30 objects: no bin layout with 'storage bin' in 2 draws \(no_room 2\)"):
        draw("bin", SHAPES, [11] * 30, furniture=BIN, seed=0, key=0, tries=2)
    with pytest.raises(BopaskError, match="no_room 2"):
        draw("shelf", SHAPES | {1: block(0.3, 0.3, 0.5)}, [1], furniture=UNIT, seed=0, key=0, tries=2)
    with pytest.raises(BopaskError, match="nothing_stacks 2"):
        draw("stack", SHAPES, [5], seed=0, key=0, tries=2)
    with pytest.raises(BopaskError, match="no arrangement 'heap'"):
        arrange("heap", SHAPES, [1], rng=np.random.default_rng(0))
    with pytest.raises(BopaskError, match="needs the obj_id"):
        arrange("bin", SHAPES, [1], rng=np.random.default_rng(0))
    with pytest.raises(BopaskError, match="cannot be a bin"):
        arrange("bin", SHAPES | {7: CUBE}, [1], furniture=7, rng=np.random.default_rng(0))


def test_mesh_and_parts_of_furniture_agree() -> None:
    for shape in (SHAPES[BIN], SHAPES[UNIT]):
        merged = Mesh(shape.mesh.vertices, shape.mesh.faces)
        assert signed_volume(merged) == pytest.approx(sum(hull_of(p).volume for p in shape.parts))
