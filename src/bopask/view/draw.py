"""Answers drawn on images, so that a person can judge one at a glance.

    pose            cuboid: amber bottom, cyan top, white verticals; hidden edges dashed; corner 0 (front-left) ringed
    grasp           green palm and stub, cyan left finger, amber right finger
    trajectory      numbered waypoints from a green ring (start) to a magenta ring with a cross (end); dashed, other
                    ways that are right as well
    rearrangement   the wanted object framed green; numbers on what must move first
    spatial, depth  the objects framed as A, B and C, and the answer as a badge

Knows the row's fields (docs: the dataset card) and nothing of how an answer was found.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw

from bopask.arrays import Array
from bopask.geometry.box import EDGES
from bopask.geometry.camera import project
from bopask.geometry.se3 import inverse, transform
from bopask.view.ink import AMBER, CYAN, DARK, GREEN, MAGENTA, RED, WHITE, Colour, Ink, font, wrap

_FACES = np.array([[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]])
"""Faces of a cuboid, corners counter-clockwise seen from outside: bottom, top, front, right, back, left."""
_REACH = 1.0
"""The canvas grows at most by this share of the image's size on each side; what lies farther leaves the picture."""


def draw_row(
    row: Mapping[str, Any],
    image: UInt8[Array, "h w 3"] | None,
    *,
    scale: float = 1.0,
    outlines: Mapping[int, Array] | None = None,
    caption: bool = True,
    weight: float = 1.0,
) -> Image.Image:
    """The image of a row with its answer drawn on.

    Args:
        row: a row of the data set, as a dict.
        image: its image, or None where the folder has none: then the answer stands on a gray grid.
        scale: output pixels of one image pixel.
        outlines: (u0, v0, u1, v1) in px of instances to frame; by default those of the evidence's "bbox".
        caption: with the question and the answer in a strip below.
        weight: of strokes and labels, relative to what suits the picture at its full size.
    Returns:
        An RGB image. The canvas is wider than the image where the answer leaves it.
    """
    height, width = image.shape[:2] if image is not None else (int(row["height"]), int(row["width"]))
    points = _points(row)
    boxes = evidence_boxes(row) if outlines is None else {k: np.asarray(v, float) for k, v in outlines.items()}
    margin = _margin(points, width, height)
    ink = Ink(width, height, margin, scale, weight)
    photo = _grid(width, height) if image is None else Image.fromarray(np.ascontiguousarray(image[..., :3], np.uint8))
    canvas = _backdrop(photo, ink, margin, scale)
    _PAINTERS.get(str(row["task"]), _paint_points)(ink, points, boxes, row)
    if image is None:
        middle = np.array([(width - 1) / 2, height - 1.0])
        ink.text(middle, "no image in this folder", (150, 158, 170), 13, away=(0, -14))
    picture = ink.flatten(canvas)
    return _with_caption(picture, row, ink.unit / weight) if caption else picture


def _points(row: Mapping[str, Any]) -> Float[Array, "n 2"]:
    points = np.asarray(row.get("answer_points") or np.zeros((0, 2)), float).reshape(-1, 2)
    return points[np.isfinite(points).all(1)]


def evidence_boxes(row: Mapping[str, Any]) -> dict[int, Float[Array, "4"]]:
    """Frames of the row's instances from its evidence; none where it has none."""
    try:
        boxes = json.loads(row.get("evidence") or "{}").get("bbox") or []
        pairs = {int(i): np.asarray(b, float) for i, b in zip(row.get("instances") or [], boxes, strict=False)}
    except (ValueError, TypeError, AttributeError):  # a foreign row: draw what can be drawn
        return {}
    return {i: b for i, b in pairs.items() if b.shape == (4,) and b[2] > b[0] and b[3] > b[1]}  # False for NaN


def _margin(points: Float[Array, "n 2"], width: int, height: int) -> tuple[int, int, int, int]:
    """Pixels to add left, top, right and below so that points off the image stay in the picture."""
    if not len(points):
        return (0, 0, 0, 0)
    room = 0.03 * max(width, height)
    low, high = points.min(0), points.max(0)
    over = (-0.5 - low[0], -0.5 - low[1], high[0] - width + 0.5, high[1] - height + 0.5)
    limits = (width, height, width, height)
    left, top, right, bottom = (
        math.ceil(min(o + room, _REACH * limit)) if o > 0 else 0 for o, limit in zip(over, limits, strict=True)
    )
    return left, top, right, bottom


