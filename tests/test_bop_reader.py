"""What is written as BOP reads back equal; every quirk of the format is survived; the real frames read in full."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import OBJECTS, SIZE, K, box, cameras, write_ply, write_tiny_bop

from bopask.bop import load_depth, load_mask, load_rgb, open_bop
from bopask.errors import UnsupportedError
from bopask.geometry.camera import project, unproject
from bopask.geometry.mesh import signed_volume
from bopask.geometry.se3 import inverse, is_rotation, transform
from bopask.nouns import Frame, FrameKey


def edit(path: Path, change: Any) -> None:
    """Rewrites a JSON file with what `change` returns or leaves of its content."""
    content = json.loads(path.read_text())
    changed = change(content)
    path.write_text(json.dumps(content if changed is None else changed))


def frames(root: Path, split: str = "train", scene_id: int = 0) -> tuple[Frame, ...]:
    scene = open_bop(root).read_scene(split, scene_id)
    assert scene.skips == ()
    return scene.frames


# -- laws ---------------------------------------------------------------------------------------------------------


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    dataset = open_bop(write_tiny_bop(tmp_path / "toy", scene_ids=(0, 7), n_frames=4, w2c=True))
    assert (dataset.name, dataset.splits, dataset.scene_ids("train")) == ("toy", ("train",), (0, 7))
    for scene_id in (0, 7):
        scene = dataset.read_scene("train", scene_id)
        assert [frame.key for frame in scene.frames] == [FrameKey(scene_id, i) for i in range(4)]
        for frame, T_world_cam in zip(scene.frames, cameras(4, scene_id), strict=True):
            expected = [inverse(T_world_cam) @ thing.T_world_obj for thing in OBJECTS]
            np.testing.assert_allclose(frame.T_cam_obj, expected, atol=1e-12)
            np.testing.assert_allclose(frame.T_cam_w2c, inverse(T_world_cam), atol=1e-12)
            assert frame.obj_ids.tolist() == [1, 2, 5]
            assert (frame.camera.width, frame.camera.height) == SIZE
            np.testing.assert_array_equal(frame.camera.K, K)


def test_depth_puts_the_support_at_height_zero_and_masks_cover_the_objects(tmp_path: Path) -> None:
    for frame in frames(write_tiny_bop(tmp_path, w2c=True)):
        depth, rgb = load_depth(frame), load_rgb(frame.rgb_path)
        masks = np.stack([load_mask(path) for path in frame.mask_visib_paths])
        assert depth.dtype == np.float32 and rgb.dtype == np.uint8 and rgb.shape == (120, 160, 3)
        v, u = np.nonzero((depth > 0) & ~masks.any(0))
        points = unproject(frame.camera.K, np.stack([u, v], -1).astype(float), depth[v, u])
        assert np.abs(transform(inverse(frame.T_cam_w2c), points)[:, 2]).max() < 1e-4  # half a unit of depth
        centres = np.rint(project(frame.camera.K, frame.T_cam_obj[:, :3, 3])).astype(int)
        assert masks[0][centres[0][1], centres[0][0]]
        assert all(len(np.unique(rgb[mask], axis=0)) == 1 for mask in masks)


def test_models_read_back_in_metres_with_their_symmetries(tmp_path: Path) -> None:
    models = open_bop(write_tiny_bop(tmp_path)).models()
    assert models.obj_ids == tuple(models) == (1, 2, 5) and len(models) == 3
    for thing in OBJECTS:
        model = models[thing.obj_id]
        np.testing.assert_allclose(model.mesh.vertices, thing.mesh.vertices, atol=1e-9)
        np.testing.assert_array_equal(model.mesh.faces, thing.mesh.faces)
        np.testing.assert_allclose(model.box.corners().min(0), thing.mesh.vertices.min(0), atol=1e-9)
        np.testing.assert_allclose(model.box.corners().max(0), thing.mesh.vertices.max(0), atol=1e-9)
    np.testing.assert_allclose(models[1].symmetry.discrete, [np.diag([-1.0, -1, 1, 1])])
    np.testing.assert_allclose(models[5].symmetry.axes, [[0, 0, 1]])
    assert models.notes == ()


def test_symmetry_translations_and_offsets_are_metres_and_the_identity_is_left_out(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path)
    turn = np.diag([-1.0, 1, -1, 1])
    turn[:3, 3] = [10, 0, -20]
    continuous = [{"axis": [0, 0, 2], "offset": [5, 0, 0]}]
    fields = {"symmetries_discrete": [np.eye(4).ravel().tolist(), turn.ravel().tolist()]}
    edit(root / "models" / "models_info.json", lambda d: d["1"].update(fields, symmetries_continuous=continuous))
    symmetry = open_bop(root).models()[1].symmetry
    assert len(symmetry.discrete) == 1
    np.testing.assert_allclose(symmetry.discrete[0][:3, 3], [0.01, 0, -0.02])
    np.testing.assert_allclose(symmetry.axes, [[0, 0, 1]])
    np.testing.assert_allclose(symmetry.offsets, [[0.005, 0, 0]])


def test_folder_and_models_cross_to_a_worker(tmp_path: Path) -> None:
    dataset = open_bop(write_tiny_bop(tmp_path))
    assert dataset.models() is dataset.models() and dataset.models()[1] is dataset.models()[1]
    size = len(pickle.dumps(dataset))
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy == dataset and size < 1000
    np.testing.assert_array_equal(copy.models()[5].mesh.vertices, dataset.models()[5].mesh.vertices)
    assert len(pickle.dumps(dataset)) == size  # loaded meshes stay at home


def test_rounded_rotations_become_exact_and_exact_ones_stay(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path)
    exact = frames(root)

    def round_frame_1(content: Any) -> None:
        for row in content["1"]:
            row["cam_R_m2c"] = [round(x, 3) for x in row["cam_R_m2c"]]

    edit(root / "train" / "000000" / "scene_gt.json", round_frame_1)
    rounded = frames(root)
    assert is_rotation(rounded[1].T_cam_obj[:, :3, :3], 1e-12).all()
    np.testing.assert_allclose(rounded[1].T_cam_obj, exact[1].T_cam_obj, atol=2e-3)
    np.testing.assert_array_equal(rounded[0].T_cam_obj, exact[0].T_cam_obj)


def test_input_files_are_those_that_decide_the_answers(tmp_path: Path) -> None:
    files = {str(path) for path in open_bop(write_tiny_bop(tmp_path)).input_files("train")}
    scene = {f"train/000000/scene_{kind}.json" for kind in ("gt", "gt_info", "camera")}
    models = {f"models/obj_{i:06d}.ply" for i in (1, 2, 5)} | {"models/models_info.json"}
    assert files == scene | models | {"camera.json", "models/names.json"}


# -- quirks -------------------------------------------------------------------------------------------------------


def test_obj_id_zero_and_sparse_ids(tmp_path: Path) -> None:
    objects = (box(0, (0.05, 0.05, 0.05), (0, 0)), box(40, (0.04, 0.06, 0.05), (0.1, 0)))
    dataset = open_bop(write_tiny_bop(tmp_path, objects=objects, scene_ids=(3, 48), frame_ids=(138, 5, 1012)))
    assert dataset.models().obj_ids == (0, 40) and dataset.scene_ids("train") == (3, 48)
    scene = dataset.read_scene("train", 48)
    assert [frame.key.frame_id for frame in scene.frames] == [5, 138, 1012]  # numbers, not strings: '1012' < '138'
    assert scene.frames[0].obj_ids.tolist() == [0, 40]
    assert [frame.rgb_path.name for frame in scene.frames] == ["000005.png", "000138.png", "001012.png"]


@pytest.mark.parametrize(("kind", "ext"), [("rgb", "jpg"), ("rgb", "tif"), ("gray", "png"), ("gray", "tif")])
def test_image_kinds(tmp_path: Path, kind: str, ext: str) -> None:
    for frame in frames(write_tiny_bop(tmp_path, image_kind=kind, image_ext=ext)):
        assert frame.rgb_path.parent.name == kind and frame.rgb_path.suffix == f".{ext}"
        assert load_rgb(frame.rgb_path).shape == (120, 160, 3)


def test_depth_as_tif_of_integers_and_of_floats(tmp_path: Path) -> None:
    png = [load_depth(frame) for frame in frames(write_tiny_bop(tmp_path / "png"))]
    tif = frames(write_tiny_bop(tmp_path / "tif", depth_ext="tif"))
    np.testing.assert_array_equal(load_depth(tif[0]), png[0])
    floats = png[1] * 1e4
    floats[0, 0], floats[0, 1] = np.nan, -1
    Image.fromarray(floats.astype(np.float32)).save(tif[1].depth_path)
    np.testing.assert_allclose(load_depth(tif[1])[1:], png[1][1:], rtol=1e-6)
    assert (load_depth(tif[1])[0, :2] == 0).all()


def test_depth_scale_is_millimetres_a_unit(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path)
    before = load_depth(frames(root)[1])
    edit(root / "train" / "000000" / "scene_camera.json", lambda d: d["1"].update(depth_scale=1.0))
    np.testing.assert_allclose(load_depth(frames(root)[1]), before * 10, rtol=1e-6)


def test_sixteen_bit_gray_and_alpha_become_eight_bit_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32896, 65535]], np.uint16)).save(tmp_path / "gray.png")
    assert load_rgb(tmp_path / "gray.png")[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]
    Image.fromarray(np.array([[[1, 2, 3, 0]]], np.uint8)).save(tmp_path / "alpha.png")
    assert load_rgb(tmp_path / "alpha.png")[0].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("missing", ["images", "depth", "masks", "gt_info", "models", "camera_json"])
def test_each_optional_part_may_be_missing(tmp_path: Path, missing: str) -> None:
    frame = frames(write_tiny_bop(tmp_path, **{missing: None if missing == "models" else False}))[0]
    assert (frame.rgb_path is None) == (missing == "images")
    assert (frame.depth_path is None) == (missing == "depth")
    assert (frame.mask_visib_paths == ()) == (missing == "masks")
    assert np.isnan(frame.visib_fract).all() == (missing == "gt_info")
    assert frame.T_cam_w2c is None
    assert (frame.camera.width, frame.camera.height) == SIZE


def test_poses_only_takes_the_size_that_every_camera_json_agrees_on(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path, images=False, depth=False, masks=False)
    (root / "camera.json").rename(root / "camera_uw.json")
    (root / "camera_cmu.json").write_bytes((root / "camera_uw.json").read_bytes())
    assert frames(root)[0].camera.width == SIZE[0]


def test_the_image_counts_more_than_camera_json_and_the_split_more_than_the_root(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path / "a")
    edit(root / "camera.json", lambda d: d.update(width=1))
    assert frames(root)[0].camera.width == SIZE[0]
    root = write_tiny_bop(tmp_path / "b", images=False, depth=False)
    (root / "train" / "camera.json").write_text('{"width": 99, "height": 98}')
    assert (frames(root)[0].camera.width, frames(root)[0].camera.height) == (99, 98)


def test_several_sensors_a_scene(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path, sensors=("cam1", "photoneo"), n_frames=2)
    (root / "train" / "000000" / "rgb_photoneo").rename(root / "train" / "000000" / "gray_photoneo")
    found = frames(root)
    assert [str(frame.key) for frame in found] == [
        "000000/000000/cam1",
        "000000/000000/photoneo",
        "000000/000001/cam1",
        "000000/000001/photoneo",
    ]
    assert [frame.rgb_path.parent.name for frame in found[:2]] == ["rgb_cam1", "gray_photoneo"]
    assert found[0].depth_path.parent.name == "depth_cam1" and len(found[0].mask_visib_paths) == 3
    assert not np.allclose(found[0].T_cam_obj, found[1].T_cam_obj)
    assert (found[0].visib_fract >= 0).all()


@pytest.mark.parametrize("name", ["scene_gt_coco.json", "scene_gt_coco_cam1.json"])
def test_the_toolkits_coco_file_is_no_sensor(tmp_path: Path, name: str) -> None:
    root = write_tiny_bop(tmp_path, n_frames=1)
    (root / "train" / "000000" / name).write_text('{"info": {}, "images": []}')
    assert [str(frame.key) for frame in frames(root)] == ["000000/000000"]


def test_K_may_change_from_image_to_image(tmp_path: Path) -> None:
    found = frames(write_tiny_bop(tmp_path, K_of_frame=lambda row: K + np.diag([row, row, 0.0])))
    assert [frame.camera.K[0, 0] for frame in found] == [180, 181, 182]
    same = frames(write_tiny_bop(tmp_path / "same"))
    assert same[0].camera is same[2].camera


def test_visib_fract_zero_minus_one_or_unsaid(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path)

    def change(content: Any) -> None:
        content["0"] = [{"visib_fract": 0}, {"visib_fract": -1}, {}]
        del content["2"]

    edit(root / "train" / "000000" / "scene_gt_info.json", change)
    found = frames(root)
    np.testing.assert_array_equal(found[0].visib_fract, [0, np.nan, np.nan])
    assert np.isfinite(found[1].visib_fract).all() and np.isnan(found[2].visib_fract).all()


def test_gt_without_image_and_image_without_gt(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path)
    scene = root / "train" / "000000"
    (scene / "rgb" / "000001.png").unlink()
    (scene / "rgb" / "000077.png").write_bytes((scene / "rgb" / "000000.png").read_bytes())
    (scene / "rgb" / "Thumbs.db").write_bytes(b"")
    found = frames(root)
    assert [frame.rgb_path is None for frame in found] == [False, True, False]


def test_masks_of_a_frame_are_all_there_or_none(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path)
    (root / "train" / "000000" / "mask_visib" / "000001_000002.png").unlink()
    assert [len(frame.mask_visib_paths) for frame in frames(root)] == [3, 0, 3]


def test_a_frame_with_one_object_and_an_object_behind_the_camera_are_legal(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path, masks=False, gt_info=False)

    def change(content: Any) -> None:
        content["0"] = content["0"][:1]
        content["1"][0]["cam_t_m2c"][2] *= -1

    edit(root / "train" / "000000" / "scene_gt.json", change)
    found = frames(root)
    assert found[0].n == 1 and found[1].T_cam_obj[0, 2, 3] < 0


def test_models_eval_is_used_where_there_are_no_models_and_may_be_chosen(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path, models="models_eval")
    assert open_bop(root).models().folder.name == "models_eval"
    write_ply(root / "models" / "obj_000009.ply", OBJECTS[0].mesh)
    assert open_bop(root).models().obj_ids == (9,)
    assert open_bop(root).models("models_eval").obj_ids == (1, 2, 5)


def test_a_mesh_is_read_once_a_process_until_its_file_changes(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path / "tiny")
    first = open_bop(root).models()[OBJECTS[0].obj_id]
    assert open_bop(root).models()[first.obj_id].mesh is first.mesh
    info = root / "models" / "models_info.json"
    info.write_text("{}")
    write_ply(first.path, OBJECTS[1].mesh)
    changed = open_bop(root).models()[first.obj_id]
    assert changed.sha256 != first.sha256
    np.testing.assert_allclose(changed.mesh.vertices, OBJECTS[1].mesh.vertices, atol=1e-6)


def test_models_without_models_info_have_no_symmetry(tmp_path: Path) -> None:
    root = write_tiny_bop(tmp_path)
    (root / "models" / "models_info.json").unlink()
    model = open_bop(root).models()[5]
    assert len(model.symmetry.discrete) == len(model.symmetry.axes) == 0


def ply_variant(kind: str) -> bytes:
    """The same pyramid as different programs write it."""
    vertices = np.array([[-30, -30, 0], [30, -30, 0], [30, 30, 0], [-30, 30, 0], [0, 0, 40]], float)
    sides = [(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)]
    faces = [(0, 3, 2, 1), *sides] if kind == "quads" else [(0, 2, 1), (0, 3, 2), *sides]
    form = {"big endian": "binary_big_endian", "normals and colours": "binary_little_endian"}.get(kind, "ascii")
    extra = [f"property float n{axis}" for axis in "xyz"] + [f"property uchar {n}" for n in ("red", "green", "blue")]
    head = ["ply", f"format {form} 1.0", "comment TextureFile none.png", "element vertex 5"]
    head += [f"property float {axis}" for axis in "xyz"] + (extra if kind == "normals and colours" else [])
    head += [
        f"element face {len(faces)}",
        "property list uchar int vertex_" + ("index" if kind == "quads" else "indices"),
    ]
    head += ["property list uchar float texcoord"] if kind == "texcoord a face" else []
    text = "\n".join([*head, "end_header\n"]).encode()
    if form == "ascii":
        uv = " 6 0 0 1 0 1 1" if kind == "texcoord a face" else ""
        rows = [" ".join(map(str, row)) for row in vertices] + [f"{len(f)} {' '.join(map(str, f))}{uv}" for f in faces]
        return text + "\n".join(rows).encode() + b"\n"
    end = ">" if "big" in form else "<"
    padding = b"" if "big" in form else struct.pack("<fff3B", 0, 0, 1, 9, 9, 9)
    return text + b"".join(
        [struct.pack(f"{end}fff", *row) + padding for row in vertices]
        + [struct.pack(f"{end}B{len(face)}i", len(face), *face) for face in faces]
    )


@pytest.mark.parametrize("kind", ["ascii", "big endian", "normals and colours", "quads", "texcoord a face"])
def test_every_way_of_writing_ply(tmp_path: Path, kind: str) -> None:
    root = write_tiny_bop(tmp_path, models=None)
    (root / "models").mkdir()
    (root / "models" / "obj_000001.ply").write_bytes(ply_variant(kind))
    model = open_bop(root).models()[1]
    assert model.mesh.faces.shape == (6, 3)
    np.testing.assert_allclose(model.box.size, [0.06, 0.06, 0.04], atol=1e-9)
    assert signed_volume(model.mesh) == pytest.approx(0.06 * 0.06 * 0.04 / 3)


def test_a_linked_folder_keeps_the_name_of_the_link(tmp_path: Path) -> None:
    write_tiny_bop(tmp_path / "v2")
    (tmp_path / "ycbv").symlink_to(tmp_path / "v2")
    assert open_bop(tmp_path / "ycbv").name == "ycbv"


# -- variants refused by name -------------------------------------------------------------------------------------


def test_webdataset_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "shard-000000.tar").write_bytes(b"")
    with pytest.raises(UnsupportedError, match=r"webdataset.*scenewise"):
        open_bop(tmp_path)
    dataset = open_bop(write_tiny_bop(tmp_path, split="val"))  # another split is fine: it can be used
    assert dataset.splits == ("val",)
    with pytest.raises(UnsupportedError, match="webdataset"):
        dataset.scene_ids("train")


@pytest.mark.parametrize("name", ["000000_000000.rgb.png", "000003_000012.gt.json", "000003_000012.camera.json"])
def test_imagewise_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / name).write_bytes(b"")
    with pytest.raises(UnsupportedError, match=r"imagewise.*scenewise"):
        open_bop(tmp_path)


def test_fisheye_is_refused_by_name_wherever_it_shows(tmp_path: Path) -> None:
    def fish(content: Any) -> None:
        for row in content.values():
            row["cam_model"] = {"projection_model_type": "CameraModelType.FISHEYE624"}
            del row["cam_K"]

    root = write_tiny_bop(tmp_path, scene_ids=(0, 1))
    edit(root / "train" / "000001" / "scene_camera.json", fish)
    with pytest.raises(UnsupportedError, match=r"fisheye.*cam_K"):
        open_bop(root).read_scene("train", 1, keep_going=True)
    edit(root / "train" / "000000" / "scene_camera.json", fish)
    with pytest.raises(UnsupportedError, match=r"fisheye.*cam_K"):
        open_bop(root)


# -- real data ----------------------------------------------------------------------------------------------------


def test_the_real_frames_read_in_full(ycbv_mini: Path) -> None:
    dataset = open_bop(ycbv_mini)
    scenes = [dataset.read_scene("train_real", i) for i in dataset.scene_ids("train_real")]
    found = [frame for scene in scenes for frame in scene.frames]
    assert len(scenes) == 4 and len(found) == 16 and sum(frame.n for frame in found) == 69
    assert not any(scene.skips for scene in scenes)
    assert dataset.models().obj_ids == tuple(range(1, 22))
    for frame in found:
        depth, rgb = load_depth(frame), load_rgb(frame.rgb_path)
        assert rgb.shape == (480, 640, 3) and depth.shape == (480, 640) and 0.4 < np.median(depth[depth > 0]) < 2
        assert len(frame.mask_visib_paths) == frame.n and frame.T_cam_w2c is not None
        for i, path in enumerate(frame.mask_visib_paths):
            mask = load_mask(path)
            assert mask.any() == (frame.visib_fract[i] > 0)
            if frame.visib_fract[i] == 1:
                model = dataset.models()[int(frame.obj_ids[i])]
                pixels = project(frame.camera.K, transform(frame.T_cam_obj[i], model.mesh.vertices))
                v, u = np.nonzero(mask)
                np.testing.assert_allclose([u.min(), v.min()], pixels.min(0), atol=2)
                np.testing.assert_allclose([u.max(), v.max()], pixels.max(0), atol=2)


def test_real_models_agree_with_models_info_and_face_outwards(ycbv_mini: Path) -> None:
    models = open_bop(ycbv_mini).models()
    for obj_id, model in models.items():
        size = [models.info[obj_id][f"size_{axis}"] for axis in "xyz"]
        np.testing.assert_allclose(model.box.size * 1e3, size, atol=0.01)
    assert models.notes == ()
