"""Drawings: the ink is where the answer is, and a person can tell what it means."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from view_rows import CORNERS, real_rows, row

from bopask.geometry import camera, se3
from bopask.geometry.box import EDGES, corners_of
from bopask.view.draw import _FACES, _visible, draw_row
from bopask.view.ink import AMBER, CYAN, GREEN, MAGENTA, RED, WHITE, wrap
from bopask.view.render import GROUND, around, rendered

SAMPLE = Path(str(files("bopask"))) / "data" / "sample"
GRAY = np.full((480, 640, 3), 128, np.uint8)
GRASP = np.array([[300, 200], [240, 205], [360, 195], [245, 260], [365, 250.0]])
PATH = np.array([[100, 400], [120, 250], [400, 200], [520, 330.0]])
BOXES = {0: np.array([60, 300, 180, 460.0]), 1: np.array([420, 260, 600, 440.0])}


def picture(made: dict[str, Any], image: Any = GRAY, **options: Any) -> np.ndarray:
    return np.asarray(draw_row(made, image, **{"caption": False} | options)).astype(int)


def near(drawn: np.ndarray, point: Any, colour: tuple[int, int, int], reach: int = 3) -> bool:
    """Whether a pixel of nearly that colour lies within `reach` px of a point."""
    u, v = (round(float(x)) for x in point)
    patch = drawn[max(v - reach, 0) : v + reach + 1, max(u - reach, 0) : u + reach + 1]
    return bool((np.abs(patch - np.array(colour)).max(-1) <= 40).any())


def test_cuboid_corners_have_the_colour_of_their_face() -> None:
    drawn = picture(row("pose", CORNERS))
    for i, corner in enumerate(CORNERS):
        assert near(drawn, corner, AMBER if i < 4 else CYAN, reach=2)
    assert near(drawn, CORNERS[0] + [6.5, 0], GREEN, reach=2)  # the ring round the first corner
    assert near(drawn, CORNERS[[0, 4]].mean(0), WHITE)


def test_pixel_zero_is_the_centre_of_the_top_left_pixel() -> None:
    """A dot on (u, v) is centred there to a fifth of a pixel, at any scale."""
    for scale in (1.0, 2.0):
        drawn = picture(row("a seventh task", [[100.0, 80.0]]), np.zeros_like(GRAY), scale=scale)
        v, u = np.nonzero(drawn.max(-1) > 100)
        assert np.allclose([(u.mean() + 0.5) / scale - 0.5, (v.mean() + 0.5) / scale - 0.5], [100, 80], atol=0.2)


@given(yaw=st.floats(-3.1, 3.1), tilt=st.floats(0.15, 1.4), aside=st.floats(-0.3, 0.3), seed=st.integers(0, 99))
def test_an_edge_is_dashed_exactly_when_its_faces_look_away(yaw: float, tilt: float, aside: float, seed: int) -> None:
    """Told from the picture alone, compared with the faces' normals in space."""
    size = np.random.default_rng(seed).uniform(0.05, 0.3, 3)
    R = se3.rotation_about(np.array([1.0, 0, 0]), np.pi / 2 + tilt) @ se3.rotation_about(np.array([0, 0, 1.0]), yaw)
    corners = corners_of(se3.se3(R, np.array([aside, 0.1, 1.0])), size)
    normals = np.cross(
        corners[_FACES[:, 1]] - corners[_FACES[:, 0]],
        corners[_FACES[:, 2]] - corners[_FACES[:, 1]],
    )
    middle = corners[_FACES].mean(1)
    assert (((middle - corners.mean(0)) * normals).sum(1) > 0).all()  # the table of faces looks outwards
    toward = -(normals * middle).sum(1) / np.linalg.norm(normals, axis=1)
    clear = np.abs(toward) > 1e-4
    pixels = camera.project(np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), corners)
    assert (_visible(pixels)[clear] == (toward > 0)[clear]).all()
    assert len(EDGES) == 12


def test_fingers_are_told_apart() -> None:
    drawn = picture(row("grasp", GRASP))
    centre, left_base, right_base, left_tip, right_tip = GRASP
    assert near(drawn, left_tip, CYAN) and near(drawn, (left_base + left_tip) / 2, CYAN)
    assert near(drawn, right_tip, AMBER) and near(drawn, (right_base + right_tip) / 2, AMBER)
    assert near(drawn, (centre + left_base) / 2, GREEN) and near(drawn, (centre + right_base) / 2, GREEN)
    assert near(drawn, centre + [0, -30], GREEN)  # the stub, away from the tips


