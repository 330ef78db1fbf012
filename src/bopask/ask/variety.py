"""Variety: how much the language of a data set repeats itself, told from its shards."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bopask.store.dataset import open_shard, sampled

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
COLUMNS = ["task", "subtask", "question"]
LONGEST = 3
"""n-grams of 1 to so many words are counted."""
MOST = 20_000
"""Of a task's questions, in so many at most: of more, evenly spread in alphabetical order."""


def language(out: Path, wordings: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, Any]]:
    """By task: distinct questions, distinct-n among them, wordings, and the share of rows that the commonest one has.

    Questions are those of `of_rows` rows: of a large data set not all are read (see `sampled`).

    Args:
        wordings: rows by subtask and wording.
    """
    found: dict[str, Texts] = defaultdict(Texts)
    for path, group in sampled(out).groups:
        with open_shard(path, read_dictionary=COLUMNS) as file:
            note(found, file.read_row_group(group, columns=COLUMNS))
    told: dict[str, dict[str, Any]] = {}
    for task, of in sorted(found.items()):
        rows = [n for subtask in sorted(of.subtasks) for n in wordings.get(subtask, {}).values()]
        told[task] = {
            "of_rows": of.rows,
            "distinct_questions": len(of.questions),
            **{f"distinct_{n}": round(share, 4) for n, share in enumerate(distinct(spread(of.questions)), 1)},
            "wordings": len(rows),
            "commonest_wording": round(max(rows, default=0) / max(sum(rows), 1), 4),
        }
    return told


@dataclass
class Texts:
    """The different texts of a task's rows."""

    rows: int = 0
    questions: set[str] = field(default_factory=set)
    subtasks: set[str] = field(default_factory=set)


def note(found: Mapping[str, Texts], table: pa.Table) -> None:
    """Adds the rows of a table to what was found, by task."""
    for task in pc.unique(table["task"]).to_pylist():
        rows = table.filter(pc.equal(table["task"].cast(pa.string()), task))
        found[task].rows += rows.num_rows
        found[task].questions.update(pc.unique(rows["question"]).to_pylist())
        found[task].subtasks.update(pc.unique(rows["subtask"]).to_pylist())


def spread(texts: Collection[str]) -> Iterable[str]:
    """At most MOST of them, evenly spread."""
    return texts if len(texts) <= MOST else sorted(texts)[:: -(-len(texts) // MOST)]


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
