"""Where up is: planted tabletops are found, doubt is admitted, real frames give the table under the objects."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tabletop import (
    ball_model,
    box_model,
    cylinder_model,
    frames_of,
    jitter,
    looking,
    models,
    orbit,
    photographed,
    random_poses,
    standing,
)

from bopask.bop import load_mask, open_bop
from bopask.bop.images import load_depth
from bopask.geometry.camera import unproject
from bopask.geometry.plane import fit
from bopask.geometry.se3 import inverse, is_rotation, rotation_about, se3, transform
from bopask.nouns import Arrangement, Estimate, Layout, Model, Skip, World
from bopask.world import DepthPlane, RestingFaces, arrange, find_world, world_frame
from bopask.world.bodies import Standing, body_of

MODELS = models()
UP = np.array([0.0, 0, 1])
seeds = st.integers(0, 2**32 - 1)


def arrangement_of(
    ids: list[int], T_world_obj: np.ndarray, T_world_cam: np.ndarray, of: Mapping[int, Model]
) -> Arrangement:
    (found,) = arrange(frames_of(ids, T_world_obj, T_world_cam), of)
    return found


def errors(normal: np.ndarray, offset: float, T_world_ref: np.ndarray, at: np.ndarray) -> tuple[float, float]:
    """Degrees off the true up, and metres off the true plane at a point of the reference frame."""
    true_up = T_world_ref[2, :3]
    tilt = np.rad2deg(np.arctan2(np.linalg.norm(np.cross(normal, true_up)), normal @ true_up))
    return float(tilt), float((normal @ at - offset) - (true_up @ at + T_world_ref[2, 3]))


def lowest(world: World, arrangement: Arrangement, of: Mapping[int, Model]) -> np.ndarray:
    """Height (m) of each object's lowest vertex in the world frame, straight from the meshes."""
    poses = world.T_world_ref @ arrangement.T_ref_obj
    return np.array(
        [
            transform(T, of[i].mesh.vertices)[:, 2].min()
            for T, i in zip(poses, arrangement.obj_ids.tolist(), strict=True)
        ]
    )


# bodies


