"""Budget: which of the facts that could be asked are asked, and in which wordings; all by counting, before any text.

What a frame may be asked is dealt out evenly: among its tasks, among a task's subtasks, among a subtask's facts by lot;
and each fact is asked once before any is asked again in other words. The two questions of a yes/no pair are taken
together, in the same wording, so that every wording stays exactly balanced whatever is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from bopask.arrays import Array
from bopask.ask.asked import Asked

MOST_WORDINGS = 20
"""Every subtask has at least so many."""


@dataclass(frozen=True)
class Budget:
    """How much is asked. None: as much as there is."""

    wordings: int = 1
    """Each fact is asked in so many different wordings, a row each; at most MOST_WORDINGS."""
    per_frame: int | None = None
    """Rows of one frame, at most."""
    per_task: int | None = None
    """Rows of one task in one frame, at most."""
    per_wording: int | None = None
    """Rows of one frame in the same wording, at most."""


class Chosen(NamedTuple):
    """The rows that are written of one Asked: which fact, in which wording."""

    task: str
    asked: Asked
    fact: Int[Array, "r"]
    template: Int[Array, "r"]


class Choice(NamedTuple):
    """What is asked of a block."""

    rows: list[Chosen]
    left_out: dict[str, int]
    """Rows that are not written, by the limit that forbids them."""


def choose(asked: Mapping[str, Sequence[Asked]], budget: Budget, rng: np.random.Generator) -> Choice:
    """What is asked of a block of frames.

    Args:
        asked: by task.
        rng: decides by lot.
    """
    many = [(task, one) for task, of in asked.items() for one in of if len(one)]
    if not many:
        return Choice([], {})
    dealt = _Deal.of(many, budget, rng)
    rows, left_out = dealt.rows, {}
    for reason, limit in (
        ("asked_enough", _Deal.limited),
        ("max_per_wording", lambda deal: deal.in_frames(deal.subtask, deal.in_all_wordings(budget.per_wording))),
        ("max_per_task", lambda deal: deal.in_frames(deal.task, budget.per_task)),
        ("max_per_frame", lambda deal: deal.in_frames(deal.task, budget.per_frame, _level)),
    ):
        dealt = limit(dealt)
        left_out[reason], rows = rows - dealt.rows, dealt.rows
    return Choice(dealt.chosen(many, rng), left_out)


@dataclass(frozen=True)
class _Deal:
    """n units (facts, or yes/no pairs of facts) and in how many wordings each is asked."""

    subtasks: tuple[str, ...]
    templates: Int[Array, "s"]
    """Number of wordings of each subtask."""
    source: Int[Array, "n"]
    """Which Asked a unit is of."""
    subtask: Int[Array, "n"]
    task: Int[Array, "n"]
    frame: Int[Array, "n"]
    together: Int[Array, "n"]
    """Rows of a unit in one wording."""
    most: Int[Array, "n"]
    """Units of its subtask in one frame, at most."""
    times: Int[Array, "n"]
    """In how many wordings it is asked."""
    lot: Int[Array, "n"]
    """A permutation: who comes first."""

    @classmethod
    def of(cls, many: Sequence[tuple[str, Asked]], budget: Budget, rng: np.random.Generator) -> _Deal:
        tasks = list(dict.fromkeys(task for task, _ in many))
        templates = {one.subtask: len(one.templates) for _, one in many}
        subtasks = tuple(templates)
        together = np.array([one.together for _, one in many])
        source = np.repeat(np.arange(len(many)), np.array([len(one) for _, one in many]) // together)
        no_limit = len(source)
        return cls(
            subtasks,
            np.array(list(templates.values())),
            source,
            np.array([subtasks.index(one.subtask) for _, one in many])[source],
            np.array([tasks.index(task) for task, _ in many])[source],
            np.concatenate([one.frame[:: one.together] for _, one in many]),
            together[source],
            np.array([no_limit if one.most is None else one.most for _, one in many])[source],
            np.full(len(source), budget.wordings),
            rng.permutation(len(source)),
        )

    @property
    def rows(self) -> int:
        return int((self.times * self.together).sum())

    def turn(self) -> Int[Array, "n"]:
        """The place of each unit among those of its subtask in its frame, by lot."""
        return _places(self.frame * len(self.subtasks) + self.subtask, self.lot)

    def limited(self) -> _Deal:
        """Without what is beyond a subtask's own limit."""
        if (self.most == len(self.lot)).all():
            return self
        return replace(self, times=np.where(self.turn() < self.most, self.times, 0))

    def in_all_wordings(self, most: int | None) -> Int[Array, "s"] | None:
        """Rows of each subtask in a frame, if `most` may have the same wording: all wordings are used in turn."""
        together = np.ones(len(self.subtasks), int)
        together[self.subtask] = self.together
        return None if most is None else self.templates * (most // together * together)

    def in_frames(
        self,
        kind: Int[Array, "n"],
        most: Int[Array, "k"] | int | None,
        may: Callable[[Int[Array, "F k"], Any], Int[Array, "F k"]] = np.minimum,
    ) -> _Deal:
        """Within what each task may ask of a frame: whole rounds of all its facts, and a part of the last round.

        Args:
            kind: of a unit: its task, or its subtask.
            may: how many of the rows that each kind has in each frame it may keep, if `most` are allowed.
        """
        if most is None:
            return self
        kinds, frames = int(kind.max()) + 1, int(self.frame.max()) + 1
        group = self.frame * kinds + kind
        rows = np.bincount(group, self.times * self.together, frames * kinds).astype(int)
        allowed = may(rows.reshape(frames, kinds), most).ravel()
        once = np.bincount(group, (self.times > 0) * self.together, len(rows)).astype(int)
        rounds, rest = np.divmod(allowed, np.maximum(once, 1))
        in_turn = np.where(self.times > 0, self.turn() * len(self.lot) + self.lot, np.iinfo(np.int64).max)
        order = np.lexsort((in_turn, group))
        spent = np.cumsum(self.together[order])
        first = np.searchsorted(group[order], np.arange(len(rows)))
        spent -= np.append(0, spent)[first][group[order]]
        again = np.zeros(len(order), bool)
        again[order] = spent <= rest[group[order]]
        return replace(self, times=np.minimum(self.times, rounds[group] + again))

    def chosen(self, many: Sequence[tuple[str, Asked]], rng: np.random.Generator) -> list[Chosen]:
        """Rows: a subtask's units take its wordings round by round, frame by frame: so none is used more than another,
        in one frame or in all."""
        order = np.argsort((self.subtask * (self.frame.max() + 1) + self.frame) * len(self.lot) + self.lot)
        begun = np.cumsum(self.times[order]) - self.times[order]
        begun -= begun[np.searchsorted(self.subtask[order], np.arange(len(self.subtasks)))][self.subtask[order]]
        start = rng.integers(0, self.templates)
        place = np.empty(len(order), np.int64)
        place[order] = begun
        place += start[self.subtask]
        step = np.array([_step(n) for n in self.templates.tolist()])
        rows = []
        ends = np.searchsorted(self.source, np.arange(len(many) + 1))
        for (task, asked), a, b in zip(many, ends[:-1], ends[1:], strict=True):
            times, of = self.times[a:b], self.subtask[a]
            unit = np.repeat(np.arange(b - a), times)
            template = (place[a:b][unit] + _runs(times)) * step[of] % self.templates[of]
            if asked.together == 2:
                unit, template = np.stack([2 * unit, 2 * unit + 1], -1).ravel(), np.repeat(template, 2)
            rows.append(Chosen(task, asked, unit, template))
        return rows


def _places(group: Int[Array, "n"], lot: Int[Array, "n"]) -> Int[Array, "n"]:
    """The place of each within its group, in the order of lots."""
    order = np.argsort(group * len(lot) + lot)
    place = np.empty(len(order), np.int64)
    place[order] = _runs(np.unique(group, return_counts=True)[1])
    return place


def _runs(lengths: Int[Array, "n"]) -> Int[Array, "m"]:
    """0, 1, … up to each length, one after another."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _step(n: int) -> int:
    """Neighbouring wordings are alike in kind: so many are leapt over, and yet all n are come to."""
    return next(step for step in range(1 + 3 * n // 8, 2 * n) if gcd(step, n) == 1)


def _level(rows: Int[Array, "F t"], most: int) -> Int[Array, "F t"]:
    """What each task gets of a frame's rows: all that it has, or as much as any other."""
    may, left = np.zeros_like(rows), np.full(len(rows), most)
    frames = np.arange(len(rows))
    for place, task in enumerate(np.argsort(rows, 1, kind="stable").T):
        may[frames, task] = np.minimum(rows[frames, task], left // (rows.shape[1] - place))
        left -= may[frames, task]
    return may
