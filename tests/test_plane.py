"""Planes: least squares and RANSAC recover what was planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bopask.geometry.plane import Plane, fit, polish, ransac, spread

seeds = st.integers(0, 2**32 - 1)


def planted(rng: np.random.Generator, n: int, noise: float) -> tuple[Plane, np.ndarray]:
    """A plane 0.5-2 m before the origin, facing it, and n points of a patch 0.6 m wide."""
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    offset = -rng.uniform(0.5, 2)
    basis = np.linalg.svd(normal[None])[2][1:]
    points = rng.uniform(-0.3, 0.3, (n, 2)) @ basis + offset * normal
    return Plane(normal, offset), points + rng.normal(0, noise, (n, 1)) * normal


def angle(a: Plane, b: Plane) -> float:
    return float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a.normal, b.normal)), a.normal @ b.normal)))


@given(seeds)
def test_fit_is_exact_without_noise(seed: int) -> None:
    plane, points = planted(np.random.default_rng(seed), 30, 0.0)
    found = fit(points).facing(np.zeros(3))
    assert angle(found, plane) < 1e-4
    assert found.offset == pytest.approx(plane.offset, abs=1e-9)


@given(seeds)
def test_fit_ignores_points_without_weight(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane, points = planted(rng, 30, 0.0)
    everything = np.concatenate([points, rng.normal(size=(20, 3))])
    assert angle(fit(everything, np.repeat([1.0, 0.0], [30, 20])).facing(np.zeros(3)), plane) < 1e-4


def test_fit_needs_three_points() -> None:
    with pytest.raises(ValueError, match="3 points, got 2"):
        fit(np.zeros((2, 3)))


@given(seeds, st.floats(0.0, 0.6))
def test_ransac_recovers_a_plane_under_noise_and_outliers(seed: int, outliers: float) -> None:
    rng = np.random.default_rng(seed)
    plane, points = planted(rng, 1000, 0.002)
    bad = rng.random(len(points)) < outliers
    points[bad] += (
        rng.uniform(0.05, 0.5, (bad.sum(), 1)) * rng.choice([-1, 1], (bad.sum(), 1)) * rng.normal(size=(bad.sum(), 3))
    )
    found = ransac(points, rng, threshold=0.006)
    assert found is not None
    assert angle(found[0], plane) < 0.2
    assert abs(found[0].offset - plane.offset) < 0.001
    assert found[1][~bad].mean() > 0.98


@given(seeds)
def test_ransac_depends_on_points_and_generator_alone(seed: int) -> None:
    _, points = planted(np.random.default_rng(seed), 3000, 0.005)
    a, b = (ransac(points, np.random.default_rng(seed), threshold=0.006) for _ in range(2))
    assert a is not None and b is not None
    assert np.array_equal(a[0].normal, b[0].normal) and a[0].offset == b[0].offset


@given(seeds)
def test_ransac_takes_a_smaller_plane_when_told_that_the_larger_is_wrong(seed: int) -> None:
    rng = np.random.default_rng(seed)
    small, large = np.zeros((300, 3)), np.zeros((900, 3))
    small[:, :2], large[:, :2] = rng.uniform(-0.3, 0.3, (300, 2)), rng.uniform(-0.3, 0.3, (900, 2))
    small[:, 2], large[:, 2] = 1.0, 1.7
    points = np.concatenate([small, large])
    free = ransac(points, rng, threshold=0.01)
    told = ransac(points, rng, threshold=0.01, prefer=lambda normals, offsets: (offsets > -1.35).astype(float))
    assert free is not None and free[0].offset == pytest.approx(-1.7)
    assert told is not None and told[0].offset == pytest.approx(-1.0)
    assert told[0].normal == pytest.approx([0, 0, -1], abs=1e-9)  # towards the origin


def test_no_plane_where_points_span_none() -> None:
    rng = np.random.default_rng(0)
    line = np.outer(np.linspace(0.5, 1, 50), [1.0, 2.0, 3.0])
    assert ransac(line[:2], rng, threshold=0.01) is None
    assert ransac(line, rng, threshold=0.01) is None
    assert ransac(np.ones((50, 3)), rng, threshold=0.01) is None
    everything = planted(rng, 50, 0.0)[1]
    assert ransac(everything, rng, threshold=0.01, prefer=lambda normals, offsets: np.zeros(len(offsets))) is None


@given(seeds)
def test_polish_keeps_the_side_and_improves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane, points = planted(rng, 500, 0.001)
    tilted = plane.normal + 0.01 * np.cross(plane.normal, rng.normal(size=3))
    rough = Plane(tilted / np.linalg.norm(tilted), plane.offset)
    for sign in (1, -1):
        found, _ = polish(points, Plane(sign * rough.normal, sign * rough.offset), threshold=0.02)
        assert angle(found, Plane(sign * plane.normal, sign * plane.offset)) < 0.1


def test_heights_facing_and_spread() -> None:
    plane = Plane(np.array([0, 0, 1.0]), 0.5)
    assert plane.heights(np.array([[1.0, 2, 0.7], [0, 0, 0]])) == pytest.approx([0.2, -0.5])
    below = plane.facing(np.zeros(3))
    assert below.heights(np.zeros(3)) == pytest.approx(0.5)
    grid = np.stack(np.meshgrid([-1.0, 1], [-0.1, 0.1]), -1).reshape(-1, 2)
    assert spread(np.c_[grid, np.zeros(4)]) == pytest.approx(np.std([-0.1, 0.1, -0.1, 0.1], ddof=1))
    assert spread(np.zeros((2, 3))) == 0.0
