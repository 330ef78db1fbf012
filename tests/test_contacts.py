"""Surfaces, depths, and who rests on whom."""

from __future__ import annotations

import numpy as np
import pytest
from arranged import Z, arranged, at, block, moved, real, tilted
from hypothesis import given, settings
from hypothesis import strategies as st

from bopask.bop.folder import open_bop
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import rotation_about, se3
from bopask.nouns import Layout, Model, Symmetry
from bopask.priors.contacts import Overlap, Placed, nearest_in_hull, rests_on, touching, without_cycles
from bopask.priors.surface import Inside, surface

BRICK = block(1, 0.10, 0.06, 0.04)
PLANK = block(2, 0.20, 0.05, 0.01)
POST = block(3, 0.04, 0.04, 0.10)


def pairs(*things, **options):
    layout, models = arranged(*things, **options)
    return {(int(i), int(j)) for i, j in zip(*np.nonzero(rests_on(layout, models)), strict=True)}


@given(st.integers(0, 2**32 - 1))
def test_signed_distance_of_a_box_is_exact(seed):
    half = np.array([0.05, 0.03, 0.02])
    points = np.random.default_rng(seed).uniform(-1.3, 1.3, (40, 3)) * half
    q = np.abs(points) - half
    truth = np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(1), 0)
    near = np.abs(truth) < 0.015
    found, normals = surface(BRICK).signed_distance(points[near])
    assert np.abs(found - truth[near]).max(initial=0) < 2e-4
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    assert surface(BRICK).deepest(points) == pytest.approx(max(0.0, -truth.min()), abs=2e-4)


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.03))
def test_only_what_is_far_outside_is_not_measured(seed, within):
    points = np.random.default_rng(seed).uniform(-2, 2, (60, 3)) * [0.05, 0.03, 0.02]
    found, normals = surface(BRICK).signed_distance(points, within)
    truth, faced = surface(BRICK).signed_distance(points)
    measured = np.isfinite(found)
    assert measured[truth <= within].all()
    assert np.array_equal(found[measured], truth[measured]) and np.array_equal(normals[measured], faced[measured])


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.floats(0.9, 1.2))
def test_whether_any_point_is_inside_is_as_if_each_were_asked(seed, n, far):
    points = np.random.default_rng(seed).uniform(-1, 1, (n, 3))
    points *= far * np.array([0.05, 0.03, 0.02]) / np.abs(points).max(1, keepdims=True).clip(1e-9)
    assert Inside(surface(BRICK)).holds_any(points) == bool((surface(BRICK).signed_distance(points)[0] < 0).any())


def test_an_open_mesh_still_has_an_inside():
    faces = BRICK.mesh.faces[2:]  # the bottom is missing
    lid = Model(9, Mesh(BRICK.mesh.vertices, faces), BRICK.box, Symmetry(), "lid")
    distance, _ = surface(lid).signed_distance(np.array([[0.0, 0.0, 0.017], [0.0, 0.0, 0.023]]))
    assert distance == pytest.approx([-0.003, 0.003], abs=1e-6)


@given(st.floats(0.0005, 0.008), st.floats(-np.pi, np.pi), st.floats(-0.03, 0.03))
@settings(max_examples=20)
def test_depth_is_how_far_one_is_inside_the_other(inside, yaw, x):
    low, high = Placed.of(BRICK, at(0, 0, 0.02)), Placed.of(POST, at(x, 0, 0.09 - inside, yaw))
    assert Overlap.of(high, low, 0.0).depth(np.zeros(3)) == pytest.approx(inside, abs=1e-6)
    assert Overlap.of(low, high, 0.0).depth(np.zeros(3)) == pytest.approx(inside, abs=1e-6)
    assert Overlap.of(high, low, 0.02).depth(inside * 0.5 * Z) == pytest.approx(inside / 2, abs=1e-6)
    assert Overlap.of(high, low, 0.02).depth((inside + 1e-4) * Z) == 0
    contact = touching(high, low)
    assert contact is not None and contact.gap == pytest.approx(-inside, abs=1e-6) and contact.normal[2] > 0.9


