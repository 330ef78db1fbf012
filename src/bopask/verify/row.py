"""What every row states, whatever its task: its id, its picture, its camera, its objects, its answer as text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from bopask.verify.names import spoken_of
from bopask.verify.rays import Sight
from bopask.verify.truth import Disagreement, FrameTruth, Row

COLUMNS = {
    "id": "string", "dataset": "string", "split": "string", "scene_id": "int32", "frame_id": "int32",
    "sensor": "string", "task": "string", "subtask": "string", "question": "string", "answer": "string",
    "answer_points": "list<element: fixed_size_list<element: float>[2]>", "image": "string",
    "width": "int32", "height": "int32", "camera_K": "fixed_size_list<element: double>[9]",
    "T_world_cam": "fixed_size_list<element: double>[16]", "layout": "string", "instances": "list<element: int32>",
    "phrases": "list<element: string>", "evidence": "string", "licence": "string",
}  # fmt: skip
"""The columns that docs/formats.md promises."""
ID_OF = {
    "picture": ("dataset", "split", "scene_id", "frame_id", "sensor"),
    "kind": ("task", "subtask"),
    "question": ("question",),
    "answer": ("answer",),
}
PICTURES = ("pose", "grasp", "trajectory", "rearrangement")
"""Tasks whose answer is points; the others are answered Yes or No."""
SEEN = 0.07
"""How far a visible share counted by rays may lie below the stated one (docs/formats.md: 400 rays an object, 0.03 at
worst; a dataset's own share, from its depth images, was up to 0.033 away on real frames)."""
BOX = 1.5
"""Pixels that a stated box (whole pixels) may be off."""


def check_schema(schema: pa.Schema) -> Iterator[Disagreement]:
    found = {field.name: re.sub(r"\b(item|child\d*)\b", "element", str(field.type)) for field in schema}
    if found.get("image", "").startswith("struct<bytes"):
        found["image"] = "string"
    for name in sorted(COLUMNS.keys() | found.keys()):
        if COLUMNS.get(name) != found.get(name):
            yield Disagreement("row: schema", f"{name}: {found.get(name)}", f"{COLUMNS.get(name)}")


def content_id(row: Row) -> str:
    """Exclusive or of the BLAKE2b-96 (hex) of each part's columns, joined by U+001F, personalised by its name."""
    whole = 0
    for part, names in ID_OF.items():
        content = "\x1f".join(str(row[name]) for name in names)
        whole ^= int.from_bytes(hashlib.blake2b(content.encode(), digest_size=12, person=part.encode()).digest(), "big")
    return f"{whole:024x}"


def check(row: Row, frame: FrameTruth, sight: Sight, manifest: Mapping[str, Any]) -> Iterator[Disagreement]:
    """What is wrong with a row as such. Where instances are out of range nothing else can be checked."""
    if (found := content_id(row)) != row["id"]:
        yield Disagreement("row: id", row["id"], found)
    for name in ("dataset", "split"):
        if row[name] != manifest.get(name):
            yield Disagreement(f"row: {name}", str(row[name]), f"the manifest says {manifest.get(name)}")
    if not re.fullmatch(rf"{row['scene_id']:06d}(/[^/]+)?-\d+", row["layout"]):
        yield Disagreement("row: layout", row["layout"], f"scene {row['scene_id']}")
    yield from check_camera(row, frame)
    yield from check_answer(row)
    if "bbox" in row["evidence"]:
        yield from check_boxes(row, sight)
    yield from check_visible(row, frame, sight, float(manifest["config"]["ask"]["min_visib"]))


def instances_exist(row: Row, frame: FrameTruth) -> Iterator[Disagreement]:
    rows = row["instances"]
    if not rows or len(set(rows)) < len(rows) or not all(0 <= i < len(frame.obj_ids) for i in rows):
        yield Disagreement("row: instances", str(rows), f"scene_gt lists {len(frame.obj_ids)} objects")


def check_camera(row: Row, frame: FrameTruth) -> Iterator[Disagreement]:
    path = row["image"]["path"] if isinstance(row["image"], dict) else row["image"]
    if path != frame.image:
        yield Disagreement("row: image", path, frame.image)
    if np.abs(np.reshape(row["camera_K"], (3, 3)) - frame.K).max() > 1e-9:
        yield Disagreement("row: camera_K", str(np.round(row["camera_K"], 3).tolist()), str(frame.K.ravel().tolist()))
    stated, found = f"{row['width']}x{row['height']}", f"{frame.width}x{frame.height}"
    if stated != found:
        yield Disagreement("row: image size", stated, found)
    for spoken in re.findall(r"\b(\d+x\d+) image\b", row["question"]):
        if spoken != found:
            yield Disagreement("row: image size", f"the question says {spoken}", found)


def check_answer(row: Row) -> Iterator[Disagreement]:
    """The text says the points, rounded to whole pixels, and every point lies on the image; or it says Yes or No."""
    answer, points = row["answer"], row["answer_points"]
    if row["task"] not in PICTURES:
        if answer not in ("Yes", "No") or points is not None:
            yield Disagreement("row: answer", f"{answer!r}, points {points}", "Yes or No, and no points")
        return
    if not points:
        yield Disagreement("row: answer_points", "none", "points are asked for")
        return
    exact = np.array(points, float)
    spoken = [[int(u), int(v)] for u, v in re.findall(r"\[(-?\d+), (-?\d+)\]", answer)]
    if len(spoken) != len(exact) or np.abs(np.array(spoken) - exact).max() > 0.501:
        yield Disagreement("row: answer text", answer, str(np.round(exact, 1).tolist()))
    on_image = (exact >= -0.501) & (exact <= np.array([row["width"], row["height"]]) - 0.499)
    if not on_image.all():
        yield Disagreement("row: answer on image", str(exact[~on_image.all(1)][0].tolist()), "outside the image")


def check_boxes(row: Row, sight: Sight) -> Iterator[Disagreement]:
    """bbox: the box of each whole silhouette, from the projected vertices."""
    for i, stated in zip(row["instances"], row["evidence"]["bbox"], strict=True):
        found = sight.outline(i).ravel()
        if np.isfinite(found).all() and np.abs(np.array(stated) - found).max() > BOX:
            yield Disagreement("row: bbox", str(stated), str(np.round(found).tolist()))


def check_visible(row: Row, frame: FrameTruth, sight: Sight, least: float) -> Iterator[Disagreement]:
    """Objects that the question names are visible enough to be asked about, and visib_fract is what it says."""
    for i in row["instances"][: spoken_of(row)]:
        given = np.nan if frame.visib_fract is None else frame.visib_fract[i]
        share = float(given if given >= 0 else sight.visib_fract[i])
        if share < least - (1e-9 if given >= 0 else SEEN) or sight.visib_fract[i] < least - SEEN:
            found = f"{sight.visib_fract[i]:.3f} by rays" + (f", {given:.3f} by the dataset" if given >= 0 else "")
            yield Disagreement("row: visible", f"instance {i}: at least {least}", found)
    if "visib_fract" in row["evidence"]:
        i, stated = row["instances"][0], float(row["evidence"]["visib_fract"])
        given = np.nan if frame.visib_fract is None else frame.visib_fract[i]
        share, allowed = (given, 1e-4) if given >= 0 else (sight.visib_fract[i], SEEN)
        if abs(stated - share) > allowed:
            yield Disagreement("pose: visib_fract", f"{stated:.4f}", f"{share:.4f}")
