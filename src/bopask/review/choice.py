"""Which row comes next: filters, order, and how far a person has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Bool

from bopask.arrays import Array
from bopask.review.agreement import verdicts_of
from bopask.review.standing import Standing
from bopask.review.table import FACETS, Table


@dataclass(frozen=True)
class Choice:
    """What a person wants to see. '' is everything."""

    annotator: str = ""
    mode: str = "review"
    """'review', or 'answer': then only rows whose truth the person has not judged, and 'unseen' is: not answered."""
    task: str = ""
    subtask: str = ""
    dataset: str = ""
    verdict: str = ""
    """'accept', 'reject', 'fix' (the person's own), 'unseen' (not judged by them), 'disputed' (by any two)."""
    doubt: str = ""
    """'yes': somebody doubts it."""
    order: str = ""
    """'' as the rows are stored, 'mixed'."""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Choice:
        return cls(**{f.name: asked[f.name] for f in fields(cls) if f.name in asked})

    @property
    def kind(self) -> str:
        return "reply" if self.mode == "answer" else "row"

    def rows(self, table: Table) -> Bool[Array, "n"]:
        """Those of the chosen task, subtask and data set. The subtask hints at the answer: no choice in answer mode."""
        chosen = np.ones(len(table), bool)
        for name in FACETS:
            if (value := getattr(self, name)) and not (name == "subtask" and self.mode == "answer"):
                chosen &= table.columns[name].equals(value)
        return chosen

    def open(self, table: Table, standing: Standing, rows: Bool[Array, "n"]) -> Bool[Array, "n"]:
        """Those of `rows` that the filters by what was said leave."""
        if self.mode == "answer":
            rows = rows & ~_mask(table, [s for s, marks in standing.said("row") if self.annotator in marks])
            return rows & ~self.done(table, standing) if self.verdict == "unseen" else rows
        if self.doubt:
            rows = rows & _mask(table, [s for s, marks in standing.said("row") if any(map(_doubts, marks.values()))])
        if self.verdict == "unseen":
            return rows & ~self.done(table, standing)
        if self.verdict:
            verdicts = verdicts_of(standing, "row")
            return rows & _mask(table, [subject for subject, said in verdicts if self._has(said)])
        return rows

    def done(self, table: Table, standing: Standing) -> Bool[Array, "n"]:
        """Rows that the person has judged, or answered."""
        if self.mode == "answer":
            return _mask(table, [s for s, marks in standing.said("reply") if self.annotator in marks])
        return _mask(table, [s for s, said in verdicts_of(standing, "row") if self.annotator in said])

    def _has(self, verdicts: Mapping[str, str]) -> bool:
        if self.verdict == "disputed":
            return len(set(verdicts.values())) > 1
        return verdicts.get(self.annotator) == self.verdict

    def step(self, table: Table, standing: Standing, start: int | None, by: int) -> dict[str, Any]:
        """The row after (by=1) or before (by=-1) `start`, the first where that is None; by=0: `start` itself.

        Returns:
            position (in the table; None where there is none), place (1, 2, … among the open ones), how many are open,
            and, of the chosen task, subtask and data set, the total and how many are done.
        """
        rows = self.rows(table)
        rank = table.mixed if self.order == "mixed" else np.arange(len(table))
        open = np.flatnonzero(self.open(table, standing, rows))
        open = open[np.argsort(rank[open])]
        here = -1 if start is None else int(rank[start])
        at = int(np.searchsorted(rank[open], here, "right" if by > 0 else "left")) - (by < 0)
        position = start if by == 0 and start is not None else int(open[at]) if 0 <= at < len(open) else None
        done = int((rows & self.done(table, standing)).sum())
        return {"position": position, "place": at + 1, "open": len(open), "total": int(rows.sum()), "done": done}


def _mask(table: Table, subjects: list[str]) -> Bool[Array, "n"]:
    mask = np.zeros(len(table), bool)
    mask[table.positions(subjects)] = True
    return mask


def _doubts(mark: Any) -> bool:
    return bool(mark.after and mark.after.get("doubt"))
