"""Scores: golden values, laws, the oracle on real rows, box overlap against an independent boolean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import manifold3d
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import REPO
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import motions, rotations, vectors

from bopask.bench.scores import (
    HEADLINE,
    RULES,
    SCORES,
    WITHOUT_SCENE,
    Pictures,
    Rule,
    Score,
    Truth,
    balanced,
    mean,
    mean_of,
    score,
)
from bopask.bench.scores import grasp as grasps
from bopask.bench.scores.cuboid import box_ious
from bopask.bench.scores.curves import apart, chamfer, frechet, padded, resampled
from bopask.bench.scores.physical_grasp import closed
from bopask.bench.scores.physical_path import nearest, walked
from bopask.bench.scores.pnp import fit_plane, fit_solid
from bopask.bench.scores.pose import true_boxes, turned
from bopask.bench.scores.rearrangement import f1_of, precision_of, recall_of
from bopask.bench.scores.stage import Placed, Stage
from bopask.bop.folder import open_bop
from bopask.cli import main
from bopask.geometry import box, camera, se3
from bopask.geometry.mesh import Mesh
from bopask.nouns import Camera, Frame, FrameKey, Model, Symmetry
from bopask.priors.grasps.gripper import load_gripper

Array = np.ndarray
K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
SIZE = np.array([640.0, 480.0])
SEEDS = st.integers(0, 2**32 - 1)


def truth(task: str, points: Any = None, evidence: Any = None, **fields: Any) -> Truth:
    """A truth of a row made up for a test."""
    row = {
        "id": "0", "task": task, "subtask": task, "scene_id": 1, "frame_id": 0, "answer": "", "answer_points": points,
        "camera_K": K.ravel().tolist(), "width": 640, "height": 480, "instances": [0, 1], "evidence": evidence or {},
    } | fields  # fmt: skip
    return Truth.of(row)


def rule(name: str, task: str | None = None) -> Rule:
    return next(r for r in RULES if r.name == name and task in (None, r.task))


# Golden values: reference figures, 0..1 coordinates

TRUE = np.array([[0.358, 0.257], [0.326, 0.239], [0.387, 0.274], [0.324, 0.313], [0.385, 0.339]])
SAID = np.array([[0.381, 0.428], [0.341, 0.428], [0.421, 0.428], [0.301, 0.428], [0.461, 0.428]])


def test_golden_nce() -> None:
    one = np.ones(2)
    assert grasps.nce(SAID, TRUE) == pytest.approx(2.1446834, abs=1e-6)
    assert grasps.nce_paper(SAID, TRUE, one) == pytest.approx(2.1446834, abs=1e-6)
    assert grasps.nce_spacetools(SAID * SIZE, TRUE * SIZE, SIZE) == pytest.approx(2.1223405, abs=1e-6)
    assert grasps.nce_symmetric(SAID, TRUE, one) == pytest.approx(2.1446834, abs=1e-6)


# Boxes


def boxes(rng: np.random.Generator, n: int) -> tuple[Array, Array, Array, Array]:
    """Pairs of boxes: any, identical, nested, touching at a face, sharing face planes, parallel; near and far away."""

    def pose() -> Array:
        q = rng.normal(size=(n, 4))
        w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
        R = np.moveaxis(
            np.array(
                [
                    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
                ]
            ),
            -1,
            0,
        )
        return se3.se3(R, rng.normal(size=(n, 3)) * 0.06)

    T_a, T_b = pose(), pose()
    size_a, size_b = rng.uniform(0.01, 0.3, (2, n, 3))
    kind = np.arange(n) % 8
    same = np.isin(kind, (1, 2, 3, 4))
    T_b[same] = T_a[same]
    size_b[kind == 1] = size_a[kind == 1]
    size_b[kind == 2] = size_a[kind == 2] * rng.uniform(0.1, 1, (n, 1))[kind == 2]
    shift = np.zeros((n, 3))
    shift[kind == 3, 0] = ((size_a + size_b)[:, 0] / 2)[kind == 3]  # touch
    shift[kind == 4, 2] = ((size_a - size_b)[:, 2] / 2)[kind == 4]  # share a plane
    T_b[:, :3, 3] += (T_a[:, :3, :3] @ shift[..., None])[..., 0]
    T_b[kind == 5, :3, :3] = T_a[kind == 5, :3, :3]
    far = np.where(kind == 6, 1e4, np.where(kind == 7, 5.0, 0.0))[:, None] * np.array([1.0, -2.0, 3.0])
    T_a[:, :3, 3] += far
    T_b[:, :3, 3] += far
    return T_a, size_a, T_b, size_b


def boolean(T_a: Array, size_a: Array, T_b: Array, size_b: Array) -> float:
    """IoU by manifold3d, about the middle of the first box: its own tolerance grows with the coordinates."""
    a, b = (manifold3d.Manifold.cube(tuple(size.tolist()), True) for size in (size_a, size_b))
    shared = (a ^ b.transform((se3.inverse(T_a) @ T_b)[:3])).volume()
    return float(shared / (size_a.prod() + size_b.prod() - shared))


def agree(n: int, seed: int) -> None:
    pairs = boxes(np.random.default_rng(seed), n)
    found = box_ious(*pairs)
    expected = np.array([boolean(*pair) for pair in zip(*pairs, strict=True)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    kind = np.arange(n) % 8
    np.testing.assert_allclose(found[kind == 1], 1, atol=1e-9)
    np.testing.assert_allclose(found[kind == 3], 0, atol=1e-6)
    nested = (pairs[3].prod(1) / pairs[1].prod(1))[kind == 2]
    np.testing.assert_allclose(found[kind == 2], nested, atol=1e-6)
    assert (found[(kind == 0) | (kind == 5)] > 0.01).mean() > 0.3
    np.testing.assert_allclose(found, box_ious(*pairs[2:], *pairs[:2]), atol=1e-6)


def test_box_iou_is_an_independent_boolean() -> None:
    agree(500, 0)


@pytest.mark.slow
def test_box_iou_is_an_independent_boolean_10000() -> None:
    agree(10_000, 1)


@given(motions(), motions(), vectors(0.01, 0.3), vectors(0.01, 0.3), motions())
def test_box_iou_does_not_depend_on_the_frame(T_a: Array, T_b: Array, a: Array, b: Array, T: Array) -> None:
    T_b[:3, 3] = T_a[:3, 3] + 0.1 * T_b[:3, 3]
    before, after = (float(box_ious((M @ T_a)[None], a[None], (M @ T_b)[None], b[None])[0]) for M in (np.eye(4), T))
    assert 0 <= before <= 1
    assert before == pytest.approx(after, abs=1e-6)


# PnP


@given(rotations(), st.floats(-0.3, 0.3), st.floats(0.4, 2.0), vectors(0.02, 0.3))
def test_a_box_is_found_from_its_corners(R: Array, x: float, z: float, size: Array) -> None:
    T = se3.se3(R, np.array([x, -x / 2, z]))
    corners = box.SIGNS * size / 2
    pixels = camera.project(K, se3.transform(T, corners))
    assume(np.isfinite(pixels).all() and (se3.transform(T, corners)[:, 2] > 0.1).all())
    found, error = fit_solid(K[None], corners[None], pixels[None])
    assert error[0] < 1e-6
    np.testing.assert_allclose(found[0], T, atol=1e-6)


@given(rotations(), st.floats(-0.3, 0.3), st.floats(0.4, 2.0))
def test_a_gripper_is_found_from_its_five_points(R: Array, x: float, z: float) -> None:
    T, label = se3.se3(R, np.array([x, -x / 2, z])), load_gripper().label_points()
    view = (T[:3, 3] + label.mean(0) @ R.T) @ R[:, 1]
    assume(abs(view) > 0.05 * z)  # edge-on it is a line
    found, error = fit_plane(K[None], label[None], camera.project(K, se3.transform(T, label))[None])
    assert error[0].min() < 1e-6
    np.testing.assert_allclose(found[0, error[0].argmin()], T, atol=1e-5)


@given(motions(), motions(), st.integers(0, 2), st.floats(-3, 3))
def test_a_round_object_is_turned_to_the_box_found(T: Array, found: Array, axis: int, angle: float) -> None:
    axes = np.array([axis])
    best = turned(T[None], found[None], axes)[0]
    np.testing.assert_allclose(best[:, 3], T[:, 3])
    np.testing.assert_allclose(best[:3, axis], T[:3, axis])
    other = T.copy()
    other[:3, :3] = T[:3, :3] @ se3.rotation_about(np.eye(3)[axis], angle)
    likeness = [np.trace(found[:3, :3].T @ some[:3, :3]) for some in (best, other)]
    assert likeness[0] >= likeness[1] - 1e-9
    np.testing.assert_allclose(turned(T[None], found[None], np.array([-1]))[0], T)


# Polygons and curves


@given(SEEDS)
def test_hull_iou_is_that_of_half_planes(seed: int) -> None:
    """Against areas counted on a fine grid, and exact laws: symmetric, 1 of itself in any order, 0 when apart."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0, 100, (2, 1, 8, 2))
    many = rule("hull_iou").many
    value = float(many([truth("pose", b[0].tolist())], [a[0]])[0])
    assert value == pytest.approx(float(many([truth("pose", a[0].tolist())], [b[0]])[0]), abs=1e-9)
    assert float(many([truth("pose", a[0].tolist())], [rng.permutation(a[0])])[0]) == pytest.approx(1)
    assert float(many([truth("pose", a[0].tolist())], [a[0] + 200])[0]) == 0
    grid = np.stack(np.meshgrid(np.arange(0.25, 100, 0.5), np.arange(0.25, 100, 0.5)), -1).reshape(-1, 2)
    from scipy.spatial import ConvexHull

    within = [((grid @ (eq := ConvexHull(p[0]).equations)[:, :2].T + eq[:, 2]) <= 0).all(1) for p in (a, b)]
    assert value == pytest.approx((within[0] & within[1]).sum() / (within[0] | within[1]).sum(), abs=0.02)


