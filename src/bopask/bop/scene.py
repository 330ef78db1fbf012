"""One scene folder: its JSON files become frames, its bad frames become faults.

Knows every quirk of the format inside a scene: several sensors (`scene_gt_<sensor>.json`, `rgb_<sensor>/`), sparse ids,
string keys, gray instead of colour, missing depth, masks and gt_info. BOP's millimetres end in `columns`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float
from PIL import Image

from bopask.arrays import Array
from bopask.bop.columns import MALFORMED, Cameras, Poses, parse_visibility
from bopask.bop.listing import FIX, SensorFiles, UnusableFile, names_in
from bopask.errors import InputError, UnsupportedError
from bopask.nouns import Camera, Frame, FrameKey, Skip

GT = re.compile(r"scene_gt(?:_(?!(?:info|coco)[_.])(?P<sensor>.+))?\.json")
PRIVATE = ("hope", "handal", "hb", "itodd", "hot3d", "ipd", "xyzibd", "xyz_ibd", "xyz-ibd")
"""Datasets whose test ground truth the BOP challenge keeps to itself."""
FISHEYE = (
    "its cameras are fisheye (cam_model instead of cam_K), which is not read",
    "Undistort the images to a pinhole camera and give its cam_K, or use another dataset",
)
NO_OBJECTS = "no_objects"
"""The one reason that is an expected no, in strict reading too: a picture of nothing."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Scene:
    """The frames of a scene, sorted by key, and what was left out."""

    frames: tuple[Frame, ...]
    skips: tuple[Skip, ...]


class Fault(NamedTuple):
    """What is bad in one frame, or in a whole sensor of a scene."""

    key: str
    path: Path
    reason: str
    wrong: str


def read_scene(
    folder: Path,
    scene_id: int,
    declared_sizes: Callable[[], dict[str, tuple[int, int]]],
    known_obj_ids: frozenset[int] | None,
    *,
    keep_going: bool,
) -> Scene:
    """Frames of every sensor of a scene.

    Args:
        declared_sizes: gives (width, height) by stem of a camera*.json; called for scenes without images only.
        known_obj_ids: objects that have a model; None when there are no models to compare with.
    Raises:
        InputError: the first fault, unless `keep_going`.
        UnsupportedError: a fisheye camera.
    """
    names = frozenset(names_in(folder))
    sensors = sorted(match["sensor"] or "" for name in names if (match := GT.fullmatch(name)))
    frames: list[Frame] = []
    faults: list[Fault] = []
    if not sensors:
        faults.append(Fault(f"{scene_id:06d}", folder, "gt_missing", _no_gt(folder)))
    for sensor in sensors:
        good = _Good(scene_id, sensor, [], [])
        try:
            frames += _read_sensor(SensorFiles(folder, names, sensor), good, declared_sizes, known_obj_ids)
        except UnsupportedError:
            raise
        except InputError as error:
            key = f"{scene_id:06d}" + (f"/{sensor}" if sensor else "")
            faults.append(Fault(key, Path(error.path), getattr(error, "reason", "folder_unreadable"), error.wrong))
        else:
            faults += good.faults
    worst = next((fault for fault in faults if fault.reason != NO_OBJECTS), None)
    if worst and not keep_going:
        raise InputError(worst.path, f"{worst.key}: {worst.wrong}", FIX)
    skips = tuple(Skip(fault.key, "read", fault.reason) for fault in sorted(faults))
    return Scene(tuple(sorted(frames, key=lambda frame: frame.key)), skips)


def _no_gt(folder: Path) -> str:
    dataset, split = folder.parent.parent.name.lower(), folder.parent.name
    if split.startswith("test") and dataset.startswith(PRIVATE):
        return f"there is no scene_gt*.json: the ground truth of {dataset}/{split} is not public, take its val or train"
    return "there is no scene_gt*.json: without object poses nothing can be asked"


@dataclass
class _Good:
    """The frames of one sensor that are still good, and the faults of the others."""

    scene_id: int
    sensor: str
    ids: list[int]
    faults: list[Fault]

    def key(self, frame_id: int) -> FrameKey:
        return FrameKey(self.scene_id, frame_id, self.sensor)

    def drop(self, path: Path, bad: Iterable[int], reason: str, wrong: str) -> None:
        """Takes frames out, all for the same reason."""
        leaving = set(bad) & set(self.ids)
        self.faults += [Fault(str(self.key(i)), path, reason, wrong) for i in sorted(leaving)]
        self.ids = [i for i in self.ids if i not in leaving]

    def parse(
        self, path: Path, rows: Mapping[int, Any], parser: Callable[[list[Any]], _T], reason: str, wrong: str
    ) -> _T:
        """`parser` of all rows at once; only if that fails, of each row alone, to find the frames to drop."""

        def fails(row: Any) -> bool:
            try:
                parser([row])
            except MALFORMED:
                return True
            return False

        try:
            return parser([rows[i] for i in self.ids])
        except MALFORMED:
            self.drop(path, [i for i in self.ids if fails(rows[i])], reason, wrong)
            return parser([rows[i] for i in self.ids])


class _Columns(NamedTuple):
    """What the JSON files say of all good frames, and each frame's rows in it."""

    cameras: Cameras
    camera_row: dict[int, int]
    poses: Poses
    pose_rows: dict[int, slice]
    visible: Float[Array, "n"]
    visible_rows: dict[int, slice]


