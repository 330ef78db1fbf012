"""Pictures show what is there: truth against a rasteriser, GL against truth, light and noise by their laws."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from household import place, shapes
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import motions

from bopask.arrays import Array
from bopask.errors import InputError, MissingExtra, MissingGL
from bopask.geometry.camera import inside, project
from bopask.geometry.mesh import Mesh, signed_volume
from bopask.geometry.se3 import inverse, rotation_about, se3, transform
from bopask.nouns import Camera, Description, Symmetry
from bopask.rng import rng_for
from bopask.synth.render import gl
from bopask.synth.render.blender import VARIABLE, Blender
from bopask.synth.render.gl import GL
from bopask.synth.render.materials import SURFACES, surface
from bopask.synth.render.model import Build
from bopask.synth.render.paint import painted
from bopask.synth.render.rays import Rays
from bopask.synth.render.scene import HALVES, Fixture, Lamp, Look, Renderer, Scene, box, draw_look, table
from bopask.synth.render.sensor import DepthSensor, Sensor
from bopask.synth.render.shade import Light
from bopask.synth.render.truth import Truth
from bopask.synth.render.views import CAMERA, CLEAR, Views, look_at
from bopask.synth.shapes import Shape

SHAPES = shapes()
SMALL = Camera(np.array([[150.0, 0, 79.5], [0, 150.0, 59.5], [0, 0, 1]]), 160, 120)
ODD = Camera(np.array([[163.0, 0, 70.2], [0, 155.0, 66.9], [0, 0, 1]]), 161, 119)
"""Pixels that are not square, a principal point off the middle, odd sizes."""


def layout(seed: int, n: int = 6) -> Scene:
    """Things upright on the table in a grid, each turned at random; some stand behind others."""
    rng = rng_for(seed, "layout", n)
    kinds = [SHAPES[int(i)] for i in rng.permutation(list(SHAPES))[:n]]
    spots = [(0.15 * (k % 3 - 1), 0.14 * (k // 3) - 0.07) for k in range(n)]
    poses = [place(shape, spot, rng.uniform(-3, 3)) for shape, spot in zip(kinds, spots, strict=True)]
    return Scene(tuple(kinds), np.array(poses), table())


def printed_box() -> Shape:
    """14 x 5 x 18 cm; its front (-y) has an image: white, red at the lower left, green at the upper right."""
    size = np.array([0.14, 0.05, 0.18])
    vertices = Fixture(np.eye(4), size).quads()[0].reshape(-1, 3)
    faces = (np.arange(6)[:, None, None] * 4 + HALVES).reshape(-1, 3).astype(np.int32)
    image = np.full((90, 70, 3), 240, np.uint8)
    image[-30:, :25], image[:30, -25:] = (220, 20, 20), (20, 180, 30)
    uv = np.full((24, 2), 0.5)
    front = np.abs(vertices[:, 1] + size[1] / 2) < 1e-9
    front &= np.repeat(np.arange(6) == 3, 4)
    uv[front] = vertices[front][:, [0, 2]] / size[[0, 2]] + 0.5
    plain = np.zeros((24, 3), np.uint8)
    return Shape(Description("printed box"), Mesh(vertices, faces), plain, (vertices,), Symmetry(), 0.2, 0.0, uv, image)


def look_of(*lamps: Lamp, table: str = "white laminate") -> Look:
    fill = np.full(3, 0.4)
    return Look(table, "screed", "gray wall", np.ones((3, 3)), np.zeros(2), lamps, fill, seed=1)


def rasterised(
    triangles: Array, owner: Array, camera: Camera, T_cam_world: Array, beyond: int = 0
) -> tuple[Array, Array]:
    """Depth and owner of each pixel centre by edge functions and a z-buffer: shares nothing with the ray caster."""
    h, w = camera.height * (1 + 2 * beyond), camera.width * (1 + 2 * beyond)
    offset = np.array([camera.width, camera.height]) * beyond
    depth, ids = np.full((h, w), np.inf), np.full((h, w), -2)
    p = transform(T_cam_world, triangles.reshape(-1, 3)).reshape(-1, 3, 3)
    assert p[..., 2].min() > 0
    uv = (p @ camera.K.T)[..., :2] / p[..., 2:] + offset
    low, high = np.ceil(uv.min(1)).astype(int).clip(0), np.floor(uv.max(1)).astype(int)
    for (u0, v0), (u1, v1), corner, z, name in zip(low, high, uv, p[..., 2], owner, strict=True):
        u, v = np.arange(u0, min(u1, w - 1) + 1), np.arange(v0, min(v1, h - 1) + 1)[:, None]
        a, b, c = corner
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if not (u.size and v.size and area):
            continue
        weights = [
            ((e[0] - s[0]) * (v - s[1]) - (e[1] - s[1]) * (u - s[0])) / area for s, e in ((b, c), (c, a), (a, b))
        ]
        here = np.s_[v0 : v0 + len(v), u0 : u0 + len(u)]
        with np.errstate(divide="ignore"):
            far = 1 / sum(q / zi for q, zi in zip(weights, z, strict=True))
        nearer = (np.minimum.reduce(weights) >= 0) & (far < depth[here])
        depth[here][nearer], ids[here][nearer] = far[nearer], name
    return np.where(ids == -2, 0.0, depth), ids


@given(seed=st.integers(0, 10**6), camera=st.sampled_from([SMALL, ODD]))
@settings(max_examples=4, deadline=None)
def test_truth_is_what_a_rasteriser_of_its_own_says(seed: int, camera: Camera) -> None:
    scene = layout(seed)
    T_cam_world = inverse(Views(camera=camera, distance=(0.75, 1.1)).draw(scene, 1, rng_for(seed, "t", 0))[0])
    triangles, owner = scene.triangles()
    seen = Truth(triangles, owner).sight(camera, T_cam_world)
    depth, ids = rasterised(triangles, owner, camera, T_cam_world)
    same = seen.ids == ids
    assert same.mean() >= 0.999
    assert np.abs(seen.depth - depth)[same].max() <= 5e-4
    for i in range(len(scene.shapes)):
        mine = owner == i
        _, alone = rasterised(triangles[mine], owner[mine], camera, T_cam_world, beyond=1)
        assert abs(int(seen.px_count_all[i]) - int((alone == i).sum())) <= 2 + 0.002 * seen.px_count_all[i]
        part = alone[camera.height : 2 * camera.height, camera.width : 2 * camera.width] == i
        assert (seen.silhouettes[i] != part).sum() <= 2 + 0.002 * part.sum()
        if seen.px_count_visib[i]:
            rows, columns = np.nonzero(alone == i)
            low = np.array([columns.min() - camera.width, rows.min() - camera.height])
            expected = [*low, np.ptp(columns), np.ptp(rows)]
            assert np.abs(seen.bbox_obj[i] - expected).max() <= 1


@given(seed=st.integers(0, 10**6), T=motions())
@settings(max_examples=8, deadline=None)
def test_moving_the_world_with_the_camera_changes_nothing(seed: int, T: Array) -> None:
    scene = layout(seed, 4)
    T_world_cam = Views(camera=SMALL).draw(scene, 1, rng_for(seed, "t", 0))[0]
    triangles, owner = scene.triangles()
    depth, ids = Truth(triangles, owner).depth_and_ids(SMALL, inverse(T_world_cam))
    moved = transform(T, triangles.reshape(-1, 3)).reshape(-1, 3, 3)
    depth_again, ids_again = Truth(moved, owner).depth_and_ids(SMALL, inverse(T @ T_world_cam))
    same = ids == ids_again
    assert same.mean() >= 0.999
    np.testing.assert_allclose(depth[same], depth_again[same], atol=2e-5)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_counts_and_masks_agree_with_each_other(seed: int) -> None:
    scene = layout(seed)
    wild = Views(camera=SMALL, inside=0.0, jitter=0.3)
    for T_world_cam in wild.draw(scene, 3, rng_for(seed, "wild", 0)):
        seen = Truth(*scene.triangles()).sight(SMALL, inverse(T_world_cam))
        assert (seen.masks <= seen.silhouettes).all() and (seen.masks.sum(0) <= 1).all()
        np.testing.assert_array_equal(seen.px_count_visib, seen.masks.sum((1, 2)))
        assert (seen.px_count_visib <= seen.px_count_valid).all() and (seen.px_count_valid <= seen.px_count_all).all()
        np.testing.assert_array_equal(seen.masks, seen.ids == np.arange(len(seen.masks))[:, None, None])
        np.testing.assert_array_equal(seen.depth > 0, seen.ids > -2)


def test_what_lies_outside_the_image_is_counted_and_has_no_box() -> None:
    can = SHAPES[3]
    T_cam_world = look_at(np.array([0.0, -0.6, 0.06]), np.array([0.0, 0.0, 0.06]), 0.0)
    scene = Scene((can, can), np.array([place(can, (0, 0), 0.0), place(can, (0.5, 0), 0.0)]), table())
    seen = Truth(*scene.triangles()).sight(SMALL, T_cam_world)
    assert seen.px_count_all[1] > 300 > seen.px_count_visib[1] == seen.px_count_valid[1] == 0
    assert seen.bbox_obj[1].tolist() == seen.bbox_visib[1].tolist() == [-1] * 4


@pytest.mark.usefixtures("has_gl")
@pytest.mark.parametrize("camera", [SMALL, ODD], ids=["plain", "odd"])
def test_gl_draws_every_pixel_where_the_rays_say(camera: Camera) -> None:
    mujoco = pytest.importorskip("mujoco")
    for seed in (1, 2):
        scene = layout(seed)
        model, data = Build(mujoco, camera, look_of(), 4).model(scene)
        drawn = gl.Drawn(mujoco, model, data, camera, gl._context(os.getpid(), camera.width, camera.height))
        truth = Truth(*scene.triangles())
        for T_world_cam in Views(camera=camera).draw(scene, 3, rng_for(seed, "gl", 0)):
            ids, depth = drawn.ids_and_depth(T_world_cam)
            exact, owner = truth.depth_and_ids(camera, inverse(T_world_cam))
            assert (ids == owner).mean() >= 0.999
            whole = Truth(*scene.triangles()).sight(camera, inverse(T_world_cam)).masks.any(0)
            off = np.abs(depth - exact)[(ids == owner) & whole]
            assert np.quantile(off, 0.999) <= 5e-4
        drawn.close()


@pytest.mark.usefixtures("has_gl")
def test_an_image_on_an_object_stands_upright_and_is_not_mirrored() -> None:
    T_world_obj = se3(np.eye(3), np.array([0, 0, 0.09]))
    scene = Scene((printed_box(),), T_world_obj[None], table())
    T_cam_world = look_at(np.array([0.05, -0.45, 0.2]), np.array([0, 0, 0.09]), 0.0)
    marks = np.array([[-0.055, -0.025, 0.03], [0.055, -0.025, 0.15], [0.0, -0.025, 0.09]])  # red, green, white
    u, v = np.round(project(SMALL.K, transform(T_cam_world, marks))).astype(int).T
    with GL().open(scene, look_of(Lamp(np.array([0.0, -0.6, 0.8]), np.full(3, 0.6), 0.05)), SMALL) as shot:
        red, green, white = shot(inverse(T_cam_world))[v, u].astype(int)
    assert red[0] > 2 * red[1] and green[1] > 2 * green[0] and white.min() > 120


@pytest.mark.usefixtures("has_gl")
def test_a_picture_has_the_colours_of_the_vertices() -> None:
    scene = Scene(
        (SHAPES[1], SHAPES[12]), np.array([place(SHAPES[1], (-0.08, 0), 0), place(SHAPES[12], (0.08, 0), 0)]), table()
    )
    T_cam_world = look_at(np.array([0.0, -0.45, 0.3]), np.array([0, 0, 0.04]), 0.0)
    ids = Truth(*scene.triangles()).depth_and_ids(SMALL, T_cam_world)[1]
    with GL().open(scene, look_of(Lamp(np.array([0.0, -0.6, 0.8]), np.full(3, 0.6), 0.05)), SMALL) as shot:
        picture = shot(inverse(T_cam_world)).astype(float)
    mug, apple = (np.median(picture[ids == i], axis=0) for i in (0, 1))
    assert mug[0] > 2 * mug[1] and apple[1] > apple[0] > apple[2]


def picture(args: tuple[int, Renderer]) -> bytes:
    """In a worker: one picture of a layout."""
    seed, renderer = args
    scene, look = layout(seed, 4), draw_look(rng_for(seed, "look", 0))
    with renderer.open(scene, look, SMALL) as shot:
        views = Views(camera=SMALL).draw(scene, 2, rng_for(seed, "views", 0))
        return b"".join(shot(T).tobytes() for T in views)


@pytest.mark.usefixtures("has_gl")
def test_a_worker_process_draws_the_same_bytes() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        theirs = pool.map(picture, [(3, GL()), (4, GL())])
    assert theirs == [picture((3, GL())), picture((4, GL()))]
    assert theirs[0] != theirs[1]


def test_without_gl_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl.sys, "platform", "linux")
    monkeypatch.setattr(gl.ctypes.util, "find_library", lambda name: None)
    with pytest.raises(MissingGL, match=r"apt install libegl1 libgl1, or libosmesa6.*--renderer rays"):
        gl.backend()
    monkeypatch.setattr(gl.ctypes.util, "find_library", lambda name: "x" if name == "OSMesa" else None)
    assert gl.backend() == "osmesa"
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(MissingExtra, match=r"bopask\[synth\]"), GL().open(layout(0), look_of(), SMALL):
        pass


def test_a_gl_that_makes_no_context_is_an_error_of_ours() -> None:
    """In a process of its own, with a platform that PyOpenGL does not load beside EGL: as good as no driver."""
    code = "import os; from bopask.synth.render.gl import _context; _context(os.getpid(), 8, 8)"
    switched_off = {**os.environ, "MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "osmesa"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=switched_off)
    assert found.returncode == 1
    assert "MissingGL: OpenGL: egl makes no context" in found.stderr and "--renderer rays" in found.stderr


def test_cameras_that_gl_and_blender_cannot_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    skewed = replace(SMALL, K=SMALL.K + np.array([[0, 2.0, 0], [0, 0, 0], [0, 0, 0]]))
    with pytest.raises(InputError, match="skew"), GL().open(layout(0), look_of(), skewed):
        pass
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(InputError, match=VARIABLE), Blender().open(layout(0), look_of(), SMALL):
        pass
    with pytest.raises(InputError, match="does not run"), Blender("/nowhere/python").open(layout(0), look_of(), SMALL):
        pass
    with (
        pytest.raises(InputError, match="cannot import bpy"),
        Blender(sys.executable).open(layout(0), look_of(), SMALL),
    ):
        pass


@pytest.mark.usefixtures("has_gl")
@pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE} names no interpreter with Blender's module bpy")
def test_blender_draws_the_same_scene_from_the_same_place() -> None:
    scene, look = layout(5), draw_look(rng_for(5, "look", 0))
    T_world_cam = Views(camera=SMALL).draw(scene, 1, rng_for(5, "views", 0))[0]
    with GL().open(scene, look, SMALL) as shot:
        ours = shot(T_world_cam).astype(float)
    with Blender(samples=8).open(scene, look, SMALL) as shot:
        theirs = shot(T_world_cam).astype(float)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9
    shifted = np.corrcoef(ours[:, 3:].ravel(), theirs[:, :-3].ravel())[0, 1]
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > shifted


def test_the_renderer_without_gl_draws_too() -> None:
    tiny = Camera(np.array([[40.0, 0, 15.5], [0, 40.0, 11.5], [0, 0, 1]]), 32, 24)
    can = SHAPES[3]
    scene = Scene(
        (can,), place(can, (0, 0), 0.0)[None], (*table(), box((0.2, 0.1, 0.05), (0.1, 0.1, 0.1), "cardboard"))
    )
    T_world_cam = inverse(look_at(np.array([0.0, -0.5, 0.3]), np.array([0, 0, 0.05]), 0.0))
    with Rays().open(scene, draw_look(rng_for(0, "look", 0)), tiny) as shot:
        first, again = shot(T_world_cam), shot(T_world_cam)
    np.testing.assert_array_equal(first, again)
    blue = first[Truth(*scene.triangles()).depth_and_ids(tiny, inverse(T_world_cam))[1] == 0].astype(float).mean(0)
    assert blue[2] > blue[0]


@pytest.mark.parametrize("shape", [*SHAPES.values(), printed_box()], ids=lambda s: s.name)
def test_paint_covers_the_shape_in_its_colours(shape: Shape) -> None:
    drawn = painted(shape)
    soup = Mesh(drawn.corners.reshape(-1, 3), np.arange(drawn.corners.size // 3).reshape(-1, 3))
    assert signed_volume(soup) == pytest.approx(signed_volume(shape.mesh), rel=1e-6)
    np.testing.assert_allclose(np.linalg.norm(drawn.normals, axis=2), 1, atol=1e-6)
    h, w, _ = drawn.image.shape
    middle = drawn.uv.mean(1)
    colors = drawn.image[(h - 1 - np.floor(middle[:, 1] * h)).astype(int), np.floor(middle[:, 0] * w).astype(int)]
    if shape.texture is None:
        area = np.linalg.norm(np.cross(*(drawn.corners[:, i] - drawn.corners[:, 0] for i in (1, 2))), axis=1)
        whole = np.linalg.norm(
            np.cross(*(shape.mesh.triangles[:, i] - shape.mesh.triangles[:, 0] for i in (1, 2))), axis=1
        )
        mean = np.average(shape.colors[shape.mesh.faces].mean(1), axis=0, weights=whole)
        np.testing.assert_allclose(np.average(colors, axis=0, weights=area), mean, atol=1.0)


@pytest.mark.parametrize("name", SURFACES)
def test_materials_tile_without_a_seam(name: str) -> None:
    image = surface(name).astype(float)
    inner = np.abs(np.diff(image, axis=0)).mean(), np.abs(np.diff(image, axis=1)).mean()
    assert np.abs(image[0] - image[-1]).mean() < 2 * inner[0] + 1
    assert np.abs(image[:, 0] - image[:, -1]).mean() < 2 * inner[1] + 1
    assert image.std(axis=(0, 1)).max() > 0.5


def test_a_lamp_throws_a_shadow_and_what_stands_near_dims_the_rest() -> None:
    """A box on a white table, the lamp on the right: dark on its left, and a little darker at its foot on the right."""
    lamp = Lamp(np.array([0.8, 0.0, 0.6]), np.full(3, 0.8), 0.03)
    scene = Scene((), np.zeros((0, 4, 4)), (*table(), box((0, 0, 0.05), (0.1, 0.1, 0.1))))
    T_cam_world = look_at(np.array([0.0, -0.5, 0.5]), np.array([0, 0, 0.0]), 0.0)
    white = np.full((SMALL.height, SMALL.width, 3), 200, np.uint8)
    picture = Light.on(scene, look_of(lamp)).lit(white, SMALL, T_cam_world).astype(float)
    spots = np.array([[-0.09, -0.02, 0], [0.06, -0.02, 0], [0.25, -0.02, 0]])
    u, v = np.round(project(SMALL.K, transform(T_cam_world, spots))).astype(int).T
    shadow, foot, free = picture[v, u].mean(1)
    assert shadow < 0.75 * free and shadow < foot < free - 3
    np.testing.assert_array_equal(Light.on(scene, look_of(lamp)).lit(white, SMALL, T_cam_world), picture)


@given(seed=st.integers(0, 10**6))
def test_a_look_lights_the_table_about_fully(seed: int) -> None:
    look, again = (draw_look(rng_for(seed, "look", 0), "marble") for _ in range(2))
    assert repr(look) == repr(again) and look.table == "marble"
    light = look.fill + sum(lamp.color * lamp.towards[2] for lamp in look.lamps)
    assert (light > 0.75).all() and (light < 1.25).all()
    assert 1 <= len(look.lamps) <= 3 and all(abs(np.linalg.norm(lamp.towards) - 1) < 1e-9 for lamp in look.lamps)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 9))
@settings(max_examples=15, deadline=None)
def test_views_show_the_objects_from_outside_and_all_round(seed: int, n: int) -> None:
    scene = layout(seed, n)
    views = Views().draw(scene, 8, rng_for(seed, "views", 0))
    assert len(views) == 8
    points = [transform(T, shape.mesh.vertices) for shape, T in zip(scene.shapes, scene.T_world_obj, strict=True)]
    for T_world_cam in views:
        shown = [inside(project(CAMERA.K, transform(inverse(T_world_cam), p)), 640, 480).all() for p in points]
        assert np.mean(shown) >= 0.95
        eye = T_world_cam[:3, 3]
        assert eye[2] > CLEAR
        assert all(((eye < p.min(0) - 0.1) | (eye > p.max(0) + 0.1)).any() for p in points)
        up = -T_world_cam[:3, 1]
        assert up[2] > 0.2  # not upside down
    middle = np.concatenate(points).min(0) / 2 + np.concatenate(points).max(0) / 2
    azimuth = np.sort([np.arctan2(*(T[:2, 3] - middle[:2])[::-1]) for T in views])
    gaps = np.diff(np.append(azimuth, azimuth[0] + 2 * np.pi))
    assert gaps.max() < np.radians(120)


def test_a_shelf_is_seen_from_its_open_side_only() -> None:
    can = SHAPES[3]
    walls = [
        ((0, 0.2, 0.2), (0.6, 0.02, 0.4)),
        ((-0.3, 0.05, 0.2), (0.02, 0.3, 0.4)),
        ((0.3, 0.05, 0.2), (0.02, 0.3, 0.4)),
    ]
    shelf = [box(at, size, "beech") for at, size in [*walls, ((0, 0.05, 0.4), (0.62, 0.3, 0.02))]]
    scene = Scene((can, can), np.array([place(can, (x, 0.05), 0) for x in (-0.1, 0.1)]), (*table(), *shelf))
    for T_world_cam in Views().draw(scene, 6, rng_for(0, "shelf", 0)):
        assert T_world_cam[1, 3] < 0
        seen = Truth(*scene.triangles()).sight(SMALL, inverse(T_world_cam))
        assert (seen.px_count_visib > 0).all()


def test_a_camera_without_faults_changes_nothing_and_one_with_faults_is_a_function_of_its_seed() -> None:
    rgb = rng_for(0, "rgb", 0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    perfect = Sensor(0, 0, (0, 0), (0, 0), 0)
    np.testing.assert_array_equal(perfect.develop(rgb, rng_for(0, "s", 0)), rgb)
    plain = np.full((48, 64, 3), 128, np.uint8)
    one, again, other = (Sensor().develop(plain, rng_for(0, "s", k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert 0 < np.abs(one.astype(int) - other).mean() < 60
    assert 0.3 < one.astype(float).std(axis=(0, 1)).max() < 25


def measured(gloss: float) -> tuple[Array, Array, Array]:
    """Exact depth, ids and measured depth of a can in front of the table."""
    can = SHAPES[3]
    scene = Scene((can,), place(can, (0, 0), 0.0)[None], table())
    T_cam_world = look_at(np.array([0.0, -0.5, 0.45]), np.array([0, 0, 0.05]), 0.0)
    depth, ids = Truth(*scene.triangles()).depth_and_ids(CAMERA, T_cam_world)
    return depth, ids, DepthSensor().holes(depth, ids, np.array([gloss]), CAMERA, rng_for(0, "depth", 0))


def test_measured_depth_is_near_the_truth_with_holes_where_a_sensor_has_them() -> None:
    depth, ids, seen = measured(0.0)
    assert (seen[depth == 0] == 0).all()
    there = seen > 0
    assert 0.0002 < np.abs(seen - depth)[there].mean() < 0.004
    gone = (depth > 0) & ~there
    assert 0.002 < gone.mean() < 0.1
    rows, columns = np.nonzero(ids == 0)
    left, right = (
        gone[rows.min() : rows.max(), a:b]
        for a, b in ((columns.min() - 25, columns.min()), (columns.max() + 1, columns.max() + 26))
    )
    assert left.mean() > 3 * right.mean()  # the projector is on the right
    np.testing.assert_array_equal(measured(0.0)[2], seen)
    shiny = measured(1.0)[2]
    assert (shiny[ids == 0] == 0).mean() > (seen[ids == 0] == 0).mean() + 0.01


def test_a_camera_that_looks_down_has_no_trouble_with_up() -> None:
    scene = layout(0, 2)
    T_world_cam = se3(rotation_about(np.array([1.0, 0, 0]), np.pi), np.array([0, 0, 0.8]))
    depth, _ = Truth(*scene.triangles()).depth_and_ids(SMALL, inverse(T_world_cam))
    assert depth.max() == pytest.approx(0.8, abs=1e-6)
