"""Rows to draw: made from real ground truth where it is there, else from a box on an empty table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bopask.geometry import box, camera, se3

K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
CORNERS = np.array([[200, 300], [320, 310], [360, 280], [250, 272], [200, 180], [322, 178], [362, 160], [250, 158.0]])


def row(task: str, points: Any = None, **fields: Any) -> dict[str, Any]:
    """A row with every column, its id a hash of its content."""
    points = None if points is None else np.round(np.asarray(points, float), 1).tolist()
    made: dict[str, Any] = {
        "dataset": "demo", "split": "train", "scene_id": 1, "frame_id": 2, "sensor": "", "task": task, "subtask": task,
        "question": f"Where is the {task}?", "answer": json.dumps(points) if points else "Yes", "answer_points": points,
        "image": "", "width": 640, "height": 480, "camera_K": K.ravel().tolist(), "T_world_cam": None,
        "instances": [0, 1], "evidence": "{}", "licence": "CC BY 4.0",
    } | fields  # fmt: skip
    return {"id": hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]} | made


def told(phrases: Mapping[str, list[str]]) -> dict[str, Any]:
    """A manifest's `names`: what each object may be called."""
    objects = {o: {"phrases": said, "status": "verified", "source": "test"} for o, said in phrases.items()}
    return {"source": "test", "counts": {"verified": len(objects)}, "objects": objects}


def write_out(out: Path, rows: list[dict[str, Any]], *, shards: int = 2, row_group: int = 7, **manifest: Any) -> Path:
    """A small data set folder: parquet shards and a manifest."""
    (out / "data").mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows)
    step = -(-len(rows) // shards)
    for i in range(shards):
        pq.write_table(table.slice(i * step, step), out / "data" / f"train-{i:05d}.parquet", row_group_size=row_group)
    (out / "manifest.json").write_text(json.dumps({"dataset": "demo", "split": "train", "seed": 0} | manifest))
    return out


def real_rows(bop: Path, split: str = "train_real") -> Iterator[dict[str, Any]]:
    """Every task's answer, drawn from a BOP folder's true poses (grasps and paths are made up but truly projected)."""
    names = json.loads((bop / "object_names.json").read_text())
    info = json.loads((bop / "models" / "models_info.json").read_text())
    for scene in sorted((bop / split).iterdir()):
        truth, cameras = (json.loads((scene / f"scene_{n}.json").read_text()) for n in ("gt", "camera"))
        for frame, instances in truth.items():
            yield from _frame_rows(scene.name, frame, instances, cameras[frame], info, names, split)


def _frame_rows(
    scene: str, frame: str, instances: list[Any], cam: dict[str, Any], info: Any, names: Any, split: str
) -> Iterator[dict[str, Any]]:
    K = np.reshape(cam["cam_K"], (3, 3))
    R = [np.reshape(g["cam_R_m2c"], (3, 3)) for g in instances]
    T_cam_obj = se3.se3(R, np.array([g["cam_t_m2c"] for g in instances]) / 1000)
    T_world_cam = se3.inverse(se3.se3(np.reshape(cam["cam_R_w2c"], (3, 3)), np.array(cam["cam_t_w2c"]) / 1000))
    size = np.array([[info[str(g["obj_id"])][f"size_{a}"] for a in "xyz"] for g in instances]) / 1000
    viewer = (T_world_cam[:3, 1] - T_world_cam[:3, 2]) * [1, 1, 0]
    R_world_box, size = box.order_axes(
        T_world_cam[:3, :3] @ T_cam_obj[:, :3, :3], size, np.broadcast_to(viewer, (len(R), 3))
    )
    T_cam_box = se3.se3(T_world_cam[:3, :3].T @ R_world_box, T_cam_obj[:, :3, 3])
    corners = camera.project(K, box.corners_of(T_cam_box, size))
    bbox = np.concatenate([corners.min(1), corners.max(1)], -1)
    label = [names[str(g["obj_id"])][4:].replace("_", " ") for g in instances]
    place = {
        "dataset": "ycbv_mini", "split": split, "scene_id": int(scene), "frame_id": int(frame),
        "image": f"{split}/{scene}/rgb/{int(frame):06d}.png", "camera_K": K.ravel().tolist(),
        "T_world_cam": T_world_cam.ravel().tolist(), "licence": "MIT",
    }  # fmt: skip
    world = se3.inverse(T_world_cam)
    for a in range(len(R)):
        yield row(
            "pose", corners[a], instances=[a], subtask="cuboid", **place,
            question=f"What are the eight corners of the {label[a]}? Bottom face first, counter-clockwise.",
        )  # fmt: skip
        hand = np.array([[0, 0, 0], [-0.0527, 0, 0], [0.0527, 0, 0], [-0.0527, 0, -0.0463], [0.0527, 0, -0.0463]])
        top = T_cam_box[a] @ np.array([0, 0, size[a, 2] / 2 + 0.02, 1])
        grasp = camera.project(K, top[:3] + hand @ T_cam_box[a, :3, :3].T)
        text = ", ".join(
            f"{n}: [{u:.0f}, {v:.0f}]"
            for n, (u, v) in zip(
                ("Grasp center", "Left finger base", "Right finger base", "Left finger tip", "Right finger tip"),
                grasp,
                strict=True,
            )
        )
        yield row(
            "grasp", grasp, instances=[a], subtask="plane", **place, answer=text,
            question=f"What are the five points that outline the grasp plane for the {label[a]}?",
        )  # fmt: skip
        b = (a + 1) % len(R)
        if b == a:
            continue
        pair = {"instances": [a, b], "evidence": json.dumps({"bbox": bbox[[a, b]].round(1).tolist()}), **place}
        start, end = ((T_world_cam @ T_cam_box[i])[:3, 3] for i in (a, b))
        lift = np.array([0, 0, 0.12])
        path = np.stack([start, start + lift, (start + end) / 2 + 1.3 * lift, end + 1.2 * lift])
        uv = camera.project(K, se3.transform(world, path))
        yield row("trajectory", uv, subtask="carry", question=f"Path from the {label[a]} to the {label[b]}?", **pair)
        yield row(
            "rearrangement", corners[[b]].mean(1), subtask="first", **pair,
            question=f"Which object must be moved first to grasp the {label[a]}?",
        )  # fmt: skip
        for task, subtask, phrase, yes in (
            ("spatial", "left", "left of", bbox[a, 0] < bbox[b, 0]),
            ("depth", "closer", "closer to the camera than", T_cam_box[a, 2, 3] < T_cam_box[b, 2, 3]),
        ):
            yield row(
                task, subtask=subtask, answer="Yes" if yes else "No", **pair,
                question=f"Is the {label[a]} {phrase} the {label[b]}?",
            )  # fmt: skip
