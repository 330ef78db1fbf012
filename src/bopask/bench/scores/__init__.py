"""Scores: a row's truth and a parsed reply in, a number out. docs/scores.md has every formula and a worked example.

truth    a row, and all answers that are right        score    Rule and Score: what a score is
stage    masks and placed meshes of a BOP folder      table    SCORES by task and name, HEADLINE; mean: averages
pose, grasp, trajectory, rearrangement, binary: what the field computes, and the same against every right answer
physical_grasp, physical_path: the answer lifted to 3D and tried
polygon, cuboid, pnp, curves: the geometry, thousands at a time
"""

from bopask.bench.scores.mean import Mean, balanced, mean, mean_of
from bopask.bench.scores.score import Reply, Rule, Score
from bopask.bench.scores.stage import Pictures
from bopask.bench.scores.table import HEADLINE, RULES, SCORES, WITHOUT_SCENE, score
from bopask.bench.scores.truth import Truth

__all__ = [
    "HEADLINE",
    "RULES",
    "SCORES",
    "WITHOUT_SCENE",
    "Mean",
    "Pictures",
    "Reply",
    "Rule",
    "Score",
    "Truth",
    "balanced",
    "mean",
    "mean_of",
    "score",
]
