"""Scores of eight corners."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from bopask.arrays import Array
from bopask.bench.scores.cuboid import box_ious
from bopask.bench.scores.pnp import fit_solid, refine
from bopask.bench.scores.polygon import hull_ious
from bopask.bench.scores.truth import Truth
from bopask.geometry import se3
from bopask.geometry.box import SIGNS, corners_of
from bopask.geometry.camera import unproject


def hull_iou(truths: Sequence[Truth], replies: Sequence[Float[Array, "8 2"]]) -> Float[Array, "n"]:
    """IoU of the convex hulls of the eight points and of the eight true ones: SpaceTools' reading, blind to order."""
    return hull_ious(np.stack(replies), np.stack([t.points for t in truths]))


def box_iou(truths: Sequence[Truth], replies: Sequence[Float[Array, "8 2"]]) -> Float[Array, "n"]:
    """IoU of the true box and the box of the known size whose corners project nearest to the points (least squares).

    The best of the accepted orders; of an object that is round, the true box is turned about its axis to the box found.
    """
    row, order = _orders(truths)
    size = np.stack([t.size for t in truths])[row]
    corners = np.take_along_axis(SIGNS * size[:, None] / 2, order[..., None], 1)
    K = np.stack([t.K for t in truths])[row]
    found, _ = fit_solid(K, corners, np.stack(replies)[row])
    return _best(truths, row, found, true_boxes(truths))


def box_iou_depth(truths: Sequence[Truth], replies: Sequence[Float[Array, "8 2"]]) -> Float[Array, "n"]:
    """The same without PnP: each point is lifted to its true corner's depth, and the box is fitted to the eight places.

    Least squares in metres (Kabsch). Says how good a pose is for a robot that knows depth.
    """
    row, order = _orders(truths)
    size = np.stack([t.size for t in truths])[row]
    corners = np.take_along_axis(SIGNS * size[:, None] / 2, order[..., None], 1)
    K, boxes = np.stack([t.K for t in truths]), true_boxes(truths)
    depth = corners_of(boxes, np.stack([t.size for t in truths]))[..., 2]
    places = unproject(K[row], np.stack(replies)[row], np.take_along_axis(depth[row], order, 1))
    own = unproject(K, np.stack([t.points for t in truths]), depth)
    true = se3.align(own, SIGNS * np.stack([t.size for t in truths])[:, None] / 2)
    return _best(truths, row, se3.align(places, corners), true)


def _orders(truths: Sequence[Truth]) -> tuple[Int[Array, "m"], Int[Array, "m 8"]]:
    """Every accepted order of every truth: the truth's place, and the corner that is given as j-th."""
    row = np.repeat(np.arange(len(truths)), [len(t.orders) for t in truths])
    return row, np.concatenate([t.orders for t in truths])


def _best(
    truths: Sequence[Truth], row: Int[Array, "m"], found: Float[Array, "m 4 4"], true: Float[Array, "n 4 4"]
) -> Float[Array, "n"]:
    """The best IoU of each truth's box with those found for it."""
    size = np.stack([t.size for t in truths])[row]
    facing = turned(true[row], found, np.array([t.round_axis for t in truths])[row])
    best = np.zeros(len(truths))
    np.maximum.at(best, row, box_ious(facing, size, found, size))
    return best


def true_boxes(truths: Sequence[Truth]) -> Float[Array, "n 4 4"]:
    """T_cam_box of each truth: as the row's own points have it, for they are not rounded and its evidence is (1e-6).

    The same least squares as a reply's, from the evidence's pose; found once a truth.
    """
    new = [t for t in truths if "_box" not in t.__dict__]
    if new:
        T = np.stack([t.T_cam_box for t in new])
        T[:, :3, :3] = se3.nearest_rotation(T[:, :3, :3])
        corners = SIGNS * np.stack([t.size for t in new])[:, None] / 2
        T, _ = refine(T, np.stack([t.K for t in new]), corners, np.stack([t.points for t in new]))
        for truth, box in zip(new, T, strict=True):
            truth.__dict__["_box"] = box
    return np.stack([t.__dict__["_box"] for t in truths])


def turned(
    T_cam_box: Float[Array, "n 4 4"], found: Float[Array, "n 4 4"], axis: Int[Array, "n"]
) -> Float[Array, "n 4 4"]:
    """Boxes turned about an axis of theirs (-1: not at all) to be as like to others as can be.

    The angle θ maximises trace(R_foundᵀ R_box Rot(axis, θ)): θ = atan2(A_ij - A_ji, A_ii + A_jj) with A = R_foundᵀ
    R_box, i and j the axes that follow.
    """
    T = T_cam_box.copy()
    rows = np.flatnonzero(axis >= 0)
    i, j = (axis[rows] + 1) % 3, (axis[rows] + 2) % 3
    A = np.swapaxes(found[rows, :3, :3], 1, 2) @ T[rows, :3, :3]
    k = np.arange(len(rows))
    angle = np.arctan2(A[k, i, j] - A[k, j, i], A[k, i, i] + A[k, j, j])
    first, second = T[rows, :3, i].copy(), T[rows, :3, j].copy()
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    T[rows, :3, i], T[rows, :3, j] = c * first + s * second, c * second - s * first
    return T
