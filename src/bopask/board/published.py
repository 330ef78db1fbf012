"""What BOP-Ask's authors published of their core set (arXiv 2511.16857): as published, their scores are not pinned."""

from __future__ import annotations

import math
from typing import NamedTuple

INF = math.inf


class Column(NamedTuple):
    """A column of the paper's table, and the score here that stands beside it."""

    title: str
    task: str
    score: str
    factor: float
    """Makes our score the paper's unit."""


COLUMNS = (
    Column("pose, 3D IoU (%)", "pose", "box_iou", 100),
    Column("trajectory, success (%)", "trajectory", "trajectory_success", 100),
    Column("trajectory, distance (px)", "trajectory", "distance_px", 1),
    Column("grasp, NCE", "grasp", "nce_paper", 1),
    Column("spatial (%)", "spatial", "binary_success", 100),
    Column("depth (%)", "depth", "binary_success", 100),
    Column("rearrangement, recall (%)", "rearrangement", "recall", 100),
)
CORE: dict[str, tuple[float, ...]] = {
    "Human": (54.2, 67.3, 112.4, 1.1, 84.9, 87.3, 44.1),
    "GPT-5": (9.0, 0, INF, INF, 68.3, 74.6, 14.8),
    "Gemini Robotics-ER 1.5": (24.4, 43.0, 138.4, 4.2, 84.2, 88.0, 48.9),
    "Molmo-72B": (22.6, 13.2, 224.8, 1.4, 68.3, 65.6, 28.0),
    "Qwen2.5-VL-3B": (26.5, 0, 240.6, 3.1, 50.8, 49.4, 15.2),
    "NVILA-2B": (6.5, 0, INF, 8.2, 65.0, 52.5, 8.3),
    "NVILA-15B": (27.2, 6.2, 206.3, 5.3, 75.0, 65.0, 25.0),
    "RoboRefer": (34.3, 0, INF, INF, 81.7, 84.0, 16.6),
    "InternVL": (18.3, 0, INF, INF, 72.5, 76.0, 8.6),
    "Qwen2.5-VL-3B, trained on BOP-Ask": (48.2, 22.5, 116.3, 1.5, 92.6, 94.1, 43.4),
    "NVILA-2B, trained on BOP-Ask": (77.4, 50.8, 78.5, 1.69, 94.2, 94.6, 56.4),
    "NVILA-15B, trained on BOP-Ask": (73.5, 64.2, 77.4, 1.40, 95.8, 94.6, 57.7),
}
"""By model, in the order of COLUMNS; infinite: no valid output."""
NOTE = (
    "As published by the paper's authors on their own core set; the formulas behind their numbers are not public, and "
    "these questions are not theirs. Side by side, not comparable digit by digit."
)
