"""The code that makes the sample: settling is physics, pictures show what is there. Shapes are in test_kinds.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bopask.errors import BopaskError, MissingExtra
from bopask.geometry.se3 import rotation_about, transform
from bopask.nouns import Camera
from bopask.rng import rng_for
from bopask.synth import sample as sample_module
from bopask.synth.kinds import KINDS
from bopask.synth.picture import photograph
from bopask.synth.sample_kinds import shapes
from bopask.synth.settings import Setting, place, settled
from bopask.synth.settle import settle
from bopask.synth.shapes import Shape
from bopask.synth.shots import look_at, sight
from bopask.synth.stage import depth_and_ids, grid, stage, view_rays
from bopask.synth.texture import TABLES, noise, to_linear, to_srgb

SHAPES = shapes()
SMALL = Camera(np.array([[100.0, 0, 48], [0, 100.0, 36], [0, 0, 1]]), 97, 73)


def named(kind: str, name: str) -> Shape:
    """The first variant of a kind that is called so."""
    variants = (KINDS[kind](np.random.default_rng(n)) for n in range(200))
    return next(shape for shape in variants if shape.name == name)


CAN = KINDS["soda can"](np.random.default_rng(0))


def test_a_dropped_can_stands_on_the_table_and_a_tilted_one_falls() -> None:
    can = CAN
    tilted = place(can, (0.3, 0.0), 0.0, rotation_about(np.array([0, 1.0, 0]), 0.6))
    rest = settle([can, can], np.array([place(can, (0, 0), 0.3, on=0.02), tilted]))
    assert rest.drift < 1e-3 and rest.turn < np.radians(0.5)
    lowest = [transform(T, can.mesh.vertices)[:, 2].min() for T in rest.T_world_obj]
    np.testing.assert_allclose(lowest, 0, atol=2e-4)
    assert rest.T_world_obj[0, 2, 2] > 0.999
    assert abs(rest.T_world_obj[1, 2, 2]) < 0.1  # lies


def test_an_apple_comes_to_rest_inside_a_bowl_and_the_result_repeats() -> None:
    """A bowl that were filled by its convex hull would carry the apple on its rim."""
    bowl, apple = (KINDS[kind](np.random.default_rng(0)) for kind in ("bowl", "apple"))
    start = np.array([place(bowl, (0, 0), 0.0), place(apple, (0.004, 0), 0.0, on=0.01)])
    rest = settle([bowl, apple], start)
    bottom = transform(rest.T_world_obj[1], apple.mesh.vertices)[:, 2].min()
    assert 0.003 < bottom < 0.012
    np.testing.assert_array_equal(settle([bowl, apple], start).T_world_obj, rest.T_world_obj)


def test_without_mujoco_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(MissingExtra, match=r"bopask\[synth\]"):
        settle([CAN], np.eye(4)[None])


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
    can = CAN
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
    mug = named("mug", "red mug")
    poses = place(mug, (0, 0), 0.0)[None]
    T_cam_world = look_at(np.array([0.0, -0.4, 0.3]), np.array([0.0, 0.0, 0.04]), 0.0)
    scenery = stage([mug], poses, "stone", lamp=(0.9, 0.0, 0.9))
    picture = photograph(scenery, SMALL, T_cam_world, rng_for(0, "t", 0)).astype(float)
    _, ids = depth_and_ids(scenery, SMALL, T_cam_world)
    red, green, _ = picture[ids == 0].mean(0)
    assert red > 1.6 * green  # its inside is white
    row = int(np.argwhere(ids == 0)[:, 0].max()) - 4
    columns = np.flatnonzero(ids[row] == 0)
    left, right = (
        picture[row, columns[0] - 6 : columns[0] - 2].mean(),
        picture[row, columns[-1] + 3 : columns[-1] + 7].mean(),
    )
    assert left < 0.8 * right  # the lamp is on the right
    np.testing.assert_array_equal(photograph(scenery, SMALL, T_cam_world, rng_for(0, "t", 0)), picture)


def test_a_picture_shows_the_print() -> None:
    """White words and bands on a dark carton, where its vertices' colours alone would show a mean."""
    box = named("tea box", "black tea box")
    T_cam_world = look_at(np.array([0.0, -0.3, 0.08]), np.array([0.0, 0.0, 0.06]), 0.0)
    pictures = []
    for shown in (box, replace(box, uv=None, texture=None)):
        scenery = stage([shown], place(box, (0, 0), 0.0)[None], "oak", lamp=(0.2, -0.7, 0.9))
        picture = photograph(scenery, SMALL, T_cam_world, rng_for(0, "t", 0)).astype(float)
        pictures.append(picture[depth_and_ids(scenery, SMALL, T_cam_world)[1] == 0])
    printed, flat = pictures
    assert printed.std(0).mean() > 1.3 * flat.std(0).mean()
    assert np.abs(printed.mean(0) - flat.mean(0)).max() < 12  # but the mean is the same


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
