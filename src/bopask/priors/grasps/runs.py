"""Points in runs, neighbours in space together: what bounds a run is looked at before what is in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from bopask.arrays import Array

RUN = 16
"""Points a run, and runs a run of runs."""


class Runs(NamedTuple):
    """Bounds (m) of runs of `RUN` consecutive points, and of `RUN` consecutive runs."""

    low: Float[Array, "r 3"]
    high: Float[Array, "r 3"]
    lows: Float[Array, "q 3"]
    highs: Float[Array, "q 3"]


def runs(points: Float[Array, "n 3"]) -> Runs:
    """Of points (m) in the order given."""
    low, high = _every(np.minimum, points), _every(np.maximum, points)
    return Runs(low, high, _every(np.minimum, low), _every(np.maximum, high))


def _every(ufunc: np.ufunc, values: Float[Array, "n 3"]) -> Float[Array, "r 3"]:
    return np.asarray(ufunc.reduceat(values, np.arange(0, len(values), RUN), axis=0))


def order(points: Float[Array, "n 3"]) -> Int[Array, "n"]:
    """Neighbours in space one after another: as a k-d tree's leaves hold them."""
    return np.asarray(cKDTree(points).indices)
