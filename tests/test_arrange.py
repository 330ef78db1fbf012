"""Frames fall into arrangements by what stands still, whatever the camera, the order and the symmetric copy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tabletop import ball_model, cylinder_model, frame_of, frames_of, jitter, models, random_poses

from bopask.bop import open_bop
from bopask.geometry.se3 import angle_of, inverse, rotation_about, se3
from bopask.nouns import Arrangement, Frame, FrameKey, Model
from bopask.world import arrange

MODELS = models()
seeds = st.integers(0, 2**32 - 1)
# at least two of whatever kind, duplicates included: plain, half turn, cylinder, ball
id_lists = st.lists(st.sampled_from([0, 1, 2, 3, 4, 5]), min_size=2, max_size=6).filter(
    lambda ids: bool({0, 1, 5} & {*ids})
)


def symmetric_copy(rng: np.random.Generator, model: Model) -> np.ndarray:
    """A random member of the model's symmetry group."""
    T = np.eye(4)
    for axis, offset in zip(model.symmetry.axes, model.symmetry.offsets, strict=True):
        to_axis = se3(np.eye(3), offset)
        T = T @ to_axis @ se3(rotation_about(axis, rng.uniform(-np.pi, np.pi)), np.zeros(3)) @ inverse(to_axis)
    for S in model.symmetry.discrete:
        T = T @ (S if rng.random() < 0.5 else np.eye(4))
    return T


def relabelled(rng: np.random.Generator, frame: Frame) -> Frame:
    """The same image, its instances listed in another order and posed as other symmetric copies."""
    order = rng.permutation(frame.n)
    copies = np.array([symmetric_copy(rng, MODELS[int(i)]) for i in frame.obj_ids])
    return frame_of(frame.key.frame_id, frame.obj_ids[order], (frame.T_cam_obj @ copies)[order])


def centre_gaps(arrangement: Arrangement) -> np.ndarray:
    """Distance (m) of each frame's objects from the arrangement's, at the boxes' centres."""
    boxes = np.array([MODELS[int(i)].box.T_ref_box for i in arrangement.obj_ids])
    gaps = []
    for f, frame in enumerate(arrangement.frames):
        there = arrangement.T_ref_cam[f] @ frame.T_cam_obj[arrangement.slots[f]] @ boxes
        gaps.append(np.linalg.norm((there - arrangement.T_ref_obj @ boxes)[:, :3, 3], axis=1))
    return np.array(gaps)


@given(seeds, id_lists)
def test_camera_order_and_symmetric_copy_do_not_matter(seed: int, ids: list[int]) -> None:
    rng = np.random.default_rng(seed)
    T_world_cam = random_poses(rng, 6)
    still = frames_of(ids, random_poses(rng, len(ids)), T_world_cam)
    frames = [still[0], *(relabelled(rng, frame) for frame in still[1:])]
    (found,) = arrange(frames, MODELS)
    assert found.key == "000007-0"
    assert found.frames == tuple(frames)
    for f, frame in enumerate(frames):
        assert (frame.obj_ids[found.slots[f]] == found.obj_ids).all()
        assert sorted(found.slots[f]) == list(range(len(ids)))
    assert (found.slots[0] == np.arange(len(ids))).all()
    assert np.array_equal(found.T_ref_cam[0], np.eye(4))
    if not {2, 3, 4} & {*ids}:  # the boxes of symmetric models need not be centred on their axis
        assert centre_gaps(found).max() < 1e-9
        moved = inverse(T_world_cam[0]) @ T_world_cam
        if len({*ids}) == len(ids):
            assert np.abs(found.T_ref_cam - moved).max() < 1e-9


@given(seeds, id_lists)
def test_annotation_noise_within_tolerance_is_one_arrangement(seed: int, ids: list[int]) -> None:
    rng = np.random.default_rng(seed)
    frames = frames_of(ids, random_poses(rng, len(ids), 0.5), random_poses(rng, 5))
    noisy = [
        frame_of(k, ids, f.T_cam_obj @ jitter(rng, len(ids), 0.0006, np.deg2rad(0.3))) for k, f in enumerate(frames)
    ]
    assert len(arrange(noisy, MODELS)) == 1


