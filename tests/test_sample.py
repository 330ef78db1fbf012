"""The committed sample is made by one command, `make sample`; what it is for is in it. That its files agree with one
another and with rays cast apart is in test_synth_make.py."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from functools import cache
from pathlib import Path

import coal
import numpy as np
import pytest
from bop_apart import Bop, Frame

from bopask.arrays import Array
from bopask.cli import main
from bopask.geometry.se3 import angle_of, inverse, se3, transform
from bopask.store.output import Output
from bopask.synth import make
from bopask.synth.shapes import Shape
from bopask.synth.solids import within

REPO = Path(__file__).resolve().parents[1]
SAMPLE = Bop(REPO / "src" / "bopask" / "data" / "sample", "train")
KINDS = tuple(make.ARRANGEMENTS)
EACH_SCENE = pytest.mark.parametrize("scene", range(4), ids=KINDS)


def command() -> list[str]:
    """What `make sample` runs, but for the program's name."""
    (line,) = re.findall(r"^sample:.*\n\t\$\(BIN\)/bopask (.*)$", (REPO / "Makefile").read_text(), re.MULTILINE)
    return shlex.split(line)


@cache
def asked() -> make.Request:
    """The request of that command."""
    taken = list[make.Request]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "make", lambda request: iter(taken.append(request) or ()))
        patch.setattr(make, "told", lambda request: "")
        assert main(command()) == 0
    return taken[0]


def shapes() -> dict[int, Shape]:
    return dict(make.cast_of(asked()).shapes)


@cache
def frames(scene: int) -> list[Frame]:
    return list(SAMPLE.frames(SAMPLE.scenes[scene]))


@cache
def layout(scene: int) -> tuple[list[int], Array]:
    """obj_ids and T_world_obj (m), by the first frame."""
    frame = frames(scene)[0]
    R, t = frame.w2c
    T_cam_obj = se3(
        np.array([np.reshape(row["cam_R_m2c"], (3, 3)) for row in frame.gt]),
        np.array([row["cam_t_m2c"] for row in frame.gt]) / 1e3,
    )
    return [row["obj_id"] for row in frame.gt], inverse(se3(R, t / 1e3)) @ T_cam_obj


def meshes(scene: int) -> list[Array]:
    """Vertices of each object in the world (m)."""
    ids, T_world_obj = layout(scene)
    return [transform(T, SAMPLE.models[i].vertices / 1e3) for i, T in zip(ids, T_world_obj, strict=True)]


def test_it_is_made_by_the_command_in_the_makefile() -> None:
    record = SAMPLE.json("synth.json")
    assert Path(command()[1]) == SAMPLE.folder.relative_to(REPO)
    assert record["config"] == asked().config()
    assert [scene["arrangement"] for scene in record["scenes"]] == list(KINDS)


def test_its_models_are_those_the_code_makes() -> None:
    names = SAMPLE.json("models", "names.json")
    for obj_id, shape in shapes().items():
        ply = SAMPLE.models[obj_id]
        np.testing.assert_allclose(ply.vertices, shape.mesh.vertices * 1e3, atol=1e-3)
        np.testing.assert_array_equal(ply.faces, shape.mesh.faces)
        assert np.abs(ply.colors.astype(int) - shape.colors).max() <= 1
        assert names.get(str(obj_id), {}).get("name", "") == shape.name


@pytest.mark.usefixtures("has_gl")
@pytest.mark.parametrize("scene", [0, 3])
def test_the_code_still_makes_a_committed_scene(scene: int, tmp_path: Path) -> None:
    """Within tolerance: floating point and drivers may differ on another machine."""
    pytest.importorskip("mujoco", reason="settling needs the extra 'synth'")
    from dataclasses import replace

    from PIL import Image

    make.make_scene(replace(asked(), out=tmp_path), Output(tmp_path, ""), scene)
    again = Bop(tmp_path, "train")
    for old, new in zip(frames(scene), again.frames(again.scenes[0]), strict=True):
        assert [row["obj_id"] for row in old.gt] == [row["obj_id"] for row in new.gt]
        for a, b in zip(old.gt, new.gt, strict=True):
            assert np.linalg.norm(np.subtract(a["cam_t_m2c"], b["cam_t_m2c"])) < 1
            R_a, R_b = (np.reshape(row["cam_R_m2c"], (3, 3)) for row in (a, b))
            assert angle_of(R_a.T @ R_b) < np.radians(1.5)
        pictures = [
            np.asarray(Image.fromarray(frame.image("rgb", "jpg")).resize((160, 120), Image.Resampling.BOX), float)
            for frame in (old, new)
        ]
        assert np.abs(pictures[0] - pictures[1]).mean() < 4


