"""YCB-V's 79 real train arrangements through the whole line: a proof over all the data, every 40th frame."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from bopask.ask.tasks import TASKS
from bopask.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(real_data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("bop") / "ycbv"
    subprocess.run([sys.executable, str(real_data / "expand_ycbv_gt.py"), str(out), "--stride", "40"], check=True)
    return out


@pytest.fixture(scope="module")
def out(folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("full") / "out"
    assert main(["generate", str(folder), "--split", "train_real", "--out", str(out), "--workers", "2"]) == 0
    return out


@pytest.fixture(scope="module")
def table(out):
    return pq.read_table(sorted((out / "data").glob("*.parquet")))


def test_79_videos_are_79_layouts_and_all_six_tasks_are_asked(out, table):
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert manifest["counts"]["layouts"] == 79
    assert set(manifest["counts"]["tasks"]) == set(TASKS)
    assert manifest["counts"]["rows"] == table.num_rows
    known = [layout for layout in manifest["layouts"] if layout["world"]]
    assert len(known) >= 75  # a source that is not sure of up says so


def test_every_id_is_its_own(table):
    ids = table.column("id").to_numpy(zero_copy_only=False)
    assert len(np.unique(ids)) == len(ids)


def test_every_wording_is_balanced(table):
    binary = table.filter(table.column("answer_points").is_null())
    pairs = Counter(zip(binary.column("subtask").to_pylist(), binary.column("answer").to_pylist(), strict=True))
    for subtask in {s for s, _ in pairs}:
        assert pairs[subtask, "Yes"] == pairs[subtask, "No"]


def test_every_corner_is_within_half_a_pixel_of_an_independent_projection(folder, table):
    """Straight from BOP's files, a scene at a time; round objects, whose box has no angle of its own, aside."""
    info = json.loads((folder / "models" / "models_info.json").read_bytes())
    pose = table.filter(np.array([t == "pose" for t in table.column("task").to_pylist()]))
    checked, worst, gts = 0, 0.0, {}
    columns = ("scene_id", "frame_id", "instances", "answer_points", "camera_K")
    for scene, frame, (instance,), points, K in zip(*(pose.column(c).to_pylist() for c in columns), strict=True):
        if scene not in gts:
            gts = {scene: json.loads((folder / "train_real" / f"{scene:06d}" / "scene_gt.json").read_bytes())}
        gt = gts[scene][str(frame)][instance]
        model = info[str(gt["obj_id"])]
        if "symmetries_continuous" in model:
            continue
        low, size = (np.array([model[f"{name}_{a}"] for a in "xyz"]) for name in ("min", "size"))
        corners = low + np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T * size
        cam = corners @ np.array(gt["cam_R_m2c"]).reshape(3, 3).T + gt["cam_t_m2c"]
        pixels = (cam @ np.array(K).reshape(3, 3).T)[:, :2] / cam[:, 2:]
        distance = np.linalg.norm(np.array(points)[:, None] - pixels[None], axis=-1)
        assert sorted(distance.argmin(1)) == list(range(8))
        worst, checked = max(worst, distance.min(1).max()), checked + 1
    assert checked > 5000
    assert worst < 0.5


def test_answer_points_lie_on_the_image(table):
    points = table.column("answer_points").combine_chunks().drop_null().flatten().flatten().to_numpy().reshape(-1, 2)
    assert len(points) > 50_000
    assert (points >= -0.5).all()
    assert (points <= [639.5, 479.5]).all()


def test_paths_start_on_the_object_and_end_just_over_the_target(table):
    """In the picture: the first point within the source's silhouette box; the last no further from the target's than
    what 6 cm of air over its box, and 5 cm between box and mesh, can project to."""
    rows = table.filter(np.array([t == "trajectory" for t in table.column("task").to_pylist()]))
    columns = ("answer_points", "evidence", "camera_K", "T_world_cam")
    for points, evidence, K, T_world_cam in zip(*(rows.column(c).to_pylist() for c in columns), strict=True):
        claim = json.loads(evidence)
        source, target = claim["bbox"]
        assert outside(points[0], source) <= 2
        T = np.linalg.inv(np.array(T_world_cam).reshape(4, 4))
        z = (T @ [*claim["waypoints_m"][-1], 1])[2]
        assert outside(points[-1], target) <= 0.11 * K[0] / z + 2


def outside(point, box) -> float:
    """Pixels from a point to a box along the axis where it is further off; 0 inside."""
    return max(box[0] - point[0], point[0] - box[2], box[1] - point[1], point[1] - box[3], 0.0)
