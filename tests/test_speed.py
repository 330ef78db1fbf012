"""What `make bench` measures by is true: the paper's recipe and the raw libraries say what ours says wherever both ask
the same, and scenes that grow stay the same layouts."""

from __future__ import annotations

import importlib
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from bopask.bop.folder import open_bop
from bopask.cli import main
from bopask.geometry.curve import densify
from bopask.priors.carry import Carried, Scene

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))
growth, raw, recipe, speed = (importlib.import_module(name) for name in ("growth", "raw", "recipe", "speed"))
SCENE, FRAMES = 3, 5


@pytest.fixture(scope="module")
def images(sample) -> list[Any]:
    """Every image of a scene, as the recipe is given it."""
    return [image() for image in speed.pictures(open_bop(sample), "train", SCENE, FRAMES)]


@pytest.fixture(scope="module")
def rows(sample, tmp_path_factory) -> list[dict[str, Any]]:
    """What ours asks about them, as far as no priors are needed."""
    out = tmp_path_factory.mktemp("recipe") / "out"
    tasks = ["--tasks", "pose,spatial,depth"]
    assert main(["generate", str(sample), "--split", "train", "--scenes", str(SCENE), "--out", str(out), *tasks]) == 0
    return pq.read_table(out / "data").to_pylist()


def test_cuboids_have_the_same_corners(images, rows):
    """But round things', whose cuboids ours turns towards the viewer."""
    asked = [row for row in rows if row["task"] == "pose" and orjson.loads(row["evidence"])["round_axis"] is None]
    assert asked
    for row in asked:
        image = images[row["frame_id"]]
        corners = np.array(image.pixels(image.things[row["instances"][0]].corners))
        apart = np.linalg.norm(corners[:, None] - np.array(row["answer_points"]), axis=-1)
        assert apart.min(0).max() < 0.1 and apart.min(1).max() < 0.1


def test_relations_that_ours_is_sure_of_hold_in_the_recipe(images, rows):
    asked = [row for row in rows if row["subtask"] in recipe.OPPOSITE]
    assert {row["subtask"] for row in asked} == set(recipe.OPPOSITE)
    for row in asked:
        image = images[row["frame_id"]]
        a, b = (image.things[i] for i in row["instances"])
        assert (row["subtask"] in recipe.relations(image, a, b)) == (row["answer"] == "Yes")


def test_an_object_is_free_where_fcl_by_itself_finds_it_free(sample, images):
    things, rng = images[0].things, np.random.default_rng(0)
    scene = Scene(speed.first_layout(open_bop(sample), "train", SCENE), open_bop(sample).models())
    offsets, met = rng.uniform(-0.2, 0.2, (200, 3)), 0
    for a in things:
        others, carried = raw.together([t.body for t in things if t is not a]), Carried(scene, a.index)
        meets, above = np.array(speed.meets(a, others, offsets)), a.world[:, 2].min() + offsets[:, 2] > 0
        assert speed.free(carried, offsets) == (above & ~meets).tolist()
        met += int((above & meets).sum())
    assert met


def test_what_its_rrt_finds_is_free(sample, images):
    things = images[0].things
    scene = Scene(speed.first_layout(open_bop(sample), "train", SCENE), open_bop(sample).models())
    found = 0
    for a, b in permutations(things, 2):
        path = recipe.carry(a, b, [t for t in things if t is not a])
        if path is not None:
            found += 1
            assert Carried(scene, a.index).free(densify(path[1:], 0.005))  # the first is where it stands
    assert found


def test_a_scene_that_grows_is_the_same_layout_and_no_view_of_it_comes_twice(sample, tmp_path):
    scene = growth.Growing.of(sample, "train", SCENE)
    folders = [growth.write([scene], tmp_path / f"{longer}", longer) for longer in (None, 1)]
    once, often = (speed.first_layout(open_bop(folder), "train", 0) for folder in folders)
    frames = often.arrangement.frames
    assert len(once.arrangement.frames) == FRAMES and len(frames) == growth.FRAMES // FRAMES * FRAMES
    assert (np.round(once.T_world_obj, 9) == np.round(often.T_world_obj, 9)).all()
    assert len({(frame.camera.K.tobytes(), frame.T_cam_obj.tobytes()) for frame in frames}) == len(frames)
