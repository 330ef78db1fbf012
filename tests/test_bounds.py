"""What bounds rule out: never a place where coal finds a collision, never a distance that is less."""

from __future__ import annotations

import coal
import numpy as np
from arranged import QUADS, at, block, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from bopask.geometry.curve import densify
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import rotation_about, se3
from bopask.nouns import Model, Symmetry
from bopask.priors.bounds import Between, Bounds

BRICK = block(1, 0.10, 0.06, 0.04)
BOARDS = [block(9, 0.3, 0.2, 0.01).mesh.vertices + [0, 0, z] for z in (-0.1, 0.0, 0.1)]
ONE = np.array([t for a, b, c, d in QUADS for t in ((a, b, c), (a, c, d))], np.int32)
SHELF = Model(
    2, Mesh(np.concatenate(BOARDS), np.concatenate([ONE + 8 * k for k in range(3)])), BRICK.box, Symmetry(), "shelf"
)


def between(yaw, tilt=0.0):
    turned = se3(rotation_about(np.array([1.0, 2.0, 0.5]), tilt) @ at(0, 0, 0, yaw)[:3, :3], np.zeros(3))
    T = np.stack([at(0, 0, 0, 0.3), turned])
    return Between(Bounds([BRICK, SHELF], T), 0, [1]), T


def placed(T, offset):
    return (tree(BRICK), moved(T[0], offset), tree(SHELF), moved(T[1], 0))


def moved(T, offset):
    return coal.Transform3s(T[:3, :3], T[:3, 3] + offset)


def collide(T, offset):
    return bool(coal.collide(*placed(T, offset), coal.CollisionRequest(), coal.CollisionResult()))


def distance(T, offset):
    return coal.distance(*placed(T, offset), coal.DistanceRequest(), coal.DistanceResult())


@given(st.integers(0, 2**32 - 1), st.floats(-np.pi, np.pi), st.floats(-1, 1))
@settings(max_examples=30, deadline=None)
def test_what_bounds_rule_out_does_not_collide_and_is_no_nearer_than_they_say(seed, yaw, tilt):
    pair, T = between(yaw, tilt)
    offsets = np.random.default_rng(seed).uniform(-0.25, 0.25, (40, 3))
    (places, rows), _ = pair.at(offsets)
    assert np.array_equal(places, offsets[rows[:, 0]]) and not rows[:, 1].any()
    on, along = pair.gaps(offsets)
    for k, offset in enumerate(offsets):
        assert k in rows[:, 0] or not collide(T, offset)
        assert on[k, 0] <= max(0.0, distance(T, offset)) + 1e-7
        assert k == 0 or along[k - 1, 0] <= min(on[k - 1, 0], on[k, 0]) + 1e-12


@given(st.integers(0, 2**32 - 1), st.floats(-np.pi, np.pi), st.sampled_from([0.0, 0.02]))
@settings(max_examples=30, deadline=None)
def test_along_a_route_every_place_that_collides_is_asked_about(seed, yaw, margin):
    pair, T = between(yaw)
    rng = np.random.default_rng(seed)
    points, shifts = rng.uniform(-0.25, 0.25, (3, 3)), margin * np.array([[0, 0, 0], [1, 0, 0], [0, 0, -1]])
    shifts = shifts if margin else shifts[:1]
    found = [pairs for pairs, _ in pair.along(points, 0.02, shifts, margin)]
    asked = np.concatenate([places for places, _ in found])
    assert all(len(rows) == len(places) for places, rows in found)
    assert len(asked) == len(np.unique(asked, axis=0))  # a place is asked about once
    every = (shifts[:, None] + densify(points, 0.02)).reshape(-1, 3)
    assert (cdist(asked, every).min(1) < 1e-12).all()
    for offset in every:
        assert not collide(T, offset) or (np.abs(asked - offset).max(1) < 1e-12).any()


def test_a_route_past_everything_asks_nothing():
    pair, _ = between(0.4)
    route = np.array([[0.0, 0.0, 0.5], [0.3, 0.1, 0.6]])
    assert [len(rows) for pairs in pair.along(route, 0.002, np.zeros((1, 3)), 0.0) for _, rows in pairs] == [0, 0]


def test_a_thing_between_two_boards_does_not_meet_the_shelf():
    pair, _ = between(0.4)
    offsets = np.array([[0.01 * k, 0.0, 0.05] for k in range(-5, 5)])
    (_, meet), (_, nest) = pair.at(offsets)
    assert len(meet) == 0
    assert nest[:, 0].tolist() == list(range(10))  # but it is within the shelf's bounds
