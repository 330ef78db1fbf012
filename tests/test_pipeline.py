"""The whole line, end to end: on the embedded sample, on real frames, from the command line."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from bopask.ask.tasks import TASKS
from bopask.cli import main


def generate(folder: Path, out: Path, split: str, *more: str) -> list[dict]:
    assert main(["generate", str(folder), "--split", split, "--out", str(out), *more]) == 0
    return rows_in(out)


def rows_in(out: Path) -> list[dict]:
    return pq.read_table(sorted((out / "data").glob("*.parquet"))).to_pylist()


def digest(out: Path) -> dict[str, str]:
    files = [p for p in sorted(out.rglob("*")) if p.is_file()]
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="session")
def demo(sample, tmp_path_factory) -> Path:
    """The embedded sample through the whole line."""
    out = tmp_path_factory.mktemp("demo") / "out"
    generate(sample, out, "train")
    return out


@pytest.fixture(scope="session")
def mini(ycbv_mini, tmp_path_factory) -> Path:
    """The sixteen real frames through the whole line."""
    out = tmp_path_factory.mktemp("mini") / "out"
    generate(ycbv_mini, out, "train_real")
    return out


def test_the_sample_gives_all_six_tasks(demo):
    tasks = Counter(row["task"] for row in rows_in(demo))
    assert set(tasks) == set(TASKS)
    manifest = json.loads((demo / "manifest.json").read_bytes())
    assert {task: of["rows"] for task, of in manifest["counts"]["tasks"].items()} == dict(tasks)
    assert manifest["counts"]["rows"] == sum(tasks.values())


def test_nothing_is_left_behind(demo):
    assert sorted(p.name for p in demo.iterdir()) == ["README.md", "candidates", "data", "manifest.json", "report.html"]


def test_it_loads_in_one_line(demo, tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = datasets.load_dataset(str(demo), split="train", cache_dir=str(tmp_path))
    assert len(rows) == len(rows_in(demo))
    assert rows[0] == rows_in(demo)[0]


def test_same_bytes_whatever_the_workers_and_on_a_second_run(demo, sample):
    again = demo.parent / "again"
    shutil.copytree(demo.parent / "out.cache" / "grasps", demo.parent / "again.cache" / "grasps")
    generate(sample, again, "train", "--workers", "2")
    assert digest(again) == digest(demo)


def test_a_killed_run_resumes_to_the_same_bytes(demo, sample):
    out = demo.parent / "resumed"
    out_cache = demo.parent / "resumed.cache"
    shutil.copytree(demo.parent / "out.cache", out_cache)
    from bopask import pipeline

    calls = []

    def killed(output, job, unit):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(unit)
        original(output, job, unit)

    original = pipeline.generate_unit
    pipeline.generate_unit = killed
    try:
        assert main(["generate", str(sample), "--split", "train", "--out", str(out)]) == 130
    finally:
        pipeline.generate_unit = original
    assert (out / ".work").is_dir()
    generate(sample, out, "train")
    assert digest(out) == digest(demo)


def test_a_complete_run_is_left_alone_and_another_is_not_overwritten(demo, sample, capsys):
    before = digest(demo)
    assert main(["generate", str(sample), "--split", "train", "--out", str(demo)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert main(["generate", str(sample), "--split", "train", "--out", str(demo), "--seed", "1"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert digest(demo) == before


def test_another_seed_asks_in_other_words(demo, sample):
    other = demo.parent / "seed"
    shutil.copytree(demo.parent / "out.cache", demo.parent / "seed.cache")
    rows = generate(sample, other, "train", "--seed", "1", "--tasks", "pose,depth")
    assert {row["task"] for row in rows} == {"pose", "depth"}
    assert {row["question"] for row in rows} != {r["question"] for r in rows_in(demo) if r["task"] in ("pose", "depth")}


def test_pictures_can_be_put_into_the_rows(sample, demo):
    out = demo.parent / "embedded"
    rows = generate(
        sample,
        out,
        "train",
        "--embed-images",
        "--scenes",
        "1",
        "--tasks",
        "spatial",
        "--cache",
        str(demo.parent / "out.cache"),
    )
    assert all(row["image"]["bytes"] == (sample / row["image"]["path"]).read_bytes() for row in rows)
    pictures = {row["image"]["path"]: len(row["image"]["bytes"]) for row in rows}
    shard = next((out / "data").glob("*.parquet"))
    assert shard.stat().st_size < 2 * sum(pictures.values()) + 300_000  # once a row group, not once a row


def test_look_alikes_are_told_apart_by_position(demo):
    phrases = [
        row["question"] for row in rows_in(demo) if "most " in row["question"] or " from the left" in row["question"]
    ]
    assert phrases


def test_plan_expects_about_what_generate_gives(demo, sample, capsys):
    assert main(["plan", str(sample), "--split", "train", "--cache", str(demo.parent / "out.cache")]) == 0
    text = capsys.readouterr().out
    rows = len(rows_in(demo))
    expected = int(text.split("about ")[1].split(" ")[0].replace(",", ""))
    assert abs(expected - rows) <= 0.02 * rows  # every layout of the sample is in the plan's sample


def test_show_draws_one_row(demo, tmp_path, capsys):
    row = rows_in(demo)[0]
    png = tmp_path / "row.png"
    assert main(["show", str(demo), "--id", row["id"], "--png", str(png)]) == 0
    assert png.stat().st_size > 10_000
    assert row["answer"] in capsys.readouterr().out
    assert main(["show", str(demo), "--id", "0" * 24]) == 2


def test_what_must_move_is_pointed_at_on_its_visible_surface(demo, sample):
    from PIL import Image

    asked = [row for row in rows_in(demo) if row["task"] == "rearrangement"]
    assert len({(row["scene_id"], row["frame_id"]) for row in asked}) >= 3
    for row in asked:
        masks = sample / "train" / f"{row['scene_id']:06d}" / "mask_visib"
        for (u, v), instance in zip(row["answer_points"], row["instances"][1:], strict=True):
            mask = np.array(Image.open(masks / f"{row['frame_id']:06d}_{instance:06d}.png"))
            assert mask[round(v), round(u)] > 0


def test_what_cannot_be_grasped_yet_has_its_candidates_beside_it(demo):
    asked = [row for row in rows_in(demo) if row["task"] == "rearrangement"]
    files = {path.stem: pq.read_table(path) for path in (demo / "candidates").iterdir()}
    for row in asked:
        layout = json.loads(files[row["layout"]].schema.metadata[b"layout"])
        target = row["instances"][0]  # rows of scene_gt are the slots in the sample, whose objects keep their order
        assert target in files[row["layout"]].column("target").to_pylist()
        assert layout["obj_ids"][target] == json.loads(row["evidence"])["peeling"][-1]["obj_id"]


def test_real_frames_every_corner_within_half_a_pixel_of_an_independent_projection(mini, ycbv_mini):
    """Straight from BOP's files: the model's extent and the frame's own pose and K, nothing of bopask."""
    info = json.loads((ycbv_mini / "models" / "models_info.json").read_bytes())
    checked = 0
    for row in rows_in(mini):
        if row["task"] != "pose":
            continue
        scene = ycbv_mini / "train_real" / f"{row['scene_id']:06d}"
        gt = json.loads((scene / "scene_gt.json").read_bytes())[str(row["frame_id"])][row["instances"][0]]
        K = np.array(json.loads((scene / "scene_camera.json").read_bytes())[str(row["frame_id"])]["cam_K"]).reshape(
            3, 3
        )
        model = info[str(gt["obj_id"])]
        if "symmetries_continuous" in model:
            continue  # its box has no angle of its own: see the next test
        low = np.array([model["min_x"], model["min_y"], model["min_z"]])
        corners = low + np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T * [
            model["size_x"],
            model["size_y"],
            model["size_z"],
        ]
        cam = corners @ np.array(gt["cam_R_m2c"]).reshape(3, 3).T + gt["cam_t_m2c"]
        pixels = (cam @ K.T)[:, :2] / cam[:, 2:]
        distance = np.linalg.norm(np.array(row["answer_points"])[:, None] - pixels[None], axis=-1)
        assert distance.min(1).max() < 0.5
        assert sorted(distance.argmin(1)) == list(range(8))
        checked += 1
    assert checked > 30


