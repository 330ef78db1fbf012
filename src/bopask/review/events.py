"""What people did, only ever added: one SQLite table of events, written before it is acknowledged.

OUT.review/review.sqlite, beside the data and never inside the BOP folder. WAL with synchronous=FULL: what `record`
returned is on the disk. Two tabs, or two servers, write one after the other; each first reads what the other added.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from bopask.errors import InputError, OutputError
from bopask.review.standing import Event, Standing

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    at        TEXT NOT NULL,
    annotator TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('row', 'object', 'reply')),
    subject   TEXT NOT NULL,
    after     TEXT,
    undoes    INTEGER REFERENCES event (seq),
    request   TEXT NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS event_subject ON event (kind, subject);
CREATE TRIGGER IF NOT EXISTS event_update BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
CREATE TRIGGER IF NOT EXISTS event_delete BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
"""
COLUMNS = "seq, at, annotator, kind, subject, after, undoes"


class Conflict(Exception):
    """What the writer saw is not what there is: nothing was written."""


@dataclass
class Events:
    """The open store. `standing` is the fold of every event in it."""

    path: Path
    standing: Standing = field(default_factory=Standing)
    lock: RLock = field(default_factory=RLock)
    """Held by whoever reads `standing` while others may write."""

    def __post_init__(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
            self.catch_up()
        except (sqlite3.Error, OSError) as error:
            raise OutputError(self.path, f"cannot be used ({error})", "Move it away, or free space") from error

    def close(self) -> None:
        self._db.close()

    def catch_up(self) -> Standing:
        """Adds what others wrote meanwhile."""
        with self.lock:
            for event in self._read("seq > ?", self.standing.last):
                self.standing.add(event)
            return self.standing

    def history(self, kind: str, subject: str) -> list[Event]:
        """Everything that was ever done to a subject, oldest first."""
        with self.lock:
            return list(self._read("kind = ? AND subject = ?", kind, subject))

    def record(
        self, request: str, annotator: str, kind: str, subject: str, after: Mapping[str, Any] | None, seen: int
    ) -> tuple[Event, tuple[str, ...]]:
        """Adds what an annotator says of a subject. The same `request` again adds nothing and gives the same event.

        Args:
            request: the writer's own name for this write.
            seen: the last event about the subject that the writer knows of.
        Returns:
            The event, and who else wrote about the subject since `seen`.
        Raises:
            Conflict: the same annotator wrote about it since, in another tab.
        """
        with self._writing() as standing:
            if (known := self._known(request)) is not None:
                return known, ()
            since = {name for name, mark in standing.of(kind, subject).items() if mark.seq > seen}
            if annotator in since:
                raise Conflict("You judged this in another tab meanwhile.")
            return self._add(request, annotator, kind, subject, after, None), tuple(sorted(since))

    def undo(self, request: str, annotator: str, undoes: int) -> Event:
        """Adds the inverse of an annotator's last event, or, of an undo, what it took back.

        Raises:
            Conflict: that event is not the last one that can be undone, or redone.
        """
        with self._writing() as standing:
            if (known := self._known(request)) is not None:
                return known
            if not undoes or undoes not in (standing.undoable(annotator), standing.redoable(annotator)):
                raise Conflict("There is another last step meanwhile.")
            kind, subject, before = standing.inverse(undoes)
            return self._add(request, annotator, kind, subject, before, undoes)

    def _add(
        self, request: str, annotator: str, kind: str, subject: str, after: Mapping[str, Any] | None, undoes: int | None
    ) -> Event:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        text = None if after is None else json.dumps(after, ensure_ascii=False, sort_keys=True)
        row = (at, annotator, kind, subject, text, undoes)
        marks = "INSERT INTO event (at, annotator, kind, subject, after, undoes, request) VALUES (?, ?, ?, ?, ?, ?, ?)"
        return _event((self._db.execute(marks, (*row, request)).lastrowid, *row))

    def _known(self, request: str) -> Event | None:
        return next(self._read("request = ?", request), None)

    def _read(self, where: str, *values: Any) -> Iterator[Event]:
        yield from map(_event, self._db.execute(f"SELECT {COLUMNS} FROM event WHERE {where} ORDER BY seq", values))

    @contextmanager
    def _writing(self) -> Iterator[Standing]:
        """One writer at a time, over all processes; what is added counts once it is committed."""
        with self.lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self.catch_up()
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self.catch_up()


def _event(row: tuple[Any, ...]) -> Event:
    seq, at, annotator, kind, subject, after, undoes = row
    return Event(seq, at, annotator, kind, subject, None if after is None else json.loads(after), undoes)


def store_of(out: Path, bop_root: Path | None) -> Path:
    """Where the events of a data set lie: beside it.

    Raises:
        InputError: that would be inside the BOP folder.
    """
    out = Path(out).resolve()
    path = out.with_name(out.name + ".review") / "review.sqlite"
    if bop_root is not None and path.is_relative_to(bop_root.resolve()):
        raise InputError(out, "lies inside the BOP folder, into which nothing is written", "Move it elsewhere")
    return path