@given(seeds, id_lists.filter(lambda ids: len(ids) > 3), st.floats(0.03, 0.2))
def test_a_moved_object_is_another_arrangement(seed: int, ids: list[int], metres: float) -> None:
    """Two objects 0.6 m apart could hide 20 mm sideways in 2 degrees of rotation noise; four cannot."""
    rng = np.random.default_rng(seed)
    T_world_obj = random_poses(rng, len(ids))
    moved = T_world_obj.copy()
    direction = rng.normal(size=3)
    moved[rng.integers(len(ids)), :3, 3] += metres * direction / np.linalg.norm(direction)
    cameras = random_poses(rng, 4)
    frames = [frame_of(k, ids, inverse(T) @ (moved if k % 2 else T_world_obj)) for k, T in enumerate(cameras)]
    found = arrange(frames, MODELS)  # A B A B
    assert [[f.key.frame_id for f in a.frames] for a in found] == [[0, 2], [1, 3]]
    assert [a.key for a in found] == ["000007-0", "000007-1"]


@given(seeds, st.sampled_from([0, 1, 2, 3, 5]), st.floats(np.deg2rad(3), np.deg2rad(170)))
def test_a_turned_object_is_another_arrangement_unless_the_turn_is_its_symmetry(
    seed: int, turned: int, angle: float
) -> None:
    rng = np.random.default_rng(seed)
    ids, poses = [turned, 0, 1], random_poses(rng, 3)
    z = se3(rotation_about(np.array([0.0, 0, 1]), angle), np.zeros(3))
    offset = se3(np.eye(3), np.array([0.03, -0.02, 0.0]))
    other = poses.copy()
    other[0] = poses[0] @ offset @ z @ inverse(offset)
    frames = [
        frame_of(k, ids, inverse(T) @ P)
        for k, (T, P) in enumerate(zip(random_poses(rng, 2), (poses, other), strict=True))
    ]
    assert len(arrange(frames, MODELS)) == (1 if turned == 3 else 2)


def test_moving_objects_give_one_arrangement_a_frame() -> None:
    rng = np.random.default_rng(1)
    frames = [frame_of(k, [0, 1, 2], random_poses(rng, 3)) for k in range(200)]
    found = arrange(frames, MODELS)
    assert [a.frames[0].key.frame_id for a in found] == list(range(200))
    assert all(np.array_equal(a.T_ref_obj, a.frames[0].T_cam_obj) for a in found if 2 not in a.obj_ids)


def test_rotation_noise_of_one_object_does_not_lever() -> None:
    """A small object turned by 1.5 degrees among others a metre away: 26 mm, if it alone were trusted."""
    rng = np.random.default_rng(2)
    T_world_obj = se3(np.eye(3), np.array([[0.0, 0, 0], [1, 0, 0], [1, 0.3, 0.1], [0.9, -0.3, 0]]))
    frames = frames_of([1, 0, 5, 2], T_world_obj, random_poses(rng, 2))
    turned = frames[1].T_cam_obj.copy()
    turned[0] = turned[0] @ se3(rotation_about(np.array([0.0, 0, 1]), np.deg2rad(1.5)), np.zeros(3))
    (found,) = arrange([frames[0], frame_of(1, [1, 0, 5, 2], turned)], MODELS)
    assert centre_gaps(found).max() < 0.002


def test_the_mean_of_noisy_frames_is_nearer_the_truth_than_a_frame() -> None:
    rng = np.random.default_rng(3)
    ids, truth = [0, 1, 3, 5], random_poses(rng, 4)
    still = frames_of(ids, truth, random_poses(rng, 60))
    noisy = [frame_of(k, ids, f.T_cam_obj @ jitter(rng, 4, 0.0012, np.deg2rad(0.4))) for k, f in enumerate(still)]
    (found,) = arrange(noisy, MODELS)

    def gaps(poses: np.ndarray) -> float:
        spans = [np.linalg.norm(p[:, None, :3, 3] - p[None, :, :3, 3], axis=-1) for p in (poses, truth)]
        return float(np.abs(spans[0] - spans[1]).max())

    single = np.mean([gaps(f.T_cam_obj) for f in noisy])
    assert gaps(found.T_ref_obj) < 0.5 * single


def test_one_object_alone_says_nothing() -> None:
    rng = np.random.default_rng(4)
    frames = [frame_of(k, [0], random_poses(rng, 1)) for k in range(5)]
    assert [len(a.frames) for a in arrange(frames, MODELS)] == [1] * 5


