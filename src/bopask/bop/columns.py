"""The rows of BOP's JSON files as arrays: poses, cameras, visibility, all frames of a scene at once.

A parser takes one row a frame and raises one of `MALFORMED` when any of them is not what the format says.
https://github.com/thodan/bop_toolkit/blob/master/docs/bop_datasets_format.md
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry.se3 import is_rotation, nearest_rotation, se3

MALFORMED = (KeyError, TypeError, ValueError, OverflowError, AttributeError)
TOLERANCE = 1e-2
"""How far R Rᵀ may be from the identity: some datasets write three or four digits."""


class Poses(NamedTuple):
    """Instances of all frames in a row (m)."""

    counts: Int[Array, "f"]
    obj_ids: Int[Array, "n"]
    R: Float[Array, "n 3 3"]
    t: Float[Array, "n 3"]

    @classmethod
    def parse(cls, rows: list[Any]) -> Poses:
        flat = [instance for row in rows for instance in row]
        obj_ids = np.array([instance["obj_id"] for instance in flat])
        if len(flat) and (obj_ids.dtype.kind != "i" or obj_ids.ndim != 1):
            raise ValueError("obj_id is not a whole number")
        R = _numbers([instance["cam_R_m2c"] for instance in flat], 9).reshape(-1, 3, 3)
        t = _numbers([instance["cam_t_m2c"] for instance in flat], 3)
        return cls(np.array([len(row) for row in rows], int), obj_ids.astype(int), R, t * 1e-3)

    def finite(self) -> Bool[Array, "n"]:
        return np.asarray(np.isfinite(self.R).all((1, 2)) & np.isfinite(self.t).all(1))

    def rigid(self) -> Bool[Array, "n"]:
        return is_rotation(self.R, TOLERANCE)

    def motions(self) -> Float[Array, "n 4 4"]:
        """T_cam_obj (m). Rotations rounded by their text file are made exact; what is not rigid stays as it is."""
        R = self.R.copy()
        rounded = self.rigid() & ~is_rotation(self.R, 1e-9)
        R[rounded] = nearest_rotation(R[rounded])
        return se3(R, self.t)


class Cameras(NamedTuple):
    """One camera a frame."""

    K: Float[Array, "f 3 3"]
    depth_scale: Float[Array, "f"]
    """Metres a unit."""
    T_cam_w2c: Float[Array, "f 4 4"]
    """NaN where not given, or not a rigid motion (m)."""

    @classmethod
    def parse(cls, rows: list[Any]) -> Cameras:
        K = _numbers([row["cam_K"] for row in rows], 9).reshape(-1, 3, 3)
        pinhole = np.isfinite(K).all((1, 2)) & (K[:, 0, 0] > 0) & (K[:, 1, 1] > 0) & (K[:, 2] == [0, 0, 1]).all(1)
        scale = _numbers([row.get("depth_scale", 1.0) for row in rows]) * 1e-3
        if not (pinhole & np.isfinite(scale) & (scale > 0)).all():
            raise ValueError("not a pinhole camera")
        nowhere = [np.nan] * 9
        R = _numbers([row.get("cam_R_w2c", nowhere) for row in rows], 9).reshape(-1, 3, 3)
        t = _numbers([row.get("cam_t_w2c", nowhere[:3]) for row in rows], 3)
        known = is_rotation(R, TOLERANCE) & np.isfinite(t).all(1)
        R[known] = nearest_rotation(R[known])
        return cls(K, scale, np.where(known[:, None, None], se3(R, t * 1e-3), np.nan))


def parse_visibility(rows: list[tuple[int, Any]]) -> Float[Array, "n"]:
    """visib_fract of all frames in a row, of (number of instances, gt_info of the frame or None); NaN = not said."""
    fractions: list[float] = []
    for n, row in rows:
        if row is not None and len(row) != n:
            raise ValueError("gt_info does not match gt")
        fractions += [-1.0] * n if row is None else [instance.get("visib_fract", -1.0) for instance in row]
    values = _numbers(fractions)
    return np.where(values >= 0, np.minimum(values, 1.0), np.nan)  # BOP writes -1 for "unknown"


def _numbers(values: list[Any], *shape: int) -> Array:
    """An array of one `shape` a value; ValueError for any other shape, so that rows agree with one another."""
    array = np.array(values, float)
    if len(values) and array.shape[1:] != shape:
        raise ValueError(f"expected {shape} numbers")
    return array.reshape(len(values), *shape)