def test_a_box_rests_on_six_faces_a_cylinder_rolls_a_ball_says_nothing() -> None:
    box = body_of(box_model(0, (0.06, 0.09, 0.16)))
    assert sorted(map(tuple, np.round(box.down).astype(int).tolist())) == sorted(
        [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    )
    assert sorted(box.rise) == pytest.approx([0.03, 0.03, 0.045, 0.045, 0.08, 0.08])
    assert np.abs(box.freedom).max() < 1e-9
    assert (box.anyhow < np.deg2rad(6)).mean() == pytest.approx(6 * (1 - np.cos(np.deg2rad(6))) / 2, rel=0.1)
    can = body_of(cylinder_model(3, 0.035, 0.11))
    side = int(np.argmin(np.abs(can.down[:, 2])))
    rolls, stays = np.linalg.eigvalsh(can.freedom[side])[::-1][:2]
    assert rolls > np.deg2rad(3) ** 2 and stays < np.deg2rad(1) ** 2
    assert 0.08 < (can.anyhow < np.deg2rad(6)).mean() < 0.16
    assert not box.round and not can.round and body_of(ball_model(4, 0.03)).round


def test_a_tall_box_whose_weight_overhangs_does_not_rest_there() -> None:
    """An L: its foot's short side carries nothing."""
    wedge = MODELS[0].mesh.vertices.copy()
    wedge[wedge[:, 2] < 0, 0] = wedge[wedge[:, 2] < 0, 0] * 0.02 - 0.03  # the bottom shrinks to a strip under one edge
    body = body_of(replace(MODELS[0], mesh=replace(MODELS[0].mesh, vertices=wedge), sha256="wedge"))
    assert not (body.down[:, 2] < -0.99).any()


# without depth


@given(seeds)
def test_boxes_askew_tell_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [0, 1, 5, 3]
    poses = standing(rng, ids, MODELS) @ jitter(rng, 4, 0.002, np.deg2rad(1))
    cameras = orbit(3, rng.uniform(-3, 3))
    arrangement = arrangement_of(ids, poses, cameras, MODELS)
    estimate = RestingFaces().estimate(arrangement, MODELS, 0)
    assert isinstance(estimate, Estimate) and estimate.confidence > 0.9
    tilt, height = errors(estimate.normal, estimate.offset, cameras[0], arrangement.T_ref_obj[:, :3, 3].mean(0))
    assert tilt < 2.0 and abs(height) < 0.004


@given(seeds)
def test_up_does_not_depend_on_the_frame_of_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    poses = standing(rng, [0, 1, 5], MODELS) @ jitter(rng, 3, 0.002, np.deg2rad(1))
    here = arrangement_of([0, 1, 5], poses, orbit(3), MODELS)
    T = random_poses(rng, 1)[0]
    there = replace(here, T_ref_obj=T @ here.T_ref_obj, T_ref_cam=T @ here.T_ref_cam)
    (a, _), (b, _) = (find_world(x, MODELS, [RestingFaces()]) for x in (here, there))
    assert a is not None and b is not None
    assert a.T_world_ref == pytest.approx(b.T_world_ref @ T, abs=1e-7)
    assert a.confidence == pytest.approx(b.confidence)


def test_an_object_on_another_and_one_that_leans_do_not_tilt_the_table() -> None:
    rng = np.random.default_rng(0)
    ids = [1, 5, 0, 0]
    poses = standing(rng, ids[:3], MODELS)
    on_top = poses[0] @ se3(rotation_about(UP, 0.7), np.array([0, 0, 0.025 + 0.08]))
    leaning = poses[1] @ se3(rotation_about(np.array([0, 1.0, 0]), 0.45), np.array([-0.088, 0, 0.0518]))
    arrangement = arrangement_of([*ids, 0], np.array([*poses, on_top, leaning]), orbit(3), MODELS)
    world, skips = find_world(arrangement, MODELS, [RestingFaces()])
    assert world is not None and skips == ()
    assert lowest(world, arrangement, MODELS)[:3] == pytest.approx([0, 0, 0], abs=0.002)
    assert lowest(world, arrangement, MODELS)[3] == pytest.approx(0.05, abs=0.004)
    assert errors(world.T_world_ref[2, :3], -world.T_world_ref[2, 3], orbit(1)[0], np.zeros(3))[0] < 1.0


@given(seeds)
def test_what_all_others_stand_on_is_no_support(seed: int) -> None:
    """As the lowest board of a shelf: the table is under it, though nothing but it stands there."""
    of = MODELS | {9: box_model(9, (0.6, 0.6, 0.06))}
    ids = [0, 1, 2, 5, 1]
    on_board = se3(np.eye(3), np.array([0, 0, 0.06])) @ standing(np.random.default_rng(seed), ids, MODELS)
    board = se3(np.eye(3), np.array([0, 0, 0.03]))
    arrangement = arrangement_of([*ids, 9], np.array([*on_board, board]), orbit(3), of)
    world, _ = find_world(arrangement, of, [RestingFaces()])
    assert world is not None
    assert lowest(world, arrangement, of) == pytest.approx([0.06] * 5 + [0], abs=0.002)


@pytest.mark.parametrize("ids", [[0], [4, 4, 4], [3, 4]])
def test_doubt_is_admitted(ids: list[int]) -> None:
    """One box has six faces; balls lie any way; a can that stands beside a ball may as well lie."""
    rng = np.random.default_rng(1)
    frames = frames_of(ids, standing(rng, ids, MODELS), orbit(2))
    world, skips = find_world(arrange(frames, MODELS)[0], MODELS, [RestingFaces()])
    assert world is None
    assert skips[-1] == Skip("000007-0", "world", "up_unsure")


def test_lying_cans_tell_up_by_their_common_tangent_plane() -> None:
    lying = rotation_about(np.array([0, 1.0, 0]), np.pi / 2)
    poses = se3(np.stack([lying, rotation_about(UP, 1.0) @ lying]), np.array([[0, 0, 0.065], [0, 0.2, 0.065]]))
    arrangement = arrangement_of([3, 3], poses, orbit(2), MODELS)
    estimate = RestingFaces().estimate(arrangement, MODELS, 0)
    assert isinstance(estimate, Estimate)
    assert errors(estimate.normal, estimate.offset, orbit(1)[0], np.zeros(3))[0] < 2.0


def test_cameras_below_every_plane_are_refused() -> None:
    rng = np.random.default_rng(2)
    wall = box_model(0, (0.4, 0.4, 0.4))
    inside = se3(np.eye(3), np.array([[0, 0, 0.001], [0, 0.01, 0.0]]))
    arrangement = arrangement_of(
        [0, 1], standing(rng, [0, 1], {0: wall, 1: MODELS[1]}), inside, {0: wall, 1: MODELS[1]}
    )
    outside = replace(
        arrangement,
        T_ref_cam=np.array(
            [
                T @ se3(np.eye(3), 10 * d)
                for d in np.eye(3)
                for T in (arrangement.T_ref_cam[0], arrangement.T_ref_cam[0] @ se3(np.eye(3), -20 * d))
            ]
        ),
    )
    answer = RestingFaces().estimate(outside, {0: wall, 1: MODELS[1]}, 0)
    assert answer == Skip("000007-0", "world.resting", "cameras_below")


# with depth


@pytest.mark.parametrize("seed", range(4))
def test_depth_finds_the_table_among_floor_and_wall(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    ids, cameras = [0, 1, 5], orbit(3, rng.uniform(-3, 3))
    poses = standing(rng, ids, MODELS)
    (arrangement,) = arrange(photographed(tmp_path, rng, ids, poses, cameras, MODELS), MODELS)
    estimate = DepthPlane().estimate(arrangement, MODELS, 0)
    assert isinstance(estimate, Estimate) and estimate.confidence > 0.9
    tilt, height = errors(estimate.normal, estimate.offset, cameras[0], arrangement.T_ref_obj[:, :3, 3].mean(0))
    assert tilt < 0.2 and abs(height) < 0.001
    again = DepthPlane().estimate(arrangement, MODELS, 0)
    assert isinstance(again, Estimate) and np.array_equal(again.normal, estimate.normal)


def test_a_floor_larger_than_the_table_is_not_taken(tmp_path: Path) -> None:
    """Objects at the table's edge, everything within reach: most points are the floor's."""
    rng = np.random.default_rng(5)
    ids, cameras = [0, 1], np.array([looking((1.3, 0.3, 0.6), (0.5, 0.1, -0.2))])
    poses = standing(rng, ids, MODELS)
    poses[:, :2, 3] = [[0.42, 0.0], [0.40, 0.25]]
    (arrangement,) = arrange(photographed(tmp_path, rng, ids, poses, cameras, MODELS), MODELS)
    estimate = DepthPlane(reach=2.0).estimate(arrangement, MODELS, 0)
    assert isinstance(estimate, Estimate)
    tilt, height = errors(estimate.normal, estimate.offset, cameras[0], arrangement.T_ref_obj[:, :3, 3].mean(0))
    assert tilt < 1.0 and abs(height) < 0.005


def test_objects_in_the_air_make_depth_unsure(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    poses = standing(rng, [0, 1, 5], MODELS)
    poses[:, 2, 3] += 0.12
    (arrangement,) = arrange(photographed(tmp_path, rng, [0, 1, 5], poses, orbit(2), MODELS), MODELS)
    world, skips = find_world(arrangement, MODELS, [DepthPlane(reach=0.3)])
    assert world is None
    assert skips[-1].reason == "up_unsure"


def test_no_depth_and_empty_depth_are_skips(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    poses = standing(rng, [0, 1], MODELS)
    arrangement = arrangement_of([0, 1], poses, orbit(1), MODELS)
    assert DepthPlane().estimate(arrangement, MODELS, 0) == Skip("000007-0", "world.depth", "no_depth")
    frames = photographed(tmp_path, rng, [0, 1], poses, orbit(1), MODELS, holes=1.0)
    (arrangement,) = arrange(frames, MODELS)
    assert DepthPlane().estimate(arrangement, MODELS, 0) == Skip("000007-0", "world.depth", "depth_empty")


# together


@dataclass(frozen=True)
class Says:
    """A source of a given opinion: up tilted by `degrees` and raised by `metres`."""

    name: str
    confidence: float
    degrees: float = 0.0
    metres: float = 0.0

    def estimate(self, arrangement: Arrangement, models: Mapping[int, Model], seed: int) -> Estimate | Skip:
        T_ref_world = inverse(orbit(1)[0])
        normal = T_ref_world[:3, :3] @ rotation_about(np.array([1.0, 0, 0]), np.deg2rad(self.degrees)) @ UP
        at = arrangement.T_ref_obj[:, :3, 3].mean(0)
        height = (orbit(1)[0] @ np.append(at, 1))[2] - self.metres
        return Estimate(self.name, normal, float(normal @ at - height), self.confidence)


@dataclass(frozen=True)
class Silent:
    def estimate(self, arrangement: Arrangement, models: Mapping[int, Model], seed: int) -> Estimate | Skip:
        return Skip(arrangement.key, "world.depth", "no_depth")


def desk() -> Arrangement:
    return arrangement_of([0, 1, 5], standing(np.random.default_rng(8), [0, 1, 5], MODELS), orbit(2), MODELS)


def test_agreement_raises_confidence_and_shares_the_height() -> None:
    a, b = Says("depth", 0.8), Says("resting", 0.6, degrees=3, metres=0.007)
    world, skips = find_world(desk(), MODELS, [Silent(), a, b])
    assert world is not None
    assert world.source == "depth" and world.confidence == pytest.approx(1 - 0.2 * 0.4)
    assert "resting agrees with depth (3.0 deg, 7.0 mm apart" in world.note
    assert [s.reason for s in skips] == ["no_depth"]
    assert world.T_world_ref[2, :3] == pytest.approx(orbit(1)[0][2, :3])  # the tilt of the first
    mean = world.T_world_ref @ np.append(desk().T_ref_obj[:, :3, 3].mean(0), 1)
    true = (orbit(1)[0] @ np.append(desk().T_ref_obj[:, :3, 3].mean(0), 1))[2]
    assert true - mean[2] == pytest.approx(0.6 / 1.4 * 0.007)


def test_disagreement_lowers_confidence_and_is_explained() -> None:
    world, _ = find_world(desk(), MODELS, [Says("resting", 0.6, degrees=40), Says("depth", 0.95)])
    assert world is not None and world.source == "depth"
    assert 0.5 < world.confidence < 0.95
    assert "resting disagrees with depth (40.0 deg" in world.note
    assert len(world.estimates) == 2


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([Says("depth", 0.9), Says("resting", 0.9, metres=0.1)], "up_disputed"),
        ([Says("depth", 0.49), Says("resting", 0.49)], "up_unsure"),
        ([Silent()], "up_unsure"),
        ([], "up_unsure"),
    ],
)
def test_no_world_without_a_sure_and_undisputed_source(said: list[Says], reason: str) -> None:
    world, skips = find_world(desk(), MODELS, said)
    assert world is None
    assert skips[-1] == Skip("000007-0", "world", reason)


@given(seeds)
def test_world_frame_is_on_the_plane_under_the_objects_and_looks_ahead(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cameras = random_poses(rng, 2)
    arrangement = arrangement_of([0, 1, 5], random_poses(rng, 3), cameras, MODELS)
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    offset = float(rng.normal())
    T_world_ref = world_frame(normal, offset, arrangement)
    assert is_rotation(T_world_ref[:3, :3], 1e-9)
    points = rng.normal(size=(20, 3))
    assert transform(T_world_ref, points)[:, 2] == pytest.approx(points @ normal - offset)
    world_obj = Layout(arrangement, World(T_world_ref, "depth", 1.0)).T_world_obj
    assert world_obj[:, :2, 3].mean(0) == pytest.approx([0, 0], abs=1e-9)
    ahead = T_world_ref[:3, :3] @ np.array([0, 0, 1.0])  # the reference camera's axis
    if np.hypot(*ahead[:2]) > 0.1:
        assert ahead[1] == pytest.approx(0, abs=1e-9) and ahead[0] > 0


def test_a_camera_that_looks_straight_down_has_image_up_ahead() -> None:
    cameras = np.array([looking((0, 0, 1.0))])
    arrangement = replace(desk(), T_ref_cam=cameras, T_ref_obj=standing(np.random.default_rng(0), [0, 1, 5], MODELS))
    T_world_ref = world_frame(UP, 0.0, arrangement)
    assert T_world_ref[0, :3] == pytest.approx(-cameras[0, :3, 1])


# real frames


@pytest.fixture(scope="module")
def real(ycbv_mini: Path) -> tuple[Mapping[int, Model], list[Arrangement]]:
    folder = open_bop(ycbv_mini)
    of = folder.models()
    return of, [arrange(folder.read_scene("train_real", s).frames, of)[0] for s in range(4)]


def table_of_masks(ycbv_mini: Path, arrangement: Arrangement) -> tuple[np.ndarray, float]:
    """The table by other means: pixels in a ring about the visible masks, without RANSAC, without poses."""
    from scipy.ndimage import binary_dilation

    frame = arrangement.frames[0]
    own = np.any([load_mask(p) for p in frame.mask_visib_paths], axis=0)
    ring = binary_dilation(own, iterations=45) & ~binary_dilation(own, iterations=12)
    depth = load_depth(frame).astype(float)
    v, u = np.nonzero(ring & (depth > 0))
    points = unproject(frame.camera.K, np.stack([u, v], -1).astype(float), depth[v, u])
    keep = np.ones(len(points), bool)
    for threshold in (0.03, 0.02, 0.015, 0.01, 0.01, 0.01):
        plane = fit(points[keep]).facing(np.zeros(3))
        keep = np.abs(plane.heights(points)) < threshold
    return plane.normal, plane.offset


def test_depth_is_the_table_that_the_images_show(
    ycbv_mini: Path, real: tuple[Mapping[int, Model], list[Arrangement]]
) -> None:
    of, arrangements = real
    for arrangement in arrangements[:3]:
        estimate = DepthPlane().estimate(arrangement, of, 0)
        assert isinstance(estimate, Estimate) and estimate.confidence > 0.8
        normal, offset = table_of_masks(ycbv_mini, arrangement)
        at = arrangement.T_ref_obj[:, :3, 3].mean(0)
        assert np.rad2deg(np.arccos(estimate.normal @ normal)) < 1.0
        assert abs((estimate.normal @ at - estimate.offset) - (normal @ at - offset)) < 0.003


@pytest.mark.parametrize("with_depth", [True, False])
def test_real_worlds_against_the_scenes_own_frames(
    real: tuple[Mapping[int, Model], list[Arrangement]], with_depth: bool
) -> None:
    """Against z = 0 of w2c, tight in scenes 1 and 2. In scene 0 depth (3.8 degrees off w2c), faces of objects (7.3) and
    their contact heights side with each other against w2c; in scene 3 faces and contact heights are 2.5 degrees off it,
    and the one depth image 6.6 in another direction. Loose there: the truth itself is not known better."""
    of, arrangements = real
    sources = [DepthPlane(), RestingFaces()] if with_depth else [RestingFaces()]
    for s, arrangement in enumerate(arrangements):
        world, _ = find_world(arrangement, of, sources)
        assert world is not None and world.confidence > 0.9
        T_cam_w2c = arrangement.frames[0].T_cam_w2c
        assert T_cam_w2c is not None
        up, at = world.T_world_ref[2], arrangement.T_ref_obj[:, :3, 3].mean(0)
        tilt, height = errors(up[:3], -up[3], inverse(T_cam_w2c), at)
        assert tilt < (8.0, 1.5 if with_depth else 2.0, 1.5 if with_depth else 2.0, 3.0)[s]
        assert abs(height) < (0.006 if with_depth else 0.0075)


def test_real_objects_stand_on_the_plane(real: tuple[Mapping[int, Model], list[Arrangement]]) -> None:
    of, arrangements = real
    stand = [[0, 1, 2], [0, 1, 2, 3], [0, 2, 3, 4, 5], [0, 1, 2, 3]]  # seen in the images: all but the box on the block
    for arrangement, which in zip(arrangements, stand, strict=True):
        for sources, near in (([RestingFaces()], 0.005), ([DepthPlane(), RestingFaces()], 0.008)):
            world, _ = find_world(arrangement, of, sources)
            assert world is not None
            heights = lowest(world, arrangement, of)[which]
            assert np.abs(heights).max() < near
            assert abs(heights.mean()) < 0.005


def test_a_distorted_depth_image_is_overruled_by_the_objects(
    real: tuple[Mapping[int, Model], list[Arrangement]],
) -> None:
    """Scene 3: one overexposed frame, half of the table missing; its depth is tilted under objects known to stand."""
    of, arrangements = real
    world, _ = find_world(arrangements[3], of, [DepthPlane(), RestingFaces()])
    assert world is not None and world.source == "resting"
    assert "depth disagrees with resting" in world.note


def test_a_truncated_depth_image_is_an_error(
    real: tuple[Mapping[int, Model], list[Arrangement]], tmp_path: Path
) -> None:
    """With the file's name; not a skip, not a guess."""
    from bopask.errors import InputError

    of, arrangements = real
    broken = tmp_path / "depth.png"
    Image.new("I;16", (640, 480)).save(broken)
    broken.write_bytes(broken.read_bytes()[:200])
    frame = replace(arrangements[0].frames[0], depth_path=broken)
    with pytest.raises(InputError, match=r"depth\.png"):
        DepthPlane(frames=1).estimate(replace(arrangements[0], frames=(frame,)), of, 0)


@pytest.mark.slow
def test_the_79_videos_stand_upright(real_data: Path, tmp_path: Path) -> None:
    """Poses alone: how many layouts are sure of up, and two checks that the estimate did not optimise directly."""
    expand = [sys.executable, str(real_data / "expand_ycbv_gt.py"), str(tmp_path / "ycbv"), "--stride", "40"]
    subprocess.run(expand, check=True, capture_output=True)
    folder = open_bop(tmp_path / "ycbv")
    of, sure, lows = folder.models(), 0, []
    for path in sorted((tmp_path / "ycbv" / "train_real").iterdir()):
        (arrangement,) = arrange(folder.read_scene("train_real", int(path.name)).frames, of)
        world, _ = find_world(arrangement, of, [DepthPlane(), RestingFaces()])
        if world is None:
            continue
        sure += 1
        cameras = world.T_world_ref @ arrangement.T_ref_cam
        assert np.abs(np.rad2deg(np.arcsin(np.median(cameras[:, 2, 0])))) < 12  # held level, by and large
        assert np.median(cameras[:, 2, 2]) < -0.15  # and looking down
        heights = lowest(world, arrangement, of)
        on, carried, _ = Standing.of(arrangement, of).kinds(heights, 0.012)
        assert (~on & ~carried).sum() <= 1  # three wood blocks and a marker are annotated 2 cm too low
        lows.append(heights[on])
    assert sure >= 76
    assert (np.abs(np.concatenate(lows)) <= 0.005).mean() > 0.9
