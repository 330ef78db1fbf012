"""Frames of one scene -> arrangements: groups of frames whose objects stand still relative to one another.

Knows rigid alignment and symmetry; knows nothing of up, images or files. Found from the poses, never from folder names.

Every pose is first moved to the object's *centre*, the point that all its symmetries leave in place. There a symmetry
is a pure rotation, so that a frame agrees with a reference when one rigid motion brings all centres together and
turns every object onto some symmetric copy of itself. The motion is fitted to all objects at once: through one object
alone, a degree of annotation noise would throw an object half a metre away by 9 mm.

What poses cannot tell: with a single object (or several on one common axis of symmetry) every frame agrees trivially,
and an object that was picked up cannot be told from a camera that moved. Such frames are arrangements of their own:
always true, at the price of finding their support one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry.se3 import align, angle_of, inverse, nearest_rotation, se3, transform
from bopask.nouns import Arrangement, Frame, Model, Symmetry


def arrange(
    frames: Sequence[Frame], models: Mapping[int, Model], *, tol_m: float = 0.005, tol_rad: float = np.deg2rad(2)
) -> list[Arrangement]:
    """Groups the frames of one scene, in any order and from any number of sensors, by arrangement.

    Two frames share an arrangement when they hold the same multiset of obj_ids and their relative poses agree, modulo
    the models' symmetries: after the best common rigid alignment no two objects moved against each other by more than
    `tol_m` (m, at their centres) or `tol_rad` (rad). Frames without objects are in no arrangement.

    Returns:
        Arrangements in the order of their first frame; rows of `obj_ids` and `T_ref_obj` are the instances of that
        frame. `T_ref_obj` is the mean over the frames (each frame's annotation noise averages out; where there is
        none the mean is the first frame's pose), expressed in the first frame's camera, so that T_ref_cam[0] is the
        identity.
    """
    by_ids: dict[tuple[int, ...], list[int]] = {}
    for i, frame in enumerate(frames):
        by_ids.setdefault(tuple(sorted(frame.obj_ids.tolist())), []).append(i)
    groups: list[tuple[Array, _Poses]] = []
    for ids, where in by_ids.items():
        if ids:
            poses = _Poses.of([frames[i] for i in where], ids, models)
            groups += [(np.array(where)[rows], group) for rows, group in _split(poses, tol_m, tol_rad)]
    groups.sort(key=lambda group: int(group[0][0]))
    scene = frames[0].key.scene_id if frames else 0
    return [
        _arrangement(f"{scene:06d}-{k}", tuple(frames[i] for i in rows), group)
        for k, (rows, group) in enumerate(groups)
    ]


@dataclass(frozen=True)
class _Shape:
    """What alignment needs of a model: its fixed centre, its rotations, and points that stand for its orientation."""

    centre: Float[Array, "3"]
    copies: Float[Array, "s 3 3"]
    """Rotations about the centre that leave the object unchanged, the identity first."""
    axis: Float[Array, "3"] | None
    """Direction of continuous symmetry."""
    ball: bool
    """Continuous about two axes: no orientation at all."""
    landmarks: Float[Array, "6 3"]
    """Points about the centre (m); only those that the continuous symmetry leaves in place."""

    @staticmethod
    def of(model: Model) -> _Shape:
        symmetry, radius = model.symmetry, float(np.linalg.norm(model.box.size)) / np.sqrt(12)
        axes = symmetry.axes / np.linalg.norm(symmetry.axes, axis=1, keepdims=True)
        ball = len(axes) > 1 and bool(np.linalg.norm(np.cross(axes[0], axes[1:]), axis=1).max() > 1e-3)
        arms = np.concatenate([np.eye(3), -np.eye(3)])
        if len(axes):
            arms = np.zeros((6, 3)) if ball else arms.sum(1, keepdims=True) * axes[0]
        copies = np.concatenate([np.eye(3)[None], symmetry.discrete[:, :3, :3]])
        return _Shape(_fixed_point(model.symmetry), copies, axes[0] if len(axes) else None, ball, radius * arms)

    def nearest(self, R_target: Float[Array, "... 3 3"], R: Float[Array, "... 3 3"]) -> Float[Array, "... 3 3"]:
        """Of all symmetric copies of orientation R, the one nearest to R_target."""
        if self.ball:
            return np.broadcast_to(R_target, R.shape)
        copies = R[..., None, :, :] @ self.copies
        M = np.swapaxes(R_target, -1, -2)[..., None, :, :] @ copies
        if self.axis is not None:  # the spin that maximises trace(M spin): its derivative vanishes
            x, y, z = self.axis
            cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
            angle = np.arctan2((M * cross.T).sum((-1, -2)), -(M * (cross @ cross).T).sum((-1, -2)))[..., None, None]
            spin = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
            copies, M = copies @ spin, M @ spin
        best = np.argmax(np.trace(M, axis1=-2, axis2=-1), -1)
        return np.take_along_axis(copies, best[..., None, None, None], -3)[..., 0, :, :]


def _fixed_point(symmetry: Symmetry) -> Float[Array, "3"]:
    """A point (m, object frame) that every symmetry leaves in place: least squares over what each of them demands."""
    rows = [np.eye(3) - S[:3, :3] for S in symmetry.discrete]
    wants = [S[:3, 3] for S in symmetry.discrete]
    for axis, offset in zip(symmetry.axes, symmetry.offsets, strict=True):
        off_axis = np.eye(3) - np.outer(axis, axis) / (axis @ axis)
        rows.append(off_axis)
        wants.append(off_axis @ offset)
    if not rows:
        return np.zeros(3)
    return np.asarray(np.linalg.lstsq(np.concatenate(rows), np.concatenate(wants), rcond=1e-6)[0])


@dataclass(frozen=True)
class _Poses:
    """Frames with one multiset of objects, columns sorted by obj_id; poses of the objects' fixed centres."""

    ids: Int[Array, "N"]
    shapes: tuple[_Shape, ...]
    T_cam_mid: Float[Array, "F N 4 4"]
    slots: Int[Array, "F N"]

    @staticmethod
    def of(frames: Sequence[Frame], ids: tuple[int, ...], models: Mapping[int, Model]) -> _Poses:
        shape_of = {i: _Shape.of(models[i]) for i in set(ids)}
        shapes = tuple(shape_of[i] for i in ids)
        slots = np.argsort(np.stack([f.obj_ids for f in frames]), axis=1, kind="stable")
        T_cam_obj = np.stack([f.T_cam_obj for f in frames])
        T_cam_obj = np.take_along_axis(T_cam_obj, slots[..., None, None], 1)
        return _Poses(np.array(ids), shapes, T_cam_obj @ se3(np.eye(3), np.stack([s.centre for s in shapes])), slots)

    def permuted(self, columns: Int[Array, "c N"]) -> _Poses:
        """One frame, or all, with objects renamed: frame c takes its columns in the order columns[c]."""
        T = np.broadcast_to(self.T_cam_mid, (len(columns), *self.T_cam_mid.shape[1:]))
        slots = np.broadcast_to(self.slots, columns.shape)
        picked = np.take_along_axis(T, columns[..., None, None], 1)
        return _Poses(self.ids, self.shapes, picked, np.take_along_axis(slots, columns, 1))

    def take(self, rows: Array) -> _Poses:
        return _Poses(self.ids, self.shapes, self.T_cam_mid[rows], self.slots[rows])

    @property
    def landmarks(self) -> Float[Array, "N 6 3"]:
        return np.stack([s.landmarks for s in self.shapes])

    def nearest(self, R_target: Float[Array, "N 3 3"], R: Float[Array, "F N 3 3"]) -> Float[Array, "F N 3 3"]:
        return np.stack([s.nearest(R_target[n], R[:, n]) for n, s in enumerate(self.shapes)], 1)


def _points(T: Float[Array, "... N 4 4"], landmarks: Float[Array, "N 6 3"]) -> Float[Array, "... m 3"]:
    points = landmarks @ np.swapaxes(T[..., :3, :3], -1, -2) + T[..., None, :3, 3]
    return points.reshape(*T.shape[:-3], -1, 3)


def _split(poses: _Poses, tol_m: float, tol_rad: float) -> list[tuple[Array, _Poses]]:
    """Rows of each group, and their poses with columns matched to the group's first frame."""
    left, groups = np.arange(len(poses.slots)), []
    signature = _signature(poses)
    while left.size:
        ref = poses.T_cam_mid[left[0]]
        # |‖p-q‖ - ‖p'-q'‖| <= ‖(p-p') - (q-q')‖: what fails here needs no alignment
        close = (np.abs(signature[left] - signature[left[0]]) <= tol_m).all(1)
        rows = left[close] if _determined(ref, poses.landmarks) else left[:1]
        if len(rows) == 1:
            groups.append((rows, poses.take(rows)))
            left = left[1:]
            continue
        group = poses.take(rows)
        good = _agrees(ref, group, _register(ref, group), tol_m, tol_rad)
        good[0] = True
        if len(set(poses.ids.tolist())) < len(poses.ids):
            group, good = _rematch(ref, group, good, tol_m, tol_rad)
        groups.append((rows[good], group.take(np.flatnonzero(good))))
        left = np.setdiff1d(left, rows[good], assume_unique=True)
    return groups


def _signature(poses: _Poses) -> Float[Array, "F p"]:
    """Distances between centres: unchanged by the camera, by symmetry, and by the order of duplicates."""
    distances = _spans(poses.T_cam_mid[..., :3, 3])
    i, j = np.triu_indices(len(poses.ids), 1)
    kinds = np.stack([poses.ids[i], poses.ids[j]], 1)
    for kind in np.unique(kinds, axis=0):
        same = np.flatnonzero((kinds == kind).all(1))
        if len(same) > 1:
            distances[:, same] = np.sort(distances[:, same], 1)
    return distances


def _determined(T_ref_mid: Float[Array, "N 4 4"], landmarks: Float[Array, "N 6 3"]) -> bool:
    """Whether agreement says anything: several objects, not all on one axis of symmetry."""
    points = _points(T_ref_mid, landmarks)
    return len(T_ref_mid) > 1 and bool(np.linalg.svd(points - points.mean(0), compute_uv=False)[1] > 1e-3)


def _register(ref: Float[Array, "N 4 4"], poses: _Poses) -> Float[Array, "F 4 4"]:
    """T_ref_cam that best brings each frame's objects onto the reference, columns taken as matched."""
    T_ref_cam, landmarks = _seed(ref, poses), poses.landmarks
    for _ in range(3):  # symmetric copies are right after the first round; the others polish
        T_ref_cam = align(_points(ref, landmarks), _points(_moved(ref, poses, T_ref_cam), landmarks)) @ T_ref_cam
    return T_ref_cam


def _moved(ref: Float[Array, "N 4 4"], poses: _Poses, T_ref_cam: Float[Array, "F 4 4"]) -> Float[Array, "F N 4 4"]:
    """The frames' objects in the reference frame, each as the symmetric copy nearest to the reference."""
    T_ref_mid = T_ref_cam[:, None] @ poses.T_cam_mid
    return se3(poses.nearest(ref[:, :3, :3], T_ref_mid[..., :3, :3]), T_ref_mid[..., :3, 3])


def _seed(ref: Float[Array, "N 4 4"], poses: _Poses) -> Float[Array, "F 4 4"]:
    """A first alignment from a few objects, every combination of their symmetric copies tried."""
    few = _telling(ref, poses)
    best = T_best = None
    for T in _seeds(ref, poses, few, few):
        score = np.linalg.norm(_moved(ref, poses, T) - ref, axis=(-1, -2)).sum(-1)
        if best is None or T_best is None:
            best, T_best = score, T
        T_best = np.where((score < best)[:, None, None], T, T_best)
        best = np.minimum(score, best)
    assert T_best is not None
    return T_best


def _seeds(
    ref: Float[Array, "N 4 4"], poses: _Poses, few: list[int], columns: Sequence[int]
) -> Iterator[Float[Array, "F 4 4"]]:
    """Alignments of `columns` onto the reference's objects `few`, one for each combination of symmetric copies."""
    landmarks = poses.landmarks[few]
    target, T_cam_mid = _points(ref[few], landmarks), poses.T_cam_mid[:, list(columns)]
    for copies in product(*(poses.shapes[n].copies for n in few)):
        yield align(target, _points(T_cam_mid @ se3(np.stack(copies), np.zeros(3)), landmarks))


def _telling(ref: Float[Array, "N 4 4"], poses: _Poses) -> list[int]:
    """The objects to seed from: those with the fewest copies and namesakes, at least two, until a motion is fixed."""
    ambiguity = [len(s.copies) * int((poses.ids == i).sum()) for s, i in zip(poses.shapes, poses.ids, strict=True)]
    order = np.argsort(ambiguity, kind="stable").tolist()
    for k in range(2, len(order)):
        if _determined(ref[order[:k]], poses.landmarks[order[:k]]):
            return order[:k]
    return order


def _agrees(
    ref: Float[Array, "N 4 4"], poses: _Poses, T_ref_cam: Float[Array, "F 4 4"], tol_m: float, tol_rad: float
) -> Bool[Array, "F"]:
    moved = _moved(ref, poses, T_ref_cam)
    shift = moved[..., :3, 3] - ref[:, :3, 3]
    turn = moved[..., :3, :3] @ np.swapaxes(ref[:, :3, :3], -1, -2)
    i, j = np.triu_indices(len(ref), 1)
    apart = np.linalg.norm(shift[:, i] - shift[:, j], axis=-1) <= tol_m
    return np.asarray(apart.all(1) & (angle_of(turn) <= tol_rad).all(1))


def _rematch(
    ref: Float[Array, "N 4 4"], poses: _Poses, good: Bool[Array, "F"], tol_m: float, tol_rad: float
) -> tuple[_Poses, Bool[Array, "F"]]:
    """Duplicates listed in another order: for each frame that failed, the order in which it would agree."""
    columns = np.tile(np.arange(len(ref)), (len(good), 1))
    for f in np.flatnonzero(~good):
        frame = poses.take(np.array([f]))
        for order in _orders(ref, frame, tol_m):
            trial = frame.permuted(order[None])
            if _agrees(ref, trial, _register(ref, trial), tol_m, tol_rad)[0]:
                columns[f], good[f] = order, True
                break
    return poses.permuted(columns), good


def _orders(ref: Float[Array, "N 4 4"], frame: _Poses, tol_m: float, keep: int = 5) -> list[Int[Array, "N"]]:
    """The most plausible orders of one frame's columns: seed a few objects with any namesakes, assign the others."""
    from scipy.optimize import linear_sum_assignment  # 0.15 s: only those who have namesakes pay for it

    few, centres = _telling(ref, frame), frame.T_cam_mid[0, :, :3, 3]
    spans = _spans(ref[few, :3, 3])
    costs: dict[tuple[int, ...], float] = {}
    for columns in product(*(np.flatnonzero(frame.ids == frame.ids[n]).tolist() for n in few)):
        if len(set(columns)) < len(few) or np.abs(_spans(centres[list(columns)]) - spans).max() > tol_m:
            continue
        for T_ref_cam in _seeds(ref, frame, few, columns):
            apart = np.linalg.norm(ref[:, None, :3, 3] - transform(T_ref_cam[0], centres), axis=-1)
            apart[frame.ids[:, None] != frame.ids] = 1e6
            rows, order = linear_sum_assignment(apart)
            key = tuple(order.tolist())
            costs[key] = min(costs.get(key, np.inf), float(apart[rows, order].sum()))
    return [np.array(order) for order in sorted(costs, key=lambda order: costs[order])[:keep]]


def _spans(centres: Float[Array, "... n 3"]) -> Float[Array, "... p"]:
    """Distances of all pairs (m)."""
    i, j = np.triu_indices(centres.shape[-2], 1)
    return np.linalg.norm(centres[..., i, :] - centres[..., j, :], axis=-1)


def _arrangement(key: str, frames: tuple[Frame, ...], poses: _Poses) -> Arrangement:
    """The mean of the group's frames, in the first frame's camera; columns in the first frame's own order."""
    T_ref_mid = poses.T_cam_mid[0]
    T_ref_cam = np.eye(4)[None]
    if len(frames) > 1:
        moved = _moved(T_ref_mid, poses, _register(T_ref_mid, poses))
        mean = se3(nearest_rotation(moved[..., :3, :3].mean(0)), moved[..., :3, 3].mean(0))
        T_mean_cam = _register(mean, poses)
        T_ref_cam = inverse(T_mean_cam[0]) @ T_mean_cam
        T_ref_cam[0] = np.eye(4)
        T_ref_mid = inverse(T_mean_cam[0]) @ mean
    T_ref_obj = T_ref_mid @ se3(np.eye(3), -np.stack([s.centre for s in poses.shapes]))
    order = np.argsort(poses.slots[0])
    return Arrangement(key, frames, poses.slots[:, order], poses.ids[order], T_ref_obj[order], T_ref_cam)
