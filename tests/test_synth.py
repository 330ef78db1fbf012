"""Settling is physics, and the ray-cast photographer shows what is there. Shapes are in test_kinds.py."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from household import place

from bopask.arrays import Array
from bopask.errors import MissingExtra
from bopask.geometry.se3 import rotation_about, transform
from bopask.nouns import Camera
from bopask.rng import rng_for
from bopask.synth.kinds import KINDS
from bopask.synth.render.picture import photograph
from bopask.synth.render.scene import Fixture, Scene, box, table
from bopask.synth.render.stage import TABLE_SIZE, grid, stage, view_rays
from bopask.synth.render.truth import Truth
from bopask.synth.render.views import look_at
from bopask.synth.settle import settle
from bopask.synth.shapes import Shape
from bopask.synth.texture import TABLES, noise, to_linear, to_srgb

SMALL = Camera(np.array([[100.0, 0, 48], [0, 100.0, 36], [0, 0, 1]]), 97, 73)


def named(kind: str, name: str) -> Shape:
    """The first variant of a kind that is called so."""
    variants = (KINDS[kind](np.random.default_rng(n)) for n in range(200))
    return next(shape for shape in variants if shape.name == name)


CAN = KINDS["soda can"](np.random.default_rng(0))


def seen_from(
    T_cam_world: Array, things: Sequence[Shape], T_world_obj: Array, fixtures: tuple[Fixture, ...] | None = None
) -> tuple[Array, Array]:
    """Depth and ids of things on the table."""
    triangles, owner = Scene(tuple(things), T_world_obj, table() if fixtures is None else fixtures).triangles()
    return Truth(triangles, owner).depth_and_ids(SMALL, T_cam_world)


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


def test_depth_of_an_empty_table_is_the_plane() -> None:
    T_cam_world = look_at(np.array([0.1, -0.5, 0.4]), np.zeros(3), 0.1)
    top = box((0, 0, -TABLE_SIZE[2] / 2), TABLE_SIZE)
    depth, ids = seen_from(T_cam_world, [], np.zeros((0, 4, 4)), (top,))
    origins, directions = view_rays(SMALL, T_cam_world, grid(SMALL.width, SMALL.height))
    plane = (-origins[:, 2] / directions[:, 2]).reshape(depth.shape)
    hit = (origins + plane.reshape(-1, 1) * directions)[:, :2].reshape(*depth.shape, 2)
    inner = (np.abs(hit) < [0.599, 0.399]).all(-1)
    assert inner.mean() > 0.5
    np.testing.assert_allclose(depth[inner], plane[inner], atol=1e-6)
    assert (ids[inner] == -1).all()


def test_a_picture_shows_the_colour_and_the_shadow() -> None:
    mug = named("mug", "red mug")
    poses = place(mug, (0, 0), 0.0)[None]
    T_cam_world = look_at(np.array([0.0, -0.4, 0.3]), np.array([0.0, 0.0, 0.04]), 0.0)
    scenery = stage([mug], poses, "stone", lamp=(0.9, 0.0, 0.9))
    picture = photograph(scenery, SMALL, T_cam_world, rng_for(0, "t", 0)).astype(float)
    _, ids = seen_from(T_cam_world, [mug], poses)
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
    carton = named("tea box", "black tea box")
    T_cam_world = look_at(np.array([0.0, -0.3, 0.08]), np.array([0.0, 0.0, 0.06]), 0.0)
    pictures = []
    for shown in (carton, replace(carton, uv=None, texture=None)):
        poses = place(carton, (0, 0), 0.0)[None]
        scenery = stage([shown], poses, "oak", lamp=(0.2, -0.7, 0.9))
        picture = photograph(scenery, SMALL, T_cam_world, rng_for(0, "t", 0)).astype(float)
        pictures.append(picture[seen_from(T_cam_world, [shown], poses)[1] == 0])
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
