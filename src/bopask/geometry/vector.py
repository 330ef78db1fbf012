"""Vectors of three numbers in compiled loops: a row of an array, or a tuple."""

from __future__ import annotations

from jaxtyping import Float
from numba import njit

from bopask.arrays import Array

Vector = Float[Array, "3"] | tuple[float, float, float]


@njit(cache=True)
def minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit(cache=True)
def moved(a: Vector, t: float, b: Vector) -> Vector:
    """a + t b."""
    return a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2]


@njit(cache=True)
def dot(a: Vector, b: Vector) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
