"""What bounds rule out: never a place where coal finds a collision, never a distance that is less."""

from __future__ import annotations

import coal
import numpy as np
from arranged import QUADS, at, block, tree
from hypothesis import given, settings
from hypothesis import strategies as st

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


def moved(T, offset):
    return coal.Transform3s(T[:3, :3], T[:3, 3] + offset)


@given(st.integers(0, 2**32 - 1), st.floats(-np.pi, np.pi), st.floats(-1, 1))
@settings(max_examples=30, deadline=None)
def test_what_bounds_rule_out_does_not_collide_and_is_no_nearer_than_they_say(seed, yaw, tilt):
    pair, T = between(yaw, tilt)
    offsets = np.random.default_rng(seed).uniform(-0.25, 0.25, (40, 3))
    left = set(pair.meetings(pair.overlaps(offsets))[0].tolist())
    for k, offset in enumerate(offsets):
        places = tree(BRICK), moved(T[0], offset), tree(SHELF), moved(T[1], 0)
        hit = coal.collide(*places, coal.CollisionRequest(), coal.CollisionResult())
        assert k in left or not hit
        apart = coal.distance(*places, coal.DistanceRequest(), coal.DistanceResult())
        assert pair.gap(offset[None], 0) <= max(0.0, apart) + 1e-7
        if pair.far(np.stack([offset, offset]), 0.02):
            assert apart > 0.02 - 1e-7


def test_a_thing_between_two_boards_does_not_meet_the_shelf():
    pair, _ = between(0.4)
    offsets = np.array([[0.01 * k, 0.0, 0.05] for k in range(-5, 5)])
    overlaps = pair.overlaps(offsets)
    assert len(overlaps[0]) == len(offsets)
    assert len(pair.meetings(overlaps)[0]) == 0
