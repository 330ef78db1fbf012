"""Scores of a gripper's five points in the picture: centre, left base, right base, left tip, right tip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.bench.scores.truth import Truth

GIVEN = [0, 1, 2, 3, 4]
TIPS_AS_BASES = [0, 3, 4, 1, 2]
"""SpaceTools: bases exchanged with tips."""
MIRRORED = [0, 2, 1, 4, 3]
"""Left exchanged with right."""
CLIPPED = 10.0
"""SpaceTools' largest NCE."""
NCE_SUCCESS = 2.0
"""SpaceTools: below this a grasp is counted right."""
MACE_SUCCESS = 40.0
"""SpaceTools: above this a grasp is counted right."""
SEGMENTS = ((0, 1), (0, 2), (1, 3), (2, 4))
"""MACE's: centre to bases, bases to tips."""
NOTHING = 1e-9
"""Lengths below this are none."""

Points: TypeAlias = Float[Array, "... 5 2"]
Measure: TypeAlias = Callable[[Points, Points, Float[Array, "2"]], Float[Array, "..."]]
"""Of a prediction, a truth (px) and the image's size (px)."""


def nce(predicted: Points, true: Points, order: Sequence[int] = GIVEN) -> Float[Array, "..."]:
    """Normalised coordinate error: mean over the points of |p̂ - p| / d, d = distance of the two true bases.

    BOP-Ask, arXiv 2511.16857. Any unit that both share.
    """
    apart = np.linalg.norm(true[..., 1, :] - true[..., 2, :], axis=-1)
    off = np.linalg.norm(predicted[..., list(order), :] - true, axis=-1).mean(-1)
    return np.asarray(off / np.maximum(apart, NOTHING))


def nce_paper(predicted: Points, true: Points, size: Float[Array, "2"]) -> Float[Array, "..."]:
    """NCE in pixels, as written."""
    return nce(predicted, true)


def nce_symmetric(predicted: Points, true: Points, size: Float[Array, "2"]) -> Float[Array, "..."]:
    """NCE in pixels of the better of both ways to name the fingers: a parallel gripper turned by 180° is the same."""
    return np.minimum(nce(predicted, true), nce(predicted, true, MIRRORED))


def nce_spacetools(predicted: Points, true: Points, size: Float[Array, "2"]) -> Float[Array, "..."]:
    """NCE with x in widths and y in heights of the image, the better of two orders, at most 10."""
    predicted, true = predicted / size, true / size
    return np.minimum(np.minimum(nce(predicted, true), nce(predicted, true, TIPS_AS_BASES)), CLIPPED)


def nce_spacetools_success(predicted: Points, true: Points, size: Float[Array, "2"]) -> Float[Array, "..."]:
    """1 where it is below 2."""
    return (nce_spacetools(predicted, true, size) < NCE_SUCCESS).astype(float)


def mace(
    predicted: Points, true: Points, size: Float[Array, "2"], *, clip: bool = True, mirror: bool = False
) -> Float[Array, "..."]:
    """SpaceTools' orientation-aware score, percent: 100 (1 - ½ (|ĉ - c| / w + ¼ Σ (1 - cos(r̂, r)) / 2)).

    w = distance of the true bases, r = centre to bases, bases to tips; pixels. A predicted segment without a length
    points the wrong way; a true one without a length is always met.

    Args:
        clip: the distance term counts 1 at most, so that the score is 0 at least.
        mirror: the better of both ways to name the fingers.
    """
    if mirror:
        other = mace(predicted[..., MIRRORED, :], true, size, clip=clip)
        return np.maximum(mace(predicted, true, size, clip=clip), other)
    wide = np.linalg.norm(true[..., 1, :] - true[..., 2, :], axis=-1)
    off = np.linalg.norm(predicted[..., 0, :] - true[..., 0, :], axis=-1) / np.maximum(wide, NOTHING)
    off = np.minimum(off, 1.0) if clip else off
    a, b = np.array(SEGMENTS).T
    said, meant = predicted[..., b, :] - predicted[..., a, :], true[..., b, :] - true[..., a, :]
    length, of_true = np.linalg.norm(said, axis=-1), np.linalg.norm(meant, axis=-1)
    cosine = (said * meant).sum(-1) / np.maximum(length * of_true, NOTHING**2)
    cosine = np.where(of_true < NOTHING, 1.0, np.where(length < NOTHING, -1.0, np.clip(cosine, -1.0, 1.0)))
    return np.asarray(100 * (1 - (off + (1 - cosine).mean(-1) / 2) / 2))


def mace_success(predicted: Points, true: Points, size: Float[Array, "2"]) -> Float[Array, "..."]:
    """1 where it is above 40."""
    return (mace(predicted, true, size) > MACE_SUCCESS).astype(float)


def against_answer(measure: Measure) -> Callable[[Sequence[Truth], Sequence[Points]], Float[Array, "n"]]:
    """A measure against the row's own answer, many at once."""

    def many(truths: Sequence[Truth], replies: Sequence[Points]) -> Float[Array, "n"]:
        size = np.array([[[t.width, t.height]] for t in truths], float)
        return measure(np.stack(replies), np.stack([t.points for t in truths]), size)

    return many


def against_set(
    measure: Measure, higher_better: bool
) -> Callable[[Sequence[Truth], Sequence[Points]], Float[Array, "n"]]:
    """A measure against every grasp that is right, the best of them counted."""
    best = np.maximum if higher_better else np.minimum

    def many(truths: Sequence[Truth], replies: Sequence[Points]) -> Float[Array, "n"]:
        counts = [len(t.grasps) for t in truths]
        row = np.repeat(np.arange(len(truths)), counts)
        size = np.array([[[t.width, t.height]] for t in truths], float)[row]
        values = measure(np.stack(replies)[row], np.concatenate([t.grasps for t in truths]), size)
        return np.asarray(best.reduceat(values, np.cumsum([0, *counts[:-1]])))

    return many