def test_a_path_starts_green_and_ends_magenta() -> None:
    drawn = picture(row("trajectory", PATH))
    assert near(drawn, PATH[0] + [12.5, 0], GREEN, reach=2) and near(drawn, PATH[-1] + [12.5, 0], MAGENTA, reach=2)
    for a, b in pairwise(PATH):
        middle = np.round((a + b) / 2).astype(int)
        assert (drawn[middle[1], middle[0]] != 128).any()
    assert not near(drawn, PATH[0] + [12.5, 0], MAGENTA, reach=5)


def test_other_ways_are_dashed_and_the_answer_stays_on_top() -> None:
    other = np.array([[100, 400], [250, 60], [520, 330.0]])
    metres = np.concatenate([(other - [320, 240]) / 600, np.ones((3, 1))], 1)
    evidence = json.dumps({"alternatives": [{"waypoints_m": metres.tolist()}]})
    alone = picture(row("trajectory", PATH))
    both = picture(row("trajectory", PATH, evidence=evidence, T_world_cam=np.eye(4).ravel().tolist()))
    places = other[0] + np.linspace(0.2, 0.9, 60)[:, None] * (other[1] - other[0])
    dashes = [near(both, p, WHITE, reach=1) for p in places]
    assert 10 < sum(dashes) < 60 and not any(near(alone, p, WHITE, reach=1) for p in places)
    changed = np.abs(both - alone).max(-1) > 0
    assert not any(changed[round(p[1]), round(p[0])] for p in PATH)


def test_what_must_move_is_numbered_and_the_wanted_is_framed() -> None:
    made = row("rearrangement", [[500, 350], [300, 100]], instances=[0, 1])
    drawn = picture(made, outlines=BOXES)
    assert near(drawn, [500, 357], AMBER, reach=2) and near(drawn, [300, 107], AMBER, reach=2)
    assert near(drawn, [180, 380], GREEN, reach=1)


@pytest.mark.parametrize(("answer", "colour", "other"), [("Yes", GREEN, RED), ("No", RED, GREEN)])
@pytest.mark.parametrize("task", ["spatial", "depth"])
def test_a_relation_shows_both_objects_and_the_answer(task: str, answer: str, colour: Any, other: Any) -> None:
    made = row(task, answer=answer, evidence=json.dumps({"bbox": [b.tolist() for b in BOXES.values()]}))
    drawn = picture(made)
    assert near(drawn, [180, 380], CYAN, reach=1) and near(drawn, [600, 350], AMBER, reach=1)
    corner = drawn[:60, :90]
    assert (np.abs(corner - colour).max(-1) < 8).sum() > 200 and not (np.abs(corner - other).max(-1) < 8).any()


@pytest.mark.parametrize("evidence", ["{}", "", None, "no json", "[1]", '{"bbox": [[null, 0, 1, 2], [9, 9, 9, 9]]}'])
def test_evidence_without_boxes_still_draws_the_answer(evidence: str | None) -> None:
    drawn = picture(row("spatial", answer="No", evidence=evidence))
    assert (np.abs(drawn[:60, :90] - RED).max(-1) < 8).any() and (drawn[100:] == 128).all()


@given(st.floats(-500, 1100), st.floats(-400, 800))
def test_the_canvas_grows_so_that_every_point_is_on_it(u: float, v: float) -> None:
    small = np.full((48, 64, 3), 90, np.uint8)
    point = np.array([u, v]) / 10
    points = CORNERS / 10
    points[3] = point
    made = row("pose", points, width=64, height=48)
    drawn = draw_row(made, small, caption=False)
    left, top = (max(0, int(np.ceil(-x - 0.5 + 1.92))) if x < -0.5 else 0 for x in np.round(point, 1))
    assert drawn.width >= 64 and drawn.height >= 48
    u_on, v_on = np.round(point, 1) + [left, top]
    assert -0.5 <= u_on <= drawn.width - 0.5 and -0.5 <= v_on <= drawn.height - 0.5
    if -0.5 <= u / 10 <= 63.5 and -0.5 <= v / 10 <= 47.5:
        assert drawn.size == (64, 48)