curves = st.lists(vectors(0, 500, 2), min_size=2, max_size=7).map(np.array)


@given(curves, curves)
def test_frechet_is_the_recursion(a: Array, b: Array) -> None:
    """Eiter and Mannila's definition, without tables; padding changes nothing."""

    def reach(i: int, j: int) -> float:
        here = float(np.hypot(*(a[i] - b[j])))
        if i == j == 0:
            return here
        before = [reach(p, q) for p, q in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if p >= 0 and q >= 0]
        return max(min(before), here)

    distances = apart(padded([a, np.zeros((9, 2))])[0], padded([b, np.zeros((8, 2))])[0])
    assert frechet(distances)[0] == pytest.approx(reach(len(a) - 1, len(b) - 1))


@given(curves, curves)
def test_chamfer_is_the_mean_of_nearest_points(a: Array, b: Array) -> None:
    (pad_a, own_a), (pad_b, own_b) = padded([a, np.zeros((9, 2))]), padded([b, np.zeros((8, 2))])
    d = np.linalg.norm(a[:, None] - b, axis=-1)
    expected = (d.min(1).mean() + d.min(0).mean()) / 2
    assert chamfer(apart(pad_a, pad_b), own_a, own_b)[0] == pytest.approx(expected)


@given(curves)
def test_resampling_is_even_and_keeps_the_ends(a: Array) -> None:
    found = resampled(padded([a, np.zeros((9, 2))])[0], 33)[0]
    np.testing.assert_allclose(found[[0, -1]], a[[0, -1]], atol=1e-9)
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(a, axis=0), axis=1))])
    expected = np.stack([np.interp(at[-1] * np.linspace(0, 1, 33), at, a[:, k]) for k in range(2)], 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


# Laws of grasp scores

fives = st.lists(vectors(0, 400, 2), min_size=5, max_size=5).map(np.array)


@given(fives, fives)
def test_grasp_scores_stay_in_range_and_mirror(true: Array, said: Array) -> None:
    assume(
        np.linalg.norm(true[1] - true[2]) > 1 and all(np.linalg.norm(true[a] - true[b]) > 1 for a, b in grasps.SEGMENTS)
    )
    mirrored = true[grasps.MIRRORED]
    assert grasps.nce_symmetric(mirrored, true, SIZE) == 0
    assert grasps.mace(mirrored, true, SIZE, mirror=True) == pytest.approx(100)
    assert grasps.nce_symmetric(said, true, SIZE) <= grasps.nce_paper(said, true, SIZE)
    assert 0 <= grasps.nce_spacetools(said, true, SIZE) <= 10
    assert 0 <= grasps.mace(said, true, SIZE) <= 100 + 1e-9
    assert grasps.mace(said, true, SIZE, clip=False) <= grasps.mace(said, true, SIZE) + 1e-9
    assert grasps.mace(np.tile(true[:1], (5, 1)), true, SIZE) == pytest.approx(50)  # the centre alone


def test_mace_feels_a_turn_that_nce_does_not() -> None:
    true = np.array([[0, 0], [-50, 0], [50, 0], [-50, 60], [50, 60.0]]) + 200
    turn = np.radians(55)
    R = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    said = (true - true[0]) @ R.T + true[0]
    assert grasps.nce_paper(said, true, SIZE) < 1
    assert grasps.mace(said, true, SIZE) < 90


# Rearrangement


def test_points_and_sets() -> None:
    assert (recall_of([3, 3, 5], (3, 4)), precision_of([3, 3, 5], (3, 4))) == (0.5, 2 / 3)
    assert f1_of([3, 3, 5], (3, 4)) == pytest.approx(4 / 7)
    assert f1_of([-1], (3,)) == 0
    evidence = {"accept": [[0, 1], [2, 0]], "needs": {"0": [[]], "1": [[0]], "2": [[]], "4": [[0, 1], [0, 2]]}}
    claim = truth("rearrangement", [[1, 1], [2, 2]], evidence, subtask="set", instances=[4, 0, 1])
    assert [claim.works(o) for o in ((0, 1), (1, 0), (0, 2), (2, 0), (0,), (0, 1, 2), (0, 0, 1), ())] == [
        True, False, True, True, False, False, False, False,
    ]  # fmt: skip
    first = truth("rearrangement", [[1, 1]], {"accept": [[0, 1]]}, subtask="first", instances=[4, 0])
    assert first.sets == ((0,),)
    assert (first.works((0,)), first.works((0, 1))) == (True, False)
    some = truth("rearrangement", [[1, 1]], {"accept": [[0], [2]]}, subtask="any", instances=[4, 0])
    assert (some.works((2,)), some.works((1,))) == (True, False)


# Trajectory: the explicit rule


def painted(**boxes_px: tuple[int, int, int, int]) -> Callable[[], Array]:
    """Who is seen: rectangles (u0, v0, u1, v1) by row of scene_gt, `i0` and so on."""
    seen = np.full((480, 640), -1)
    for name, (u0, v0, u1, v1) in boxes_px.items():
        seen[v0:v1, u0:u1] = int(name[1:])
    return lambda: seen


def test_the_rule_of_success() -> None:
    one = replace(
        truth("trajectory", [[50, 250], [250, 150], [450, 250]]),
        look=painted(i0=(30, 200, 70, 260), i1=(430, 200, 470, 260), i2=(230, 200, 270, 300), i3=(240, 140, 260, 160)),
    )
    told = rule("trajectory_success").explain
    assert told is not None
    assert told(one, np.array([[50, 255], [250, 150], [450, 250.0]])) == {"start": True, "end": True, "clear": True}
    assert told(one, np.array([[50, 255], [450, 250.0]])) == {"start": True, "end": True, "clear": False}
    assert told(one, np.array([[64, 261], [250, 150], [450, 250.0]]))["start"]  # 18 px beside the foot: near enough
    assert not told(one, np.array([[110, 265], [250, 150], [450, 250.0]]))["start"]
    assert not told(one, np.array([[50, 255], [250, 150], [600, 250.0]]))["end"]
    assert told(one, np.array([[50, 255], [250, -150], [450, 250.0]]))["clear"]  # outside the image nothing is met


# The oracle, on real rows


class Made:
    def __init__(self, out: Path, bop: Path) -> None:
        shards = sorted((out / "data").glob("*.parquet"))
        pictures = Pictures(open_bop(bop), "train")
        self.out = out
        self.truths = [pictures.truth(row) for shard in shards for row in pq.read_table(shard).to_pylist()]

    def of(self, task: str) -> list[Truth]:
        return [t for t in self.truths if t.task == task]


@pytest.fixture(scope="module")
def made(asked: Path, crowded: Path) -> Made:
    """The scene in which a tin is walled in: rows of all tasks, sets, detours and round objects."""
    return Made(asked, crowded)


def oracle(t: Truth) -> Any:
    return t.points if t.yes is None else t.yes


def innermost(mask: Array) -> Array:
    """The pixel (u, v) of a mask nearest to its middle."""
    pixels = np.argwhere(mask)[:, ::-1].astype(float)
    return pixels[np.linalg.norm(pixels - pixels.mean(0), axis=1).argmin()]


def perfect(made: Made) -> None:
    """The row's own answer, unrounded, is best under every score; so is every alternative under scores of sets."""
    for task, rules in SCORES.items():
        truths = made.of(task)
        assert truths
        for one in rules.values():
            np.testing.assert_allclose(
                one.batch(truths, [oracle(t) for t in truths]), one.best, atol=1e-6, err_msg=one.name
            )
    right(
        made.of("grasp"),
        [n for n in SCORES["grasp"] if n.endswith("_set") or n == "grasp_physical"],
        lambda t: t.grasps,
    )
    right(made.of("trajectory"), list(SCORES["trajectory"]), lambda t: t.ways)
    right(made.of("pose"), list(SCORES["pose"]), lambda t: t.points[t.orders])
    sets = ["recall", "precision", "f1", "sequence"]
    right(
        made.of("rearrangement"), sets, lambda t: [np.array([innermost(t.seen == i) for i in some]) for some in t.sets]
    )


def right(truths: Sequence[Truth], names: Sequence[str], answers: Callable[[Truth], Sequence[Array]]) -> None:
    """Every right answer is best under these scores."""
    pairs = [(t, answer) for t in truths for answer in answers(t)]
    for name in names:
        one = rule(name, truths[0].kind)
        values = one.batch([t for t, _ in pairs], [answer for _, answer in pairs])
        np.testing.assert_allclose(values, one.best, atol=1e-6, err_msg=name)


def test_the_oracle_is_perfect(made: Made) -> None:
    perfect(made)
    assert {len(t.orders) for t in made.of("pose")} == {1, 2}
    assert {t.round_axis >= 0 for t in made.of("pose")} == {True, False}
    assert max(len(t.ways) for t in made.of("trajectory")) > 1
    assert max(len(t.sets) for t in made.of("rearrangement")) > 1


@pytest.mark.slow
def test_the_oracle_is_perfect_on_the_whole_sample(sample: Path, tmp_path: Path) -> None:
    assert main(["generate", str(sample), "--split", "train", "--out", str(tmp_path / "out")]) == 0
    perfect(Made(tmp_path / "out", sample))


def test_the_rounded_answer_is_nearly_perfect(made: Made) -> None:
    """What a model can say at best is whole pixels."""
    least = {"box_iou": 0.9, "grasp_physical": 0.97, "path_physical": 0.97, "trajectory_success": 0.99, "f1": 1.0}
    for task, rules in SCORES.items():
        truths = made.of(task)
        for name in least.keys() & rules.keys():
            value = mean_of(rules[name], truths, [np.round(t.points) for t in truths]).value
            assert value is not None
            assert value >= least[name], name


def test_a_round_object_may_be_turned(made: Made) -> None:
    turns = 0
    for t in made.of("pose"):
        if t.round_axis >= 0:
            T = true_boxes([t])[0].copy()
            T[:3, :3] = T[:3, :3] @ se3.rotation_about(np.eye(3)[t.round_axis], 0.3)
            said = camera.project(t.K, box.corners_of(T, t.size))
            assert rule("box_iou").one(t, said).value == pytest.approx(1, abs=1e-5)
            assert rule("box_iou").one(replace_axis(t), said).value < 0.95
            turns += 1
    assert turns


def replace_axis(t: Truth) -> Truth:
    return replace(t, evidence={**t.evidence, "round_axis": None})


def test_scores_feel_noise(made: Made) -> None:
    """More noise is worse on average, under every score of points."""
    rng = np.random.default_rng(0)
    for task in ("pose", "grasp", "trajectory", "rearrangement"):
        truths = made.of(task)
        truths = (truths * (40 // len(truths) + 1))[:: max(1, len(truths) // 40)]
        noise = [rng.normal(size=t.points.shape) for t in truths]
        for one in SCORES[task].values():
            curve = []
            for px in (0, 2, 10, 40, 200):
                said = [t.points + px * e for t, e in zip(truths, noise, strict=True)]
                curve.append(mean_of(one, truths, said).value)
            better = np.array(curve, float) * (1 if one.higher_better else -1)
            assert (np.diff(better) <= 0.02 * max(1.0, abs(better[-1]))).all(), (one.name, curve)
            assert better[-1] < better[0], (one.name, curve)


def test_many_at_once_are_the_same_as_one_by_one(made: Made) -> None:
    rng = np.random.default_rng(1)
    for task, rules in SCORES.items():
        truths = made.of(task)[::5][:30]
        said: list[Any] = [
            (rng.random() < 0.5) if t.yes is not None else t.points + rng.normal(size=t.points.shape) * 4
            for t in truths
        ]
        said[1:3] = [None, np.zeros((1, 3))] if len(said) > 3 else []
        truths = truths[: len(said)]
        for one in rules.values():
            together = one.batch(truths, said)
            alone = [one.one(t, r).value for t, r in zip(truths, said, strict=True)]
            np.testing.assert_allclose(together, np.array(alone, float), rtol=1e-9, atol=1e-9, err_msg=one.name)
            low, high = one.low - 1e-9, one.high + 1e-9
            assert ((together >= low) & (together <= high)).all()


# Failures


def test_failures_are_worst_and_counted_apart(made: Made) -> None:
    bad: list[Any] = [None, np.zeros((0, 2)), np.full((8, 2), np.nan), np.zeros((8, 3)), np.full((5, 2), np.inf), "yes"]
    for task, rules in SCORES.items():
        t = made.of(task)[0]
        for one in rules.values():
            for reply in bad:
                found = one.one(t, reply)
                assert found.value == one.worst
                assert found.detail["failed"]
            assert mean_of(one, [t] * 3, [None, oracle(t), np.zeros((0, 2))]).n == 3
            counted = mean_of(one, [t] * 3, [None, oracle(t), np.zeros((0, 2))])
            assert counted.failed["not parsed"] == 1
            assert sum(counted.failed.values()) == 2
            assert counted.of_scored == pytest.approx(one.best, abs=1e-6)


def test_a_score_that_does_not_apply_has_no_value(made: Made) -> None:
    t = made.of("grasp")[0]
    assert rule("grasp_physical").one(replace(t, stage=None), t.points) == Score(None)
    assert rule("grasp_physical").one(replace(t, T_world_cam=None), None) == Score(None)
    assert mean([Score(None)]).value is None
    assert mean([]).n == 0
    assert mean_of(rule("box_iou"), [], []).value is None


def test_rows_without_camera_and_evidence_have_the_scores_that_need_points_alone() -> None:
    """As the released BOP-Ask files are."""
    points = {"pose": np.arange(16.0).reshape(8, 2) ** 2, "grasp": TRUE * 100, "trajectory": np.eye(2) * 90}
    for task, said in points.items():
        bare = truth(task, said.tolist(), camera_K=None)
        values = {name: one.value for name, one in score(bare, said).items()}
        for name, one in SCORES[task].items():
            applies = one.needs == "row" and not one.evidence
            assert values[name] == (pytest.approx(one.best) if applies else None), name


def test_balanced_accuracy() -> None:
    truths = [truth("spatial", answer=a) for a in ("Yes", "Yes", "Yes", "No")]
    assert balanced(truths, [True, True, True, True]) == 0.5
    assert balanced(truths, [True, None, False, False]) == pytest.approx((1 / 3 + 1) / 2)
    assert balanced(truths[:3], [True] * 3) is None


def test_the_table_is_complete() -> None:
    assert set(SCORES) == set(HEADLINE) == set(WITHOUT_SCENE)
    for task, rules in SCORES.items():
        assert HEADLINE[task] in rules
        assert rules[WITHOUT_SCENE[task]].needs == "row"
        for one in rules.values():
            assert one.low <= one.worst <= one.high
            assert one.worst == (one.low if one.higher_better else one.high)
    assert set(score(truth("spatial", answer="Yes"), True)) == {"binary_success"}


# Physical scores


CUBE = 0.05


def cube(obj_id: int, size: Sequence[float]) -> Model:
    corners = box.SIGNS * np.array(size) / 2
    quads = np.array([[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [2, 3, 7, 6], [1, 2, 6, 5], [3, 0, 4, 7]])
    faces = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    mesh = Mesh(corners, faces.astype(np.int32))
    return Model(obj_id, mesh, box.Box(np.eye(4), np.array(size)), Symmetry(), f"cube {size}")


def table(*places: tuple[float, float], size: Sequence[float] = (CUBE, CUBE, CUBE)) -> Stage:
    """Cubes standing on the support at these (x, y), seen by a camera in the world's own frame."""
    T = np.stack([se3.se3(np.eye(3), [x, y, size[2] / 2]) for x, y in places])
    frame = Frame(FrameKey(1, 0), Camera(K, 640, 480), np.ones(len(places), int), T, np.ones(len(places)))
    return Stage(Placed(frame, np.eye(4), {1: cube(1, size)}), tuple(range(len(places))))


DOWN = np.diag([1.0, -1.0, -1.0])


def over(height: float, x: float = 0.0, turn: float = 0.0) -> Array:
    """A gripper that points down at the first cube, its contacts so far (m) above the cube's middle."""
    R = se3.rotation_about(np.array([0, 0, 1.0]), turn) @ DOWN
    return se3.se3(R, [x, 0.0, height + load_gripper().contact_depth])[None]


def test_a_gripper_closes_on_a_cube() -> None:
    alone = table((0, 0)).placed
    assert closed(alone, 0, over(0.0)) == ["holds"]
    assert closed(alone, 0, over(0.0, x=0.004)) == ["holds"]  # the hand gives way
    assert closed(alone, 0, over(0.10)) == ["closes on nothing"]
    assert closed(alone, 0, over(0.0, x=0.2)) == ["closes on nothing"]
    assert closed(alone, 0, over(0.0, turn=np.radians(40))) == ["slips"]
    assert closed(table((0, 0), size=(0.1, 0.1, 0.1)).placed, 0, over(0.02)) == ["too wide"]
    crowded = table((0, 0), (0.058, 0.0)).placed
    assert closed(crowded, 0, over(0.0)) == ["meets a neighbour"]
    assert closed(crowded, 0, over(0.0, turn=np.pi / 2)) == ["holds"]
    flat = table((0, 0), size=(0.05, 0.05, 0.004)).placed
    assert closed(flat, 0, over(-0.001)) == ["below the support"]
    tall = table((0, 0), size=(0.05, 0.05, 0.2)).placed
    assert closed(tall, 0, over(0.0)) == ["meets the object"]


def test_blocked_grasps_do_not_hold(made: Made) -> None:
    """Most grasps that the data says hit a neighbour do so here too; the others fit with the fingers less open."""
    target = made.of("rearrangement")[0]
    stage = target.place
    shard = pq.read_table(made.out / "candidates" / f"{target.layout}.parquet")
    about = json.loads(shard.schema.metadata[b"layout"])
    places = np.array(about["T_world_obj"])[:, :3, 3]
    slot = stage.slots[target.instances[0]]
    here = int(np.linalg.norm(places - stage.placed.scene.T_world_obj[slot, :3, 3], axis=1).argmin())
    rows = [r for r in shard.to_pylist() if r["target"] == here and r["hits"]][::40]
    told = closed(stage.placed, slot, np.array([r["T_obj_grasp"] for r in rows]).reshape(-1, 4, 4))
    assert len(rows) > 20
    assert np.mean([reason == "meets a neighbour" for reason in told]) > 0.8


def test_wrong_grasps_are_refused(made: Made) -> None:
    """At the right place and turned, elsewhere, mirrored top to bottom: not the same as being near in pixels."""
    truths = made.of("grasp")
    far = [t.points + np.array([0, -90.0]) for t in truths]
    exchanged = [t.points[grasps.TIPS_AS_BASES] for t in truths]
    mirrored = [t.points[grasps.MIRRORED] for t in truths]
    shares = [float(rule("grasp_physical").batch(truths, said).mean()) for said in (far, exchanged, mirrored)]
    assert shares[0] < 0.1
    assert shares[1] < 0.3
    assert shares[2] == 1


def test_paths_among_cubes() -> None:
    stage = table((0, 0), (0.3, 0), (0.15, 0))
    start, up, end = np.zeros(3), np.array([0, 0, 0.12]), np.array([0.3, 0, 0.06])
    assert walked(stage, (0, 1), np.stack([start, up, up + [0.3, 0, 0], end])) == "free"
    assert walked(stage, (0, 1), np.stack([start, [0, 0, 0.04], [0.3, 0, 0.06]])) == "collides"
    assert walked(stage, (0, 1), np.stack([start, [0.15, 0, 0.0], end])) == "collides"
    assert walked(stage, (0, 1), np.stack([start, up])) == "ends elsewhere"
    assert walked(stage, (0, 1), np.stack([start, up, up + [0.3, 0, 0.2]])) == "ends elsewhere"
    close = table((0, 0), (0.3, 0), (0.07, 0))
    assert walked(close, (0, 1), np.stack([start, [0.04, 0, 0.0], up + [0.3, 0, 0], end])) == "drags"


@given(vectors(), st.lists(vectors(), min_size=2, max_size=4).map(np.array), rotations())
def test_the_nearest_place_on_a_ray(eye: Array, way: Array, R: Array) -> None:
    assume((np.linalg.norm(np.diff(way, axis=0), axis=1) > 1e-3).all())
    ray = R[:, :1].T
    place = nearest(eye, ray, way)[0]
    shares = np.linspace(0, 1, 201)[:, None]
    samples = np.concatenate([a + shares * (b - a) for a, b in pairwise(way)])
    across = (samples - eye) - ((samples - eye) @ ray[0])[:, None] * ray[0]
    to_way = np.linalg.norm(samples - place, axis=1).min()
    assert to_way <= np.linalg.norm(across, axis=1).min() + 1e-2
    assert np.linalg.norm(np.cross(place - eye, ray[0])) < 1e-9


# The page

PAGE = REPO / "docs" / "scores.md"


def examples() -> list[dict[str, Any]]:
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [json.loads(line) for block in blocks for line in block.strip().splitlines()]


@pytest.mark.parametrize("example", examples(), ids=lambda e: f"{e['score']}")
def test_the_examples_of_the_page(example: dict[str, Any]) -> None:
    reply = example["reply"] if isinstance(example["reply"], bool) else np.array(example["reply"], float)
    size = example.get("size", [640, 480])
    fields = {"subtask": example.get("subtask", ""), "instances": example.get("instances", [0, 1])}
    t = truth(
        example["task"], example.get("truth"), example.get("evidence"), answer=example.get("answer", ""),
        width=size[0], height=size[1], **fields,
    )  # fmt: skip
    t = replace(t, look=painted(**{f"i{i}": tuple(where) for i, where in example.get("seen", {}).items()}))
    found = rule(example["score"], t.kind).one(t, reply).value
    assert found == pytest.approx(example["value"], abs=example.get("within", 1e-6))


def test_the_page_has_every_score() -> None:
    page = PAGE.read_text()
    shown = {(e["score"], {"spatial": "binary", "depth": "binary"}.get(e["task"], e["task"])) for e in examples()}
    for one in RULES:
        assert f"`{one.name}`" in page, one.name
        if one.needs != "scene":
            assert (one.name, one.task) in shown, one.name
    for task, name in HEADLINE.items():
        assert re.search(rf"\| {task}.*`{name}`", page), task