def _read_columns(files: SensorFiles, good: _Good, known_obj_ids: frozenset[int] | None) -> _Columns:
    """Parses and checks; frames that fail are left in `good.faults`."""
    gt_path, camera_path, info_path = map(files.json, ("scene_gt", "scene_camera", "scene_gt_info"))
    gt, cameras = files.load("scene_gt"), files.load("scene_camera")
    infos = files.load("scene_gt_info") if info_path.name in files.names else {}
    if any("cam_model" in row and "cam_K" not in row for row in cameras.values() if isinstance(row, dict)):
        raise UnsupportedError(camera_path, *FISHEYE)
    good.ids = sorted(gt)
    good.drop(gt_path, [i for i in gt if gt[i] == []], NO_OBJECTS, "the frame lists no objects")
    good.drop(camera_path, gt.keys() - cameras.keys(), "camera_missing", "the frame has no camera entry")
    wrong = "cam_K or depth_scale is missing or not valid"
    camera = good.parse(camera_path, cameras, Cameras.parse, "camera_malformed", wrong)
    camera_row = {i: row for row, i in enumerate(good.ids)}
    wrong = "obj_id, cam_R_m2c or cam_t_m2c is missing or not valid"
    poses = good.parse(gt_path, gt, Poses.parse, "gt_malformed", wrong)
    pose_rows = _spans(good.ids, poses.counts.tolist())
    _check_poses(poses, gt_path, good, known_obj_ids)
    counted = {i: (pose_rows[i].stop - pose_rows[i].start, infos.get(i)) for i in good.ids}
    wrong = "scene_gt_info does not match the objects of scene_gt"
    visible = good.parse(info_path, counted, parse_visibility, "gt_info_malformed", wrong)
    visible_rows = _spans(good.ids, [counted[i][0] for i in good.ids])
    return _Columns(camera, camera_row, poses, pose_rows, visible, visible_rows)


def _read_sensor(
    files: SensorFiles,
    good: _Good,
    declared_sizes: Callable[[], dict[str, tuple[int, int]]],
    known_obj_ids: frozenset[int] | None,
) -> list[Frame]:
    """The frames whose every check passes; the others are left in `good.faults`."""
    columns = _read_columns(files, good, known_obj_ids)
    if not good.ids:
        return []
    rgb, depth, masks = files.images("rgb", "gray"), files.images("depth"), files.masks()
    size = _image_size([rgb.get(i) or depth.get(i) for i in good.ids], declared_sizes, files)
    cameras = _shared_cameras(columns.cameras.K, size)
    T_cam_obj, T_cam_w2c = columns.poses.motions(), columns.cameras.T_cam_w2c
    frames = []
    for i in good.ids:
        row, k = columns.pose_rows[i], columns.camera_row[i]
        n = row.stop - row.start
        mask_paths = tuple(masks[i, j] for j in range(n) if (i, j) in masks)
        frames.append(
            Frame(
                key=good.key(i),
                camera=cameras[k],
                obj_ids=columns.poses.obj_ids[row],
                T_cam_obj=T_cam_obj[row],
                visib_fract=columns.visible[columns.visible_rows[i]],
                rgb_path=rgb.get(i),
                depth_path=depth.get(i),
                depth_scale=float(columns.cameras.depth_scale[k]),
                mask_visib_paths=mask_paths if len(mask_paths) == n else (),
                T_cam_w2c=None if np.isnan(T_cam_w2c[k, 0, 0]) else T_cam_w2c[k],
            )
        )
    return frames


def _spans(ids: list[int], counts: list[int]) -> dict[int, slice]:
    """Rows of each frame in a column that holds all of them."""
    ends = accumulate(counts)
    return {i: slice(end - n, end) for i, n, end in zip(ids, counts, ends, strict=True)}


def _check_poses(poses: Poses, path: Path, good: _Good, known_obj_ids: frozenset[int] | None) -> None:
    owner = np.repeat(np.array(good.ids, int), poses.counts)
    finite = poses.finite()
    good.drop(path, owner[~finite].tolist(), "pose_not_finite", "a pose holds NaN or infinity")
    good.drop(path, owner[~poses.rigid()].tolist(), "pose_not_rotation", "a cam_R_m2c is not a rotation")
    if known_obj_ids is not None:
        unknown = ~np.isin(poses.obj_ids, sorted(known_obj_ids))
        listed = ", ".join(map(str, np.unique(poses.obj_ids[unknown])))
        good.drop(path, owner[unknown].tolist(), "unknown_obj_id", f"there is no model of obj_id {listed}")


def _image_size(
    paths: list[Path | None], declared_sizes: Callable[[], dict[str, tuple[int, int]]], files: SensorFiles
) -> tuple[int, int]:
    """Width and height of a scene's images: of the first that opens, else as camera*.json declares."""
    for path in filter(None, paths):
        try:
            with Image.open(path) as image:  # reads the header only
                return image.size
        except OSError:
            continue
    try:
        declared = declared_sizes()
    except InputError as error:
        raise UnusableFile(Path(error.path), "camera_broken", error.wrong) from error
    for name in (files.suffixed("camera"), "camera"):
        if name in declared:
            return declared[name]
    if len(set(declared.values())) == 1:
        return next(iter(declared.values()))
    wrong = "the image size is not known: no image opens and no camera*.json declares one width and height"
    raise UnusableFile(files.folder, "image_size_unknown", wrong)


def _shared_cameras(K: Float[Array, "f 3 3"], size: tuple[int, int]) -> list[Camera]:
    """One Camera a row; rows with the same K share one."""
    known: dict[bytes, Camera] = {}
    return [known.setdefault(row.tobytes(), Camera(row, *size)) for row in K]
