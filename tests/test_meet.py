"""Trees of triangles: they are the object's surface, and what is sure of two of them, FCL says too."""

from __future__ import annotations

import fcl
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from bopask.geometry import se3
from bopask.priors import collision
from bopask.priors.closest import closest
from bopask.priors.meet import FAR, MEETS, MISSES, OPEN, meet
from bopask.priors.tree import ROOM, Tree, near, tree

RING = trimesh.creation.annulus(0.03, 0.05, 0.04, sections=48)  # long thin triangles
CONE = trimesh.creation.cone(0.04, 0.1, sections=32)
SHEET = trimesh.Trimesh([[-0.1, 0, 0], [0.1, 0, 0], [0, 0.15, 0.02]], [[0, 1, 2]], process=False)
SHELL = trimesh.creation.box((0.3, 0.2, 0.001))
SHAPES = (RING, CONE, SHEET, SHELL, trimesh.creation.icosphere(2, 0.04))
shapes = st.sampled_from(range(len(SHAPES)))


def of(shape: trimesh.Trimesh) -> Tree:
    return tree(np.array(shape.triangles))


def body(shape: trimesh.Trimesh, T: np.ndarray) -> fcl.CollisionObject:
    model = collision.tree(np.array(shape.vertices), np.array(shape.faces))
    return fcl.CollisionObject(model, fcl.Transform(np.ascontiguousarray(T[:3, :3]), T[:3, 3]))


def asked(one: Tree, other: Tree, T: np.ndarray, margin: float, last: np.ndarray) -> int:
    return meet(one, other, np.ascontiguousarray(T[:3, :3]), T[:3, 3].copy(), margin, np.empty((ROOM, 2), int), last)


def distances(points: np.ndarray, shape: trimesh.Trimesh) -> np.ndarray:
    """To every triangle, the least."""
    every = np.arange(len(shape.faces))
    around, beside = np.broadcast_to(every, (len(points), len(every))).copy(), np.repeat(every[:, None], 4, 1)
    return abs(closest(points, around, beside, np.array(shape.triangles), np.array(shape.face_normals))[0])


@pytest.mark.parametrize("shape", SHAPES, ids=("ring", "cone", "sheet", "shell", "ball"))
def test_a_tree_holds_all_of_the_surface_and_each_box_what_is_below_it(shape):
    boxes, triangles = of(shape)
    low, high = boxes[:, :3] - boxes[:, 3:], boxes[:, :3] + boxes[:, 3:]
    n = len(triangles)
    assert len(boxes) == 2 * n
    for k in range(1, n):
        assert (low[k] <= low[2 * k : 2 * k + 2] + 1e-12).all() and (high[k] >= high[2 * k : 2 * k + 2] - 1e-12).all()
    np.testing.assert_allclose(low[n:], triangles.min(1), atol=1e-12)
    np.testing.assert_allclose(high[n:], triangles.max(1), atol=1e-12)
    own = np.unique(triangles.reshape(n, 9), axis=0).reshape(-1, 3, 3)
    area = np.linalg.norm(np.cross(own[:, 1] - own[:, 0], own[:, 2] - own[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(shape.area, rel=1e-9)
    assert distances(own.reshape(-1, 3), shape).max() < 1e-9


@given(st.integers(0, 2**32 - 1), shapes, shapes, st.sampled_from([0.0, 0.01]))
@settings(max_examples=60, deadline=None)
def test_what_is_sure_of_two_meshes_is_what_fcl_says(seed, a, b, margin):
    rng, one, other = np.random.default_rng(seed), of(SHAPES[a]), of(SHAPES[b])
    R, still, last, found = (
        se3.nearest_rotation(rng.normal(size=(3, 3))),
        body(SHAPES[b], np.eye(4)),
        np.full(2, -1),
        [],
    )
    for t in rng.normal(size=(20, 3)) * 0.05:
        T = se3.se3(R, t)
        moved = body(SHAPES[a], T)
        met = bool(fcl.collide(moved, still, fcl.CollisionRequest(), fcl.CollisionResult()))
        far = 0.0 if met else fcl.distance(moved, still, fcl.DistanceRequest(), fcl.DistanceResult())
        found.append(asked(one, other, T, margin, last))
        assert found[-1] == OPEN or (found[-1] == MEETS) == met
        assert found[-1] != FAR or far > margin
        assert found[-1] != MISSES or far < 3 * margin + 0.02  # it is not called near without a reason
        assert asked(one, other, T, margin, np.full(2, -1)) == found[-1]  # what met before only makes it quicker
    assert np.mean(np.array(found) == OPEN) <= 0.1


def test_within_a_hair_nothing_is_sure():
    cube = of(trimesh.creation.box((0.1, 0.1, 0.1)))
    turned = se3.rotation_about(np.array([0.0, 0.0, 1.0]), 0.3)
    for gap, expected in ((-1e-5, MEETS), (0.0, OPEN), (1e-5, FAR)):
        assert asked(cube, cube, se3.se3(turned, np.array([0.0, 0.0, 0.1 + gap])), 0.0, np.full(2, -1)) == expected
    assert asked(cube, cube, se3.se3(turned, np.array([0.0, 0.0, 0.101])), 0.01, np.full(2, -1)) == MISSES


@given(st.integers(0, 2**32 - 1), shapes, st.floats(0.001, 0.02))
@settings(max_examples=30, deadline=None)
def test_no_point_within_reach_is_missed(seed, which, reach):
    points = np.random.default_rng(seed).normal(size=(200, 3)) * 0.06
    found = near(of(SHAPES[which]), points, reach)
    far = distances(points, SHAPES[which])
    assert found[far <= reach - 1e-9].all()
    assert not found[far > 2 * reach + 0.03].any()  # boxes are narrow: few others are named
