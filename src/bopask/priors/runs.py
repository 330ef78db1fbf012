"""Triangles or points in runs, neighbours in space together: what bounds a run is looked at before what is in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from bopask.arrays import Array
from bopask.nouns import Model

RUN = 16
"""Triangles or points a run, and runs a run of runs."""


class Runs(NamedTuple):
    """Bounds (m) of runs of `RUN` consecutive things, and of `RUN` consecutive runs."""

    low: Float[Array, "r 3"]
    high: Float[Array, "r 3"]
    lows: Float[Array, "q 3"]
    highs: Float[Array, "q 3"]


def runs(low: Float[Array, "n 3"], high: Float[Array, "n 3"]) -> Runs:
    """Of things with these bounds (m), in the order given."""
    low, high = _every(np.minimum, low), _every(np.maximum, high)
    return Runs(low, high, _every(np.minimum, low), _every(np.maximum, high))


def _every(ufunc: np.ufunc, values: Float[Array, "n 3"]) -> Float[Array, "r 3"]:
    return np.asarray(ufunc.reduceat(values, np.arange(0, len(values), RUN), axis=0))


def order(points: Float[Array, "n 3"]) -> Int[Array, "n"]:
    """Neighbours in space one after another: as a k-d tree's leaves hold them."""
    return np.asarray(cKDTree(points).indices)


_TRIANGLES: dict[str, Float[Array, "f 3 3"]] = {}


def triangles_of(model: Model) -> Float[Array, "f 3 3"]:
    """An object's triangles (m, object frame), neighbours together: shared within the process."""
    if model.sha256 not in _TRIANGLES:
        triangles = model.mesh.triangles
        _TRIANGLES[model.sha256] = triangles[order(triangles.mean(1))]
    return _TRIANGLES[model.sha256]