def test_it_is_small_and_complete() -> None:
    files = [p for p in SAMPLE.folder.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 5_000_000
    assert len(SAMPLE.scenes) == 4
    for scene in range(4):
        assert len(frames(scene)) == 5 and 6 <= len(frames(scene)[0].gt) <= 10
        for frame in frames(scene):
            rgb = frame.image("rgb", "jpg")
            assert rgb.shape == (480, 640, 3) and rgb.std() > 15 and 50 < rgb.mean() < 220


@EACH_SCENE
def test_the_objects_are_seen(scene: int) -> None:
    """Whole in the picture, nearly all; well seen in some picture, but for what a bin has at its bottom."""
    inside, share = [], []
    for frame in frames(scene):
        for row in frame.info:
            x, y, w, h = row["bbox_obj"]
            inside.append(x >= 0 and y >= 0 and x + w < 640 and y + h < 480 and w >= 0)
        share.append([row["visib_fract"] for row in frame.info])
    assert np.mean(inside) >= 0.8
    assert (np.array(share).max(0) > 0.3).mean() >= (0.5 if KINDS[scene] == "bin" else 0.8)


@EACH_SCENE
def test_it_is_at_rest(scene: int) -> None:
    """One more second of physics moves nothing."""
    pytest.importorskip("mujoco", reason="settling needs the extra 'synth'")
    from bopask.synth.settle import settle

    ids, T_world_obj = layout(scene)
    here, fixed = [shapes()[i] for i in ids], int(KINDS[scene] in ("bin", "shelf"))
    rest = settle(here, T_world_obj, fixed=fixed, max_seconds=1)
    assert rest.drift < 1e-3 and rest.turn < np.radians(0.5)


@cache
def hull(obj_id: int, part: int) -> coal.ConvexBase:
    points = coal.StdVec_Vec3s()
    points.extend(list(shapes()[obj_id].parts[part]))
    return coal.Convex.convexHull(points, False, "")


def deepest(a: int, T_world_a: Array, b: int, T_world_b: Array) -> float:
    """Signed distance (m) of two objects by coal, over their convex parts: negative = interpenetration."""
    least, bounds = np.inf, []
    for obj_id, T in ((a, T_world_a), (b, T_world_b)):
        placed = [transform(T, part) for part in shapes()[obj_id].parts]
        bounds.append(np.array([[p.min(0), p.max(0)] for p in placed]))
    near = (bounds[0][:, None, 0] - bounds[1][None, :, 1] < 5e-3).all(-1)
    near &= (bounds[1][None, :, 0] - bounds[0][:, None, 1] < 5e-3).all(-1)
    for i, j in np.argwhere(near):
        result = coal.DistanceResult()
        place_a, place_b = (coal.Transform3s(T[:3, :3], T[:3, 3]) for T in (T_world_a, T_world_b))
        coal.distance(hull(a, i), place_a, hull(b, j), place_b, coal.DistanceRequest(), result)
        least = min(least, result.min_distance)
    return least


def test_the_measure_of_depth_sees_depth() -> None:
    """Two of one box, side by side: 2 mm apart, and 1 mm into each other."""
    box = next(i for i, shape in shapes().items() if shape.name.endswith("tea box"))
    side = np.ptp(shapes()[box].mesh.vertices[:, 0])
    for gap in (0.002, -0.001):
        other = se3(np.eye(3), np.array([side + gap, 0.0, 0.0]))
        assert deepest(box, np.eye(4), box, other) == pytest.approx(gap, abs=1e-5)


@EACH_SCENE
def test_nothing_interpenetrates_and_everything_is_carried(scene: int) -> None:
    ids, T_world_obj = layout(scene)
    gap = np.full((len(ids), len(ids)), np.inf)
    for i in range(len(ids)):
        for j in range(i):
            gap[i, j] = gap[j, i] = deepest(ids[i], T_world_obj[i], ids[j], T_world_obj[j])
    low = np.array([points[:, 2].min() for points in meshes(scene)])
    assert gap.min() > -5e-4 and low.min() > -5e-4
    assert (np.minimum(low, gap.min(1)) < 5e-4).all()  # nothing floats


def test_each_arrangement_has_its_point() -> None:
    low = [np.array([points[:, 2].min() for points in meshes(scene)]) for scene in range(4)]
    table, shelf, bin_, stack = low
    assert table.max() < 1e-3  # all on the table
    assert len(set(np.round(shelf[1:], 1))) >= 2 and shelf[1:].min() > 0.02  # on several boards
    walls, *things = meshes(2)
    assert within(walls[:, :2], np.array([points[:, :2].mean(0) for points in things])).all()
    assert all(points[:, 2].min() < walls[:, 2].max() for points in things) and bin_[0] < 1e-3
    assert (stack > 0.02).sum() >= 2  # on one another


def test_one_object_comes_twice_somewhere() -> None:
    """So that a name alone does not tell one from the other."""
    assert any(max(Counter(layout(scene)[0]).values()) > 1 for scene in range(4))


def test_its_licence_and_its_making_are_told() -> None:
    said = (SAMPLE.folder / "README.md").read_text()
    assert "bopask synth" in said and "Apache-2.0" in said
    assert json.loads((SAMPLE.folder / "synth.json").read_text())["at_rest_share"] > 0.9
