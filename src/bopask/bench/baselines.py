"""Replies that need no model: what a score is worth is seen against them. 'Blind' needs one: `bopask eval --blind`.

random         points anywhere on the image, yes or no by a coin      oracle    the row's own answer, unrounded
centre         every point at the middle of the image, always yes     noise:S   the same, each point moved by a normal
most-frequent  the commonest verdict; the median answer                         draw of S px in u and v
copy           another row's answer to the same kind of question
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from bopask.arrays import Array
from bopask.bench.dataset import DataSet
from bopask.bench.dialects import CHOICES, COUNTS, Answer, Dialect, dialect_named
from bopask.bench.replies import write_replies
from bopask.errors import InputError
from bopask.rng import rng_for

Row: TypeAlias = Mapping[str, Any]
Kind: TypeAlias = tuple[str, str]
KINDS = ("random", "centre", "most-frequent", "copy", "oracle", "noise:SIGMA")
READ = ("id", "task", "subtask", "scene_id", "frame_id", "sensor", "width", "height", "answer", "answer_points")
DECIMALS = 6
"""Written by baselines in any dialect: an oracle that rounds is none."""


@dataclass(frozen=True)
class Baseline:
    """Which replies to write about which rows."""

    out: Path
    kind: str
    replies: Path
    dialect: str = "bopask"
    seed: int = 0


def baseline(job: Baseline) -> int:
    """Writes the replies; returns how many.

    Raises:
        InputError: there is no such kind or dialect, or OUT is no data set.
    """
    rows = list(DataSet(job.out).rows(READ))
    answer = _maker(job, rows)
    dialect = exact(dialect_named(job.dialect))
    lines = [
        {
            "id": row["id"],
            "reply": dialect.write(answer(row), row["task"], int(row["width"]), int(row["height"])),
            "model": f"baseline/{job.kind}",
            "dialect": job.dialect,
        }
        for row in rows
        if row["task"] in CHOICES or row["task"] in COUNTS
    ]
    write_replies(job.replies, lines)
    return len(lines)


def exact(dialect: Dialect) -> Dialect:
    """The dialect with more decimals than it writes by itself; it reads them the same."""
    return replace(dialect, frame=replace(dialect.frame, decimals=DECIMALS))  # type: ignore[type-var]


def _maker(job: Baseline, rows: Sequence[Row]) -> Callable[[Row], Answer]:
    kind, _, sigma = job.kind.partition(":")
    if kind == "noise":
        return lambda row: _noisy(row, _sigma(job.kind, sigma), job.seed)
    if kind == "most-frequent" and not sigma:
        usual = _usual(rows)
        return lambda row: _scaled(usual[_kind(row)], row)
    if kind == "copy" and not sigma:
        others = _others(rows, job.seed)
        return lambda row: _scaled(_relative(others[row["id"]]), row)
    plain: dict[str, Callable[[Row], Answer]] = {
        "random": lambda row: _random(row, job.seed),
        "centre": _centre,
        "oracle": lambda row: _noisy(row, 0.0, job.seed),
    }
    if job.kind not in plain:
        raise InputError(f"--kind {job.kind}", "there is no such baseline", f"Choose one of: {', '.join(KINDS)}")
    return plain[job.kind]


def _sigma(kind: str, text: str) -> float:
    try:
        sigma = float(text)
    except ValueError:
        sigma = math.nan
    if not (math.isfinite(sigma) and sigma >= 0):
        raise InputError(f"--kind {kind}", "states no noise in pixels", "Write it as in noise:5")
    return sigma


def _kind(row: Row) -> Kind:
    return str(row["task"]), str(row["subtask"])


def _true(row: Row) -> bool | Array:
    """The row's own answer: yes or no, or pixels (n, 2)."""
    return row["answer"] == "Yes" if row["task"] in CHOICES else np.array(row["answer_points"], float).reshape(-1, 2)


def _on_image(points: Array, row: Row) -> list[list[float]]:
    """Points moved to the nearest place that a dialect can say: within the outermost pixels' centres."""
    corner = np.array([row["width"], row["height"]], float) - 1.0
    return [list(map(float, point)) for point in np.clip(points, 0.0, corner)]


def _noisy(row: Row, sigma: float, seed: int) -> Answer:
    true = _true(row)
    if isinstance(true, bool):
        return true
    rng = rng_for(seed, "noise", row["id"])  # not of sigma: a larger one moves every point the same way, farther
    return _on_image(true + sigma * rng.standard_normal(true.shape), row)


def _random(row: Row, seed: int) -> Answer:
    rng = rng_for(seed, "random", row["id"])
    if row["task"] in CHOICES:
        return bool(rng.integers(2))
    least, _ = COUNTS[row["task"]]
    return _on_image(rng.uniform(size=(least, 2)) * (row["width"] - 1, row["height"] - 1), row)


def _centre(row: Row) -> Answer:
    if row["task"] in CHOICES:
        return True
    middle = np.array([row["width"] - 1, row["height"] - 1]) / 2
    return _on_image(np.tile(middle, (COUNTS[row["task"]][0], 1)), row)


def _relative(row: Row) -> bool | Array:
    """The row's answer as shares of its image."""
    true = _true(row)
    return true if isinstance(true, bool) else (true + 0.5) / (row["width"], row["height"])


def _scaled(answer: bool | Array, row: Row) -> Answer:
    if isinstance(answer, bool):
        return answer
    return _on_image(answer * (row["width"], row["height"]) - 0.5, row)


def _usual(rows: Sequence[Row]) -> dict[Kind, bool | Array]:
    """Of each kind of question the commonest verdict, or the median of the answers with the commonest count."""
    return {kind: _commonest(of) for kind, of in _by_kind(rows).items()}


def _commonest(rows: Sequence[Row]) -> bool | Array:
    answers = [_relative(row) for row in rows]
    verdicts = [answer for answer in answers if isinstance(answer, bool)]
    if verdicts:
        return sum(verdicts) * 2 >= len(verdicts)
    points = [answer for answer in answers if not isinstance(answer, bool)]
    count = min(Counter(map(len, points)).items(), key=lambda item: (-item[1], item[0]))[0]
    return np.asarray(np.median([answer for answer in points if len(answer) == count], axis=0))


def _others(rows: Sequence[Row], seed: int) -> dict[str, Row]:
    """By id: a row of the same kind, about another picture where there is one."""
    chosen = {}
    for of in _by_kind(rows).values():
        for row in of:
            chosen[row["id"]] = next(_candidates(row, of, seed), row)
    return chosen


def _candidates(row: Row, of: Sequence[Row], seed: int) -> Iterator[Row]:
    """Rows of a kind from a drawn place on: of other pictures first, then of the same."""
    picture = (row["scene_id"], row["frame_id"], row["sensor"])
    start = int(rng_for(seed, "copy", row["id"]).integers(len(of)))
    turned = [of[(start + k) % len(of)] for k in range(len(of))]
    yield from (other for other in turned if (other["scene_id"], other["frame_id"], other["sensor"]) != picture)
    yield from (other for other in turned if other["id"] != row["id"])


def _by_kind(rows: Sequence[Row]) -> dict[Kind, list[Row]]:
    kinds: dict[Kind, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[_kind(row)].append(row)
    return kinds
