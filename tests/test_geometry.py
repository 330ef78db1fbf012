"""Laws of rigid motions, the camera and meshes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import K, box_mesh
from strategies import motions, rotations, vectors

from bopask.geometry import camera, mesh, se3


@given(motions(), motions(), motions())
def test_rigid_motions_are_a_group(A, B, C):
    assert np.allclose(A @ se3.inverse(A), np.eye(4), atol=1e-12)
    assert np.allclose((A @ B) @ C, A @ (B @ C))
    assert np.allclose(se3.inverse(A @ B), se3.inverse(B) @ se3.inverse(A))


@given(motions(), motions(), vectors())
def test_transform_composes(A, B, p):
    assert np.allclose(se3.transform(A @ B, p[None]), se3.transform(A, se3.transform(B, p[None])))
    assert np.allclose(se3.rotate(A, p[None]), se3.transform(A, p[None]) - A[:3, 3])


@given(vectors(), st.floats(-3.1, 3.1))
def test_rotation_about_has_its_axis_and_angle(axis, angle):
    if np.linalg.norm(axis) < 1e-3:
        return
    R = se3.rotation_about(axis, angle)
    assert se3.is_rotation(R, 1e-9)
    assert np.allclose(R @ axis, axis)
    assert se3.angle_of(R) == pytest.approx(abs(angle), abs=1e-7)


@given(vectors(), vectors())
def test_rotation_between_takes_a_to_b(a, b):
    if min(np.linalg.norm(a), np.linalg.norm(b)) < 1e-3:
        return
    R = se3.rotation_between(a, b)
    assert np.allclose(R @ (a / np.linalg.norm(a)), b / np.linalg.norm(b), atol=1e-7)
    assert se3.is_rotation(R, 1e-9)
    assert np.allclose(se3.rotation_between(a, -a) @ a, -a, atol=1e-7)


@given(motions(), st.integers(0, 1000))
def test_alignment_recovers_the_motion(T, seed):
    points = np.random.default_rng(seed).normal(size=(6, 3))
    assert np.allclose(se3.align(se3.transform(T, points), points), T, atol=1e-9)


@given(rotations())
def test_text_rounding_is_repaired_and_mirrors_are_refused(R):
    rounded = np.round(R, 6)
    assert np.allclose(se3.nearest_rotation(rounded), R, atol=1e-5)
    assert se3.is_rotation(se3.nearest_rotation(rounded), 1e-12)
    assert not se3.is_rotation(-R)
    assert not se3.is_rotation(R * np.nan)


@given(vectors(-0.4, 0.4, 2), st.floats(0.2, 5.0))
def test_projection_and_unprojection_are_inverse(xy, z):
    skewed = K.copy()
    skewed[0, 1] = 3.0
    point = np.array([[xy[0] * z, xy[1] * z, z]])
    assert np.allclose(camera.unproject(skewed, camera.project(skewed, point), point[:, 2]), point)


def test_pixel_zero_is_the_centre_of_the_first_pixel():
    corners = np.array([[-0.5, -0.5], [639.5, 479.5], [-0.51, 0], [0, 479.6], [np.nan, 1]])
    assert camera.inside(corners, 640, 480).tolist() == [True, True, False, False, False]


def test_points_behind_the_camera_have_no_pixel():
    assert np.isnan(camera.project(K, np.array([[0.1, 0.1, -1.0], [0, 0, 0]]))).all()


@given(vectors(0.01, 0.5), motions())
def test_volume_and_centre_of_mass_move_with_the_mesh(size, T):
    made = box_mesh(size)
    moved = mesh.Mesh(se3.transform(T, made.vertices), made.faces)
    assert mesh.signed_volume(moved) == pytest.approx(np.prod(size), rel=1e-6)
    assert np.allclose(mesh.center_of_mass(moved), T[:3, 3], atol=1e-7)
    inside_out = mesh.Mesh(made.vertices, made.faces[:, ::-1])
    assert mesh.signed_volume(inside_out) == pytest.approx(-np.prod(size), rel=1e-6)


def test_seams_are_merged():
    made = box_mesh([0.1, 0.2, 0.3])
    split = mesh.Mesh(made.triangles.reshape(-1, 3), np.arange(36).reshape(-1, 3))
    merged = mesh.merge_seams(split)
    assert len(merged.vertices) == 8
    assert mesh.signed_volume(merged) == pytest.approx(0.006)
