"""The committed sample: what its files say is true, and the code beside it still makes it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import coal
import numpy as np
import pytest
import trimesh
from bopask.synth.sample import LEAST, SEED, VIEWS, lamp_of
from bopask.synth.sample_kinds import shapes
from bopask.synth.settings import SETTINGS, settled
from bopask.synth.shots import CAMERA
from PIL import Image
from scipy.spatial.distance import pdist

from bopask.arrays import Array
from bopask.geometry.camera import unproject
from bopask.geometry.mesh import Mesh
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import angle_of, inverse, se3, transform
from bopask.nouns import Camera
from bopask.rng import rng_for
from bopask.synth.render.picture import photograph
from bopask.synth.render.stage import TABLE_SIZE, grid, stage
from bopask.synth.settle import settle

SAMPLE = Path(__file__).resolve().parents[1] / "src" / "bopask" / "data" / "sample"
SCENES = range(1, len(SETTINGS) + 1)
EACH_SCENE = pytest.mark.parametrize("scene_id", SCENES, ids=[make.__name__ for make in SETTINGS])
SHAPES = shapes()


@cache
def read(name: str) -> Any:
    return json.loads((SAMPLE / name).read_text())


@cache
def mesh(obj_id: int) -> trimesh.Trimesh:
    return trimesh.load(SAMPLE / "models" / f"obj_{obj_id:06d}.ply", process=False)


def in_meters(obj_id: int) -> Mesh:
    return Mesh(np.asarray(mesh(obj_id).vertices) / 1e3, np.asarray(mesh(obj_id).faces))


def scene(scene_id: int) -> tuple[list[int], Array, Array, list[dict[str, Array]]]:
    """Object ids, T_cam_obj and T_cam_world (m) of every frame, and the frames' images and rows."""
    folder = f"train/{scene_id:06d}"
    truth, cameras, infos = (read(f"{folder}/scene_{n}.json") for n in ("gt", "camera", "gt_info"))
    T_cam_obj, T_cam_world, frames = [], [], []
    for key, rows in truth.items():
        T_cam_obj.append([pose(row["cam_R_m2c"], row["cam_t_m2c"]) for row in rows])
        T_cam_world.append(pose(cameras[key]["cam_R_w2c"], cameras[key]["cam_t_w2c"]))
        stem = f"{int(key):06d}"
        depth = np.asarray(Image.open(SAMPLE / folder / "depth" / f"{stem}.png"))
        masks = [SAMPLE / folder / "mask_visib" / f"{stem}_{i:06d}.png" for i in range(len(rows))]
        frames.append(
            {
                "rgb": np.asarray(Image.open(SAMPLE / folder / "rgb" / f"{stem}.jpg")),
                "depth": depth.astype(float) * cameras[key]["depth_scale"] / 1e3,
                "masks": np.array([np.asarray(Image.open(p)) > 0 for p in masks]),
                "K": np.array(cameras[key]["cam_K"]).reshape(3, 3),
                "info": infos[key],
            }
        )
    return [row["obj_id"] for row in truth["0"]], np.array(T_cam_obj), np.array(T_cam_world), frames


def pose(R: list[float], t: list[float]) -> Array:
    return se3(np.reshape(R, (3, 3)), np.array(t) / 1e3)


