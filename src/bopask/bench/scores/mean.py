"""Many scores as one number. A mean over nothing is None with n = 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bopask.bench.scores.score import Reply, Rule, Score
from bopask.bench.scores.truth import Truth


@dataclass(frozen=True)
class Mean:
    """An average, over how many, and how many of these could not be parsed."""

    value: float | None
    """Failures count as the worst value; inf where that is inf."""
    n: int
    failed: Mapping[str, int]
    """Replies that were not scored for their form, by reason. They are among n."""
    of_scored: float | None
    """Without the failures."""


def mean(scores: Sequence[Score]) -> Mean:
    """Of the scores that apply."""
    applied = [s for s in scores if s.value is not None]
    failed = Counter(str(s.detail["failed"]) for s in applied if "failed" in s.detail)
    values = [float(s.value) for s in applied if s.value is not None]
    scored = [float(s.value) for s in applied if s.value is not None and "failed" not in s.detail]
    return Mean(
        value=float(np.mean(values)) if values else None,
        n=len(values),
        failed=dict(failed),
        of_scored=float(np.mean(scored)) if scored else None,
    )


def mean_of(rule: Rule, truths: Sequence[Truth], replies: Sequence[Reply]) -> Mean:
    """The same of replies, without a `Score` for each."""
    values = rule.batch(truths, replies).tolist()
    wrong = [rule.malformed(reply) for reply in replies]
    return mean(
        [
            Score(None if np.isnan(v) else v, {"failed": why} if why else {})
            for v, why in zip(values, wrong, strict=True)
        ]
    )


def balanced(truths: Sequence[Truth], replies: Sequence[Reply]) -> float | None:
    """Mean of the share of yes that is found and the share of no that is: 0.5 for one who always says the same.

    A reply without an answer is wrong. None where one of the two does not occur.
    """
    shares = []
    for wanted in (True, False):
        right = [
            said is not None and bool(said) == wanted
            for t, said in zip(truths, replies, strict=True)
            if t.yes is wanted
        ]
        if not right:
            return None
        shares.append(float(np.mean(right)))
    return float(np.mean(shares))
