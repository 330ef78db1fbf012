"""What is sure of a moved object: never against coal, in places, on routes, and of how near it is."""

from __future__ import annotations

import coal
import numpy as np
from arranged import QUADS, at, block, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from bopask.geometry.curve import densify
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import rotation_about, se3
from bopask.nouns import Model, Symmetry
from bopask.priors.bounds import Between, Bounds
from bopask.priors.meet import MEETS, OPEN

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
def test_what_is_sure_coal_says_too_and_nothing_is_nearer_than_bounds_say(seed, yaw, tilt):
    pair, T = between(yaw, tilt)
    offsets = np.random.default_rng(seed).uniform(-0.25, 0.25, (40, 3))
    on, along = pair.gaps(offsets)
    for k, offset in enumerate(offsets):
        found, _ = pair.each(offset)
        assert found[0] == OPEN or (found[0] == MEETS) == collide(T, offset)
        assert on[k, 0] <= max(0.0, distance(T, offset)) + 1e-7
        assert k == 0 or along[k - 1, 0] <= min(on[k - 1, 0], on[k, 0]) + 1e-12


@given(st.integers(0, 2**32 - 1), st.floats(-np.pi, np.pi), st.sampled_from([0.0, 0.02]))
@settings(max_examples=60, deadline=None)
def test_a_route_meets_what_one_of_its_places_meets(seed, yaw, margin):
    pair, T = between(yaw)
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.25, 0.25, (rng.integers(1, 4), 3))
    shifts = margin * np.array([[0, 0, 0], [1, 0, 0], [0, 0, -1]])[: 3 if margin else 1]
    places = densify(points, 0.02)
    every = [collide(T, offset) for offset in (shifts[:, None] + places).reshape(-1, 3)]
    met, close, _ = pair.along(points, 0.02, shifts, margin)
    if len(close[0]) == 0:
        assert met == any(every)
    again, *_ = pair.at(places, shifts, margin)
    assert again == met
    free = ~np.reshape(every, (len(shifts), -1)).any(0)
    k, close, _ = pair.first_free(places, shifts, margin, 0)
    assert len(close[0]) or k == (free.argmax() if free.any() else len(places))


def test_a_route_past_everything_meets_nothing():
    pair, _ = between(0.4)
    route = np.array([[0.0, 0.0, 0.5], [0.3, 0.1, 0.6]])
    met, close, nest = pair.along(route, 0.002, np.zeros((1, 3)), 0.0)
    assert not met and len(close[0]) == len(nest[0]) == 0


def test_a_thing_between_two_boards_does_not_meet_the_shelf():
    pair, _ = between(0.4)
    offsets = np.array([[0.01 * k, 0.0, 0.05] for k in range(-5, 5)])
    met, close, (at, others) = pair.at(offsets, np.zeros((1, 3)), 0.0)
    assert not met and len(close[0]) == 0
    assert np.array_equal(at, offsets) and others.tolist() == [0] * 10  # but it is within the shelf's bounds
