"""The compiled loops round a hand: never surer than FCL of what meets, and of points what plain numpy says."""

from __future__ import annotations

import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from bopask.geometry import se3
from bopask.geometry.mesh import Mesh
from bopask.priors import collision
from bopask.priors.grasps import kernels
from bopask.priors.grasps.contacts import Points, surface_points
from bopask.priors.grasps.fit import FACING, SKIN, held
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.in_scene import lowest_point, swept_boxes
from bopask.priors.tree import tree

PANDA = load_gripper()
RING = trimesh.creation.annulus(0.03, 0.05, 0.04, sections=48)
SHEET = trimesh.Trimesh([[-0.1, 0, 0], [0.1, 0, 0], [0, 0.15, 0.02]], [[0, 1, 2]], process=False)
SHAPES = (RING, SHEET, trimesh.creation.icosphere(2, 0.04), trimesh.creation.box((0.02, 0.3, 0.1)))


def hands(rng: np.random.Generator, n: int, spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    R = se3.nearest_rotation(rng.standard_normal((n, 3, 3)))
    width = rng.uniform(0, PANDA.stroke, n)
    return se3.se3(R, rng.normal(0, spread, (n, 3)) - 0.1 * R[:, :, 2]), width, rng.uniform(width, PANDA.stroke)


@given(st.integers(0, 2**31), st.sampled_from(range(len(SHAPES))))
@settings(max_examples=40)
def test_what_is_sure_of_a_box_is_what_fcl_says(seed: int, which: int) -> None:
    import fcl

    shape, rng = SHAPES[which], np.random.default_rng(seed)
    T, width, opening = hands(rng, 40, 0.05)
    boxes = swept_boxes(PANDA, opening, width, 0.06)
    sure, left = kernels.meetings(tree(np.array(shape.triangles)), T, boxes)
    obj = fcl.CollisionObject(collision.tree(np.array(shape.vertices), np.array(shape.faces)))
    for g, (place, some) in enumerate(zip(se3.inverse(T), boxes, strict=True)):
        obj.setTransform(fcl.Transform(np.ascontiguousarray(place[:3, :3]), place[:3, 3]))
        each = [fcl.CollisionObject(fcl.Box(*(b[1] - b[0])), fcl.Transform(b.mean(0))) for b in some]
        met = np.array([bool(fcl.collide(b, obj, fcl.CollisionRequest(), fcl.CollisionResult())) for b in each])
        assert met.any() if sure[g] else not met[~left[g]].any()
    assert left.mean() < 0.1  # it does settle nearly all


def test_on_the_border_nothing_is_sure() -> None:
    square = np.array([[[-1.0, -1, 0], [1, -1, 0], [0, 1, 0]]])
    for gap, expected in ((-1e-4, (True, False)), (0.0, (False, True)), (1e-4, (False, False))):
        box = np.array([[[[-0.1, -0.1, gap], [0.1, 0.1, gap + 0.2]]]])
        sure, left = kernels.meetings(tree(square), np.eye(4)[None], box)
        assert (sure[0], left[0, 0]) == expected


@given(st.integers(0, 2**31))
@settings(max_examples=20)
def test_the_lowest_point_is_the_lowest_corner(seed: int) -> None:
    T, width, opening = hands(np.random.default_rng(seed), 20, 0.1)
    boxes = swept_boxes(PANDA, opening, width, 0.06)
    pick = np.array(list(np.ndindex(2, 2, 2)))
    corners = np.stack([boxes[..., pick[:, k], k] for k in range(3)], -1)
    z = se3.transform(T[:, None], corners)[..., 2].min((1, 2))
    np.testing.assert_allclose(lowest_point(T, boxes), z, atol=1e-12)


@given(st.integers(0, 2**31))
@settings(max_examples=20)
def test_pads_hold_what_numpy_finds_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    mesh = Mesh(np.array(shape.vertices, float), np.array(shape.faces, np.int32))
    points = surface_points(mesh, 3_000, 0.002, rng)
    T, width, _ = hands(rng, 60, 0.01)
    depth = PANDA.contact_depth + rng.choice([-0.006, 0.0, 0.006], 60)
    pads, sides = held(points, T, width, depth, PANDA), [plainly(points, T, width, depth, sign) for sign in (1.0, -1.0)]
    np.testing.assert_array_equal(pads.above, np.maximum(sides[0][0], sides[1][0]) - width / 2)
    np.testing.assert_array_equal(pads.z, (sides[0][1] + sides[1][1]) / 2)
    np.testing.assert_array_equal(pads.patch, np.minimum(sides[0][2], sides[1][2]))


def plainly(points: Points, T: np.ndarray, width: np.ndarray, depth: np.ndarray, sign: float) -> list[np.ndarray]:
    """The same in numpy: a hand at a time, all its points, summed in the order of the k-d tree's leaves."""
    (y0, z0), (y1, z1) = PANDA.pad
    points = points[cKDTree(points.at).indices]
    contact = se3.transform(T, np.stack([sign * width / 2, 0 * width, depth], -1)[:, None])[:, 0]
    radius = np.hypot(y1, np.abs(PANDA.pad[:, 1] - depth[:, None]).max()) + SKIN
    found = []
    for hand, middle in zip(T, contact, strict=True):
        x, y, z = (((points.at - hand[:3, 3]) * hand[:3, k]).T for k in range(3))
        x, y, z = (a[0] + a[1] + a[2] for a in (x, y, z))
        facing = (points.normal * hand[:3, 0]).T
        near = ((points.at - middle) ** 2).T
        near = np.sqrt(near[0] + near[1] + near[2]) <= radius
        near &= (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1) & (sign * x <= PANDA.stroke / 2)
        first = (sign * x)[near].max(initial=-np.inf)
        on = near & (sign * x >= first - SKIN) & (sign * (facing[0] + facing[1] + facing[2]) >= FACING)
        total = np.bincount(np.zeros(on.sum(), int), z[on], minlength=1)[0]
        found.append((first if on.any() else np.inf, total / max(on.sum(), 1), on.sum() * points.area))
    return list(np.array(found).T)
