"""Variety: how much the language of a data set repeats itself, told from its shards."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from bopask.arrays import Array
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
    (task, tasks), (subtask, subtasks), (question, questions) = (coded(table, name) for name in COLUMNS)
    for t, rows in enumerate(np.bincount(task, minlength=len(tasks)).tolist()):
        found[tasks[t]].rows += rows
    for t, s in pairs(task, subtask):
        found[tasks[t]].subtasks.add(subtasks[s])
    for t, q in pairs(task, question):
        found[tasks[t]].questions.add(questions[q])


def coded(table: pa.Table, name: str) -> tuple[Int[Array, "n"], list[str]]:
    """A column of strings as numbers of its different values, and these."""
    column = table[name].cast(pa.dictionary(pa.int32(), pa.string())).combine_chunks()
    return column.indices.to_numpy(), column.dictionary.to_pylist()


def pairs(a: Int[Array, "n"], b: Int[Array, "n"]) -> list[tuple[int, int]]:
    """The different pairs of numbers."""
    many = int(b.max(initial=0)) + 1
    return list(zip(*(of.tolist() for of in np.divmod(np.unique(a.astype(np.int64) * many + b), many)), strict=True))


def spread(texts: Collection[str]) -> Iterable[str]:
    """At most MOST of them, evenly spread."""
    return texts if len(texts) <= MOST else sorted(texts)[:: -(-len(texts) // MOST)]


def distinct(texts: Iterable[str]) -> list[float]:
    """Distinct-n for n = 1, 2, …: different n-grams over all n-grams (Li et al. 2016), of lower-case words."""
    code: dict[str, int] = {}
    said = [[code.setdefault(word, len(code)) for word in WORD.findall(text.lower())] for text in texts]
    lengths = np.array([len(words) for words in said], np.int64)
    words = np.fromiter(chain.from_iterable(said), np.int64)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(words))  # words from here to the end of the text
    grams, shares = np.zeros(len(words), np.int64), []
    for n in range(1, LONGEST + 1):  # three words fit 63 bits while there are fewer than two million different ones
        grams = grams[: len(words) - n + 1] * len(code) + words[n - 1 :]
        whole = grams[left[: len(grams)] >= n]
        shares.append(len(pc.unique(pa.array(whole))) / max(len(whole), 1))
    return shares