def _grid(width: int, height: int) -> Image.Image:
    """A dark sheet with lines every tenth of the longer side: what stands in for a missing image."""
    sheet = Image.new("RGB", (width, height), (44, 49, 58))
    draw, step = ImageDraw.Draw(sheet), max(max(width, height) / 10, 8)
    for x in np.arange(step, width, step):
        draw.line((x, 0, x, height), (54, 60, 70))
    for y in np.arange(step, height, step):
        draw.line((0, y, width, y), (54, 60, 70))
    return sheet


def _backdrop(photo: Image.Image, ink: Ink, margin: tuple[int, int, int, int], scale: float) -> Image.Image:
    """The photo at its scale on a canvas with the margin around it."""
    if scale != 1.0:
        size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
        photo = photo.resize(size, Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", ink.size, (30, 33, 39))
    canvas.paste(photo, (round(margin[0] * scale), round(margin[1] * scale)))
    return canvas


def _visible(corners: Float[Array, "8 2"]) -> Bool[Array, "6"]:
    """Faces that look at the camera: seen from outside, their corners still turn counter-clockwise (v is down)."""
    u, v = np.moveaxis(corners[_FACES], -1, 0)
    return np.asarray((u * np.roll(v, -1, 1) - v * np.roll(u, -1, 1)).sum(1) < 0)


def _paint_pose(ink: Ink, points: Array, boxes: Mapping[int, Array], row: Mapping[str, Any]) -> None:
    if len(points) != 8:
        return _paint_points(ink, points, boxes, row)
    seen = _visible(points)
    seen |= not seen.any()  # a view so flat that no face can be told: draw every edge solid
    for face, colour, alpha in ((1, CYAN, 56), (2, WHITE, 26)):
        if seen[face]:
            ink.fill(points[_FACES[face]], colour, alpha)
    edges = [(a, b, bool(seen[[a in f and b in f for f in _FACES]].any())) for a, b in EDGES]
    for a, b, solid in sorted(edges, key=lambda edge: edge[2]):  # hidden edges first
        colour = AMBER if b < 4 else CYAN if a >= 4 else WHITE
        ink.line(points[[a, b]], colour, 2.4 if solid else 1.3, dashed=not solid, alpha=255 if solid else 210)
    ink.ring(points[0], GREEN, 6.5, 2.0)
    middle = points.mean(0)
    for i, point in enumerate(points):
        ink.dot(point, AMBER if i < 4 else CYAN, 2.8)
        out = (point - middle) / max(float(np.linalg.norm(point - middle)), 1e-6)
        ink.text(point, str(i), GREEN if i == 0 else WHITE, 11, away=out * (15 if i == 0 else 11))
    return None


def _paint_grasp(ink: Ink, points: Array, boxes: Mapping[int, Array], row: Mapping[str, Any]) -> None:
    if len(points) != 5:
        return _paint_points(ink, points, boxes, row)
    centre, left_base, right_base, left_tip, right_tip = points
    back = centre - (left_tip + right_tip) / 2
    ink.line(np.stack([centre, centre + 0.8 * back]), GREEN, 5.0)
    ink.line(np.stack([left_base, centre, right_base]), GREEN, 4.0)
    for base, tip, colour, name in ((left_base, left_tip, CYAN, "L"), (right_base, right_tip, AMBER, "R")):
        ink.line(np.stack([base, tip]), colour, 4.0)
        ink.dot(base, colour, 4.0)
        ink.dot(tip, colour, 4.0)
        aside = base - centre
        ink.text(base, name, colour, 13, away=aside / max(float(np.linalg.norm(aside)), 1e-6) * 15)
    ink.dot(centre, WHITE, 3.4)
    return None


def _paint_trajectory(ink: Ink, points: Array, boxes: Mapping[int, Array], row: Mapping[str, Any]) -> None:
    _frame(ink, boxes, row, (("moved", GREEN), ("goal", MAGENTA)))
    if len(points) < 2:
        return _paint_points(ink, points, boxes, row)
    for way in other_ways(row):
        ink.line(way, WHITE, 1.8, dashed=True, alpha=230)
    shades = _shades((GREEN, AMBER, MAGENTA), len(points) - 1)
    for i in range(len(points) - 1):
        start, end = points[i], points[i + 1]
        ink.line(points[i : i + 2], shades[i], 3.2)
        length = float(np.linalg.norm(end - start)) * ink.scale
        if length > 34 * ink.unit:  # room for a head between two discs
            along = (end - start) * ink.scale / length
            ink.arrow_head(end - along * 12 * ink.unit / ink.scale, along, shades[i], 11)
    ink.ring(points[-1], MAGENTA, 12.5)
    for along in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        arm = np.asarray(along, float) * ink.unit / ink.scale
        ink.line(np.stack([points[-1] + 11 * arm, points[-1] + 19 * arm]), MAGENTA, 2.2)
    ink.ring(points[0], GREEN, 12.5)
    for i in reversed(range(len(points))):
        ink.number(points[i], i + 1, WHITE, 7.5)
    return None


def other_ways(row: Mapping[str, Any]) -> list[Float[Array, "w 2"]]:
    """The alternatives of a trajectory's evidence, projected (px); none where something is behind the camera."""
    try:
        others = [np.asarray(way["waypoints_m"], float) for way in json.loads(row["evidence"])["alternatives"]]
        T_cam_world = inverse(np.asarray(row["T_world_cam"], float).reshape(4, 4))
        K = np.asarray(row["camera_K"], float).reshape(3, 3)
        ways = [project(K, transform(T_cam_world, points)) for points in others]
    except (ValueError, TypeError, KeyError):  # a foreign row: draw what can be drawn
        return []
    return [way for way in ways if np.isfinite(way).all()]


def _paint_rearrangement(ink: Ink, points: Array, boxes: Mapping[int, Array], row: Mapping[str, Any]) -> None:
    target, *blockers = list(row.get("instances") or [-1])
    for i in blockers:
        if i in boxes:
            ink.frame(boxes[i], AMBER, dashed=True)
    if target in boxes:
        ink.frame(boxes[target], GREEN, "wanted")
    for i in reversed(range(len(points))):
        ink.ring(points[i], AMBER, 11.5, 2.0)
        ink.number(points[i], i + 1, AMBER, 9)


def _paint_relation(ink: Ink, points: Array, boxes: Mapping[int, Array], row: Mapping[str, Any]) -> None:
    _frame(ink, boxes, row, (("A", CYAN), ("B", AMBER), ("C", MAGENTA)))
    yes = str(row["answer"]).strip().lower().startswith("yes")
    crowded = any(box[0] < 0.2 * row["width"] and box[1] < 0.15 * row["height"] for box in boxes.values())
    ink.badge("yes" if yes else "no", GREEN if yes else RED, right=crowded)


def _paint_points(ink: Ink, points: Array, boxes: Mapping[int, Array], row: Mapping[str, Any]) -> None:
    """Any answer in points: numbered discs."""
    for i, point in enumerate(points):
        ink.number(point, i + 1, CYAN)


_PAINTERS: dict[str, Callable[[Ink, Array, Mapping[int, Array], Mapping[str, Any]], None]] = {
    "pose": _paint_pose,
    "grasp": _paint_grasp,
    "trajectory": _paint_trajectory,
    "rearrangement": _paint_rearrangement,
    "spatial": _paint_relation,
    "depth": _paint_relation,
}


def _frame(ink: Ink, boxes: Mapping[int, Array], row: Mapping[str, Any], roles: Sequence[tuple[str, Colour]]) -> None:
    """Frames of the row's instances, in order, with the name of their role."""
    for i, (name, colour) in zip(row.get("instances") or [], roles, strict=False):
        if i in boxes:
            ink.frame(boxes[i], colour, name)


def _shades(stops: Sequence[Colour], count: int) -> list[Colour]:
    """`count` colours evenly along the stops."""
    at = np.linspace(0, len(stops) - 1, count)
    mixed = [np.interp(at, range(len(stops)), [stop[i] for stop in stops]).round() for i in range(3)]
    return [(int(r), int(g), int(b)) for r, g, b in zip(*mixed, strict=True)]


def _with_caption(picture: Image.Image, row: Mapping[str, Any], unit: float) -> Image.Image:
    """The picture on a strip with the question and the answer."""
    size, pad = round(15 * unit), round(12 * unit)
    width = picture.width - 2 * pad
    lines = [(line, WHITE) for line in wrap(str(row["question"]), size, width)]
    lines += [(line, GREEN) for line in wrap(str(row["answer"]), size, width)]
    step = round(size * 1.35)
    whole = Image.new("RGB", (picture.width, picture.height + step * len(lines) + 2 * pad), DARK)
    whole.paste(picture, (0, 0))
    draw = ImageDraw.Draw(whole)
    for i, (line, colour) in enumerate(lines):
        draw.text((pad, picture.height + pad + i * step), line, fill=colour, font=font(size))
    return whole
