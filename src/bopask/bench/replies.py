"""Replies on disk: replies.jsonl, {"id", "reply"} a line, made by `bopask eval`, `review export`, `baseline` or anyone.

Further fields that are read: `annotator` (several people may answer a row), `model`, `dialect` (what the writer
declares), `error` (there is no reply, and why).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bopask.errors import InputError
from bopask.store.files import atomic

NOT_ANSWERED = "not_answered"
FIELDS = ("annotator", "model", "dialect")


@dataclass(frozen=True)
class Written:
    """One line."""

    id: str
    reply: str
    annotator: str = ""


@dataclass(frozen=True)
class Replies:
    """A file of replies, held against the rows they are about."""

    by_row: Mapping[str, tuple[Written, ...]]
    """In the order of the file; several where several people answered."""
    unknown: int = 0
    """Lines whose id is no row of the data set."""
    repeated: int = 0
    """Lines that say again what an earlier line of the same row and person says."""
    contradicted: int = 0
    """Lines that say something else than an earlier one of the same row and person: the first counts."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Lines without a reply, by the reason they give."""
    model: str = ""
    """Where all lines that name one name the same."""
    dialect: str = ""


def read_replies(path: Path, known: frozenset[str] | set[str]) -> Replies:
    """Reads a file of replies.

    Raises:
        InputError: it cannot be read, or a line is no JSON object with a string `id` and a string `reply`.
    """
    by_row: dict[str, dict[str, Written]] = {}
    counts = {"unknown": 0, "repeated": 0, "contradicted": 0}
    errors: dict[str, int] = {}
    named: dict[str, set[str]] = {name: set() for name in FIELDS}
    for said in read_lines(path):
        for name in FIELDS:
            named[name].update([str(said[name])] if said.get(name) else [])
        if said["id"] not in known:
            counts["unknown"] += 1
            continue
        if said["reply"] is None:
            errors[str(said["error"])] = errors.get(str(said["error"]), 0) + 1
            continue
        one = Written(said["id"], said["reply"], str(said.get("annotator") or ""))
        first = by_row.setdefault(one.id, {}).setdefault(one.annotator, one)
        if first is not one:
            counts["repeated" if first == one else "contradicted"] += 1
    model, dialect = ("".join(named[name]) if len(named[name]) == 1 else "" for name in ("model", "dialect"))
    rows = {id: tuple(of.values()) for id, of in by_row.items()}
    return Replies(rows, **counts, errors=dict(sorted(errors.items())), model=model, dialect=dialect)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines as dicts with `id` and `reply` (a string, or None beside an `error`)."""
    fix = 'Write {"id": …, "reply": …} a line, both strings'
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    said = _object(line)
                    if said is None:
                        raise InputError(f"{path}, line {number}", "is no reply", fix)
                    yield said
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", fix) from error


def _object(line: str) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("id"), str):
        return None
    reply = said.get("reply")
    good = isinstance(reply, str) or (reply is None and said.get("error"))
    return {**said, "reply": reply} if good else None


def write_replies(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Writes a whole file."""
    with atomic(path) as partial:
        partial.write_text("".join(map(line_of, lines)), encoding="utf-8")


def line_of(said: Mapping[str, Any]) -> str:
    """A reply as its line. Lone surrogates, which models do write, stay escaped: UTF-8 has no bytes for them."""
    line = json.dumps(said, ensure_ascii=False)
    return (line if line.isprintable() else json.dumps(said)) + "\n"


class Journal:
    """Replies written as they come, a line each, at once: what a killed run leaves, and the next one goes on from."""

    def __init__(self, path: Path) -> None:
        """Raises InputError where another process writes it."""
        import fcntl

        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise InputError(path, "is being written by another run", "Wait for it, or choose another --out") from error
        self._cut()

    def _cut(self) -> None:
        """Takes away a last line that was being written when the run was killed."""
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)

    def add(self, said: Mapping[str, Any]) -> None:
        """One write of one line: it is there, whole, whatever happens to the process afterwards."""
        self._file.write(line_of(said).encode())
        self._file.flush()

    def close(self) -> None:
        self._file.close()


@contextmanager
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    try:
        yield opened
    finally:
        opened.close()
