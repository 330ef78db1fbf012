"""Rays meet what they should: against a brute-force intersection, under motion, near and far."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import motions

from bopask.geometry import se3
from bopask.geometry.mesh import Mesh
from bopask.geometry.rays import RayScene

SEEDS = st.integers(0, 2**32 - 1)


def soup(rng: np.random.Generator, n: int = 12) -> Mesh:
    """n loose triangles within a metre."""
    return Mesh(rng.uniform(-0.5, 0.5, (3 * n, 3)), np.arange(3 * n, dtype=np.int32).reshape(n, 3))


def rays(rng: np.random.Generator, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    origins = rng.normal(size=(n, 3))
    origins *= 1.5 / np.linalg.norm(origins, axis=1, keepdims=True)
    return origins, rng.uniform(-0.5, 0.5, (n, 3)) - origins


def brute_force(mesh: Mesh, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest distance (inf: none) and how near to a triangle's edge any decision was (Moeller & Trumbore 1997)."""
    a, b, c = np.moveaxis(mesh.triangles, 1, 0)
    p = np.cross(directions[:, None], c - a)
    det = (p * (b - a)).sum(-1)
    s = origins[:, None] - a
    q = np.cross(s, b - a)
    u, v = (s * p).sum(-1) / det, (directions[:, None] * q).sum(-1) / det
    t = (q * (c - a)).sum(-1) / det
    margin = np.minimum(np.minimum(u, v), 1 - u - v)
    distance = np.where((margin >= 0) & (t > 0), t, np.inf).min(1)
    return distance, np.abs(margin).min(1)


@given(SEEDS)
def test_the_first_hit_is_that_of_a_brute_force_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh, (origins, directions) = soup(rng), rays(rng)
    found, distance = RayScene([mesh]).first_hit(origins, directions)
    expected, margin = brute_force(mesh, origins, directions)
    clear = margin > 1e-4  # at an edge, float32 may fall on either side
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found[clear] == 0, np.isfinite(expected[clear]))
    np.testing.assert_allclose(distance[clear], expected[clear], rtol=1e-4)


@given(SEEDS, motions(), st.floats(0, 1000))
def test_moving_everything_changes_nothing_even_a_kilometre_away(seed: int, T: np.ndarray, far: float) -> None:
    rng = np.random.default_rng(seed)
    meshes, (origins, directions) = [soup(rng, 4), soup(rng, 4)], rays(rng)
    poses = np.stack([np.eye(4), se3.se3(np.eye(3), [0.3, 0, 0])])
    moved = se3.se3(np.eye(3), [far, 0, 0]) @ T
    found, distance = RayScene(meshes, poses).first_hit(origins, directions)
    again, distance_again = RayScene(meshes, moved @ poses).first_hit(
        se3.transform(moved, origins), se3.rotate(moved, directions)
    )
    same = found == again
    assert same.mean() > 0.98  # the others graze an edge
    np.testing.assert_allclose(distance[same], distance_again[same], rtol=1e-3)


@given(SEEDS, st.floats(0.1, 3))
def test_blocked_is_a_first_hit_that_is_near_enough(seed: int, within: float) -> None:
    rng = np.random.default_rng(seed)
    scene, (origins, directions) = RayScene([soup(rng)]), rays(rng)
    distance = scene.first_hit(origins, directions)[1]
    clear = np.abs(distance - within) > 1e-5
    blocked = scene.blocked(origins, directions, np.full(len(origins), within))
    np.testing.assert_array_equal(blocked[clear], distance[clear] < within)


def test_distances_are_in_lengths_of_the_direction_and_arrays_broadcast() -> None:
    sheet = Mesh(np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0.0]]), np.array([[0, 1, 2]]))
    scene = RayScene([sheet, sheet], np.stack([se3.se3(np.eye(3), [0, 0, z]) for z in (4.0, 2.0)]))
    found, distance = scene.first_hit(np.zeros((5, 1, 3)), np.array([[0, 0, 1], [0, 0, 2], [0, 0, -1.0]]))
    np.testing.assert_array_equal(found, np.tile([1, 1, -1], (5, 1)))
    np.testing.assert_allclose(distance, np.tile([2, 1, np.inf], (5, 1)))
    assert (found.dtype, distance.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize("meshes", [0, 1])
def test_an_empty_scene_is_never_hit(meshes: int) -> None:
    scene = RayScene([Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))] * meshes)
    found, distance = scene.first_hit(np.zeros(3), np.eye(3))
    assert (found == -1).all()
    assert np.isinf(distance).all()
    assert not scene.blocked(np.zeros(3), np.eye(3), np.full(3, np.inf)).any()


def test_an_empty_mesh_keeps_the_numbers_of_the_others() -> None:
    sheet = Mesh(np.array([[-1, -1, 1], [1, -1, 1], [0, 1, 1.0]]), np.array([[0, 1, 2]]))
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    assert RayScene([empty, sheet]).first_hit(np.zeros(3), np.array([[0, 0, 1.0]]))[0].tolist() == [1]
