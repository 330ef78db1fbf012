"""Variety: how much the language of a data set repeats itself, told from its shards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bopask.store.dataset import open_shard

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
LONGEST = 3
"""n-grams of 1 to so many words are counted."""


def language(out: Path, wordings: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, Any]]:
    """By task: distinct questions, distinct-n among them, wordings, and the share of rows that the commonest one has.

    Args:
        wordings: rows by subtask and wording.
    """
    questions, subtasks = distinct_questions(out)
    told: dict[str, dict[str, Any]] = {}
    for task, texts in sorted(questions.items()):
        rows = [n for subtask in sorted(subtasks[task]) for n in wordings.get(subtask, {}).values()]
        told[task] = {
            "distinct_questions": len(texts),
            **{f"distinct_{n}": round(share, 4) for n, share in enumerate(distinct(texts), 1)},
            "wordings": len(rows),
            "commonest_wording": round(max(rows, default=0) / max(sum(rows), 1), 4),
        }
    return told


def distinct_questions(out: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The question texts of each task, and its subtasks."""
    questions: dict[str, set[str]] = {}
    subtasks: dict[str, set[str]] = {}
    columns = ["task", "subtask", "question"]
    for path in sorted((out / "data").glob("*.parquet")):
        with open_shard(path, read_dictionary=columns) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=columns)
                for row in table.group_by(columns).aggregate([]).to_pylist():
                    questions.setdefault(row["task"], set()).add(row["question"])
                    subtasks.setdefault(row["task"], set()).add(row["subtask"])
    return questions, subtasks


def distinct(texts: Iterable[str]) -> list[float]:
    """Distinct-n for n = 1, 2, …: different n-grams over all n-grams (Li et al. 2016), of lower-case words."""
    seen: list[set[tuple[str, ...]]] = [set() for _ in range(LONGEST)]
    total = [0] * LONGEST
    for text in texts:
        words = WORD.findall(text.lower())
        for n in range(1, LONGEST + 1):
            grams = list(zip(*(words[k:] for k in range(n)), strict=False))
            seen[n - 1].update(grams)
            total[n - 1] += len(grams)
    return [len(some) / max(all_, 1) for some, all_ in zip(seen, total, strict=True)]
