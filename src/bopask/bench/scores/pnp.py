"""Poses from points in the picture: the rigid motion of known points whose projection is nearest to the given pixels.

Least squares of the reprojection error, as OpenCV's SOLVEPNP_ITERATIVE (docs.opencv.org, calib3d), many at once:
a weak-perspective start in closed form (as POSIT: DeMenthon and Davis 1995, doi:10.1007/BF01450852), then
Levenberg–Marquardt. Points in a plane have two starts, which mirror each other; both are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.geometry.camera import unproject

STEPS = 30
SETTLED = 1e-12
"""A pose that a step makes better by less than this share of its squared error is not moved again."""
NEAREST = 1e-3
"""Nothing is put nearer to the camera than this (m)."""
FAR_PX = 1e6
"""Error (px) of a point that is not before the camera."""


def fit_solid(
    K: Float[Array, "n 3 3"], points: Float[Array, "n p 3"], pixels: Float[Array, "n p 2"]
) -> tuple[Float[Array, "n 4 4"], Float[Array, "n"]]:
    """T_cam_points of points (m) that fill space about their mean, and the root mean square error (px)."""
    R_cam_ray, image = _toward(K, pixels)
    centred = points - points.mean(1, keepdims=True)
    spread = np.swapaxes(centred, 1, 2) @ centred
    affine = np.swapaxes(np.linalg.solve(spread, np.swapaxes(centred, 1, 2) @ image), 1, 2)
    U, s, Vt = np.linalg.svd(affine, full_matrices=False)
    rows = U @ Vt
    R = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], 1)
    T = _start(R, 1 / np.maximum(s.mean(1), 1e-12), R_cam_ray, points.mean(1))
    return refine(T, K, points, pixels)


def fit_plane(
    K: Float[Array, "n 3 3"], points: Float[Array, "n p 3"], pixels: Float[Array, "n p 2"]
) -> tuple[Float[Array, "n 2 4 4"], Float[Array, "n 2"]]:
    """The same of points in the plane y = 0: both poses that look alike from afar, each refined."""
    R_cam_ray, image = _toward(K, pixels)
    centred = (points - points.mean(1, keepdims=True))[..., [0, 2]]
    spread = np.swapaxes(centred, 1, 2) @ centred
    affine = np.swapaxes(np.linalg.solve(spread, np.swapaxes(centred, 1, 2) @ image), 1, 2)
    a, b = affine[..., 0], affine[..., 1]
    aa, bb, ab = (a * a).sum(1), (b * b).sum(1), (a * b).sum(1)
    ss = (aa + bb + np.sqrt((aa - bb) ** 2 + 4 * ab**2)) / 2  # the scale, squared: |x| = |z|, x · z = 0
    ss = np.maximum(ss, 1e-24)
    towards_a, towards_b = np.sqrt(np.maximum(ss - aa, 0)), np.sqrt(np.maximum(ss - bb, 0))
    towards_b = np.where(ab > 0, -towards_b, towards_b)
    found = []
    for sign in (1.0, -1.0):
        x = np.concatenate([a, sign * towards_a[:, None]], 1) / np.sqrt(ss)[:, None]
        z = np.concatenate([b, sign * towards_b[:, None]], 1) / np.sqrt(ss)[:, None]
        R = se3.nearest_rotation(np.stack([x, np.cross(z, x), z], -1))
        found.append(_start(R, 1 / np.sqrt(ss), R_cam_ray, points.mean(1)))
    both = np.stack(found, 1).reshape(-1, 4, 4)
    T, error = refine(both, np.repeat(K, 2, axis=0), np.repeat(points, 2, axis=0), np.repeat(pixels, 2, axis=0))
    return T.reshape(-1, 2, 4, 4), error.reshape(-1, 2)


def _toward(
    K: Float[Array, "n 3 3"], pixels: Float[Array, "n p 2"]
) -> tuple[Float[Array, "n 3 3"], Float[Array, "n p 2"]]:
    """A camera turned to the middle of the pixels: R_cam_ray, and the points in its image at distance 1, about their
    mean."""
    rays = unproject(K, pixels, np.ones(pixels.shape[:2]))
    middle = rays.mean(1)
    middle = middle / np.linalg.norm(middle, axis=-1, keepdims=True)
    helper = np.where(np.abs(middle[:, :1]) < 0.9, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    x = np.cross(np.cross(middle, helper), middle)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    R = np.stack([x, np.cross(middle, x), middle], -1)
    turned = rays @ R
    image = turned[..., :2] / np.maximum(turned[..., 2:], 1e-9)
    return R, image - image.mean(1, keepdims=True)


def _start(
    R_ray_points: Float[Array, "n 3 3"],
    depth: Float[Array, "n"],
    R_cam_ray: Float[Array, "n 3 3"],
    mean: Float[Array, "n 3"],
) -> Float[Array, "n 4 4"]:
    R = R_cam_ray @ R_ray_points
    middle = R_cam_ray[..., 2] * np.clip(depth, NEAREST, 1e3)[:, None]
    return se3.se3(R, middle - (R @ mean[..., None])[..., 0])


def refine(
    T: Float[Array, "n 4 4"],
    K: Float[Array, "n 3 3"],
    points: Float[Array, "n p 3"],
    pixels: Float[Array, "n p 2"],
    at: tuple[Float[Array, "3"], Float[Array, "n"]] | None = None,
    steps: int = STEPS,
) -> tuple[Float[Array, "n 4 4"], Float[Array, "n"]]:
    """Levenberg–Marquardt from T_cam_points; the poses and their root mean square errors (px).

    Args:
        at: a place of the points' frame and the depth z (m) at which it has to lie, if it has to.
    """
    T, K, points, pixels = T.copy(), np.asarray(K), np.asarray(points), np.asarray(pixels)
    error, going, state = np.zeros(len(T)), np.arange(len(T)), _State.at(T, K, points, pixels, at)
    for _ in range(steps):
        moved = _moved(T[going], state.step())
        held = None if at is None else (at[0], at[1][going])
        tried = _State.at(moved, K[going], points[going], pixels[going], held)
        better = tried.cost < state.cost
        settled = better & (tried.cost > state.cost * (1 - SETTLED))
        T[going[better]] = moved[better]
        state = state.after(tried, better)
        error[going] = state.cost_of(points.shape[1])
        on = ~settled  # each by itself: what comes of one must not depend on the others
        going, state = going[on], state.only(on)
        if not len(going):
            break
    return T, np.sqrt(error / points.shape[1])


@dataclass(frozen=True)
class _State:
    """Where the search stands: errors (px), how they change with a step, and how far a step may be trusted."""

    residual: Float[Array, "n r"]
    jacobian: Float[Array, "n r 6"]
    cost: Float[Array, "n"]
    damping: Float[Array, "n"]

    @classmethod
    def at(cls, T: Array, K: Array, points: Array, pixels: Array, held: tuple[Array, Array] | None) -> _State:
        residual, jacobian = _errors(T, K, points, pixels, held)
        return cls(residual, jacobian, (residual**2).sum(1), np.full(len(T), 1e-3))

    def step(self) -> Float[Array, "n 6"]:
        transposed = np.swapaxes(self.jacobian, 1, 2)
        normal = transposed @ self.jacobian
        diagonal = np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-9)
        damped = normal + (self.damping[:, None] * diagonal)[:, :, None] * np.eye(6)
        return np.asarray(-np.linalg.solve(damped, transposed @ self.residual[..., None])[..., 0])

    def after(self, tried: _State, better: Bool[Array, "n"]) -> _State:
        """The better of both, with more trust where the step was good."""
        damping = np.clip(np.where(better, self.damping / 10, self.damping * 10), 1e-12, 1e9)
        return _State(
            np.where(better[:, None], tried.residual, self.residual),
            np.where(better[:, None, None], tried.jacobian, self.jacobian),
            np.where(better, tried.cost, self.cost),
            damping,
        )

    def only(self, rows: Bool[Array, "n"]) -> _State:
        if rows.all():
            return self
        return _State(self.residual[rows], self.jacobian[rows], self.cost[rows], self.damping[rows])

    def cost_of(self, points: int) -> Float[Array, "n"]:
        """Sum of the squared errors of the points alone (px²)."""
        return np.asarray((self.residual[:, : 2 * points] ** 2).sum(1))


def _moved(T: Float[Array, "n 4 4"], step: Float[Array, "n 6"]) -> Float[Array, "n 4 4"]:
    """T turned by step[:3] (rad) about its own origin and moved by step[3:] (m), camera axes."""
    angle = np.linalg.norm(step[:, :3], axis=1)
    k = step[:, :3] / np.maximum(angle, 1e-12)[:, None]
    cross = np.zeros((len(T), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -k[:, 2], k[:, 1], -k[:, 0]
    cross -= np.swapaxes(cross, 1, 2)
    s, c = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return se3.se3((np.eye(3) + s * cross + (1 - c) * (cross @ cross)) @ T[:, :3, :3], T[:, :3, 3] + step[:, 3:])


def _errors(
    T: Float[Array, "n 4 4"],
    K: Float[Array, "n 3 3"],
    points: Float[Array, "n p 3"],
    pixels: Float[Array, "n p 2"],
    at: tuple[Float[Array, "3"], Float[Array, "n"]] | None,
) -> tuple[Float[Array, "n r"], Float[Array, "n r 6"]]:
    """Reprojection errors (px) of u and v of each point, and how they change with `_moved`'s step."""
    turned = points @ np.swapaxes(T[:, :3, :3], 1, 2)
    x, y, z = np.moveaxis(turned + T[:, None, :3, 3], -1, 0)
    behind = z < NEAREST
    z = np.where(behind, NEAREST, z)
    fx, skew, fy = K[:, 0, 0, None], K[:, 0, 1, None], K[:, 1, 1, None]
    u, v = (fx * x + skew * y) / z + K[:, 0, 2, None], fy * y / z + K[:, 1, 2, None]
    error = np.stack([u, v], -1) - pixels
    error[behind] = FAR_PX
    by_place = np.zeros((*z.shape, 2, 3))
    by_place[..., 0, 0], by_place[..., 0, 1], by_place[..., 0, 2] = fx / z, skew / z, -(fx * x + skew * y) / z**2
    by_place[..., 1, 1], by_place[..., 1, 2] = fy / z, -fy * y / z**2
    jacobian = np.concatenate([np.cross(turned[..., None, :], by_place), by_place], -1)
    n, p = z.shape
    error, jacobian = error.reshape(n, 2 * p), jacobian.reshape(n, 2 * p, 6)
    if at is None:
        return error, jacobian
    place, depth = at
    arm = T[:, :3, :3] @ place
    stiff = K[:, 0, 0] / np.maximum(depth, NEAREST) * 30  # a metre of depth weighs as 30 m across
    held = np.zeros((n, 1, 6))
    held[:, 0, 0], held[:, 0, 1], held[:, 0, 5] = arm[:, 1], -arm[:, 0], 1.0
    off = (arm[:, 2] + T[:, 2, 3] - depth) * stiff
    return np.concatenate([error, off[:, None]], 1), np.concatenate([jacobian, held * stiff[:, None, None]], 1)