@pytest.mark.parametrize("gap", [-0.005, -0.002, 0.0, 0.002, 0.0045])
def test_stacked_within_the_error_of_ground_truth(gap):
    assert pairs((BRICK, at(0, 0, 0.02)), (POST, at(0.02, 0, 0.09 + gap, 0.4))) == {(1, 0)}


@pytest.mark.parametrize("gap", [-0.005, -0.002, 0.0, 0.002, 0.0045])
def test_side_by_side_is_not_resting(gap):
    assert pairs((BRICK, at(0, 0, 0.02)), (POST, at(0.07 + gap, 0, 0.05))) == set()


def test_apart_is_not_resting():
    assert pairs((BRICK, at(0, 0, 0.02)), (POST, at(0, 0, 0.10))) == set()  # 10 mm above it


def test_a_bridge_rests_on_both_posts_and_a_load_on_the_bridge_only():
    things = [(POST, at(-0.07, 0, 0.05)), (POST, at(0.07, 0, 0.05)), (PLANK, at(0, 0, 0.105)), (BRICK, at(0, 0, 0.13))]
    assert pairs(*things) == {(2, 0), (2, 1), (3, 2)}


def leaning(pitch=-0.6):
    """A plank with its left end on the support, its underside on the top edge of a post to the right."""
    c, s = np.cos(pitch), np.sin(pitch)
    x, z = 0.1 * c - 0.005 * s, -0.1 * s + 0.005 * c  # the left bottom edge at the origin
    edge_x = 0.1 / np.tan(-pitch)
    return (PLANK, tilted(x, 0, z, pitch)), (POST, at(edge_x + 0.02, 0, 0.05))


def test_a_leaning_plank_rests_on_the_post_and_not_the_other_way_round():
    assert pairs(*leaning()) == {(0, 1)}


def test_what_stands_behind_a_leaning_plank_does_not_hold_it():
    assert pairs(*leaning(), (block(4, 0.03, 0.03, 0.03), at(-0.017, 0, 0.015))) == {(0, 1)}


@given(st.floats(-np.pi, np.pi), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=15)
def test_resting_does_not_depend_on_where_the_world_is_or_how_it_is_turned(yaw, x, y):
    things = [*leaning(), (BRICK, at(0.3, 0, 0.02)), (POST, at(0.3, 0, 0.091, 0.3))]
    layout, models = arranged(*things)
    turned = moved(layout, se3(rotation_about(Z, yaw), np.array([x, y, 0.0])))
    assert np.array_equal(rests_on(turned, models), rests_on(layout, models))


def test_without_a_world_nothing_is_known_to_rest():
    layout, models = arranged((BRICK, at(0, 0, 0.02)), (POST, at(0, 0, 0.09)))
    assert not rests_on(Layout(layout.arrangement, None), models).any()


@given(st.integers(1, 8), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_cycles_are_broken_and_nothing_else(n, seed, density):
    rng = np.random.default_rng(seed)
    on, height = rng.random((n, n)) < density, rng.integers(0, 3, n).astype(float)
    np.fill_diagonal(on, False)
    cleaned = without_cycles(on, height)
    assert not np.linalg.matrix_power(cleaned.astype(float), n).any()  # acyclic: no walk of n steps
    assert not (cleaned & ~on).any()
    if not np.linalg.matrix_power(on.astype(float), n).any():
        assert np.array_equal(cleaned, on)


def test_nearest_in_hull():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    assert nearest_in_hull(square, np.array([0.3, 0.4])) == pytest.approx([0.3, 0.4])
    assert nearest_in_hull(square, np.array([2.0, 0.4])) == pytest.approx([1, 0.4])
    assert nearest_in_hull(square[:2], np.array([0.5, 3.0])) == pytest.approx([0.5, 0])


def test_real_scenes(ycbv_mini):
    """Seen in the images: pudding box (7) on wood block (16); banana (10) lying on block and table, which hold it, so
    that the pudding it touches does not."""
    models = open_bop(ycbv_mini).models()
    found = {}
    for layout in real(ycbv_mini):
        on = rests_on(layout, models)
        found[layout.key] = {
            (int(layout.obj_ids[i]), int(layout.obj_ids[j])) for i, j in zip(*on.nonzero(), strict=True)
        }
    assert found["000002-0"] == {(7, 16), (10, 16)}
    assert not any(found[k] for k in found if k != "000002-0")
