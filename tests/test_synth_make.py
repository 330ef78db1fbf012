"""What `bopask synth` writes is BOP, by a reader of the toolkit's documents that shares nothing with bopask; the files
depend on nothing but the request; what cannot be is refused in one line."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import trimesh
from bop_apart import Bop, Frame, bbox, compared, decoded, support, turned

from bopask.arrays import Array
from bopask.cli import main
from bopask.synth import make, write
from bopask.synth.render import gl

pytest.importorskip("mujoco", reason="settling needs the extra 'synth'")

REQUEST = ("--layouts", "2", "--views", "2", "--objects", "3:4", "--arrangement", "table,stack", "--seed", "11")
DIRECTIONS = np.random.default_rng(0).normal(size=(500, 3))
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)


def synth(out: Path, *more: str) -> int:
    return main(["synth", str(out), *more])


def digest(out: Path) -> dict[str, str]:
    files = [p for p in sorted(out.rglob("*")) if p.is_file()]
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, has_gl: None) -> Path:
    """Two layouts from two places each, with a distractor."""
    out = tmp_path_factory.mktemp("synth") / "made"
    assert synth(out, *REQUEST, "--distractors", "1") == 0
    return out


@pytest.fixture(params=["made", "sample"])
def bop(request: pytest.FixtureRequest) -> Bop:
    return Bop(request.getfixturevalue(request.param), "train")


def frames(bop: Bop, each: int = 100) -> list[Frame]:
    """The first so many of each scene."""
    return [frame for scene in bop.scenes for frame in list(bop.frames(scene))[:each]]


# ---- by another reader


def test_models_are_solids_in_millimetres_and_what_is_said_of_them_is_true(bop: Bop) -> None:
    for obj_id, info in bop.models_info.items():
        ply = bop.models[obj_id]
        mesh = trimesh.Trimesh(ply.vertices, ply.faces)  # joins the vertices of one place
        assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 1e3, obj_id  # a cubic centimetre
        size = np.ptp(ply.vertices, axis=0)
        assert 20 < size.max() < 800
        np.testing.assert_allclose([info[f"min_{a}"] for a in "xyz"], ply.vertices.min(0), atol=1e-3)
        np.testing.assert_allclose([info[f"size_{a}"] for a in "xyz"], size, atol=1e-3)
        corners = mesh.convex_hull.vertices
        largest = np.linalg.norm(corners[:, None] - corners, axis=2).max()
        assert info["diameter"] == pytest.approx(largest, abs=1e-3)
        if ply.texture is not None:
            assert ply.texture.is_file() and (ply.uv >= 0).all() and (ply.uv <= 1).all()


def test_symmetries_leave_the_shape_where_it_is(bop: Bop) -> None:
    seen = 0
    for obj_id, info in bop.models_info.items():
        points = bop.models[obj_id].vertices
        turns = [np.reshape(T, (4, 4)) for T in info.get("symmetries_discrete", ())]
        motions = [(T[:3, :3], T[:3, 3]) for T in turns]
        for row in info.get("symmetries_continuous", ()):
            assert np.linalg.norm(row["axis"]) == pytest.approx(1)
            motions += [turned(row["axis"], row["offset"], angle) for angle in (0.4, 1.3, np.pi, 4.7)]
        for R, t in motions:
            np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-6)
            off = np.abs(support(points @ R.T + t, DIRECTIONS) - support(points, DIRECTIONS)).max()
            assert off < 0.006 * info["diameter"], (obj_id, off)  # circles are polygons
            seen += 1
    assert seen >= 10


def test_cameras_see_one_world_that_stands_still(bop: Bop) -> None:
    for scene in bop.scenes:
        poses = []
        for frame in bop.frames(scene):
            K, camera = frame.K, bop.camera
            np.testing.assert_allclose(K, [[camera["fx"], 0, camera["cx"]], [0, camera["fy"], camera["cy"]], [0, 0, 1]])
            assert frame.depth.shape == (camera["height"], camera["width"]) == frame.image("rgb", "jpg").shape[:2]
            R, t = frame.w2c
            for rotation in (R, *(np.reshape(row["cam_R_m2c"], (3, 3)) for row in frame.gt)):
                np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-7)
                assert np.linalg.det(rotation) > 0
            assert (-R.T @ t)[2] > 100  # the eye is above the table
            poses.append(
                [
                    np.c_[R.T @ np.reshape(r["cam_R_m2c"], (3, 3)), R.T @ (np.array(r["cam_t_m2c"]) - t)]
                    for r in frame.gt
                ]
            )
            assert [row["obj_id"] for row in frame.gt] == [row["obj_id"] for row in next(bop.frames(scene)).gt]
        assert np.ptp(poses, axis=0).max() < 1e-3
        low = [
            (bop.models[row["obj_id"]].vertices @ T[:, :3].T + T[:, 3])[:, 2].min()
            for row, T in zip(frame.gt, poses[0], strict=True)
        ]
        assert min(low) > -0.5  # nothing is in the table, and something stands on it
        assert min(low) < 0.5


def test_masks_and_depth_are_what_rays_cast_apart_meet(bop: Bop) -> None:
    for frame in frames(bop, 2):
        found = compared(bop, frame)
        assert found.visible >= 0.999 and found.silhouettes >= 0.999 and found.depth >= 0.999
        assert found.worst <= 0.5 and found.boxes <= 1 and found.counts <= 2e-3


def test_the_ray_caster_sees_a_millimetre(bop: Bop) -> None:
    """It would notice: an object that is moved by 2 mm, or one that is missing."""
    frame = frames(bop, 1)[0]
    moved = [dict(row) for row in frame.gt]
    nearest = int(np.argmax([row["px_count_visib"] for row in frame.info]))
    moved[nearest]["cam_t_m2c"] = [*moved[nearest]["cam_t_m2c"][:2], moved[nearest]["cam_t_m2c"][2] + 2]
    found = compared(bop, Frame(frame.scene, frame.image_id, frame.camera, moved, frame.info))
    assert found.depth < 0.999 and found.worst > 0.5


def test_counts_and_boxes_are_those_of_the_masks(bop: Bop) -> None:
    for frame in frames(bop):
        seen, whole = frame.masks("mask_visib"), frame.masks("mask")
        assert (seen <= whole).all() and (seen.sum(0) <= 1).all() and len(frame.gt) == len(frame.info)
        for i, row in enumerate(frame.info):
            assert row["px_count_visib"] == seen[i].sum()
            assert row["px_count_valid"] == (whole[i] & (frame.depth > 0)).sum()
            assert row["px_count_all"] >= whole[i].sum() >= row["px_count_valid"]
            share = row["px_count_visib"] / max(row["px_count_all"], 1)
            assert row["visib_fract"] == pytest.approx(share, abs=1e-6)
            if row["px_count_visib"]:
                np.testing.assert_array_equal(row["bbox_visib"], bbox(seen[i]))
                x, y, w, h = row["bbox_obj"]
                u, v, wide, tall = row["bbox_visib"]
                assert x <= u and y <= v and x + w >= u + wide and y + h >= v + tall
            else:
                assert row["bbox_visib"] == row["bbox_obj"] == [-1] * 4


def test_coco_says_the_same(bop: Bop) -> None:
    for scene in bop.scenes:
        coco = json.loads((scene / "scene_gt_coco.json").read_text())
        assert {c["id"] for c in coco["categories"]} == set(bop.models_info)
        of_image = {image["id"]: image for image in coco["images"]}
        assert len({row["id"] for row in coco["annotations"]}) == len(coco["annotations"])
        for frame in bop.frames(scene):
            image = of_image.pop(frame.image_id)
            assert (scene / image["file_name"]).is_file()
            assert (image["height"], image["width"]) == frame.depth.shape
            rows = [row for row in coco["annotations"] if row["image_id"] == frame.image_id]
            seen = [i for i, info in enumerate(frame.info) if info["px_count_visib"]]
            assert len(rows) == len(seen)
            for i, row in zip(seen, rows, strict=True):
                assert row["category_id"] == frame.gt[i]["obj_id"] and row["iscrowd"] == 0
                assert row["area"] == frame.info[i]["px_count_visib"] and row["bbox"] == frame.info[i]["bbox_obj"]
                np.testing.assert_array_equal(decoded(row["segmentation"]), frame.masks("mask_visib")[i])
        assert not of_image


def test_what_has_a_name_is_told_and_what_has_none_is_not(made: Path) -> None:
    names = {int(i): row["name"] for i, row in json.loads((made / "models" / "names.json").read_text()).items()}
    record, bop = json.loads((made / "synth.json").read_text()), Bop(made, "train")
    for scene, told in zip(bop.scenes, record["scenes"], strict=True):
        frame = next(bop.frames(scene))
        unnamed = [row["obj_id"] for row in frame.gt if row["obj_id"] not in names]
        assert len(unnamed) == 1 and told["objects"] == len(frame.gt) and 3 <= len(frame.gt) - 1 <= 4
    assert len(set(names.values())) == len(names)


@pytest.mark.usefixtures("has_gl")
def test_holes_are_holes_of_the_depth_image_alone(tmp_path: Path) -> None:
    out = tmp_path / "holes"
    assert synth(out, "--layouts", "1", "--views", "1", "--objects", "3", "--arrangement", "table", "--holes") == 0
    bop = Bop(out, "train")
    (frame,) = frames(bop)
    found = compared(bop, frame)
    assert found.visible >= 0.999
    hollow = (frame.masks("mask").any(0) & (frame.depth == 0)).sum()
    assert hollow > 50 and found.worst < 12
    for i, row in enumerate(frame.info):
        assert row["px_count_valid"] == (frame.masks("mask")[i] & (frame.depth > 0)).sum()


# ---- the files depend on the request alone


def test_same_bytes_whatever_the_workers(made: Path) -> None:
    again = made.with_name("again")
    assert synth(again, *REQUEST, "--distractors", "1", "--workers", "2") == 0
    assert digest(again) == digest(made)


def test_a_killed_run_resumes_to_the_same_bytes(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle of the second scene; the first is not made again."""
    out, drawn = made.with_name("killed"), list[str]()
    original = write.write_images

    def killed(folder: Path, frame: int, *rest: object) -> None:
        drawn.append(folder.name)
        if len(drawn) == 4:
            raise KeyboardInterrupt
        original(folder, frame, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(write, "write_images", killed)
    assert synth(out, *REQUEST, "--distractors", "1") == 130
    assert (out / ".work").is_dir() and not (out / "synth.json").exists()
    assert synth(out, *REQUEST, "--distractors", "1") == 0
    assert [int(name[:6]) for name in drawn] == [0, 0, 1, 1, 1, 1]
    assert digest(out) == digest(made)


def test_a_complete_folder_is_left_alone_and_another_is_not_overwritten(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in made.rglob("*")}
    assert synth(made, *REQUEST, "--distractors", "1") == 0
    assert synth(made, *REQUEST, "--distractors", "2") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in made.rglob("*")} == before


