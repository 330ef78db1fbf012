"""What is seen agrees with independent pictures: tests/tiny.py's half-space renderer, and the real frames' masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import rotations
from tiny import OBJECTS, SIZE, K, TinyObject, cameras, render

import bopask.world.visibility as visibility
from bopask.bop import load_mask, open_bop
from bopask.geometry import se3
from bopask.geometry.box import Box
from bopask.geometry.camera import project
from bopask.nouns import Arrangement, Camera, Frame, FrameKey, Model, Symmetry, View
from bopask.world.arrange import arrange
from bopask.world.visibility import look, render_ids_depth

MODELS = {o.obj_id: Model(o.obj_id, o.mesh, Box(np.eye(4), np.ones(3)), Symmetry(), "") for o in OBJECTS}


def scene(poses: np.ndarray, K: np.ndarray = K, given: float = np.nan, n: int = len(OBJECTS)) -> Arrangement:
    """The first n objects with poses T_cam_obj (F, n, 4, 4), seen in images of the tiny size."""
    ids = np.array([o.obj_id for o in OBJECTS[:n]])
    frames = tuple(
        Frame(FrameKey(0, f), Camera(K, *SIZE), ids, T, np.full(n, given)) for f, T in enumerate(poses[:, :n])
    )
    stay = np.stack([np.eye(4)] * len(frames))
    return Arrangement("0", frames, np.tile(np.arange(n), (len(frames), 1)), ids, poses[0, :n], stay)


def seen_from(views: list[np.ndarray], objects: tuple[TinyObject, ...] = OBJECTS) -> np.ndarray:
    """T_cam_obj (F, N, 4, 4)."""
    return np.stack([[se3.inverse(T) @ o.T_world_obj for o in objects] for T in views])


VIEWS = cameras(3) + cameras(3, 2)


def whole_and_visible(T_world_cam: np.ndarray, K: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of each silhouette, on a canvas three times as large; those visible in the image; who is in front."""
    width, height = SIZE
    wide = K + np.array([[0, 0, width], [0, 0, height], [0, 0, 0]])
    layers, nearest = render(OBJECTS, T_world_cam, wide, (3 * width, 3 * height))
    front = nearest[height : 2 * height, width : 2 * width]
    n = len(OBJECTS)
    return (layers[:n] > 0).sum((1, 2)), np.array([(front == i).sum() for i in range(n)]), front


@pytest.mark.parametrize("shift", [(0, 0), (55, 0), (-60, 20), (0, 45), (30, -40)])
def test_the_share_and_the_anchor_agree_with_a_picture(shift: tuple[int, int]) -> None:
    K_shifted = K + np.array([[0, 0, shift[0]], [0, 0, shift[1]], [0, 0, 0]])
    view = look(scene(seen_from(VIEWS), K_shifted), MODELS)
    errors = []
    for f, T_world_cam in enumerate(VIEWS):
        whole, visible, front = whole_and_visible(T_world_cam, K_shifted)
        errors.append(np.abs(view.visib_fract[f] - visible / whole))
        for i, (u, v) in enumerate(view.anchor[f]):
            assert np.isfinite(u) == (view.visib_fract[f, i] > 0)
            if visible[i] > 5:
                assert front[int(v), int(u)] == i
    assert np.mean(errors) < 0.015
    assert np.max(errors) < 0.06


@given(rotations(), st.floats(0.15, 1.5))
def test_the_box_is_that_of_all_the_vertices(R: np.ndarray, z: float) -> None:
    T = np.stack([se3.se3(R, [0.02, -0.05, z])] * len(OBJECTS))[None]
    view = look(scene(T), MODELS)
    for n, thing in enumerate(OBJECTS):
        pixels = project(K, se3.transform(T[0, n], thing.mesh.vertices))
        expected = [*pixels.min(0), *pixels.max(0)]
        np.testing.assert_allclose(view.bbox[0, n], expected, atol=1e-9)


