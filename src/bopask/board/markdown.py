"""The tables as markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bopask.board.figures import between, cell, failures, headline_of, short, tasks_of
from bopask.board.published import COLUMNS, CORE, NOTE
from bopask.board.runs import Entry


def markdown(entries: Sequence[Entry], seed: int = 0) -> str:
    """Headlines, the paper's scores beside its own, and failures."""
    tasks = tasks_of(entries)
    heads = [f"{task}<br>{headline_of(entries, task)}" for task in tasks]
    lines = []
    for entry in entries:
        cells = [cell(entry, entry.of(task=task), headline_of(entries, task), seed) for task in tasks]
        lines.append([_text(entry.label), *(f"{short(c.value)} ({between(c)}) n={c.n}" for c in cells)])
    failed = [
        [_text(entry.label), *(", ".join(f"{k} {n}" for k, n in sorted(failures(entry, t).items())) for t in tasks)]
        for entry in entries
    ]
    ours = [
        [_text(entry.label), *(short(cell(entry, entry.of(task=c.task), c.score).value, c.factor) for c in COLUMNS)]
        for entry in entries
    ]
    published = [[f"{name} *", *(short(None if math.isnan(v) else v) for v in row)] for name, row in CORE.items()]
    return "\n".join(
        [
            "Headline scores (95 % bootstrap interval over images). What could not be parsed counts as worst.\n",
            *_table(["model", *heads], lines),
            "\nReplies without an answer, by kind:\n",
            *_table(["model", *tasks], failed),
            "\nThe paper's scores:\n",
            *_table(["model", *(column.title for column in COLUMNS)], [*ours, *published]),
            f"\n\\* {NOTE}\n",
        ]
    )


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return [f"| {' | '.join(line)} |" for line in (heads, rule, *lines)]


def _text(value: str) -> str:
    """A name that is no markup: neither HTML nor a cell's end."""
    plain = " ".join(value.split())
    for sign in "\\`*_{}[]<>|#":
        plain = plain.replace(sign, f"&#{ord(sign)};")
    return plain