# ---- what cannot be


def write_box(path: Path, size: tuple[float, float, float], change: Callable[[trimesh.Trimesh], None]) -> None:
    box = trimesh.creation.box(size)
    change(box)
    path.parent.mkdir(parents=True, exist_ok=True)
    box.export(path)


def whole(box: trimesh.Trimesh) -> None:
    pass


def without_a_side(box: trimesh.Trimesh) -> None:
    box.update_faces(np.arange(len(box.faces)) > 1)


def flattened(box: trimesh.Trimesh) -> None:
    box.vertices[:, 2] = 0


def folded(box: trimesh.Trimesh) -> None:
    """A sheet with a fold, and the same sheet as its back: closed, but nothing is between them."""
    front = np.array([[0, 1, 2], [1, 3, 2]])
    box.vertices = np.array([[0, 0, 0], [60, 0, 0], [0, 40, 0], [60, 40, 30]] * 2)
    box.faces = np.concatenate([front, front[:, ::-1]])


def with_nan(box: trimesh.Trimesh) -> None:
    vertices = box.vertices.copy()
    vertices[0, 0] = np.nan
    box.vertices = vertices


BAD = {
    "flat": ((60, 40, 30), "mm", flattened, "flat: it encloses no volume. Give it a thickness"),
    "encloses nothing": ((60, 40, 30), "mm", folded, "encloses no volume"),
    "huge": ((60, 40, 30), "m", whole, "60 mm if it is in mm, 600 mm if it is in cm: state that unit"),
    "tiny": ((0.06, 0.04, 0.03), "mm", whole, "60 mm if it is in m: state that unit"),
    "in no unit": ((6e4, 4, 3), "mm", whole, "No unit makes it fit: scale it or leave it out"),
    "nan": ((60, 40, 30), "mm", with_nan, "NaN"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_mesh_is_refused_by_file_reason_and_remedy(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size, unit, change, says = BAD[kind]
    write_box(tmp_path / "meshes" / "crate.ply", size, change)
    out = tmp_path / "out"
    assert synth(out, "--models", str(tmp_path / "meshes"), "--unit", unit, "--layouts", "1") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("bopask: ") and "crate.ply: " in said and says in said
    assert not out.exists()


def test_a_folder_without_unit_or_mesh_or_with_a_damaged_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_box(tmp_path / "meshes" / "crate.ply", (60, 40, 30), whole)
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "x.ply").write_bytes(b"ply\nnonsense")
    for arguments, says in (
        (["meshes"], "the unit of the meshes is not stated"),
        (["empty", "--unit", "mm"], "holds no mesh"),
        (["nowhere", "--unit", "mm"], "is not a folder"),
        (["damaged", "--unit", "mm"], "x.ply: the mesh"),
    ):
        assert synth(tmp_path / "out", "--models", str(tmp_path / arguments[0]), *arguments[1:]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.slow  # CoACD cuts the open one
@pytest.mark.usefixtures("has_gl")
def test_meshes_of_ones_own_become_a_bop_folder_and_an_open_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("coacd", reason="an open mesh is cut by the extra 'synth'")
    write_box(tmp_path / "meshes" / "brick.ply", (6, 4, 3), whole)
    write_box(tmp_path / "meshes" / "crate.ply", (8, 6, 5), without_a_side)
    request = ("--models", str(tmp_path / "meshes"), "--unit", "cm", "--layouts", "1", "--views", "1")
    assert synth(tmp_path / "out", *request, "--objects", "4", "--arrangement", "table") == 0
    said = capsys.readouterr().out
    assert "crate.ply: open_mesh" in said and "brick.ply: open_mesh" not in said
    bop = Bop(tmp_path / "out", "train")
    assert [bop.models_info[1][f"size_{a}"] for a in "xyz"] == pytest.approx([60, 40, 30], abs=1e-3)
    (frame,) = frames(bop)
    assert {row["obj_id"] for row in frame.gt} <= {1, 2} and compared(bop, frame).visible >= 0.999


IMPOSSIBLE = {
    "--objects": ("0:3", "5:4", "few"),
    "--clutter": ("0.5:2", "-1", "much"),
    "--arrangement": ("heap", "table,heap", ""),
    "--views": ("0",),
    "--layouts": ("0",),
}


@pytest.mark.parametrize(("option", "value"), [(o, v) for o, values in IMPOSSIBLE.items() for v in values])
def test_what_no_layout_can_be_is_refused_at_once(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synth(tmp_path / "out", f"{option}={value}") == 2
    assert option in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.slow  # it tries hard before it gives up
@pytest.mark.usefixtures("has_gl")
def test_thirty_objects_do_not_go_into_a_bin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert synth(tmp_path / "out", "--layouts", "1", "--objects", "30", "--arrangement", "bin") == 2
    assert "30 objects: no bin layout with" in (said := capsys.readouterr().err) and "fewer --objects" in said


def test_without_gl_the_error_says_what_to_do_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    monkeypatch.setattr(gl, "_context", gl._context.__wrapped__)  # this process may have one already
    assert synth(tmp_path / "out", *REQUEST) == 2
    said = capsys.readouterr().err
    assert "libegl1" in said and "--renderer rays" in said and not (tmp_path / "out").exists()


@pytest.mark.parametrize("renderer", ["mujoco", "rays"])
def test_without_mujoco_the_error_names_the_extra(
    renderer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    assert synth(tmp_path / "out", *REQUEST, "--renderer", renderer) == 2
    assert "bopask[synth]" in capsys.readouterr().err


def test_blender_without_an_interpreter_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BOPASK_BLENDER_PYTHON", raising=False)
    assert synth(tmp_path / "out", *REQUEST, "--renderer", "blender") == 2
    assert "--blender-python" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_seeds_differ_and_scenes_of_one_seed_do(tmp_path: Path) -> None:
    """Layouts are a function of seed and number: no two are alike."""

    def poses(seed: int, number: int) -> Array:
        request = make.Request(tmp_path / "out", objects=(3, 3), arrangements=("table",), seed=seed)
        outcome, _ = make.layout(request, make.cast_of(request), number)
        return outcome.rest.T_world_obj[:, :3, 3]

    found = [poses(0, 0), poses(0, 1), poses(1, 0)]
    assert all(np.abs(a - b).max() > 1e-3 for a, b in combinations(found, 2))
    np.testing.assert_array_equal(poses(0, 0), found[0])
