"""All scores by task and name, and the one that is reported first. docs/scores.md says how each is computed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bopask.bench.dialects.parsed import COUNTS
from bopask.bench.scores import binary, grasp, physical_grasp, physical_path, pose, rearrangement, trajectory
from bopask.bench.scores.score import Reply, Rule, Score
from bopask.bench.scores.truth import Truth

BOX = ("T_cam_box", "size_m")


def _pose(name: str, many: Any, **more: Any) -> Rule:
    return Rule(name, "pose", many, worst=0.0, points=COUNTS["pose"], **more)


def _grasp(name: str, many: Any, **more: Any) -> Rule:
    return Rule(name, "grasp", many, points=COUNTS["grasp"], **more)


def _path(name: str, many: Any, **more: Any) -> Rule:
    return Rule(name, "trajectory", many, points=COUNTS["trajectory"], **more)


def _px(name: str, many: Any) -> Rule:
    return _path(name, many, worst=np.inf, high=np.inf, higher_better=False, unit="px")


def _move(name: str, many: Any, **more: Any) -> Rule:
    return Rule(name, "rearrangement", many, worst=0.0, points=COUNTS["rearrangement"], **more)


def _grasp_rules() -> tuple[Rule, ...]:
    """Every 2D measure against the answer and, under its name with `_set`, against all right grasps."""
    lower: dict[str, Any] = {"worst": np.inf, "high": np.inf, "higher_better": False, "unit": "jaw widths"}
    clipped: dict[str, Any] = lower | {"worst": grasp.CLIPPED, "high": grasp.CLIPPED}
    share: dict[str, Any] = {"worst": 0.0}
    kinds: tuple[tuple[str, grasp.Measure, dict[str, Any]], ...] = (
        ("nce_paper", grasp.nce_paper, lower),
        ("nce_spacetools", grasp.nce_spacetools, clipped),
        ("nce_spacetools_success", grasp.nce_spacetools_success, share),
        ("nce_symmetric", grasp.nce_symmetric, lower),
        ("mace", grasp.mace, share | {"high": 100.0, "unit": "%"}),
        ("mace_success", grasp.mace_success, share),
    )
    rules = []
    for name, measure, about in kinds:
        rules.append(_grasp(name, grasp.against_answer(measure), **about))
        higher = bool(about.get("higher_better", True))
        rules.append(_grasp(f"{name}_set", grasp.against_set(measure, higher), **about))
    return tuple(rules)


RULES: tuple[Rule, ...] = (
    _pose("hull_iou", pose.hull_iou),
    _pose("box_iou", pose.box_iou, evidence=BOX),
    _pose("box_iou_depth", pose.box_iou_depth, evidence=BOX),
    *_grasp_rules(),
    _grasp(
        "grasp_physical",
        physical_grasp.grasp_physical,
        worst=0.0,
        needs="scene",
        evidence=("grasp", "T_cam_obj"),
        explain=physical_grasp.why,
    ),
    _path("trajectory_success", trajectory.trajectory_success, worst=0.0, needs="masks", explain=trajectory.why),
    _px("distance_px", trajectory.distance_px),
    _px("frechet_px", trajectory.frechet_px),
    _px("start_px", trajectory.start_px),
    _px("end_px", trajectory.end_px),
    _path("chamfer_spatialcli", trajectory.chamfer_spatialcli, worst=0.0),
    _path(
        "path_physical",
        physical_path.path_physical,
        worst=0.0,
        needs="scene",
        evidence=("waypoints_m",),
        explain=physical_path.why,
    ),
    _move("recall", rearrangement.best_set(rearrangement.recall_of), needs="masks", explain=rearrangement.why),
    _move("precision", rearrangement.best_set(rearrangement.precision_of), needs="masks", explain=rearrangement.why),
    _move("f1", rearrangement.best_set(rearrangement.f1_of), needs="masks", explain=rearrangement.why),
    _move("sequence", rearrangement.sequence, needs="masks", explain=rearrangement.why),
    _move("chamfer_spatialcli", rearrangement.chamfer_spatialcli),
    Rule("binary_success", "binary", binary.binary_success, worst=0.0),
)

SCORES: Mapping[str, Mapping[str, Rule]] = {
    task: {rule.name: rule for rule in RULES if rule.task == kind}
    for task, kind in {
        "pose": "pose",
        "grasp": "grasp",
        "trajectory": "trajectory",
        "rearrangement": "rearrangement",
        "spatial": "binary",
        "depth": "binary",
    }.items()
}
"""By task and name."""

HEADLINE: Mapping[str, str] = {
    "pose": "box_iou",
    "grasp": "grasp_physical",
    "trajectory": "path_physical",
    "rearrangement": "f1",
    "spatial": "binary_success",
    "depth": "binary_success",
}
"""What is reported first, of rows that have their meshes at hand."""

WITHOUT_SCENE: Mapping[str, str] = {
    "pose": "hull_iou",
    "grasp": "mace_set",
    "trajectory": "distance_px",
    "rearrangement": "chamfer_spatialcli",
    "spatial": "binary_success",
    "depth": "binary_success",
}
"""The same of rows of foreign files, which have points alone."""


def score(truth: Truth, reply: Reply) -> dict[str, Score]:
    """One reply under every score of its task, by name."""
    return {name: rule.one(truth, reply) for name, rule in SCORES.get(truth.task, {}).items()}


def headline(truths: Sequence[Truth], replies: Sequence[Reply]) -> Any:
    """The headline scores of replies to one or several tasks; NaN where one does not apply."""
    values = np.full(len(truths), np.nan)
    for task, name in HEADLINE.items():
        rows = [k for k, truth in enumerate(truths) if truth.task == task]
        if rows:
            values[rows] = SCORES[task][name].batch([truths[k] for k in rows], [replies[k] for k in rows])
    return values
