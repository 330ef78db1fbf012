"""The code that makes the sample: shapes are solids, settling is physics, pictures show what is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import fcl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, cKDTree

from bopask.arrays import Array
from bopask.errors import BopaskError, MissingExtra
from bopask.geometry.mesh import Mesh, signed_volume
from bopask.geometry.se3 import rotation_about, se3, transform
from bopask.nouns import Camera
from bopask.rng import rng_for
from bopask.synth import sample as sample_module
from bopask.synth.sample_kinds import KINDS, shapes
from bopask.synth.picture import photograph
from bopask.synth.settings import Setting, place, settled
from bopask.synth.settle import settle
from bopask.synth.shapes import Shape, lathe, lines
from bopask.synth.shots import look_at, sight
from bopask.synth.stage import depth_and_ids, grid, stage, view_rays
from bopask.synth.texture import TABLES, noise, to_linear, to_srgb

SHAPES = shapes()
EACH_KIND = pytest.mark.parametrize("shape", SHAPES.values(), ids=[s.name for s in SHAPES.values()])
BY_NAME = {shape.name: shape for shape in SHAPES.values()}
SMALL = Camera(np.array([[100.0, 0, 48], [0, 100.0, 36], [0, 0, 1]]), 97, 73)


def open_edges(faces: Array) -> int:
    """Directed edges that no neighbour runs the other way: 0 for a closed, consistently wound surface."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key, back = edges[:, 0] * 1_000_003 + edges[:, 1], edges[:, 1] * 1_000_003 + edges[:, 0]
    return int((~np.isin(key, back)).sum() + len(key) - len(np.unique(key)))


def off_surface(points: Array, mesh: Mesh) -> Array:
    """Distance (m) of points to a mesh's surface, by FCL."""
    tree = fcl.BVHModel()
    tree.beginModel(len(mesh.vertices), len(mesh.faces))
    tree.addSubModel(mesh.vertices, mesh.faces)
    tree.endModel()
    solid, radius = fcl.CollisionObject(tree), 1e-7
    found = []
    for p in points:
        ball = fcl.CollisionObject(fcl.Sphere(radius), fcl.Transform(np.eye(3), p))
        found.append(max(fcl.distance(ball, solid, fcl.DistanceRequest(), fcl.DistanceResult()), 0.0))
    return np.array(found)


