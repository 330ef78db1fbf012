"""An answer's points as the text that stands in a row, and what a fixed or given answer must be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bopask.ask.grasp import NAMES as GRASP_POINTS
from bopask.bench.dialects.parsed import COUNTS

Points: TypeAlias = list[list[float]]
"""Pixels [u, v] of the original image, in order."""

SIDES = ("front left", "front right", "back right", "back left")
CORNERS = tuple(f"{face} {side}" for face in ("bottom", "top") for side in SIDES)
MANY = COUNTS["trajectory"][1]
"""Points that an answer may have at most."""


@dataclass(frozen=True)
class Form:
    """What an answer to a task looks like. Tells nothing of the true one but whether it is in points."""

    kind: str
    """'points', 'choice' or 'text'."""
    least: int = 0
    most: int = 0
    names: tuple[str, ...] = ()
    """Of the points, where each has one."""

    def check(self, answer: str, points: Points | None, width: int, height: int) -> str:
        """What is wrong with an answer; '' when nothing is."""
        if self.kind == "choice":
            return "" if answer in ("Yes", "No") else "The answer is Yes or No."
        if self.kind == "text":
            return "" if answer.strip() else "The answer is empty."
        if points is None or not self.least <= len(points) <= self.most:
            number = str(self.least) if self.least == self.most else f"at least {self.least}"
            return f"The answer has {number} point{'' if self.least == self.most == 1 else 's'}."
        on_image = all(-0.5 <= u <= width - 0.5 and -0.5 <= v <= height - 0.5 for u, v in points)
        return "" if on_image else "A point lies outside the image."


FORMS = {
    "pose": Form("points", *COUNTS["pose"], CORNERS),
    "grasp": Form("points", *COUNTS["grasp"], GRASP_POINTS),
    "trajectory": Form("points", *COUNTS["trajectory"]),
    "rearrangement": Form("points", *COUNTS["rearrangement"]),
    "spatial": Form("choice"),
    "depth": Form("choice"),
}


def form_of(row: Mapping[str, Any]) -> Form:
    """By task; of a task that is not known here, by what its answer is made of."""
    if str(row["task"]) in FORMS:
        return FORMS[str(row["task"])]
    if row.get("answer_points"):
        return Form("points", 1, MANY)
    return Form("choice") if row["answer"] in ("Yes", "No") else Form("text")


def text_of(task: str, points: Sequence[Sequence[float]]) -> str:
    """Points as a row's answer writes them: whole pixels."""
    pairs = [f"[{round(u)}, {round(v)}]" for u, v in points]
    if task == "grasp":
        return ", ".join(f"{name}: {pair}" for name, pair in zip(GRASP_POINTS, pairs, strict=False))
    return f"[{', '.join(pairs)}]"


def read_points(value: Any) -> Points | None:
    """Points out of foreign JSON.

    Raises:
        ValueError: they are none.
    """
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MANY:
        raise ValueError("points are a list of [u, v]")
    points = [[float(x) for x in point] for point in value if isinstance(point, list) and len(point) == 2]
    if len(points) != len(value) or not all(math.isfinite(x) for point in points for x in point):
        raise ValueError("points are a list of [u, v]")
    return points
