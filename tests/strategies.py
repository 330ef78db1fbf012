"""Hypothesis strategies of the geometry, in one place."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from bopask.geometry import se3


def vectors(low: float = -1.0, high: float = 1.0, n: int = 3) -> st.SearchStrategy[np.ndarray]:
    return st.lists(st.floats(low, high), min_size=n, max_size=n).map(np.array)


def rotations() -> st.SearchStrategy[np.ndarray]:
    """Rotations, from seeds: uniform over SO(3)."""

    def make(seed: int) -> np.ndarray:
        q = np.random.default_rng(seed).normal(size=4)
        w, x, y, z = q / np.linalg.norm(q)
        return np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )

    return st.integers(0, 2**32 - 1).map(make)


def motions() -> st.SearchStrategy[np.ndarray]:
    return st.tuples(rotations(), vectors()).map(lambda pair: se3.se3(*pair))
