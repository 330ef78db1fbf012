"""Laws of budgets: what is asked of a frame, whatever there is to ask."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bopask.ask.asked import Asked
from bopask.ask.budget import Budget, Choice, choose
from bopask.cli import main

FRAMES = 4


def facts(seed: int) -> dict[str, list[Asked]]:
    """Two tasks that point and two of yes/no pairs, each with a random number of facts a frame."""
    rng, asked = np.random.default_rng(seed), dict[str, list[Asked]]()
    for task, subtasks, pairs in (("pose", 1, False), ("grasp", 1, False), ("spatial", 3, True), ("depth", 2, True)):
        for k in range(subtasks):
            frame = np.sort(rng.integers(0, FRAMES, rng.integers(0, 30)))
            frame = np.repeat(frame, 2) if pairs else frame
            yes = np.arange(len(frame)) % 2 == 0 if pairs else None
            templates = tuple(f"{task} {k} {t} {{a}}" for t in range(20 + k))
            one = Asked(f"{task}{k}", templates, frame, np.zeros((len(frame), 1), int), unwritten, yes=yes)
            asked.setdefault(task, []).append(one)
    return asked


def unwritten(facts):
    raise AssertionError("a choice writes no text")


def rows_of(choice: Choice) -> list[tuple[int, str, str, int, int]]:
    """Frame, task, subtask, fact, wording of every row."""
    return [
        (int(one.asked.frame[fact]), one.task, one.asked.subtask, int(fact), int(template))
        for one in choice.rows
        for fact, template in zip(one.fact, one.template, strict=True)
    ]


LIMIT = st.none() | st.integers(1, 60)


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), LIMIT, LIMIT, st.none() | st.integers(1, 4))
def test_limits_hold_and_what_is_left_out_is_counted(seed, wordings, per_frame, per_task, per_wording):
    asked = facts(seed)
    budget = Budget(wordings, per_frame, per_task, per_wording)
    choice = choose(asked, budget, np.random.default_rng(seed))
    rows = rows_of(choice)
    in_frame, in_task = Counter(r[0] for r in rows), Counter(r[:2] for r in rows)
    in_words = Counter((frame, subtask, words) for frame, _, subtask, _, words in rows)
    assert max(in_words.values(), default=0) <= (per_wording or np.inf)
    assert max(in_frame.values(), default=0) <= (per_frame or np.inf)
    assert max(in_task.values(), default=0) <= (per_task or np.inf)
    there = wordings * sum(len(one) for of in asked.values() for one in of)
    assert len(rows) + sum(choice.left_out.values()) == there
    assert len(set(rows)) == len(rows)  # no fact twice in the same words


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), LIMIT, LIMIT)
def test_every_wording_of_yes_and_no_is_balanced_and_none_is_used_more_than_another(
    seed, wordings, per_frame, per_task
):
    choice = choose(facts(seed), Budget(wordings, per_frame, per_task), np.random.default_rng(seed))
    used: dict[str, Counter[int]] = {}
    for one in choice.rows:
        used.setdefault(one.asked.subtask, Counter()).update(one.template.tolist())
        if one.asked.yes is not None:
            yes = one.asked.yes[one.fact]
            for template in set(one.template.tolist()):
                assert 2 * yes[one.template == template].sum() == (one.template == template).sum()
    for one in choice.rows:
        times = [used[one.asked.subtask][t] for t in range(len(one.asked.templates))]
        assert max(times) - min(times) <= one.asked.together


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 20))
def test_a_limit_for_each_wording_leaves_out_no_row_that_it_allows(seed, per_wording, wordings):
    asked = facts(seed)
    rows = rows_of(choose(asked, Budget(wordings, per_wording=per_wording), np.random.default_rng(seed)))
    got = Counter((frame, subtask) for frame, _, subtask, *_ in rows)
    for one in (one for of in asked.values() for one in of):
        most = len(one.templates) * (per_wording // one.together * one.together)
        for frame in range(FRAMES):
            assert got[frame, one.subtask] == min(most, wordings * int((one.frame == frame).sum()))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 20))
def test_a_fact_is_asked_again_only_when_all_of_its_task_are_asked(seed, per_task, wordings):
    asked = facts(seed)
    choice = choose(asked, Budget(wordings, None, per_task), np.random.default_rng(seed))
    times = Counter((task, frame, subtask, fact) for frame, task, subtask, fact, _ in rows_of(choice))
    for task, of in asked.items():
        for frame in range(FRAMES):
            said = [times[task, frame, one.subtask, f] for one in of for f in np.flatnonzero(one.frame == frame)]
            assert max(said, default=0) - min(said, default=0) <= 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_tasks_of_a_frame_share_it_evenly(seed, per_frame):
    """A task gets less than another only where it has no more to ask, to a yes/no pair."""
    asked = facts(seed)
    choice = choose(asked, Budget(1, per_frame), np.random.default_rng(seed))
    got = Counter((frame, task) for frame, task, *_ in rows_of(choice))
    for frame in range(FRAMES):
        there = {task: sum(int((one.frame == frame).sum()) for one in of) for task, of in asked.items()}
        most = max(got[frame, task] for task in asked)
        assert all(got[frame, task] == n or got[frame, task] >= most - 2 for task, n in there.items())


@pytest.mark.parametrize(
    "option", [("--wordings", "0"), ("--wordings", "21"), ("--max-per-frame", "-1"), ("--max-per-wording", "0")]
)
def test_budgets_that_are_none_are_refused(option, tmp_path, capsys):
    sample = "src/bopask/data/sample"
    assert main(["generate", sample, "--split", "train", "--out", str(tmp_path / "out"), *option]) == 2
    assert "--wordings" in capsys.readouterr().err
