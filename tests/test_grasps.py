"""Grasps hold, hands hit nothing, blocked means blocked. Checked with trimesh (points) and coal (meshes), not FCL."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import coal
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from bopask.bop.folder import open_bop
from bopask.errors import InputError
from bopask.geometry import se3
from bopask.geometry.box import Box
from bopask.geometry.mesh import Mesh
from bopask.nouns import Arrangement, GraspSet, Layout, Model, Symmetry, World
from bopask.priors.grasps import sampler, sets
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.hold import Sampler
from bopask.priors.grasps.in_scene import InScene, instance_grasps, minimal_sets, shortlist, swept_boxes
from bopask.priors.grasps.sampler import load_or_sample, sample_grasps
from bopask.priors.grasps.touch import touches

PANDA = load_gripper()
SMALL = Sampler(surface=6_000, starts=1_500, pairs=1_500, hands=2_500, most=700)
SCENE = InScene(sampler=SMALL, level_most=800)
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def model(shape: trimesh.Trimesh, obj_id: int = 1, symmetry: Symmetry | None = None) -> Model:
    mesh = Mesh(np.array(shape.vertices, float), np.array(shape.faces, np.int32))
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    box = Box(se3.se3(np.eye(3), (low + high) / 2), high - low)
    sha = hashlib.sha256(mesh.vertices.tobytes() + mesh.faces.tobytes()).hexdigest()
    return Model(obj_id, mesh, box, symmetry or Symmetry(), sha)


def block(*size: float, obj_id: int = 1) -> Model:
    return model(trimesh.creation.box(size).subdivide().subdivide(), obj_id)


CARTON = block(0.04, 0.06, 0.12)
ROUND = Symmetry(axes=np.array([[0.0, 0.0, 1.0]]), offsets=np.zeros((1, 3)))
TIN = model(trimesh.creation.cylinder(0.03, 0.1, sections=64), 2, ROUND)


@pytest.fixture(scope="module")
def held() -> dict[str, tuple[Model, GraspSet]]:
    return {name: (m, dense_of(m)) for name, m in {"carton": CARTON, "tin": TIN}.items()}


def layout(models: list[Model], *T_world_obj: np.ndarray, T: np.ndarray | None = None) -> Layout:
    """Objects placed in the world; `T` moves the frame they are given in, not the world."""
    T = np.eye(4) if T is None else T
    poses = np.stack(T_world_obj)
    ids = np.array([m.obj_id for m in models])
    arrangement = Arrangement(
        "test", (), np.zeros((0, len(ids)), int), ids, se3.inverse(T) @ poses, np.zeros((0, 4, 4))
    )
    return Layout(arrangement, World(T, "test", 1.0))


def at(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray:
    return se3.se3(se3.rotation_about(np.array([0.0, 0.0, 1.0]), yaw), np.array([x, y, z]))


_DENSE: dict[str, GraspSet] = {}


def dense_of(m: Model) -> GraspSet:
    if m.sha256 not in _DENSE:
        _DENSE[m.sha256] = sample_grasps(m, PANDA, 0, SMALL)
    return _DENSE[m.sha256]


def states(
    models: list[Model], *T_world_obj: np.ndarray, rests: Any = None, config: InScene = SCENE, **more: Any
) -> tuple[Any, ...]:
    dense = {m.obj_id: dense_of(m) for m in models}
    rests = np.zeros((len(models),) * 2, bool) if rests is None else rests
    by_id = {m.obj_id: m for m in models}
    return instance_grasps(layout(models, *T_world_obj, **more), by_id, dense, PANDA, rests, config)


# ---- independent checks


def coal_mesh(m: Model) -> Any:
    bvh = coal.BVHModelOBBRSS()
    bvh.beginModel(len(m.mesh.faces), len(m.mesh.vertices))
    bvh.addVertices(m.mesh.vertices)
    bvh.addTriangles(m.mesh.faces.astype(np.int64))
    bvh.endModel()
    return bvh


def coal_hits(bvh: Any, T_obj_grasp: np.ndarray, boxes: np.ndarray) -> bool:
    for low, high in boxes:
        place = coal.Transform3s(T_obj_grasp[:3, :3], T_obj_grasp[:3, :3] @ ((low + high) / 2) + T_obj_grasp[:3, 3])
        result = coal.CollisionResult()
        if coal.collide(coal.Box(*(high - low)), place, bvh, coal.Transform3s(), coal.CollisionRequest(), result):
            return True
    return False


def contacts(grasps: GraspSet) -> np.ndarray:
    """(g, 2, 3): where the fingers meet the object, +x first."""
    half = grasps.width / 2
    local = np.stack([np.stack([s * half, 0 * half, grasps.depth], -1) for s in (1, -1)], 1)
    return se3.transform(grasps.T_obj_grasp, local)


def assert_contacts_hold(m: Model, grasps: GraspSet, slack: float = 1e-6) -> None:
    """Every contact has a face within `slack` (m) of it whose normal lies within the friction cone."""
    triangles = m.mesh.triangles
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    proper = np.linalg.norm(normals, axis=1) > 1e-14
    triangles, normals = triangles[proper], trimesh.util.unitize(normals[proper])
    for T, points in zip(grasps.T_obj_grasp, contacts(grasps), strict=True):
        for sign, p in zip((1, -1), points, strict=True):
            near = trimesh.triangles.closest_point(triangles, np.tile(p, (len(triangles), 1)))
            touched = np.linalg.norm(near - p, axis=1) < slack
            assert (sign * normals[touched] @ T[:3, 0] >= 1 / np.hypot(1, SMALL.friction) - 1e-3).any()


# ---- the gripper


def test_the_gripper_is_the_panda_of_the_data() -> None:
    assert PANDA.stroke == 0.08 and PANDA.contact_depth == 0.1034
    boxes = PANDA.boxes(0.05)
    assert boxes.shape == (6, 2, 3) and (boxes[:, 0] < boxes[:, 1]).all()
    assert boxes[2, 0, 0] == pytest.approx(0.025)  # the +x finger's inner face
    np.testing.assert_allclose(boxes[4:, ::-1, 0], -boxes[2:4, :, 0])  # and its mirror image
    centre, plus, minus, tip_plus, tip_minus = PANDA.label_points()
    np.testing.assert_allclose(centre, (plus + minus) / 2)
    np.testing.assert_allclose(plus, [0.0527, 0, 0.059])
    np.testing.assert_allclose(tip_plus, [0.0527, 0, 0.1053])
    np.testing.assert_allclose(tip_minus, [-0.0527, 0, 0.1053])


def test_a_gripper_from_a_file(tmp_path: Path) -> None:
    raw = json.loads((Path(sampler.__file__).parents[2] / "data/grippers/panda.json").read_text())
    own = tmp_path / "own.json"
    own.write_text(json.dumps(raw | {"stroke": 0.1}))
    assert load_gripper(own).fingerprint != PANDA.fingerprint
    own_bad = tmp_path / "bad.json"
    for bad in (raw | {"hand": [[0, 0]]}, {k: v for k, v in raw.items() if k != "label"}, raw | {"stroke": "wide"}):
        own_bad.write_text(json.dumps(bad))
        load_gripper.cache_clear()
        with pytest.raises(InputError, match=r"bad\.json"):
            load_gripper(own_bad)
    with pytest.raises(InputError, match="nosuch"):
        load_gripper("nosuch")


@given(st.floats(0.002, 0.076), st.floats(0.002, 0.02), st.integers(0, 2**31))
def test_a_wider_opening_sweeps_all_that_a_narrower_one_sweeps(width: float, ajar: float, seed: int) -> None:
    """Why 'blocked', decided with the fingers ajar, holds at any wider opening."""
    w = np.array([width])
    narrow = swept_boxes(PANDA, np.minimum(w + 2 * ajar, PANDA.stroke), w, 0.06)[0]
    wide = swept_boxes(PANDA, np.array([PANDA.stroke]), w, 0.06)[0]
    rng = np.random.default_rng(seed)
    low, high = np.moveaxis(narrow[rng.integers(len(narrow), size=200)], 1, 0)
    points = low + rng.random((200, 3)) * (high - low)
    inside = ((points[:, None] >= wide[:, 0] - 1e-9) & (points[:, None] <= wide[:, 1] + 1e-9)).all(-1).any(1)
    assert inside.all()


# ---- the sampler


@pytest.mark.parametrize("name", ["carton", "tin"])
def test_contacts_lie_on_the_surface_within_the_friction_cone(held: Any, name: str) -> None:
    m, grasps = held[name]
    assert len(grasps.width) > 300
    assert_contacts_hold(m, sets.take(grasps, np.arange(0, len(grasps.width), 5)))


@pytest.mark.parametrize("name", ["carton", "tin"])
def test_no_part_of_the_hand_enters_the_object_on_its_way(held: Any, name: str) -> None:
    m, grasps = held[name]
    bvh = coal_mesh(m)
    for g in range(0, len(grasps.width), 3):
        ajar = PANDA.boxes(SMALL.opening(grasps.width[g], PANDA))
        for back in (0.0, 0.03, 0.06, 0.1):
            T = grasps.T_obj_grasp[g].copy()
            T[:3, 3] -= back * T[:3, 2]
            assert not coal_hits(bvh, T, ajar)


def test_a_set_is_sorted_repeats_and_follows_its_seed(held: Any) -> None:
    m, grasps = held["carton"]
    assert (np.diff(grasps.quality) <= 0).all()
    again, other = sample_grasps(m, PANDA, 0, SMALL), sample_grasps(m, PANDA, 1, SMALL)
    for name in ("T_obj_grasp", "width", "depth", "quality"):
        np.testing.assert_array_equal(getattr(again, name), getattr(grasps, name))
    assert not np.array_equal(other.width, grasps.width)


def test_widths_are_those_of_the_shape_at_every_scale() -> None:
    """A cube is held across its faces: at its size, or at nothing once it is wider than the stroke."""
    for size in (0.02, 0.04, 0.07):
        width = sample_grasps(block(size, size, size), PANDA, 0, SMALL).width
        assert len(width) > 100 and width.min() > size - 1e-6 and np.median(width) < 1.1 * size
    for size in (0.077, 0.1, 0.3):
        assert len(sample_grasps(block(size, size, size), PANDA, 0, SMALL).width) == 0


def test_a_symmetric_object_is_held_from_all_sides(held: Any) -> None:
    _, grasps = held["tin"]
    approach = grasps.T_obj_grasp[:, :3, 2]
    sideways = np.abs(approach[:, 2]) < 0.5
    heading = np.degrees(np.arctan2(approach[sideways, 1], approach[sideways, 0]))
    assert (np.histogram(heading, bins=16, range=(-180, 180))[0] > 0).all()


def test_the_half_turn_that_swaps_the_fingers_changes_nothing(held: Any) -> None:
    m, grasps = held["carton"]
    turned = sets.grasp_set(grasps.T_obj_grasp @ FLIP, grasps.width, grasps.depth, grasps.quality)
    models, T = [m, block(0.05, 0.05, 0.2, obj_id=7)], (at(0, 0, 0.06), at(0.07, 0, 0.1))
    by_id, rests = {x.obj_id: x for x in models}, np.zeros((2, 2), bool)
    empty = sets.joined([])
    one, two = (
        instance_grasps(layout(models, *T), by_id, {1: g, 7: empty}, PANDA, rests, SCENE)[0] for g in (grasps, turned)
    )
    assert (one.state, one.n_alone, one.n_free) == (two.state, two.n_alone, two.n_free)
    np.testing.assert_array_equal(one.quality, two.quality)


def test_the_short_list_has_no_two_alike(held: Any) -> None:
    _, grasps = held["carton"]
    everywhere = np.ones(len(grasps.width), bool)
    best = sets.take(grasps, shortlist(grasps, everywhere, SCENE))
    assert len(best.width) == 5 and best.quality[0] == grasps.quality[0]
    middle = contacts(best).mean(1)
    for i in range(5):
        for j in range(i):
            R = best.T_obj_grasp[i, :3, :3].T @ best.T_obj_grasp[j, :3, :3]
            angle = min(se3.angle_of(R), se3.angle_of(R @ FLIP[:3, :3]))
            assert np.linalg.norm(middle[i] - middle[j]) > SCENE.apart or angle > SCENE.turned
    only_last = np.arange(len(grasps.width)) == len(grasps.width) - 1
    assert shortlist(grasps, only_last, SCENE)[0] == len(grasps.width) - 1


def test_the_cache_holds_what_was_sampled_and_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_or_sample({1: CARTON}, [1, 1], PANDA, 0, tmp_path, SMALL)[1]
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(sampler, "sample_grasps", lambda *a: pytest.fail("sampled again"))
    second = load_or_sample({1: CARTON}, [1], PANDA, 0, tmp_path, SMALL)[1]
    np.testing.assert_array_equal(first.T_obj_grasp, second.T_obj_grasp)
    np.testing.assert_array_equal(first.depth, second.depth)
    monkeypatch.undo()
    file.write_bytes(file.read_bytes()[:300])  # cut short
    third = load_or_sample({1: CARTON}, [1], PANDA, 0, tmp_path, SMALL)[1]
    np.testing.assert_array_equal(first.quality, third.quality)
    load_or_sample({1: CARTON}, [1], PANDA, 1, tmp_path, SMALL)
    load_or_sample({1: CARTON}, [1], PANDA, 0, tmp_path, Sampler(**{**vars(SMALL), "most": 50}))
    assert len(list(tmp_path.iterdir())) == 3


# ---- touching


@given(st.integers(0, 2**31))
@settings(max_examples=20)
def test_touching_agrees_with_a_second_collision_library(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = TIN if seed % 2 else CARTON
    R = se3.nearest_rotation(rng.standard_normal((20, 3, 3)))
    T = se3.se3(R, rng.normal(0, 0.08, (20, 3)) - 0.08 * R[:, :, 2])
    boxes = swept_boxes(PANDA, np.full(20, 0.06), np.full(20, 0.04), 0.06)
    bvh = coal_mesh(m)
    np.testing.assert_array_equal(touches(m, T, boxes), [coal_hits(bvh, t, b) for t, b in zip(T, boxes, strict=True)])


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=12))
def test_minimal_sets_free_a_grasp_and_no_proper_subset_does(rows: list[list[bool]]) -> None:
    hits = np.array(rows)
    assert list(minimal_sets(hits)) == minimal_by_search(hits)


# ---- scenes


def test_alone_on_a_table() -> None:
    carton, cube = states([CARTON, block(0.1, 0.1, 0.1, obj_id=3)], at(0, 0, 0.06), at(1, 0, 0.05))
    assert carton.state == "free" and carton.n_free == carton.n_alone < carton.n_dense
    assert len(carton.width) == 5 and not carton.blocker_sets
    assert (cube.state, cube.n_dense, len(cube.width)) == ("ungraspable", 0, 0)
    T_world_grasp = at(0, 0, 0.06) @ carton.T_obj_grasp
    assert (T_world_grasp[:, 2, 2] <= 1e-9).all()  # from above
    for T, width in zip(T_world_grasp, carton.width, strict=True):
        for low, high in PANDA.boxes(SMALL.opening(width, PANDA)):
            corners = np.array(
                [[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
            )
            assert se3.transform(T, corners)[:, 2].min() >= -SCENE.scrape - 1e-9


@given(st.floats(-3, 3), st.floats(-1, 1), st.floats(-1, 1), st.floats(-3, 3))
@settings(max_examples=6)
def test_moving_world_and_objects_together_changes_nothing(yaw: float, x: float, y: float, frame: float) -> None:
    models, T = [CARTON, block(0.05, 0.05, 0.2, obj_id=7)], (at(0, 0, 0.06, 0.3), at(0.07, 0.01, 0.1))
    moved = at(x, y, 0, yaw)
    before, after = states(models, *T)[0], states(models, *(moved @ t for t in T), T=at(y, x, 1, frame))[0]
    assert before.state == after.state
    assert abs(before.n_alone - after.n_alone) <= 2 and abs(before.n_free - after.n_free) <= 2  # grazing ones
    np.testing.assert_allclose(before.T_obj_grasp[0], after.T_obj_grasp[0], atol=1e-9)


PLATE = block(0.03, 0.12, 0.1, obj_id=11)
"""Held only across its 3 cm."""
WALLS = [block(0.02, 0.2, 0.25, obj_id=12 + k) for k in range(3)]


def plate(*walls: float) -> Any:
    """The plate with tall walls whose near faces stand so far (m) from its own; negative: on its -x side."""
    where = [at(np.sign(w) * (0.015 + abs(w) + 0.01), 0, 0.125) for w in walls]
    return states([PLATE, *WALLS[: len(walls)]], at(0, 0, 0.05), *where)[0]


def test_walls_block_exactly_when_they_stand_in_the_way() -> None:
    assert plate().state == plate(0.3, -0.3).state == "free"
    assert plate(0.005).blocker_sets == ((1,),)
    assert plate(0.005, -0.005).blocker_sets == ((1, 2),)
    both = plate(0.005, -0.005, 0.4)  # the third is far away
    assert both.state == "blocked" and both.blocker_sets == ((1, 2),) and len(both.width) == both.n_free == 0


def ring(gap: float) -> tuple[list[Model], list[np.ndarray]]:
    """A small cube in a pit of four tall walls."""
    cube, d = block(0.04, 0.04, 0.04, obj_id=20), 0.02 + gap + 0.01
    walls = [block(0.02, 0.1, 0.25, obj_id=21 + k) for k in range(4)]
    turns = [k * np.pi / 2 for k in range(4)]
    return [cube, *walls], [at(0, 0, 0.02), *(at(d * np.cos(t), d * np.sin(t), 0.125, t) for t in turns)]


def test_a_ringed_cube_is_blocked_and_coal_agrees_on_who_frees_it() -> None:
    models, T = ring(0.03)
    cube = states(models, *T, config=replace(SCENE, few=0))[0]  # the dense grasps alone, which coal tries too
    assert cube.state == "blocked" and cube.n_alone >= 10
    dense = dense_of(models[0])
    boxes = swept_boxes(PANDA, SMALL.opening(dense.width, PANDA), dense.width, SCENE.back)
    T_world_grasp = T[0] @ dense.T_obj_grasp
    trees = [coal_mesh(m) for m in models]
    lowest = np.array([lowest_corner(t, b) for t, b in zip(T_world_grasp, boxes, strict=True)])
    alone = np.flatnonzero((T_world_grasp[:, 2, 2] <= 1e-9) & (lowest >= -SCENE.scrape))
    hits = np.array(
        [[coal_hits(trees[j], se3.inverse(T[j]) @ T_world_grasp[g], boxes[g]) for j in range(1, 5)] for g in alone]
    )
    assert cube.n_alone == len(alone) >= 100
    assert cube.blocker_sets == tuple(tuple(j + 1 for j in freed) for freed in minimal_by_search(hits))


def minimal_by_search(hits: np.ndarray) -> list[tuple[int, ...]]:
    """All sets of columns, smallest first, without which some row is empty and that hold no smaller such set."""
    found: list[tuple[int, ...]] = []
    for size in range(hits.shape[1] + 1):
        for gone in combinations(range(hits.shape[1]), size):
            frees = (~np.delete(hits, gone, axis=1).any(1)).any()
            if frees and not any(set(f) <= set(gone) for f in found):
                found.append(gone)
    return found


def lowest_corner(T: np.ndarray, boxes: np.ndarray) -> float:
    pick = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners = np.concatenate([np.take_along_axis(b, pick, 0) for b in boxes])
    return float(se3.transform(T, corners)[:, 2].min())


@given(st.integers(0, 2**31))
@settings(max_examples=5)
def test_taking_neighbours_away_never_blocks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    others = [block(0.03, 0.04, 0.15, obj_id=30 + k) for k in range(4)]
    spots = [at(*(rng.uniform(0.06, 0.1) * np.array([np.cos(t), np.sin(t)])), 0.075, t) for t in rng.uniform(0, 6.3, 4)]
    models, T, free = [CARTON], [at(0, 0, 0.06)], []
    for other, spot in zip([*others, None], [*spots, None], strict=True):
        free.append(states(models, *T)[0].n_free)
        if other is not None:
            models.append(other)
            T.append(spot)
    assert (np.diff(free) <= 0).all() and free[0] > 0


def test_what_an_object_stands_on_is_its_support() -> None:
    """A thin tile on a tall block: its grasps from the side hit the block, which nobody can take away first."""
    models, T = [block(0.05, 0.05, 0.02, obj_id=40), block(0.07, 0.07, 0.2, obj_id=41)], (at(0, 0, 0.21), at(0, 0, 0.1))
    rests = np.array([[False, True], [False, False]])
    tile = states(models, *T, rests=rests)[0]
    assert tile.state == "free"
    world = T[0] @ tile.T_obj_grasp
    tree = coal_mesh(models[1])
    for g, width in zip(world, tile.width, strict=True):
        boxes = swept_boxes(PANDA, SMALL.opening(np.array([width]), PANDA), np.array([width]), SCENE.back)[0]
        assert not coal_hits(tree, se3.inverse(T[1]) @ g, boxes)


def test_a_thin_object_is_judged_fairly_however_its_pose_sinks_it() -> None:
    pen = model(trimesh.creation.cylinder(0.009, 0.12, sections=48), 50, ROUND)
    lying = se3.se3(se3.rotation_about(np.array([1.0, 0, 0]), np.pi / 2), np.zeros(3))
    for sunk in (0.0, 0.002, 0.005):
        pose = at(0, 0, 0.009 - sunk) @ lying
        assert states([pen], pose)[0].state == "free"
    tray = block(0.15, 0.15, 0.02, obj_id=51)
    assert states([tray], at(0, 0, 0.01))[0].state == "ungraspable"


# ---- real objects


@pytest.fixture(scope="module")
def real(ycbv_mini: Path) -> dict[int, tuple[Model, GraspSet]]:
    models = open_bop(ycbv_mini).models()
    return {o: (models[o], dense_of(models[o])) for o in (8, 14, 16, 21)}


def test_real_grasps_hold_and_the_wood_block_is_too_wide(real: dict[int, tuple[Model, GraspSet]]) -> None:
    assert len(real[16][1].width) == 0  # 8.5 cm and more across: wider than the stroke
    for obj_id in (8, 14, 21):
        m, grasps = real[obj_id]
        assert len(grasps.width) > 100
        assert_contacts_hold(m, sets.take(grasps, np.linspace(0, len(grasps.width) - 1, 12).astype(int)), 2e-4)


def test_the_best_grasps_of_a_real_scene_hit_nothing(ycbv_mini: Path, real: dict[int, tuple[Model, GraspSet]]) -> None:
    """Scene 0 holds a gelatin box, a mug and a foam brick; its world is the dataset's own (w2c, z = 0 on the table)."""
    folder = ycbv_mini / "train_real" / "000000"
    camera, gt = (json.loads((folder / f"scene_{n}.json").read_text()) for n in ("camera", "gt"))
    frame = min(gt, key=int)
    w2c = se3.se3(np.reshape(camera[frame]["cam_R_w2c"], (3, 3)), np.array(camera[frame]["cam_t_w2c"]) / 1e3)
    poses = [se3.se3(np.reshape(g["cam_R_m2c"], (3, 3)), np.array(g["cam_t_m2c"]) / 1e3) for g in gt[frame]]
    T = [np.linalg.inv(w2c) @ p for p in poses]
    models = [real[g["obj_id"]][0] for g in gt[frame]]
    dense = {m.obj_id: real[m.obj_id][1] for m in models}
    by_id = {m.obj_id: m for m in models}
    found = instance_grasps(layout(models, *T), by_id, dense, PANDA, np.zeros((3, 3), bool), SCENE)
    trees = [coal_mesh(m) for m in models]
    for i, grasps in enumerate(found):
        assert grasps.state == "free"
        for T_obj_grasp, width in zip(grasps.T_obj_grasp, grasps.width, strict=True):
            for back in (0.0, 0.03, 0.06):
                hand = T[i] @ T_obj_grasp
                hand[:3, 3] -= back * hand[:3, 2]
                boxes = PANDA.boxes(SMALL.opening(width, PANDA))
                assert lowest_corner(hand, boxes) > -0.01
                assert not any(coal_hits(trees[j], np.linalg.inv(T[j]) @ hand, boxes) for j in range(3))
