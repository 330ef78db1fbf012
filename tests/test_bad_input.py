"""Bad input from the command line: exit code 2 and one clear line.

With --keep-going: one counted skip, and the rest untouched.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from test_pointing import says, server, waits  # noqa: F401
from tiny import OBJECTS, write_tiny_bop

from bopask.cli import main

BAD = 1
"""The frame that is made bad; frames 0 and 2 stay good."""


def edit(path: Path, change: Callable[[dict], None]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def gt(root: Path) -> Path:
    return root / "train" / "000000" / "scene_gt.json"


def nan_pose(root: Path) -> None:
    edit(gt(root), lambda d: d[str(BAD)][0].update(cam_t_m2c=[float("nan"), 0, 500]))


def mirrored_pose(root: Path) -> None:
    edit(gt(root), lambda d: d[str(BAD)][0].update(cam_R_m2c=[-1, 0, 0, 0, 1, 0, 0, 0, 1]))


def unknown_object(root: Path) -> None:
    edit(gt(root), lambda d: d[str(BAD)][0].update(obj_id=77))


def missing_camera(root: Path) -> None:
    edit(root / "train" / "000000" / "scene_camera.json", lambda d: d.pop(str(BAD)))


def truncated_depth(root: Path) -> None:
    file = root / "train" / "000000" / "depth" / f"{BAD:06d}.png"
    file.write_bytes(file.read_bytes()[:200])


FRAME_FAULTS = [nan_pose, mirrored_pose, unknown_object, missing_camera, truncated_depth]


def generate(root: Path, out: Path, *more: str) -> int:
    return main(["generate", str(root), "--split", "train", "--out", str(out), "--tasks", "pose,spatial,depth", *more])


def rows_in(out: Path) -> list[dict]:
    return pq.read_table(sorted((out / "data").glob("*.parquet"))).to_pylist()


def one_line(capsys) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bopask:")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("fault", FRAME_FAULTS)
def test_a_bad_frame_stops_the_run_or_is_skipped_and_counted(fault, tmp_path, capsys):
    good, bad = write_tiny_bop(tmp_path / "good" / "set"), write_tiny_bop(tmp_path / "bad" / "set")
    fault(bad)
    assert generate(bad, tmp_path / "strict") == 2
    assert "000000" in one_line(capsys)
    assert not (tmp_path / "strict" / "manifest.json").exists()
    assert generate(good, tmp_path / "whole") == 0
    assert generate(bad, tmp_path / "kept", "--keep-going") == 0
    manifest = json.loads((tmp_path / "kept" / "manifest.json").read_bytes())
    assert sum(manifest["skips"]["read"].values()) == 1
    assert manifest["counts"]["frames"] == 2
    # words are drawn a block, so they may differ; who is asked about and the answers may not
    key = lambda row: (row["frame_id"], row["task"], row["subtask"], *row["instances"], row["answer"])  # noqa: E731
    whole = sorted(key(row) for row in rows_in(tmp_path / "whole") if row["frame_id"] != BAD)
    assert sorted(key(row) for row in rows_in(tmp_path / "kept")) == whole
    assert whole


def broken_json(root: Path) -> None:
    gt(root).write_text('{"0": [{"cam_R')


def missing_file(root: Path) -> None:
    (root / "train" / "000000" / "scene_camera.json").unlink()


@pytest.mark.parametrize("fault", [broken_json, missing_file])
def test_a_bad_scene_stops_the_run_or_is_skipped_and_counted(fault, tmp_path, capsys):
    root = write_tiny_bop(tmp_path / "set", scene_ids=(0, 1))
    fault(root)
    assert generate(root, tmp_path / "strict") == 2
    assert "scene_" in one_line(capsys)
    assert generate(root, tmp_path / "kept", "--keep-going") == 0
    assert {row["scene_id"] for row in rows_in(tmp_path / "kept")} == {1}
    assert sum(json.loads((tmp_path / "kept" / "manifest.json").read_bytes())["skips"]["read"].values()) >= 1


def test_an_empty_mesh_stops_the_run_or_its_frames_are_skipped(tmp_path, capsys):
    root = write_tiny_bop(tmp_path / "set")
    ply = root / "models" / "obj_000001.ply"
    head = "ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nproperty float y\nproperty float z\n"
    ply.write_text(head + "element face 0\nproperty list uchar int vertex_indices\nend_header\n")
    assert generate(root, tmp_path / "strict") == 2
    assert "obj_000001.ply" in one_line(capsys)
    assert generate(root, tmp_path / "kept", "--keep-going") == 0
    manifest = json.loads((tmp_path / "kept" / "manifest.json").read_bytes())
    assert manifest["skips"]["read"]["bad_model"] == 3
    assert manifest["counts"]["rows"] == 0


def test_an_inverted_mesh_is_turned_back(tmp_path):
    root = write_tiny_bop(tmp_path / "set")
    ply = root / "models" / "obj_000001.ply"
    lines = ply.read_text().splitlines()
    turned = [
        f"3 {' '.join(line.split()[:0:-1])}" if line.startswith("3 ") and len(line.split()) == 4 else line
        for line in lines
    ]
    assert turned != lines
    assert generate(root, tmp_path / "a") == 0
    ply.write_text("\n".join(turned) + "\n")
    assert generate(root, tmp_path / "b") == 0
    assert [r["answer"] for r in rows_in(tmp_path / "a")] == [r["answer"] for r in rows_in(tmp_path / "b")]


def test_depth_without_a_single_value_leaves_the_other_source_of_up(tmp_path):
    from PIL import Image

    root = write_tiny_bop(tmp_path / "set")
    for file in (root / "train" / "000000" / "depth").iterdir():
        with Image.open(file) as image:
            blank = Image.new(image.mode, image.size)
        blank.save(file)
    assert generate(root, tmp_path / "out") == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest["layouts"][0]["world"]["source"] == "resting"


def test_an_object_behind_the_camera_is_not_asked_about(tmp_path):
    root = write_tiny_bop(tmp_path / "set")
    edit(gt(root), lambda d: d[str(BAD)][0].update(cam_t_m2c=[0, 0, -500]))
    assert generate(root, tmp_path / "out") == 0
    asked = {(row["frame_id"], i) for row in rows_in(tmp_path / "out") for i in row["instances"]}
    assert (BAD, 0) not in asked
    assert (0, 0) in asked


def test_a_frame_with_one_object(tmp_path):
    root = write_tiny_bop(tmp_path / "set", objects=OBJECTS[:1])
    assert generate(root, tmp_path / "out") == 0
    assert {row["task"] for row in rows_in(tmp_path / "out")} <= {"pose"}


def test_an_empty_split_and_a_missing_one(tmp_path, capsys):
    root = write_tiny_bop(tmp_path / "set")
    (root / "test").mkdir()
    assert main(["generate", str(root), "--split", "test", "--out", str(tmp_path / "out")]) == 2
    assert "test" in one_line(capsys)
    assert main(["generate", str(root), "--split", "val", "--out", str(tmp_path / "out")]) == 2
    assert "val" in one_line(capsys)
    assert main(["generate", str(root / "nowhere"), "--split", "train", "--out", str(tmp_path / "out")]) == 2
    assert "nowhere" in one_line(capsys)


def test_an_unwritable_output(tmp_path, capsys):
    root = write_tiny_bop(tmp_path / "set")
    (tmp_path / "file").write_text("")
    assert generate(root, tmp_path / "file" / "out") == 2
    assert "cannot be written" in one_line(capsys)
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize(
    "words", [["--tasks", "juggling"], ["--scenes", "9"], ["--workers", "0"], ["--up", "guess"], ["--up", "pointing"]]
)
def test_wrong_arguments_say_what_is_right(words, tmp_path, capsys):
    root = write_tiny_bop(tmp_path / "set")
    assert generate(root, tmp_path / "out", *words) == 2
    assert one_line(capsys)


def test_a_damaged_picture_does_not_cost_the_report(tmp_path):
    root = write_tiny_bop(tmp_path / "set")
    for file in (root / "train" / "000000" / "rgb").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert generate(root, tmp_path / "out") == 0
    assert "cannot be read" in (tmp_path / "out" / "report.html").read_text()


def test_up_may_come_from_a_model_that_points_at_the_table(tmp_path, server, waits):  # noqa: F811
    root = write_tiny_bop(tmp_path / "set")
    points = [{"point": [y, x]} for y in (700, 900, 970) for x in (40, 120, 880, 960)]
    server.answer = lambda request: says(json.dumps(points))
    words = ["--up", "pointing", "--vlm-url", server.url, "--vlm-model", "fake"]
    assert generate(root, tmp_path / "out", *words) == 0
    world = json.loads((tmp_path / "out" / "manifest.json").read_bytes())["layouts"][0]["world"]
    assert world["source"] == "pointing"
    assert world["confidence"] >= 0.5


def test_moving_objects_give_one_layout_a_frame(tmp_path):
    root = write_tiny_bop(tmp_path / "set")

    def move(data: dict) -> None:
        for k, frame in enumerate(data.values()):
            frame[0]["cam_t_m2c"][0] += 30 * k

    edit(gt(root), move)
    assert generate(root, tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["counts"]["layouts"] == 3
