"""How sure a mean is: a 95 % bootstrap interval, drawn over images, for questions about one image go wrong together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.rng import rng_for

DRAWS = 2000
LEVEL = 0.95
CHUNK = 1 << 22
"""Numbers drawn at once."""


def interval(values: Float[Array, "n"], images: Sequence[object], seed: int = 0) -> tuple[float, float] | None:
    """Percentiles 2.5 and 97.5 of the mean, over `DRAWS` draws of as many images as there are, with replacement.

    Args:
        values: may hold inf; then so may the interval.
        images: which image each value is about.
    Returns:
        None where there is only one image: then nothing is known of the spread.
    """
    values = np.asarray(values, float)
    _, image = np.unique(np.array([str(i) for i in images], dtype=object), return_inverse=True)
    n = int(image.max()) + 1 if len(values) else 0
    if n < 2:
        return None
    endless = np.isinf(values)
    sums = np.bincount(image, np.where(endless, 0.0, values), n)
    counts, infinite = np.bincount(image, minlength=n), np.bincount(image, endless, n)
    rng = rng_for(seed, "bootstrap", n)
    means: list[Array] = []
    step = max(1, CHUNK // n)
    for at in range(0, DRAWS, step):
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=min(step, DRAWS - at))
        mean = (drawn @ sums) / (drawn @ counts)
        means.append(np.where(drawn @ infinite > 0, np.inf, mean))
    # An order statistic, not a blend of two: inf has no blends.
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    return float(low), float(high)