def test_real_frames_round_objects_fill_their_boxes(mini, ycbv_mini):
    """No vertex sticks out of a box, and no side of a box stands off its object."""
    from bopask.bop.folder import open_bop

    models = open_bop(ycbv_mini).models()
    for row in rows_in(mini):
        if row["task"] != "pose":
            continue
        scene = ycbv_mini / "train_real" / f"{row['scene_id']:06d}"
        gt = json.loads((scene / "scene_gt.json").read_bytes())[str(row["frame_id"])][row["instances"][0]]
        evidence = json.loads(row["evidence"])
        R = np.array(gt["cam_R_m2c"]).reshape(3, 3)
        cam = models[gt["obj_id"]].mesh.vertices @ R.T + np.array(gt["cam_t_m2c"]) / 1000
        T_cam_box = np.array(evidence["T_cam_box"])
        inside = np.abs((cam - T_cam_box[:3, 3]) @ T_cam_box[:3, :3])
        half = np.array(evidence["size_m"]) / 2
        assert (inside <= half + 0.002).all()  # no vertex sticks out
        assert (inside.max(0) >= half * 0.97 - 0.001).all()  # no side stands off


def test_real_frames_corner_order_is_bottom_first_and_counter_clockwise_from_above(mini):
    for row in rows_in(mini):
        if row["task"] != "pose":
            continue
        evidence = json.loads(row["evidence"])
        R_world_box = np.array(row["T_world_cam"]).reshape(4, 4)[:3, :3] @ np.array(evidence["T_cam_box"])[:3, :3]
        assert R_world_box[2, 2] > 0.5  # the box's z points up
        assert np.linalg.det(R_world_box) == pytest.approx(1, abs=1e-4)


def test_real_frames_names_are_the_reviewed_ones(mini):
    manifest = json.loads((mini / "manifest.json").read_bytes())
    assert "no_reviewed_name" not in manifest["skips"].get("name", {})


def test_every_expected_no_is_counted(mini):
    manifest = json.loads((mini / "manifest.json").read_bytes())
    assert all(number > 0 for stage in manifest["skips"].values() for number in stage.values())
    assert set(manifest["skips"]) & {"pose", "trajectory", "spatial"}
