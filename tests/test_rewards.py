"""Rewards: the truth is worth most, noise less and less, what is no answer nothing; whatever trainer asks."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from bopask.bench import rewards
from bopask.bench.baselines import exact
from bopask.bench.dialects import CHOICES, DIALECTS, dialect_named
from bopask.bench.rewards import compute_score, trl
from bopask.bench.scores import HEADLINE, SCORES
from bopask.errors import InputError
from bopask.export.run import Request, export
from bopask.rng import rng_for

SIGMAS = (0.0, 4.0, 16.0, 64.0, 256.0)
"""Pixels."""


@pytest.fixture(scope="module")
def chats(asked: Path, crowded: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Rows as `bopask export --to trl` writes them: up to forty of each task."""
    folder = tmp_path_factory.mktemp("trl") / "x"
    export(Request(asked, folder, "trl", bop=crowded))
    by_task: dict[str, list[dict[str, Any]]] = {}
    for line in (folder / "train.jsonl").read_text().splitlines():
        row = json.loads(line)
        by_task.setdefault(row["task"], []).append(row)
    assert set(by_task) == set(SCORES)
    return [row for of in by_task.values() for row in of[:: max(1, len(of) // 40)]]


@pytest.fixture(scope="module")
def prompts(asked: Path, crowded: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Rows as `bopask export --to verl` writes them."""
    folder = tmp_path_factory.mktemp("verl") / "x"
    export(Request(asked, folder, "verl", bop=crowded, images="reference"))
    return pq.read_table(folder / "train.parquet").to_pylist()


def asking(reward: Callable[..., list[float]], rows: list[dict[str, Any]], replies: list[str]) -> list[float]:
    """As TRL's GRPOTrainer calls a reward for conversational prompts."""
    columns = {name: [row[name] for row in rows] for name in rows[0] if name not in ("prompt", "completion")}
    said = [[{"role": "assistant", "content": reply}] for reply in replies]
    prompts = [row["prompt"] for row in rows]
    return reward(prompts=prompts, completions=said, completion_ids=[[1]] * len(rows), trainer_state=None, **columns)


def reply(truth: dict[str, Any], sigma: float, dialect: str = "bopask") -> str:
    """The truth moved by noise, kept on the image; yes and no turned round with a chance of sigma / 512."""
    rng, size = rng_for(0, "reply", truth["id"]), np.array([truth["width"], truth["height"]])
    if truth["task"] in CHOICES:
        return ("Yes" if truth["answer"] == "No" else "No") if rng.random() < sigma / 512 else truth["answer"]
    points = np.array(truth["answer_points"])
    moved = np.clip(points + sigma * rng.standard_normal(points.shape), 0, size - 1)
    return exact(dialect_named(dialect)).write(moved.tolist(), truth["task"], *size.tolist())


def by_task(rows: list[dict[str, Any]], values: list[float]) -> dict[str, float]:
    return {
        task: float(np.mean([v for row, v in zip(rows, values, strict=True) if row["task"] == task])) for task in SCORES
    }


@pytest.mark.parametrize("scene", [False, True], ids=["points", "scene"])
def test_truth_is_worth_most_and_noise_less_and_less(chats: list[dict[str, Any]], crowded: Path, scene: bool) -> None:
    reward = trl(bop=crowded if scene else "")
    truths = [json.loads(row["truth"]) for row in chats]
    curves = [by_task(chats, asking(reward, chats, [reply(truth, sigma) for truth in truths])) for sigma in SIGMAS]
    for task in SCORES:
        curve = [of[task] for of in curves]
        assert curve[0] == pytest.approx(1.0, abs=1e-6), (task, curve)
        assert all(a >= b - 0.02 for a, b in pairwise(curve)), (task, curve)
        assert curve[0] > curve[3] >= curve[4] >= 0, (task, curve)


@pytest.mark.parametrize("said", ["", "I cannot tell.", "[[1, 2", "maybe", "[[1, 2, 3]]", "[[99999, 3], [4, 99999]]"])
def test_what_is_no_answer_is_worth_nothing(chats: list[dict[str, Any]], crowded: Path, said: str) -> None:
    for reward in (trl(), trl(bop=crowded)):
        assert asking(reward, chats, [said] * len(chats)) == [0.0] * len(chats)


def test_a_batch_is_its_rows(chats: list[dict[str, Any]], crowded: Path) -> None:
    replies = [reply(json.loads(row["truth"]), 8.0) for row in chats]
    for reward in (trl(), trl(bop=crowded)):
        batch = asking(reward, chats, replies)
        alone = [asking(reward, [row], [said])[0] for row, said in zip(chats, replies, strict=True)]
        assert batch == alone == asking(reward, chats, replies)
        back = asking(reward, chats[::-1], replies[::-1])
        assert back[::-1] == batch


@pytest.mark.parametrize("name", DIALECTS)
def test_the_dialect_is_the_one_that_was_exported(chats: list[dict[str, Any]], name: str) -> None:
    """The same reply in any dialect is worth the same."""
    truths = [json.loads(row["truth"]) for row in chats]
    values = asking(trl(name), chats, [reply(truth, 8.0, name) for truth in truths])
    assert values == pytest.approx(asking(trl(), chats, [reply(truth, 8.0) for truth in truths]), abs=1e-3)


def test_headlines_are_those_of_the_benchmark(chats: list[dict[str, Any]], crowded: Path) -> None:
    """With the scene at hand, the reward of a task whose headline is a share is that score."""
    made = rewards.Rewards(dialect_named("bopask"), crowded)
    for row in chats:
        truth, said = json.loads(row["truth"]), reply(json.loads(row["truth"]), 8.0)
        rule = SCORES[row["task"]][HEADLINE[row["task"]]]
        answer = made.dialect.parse(said, row["task"], truth["width"], truth["height"])
        value = rule.one(made.truth(truth), answer.verdict if answer.points is None else answer.points).value
        assert made.of([truth], [said]) == pytest.approx([value], abs=1e-9)


def test_verl_is_paid_what_trl_is(chats: list[dict[str, Any]], prompts: list[dict[str, Any]], crowded: Path) -> None:
    by_id = {row["extra_info"]["id"]: row for row in prompts}
    for row in chats:
        other, said = by_id[row["id"]], reply(json.loads(row["truth"]), 8.0)
        for bop in ("", str(crowded)):
            (value,) = asking(trl(bop=bop), [row], [said])
            for extra in (other["extra_info"], arrays(other["extra_info"])):
                paid = compute_score(other["data_source"], said, other["reward_model"]["ground_truth"], extra, bop=bop)
                assert paid == {"score": value, "parsed": 1.0}
    row = prompts[0]
    assert compute_score(row["data_source"], "?", "", row["extra_info"]) == {"score": 0.0, "parsed": 0.0}


def test_verl_can_load_the_file(prompts: list[dict[str, Any]]) -> None:
    """As its custom_reward_function.path is: by its path, under another name, called by keywords."""
    spec = importlib.util.spec_from_file_location("custom_module", str(rewards.__file__))
    assert spec is not None and spec.loader is not None
    sys.modules["custom_module"] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["custom_module"]
    row = next(row for row in prompts if row["ability"] == "depth")
    called = {
        "data_source": row["data_source"], "ground_truth": row["reward_model"]["ground_truth"],
        "extra_info": {**row["extra_info"], "num_turns": 2}, "dialect": "gemini", "reward_router_address": None,
    }  # fmt: skip
    right, wrong = row["extra_info"]["answer"], {"Yes": "No", "No": "Yes"}[row["extra_info"]["answer"]]
    assert module.compute_score(solution_str=f"<think>…</think>{right}.", **called) == {"score": 1.0, "parsed": 1.0}
    assert module.compute_score(solution_str=wrong, **called) == {"score": 0.0, "parsed": 1.0}


def arrays(extra: dict[str, Any]) -> dict[str, Any]:
    """As pandas reads lists."""
    made = dict(extra)
    for name in ("camera_K", "T_world_cam", "instances"):
        made[name] = None if extra[name] is None else np.array(extra[name])
    if extra["answer_points"] is not None:
        made["answer_points"] = np.empty(len(extra["answer_points"]), object)
        made["answer_points"][:] = [np.array(point) for point in extra["answer_points"]]
    return made


def test_rows_of_others_are_refused(chats: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="--to trl"):
        trl()(prompts=["?"], completions=["[[1, 2]]"])
    with pytest.raises(InputError, match="--to verl"):
        compute_score("gsm8k", "[[1, 2]]", "[[1, 2]]", {"index": 3})
    with pytest.raises(InputError, match="--dialect"):
        trl("klingon")
    assert trl()(prompts=["?"], completions=["Yes"], truth=[chats[0]["truth"]]) == [0.0]  # words alone are read too