@given(rotations(), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_another_object_can_only_hide(R: np.ndarray, x: float, y: float) -> None:
    place = [[0, 0, 0.8], [x, y, 0.6], [y, x, 1.0]]
    T = np.stack([se3.se3(R, p) for p in place])[None]
    alone, together = look(scene(T, n=2), MODELS), look(scene(T), MODELS)
    assert (together.visib_fract[:, :2] <= alone.visib_fract).all()
    np.testing.assert_array_equal(together.bbox[:, :2], alone.bbox)


def test_turning_the_camera_by_whole_pixels_moves_the_anchor_by_them() -> None:
    moved = K + np.array([[0, 0, 7], [0, 0, -5], [0, 0, 0]])
    a, b = (look(scene(seen_from(VIEWS), k), MODELS) for k in (K, moved))
    np.testing.assert_allclose(b.anchor - a.anchor, np.broadcast_to([7, -5], a.anchor.shape))
    np.testing.assert_allclose(a.visib_fract, b.visib_fract)


def test_what_the_dataset_says_counts_except_of_what_the_camera_cannot_see() -> None:
    T = seen_from(VIEWS[:1])
    assert look(scene(T, given=0.25), MODELS).visib_fract.tolist() == [[0.25] * 3]
    computed = look(scene(T), MODELS)
    np.testing.assert_array_equal(look(scene(T, given=-1.0), MODELS).visib_fract, computed.visib_fract)
    np.testing.assert_array_equal(look(scene(T, given=0.25), MODELS).anchor, computed.anchor)
    away, behind, astride = T.copy(), T.copy(), T.copy()
    away[..., 0, 3] += 5
    behind[..., 2, 3] = -0.5
    astride[..., 2, 3] = 0.001
    for poses, boxed in ((away, True), (behind, False), (astride, False)):
        view = look(scene(poses, given=1.0), MODELS)
        assert (view.visib_fract == 0).all()
        assert np.isnan(view.anchor).all()
        assert (np.isfinite(view.bbox) == boxed).all()


def test_an_object_that_reaches_behind_the_camera_still_hides_what_is_before_it() -> None:
    T = np.stack([se3.se3(np.eye(3), [0, 0, z]) for z in (0.01, 0.5, 0.6)])[None]  # the flat box is at the lens
    assert look(scene(T), MODELS).visib_fract.tolist() == [[0, 0, 0]]


def test_any_block_and_any_batch_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    arrangement = scene(seen_from(VIEWS))
    whole = look(arrangement, MODELS)
    parts = [look(arrangement, MODELS, part) for part in (slice(0, 3), np.array([3]), slice(4, None))]
    monkeypatch.setattr(visibility, "AT_ONCE", 1)
    for other in (View(*(np.concatenate(a) for a in zip(*map(fields, parts), strict=True))), look(arrangement, MODELS)):
        for a, b in zip(fields(whole), fields(other), strict=True):
            np.testing.assert_array_equal(a, b)


def fields(view: View) -> tuple[np.ndarray, ...]:
    return view.visib_fract, view.bbox, view.anchor


def test_slots_choose_the_rows_of_each_frame() -> None:
    arrangement = scene(seen_from(VIEWS[:2]))
    swapped = np.array([1, 0, 2])
    first, second = arrangement.frames
    second = replace(second, obj_ids=second.obj_ids[swapped], T_cam_obj=second.T_cam_obj[swapped])
    turned = replace(arrangement, frames=(first, second), slots=np.array([[0, 1, 2], [1, 0, 2]]))
    for a, b in zip(fields(look(arrangement, MODELS)), fields(look(turned, MODELS)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_full_picture_agrees_with_the_half_space_renderer() -> None:
    layers, nearest = render(OBJECTS, VIEWS[0], K, SIZE)
    ids, depth = render_ids_depth(Camera(K, *SIZE), seen_from(VIEWS[:1])[0], [o.mesh for o in OBJECTS])
    expected = np.where(nearest < len(OBJECTS), nearest, -1)  # tiny's last layer is the support
    assert (ids == expected).mean() > 0.998  # outlines may differ by rounding
    same = (ids == expected) & (ids >= 0)
    np.testing.assert_allclose(depth[same], np.take_along_axis(layers, nearest[None], 0)[0][same], atol=1e-5)
    assert (depth[ids < 0] == 0).all()
    assert (ids.dtype, depth.dtype) == (np.int16, np.float32)


# -- real frames ----------------------------------------------------------------------------------------------------


def test_real_frames_agree_with_the_datasets_masks(ycbv_mini: Path) -> None:
    dataset = open_bop(ycbv_mini)
    models = dataset.models()
    errors, on_mask = [], []
    for scene_id in dataset.scene_ids("train_real"):
        for arrangement in arrange(dataset.read_scene("train_real", scene_id).frames, models):
            said = np.stack([f.visib_fract[s] for f, s in zip(arrangement.frames, arrangement.slots, strict=True)])
            blank = tuple(replace(f, visib_fract=np.full(f.n, np.nan)) for f in arrangement.frames)
            view = look(replace(arrangement, frames=blank), models)
            errors.append(np.abs(view.visib_fract - said).ravel())
            np.testing.assert_array_equal(look(arrangement, models).anchor, view.anchor)
            for f, frame in enumerate(arrangement.frames):
                for n in np.flatnonzero(said[f] > 0.05):
                    mask = load_mask(frame.mask_visib_paths[arrangement.slots[f, n]])
                    u, v = view.anchor[f, n].astype(int)
                    on_mask.append(bool(mask[v, u]))
    assert sum(map(len, errors)) == 69
    assert np.concatenate(errors).mean() < 0.01
    assert np.concatenate(errors).max() < 0.05
    assert len(on_mask) > 60
    assert all(on_mask)


def test_a_real_picture_is_nearly_the_datasets_masks(ycbv_mini: Path) -> None:
    dataset = open_bop(ycbv_mini)
    frame = dataset.read_scene("train_real", 2).frames[0]
    meshes = [dataset.models()[int(o)].mesh for o in frame.obj_ids]
    ids, _ = render_ids_depth(frame.camera, frame.T_cam_obj, meshes)
    for i, path in enumerate(frame.mask_visib_paths):
        mask = np.asarray(Image.open(path)) > 0
        assert (mask & (ids == i)).sum() / (mask | (ids == i)).sum() > 0.9