def agrees_after(shape: Shape, T_obj_obj: Array) -> tuple[float, float]:
    """After a motion: how far vertices are off the surface at most (m), and the share of them whose print agrees."""
    rows = np.arange(0, len(shape.mesh.vertices), max(len(shape.mesh.vertices) // 250, 1))
    moved = transform(T_obj_obj, shape.mesh.vertices[rows])
    _, near = cKDTree(shape.mesh.vertices).query(moved, k=8)
    apart = np.abs(shape.colors[near].astype(int) - shape.colors[rows, None]).max(2).min(1)
    return float(off_surface(moved, shape.mesh).max()), float((apart <= 8).mean())


@EACH_KIND
def test_a_kind_is_a_closed_solid_centred_on_its_box(shape: Shape) -> None:
    mesh = shape.mesh
    assert open_edges(mesh.faces) == 0
    assert signed_volume(mesh) > 2e-5
    np.testing.assert_allclose(mesh.vertices.min(0), -mesh.vertices.max(0), atol=1e-7)
    assert len(mesh.vertices) == len(shape.colors) == len(np.unique(mesh.faces)) <= 3000
    assert len(np.unique(mesh.vertices, axis=0)) == len(mesh.vertices)


@EACH_KIND
def test_the_convex_parts_are_the_solid(shape: Shape) -> None:
    """Every vertex of the mesh is on a part, and the parts have the mesh's volume: nothing is filled in or left out."""
    hulls = [ConvexHull(part) for part in shape.parts]
    outside = np.full(len(shape.mesh.vertices), np.inf)
    for hull in hulls:
        gap = (shape.mesh.vertices @ hull.equations[:, :3].T + hull.equations[:, 3]).max(1)
        outside = np.minimum(outside, gap)
    assert outside.max() < 5e-5
    assert sum(h.volume for h in hulls) == pytest.approx(signed_volume(shape.mesh), rel=3e-3)


@EACH_KIND
def test_symmetries_are_true_of_shape_and_print(shape: Shape) -> None:
    turns = [*shape.symmetry.discrete]
    for axis, offset in zip(shape.symmetry.axes, shape.symmetry.offsets, strict=True):
        np.testing.assert_array_equal(offset, 0)
        turns += [se3(rotation_about(axis, angle), np.zeros(3)) for angle in (0.05, 1.0, 2.9)]
    for T in turns:
        off, same = agrees_after(shape, T)
        assert off < 5e-4
        assert same > 0.98


@pytest.mark.parametrize("name", ["red mug", "orange cereal box", "banana"])
def test_kinds_without_symmetry_have_none(name: str) -> None:
    shape = BY_NAME[name]
    assert len(shape.symmetry.discrete) == len(shape.symmetry.axes) == 0
    for axis in np.eye(3):
        off, same = agrees_after(shape, se3(rotation_about(axis, np.pi), np.zeros(3)))
        assert off > 5e-4 or same < 0.98


def test_no_two_kinds_share_a_name() -> None:
    names = [name for s in SHAPES.values() for name in (s.name, *s.synonyms)]
    assert len(names) == len(set(names))
    assert all(name == name.strip().lower() for name in names)
    assert set(SHAPES) == set(KINDS) == set(range(1, len(KINDS) + 1))


@given(
    radii=st.lists(st.floats(5, 60), min_size=2, max_size=6),
    steps=st.lists(st.floats(1, 30), min_size=6, max_size=6),
    k=st.integers(3, 24),
)
def test_any_turned_profile_is_a_closed_solid(radii: list[float], steps: list[float], k: int) -> None:
    z = np.cumsum(steps)[: len(radii)]
    loft = lathe(list(zip(radii, z, strict=True)), [(0, 0, 0)] * len(radii), k=k)
    vertices, faces, _ = loft.surface()
    assert open_edges(faces) == 0
    frusta = sum(ConvexHull(loft.solid(i, i + 1)).volume for i in range(len(radii) - 1))
    assert signed_volume(Mesh(vertices, faces)) == pytest.approx(frusta, rel=1e-6)


def test_lines_keep_colour_edges_crisp() -> None:
    x = lines(0.0, 0.1, 0.03, (0.05,))
    assert x[0] == 0 and x[-1] == 0.1 and np.diff(x).max() <= 0.03 + 1e-12
    np.testing.assert_allclose(np.sort(np.abs(x - 0.05))[:2], 1.5e-4)


def test_a_dropped_can_stands_on_the_table_and_a_tilted_one_falls() -> None:
    can = BY_NAME["blue can"]
    tilted = place(can, (0.3, 0.0), 0.0, rotation_about(np.array([0, 1.0, 0]), 0.6))
    rest = settle([can, can], np.array([place(can, (0, 0), 0.3, on=0.02), tilted]))
    assert rest.drift < 1e-3 and rest.turn < np.radians(0.5)
    lowest = [transform(T, can.mesh.vertices)[:, 2].min() for T in rest.T_world_obj]
    np.testing.assert_allclose(lowest, 0, atol=2e-4)
    assert rest.T_world_obj[0, 2, 2] > 0.999
    assert abs(rest.T_world_obj[1, 2, 2]) < 0.1  # lies


def test_an_apple_comes_to_rest_inside_a_bowl_and_the_result_repeats() -> None:
    """A bowl that were filled by its convex hull would carry the apple on its rim."""
    bowl, apple = BY_NAME["white bowl"], BY_NAME["green apple"]
    start = np.array([place(bowl, (0, 0), 0.0), place(apple, (0.004, 0), 0.0, on=0.01)])
    rest = settle([bowl, apple], start)
    bottom = transform(rest.T_world_obj[1], apple.mesh.vertices)[:, 2].min()
    assert 0.003 < bottom < 0.012
    np.testing.assert_array_equal(settle([bowl, apple], start).T_world_obj, rest.T_world_obj)


def test_without_mujoco_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(MissingExtra, match=r"bopask\[synth\]"):
        settle([BY_NAME["blue can"]], np.eye(4)[None])


def test_a_setting_that_never_stands_is_refused() -> None:
    def needle(kinds: dict[int, Shape], rng: np.random.Generator) -> Setting:
        on_end = rotation_about(np.array([0, 1.0, 0]), np.pi / 2 + rng.uniform(0.2, 0.3))
        return Setting("needle", "oak", (9,), place(kinds[9], (0, 0), 0.0, on_end)[None])

    with pytest.raises(BopaskError, match="did not come to rest"):
        settled(needle, SHAPES, 0)


def test_depth_of_an_empty_table_is_the_plane() -> None:
    T_cam_world = look_at(np.array([0.1, -0.5, 0.4]), np.zeros(3), 0.1)
    depth, ids = depth_and_ids(stage([], np.zeros((0, 4, 4))), SMALL, T_cam_world)
    origins, directions = view_rays(SMALL, T_cam_world, grid(SMALL.width, SMALL.height))
    plane = (-origins[:, 2] / directions[:, 2]).reshape(depth.shape)
    hit = (origins + plane.reshape(-1, 1) * directions)[:, :2].reshape(*depth.shape, 2)
    top = (np.abs(hit) < [0.599, 0.399]).all(-1)
    assert top.mean() > 0.5
    np.testing.assert_allclose(depth[top], plane[top], atol=1e-9)
    assert (ids[top] == -1).all()


def test_what_is_hidden_or_outside_is_counted() -> None:
    """One can right behind another, and a third that the image's left border cuts."""
    can = BY_NAME["blue can"]
    T_cam_world = look_at(np.array([0.0, -0.6, 0.06]), np.array([0.0, 0.0, 0.06]), 0.0)
    edge = -0.6 * 48.5 / 100
    poses = np.array([place(can, xy, 0.0) for xy in ((0, 0), (0, 0.1), (edge, 0))])
    seen = sight(stage([can] * 3, poses), SMALL, T_cam_world, 3)
    assert seen.px_count_visib[0] == seen.px_count_all[0] == seen.px_count_valid[0]
    assert seen.px_count_visib[1] == 0 < seen.px_count_all[1]
    assert seen.bbox_obj[1].tolist() == seen.bbox_visib[1].tolist() == [-1] * 4
    assert seen.px_count_all[2] == pytest.approx(2 * seen.px_count_visib[2], rel=0.15)
    assert seen.bbox_obj[2, 0] < 0 == seen.bbox_visib[2, 0]


def test_a_picture_shows_the_colour_and_the_shadow() -> None:
    mug = BY_NAME["red mug"]
    poses = place(mug, (0, 0), 0.0)[None]
    T_cam_world = look_at(np.array([0.0, -0.4, 0.3]), np.array([0.0, 0.0, 0.04]), 0.0)
    scenery = stage([mug], poses, "stone", lamp=(0.9, 0.0, 0.9))
    picture = photograph(scenery, SMALL, T_cam_world, rng_for(0, "t", 0)).astype(float)
    _, ids = depth_and_ids(scenery, SMALL, T_cam_world)
    red, green, _ = picture[ids == 0].mean(0)
    assert red > 2 * green
    row = int(np.argwhere(ids == 0)[:, 0].max()) - 4
    columns = np.flatnonzero(ids[row] == 0)
    left, right = (
        picture[row, columns[0] - 6 : columns[0] - 2].mean(),
        picture[row, columns[-1] + 3 : columns[-1] + 7].mean(),
    )
    assert left < 0.8 * right  # the lamp is on the right
    np.testing.assert_array_equal(photograph(scenery, SMALL, T_cam_world, rng_for(0, "t", 0)), picture)


def test_textures_are_colours_that_repeat() -> None:
    p = np.random.default_rng(0).uniform(-0.6, 0.6, (500, 3))
    for paint in TABLES.values():
        color = paint(p)
        assert color.shape == p.shape and (color >= 0).all() and (color <= 1).all()
        assert color.std(0).max() > 0.005
        np.testing.assert_array_equal(color, paint(p))
    x = np.linspace(-3, 3, 2000)
    assert np.abs(np.diff(noise(x, x * 0.3))).max() < 0.01  # smooth, also over the lattice
    np.testing.assert_allclose(to_srgb(to_linear(np.arange(256.0))), np.arange(256), atol=1e-6)


def test_the_command_refuses_a_folder_that_is_not_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert sample_module.main([str(tmp_path)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("make", sample_module.SETTINGS, ids=lambda make: make.__name__)
def test_other_seeds_give_other_settings_that_stand_too(make: Callable[..., Setting]) -> None:
    one, rest = settled(make, SHAPES, 7)
    assert rest.drift < 1e-3 and rest.turn < np.radians(0.5)
    other, _ = settled(make, SHAPES, 8)
    assert not np.allclose(one.T_world_obj, other.T_world_obj)
