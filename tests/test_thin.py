"""Laws of thinning: what is left out is shown by what is kept, and nothing that is kept is shown twice."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import layout_of, ring, table_scene

from bopask.cli import main
from bopask.geometry import se3
from bopask.nouns import Camera
from bopask.world.thin import distinct


def shaken(seed: int, n: int, metres: float):
    """Models, and an arrangement seen by a few cameras, each again and again from slightly elsewhere."""
    models, layout = table_scene(seed, n)
    rng = np.random.default_rng(seed)
    cameras = np.array(ring(3, radius=rng.uniform(0.3, 0.7)))[rng.integers(0, 3, 12)]
    cameras[:, :3, 3] += rng.normal(0, metres, (12, 3)) * (rng.random(12) < 0.7)[:, None]
    return models, layout_of(models, layout.obj_ids, layout.T_world_obj, cameras).arrangement


def apart(a, b, models) -> float:
    """Pixels between the corners of two frames' boxes, by P = K [R|t]; infinite if other objects are in view."""
    farthest = 0.0
    for i, obj_id in enumerate(a.obj_ids):
        corners = np.vstack([models[int(obj_id)].mesh.vertices.T, np.ones(8)])
        seen = [frame.camera.K @ frame.T_cam_obj[i, :3] @ corners for frame in (a, b)]
        pixels = [(p[:2] / p[2]).T for p in seen]
        views = [
            bool((p[2] > 0).all() and ((at >= -0.5) & (at <= [639.5, 479.5])).all(1).any())
            for p, at in zip(seen, pixels, strict=True)
        ]
        if views[0] != views[1]:
            return np.inf
        if all(views):
            farthest = max(farthest, np.abs(pixels[0] - pixels[1]).max())
    return farthest


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([0.001, 0.01, 0.1]), st.floats(0.0, 60.0))
def test_what_is_left_out_is_shown_by_one_kept_before_and_nothing_kept_is_shown_twice(seed, n, metres, pixels):
    models, arrangement = shaken(seed, n, metres)
    kept = distinct(arrangement, models, pixels).tolist()
    shown = {(i, j): apart(arrangement.frames[i], arrangement.frames[j], models) for j in range(12) for i in range(j)}
    for j in range(12):
        nearest = min((shown[i, j] for i in kept if i < j), default=np.inf)
        assert nearest > pixels - 1e-6 if j in kept else nearest <= pixels + 1e-6


def test_the_same_picture_again_is_left_out_and_another_size_is_not():
    models, layout = table_scene(1, 4)
    arrangement = layout.arrangement.only(np.array([2, 2, 0, 2, 2]))
    assert distinct(arrangement, models, 0).tolist() == [0, 2]
    *others, last = arrangement.frames
    larger = replace(last, camera=Camera(last.camera.K, 800, 480))
    assert distinct(replace(arrangement, frames=(*others, larger)), models, 0).tolist() == [0, 2, 4]


def test_symmetric_poses_of_one_scene_are_no_other_picture():
    """An arrangement's frames may turn a symmetric object about its axis: each has ground truth of its own."""
    models, layout = table_scene(1, 4)
    arrangement = layout.arrangement.only(np.array([0, 0]))
    turned = arrangement.frames[1].T_cam_obj @ se3.se3(se3.rotation_about(np.array([0, 0, 1.0]), 1.0), np.zeros(3))
    frames = (arrangement.frames[0], replace(arrangement.frames[1], T_cam_obj=turned))
    assert distinct(replace(arrangement, frames=frames), models, 0).tolist() == [0]


def test_frames_that_are_left_out_are_counted_and_told_and_the_rest_is_proved(sample, tmp_path, capsys):
    """The sample's views are far apart: so many pixels leave those that differ in what is in view."""
    out = tmp_path / "out"
    thin = ("generate", str(sample), "--split", "train", "--tasks", "pose,depth", "--out", str(out), "--thin", "300")
    assert main([*thin]) == 0
    rows = pq.read_table(sorted((out / "data").glob("*.parquet")), columns=["scene_id", "frame_id"]).to_pylist()
    kept = {(row["scene_id"], row["frame_id"]) for row in rows}
    assert 4 <= len(kept) < 20 and {(scene, 0) for scene, _ in kept} <= kept
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert manifest["counts"]["frames"] == len(kept)
    assert manifest["skips"]["thin"] == {"near_duplicate": 20 - len(kept)}
    assert f"{20 - len(kept)} frames that show the same as others were left out" in capsys.readouterr().out
    assert main(["verify", str(out), "--all", "--bop", str(sample)]) == 0


@pytest.mark.parametrize("pixels", ["-1", "nan", "inf"])
def test_pixels_that_are_none_are_refused(pixels, sample, tmp_path, capsys):
    assert main(["generate", str(sample), "--split", "train", "--out", str(tmp_path / "out"), "--thin", pixels]) == 2
    assert "--thin" in capsys.readouterr().err
