"""A row as the page draws it: numbers for the layers, text for the panel. In answer mode there is no answer in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bopask.ask.grasp import left_first
from bopask.geometry.camera import project
from bopask.geometry.se3 import transform
from bopask.priors.grasps.gripper import load_gripper
from bopask.review.answers import form_of
from bopask.view.draw import evidence_boxes, other_ways

ROLES = {
    "trajectory": ("moved", "goal"),
    "rearrangement": ("wanted",),
    "spatial": ("A", "B", "C"),
    "depth": ("A", "B"),
}
"""What the objects of a question are to it, in order."""


def asked(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a person may see who is to answer: the question, and nothing that was computed for its answer.

    Not the subtask ('all' tells of several objects), nor instances, phrases, boxes or evidence.
    """
    return {
        **{name: row[name] for name in ("id", "dataset", "split", "task", "question", "width", "height")},
        "form": asdict(form_of(row)),
    }


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a person may see who judges: everything."""
    boxes = evidence_boxes(row)
    roles = ROLES.get(str(row["task"]), ())
    instances = list(dict.fromkeys(row.get("instances") or []))
    named = {instance: roles[i] if i < len(roles) else "" for i, instance in enumerate(instances)}
    return {
        **asked(row),
        **{
            name: row.get(name) for name in ("subtask", "answer", "scene_id", "frame_id", "sensor", "layout", "licence")
        },
        "points": row.get("answer_points"),
        "boxes": [{"role": named.get(i, ""), "bbox": box.tolist()} for i, box in boxes.items()],
        "ways": [way.tolist() for way in other_ways(row)],
        "grasps": other_grasps(row),
        "evidence": evidence(row),
    }


def other_grasps(row: Mapping[str, Any]) -> list[list[list[float]]]:
    """The alternatives of a grasp's evidence as five points each (px), left finger first."""
    if row["task"] != "grasp":
        return []
    try:
        known = json.loads(row["evidence"])
        T_cam_obj = np.asarray(known["T_cam_obj"], float).reshape(4, 4)
        T_obj_grasp = np.array([one["T_obj_grasp"] for one in known["alternatives"]], float).reshape(-1, 4, 4)
        K = np.asarray(row["camera_K"], float).reshape(3, 3)
    except (ValueError, TypeError, KeyError):  # a foreign row: draw what can be drawn
        return []
    pixels = left_first(project(K, transform(T_cam_obj @ T_obj_grasp, load_gripper().label_points())))
    return [grasp.tolist() for grasp in pixels if np.isfinite(grasp).all()]


def evidence(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Key and value, as text; the whole of it where it is no JSON object."""
    raw = str(row.get("evidence") or "")
    try:
        return [(str(key), json.dumps(value, ensure_ascii=False)) for key, value in dict(json.loads(raw)).items()]
    except (ValueError, TypeError):
        return [("evidence", raw)] if raw else []
