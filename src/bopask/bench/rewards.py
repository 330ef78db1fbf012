"""Rewards for reinforcement learning: the headline score of a reply as a number from 0 to 1.

    trl(dialect, bop)    a function for TRL's GRPOTrainer, over the columns of `bopask export --to trl`
    compute_score(…)     verl's custom_reward_function, over the columns of `bopask export --to verl`

Both parse by the dialect's own parser and score by the rules of `bopask.bench.scores`. A reply that cannot be parsed
gets 0, the worst. With the BOP folder the headlines look at masks and meshes (does the grasp hold, is the path free);
without it, and for rows that lack what the headline needs, the score of `WITHOUT_SCENE` stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson

from bopask.bench.dataset import Truths
from bopask.bench.dialects import Dialect, dialect_named
from bopask.bench.scores import HEADLINE, SCORES, WITHOUT_SCENE, Rule, Truth
from bopask.bench.scores.trajectory import NEAR
from bopask.bench.scoring import reply_of
from bopask.errors import InputError

Row: TypeAlias = Mapping[str, Any]
TRUTH = (
    "id", "task", "subtask", "split", "scene_id", "frame_id", "sensor", "layout", "answer", "answer_points", "camera_K",
    "width", "height", "T_world_cam", "instances", "evidence",
)  # fmt: skip
"""What a reward reads of a row."""
DECIMALS = 9
"""Of a reward: sums over many replies at once may differ from those over one in their last bit."""
KEPT = 4096
"""Truths at hand: a row is asked several times in a row."""


@dataclass(frozen=True)
class Rewards:
    """Rewards of replies in one dialect."""

    dialect: Dialect
    bop: Path | None = None
    """The BOP folder that the rows were made from: its meshes and masks are looked at."""
    _truths: dict[str, Truth] = field(default_factory=dict, repr=False)

    def of(self, rows: Sequence[Row], replies: Sequence[str]) -> list[float]:
        """Of each reply to its row: 0 the worst, 1 the best. What comes of one does not depend on the others."""
        truths = [self.truth(row) for row in rows]
        said = [
            reply_of(self.dialect.parse(reply, truth.task, truth.width, truth.height))
            for truth, reply in zip(truths, replies, strict=True)
        ]
        rules = [rule_of(truth) for truth in truths]
        rewards = np.zeros(len(truths))
        for rule in dict.fromkeys(rules):
            at = [k for k, other in enumerate(rules) if other is rule]
            values = rule.batch([truths[k] for k in at], [said[k] for k in at])
            rewards[at] = [worth(rule, value, truths[k]) for k, value in zip(at, values.tolist(), strict=True)]
        return [round(float(reward), DECIMALS) for reward in rewards]

    def truth(self, row: Row) -> Truth:
        """The truth of a row, made once while it is asked about."""
        if row["id"] not in self._truths:
            if len(self._truths) >= KEPT:
                self._truths.clear()
            self._truths[row["id"]] = _sources(self.bop).of(row)
        return self._truths[row["id"]]


def rule_of(truth: Truth) -> Rule:
    """The headline score of the truth's task; where it does not apply, the one that needs points alone."""
    headline = SCORES[truth.task][HEADLINE[truth.task]]
    return headline if headline.applies(truth) else SCORES[truth.task][WITHOUT_SCENE[truth.task]]


def worth(rule: Rule, value: float, truth: Truth) -> float:
    """A score as a share of its range; of a distance of d px, which has no largest, 1 / (1 + d / (0.025 diagonals))."""
    if not np.isfinite(rule.high):
        return 1.0 / (1.0 + value / (NEAR * float(np.hypot(truth.width, truth.height))))
    share = (value - rule.low) / (rule.high - rule.low)
    return share if rule.higher_better else 1.0 - share


@lru_cache(maxsize=8)
def _sources(bop: Path | None) -> Truths:
    return Truths(bop)


@lru_cache(maxsize=8)
def _rewards(dialect: str, bop: str) -> Rewards:
    return Rewards(dialect_named(dialect), Path(bop) if bop else None)


def truth_of(row: Row) -> str:
    """The column `truth` of `bopask export --to trl`."""
    return orjson.dumps({name: row[name] for name in TRUTH}).decode()


def trl(dialect: str = "bopask", bop: str | Path = "") -> Callable[..., list[float]]:
    """A reward function for `GRPOTrainer(reward_funcs=…)`.

    https://huggingface.co/docs/trl/grpo_trainer#using-a-custom-reward-function

    Args:
        dialect: in which the replies are written, as given to `bopask export --dialect`.
        bop: the BOP folder of the rows, if masks and meshes are to be looked at.
    Raises:
        InputError: there is no such dialect.
    """
    rewards = _rewards(dialect, str(bop))

    def bopask_reward(
        prompts: Sequence[Any], completions: Sequence[Any], truth: Sequence[str] = (), **columns: Any
    ) -> list[float]:
        """Of each completion. Raises InputError where the data set has no column `truth`."""
        if len(truth) != len(completions):
            raise InputError("the data set", "has no column truth", "Write it with bopask export --to trl")
        return rewards.of([_loaded(one) for one in truth], [_text(one) for one in completions])

    return bopask_reward


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    *,
    dialect: str = "bopask",
    bop: str = "",
    **settings: Any,
) -> dict[str, float]:
    """verl's `custom_reward_function`; `dialect` and `bop` are its `reward_kwargs`.

    https://verl.readthedocs.io/en/latest/preparation/reward_function.html

    Args:
        data_source: bopask/TASK.
        solution_str: the reply.
        ground_truth: the answer in words. It is not read: more may be right than it says.
        extra_info: the row, as `bopask export --to verl` has it.
    Returns:
        `score`, the reward from 0 to 1, and `parsed`, 1 or 0: whether the reply is an answer in the dialect.
    Raises:
        InputError: `extra_info` is not such a row, or there is no such dialect.
    """
    rewards = _rewards(dialect, bop)
    row = {name: _plain(value) for name, value in (extra_info or {}).items()}
    row["split"] = row.get("bop_split")
    if missing := [name for name in TRUTH if name not in row]:
        raise InputError("extra_info", f"has no {missing[0]}", "Write the data set with bopask export --to verl")
    (score,) = rewards.of([row], [solution_str])
    parsed = rewards.dialect.parse(solution_str, row["task"], row["width"], row["height"])
    return {"score": score, "parsed": float(parsed.ok)}


@lru_cache(maxsize=KEPT)
def _loaded(truth: str) -> Row:
    row: Row = orjson.loads(truth)
    return row


def _text(completion: Any) -> str:
    """A completion's words: a string, or the last message of a chat, whose content may come in parts."""
    said = completion if isinstance(completion, str) else completion[-1]["content"]
    return said if isinstance(said, str) else "".join(part.get("text") or "" for part in said)


def _plain(value: Any) -> Any:
    """Arrays as lists: readers of parquet give either."""
    return [_plain(one) for one in value] if isinstance(value, (list, tuple, np.ndarray)) else value