def test_cylinders_on_one_axis_say_nothing() -> None:
    stack = {3: cylinder_model(3, 0.03, 0.1), 4: ball_model(4, 0.02)}
    rng = np.random.default_rng(5)
    poses = se3(np.eye(3), np.array([[0.0, 0, 0], [0.03, -0.02, 0.1]]))
    frames = frames_of([3, 4], poses, random_poses(rng, 3))
    assert [len(a.frames) for a in arrange(frames, stack)] == [1, 1, 1]


def test_three_balls_are_aligned_by_their_centres() -> None:
    rng = np.random.default_rng(6)
    balls = {k: ball_model(k, 0.02) for k in range(3)}
    poses, cameras = random_poses(rng, 3), random_poses(rng, 4)
    (found,) = arrange(frames_of([0, 1, 2], poses, cameras), balls)
    assert np.abs(found.T_ref_cam - inverse(cameras[0]) @ cameras).max() < 1e-9


def test_other_objects_are_another_arrangement_and_empty_frames_are_in_none() -> None:
    rng = np.random.default_rng(7)
    poses = random_poses(rng, 3)
    frames = [
        frame_of(0, [], np.zeros((0, 4, 4))),
        *(
            frame_of(k, ids, inverse(T) @ poses[: len(ids)])
            for k, (ids, T) in enumerate(
                zip(([0, 1, 5], [0, 1], [0, 1, 5], [0, 1]), random_poses(rng, 4), strict=True), start=1
            )
        ),
    ]
    found = arrange(frames, MODELS)
    assert [[f.key.frame_id for f in a.frames] for a in found] == [[1, 3], [2, 4]]
    assert arrange([], MODELS) == []
    assert arrange(frames[:1], MODELS) == []


def test_sensors_of_one_scene_share_an_arrangement() -> None:
    rng = np.random.default_rng(8)
    still = frames_of([0, 1], random_poses(rng, 2), random_poses(rng, 4))
    frames = [
        frame_of(0, [0, 1], f.T_cam_obj, key=FrameKey(3, k // 2, ("left", "right")[k % 2])) for k, f in enumerate(still)
    ]
    (found,) = arrange(frames, MODELS)
    assert found.key == "000003-0"
    assert [str(f.key) for f in found.frames][:2] == ["000003/000000/left", "000003/000000/right"]


def test_a_bin_of_one_part_in_any_order() -> None:
    rng = np.random.default_rng(9)
    layouts = [random_poses(rng, 12) for _ in range(2)]
    frames = []
    for k, T in enumerate(random_poses(rng, 8)):
        frames.append(frame_of(k, [2] * 12, (inverse(T) @ layouts[k % 2])[rng.permutation(12)]))
    found = arrange([relabelled(rng, f) for f in frames], MODELS)
    assert [[f.key.frame_id for f in a.frames] for a in found] == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_ycbv_mini_is_four_arrangements(ycbv_mini: Path) -> None:
    folder = open_bop(ycbv_mini)
    real = folder.models()
    for scene in range(4):
        frames = folder.read_scene("train_real", scene).frames
        (found,) = arrange(frames, real)
        assert found.frames == tuple(frames)
        gap = found.T_ref_cam[:, None] @ np.stack([f.T_cam_obj for f in frames])
        assert np.linalg.norm((gap - found.T_ref_obj)[..., :3, 3], axis=-1).max() < 1e-4
        assert angle_of(np.swapaxes(gap, -1, -2)[..., :3, :3] @ found.T_ref_obj[:, :3, :3]).max() < np.deg2rad(0.02)


@pytest.mark.slow
def test_the_shared_videos_are_79_arrangements(real_data: Path, tmp_path: Path) -> None:
    expand = [sys.executable, str(real_data / "expand_ycbv_gt.py"), str(tmp_path / "ycbv"), "--stride", "40"]
    subprocess.run(expand, check=True, capture_output=True)
    folder = open_bop(tmp_path / "ycbv")
    real = folder.models()
    scenes = sorted(int(p.name) for p in (tmp_path / "ycbv" / "train_real").iterdir())
    found = [a for s in scenes for a in arrange(folder.read_scene("train_real", s).frames, real)]
    assert len(found) == len(scenes) == 79
    for a in found:
        there = a.T_ref_cam[:, None] @ np.stack([f.T_cam_obj[s] for f, s in zip(a.frames, a.slots, strict=True)])
        assert np.linalg.norm((there - a.T_ref_obj)[..., :3, 3], axis=-1).max() < 5e-6
