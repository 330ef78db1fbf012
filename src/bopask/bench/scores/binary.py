"""Scores of yes and no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.bench.scores.truth import Truth


def binary_success(truths: Sequence[Truth], replies: Sequence[Any]) -> Float[Array, "n"]:
    """1 where the answer is right."""
    return np.array([float(bool(said) == truth.yes) for truth, said in zip(truths, replies, strict=True)])