def test_a_point_far_away_does_not_blow_up_the_canvas() -> None:
    drawn = draw_row(row("a seventh task", [[1e7, -1e7], [10, 10]]), GRAY, caption=False)
    assert drawn.width <= 2 * 640 and drawn.height <= 2 * 480


def test_the_photo_is_untouched_away_from_the_answer() -> None:
    photo = np.random.default_rng(3).integers(0, 255, GRAY.shape).astype(np.uint8)
    drawn = picture(row("grasp", GRASP), photo)
    assert (drawn[330:] == photo[330:]).all() and (drawn[150:300, 200:400] != photo[150:300, 200:400]).any()


def test_without_an_image_the_answer_stands_on_a_sheet() -> None:
    made = row("pose", CORNERS)
    drawn = picture(made, None)
    assert drawn.shape == (480, 640, 3) and near(drawn, CORNERS[5], CYAN, reach=2)
    assert (drawn[455:475, 230:410].max(-1) > 120).any()  # says that there is no image


def test_the_caption_holds_the_whole_text_in_lines_that_fit() -> None:
    words = "Where do the eight corners of the leftmost can go? " * 4
    lines = wrap(words, 15, 300)
    assert " ".join(lines).split() == words.split() and len(lines) > 3
    bare, told = (draw_row(row("grasp", GRASP, question=words), GRAY, caption=c) for c in (False, True))
    assert told.width == bare.width and told.height > bare.height + 60
    strip = np.asarray(told)[bare.height :]
    assert (strip.max(-1) > 200).any() and (strip[:, -8:].max(-1) < 40).all()


@pytest.mark.parametrize("scale", [0.25, 1.0, 1.7])
def test_scale_is_output_pixels_an_image_pixel(scale: float) -> None:
    drawn = draw_row(row("trajectory", PATH), GRAY, scale=scale, caption=False)
    assert drawn.size == (round(640 * scale), round(480 * scale))


def test_real_cuboids_are_drawn_where_independent_arithmetic_puts_them(ycbv_mini: Path) -> None:
    made = next(r for r in real_rows(ycbv_mini) if r["task"] == "pose" and (np.array(r["answer_points"]) > 5).all())
    photo = np.asarray(Image.open(ycbv_mini / made["image"]).convert("RGB"))
    drawn = picture(made, photo)
    changed = np.argwhere((drawn[:480, :640] != photo).any(-1))[:, ::-1]
    low, high = (np.array(made["answer_points"]).min(0), np.array(made["answer_points"]).max(0))
    assert (changed.min(0) > low - 30).all() and (changed.max(0) < high + 30).all()
    assert all(near(drawn, corner, AMBER if i < 4 else CYAN, reach=2) for i, corner in enumerate(made["answer_points"]))


# ---- a picture of poses


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_window_is_within_the_picture_and_around_all_that_is_shown(height: int, width: int, seed: int) -> None:
    shown = np.random.default_rng(seed).random((height, width)) < 0.1
    rows, columns = around(shown)
    assert 0 <= rows.start < rows.stop <= height and 0 <= columns.start < columns.stop <= width
    for v, u in np.argwhere(shown):  # and its neighbours
        assert rows.start <= max(v - 1, 0) and min(v + 2, height) <= rows.stop
        assert columns.start <= max(u - 1, 0) and min(u + 2, width) <= columns.stop


def test_objects_cut_by_the_picture_are_drawn_as_far_as_they_show(tmp_path: Path) -> None:
    """The embedded sample without its images, seen by a camera that looks past the things."""
    scene = tmp_path / "train" / "000000"
    shutil.copytree(SAMPLE / "models", tmp_path / "models")
    shutil.copy(SAMPLE / "camera.json", tmp_path)
    shutil.copytree(SAMPLE / "train" / "000000", scene, ignore=shutil.ignore_patterns("rgb", "depth", "mask*"))
    cameras = json.loads((scene / "scene_camera.json").read_bytes())
    for camera_ in cameras.values():
        camera_["cam_K"][2] += 330
        camera_["cam_K"][5] += 230
    (scene / "scene_camera.json").write_text(json.dumps(cameras))
    drawn = rendered({"split": "train", "scene_id": 0, "frame_id": int(min(cameras)), "instances": [0]}, tmp_path)
    assert drawn is not None
    background = (drawn == np.array(GROUND)).all(-1)
    assert not background[-1].all() and not background[:, -1].all()  # things reach the lower and the right border
    assert background[40:200, :100].all()
