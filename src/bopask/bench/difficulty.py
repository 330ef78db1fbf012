"""How hard a question is: one number a task, from the evidence, and which third of its subtask it falls in."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

THIRDS = ("easy", "middle", "hard")


def _pose(evidence: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    """Share of the object that is hidden."""
    return 1.0 - float(evidence["visib_fract"])


def _grasp(evidence: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    """Share of the grasps, of those possible alone, that neighbours are in the way of."""
    free, alone, _ = evidence["free_of_dense"]
    return 1.0 - float(free) / max(float(alone), 1.0)


def _trajectory(evidence: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    """Detour: length of the way over the distance of its ends."""
    way = np.array(evidence["waypoints_m"], float)
    return float(evidence["length_m"]) / max(float(np.linalg.norm(way[-1] - way[0])), 1e-3)


def _rearrangement(evidence: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    """Objects that have to move, and among as many: 1 − share of the picture that the smallest one's box covers."""
    places = {int(i): box for i, box in zip(row["instances"], evidence["bbox"], strict=False)}
    moved = [int(i) for i in evidence["order"]]
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for i in moved if (b := places.get(i)) is not None]
    share = min(areas, default=0.0) / (float(row["width"]) * float(row["height"]))
    return len(moved) + 1.0 - share


def _relation(evidence: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    """How narrowly the relation holds: minus the margin (m)."""
    return -float(evidence["margin_m"])


NUMBERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], float]] = {
    "pose": _pose,
    "grasp": _grasp,
    "trajectory": _trajectory,
    "rearrangement": _rearrangement,
    "spatial": _relation,
    "depth": _relation,
}
"""By task; docs/benchmark.md lists them."""
COLUMNS = ("id", "task", "subtask", "evidence", "instances", "width", "height")


def difficulty(row: Mapping[str, Any]) -> float | None:
    """Larger is harder; comparable within a subtask. None where the evidence does not say, as of foreign rows."""
    try:
        value = NUMBERS[row["task"]](json.loads(row["evidence"] or "{}"), row)
    except (KeyError, ValueError, TypeError, IndexError):
        return None
    return round(value, 6) if np.isfinite(value) else None


def thirds(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float | None, str]]:
    """By id: the number, and 'easy', 'middle' or 'hard' among the rows of the subtask; '' where there is no number.

    Equal numbers are in one third: of a subtask whose rows are all alike, all are easy.
    """
    found: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    made: dict[str, tuple[float | None, str]] = {}
    for row in rows:
        value = difficulty(row)
        made[row["id"]] = (value, "")
        if value is not None:
            found[row["task"], row["subtask"]].append((row["id"], value))
    for of in found.values():
        low, high = np.quantile([value for _, value in of], [1 / 3, 2 / 3])
        made |= {id: (value, THIRDS[int(value > low) + int(value > high)]) for id, value in of}
    return made
