"""Rigid motions. `T_a_b` maps b-coordinates to a: p_a = T_a_b @ p_b; inner letters cancel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array


def se3(R: Float[Array, "... 3 3"], t: Float[Array, "... 3"]) -> Float[Array, "... 4 4"]:
    """Homogeneous matrices of rotations R and translations t (m)."""
    R, t = np.asarray(R, float), np.asarray(t, float)
    shape = np.broadcast_shapes(R.shape[:-2], t.shape[:-1])
    T = np.zeros((*shape, 4, 4))
    T[..., :3, :3], T[..., :3, 3], T[..., 3, 3] = R, t, 1.0
    return T


def inverse(T_a_b: Float[Array, "... 4 4"]) -> Float[Array, "... 4 4"]:
    """T_b_a, without a matrix inversion."""
    R = np.swapaxes(T_a_b[..., :3, :3], -1, -2)
    return se3(R, -np.einsum("...ij,...j->...i", R, T_a_b[..., :3, 3]))


def transform(T_a_b: Float[Array, "... 4 4"], points_b: Float[Array, "... n 3"]) -> Float[Array, "... n 3"]:
    """points_a of points_b (m); the leading dimensions broadcast."""
    R = np.swapaxes(T_a_b[..., :3, :3], -1, -2)
    return np.matmul(points_b, R) + T_a_b[..., None, :3, 3]


def rotate(T_a_b: Float[Array, "... 4 4"], vectors_b: Float[Array, "... n 3"]) -> Float[Array, "... n 3"]:
    """Directions of b seen in a: the rotation without the translation."""
    return np.matmul(vectors_b, np.swapaxes(T_a_b[..., :3, :3], -1, -2))


def rotation_about(axis: Float[Array, "3"], angle: Float[Array, "..."] | float) -> Float[Array, "... 3 3"]:
    """Rotations by `angle` (rad) about a direction. Rodrigues: R = I + sin θ [k]× + (1 − cos θ) [k]×²."""
    k = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    angle = np.asarray(angle, float)[..., None, None]
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def rotation_between(a: Float[Array, "3"], b: Float[Array, "3"]) -> Float[Array, "3 3"]:
    """The smallest rotation that takes direction a to direction b (Rodrigues; the paper's step from normal to z)."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis, cosine = np.cross(a, b), float(np.dot(a, b))
    if np.linalg.norm(axis) < 1e-12:
        if cosine > 0:
            return np.eye(3)
        axis = np.cross(a, np.eye(3)[np.argmin(np.abs(a))])  # opposite: half a turn about any perpendicular
        return rotation_about(axis, np.pi)
    return rotation_about(axis, np.arctan2(np.linalg.norm(axis), cosine))


def angle_of(R: Float[Array, "... 3 3"]) -> Float[Array, "..."]:
    """Rotation angle (rad, 0..π), accurate near 0 and π."""
    skew = np.stack([R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], -1)
    return np.arctan2(np.linalg.norm(skew, axis=-1), np.trace(R, axis1=-2, axis2=-1) - 1.0)


def is_rotation(R: Float[Array, "... 3 3"], tolerance: float = 1e-3) -> Array:
    """True where R is finite, orthonormal within `tolerance` and right-handed."""
    with np.errstate(invalid="ignore", over="ignore"):
        gram = np.matmul(R, np.swapaxes(R, -1, -2)) - np.eye(3)
        return np.asarray((np.abs(gram).max((-1, -2)) < tolerance) & (np.linalg.det(R) > 0))


def nearest_rotation(R: Float[Array, "... 3 3"]) -> Float[Array, "... 3 3"]:
    """The closest rotation in the Frobenius norm (SVD): removes the rounding of text files."""
    U, _, Vt = np.linalg.svd(R)
    U[..., :, 2] *= np.linalg.det(U @ Vt)[..., None]
    return U @ Vt


def align(points_a: Float[Array, "... n 3"], points_b: Float[Array, "... n 3"]) -> Float[Array, "... 4 4"]:
    """T_a_b that best maps points_b onto points_a in the least-squares sense (Kabsch)."""
    mean_a, mean_b = points_a.mean(-2, keepdims=True), points_b.mean(-2, keepdims=True)
    R = nearest_rotation(np.swapaxes(points_a - mean_a, -1, -2) @ (points_b - mean_b))
    return se3(R, mean_a[..., 0, :] - np.einsum("...ij,...j->...i", R, mean_b[..., 0, :]))
