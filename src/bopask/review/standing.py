"""The present state as a fold of events: who says what of which subject, and what can be undone.

Knows no disk. Adding the same events in the same order gives the same standing, however often one stopped between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Event(NamedTuple):
    """An annotator says something of a subject, or, with `after` None, says nothing of it any more."""

    seq: int
    at: str
    """UTC, ISO 8601."""
    annotator: str
    kind: str
    """'row' (a judgement), 'object' (of a description) or 'reply' (an answer, in answer mode)."""
    subject: str
    """The row's id, or the object's."""
    after: Mapping[str, Any] | None
    undoes: int | None = None
    """The event that this one is the inverse of."""


class Mark(NamedTuple):
    """What stands: the last event of one annotator about one subject."""

    seq: int
    at: str
    after: Mapping[str, Any] | None


@dataclass
class Standing:
    """The fold. Annotators never change each other's marks."""

    last: int = 0
    marks: dict[tuple[str, str], dict[str, Mark]] = field(default_factory=lambda: defaultdict(dict))
    """By kind and subject, then annotator."""
    _inverse: dict[int, tuple[str, str, Mapping[str, Any] | None]] = field(default_factory=dict)
    _done: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _undone: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Event) -> None:
        mine = self.marks[event.kind, event.subject]
        before = mine[event.annotator].after if event.annotator in mine else None
        self._inverse[event.seq] = event.kind, event.subject, before
        mine[event.annotator] = Mark(event.seq, event.at, event.after)
        done, undone = self._done[event.annotator], self._undone[event.annotator]
        if event.undoes is None:
            done.append(event.seq)
            undone.clear()
        elif done and done[-1] == event.undoes:
            done.pop()
            undone.append(event.seq)
        else:
            undone.pop()
            done.append(event.seq)
        self.last = event.seq

    def of(self, kind: str, subject: str) -> Mapping[str, Mark]:
        """By annotator; also those who took back what they said (`after` is None)."""
        return self.marks.get((kind, subject), {})

    def said(self, kind: str) -> Iterable[tuple[str, dict[str, Mark]]]:
        """Subjects of a kind with what stands of them; those of which nothing stands are left out."""
        for (k, subject), marks in self.marks.items():
            standing = {name: mark for name, mark in marks.items() if mark.after is not None}
            if k == kind and standing:
                yield subject, standing

    def version(self, kind: str, subject: str) -> int:
        """The last event about a subject, by anybody; 0 where there is none."""
        return max((mark.seq for mark in self.of(kind, subject).values()), default=0)

    @property
    def annotators(self) -> list[str]:
        return sorted({name for marks in self.marks.values() for name in marks})

    def undoable(self, annotator: str) -> int:
        """The event that undo takes back; 0 where there is none."""
        return self._done[annotator][-1] if self._done.get(annotator) else 0

    def redoable(self, annotator: str) -> int:
        """The undo that redo takes back; 0 where there is none."""
        return self._undone[annotator][-1] if self._undone.get(annotator) else 0

    def inverse(self, seq: int) -> tuple[str, str, Mapping[str, Any] | None]:
        """Kind and subject of an event, and what its annotator said of it before."""
        return self._inverse[seq]
