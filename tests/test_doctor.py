"""The doctor tells what a folder has and lacks, and never falls over a broken one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import OBJECTS, write_tiny_bop

from bopask.bop.doctor import TASKS, examine


def possible(root: Path) -> set[str]:
    return {task for task, why in examine(root).tasks.items() if not why}


def test_a_whole_folder(tmp_path: Path) -> None:
    found = examine(write_tiny_bop(tmp_path / "toy", scene_ids=(0, 4), n_frames=2, w2c=True))
    split = found.splits[0]
    assert (split.name, split.scenes, split.frames, split.instances, split.cameras) == ("train", 2, 4, 12, 1)
    assert dict(split.has) == dict.fromkeys(("images", "depth", "masks", "gt_info", "w2c"), 4)
    assert split.sizes == ((160, 120),) and split.problems == () and found.problems == ()
    assert (found.models.objects, found.models.symmetric, found.models.info) == (3, 3, True)
    assert found.tasks == dict.fromkeys(TASKS, "")
    text = found.text()
    for line in ("train: 2 scenes, 4 frames", "models: 3 objects, 3 with symmetries", "rgb 4, depth 4"):
        assert line in text


def test_what_is_lacking_is_said(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path, images=False, depth=False, masks=False, gt_info=False)
    text = examine(root).text()
    for words in ("rgb 0, depth 0, masks 0, gt_info 0", "from the objects' resting faces", "no images", "casting rays"):
        assert words in text
    assert possible(root) == set(TASKS)  # poses and models are enough


def test_sensors_gray_images_and_K_per_image(tmp_path: Path) -> None:
    K = np.array([[180.0, 0, 79.5], [0, 180, 59.5], [0, 0, 1]])
    found = examine(
        write_tiny_bop(
            tmp_path, sensors=("a", "b"), image_kind="gray", K_of_frame=lambda row: K + row * np.diag([1, 0, 0])
        )
    )
    assert found.splits[0].sensors == ("a", "b") and found.splits[0].gray and found.splits[0].cameras == 3
    assert "sensors: a, b" in found.text() and "gray 6" in found.text()


def test_one_object_leaves_the_tasks_of_one_object(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path, objects=OBJECTS[:1])
    assert possible(root) == {"pose", "grasp"}
    assert "not trajectory, rearrangement, spatial, depth: no frame shows two objects" in examine(root).text()


def test_without_models_or_ground_truth_nothing_is_possible(tmp_path: Path) -> None:
    assert possible(write_tiny_bop(tmp_path / "a", models=None)) == set()
    assert "unpack the dataset's models zip" in examine(tmp_path / "a").text()
    root = write_tiny_bop(tmp_path / "hope", split="test")
    (root / "test" / "000000" / "scene_gt.json").unlink()
    assert possible(root) == set()
    assert "skipped 1: gt_missing" in examine(root).text()


def spoil(scene: Path, models: Path) -> dict[str, Callable[[], Any]]:
    gt = scene / "scene_gt.json"
    return {
        "pose_not_rotation": lambda: gt.write_text(
            json.dumps({**json.loads(gt.read_text()), "1": [{"obj_id": 1, "cam_R_m2c": [0] * 9, "cam_t_m2c": [0] * 3}]})
        ),
        "scene_gt_broken": lambda: gt.write_text('{"0": ['),
        "scene_camera_missing": lambda: (scene / "scene_camera.json").unlink(),
        "image cannot be read": lambda: (scene / "rgb" / "000000.png").write_bytes(b"no"),
        "depth image is empty": lambda: Image.fromarray(np.zeros((120, 160), np.uint16)).save(
            scene / "depth/000000.png"
        ),
        "obj_000002.ply": lambda: (models / "obj_000002.ply").write_text("no mesh"),
        "models_info.json: is not valid JSON": lambda: (models / "models_info.json").write_text("{"),
        "no models_info.json": lambda: (models / "models_info.json").unlink(),
        "fisheye": lambda: (scene / "scene_camera.json").write_text('{"0": {"cam_model": {}}}'),
        "unknown_obj_id": lambda: (models / "obj_000005.ply").unlink(),
    }


@pytest.mark.parametrize("words", spoil(Path(), Path()))
def test_every_kind_of_damage_is_reported_not_raised(tmp_path: Path, words: str) -> None:
    root = write_tiny_bop(tmp_path, scene_ids=(0, 1))
    spoil(root / "train" / "000001", root / "models")[words]()
    found = examine(root)
    assert words in found.text()
    assert found.splits[0].frames < 6 or words in str(found.problems) + str(found.splits[0].problems)


def test_folders_that_are_no_dataset(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nothing"):
        found = examine(root)
        assert found.splits == () and "possible tasks: none" in found.text() and found.problems
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "shard-000000.tar").write_bytes(b"")
    assert "webdataset" in examine(tmp_path).text()


def test_a_refused_split_beside_a_good_one(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path)
    (root / "test").mkdir()
    (root / "test" / "000000_000000.rgb.png").write_bytes(b"")
    found = examine(root)
    assert [split.name for split in found.splits] == ["train"] and "imagewise" in found.text()
    assert possible(root) == set(TASKS)


def test_the_real_frames_are_healthy(ycbv_mini: Path) -> None:
    found = examine(ycbv_mini)
    assert found.problems == () and found.splits[0].problems == ()
    assert (found.splits[0].frames, found.splits[0].instances, found.models.objects) == (16, 69, 21)
    assert found.tasks == dict.fromkeys(TASKS, "")
