"""Vectors of three numbers, and three such vectors, in compiled loops: rows of an array, or tuples."""

from __future__ import annotations

from jaxtyping import Float
from numba import njit

from bopask.arrays import Array

Vector = Float[Array, "3"] | tuple[float, float, float]
Rows = tuple[Vector, Vector, Vector]
"""Of a rotation, or the corners of a triangle."""


@njit(cache=True)
def minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit(cache=True)
def plus(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@njit(cache=True)
def grown(a: Vector, by: float) -> Vector:
    return a[0] + by, a[1] + by, a[2] + by


@njit(cache=True)
def moved(a: Vector, t: float, b: Vector) -> Vector:
    """a + t b."""
    return a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2]


@njit(cache=True)
def dot(a: Vector, b: Vector) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@njit(cache=True)
def cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(cache=True)
def rows_of(matrix: Float[Array, "r c"]) -> Rows:
    """The first three, of a rotation or a transform."""
    return (
        (matrix[0, 0], matrix[0, 1], matrix[0, 2]),
        (matrix[1, 0], matrix[1, 1], matrix[1, 2]),
        (matrix[2, 0], matrix[2, 1], matrix[2, 2]),
    )


@njit(cache=True)
def transposed(rows: Rows) -> Rows:
    x, y, z = rows
    return (x[0], y[0], z[0]), (x[1], y[1], z[1]), (x[2], y[2], z[2])


@njit(cache=True)
def sizes(rows: Rows) -> Rows:
    """Absolute values. `times` of them and half the sides of a box says how far it reaches along each of the rows."""
    x, y, z = rows
    return (
        (abs(x[0]), abs(x[1]), abs(x[2])),
        (abs(y[0]), abs(y[1]), abs(y[2])),
        (abs(z[0]), abs(z[1]), abs(z[2])),
    )


@njit(cache=True)
def times(rows: Rows, p: Vector) -> Vector:
    return dot(rows[0], p), dot(rows[1], p), dot(rows[2], p)
