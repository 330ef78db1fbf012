"""Planes: least squares, and RANSAC with all its hypotheses in one array. normal . p = offset; metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array


@dataclass(frozen=True)
class Plane:
    """The points p with normal . p = offset (m); `normal` is a unit vector."""

    normal: Float[Array, "3"]
    offset: float

    def heights(self, points: Float[Array, "... 3"]) -> Float[Array, "..."]:
        """Signed distances (m), positive on the side the normal points to."""
        return points @ self.normal - self.offset

    def facing(self, point: Float[Array, "3"]) -> Plane:
        """The same plane with its normal on the side of `point`."""
        return self if self.heights(point) >= 0 else Plane(-self.normal, -self.offset)


def fit(points: Float[Array, "n 3"], weights: Float[Array, "n"] | None = None) -> Plane:
    """The plane of least squared distances (total least squares by SVD). n >= 3, else ValueError."""
    if len(points) < 3:
        raise ValueError(f"a plane needs 3 points, got {len(points)}")
    weights = np.ones(len(points)) if weights is None else weights
    mean = weights @ points / weights.sum()
    centred = points - mean
    normal = np.linalg.eigh((centred * weights[:, None]).T @ centred)[1][:, 0]
    return Plane(normal, float(normal @ mean))


def spread(points: Float[Array, "n 3"]) -> float:
    """How well points pin a plane down: their standard deviation (m) along the second widest direction."""
    return float(np.sqrt(max(np.linalg.eigvalsh(np.cov(points.T))[1], 0.0))) if len(points) > 2 else 0.0


def ransac(
    points: Float[Array, "n 3"],
    rng: np.random.Generator,
    *,
    threshold: float,
    hypotheses: int = 512,
    prefer: Callable[[Float[Array, "h 3"], Float[Array, "h"]], Float[Array, "h"]] | None = None,
    sample: int = 2000,
) -> tuple[Plane, Bool[Array, "n"]] | None:
    """The plane with most points within `threshold` (m), polished by least squares over them.

    Fischler & Bolles 1981 with a fixed budget: the result depends on the points and the generator alone.

    Args:
        prefer: weights of hypotheses (normals, offsets) that multiply their inlier counts; 0 forbids one. What a count
            cannot know, such as which side objects are on. The sign of the normals is the one that it gets and keeps.
        sample: hypotheses are scored on at most this many of the points.
    Returns:
        The plane and which points lie on it; None when no three points span an allowed plane.
    """
    if len(points) < 3:
        return None
    scored = points if len(points) <= sample else points[rng.choice(len(points), sample, replace=False)]
    a, b, c = np.moveaxis(points[rng.integers(len(points), size=(hypotheses, 3))], 1, 0)
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1)
    # slivers and repeated points span no plane: the triangle must be at least as tall as the noise
    side = np.maximum(np.linalg.norm(b - a, axis=1), np.linalg.norm(c - a, axis=1))
    proper = length > np.maximum(threshold * side, 1e-12)
    if not proper.any():
        return None
    normals, a = normals[proper] / length[proper, None], a[proper]
    normals *= np.where(normals @ points.mean(0) > 0, -1.0, 1.0)[:, None]  # towards the origin: the camera, as a rule
    offsets = (normals * a).sum(1)
    score = (np.abs(scored @ normals.T - offsets) <= threshold).sum(0).astype(float)
    if prefer is not None:
        score *= prefer(normals, offsets)
    best = int(np.argmax(score))
    if score[best] <= 0:
        return None
    return polish(points, Plane(normals[best], float(offsets[best])), threshold=threshold)


def polish(
    points: Float[Array, "n 3"], plane: Plane, *, threshold: float, rounds: int = 10
) -> tuple[Plane, Bool[Array, "n"]]:
    """Least squares over the points within `threshold` (m), repeated until they no longer change. Keeps the sign."""
    inliers = np.abs(plane.heights(points)) <= threshold
    for _ in range(rounds):
        if inliers.sum() < 3:
            break
        fitted = fit(points[inliers])
        flip = -1.0 if fitted.normal @ plane.normal < 0 else 1.0
        plane = Plane(flip * fitted.normal, flip * fitted.offset)
        before, inliers = inliers, np.abs(plane.heights(points)) <= threshold
        if np.array_equal(before, inliers):
            break
    return plane, inliers
