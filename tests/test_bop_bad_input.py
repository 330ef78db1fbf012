"""Bad input: strictly, one error that says the file, the frame and what is wrong; with keep_going, the frame is skipped
and counted and the rest of the scene is untouched."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import OBJECTS, write_ply, write_tiny_bop

from bopask.bop import load_depth, load_mask, load_rgb, open_bop
from bopask.errors import InputError
from bopask.geometry.mesh import Mesh, signed_volume
from bopask.nouns import Frame, Skip

IDENTITY = np.eye(3).ravel().tolist()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tiny_bop(tmp_path / "toy", n_frames=3)


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))  # json writes NaN as NaN, as real BOP files hold it


def same(a: Frame, b: Frame) -> bool:
    return a.key == b.key and np.array_equal(a.T_cam_obj, b.T_cam_obj) and a.rgb_path == b.rgb_path


def one_bad_frame(root: Path, file: str, change: Callable[[Any], Any], reason: str, wrong: str) -> None:
    """Spoils frame 1 and checks both ways of reading."""
    dataset = open_bop(root)
    before = dataset.read_scene("train", 0).frames
    edit(root / "train" / "000000" / file, change)
    with pytest.raises(InputError, match=wrong) as caught:
        dataset.read_scene("train", 0)
    assert file in str(caught.value) and "000000/000001" in str(caught.value)
    scene = dataset.read_scene("train", 0, keep_going=True)
    assert scene.skips == (Skip("000000/000001", "read", reason),)
    assert len(scene.frames) == 2
    assert same(scene.frames[0], before[0]) and same(scene.frames[1], before[2])


def set_pose(key: str, value: Any) -> Callable[[Any], Any]:
    return lambda content: content["1"][2].update({key: value})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_pose("cam_R_m2c", [float("nan")] * 9), "pose_not_finite"),
        (set_pose("cam_t_m2c", [0.0, float("inf"), 500.0]), "pose_not_finite"),
        (set_pose("cam_t_m2c", [0.0, None, 500.0]), "pose_not_finite"),
        (set_pose("cam_R_m2c", [0.0] * 9), "pose_not_rotation"),
        (set_pose("cam_R_m2c", [2.0 * x for x in IDENTITY]), "pose_not_rotation"),
        (set_pose("cam_R_m2c", np.diag([1.0, 1, -1]).ravel().tolist()), "pose_not_rotation"),  # a mirror
        (set_pose("cam_R_m2c", [1e200] * 9), "pose_not_rotation"),
        (set_pose("cam_R_m2c", IDENTITY[:8]), "gt_malformed"),
        (set_pose("cam_R_m2c", [*IDENTITY, 0, 0, 0]), "gt_malformed"),
        (set_pose("cam_R_m2c", np.eye(3).tolist()), "gt_malformed"),
        (set_pose("cam_t_m2c", "here"), "gt_malformed"),
        (set_pose("obj_id", 1.5), "gt_malformed"),
        (set_pose("obj_id", "can"), "gt_malformed"),
        (set_pose("obj_id", 2**70), "gt_malformed"),
        (lambda content: content["1"][0].pop("cam_t_m2c"), "gt_malformed"),
        (lambda content: content.update({"1": 7}), "gt_malformed"),
        (lambda content: content.update({"1": None}), "gt_malformed"),
        (set_pose("obj_id", 99), "unknown_obj_id"),
    ],
)
def test_a_bad_pose(root: Path, change: Callable[[Any], Any], reason: str) -> None:
    words = {"pose_not_finite": "NaN", "pose_not_rotation": "rotation", "unknown_obj_id": "no model of obj_id 99"}
    one_bad_frame(root, "scene_gt.json", change, reason, words.get(reason, "missing or not valid"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content.pop("1"), "camera_missing"),
        (lambda content: content["1"].pop("cam_K"), "camera_malformed"),
        (lambda content: content["1"].update(cam_K=[1.0] * 8), "camera_malformed"),
        (lambda content: content["1"].update(cam_K=[float("nan")] * 9), "camera_malformed"),
        (lambda content: content["1"].update(cam_K=[0, 0, 80, 0, 0, 60, 0, 0, 1]), "camera_malformed"),
        (lambda content: content["1"].update(depth_scale=0), "camera_malformed"),
        (lambda content: content["1"].update(depth_scale=[0.1]), "camera_malformed"),
        (lambda content: content.update({"1": None}), "camera_malformed"),
    ],
)
def test_a_bad_camera(root: Path, change: Callable[[Any], Any], reason: str) -> None:
    one_bad_frame(root, "scene_camera.json", change, reason, "camera|cam_K")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["1"].pop(),
        lambda content: content["1"][0].update(visib_fract="all of it"),
        lambda content: content.update({"1": 3}),
    ],
)
def test_a_bad_gt_info(root: Path, change: Callable[[Any], Any]) -> None:
    one_bad_frame(root, "scene_gt_info.json", change, "gt_info_malformed", "does not match")


def test_two_bad_frames_are_two_skips_and_a_frame_is_skipped_once(root: Path) -> None:
    def change(content: Any) -> None:
        content["0"][0]["obj_id"] = 99
        content["0"][1]["cam_R_m2c"] = [float("nan")] * 9
        content["2"][0].pop("obj_id")

    edit(root / "train" / "000000" / "scene_gt.json", change)
    scene = open_bop(root).read_scene("train", 0, keep_going=True)
    assert scene.skips == (
        Skip("000000/000000", "read", "pose_not_finite"),
        Skip("000000/000002", "read", "gt_malformed"),
    )
    assert [frame.key.frame_id for frame in scene.frames] == [1]


def test_a_frame_without_objects_is_an_expected_no(root: Path) -> None:
    edit(root / "train" / "000000" / "scene_gt.json", lambda content: content.update({"1": []}))
    for keep_going in (False, True):
        scene = open_bop(root).read_scene("train", 0, keep_going=keep_going)
        assert scene.skips == (Skip("000000/000001", "read", "no_objects"),) and len(scene.frames) == 2


@pytest.mark.parametrize("file", ["scene_gt.json", "scene_camera.json", "scene_gt_info.json"])
@pytest.mark.parametrize("content", ["", '{"0": [{"obj_id": 1, "cam_R_', "[1, 2]", "null", '{"first": []}', "\xff\xfe"])
def test_a_broken_file_costs_its_scene_and_no_other(tmp_path: Path, file: str, content: str) -> None:
    dataset = open_bop(write_tiny_bop(tmp_path, scene_ids=(0, 1), images=False, depth=False, masks=False))
    (tmp_path / "train" / "000001" / file).write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=r"000001.*(JSON|table)") as caught:
        dataset.read_scene("train", 1)
    assert file in caught.value.path and "Repair or download" in caught.value.fix
    scene = dataset.read_scene("train", 1, keep_going=True)
    assert scene.frames == () and scene.skips == (Skip("000001", "read", f"{file[:-5]}_broken"),)
    assert len(dataset.read_scene("train", 0).frames) == 3


@pytest.mark.parametrize(("file", "reason"), [("scene_gt", "gt_missing"), ("scene_camera", "scene_camera_missing")])
def test_a_missing_file(root: Path, file: str, reason: str) -> None:
    (root / "train" / "000000" / f"{file}.json").unlink()
    with pytest.raises(InputError, match=r"no scene_gt|missing"):
        open_bop(root).read_scene("train", 0)
    assert open_bop(root).read_scene("train", 0, keep_going=True).skips == (Skip("000000", "read", reason),)


def test_private_ground_truth_is_named(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path / "hope", split="test")
    (root / "test" / "000000" / "scene_gt.json").unlink()
    with pytest.raises(InputError, match="ground truth of hope/test is not public"):
        open_bop(root).read_scene("test", 0)


def test_one_bad_sensor_leaves_the_other(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path, sensors=("a", "b"), n_frames=2)
    (root / "train" / "000000" / "scene_gt_b.json").write_text("{")
    scene = open_bop(root).read_scene("train", 0, keep_going=True)
    assert {frame.key.sensor for frame in scene.frames} == {"a"} and len(scene.frames) == 2
    assert scene.skips == (Skip("000000/b", "read", "scene_gt_broken"),)


def test_a_folder_that_is_a_file(root: Path) -> None:
    scene = root / "train" / "000000"
    (scene / "depth").rename(scene / "elsewhere")
    (scene / "depth").write_text("")
    with pytest.raises(InputError, match=r"depth.*cannot be listed"):
        open_bop(root).read_scene("train", 0)
    skips = open_bop(root).read_scene("train", 0, keep_going=True).skips
    assert skips == (Skip("000000", "read", "folder_unreadable"),)


def test_the_image_size_must_be_known(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path, images=False, depth=False, camera_json=False)
    with pytest.raises(InputError, match="image size is not known"):
        open_bop(root).read_scene("train", 0)
    (root / "camera.json").write_text('{"width": "wide"}')
    with pytest.raises(InputError, match=r"camera\.json.*width and height"):
        open_bop(root).read_scene("train", 0)
    skips = open_bop(root).read_scene("train", 0, keep_going=True).skips
    assert skips == (Skip("000000", "read", "camera_broken"),)


# -- folders ------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_none_and_one_without_splits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        open_bop(tmp_path / "nothing")
    with pytest.raises(InputError, match="no split"):
        open_bop(tmp_path)


def test_the_folder_that_was_meant_is_named(root: Path) -> None:
    with pytest.raises(InputError, match="is a split itself"):
        open_bop(root / "train")
    with pytest.raises(InputError, match=f"Did you mean {root}"):
        open_bop(root.parent)


def test_an_empty_split_and_one_that_is_not_there(root: Path) -> None:
    (root / "val").mkdir()
    with pytest.raises(InputError, match=r"no scene folders.*train"):
        open_bop(root).scene_ids("val")
    with pytest.raises(InputError, match=r"no such split.*train"):
        open_bop(root).read_scene("test", 0)
    with pytest.raises(InputError, match="no scene 5"):
        open_bop(root).read_scene("train", 5)
    (root / "train" / "000005").mkdir()  # a scene folder with nothing in it is not silently passed over
    assert open_bop(root).read_scene("train", 5, keep_going=True).skips[0].reason == "gt_missing"


# -- images -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rgb", "depth", "mask_visib"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "missing"])
def test_a_damaged_image_is_one_clear_error(root: Path, kind: str, damage: str) -> None:
    frame = open_bop(root).read_scene("train", 0).frames[1]
    path = {"rgb": frame.rgb_path, "depth": frame.depth_path, "mask_visib": frame.mask_visib_paths[0]}[kind]
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "text": b"not an image"}[damage])
    load = {"rgb": lambda: load_rgb(path), "depth": lambda: load_depth(frame), "mask_visib": lambda: load_mask(path)}
    with pytest.raises(InputError, match="image cannot be read") as caught:
        load[kind]()
    assert caught.value.path == str(path)
    assert len(open_bop(root).read_scene("train", 0).frames) == 3  # reading poses decodes no image


def test_depth_of_all_zeros_is_depth_of_nothing(root: Path) -> None:
    frame = open_bop(root).read_scene("train", 0).frames[0]
    Image.fromarray(np.zeros((120, 160), np.uint16)).save(frame.depth_path)
    assert not load_depth(frame).any()


def test_depth_of_another_size_or_in_colour_or_absent(root: Path) -> None:
    frame = open_bop(root).read_scene("train", 0).frames[0]
    for wrong in (np.zeros((60, 80), np.uint16), np.zeros((120, 160, 3), np.uint8)):
        Image.fromarray(wrong).save(frame.depth_path)
        with pytest.raises(InputError, match="shape"):
            load_depth(frame)
    with pytest.raises(InputError, match="no depth"):
        load_depth(replace(frame, depth_path=None))


# -- models -------------------------------------------------------------------------------------------------------


def test_no_models(root: Path) -> None:
    for path in (root / "models").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="no object models"):
        open_bop(root).models()


def ply(vertices: str, faces: str = "", n: int = 3, f: int = 0) -> str:
    head = f"ply\nformat ascii 1.0\nelement vertex {n}\nproperty float x\nproperty float y\nproperty float z\n"
    return f"{head}element face {f}\nproperty list uchar int vertex_indices\nend_header\n{vertices}{faces}"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("", "cannot be read|empty"),
        ("not a mesh", "cannot be read|empty"),
        (ply("", n=0), "cannot be read|empty"),
        (ply("0 0 0\n1 0 0\n0 1 0\n"), "no faces|cannot be read"),
        (ply("0 0 0\nnan 0 0\n0 1 0\n", "3 0 1 2\n", f=1), "NaN"),
        (ply("0 0 0\n1 0 0\n0 1 0\n", "3 0 1 7\n", f=1), "not there|cannot be read"),
        (ply("0 0 0\n1 0 0\n", "3 0 1 2\n", f=1), "cannot be read|no faces"),
    ],
)
def test_a_mesh_that_is_none(root: Path, content: str, wrong: str) -> None:
    (root / "models" / "obj_000002.ply").write_text(content)
    models = open_bop(root).models()
    with pytest.raises(InputError, match=wrong) as caught:
        models[2]
    assert "obj_000002.ply" in caught.value.path
    assert models[1].obj_id == 1  # the others are untouched


def test_a_truncated_binary_mesh(root: Path, ycbv_mini: Path) -> None:
    content = (ycbv_mini / "models" / "obj_000001.ply").read_bytes()
    for share in (0.05, 0.5, 0.98):
        (root / "models" / "obj_000002.ply").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(InputError, match=r"obj_000002\.ply"):
            open_bop(root).models()[2]


def test_a_mesh_turned_inside_out_is_turned_back_and_noted(root: Path) -> None:
    mesh = OBJECTS[1].mesh
    write_ply(root / "models" / "obj_000002.ply", Mesh(mesh.vertices, mesh.faces[:, ::-1]))
    models = open_bop(root).models()
    assert signed_volume(models[2].mesh) == pytest.approx(signed_volume(mesh)) and signed_volume(mesh) > 0
    assert models[1] is not None
    assert models.notes == (Skip("obj_000002.ply", "models", "mesh_inside_out"),)


def test_an_open_surface_has_no_inside_and_is_left_alone(root: Path) -> None:
    mesh = OBJECTS[1].mesh
    write_ply(root / "models" / "obj_000002.ply", Mesh(mesh.vertices, mesh.faces[2:, ::-1]))
    models = open_bop(root).models()
    np.testing.assert_array_equal(models[2].mesh.faces, mesh.faces[2:, ::-1])
    assert models.notes == ()


def test_metres_where_millimetres_should_be(root: Path) -> None:
    write_ply(root / "models" / "obj_000002.ply", OBJECTS[1].mesh, scale=1.0)
    with pytest.raises(InputError, match=r"models_info.*Take both from one archive, in millimetres"):
        open_bop(root).models()[2]


@pytest.mark.parametrize(
    "change",
    [
        {"symmetries_discrete": [[1, 2, 3]]},
        {"symmetries_discrete": [(2 * np.eye(4)).ravel().tolist()]},
        {"symmetries_continuous": [{"offset": [0, 0, 0]}]},
        {"symmetries_continuous": [{"axis": [0, 0, 0]}]},
        {"symmetries_continuous": "z"},
        {"size_x": "wide"},
    ],
)
def test_a_models_info_that_makes_no_sense(root: Path, change: dict[str, Any]) -> None:
    edit(root / "models" / "models_info.json", lambda content: content["5"].update(change))
    with pytest.raises(InputError, match=r"models_info\.json"):
        open_bop(root).models()[5]


@pytest.mark.parametrize("content", ["{", "[]", '{"1": 3}', '{"can": {}}'])
def test_a_broken_models_info(root: Path, content: str) -> None:
    (root / "models" / "models_info.json").write_text(content)
    with pytest.raises(InputError, match=r"models_info\.json"):
        open_bop(root).models()[1]
