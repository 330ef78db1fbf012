"""Scores of waypoints in the picture. Every way that is right counts; the best of them is what is reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.bench.scores.curves import apart, chamfer, frechet, padded, resampled
from bopask.bench.scores.truth import Truth

SHARES = 33
"""Places compared along two paths."""
LOOKS = 129
"""Places of a path at which it is looked for obstacles."""
NEAR = 0.025
"""An end may miss its object by this share of the image's diagonal: 20 px of 640 x 480."""
SPATIALCLI = 0.15
"""Chamfer distance (of coordinates 0..1) at which SpatialCLI's score is 0."""


def best_way(
    measure: Callable[[list[Truth], list[Any], list[Any]], Float[Array, "m"]],
) -> Callable[[Sequence[Truth], Sequence[Any]], Float[Array, "n"]]:
    """The smallest of a measure over a truth's ways."""

    def many(truths: Sequence[Truth], replies: Sequence[Any]) -> Float[Array, "n"]:
        counts = [len(t.ways) for t in truths]
        row = np.repeat(np.arange(len(truths)), counts).tolist()
        values = measure([truths[k] for k in row], [replies[k] for k in row], [w for t in truths for w in t.ways])
        return np.asarray(np.minimum.reduceat(values, np.cumsum([0, *counts[:-1]])))

    return many


@best_way
def distance_px(truths: list[Truth], replies: list[Any], ways: list[Any]) -> Float[Array, "m"]:
    """Mean distance (px) of places at equal shares of the lengths of both paths, both ends among them."""
    a, b = (resampled(padded(curves)[0], SHARES) for curves in (replies, ways))
    return np.asarray(np.linalg.norm(a - b, axis=-1).mean(1))


@best_way
def frechet_px(truths: list[Truth], replies: list[Any], ways: list[Any]) -> Float[Array, "m"]:
    """Discrete Fréchet distance (px) of the waypoints."""
    return frechet(apart(padded(replies)[0], padded(ways)[0]))


@best_way
def start_px(truths: list[Truth], replies: list[Any], ways: list[Any]) -> Float[Array, "m"]:
    """Distance (px) of the first points."""
    return np.asarray(np.linalg.norm(np.stack([r[0] for r in replies]) - np.stack([w[0] for w in ways]), axis=1))


@best_way
def end_px(truths: list[Truth], replies: list[Any], ways: list[Any]) -> Float[Array, "m"]:
    """Distance (px) of the last points."""
    return np.asarray(np.linalg.norm(np.stack([r[-1] for r in replies]) - np.stack([w[-1] for w in ways]), axis=1))


@best_way
def _chamfer(truths: list[Truth], replies: list[Any], ways: list[Any]) -> Float[Array, "m"]:
    size = np.array([[[t.width, t.height]] for t in truths], float)
    (a, own_a), (b, own_b) = padded(replies), padded(ways)
    return chamfer(apart(a / size, b / size), own_a, own_b)


def chamfer_spatialcli(truths: Sequence[Truth], replies: Sequence[Any]) -> Float[Array, "n"]:
    """max(0, 1 - d / 0.15), d the chamfer distance, x in widths and y in heights: SpatialCLI's, blind to order."""
    return np.maximum(0.0, 1 - _chamfer(truths, replies) / SPATIALCLI)


def trajectory_success(truths: Sequence[Truth], replies: Sequence[Any]) -> Float[Array, "n"]:
    """1 where the path starts on the source, ends on the target and passes before no obstacle.

    On: in the object's visible mask, or within NEAR of where a right way begins (ends). An obstacle is a third object
    before which no right way passes: looked at from the camera, a free path may well cross what it leads over.
    """
    return _told(truths, replies).all(1).astype(float)


def why(truth: Truth, reply: Any) -> dict[str, Any]:
    """The three parts of the verdict."""
    start, end, clear = (bool(part) for part in _told([truth], [reply])[0])
    return {"start": start, "end": end, "clear": clear}


def _told(truths: Sequence[Truth], replies: Sequence[Any]) -> Bool[Array, "n 3"]:
    near = NEAR * np.hypot([t.width for t in truths], [t.height for t in truths])
    shown = looked_up(truths, resampled(padded(replies)[0], LOOKS))
    source, target = np.array([t.instances[:2] for t in truths]).T
    starts = (shown[:, 0] == source) | (start_px(truths, replies) <= near)
    ends = (shown[:, -1] == target) | (end_px(truths, replies) <= near)
    clear = [not passed(row) - allowed(t) for row, t in zip(shown, truths, strict=True)]
    return np.stack([starts, ends, np.array(clear, bool)], 1)


def looked_up(truths: Sequence[Truth], points: Float[Array, "n w 2"]) -> Int[Array, "n w"]:
    """The row of scene_gt seen at the pixel of each point; -1 where there is none, or no pixel."""
    pixels = np.rint(points).astype(int)
    limit = np.array([[[t.width, t.height]] for t in truths])
    on_image = np.all((pixels >= 0) & (pixels < limit), axis=-1)
    u, v = np.moveaxis(np.where(on_image[..., None], pixels, 0), -1, 0)
    shown = np.stack([t.seen[v[k], u[k]] for k, t in enumerate(truths)]).astype(int)
    return np.where(on_image, shown, -1)


def passed(shown: Int[Array, "w"]) -> set[int]:
    return set(shown.tolist())


def allowed(truth: Truth) -> set[int]:
    """What a path may pass before: nothing, source, target, and what right ways pass before.

    Found once a truth.
    """
    known: set[int] | None = truth.__dict__.get("_allowed")
    if known is None:
        ways = resampled(padded(truth.ways)[0], LOOKS)
        shown = looked_up([truth] * len(ways), ways)
        known = passed(shown.ravel()) | {-1, *truth.instances[:2]}
        truth.__dict__["_allowed"] = known
    return known