def test_it_is_small_and_complete() -> None:
    files = [p for p in SAMPLE.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 3_000_000
    assert "Apache-2.0" in (SAMPLE / "README.md").read_text()
    for scene_id in SCENES:
        ids, _, _, frames = scene(scene_id)
        assert len(frames) == VIEWS and len(ids) >= 5
        for frame in frames:
            assert frame["rgb"].shape == (480, 640, 3) and frame["rgb"].std() > 20
            assert frame["depth"].shape == (480, 640)
    camera = read("camera.json")
    assert [camera[k] for k in ("fx", "fy", "cx", "cy", "width", "height")] == [648, 648, 322.5, 241, 640, 480]


def test_models_are_solids_and_say_the_truth_about_themselves() -> None:
    info = read("models/models_info.json")
    assert set(map(int, info)) == set(SHAPES)
    for obj_id in SHAPES:
        shown, row = mesh(obj_id), info[str(obj_id)]
        assert shown.is_watertight and shown.is_winding_consistent and shown.volume > 2e4  # mm³
        points = np.asarray(shown.vertices)
        np.testing.assert_allclose(points.min(0), -points.max(0), atol=1e-4)
        np.testing.assert_allclose([row[f"min_{a}"] for a in "xyz"], points.min(0), atol=1e-3)
        np.testing.assert_allclose([row[f"size_{a}"] for a in "xyz"], np.ptp(points, axis=0), atol=1e-3)
        assert row["diameter"] == pytest.approx(pdist(points).max(), abs=1e-3)
        T = np.reshape(row.get("symmetries_discrete", []), (-1, 4, 4))
        np.testing.assert_allclose(T, SHAPES[obj_id].symmetry.discrete, atol=1e-8)
        axes = np.reshape([s["axis"] for s in row.get("symmetries_continuous", [])], (-1, 3))
        np.testing.assert_allclose(axes, SHAPES[obj_id].symmetry.axes)


def test_models_and_names_are_those_the_code_makes() -> None:
    names = read("models/names.json")
    for obj_id, shape in SHAPES.items():
        np.testing.assert_allclose(mesh(obj_id).vertices, shape.mesh.vertices * 1e3, atol=1e-3)
        np.testing.assert_array_equal(mesh(obj_id).faces, shape.mesh.faces)
        np.testing.assert_array_equal(mesh(obj_id).visual.vertex_colors[:, :3], shape.colors)
        assert names[str(obj_id)] == {"name": shape.name, "synonyms": list(shape.synonyms)}


@EACH_SCENE
def test_the_world_stands_still_on_its_table(scene_id: int) -> None:
    """One arrangement in all frames, and z = 0 of cam_R_w2c, cam_t_w2c is the table that the depth images show."""
    _, T_cam_obj, T_cam_world, frames = scene(scene_id)
    T_world_obj = inverse(T_cam_world)[:, None] @ T_cam_obj
    assert np.ptp(T_world_obj[..., :3, 3], axis=0).max() < 1e-6
    assert np.ptp(T_world_obj[..., :3, :3], axis=0).max() < 1e-7
    for T, frame in zip(T_cam_world, frames, strict=True):
        bare = (frame["depth"] > 0) & ~frame["masks"].any(0)
        v, u = np.nonzero(bare)
        p = transform(inverse(T), unproject(frame["K"], np.stack([u, v], 1), frame["depth"][bare]))
        assert (np.abs(p[:, 2]) < 2e-4).mean() > 0.99  # the rest is the table's edge
        assert inverse(T)[2, 3] > 0.2


@EACH_SCENE
def test_depth_and_masks_equal_an_independent_ray_cast(scene_id: int) -> None:
    ids, T_cam_obj, T_cam_world, frames = scene(scene_id)
    for T, camera, frame in zip(T_cam_obj, T_cam_world, frames, strict=True):
        rays = unproject(frame["K"], grid(640, 480), np.ones(640 * 480))
        hit, depth = RayScene([in_meters(i) for i in ids], T).first_hit(np.zeros(3), rays)
        eye, across = inverse(camera)[:3, 3], rays @ camera[:3, :3]
        with np.errstate(divide="ignore"):
            plane = np.where(across[:, 2] < 0, -eye[2] / across[:, 2], np.inf)
        on_top = (np.abs((eye + plane[:, None] * across)[:, :2]) <= np.array(TABLE_SIZE[:2]) / 2).all(1)
        nearest = np.minimum(depth, np.where(on_top, plane, np.inf))
        expected = np.where(np.isfinite(nearest), nearest, 0).reshape(480, 640)
        assert (np.abs(expected - frame["depth"]) < 1e-3).mean() > 0.995
        for n, mask in enumerate(frame["masks"]):
            assert (mask != (hit == n).reshape(480, 640)).mean() < 1e-4


@EACH_SCENE
def test_counts_and_boxes_are_right(scene_id: int) -> None:
    ids, T_cam_obj, _, frames = scene(scene_id)
    margin, frame, T = 160, frames[0], T_cam_obj[0]
    pixels = grid(640, 480, margin)
    rays = unproject(frame["K"], pixels, np.ones(len(pixels)))
    inside = ((pixels >= 0) & (pixels < [640, 480])).all(1)
    depth = np.zeros(len(pixels))
    depth[inside] = frame["depth"].ravel()
    for n, row in enumerate(frame["info"]):
        hit, _ = RayScene([in_meters(ids[n])], T[n : n + 1]).first_hit(np.zeros(3), rays)
        alone = hit == 0
        assert row["px_count_all"] == pytest.approx(alone.sum(), abs=3)
        assert row["px_count_valid"] == pytest.approx((alone & (depth > 0)).sum(), abs=3)
        low, high = pixels[alone].min(0), pixels[alone].max(0)
        np.testing.assert_allclose(row["bbox_obj"], [*low, *(high - low)], atol=1)


@EACH_SCENE
def test_every_object_is_seen_well_in_every_picture(scene_id: int) -> None:
    _, _, _, frames = scene(scene_id)
    least = LEAST[SETTINGS[scene_id - 1].__name__]
    for frame in frames:
        for row, mask in zip(frame["info"], frame["masks"], strict=True):
            assert row["px_count_visib"] == mask.sum() > 300
            v, u = np.nonzero(mask)
            assert row["bbox_visib"] == [u.min(), v.min(), np.ptp(u), np.ptp(v)]
            assert row["visib_fract"] == pytest.approx(row["px_count_visib"] / row["px_count_all"], abs=1e-6)
            assert row["visib_fract"] > least - 0.05
            x, y, w, h = row["bbox_obj"]
            assert x > 0 and y > 0 and x + w < 639 and y + h < 479
        boxes = np.array([row["bbox_obj"] for row in frame["info"]])
        span = (boxes[:, :2] + boxes[:, 2:]).max(0) - boxes[:, :2].min(0)
        assert (span / [640, 480]).max() > 0.6


def deepest(a: int, T_world_a: Array, b: int, T_world_b: Array) -> float:
    """Signed distance (m) of two objects by coal, over their convex parts: negative = interpenetration."""
    least = np.inf
    bounds = []
    for obj_id, T in ((a, T_world_a), (b, T_world_b)):
        placed = [transform(T, part) for part in SHAPES[obj_id].parts]
        bounds.append(np.array([[p.min(0), p.max(0)] for p in placed]))
    near = (bounds[0][:, None, 0] - bounds[1][None, :, 1] < 5e-3).all(-1)
    near &= (bounds[1][None, :, 0] - bounds[0][:, None, 1] < 5e-3).all(-1)
    for i, j in np.argwhere(near):
        result = coal.DistanceResult()
        place_a, place_b = (coal.Transform3s(T[:3, :3], T[:3, 3]) for T in (T_world_a, T_world_b))
        coal.distance(hull(a, i), place_a, hull(b, j), place_b, coal.DistanceRequest(), result)
        least = min(least, result.min_distance)
    return least


@cache
def hull(obj_id: int, part: int) -> coal.ConvexBase:
    points = coal.StdVec_Vec3s()
    points.extend(list(SHAPES[obj_id].parts[part]))
    return coal.Convex.convexHull(points, False, "")


def test_the_measure_of_depth_sees_depth() -> None:
    """Two cans of 66 mm, side by side: 2 mm apart, and 1 mm into each other."""
    for gap in (0.002, -0.001):
        other = se3(np.eye(3), np.array([0.066 + gap, 0.0, 0.0]))
        assert deepest(3, np.eye(4), 3, other) == pytest.approx(gap, abs=1e-5)


@EACH_SCENE
def test_nothing_interpenetrates_and_everything_is_carried(scene_id: int) -> None:
    ids, T_cam_obj, T_cam_world, _ = scene(scene_id)
    T_world_obj = inverse(T_cam_world[0]) @ T_cam_obj[0]
    n = len(ids)
    gap = np.full((n, n), np.inf)
    for i in range(n):
        for j in range(i):
            gap[i, j] = gap[j, i] = deepest(ids[i], T_world_obj[i], ids[j], T_world_obj[j])
    low = np.array([transform(T, in_meters(i).vertices)[:, 2].min() for i, T in zip(ids, T_world_obj, strict=True)])
    print(f"deepest pair {gap.min() * 1e3:.3f} mm, deepest in the table {low.min() * 1e3:.3f} mm")
    assert gap.min() > -5e-4 and low.min() > -5e-4
    assert (np.minimum(low, gap.min(1)) < 5e-4).all()  # nothing floats


@EACH_SCENE
def test_it_is_at_rest(scene_id: int) -> None:
    """One more second of physics moves nothing."""
    ids, T_cam_obj, T_cam_world, _ = scene(scene_id)
    rest = settle([SHAPES[i] for i in ids], inverse(T_cam_world[0]) @ T_cam_obj[0], max_seconds=1)
    assert rest.drift < 1e-3 and rest.turn < np.radians(0.5)


def test_each_setting_has_its_point() -> None:
    base = {}
    for scene_id in SCENES:
        ids, T_cam_obj, T_cam_world, _ = scene(scene_id)
        T = inverse(T_cam_world[0]) @ T_cam_obj[0]
        base[scene_id] = [
            (i, T[n, :3, 3], transform(T[n], in_meters(i).vertices)[:, 2].min()) for n, i in enumerate(ids)
        ]
    apart = pdist([p[:2] for _, p, _ in base[1]])
    assert apart.min() > 0.1 and max(z for *_, z in base[1]) < 1e-3  # plain: apart, all on the table
    tin = next(p for i, p, _ in base[2] if i == 4)
    assert sum(np.linalg.norm((p - tin)[:2]) < 0.09 for i, p, _ in base[2] if i != 4) == 4  # cluttered: walled in
    assert sum(z > 3e-3 for *_, z in base[3]) == 3  # resting: three things on things
    assert sorted(i for i, *_ in base[4]).count(3) == 3 and [i for i, *_ in base[4]].count(12) == 2  # twins


def test_the_code_still_makes_a_committed_layout() -> None:
    """Within tolerance: contacts are stiffer since, and floating point may differ on another machine."""
    for scene_id in (1, 2):
        ids, T_cam_obj, T_cam_world, _ = scene(scene_id)
        setting, rest = settled(SETTINGS[scene_id - 1], SHAPES, SEED)
        T = inverse(T_cam_world[0]) @ T_cam_obj[0]
        assert list(setting.obj_ids) == ids
        assert np.linalg.norm((rest.T_world_obj - T)[:, :3, 3], axis=1).max() < 1e-3
        assert angle_of(np.swapaxes(rest.T_world_obj[:, :3, :3], 1, 2) @ T[:, :3, :3]).max() < np.radians(1.5)


def test_the_code_still_takes_a_committed_picture() -> None:
    """At a quarter of its size, so that it is quick: the same table, the same light, the same colours."""
    ids, T_cam_obj, T_cam_world, frames = scene(1)
    T_world_obj = inverse(T_cam_world[0]) @ T_cam_obj[0]
    scenery = stage([SHAPES[i] for i in ids], T_world_obj, "oak", lamp_of("plain", SEED))
    K = (CAMERA.K + [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]) / [[4], [4], [1]] - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]
    small = photograph(scenery, Camera(K, 160, 120), T_cam_world[0], rng_for(0, "test", 0)).astype(float)
    shown = frames[0]["rgb"].astype(float).reshape(120, 4, 160, 4, 3).mean((1, 3))
    assert np.abs(small - shown).mean() < 4
