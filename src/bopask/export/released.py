"""The layout of the released BOP-Ask files, as their readers describe it; what is our choice is marked so.

    core/bopask-test-<set>.json             one JSON list, of a split that is not for training
    bopask-<set>-train.jsonl                a row a line, of a split for training
    images/scene_000001_frame_000002.png    depth_maps/ the same; masks/<stem>_target_<obj>_mask.png

A row has messages (a user whose text starts with `<image>`, an assistant), images, depths, masks (paths relative to the
root), question_type and question_subtype. Ours are:

- `masks/<stem>_target_<obj>_<row>_mask.png`, <row> of the frame's scene_gt, where the frame has several of that object;
  in the released naming these collide. Masks are BOP's visible ones, of the row's `instances` in their order.
- depth maps are BOP's files as they are; `bopask.depth_scale` is their unit in metres.
- a sensor's name after the frame, where the scene has several; the file's own suffix, unless pictures are copied.
- `bopask`, one more key: id, task, subtask, unrounded points, camera, up and instances, which the released rows lack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bopask.bop.folder import BopFolder, open_bop
from bopask.export.place import Item, Place
from bopask.export.source import Row
from bopask.nouns import Frame, FrameKey

COLUMNS = (
    "dataset", "split", "scene_id", "frame_id", "sensor", "camera_K", "T_world_cam", "layout", "instances",
    "licence",
)  # fmt: skip
KINDS = {
    "pose": ("pose", "2dbbox"),
    "grasp": ("grasp", "2dplane"),
    "trajectory": ("trajectory", "2d"),
    "rearrangement": ("object_rearrangement", "point_wise"),
    "spatial": ("spatial_reasoning", "relative_position"),
}
"""question_type and question_subtype of a task; depth is named by its subtask."""


def released(place: Place, items: Iterator[Item]) -> None:
    """Writes the list or the lines, and the files that they name."""
    frames = Frames(place.files.root)
    records = (_record(place, item, frames) for item in items)
    if place.split == "train":
        place.jsonl(f"bopask-{place.dataset}-train", records)
    else:
        place.json_list(f"core/bopask-test-{place.dataset}", records)


@dataclass
class Frames:
    """Frames of the BOP folder by key, a scene at a time."""

    root: Any
    _bop: BopFolder | None = None
    _scene: tuple[str, int] | None = None
    _frames: dict[FrameKey, Frame] = field(default_factory=dict)

    def of(self, row: Row) -> Frame | None:
        """The row's frame; None where there is no BOP folder, or the frame is not in it."""
        if self.root is None:
            return None
        scene = (row["split"], row["scene_id"])
        if scene != self._scene:
            self._bop = self._bop or open_bop(self.root)
            found = self._bop.read_scene(*scene, keep_going=True).frames
            self._scene, self._frames = scene, {frame.key: frame for frame in found}
        return self._frames.get(FrameKey(row["scene_id"], row["frame_id"], row["sensor"]))


def _record(place: Place, item: Item, frames: Frames) -> dict[str, Any]:
    row, frame = item.row, frames.of(item.row)
    kind, subkind = KINDS.get(row["task"], (f"{row['task']}_relative", row["subtask"]))
    image = place.files.picture(row, item.carried, f"images/{stem(row)}", png=True)
    ours = {n: row[n] for n in ("id", "task", "subtask", "answer_points", "phrases", "width", "height", *COLUMNS)}
    return {
        "messages": [
            {"role": "user", "content": f"<image>\n{item.question}"},
            {"role": "assistant", "content": item.answer},
        ],
        "images": [image],
        "depths": _depths(place, row, frame),
        "masks": _masks(place, row, frame),
        "question_type": kind,
        "question_subtype": subkind,
        "bopask": {**ours, "depth_scale": frame.depth_scale if frame else None},
    }


def stem(row: Row) -> str:
    """The name that a frame's image, depth map and masks share."""
    return f"scene_{row['scene_id']:06d}_frame_{row['frame_id']:06d}" + (f"_{row['sensor']}" if row["sensor"] else "")


def _depths(place: Place, row: Row, frame: Frame | None) -> list[str]:
    if frame is None or frame.depth_path is None:
        place.notes["without_depth"] += 1
        return []
    return [place.files.put(frame.depth_path, f"depth_maps/{stem(row)}{frame.depth_path.suffix}")]


def _masks(place: Place, row: Row, frame: Frame | None) -> list[str]:
    if frame is None or not frame.mask_visib_paths:
        place.notes["without_masks"] += 1
        return []
    names = [(frame.mask_visib_paths[i], mask_name(row, frame, i)) for i in row["instances"]]
    return [place.files.put(path, name) for path, name in names]


def mask_name(row: Row, frame: Frame, instance: int) -> str:
    """The released name, and the row of scene_gt behind it where the frame has several of this object."""
    obj_id = int(frame.obj_ids[instance])
    twin = f"_{instance}" if int((frame.obj_ids == obj_id).sum()) > 1 else ""
    return f"masks/{stem(row)}_target_{obj_id}{twin}_mask.png"
