"""`bopask export`: rows of a data set folder, in a format that others read.

    rows of OUT ─picture→ Item ─format→ files in a sibling of DEST ─rename→ DEST

DEST is whole or absent, and is never mixed with another run: `export.json` says what it was made from. The same data
and options give the same bytes.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bopask.bench.dialects import dialect_named
from bopask.errors import InputError, OutputError
from bopask.export.files import MODES, Files
from bopask.export.formats import FORMATS, Format
from bopask.export.place import Item, Place
from bopask.export.source import Source, Writer, as_it_stands, in_dialect, open_source
from bopask.store.files import key_of, write_json

VERSION = 2
"""Of the formats: part of the fingerprint."""
BASE = ("id", "task", "subtask", "question", "answer", "answer_points", "phrases", "width", "height")
"""Columns that every format, and a writer, reads."""
TAGS = ("<image>", "<video>", "<audio>", "<bbox>", "<ref-object>")
"""What trainers replace by pictures and boxes: a row that says one of them in its text would be misread."""


@dataclass(frozen=True)
class Request:
    """What to export, and where to."""

    out: Path
    dest: Path
    to: str
    tasks: tuple[str, ...] = ()
    """() = all."""
    images: str = ""
    """'link', 'copy', 'reference', or '' for what suits the format."""
    bop: Path | None = None
    at: str = ""
    shard_rows: int = 0
    overwrite: bool = False
    dialect: str = ""
    """Of the model that is trained or asked, as docs/dialects.md has it; '' for the rows' own words."""

    @property
    def writer(self) -> Writer:
        """Raises InputError where there is no such dialect."""
        return in_dialect(dialect_named(self.dialect)) if self.dialect else as_it_stands

    def options(self) -> dict[str, Any]:
        names = ("to", "tasks", "images", "at", "shard_rows", "dialect")
        return {**{n: getattr(self, n) for n in names}, "version": VERSION}


@dataclass
class Outcome:
    """What an export wrote."""

    tasks: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    """Rows, by reason."""
    notes: Counter[str] = field(default_factory=Counter)
    """Rows that had to go without something, by reason."""

    def text(self) -> str:
        lines = [f"{self.tasks.total():,} rows", *(f"  {task:<14} {n:>12,}" for task, n in sorted(self.tasks.items()))]
        lines += [f"left out {n:,}: {reason}" for reason, n in sorted(self.left_out.items())]
        lines += [f"{n:,} rows: {reason}" for reason, n in sorted(self.notes.items())]
        return "\n".join(lines)


def export(request: Request) -> Outcome | None:
    """Writes the export; None where `dest` holds it already.

    Raises:
        InputError: OUT is no data set, an option does not fit, or a picture is missing.
        OutputError: `dest` holds something else, or cannot be written.
    """
    made, source = _checked(request), open_source(request.out, request.bop)
    unknown = [task for task in request.tasks if task not in source.tasks()]
    if unknown:
        raise InputError("--tasks", f"{unknown[0]!r} has no rows", f"Choose from {', '.join(source.tasks())}")
    mode = request.images or made.images
    options = {**request.options(), "images": mode}
    fingerprint = key_of("export", source.manifest.get("fingerprint"), options)
    if _holds(request.dest, fingerprint) and not request.overwrite:
        return None
    _refuse_foreign(request)
    dest = request.dest.resolve()
    partial = dest.with_name(f".{dest.name}.{os.getpid()}.partial")
    outcome = Outcome()
    try:
        partial.mkdir(parents=True)
        place = Place(
            partial, Files(dest, partial, source.root, mode), source.manifest, request.at, request.shard_rows,
            request.dialect, outcome.notes,
        )  # fmt: skip
        made.write(place, _items(request, source, made, outcome))
        _finish(place, source, outcome, options, fingerprint)
        _swap(partial, dest)
    except OSError as error:
        raise OutputError(
            error.filename or request.dest, f"cannot be read or written ({error.strerror or error})",
            "Free space, choose another --out, or --images copy where links are not allowed",
        ) from error  # fmt: skip
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return outcome


def _checked(request: Request) -> Format:
    """The format; options that do not fit it are refused."""
    if request.to not in FORMATS:
        raise InputError("--to", f"unknown format {request.to!r}", f"Choose from {', '.join(FORMATS)}")
    made = FORMATS[request.to]
    if request.images and request.images not in MODES:
        raise InputError("--images", f"is {request.images!r}", f"Choose from {', '.join(MODES)}")
    if request.images and request.images not in made.modes:
        fix = f"Leave it out: {request.to} holds its pictures inside"
        raise InputError("--images", f"{request.images} is not possible with {request.to}", fix)
    if request.shard_rows < 0 or (request.shard_rows and not made.sharded):
        raise InputError("--shard-rows", f"is {request.shard_rows} with {request.to}", "Give 0 or leave it out")
    if made.own_words and request.dialect:
        raise InputError("--dialect", f"is not possible with {request.to}", "Leave it out: its readers read pixels")
    return made


def _items(request: Request, source: Source, made: Format, outcome: Outcome) -> Iterator[Item]:
    """Rows in the words of the writer; what cannot be shown or would be misread is left out and counted."""
    writer = request.writer
    for row, carried in source.rows([*BASE, *made.columns]):
        if request.tasks and row["task"] not in request.tasks:
            continue
        said = writer(row)
        if not row["image"] and carried is None:
            outcome.left_out["no_image"] += 1
            continue
        if said is None:
            outcome.left_out["outside_the_image"] += 1
            continue
        if any(tag in text for tag in TAGS for text in said):
            outcome.left_out["media_tag_in_text"] += 1
            continue
        outcome.tasks[row["task"]] += 1
        yield Item(row, said.question, said.answer, carried)


def _finish(place: Place, source: Source, outcome: Outcome, options: dict[str, Any], fingerprint: str) -> None:
    """export.json: what this is, and which files are ours."""
    told = {
        "fingerprint": fingerprint, "of": source.manifest.get("fingerprint"), "bopask": source.manifest.get("bopask"),
        "dataset": source.manifest.get("dataset"), "split": source.manifest.get("split"),
        "licence": source.manifest.get("licence"), "options": options, "rows": outcome.tasks.total(),
        "tasks": dict(outcome.tasks), "left_out": dict(outcome.left_out), "notes": dict(outcome.notes),
        "files": sorted(path.name for path in place.folder.iterdir()),
    }  # fmt: skip
    write_json(place.folder / "export.json", told)


def _holds(dest: Path, fingerprint: str) -> bool:
    return _told(dest).get("fingerprint") == fingerprint


def _told(dest: Path) -> dict[str, Any]:
    """The export.json of a folder; {} where there is none that can be read."""
    try:
        told = orjson.loads((dest / "export.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return told if isinstance(told, dict) else {}


def _refuse_foreign(request: Request) -> None:
    """Only an empty folder, or an earlier export with --overwrite, may be replaced."""
    dest = request.dest
    if dest.resolve() == request.out.resolve():
        raise InputError("--out", "is the data set itself", "Choose another folder")
    if dest.exists() and not dest.is_dir():
        raise OutputError(dest, "is a file", "Choose another --out")
    found = {path.name for path in dest.iterdir()} if dest.is_dir() else set()
    if foreign := sorted(found - {"export.json", *map(str, _told(dest).get("files", ()))}):
        raise OutputError(dest, f"holds files of others ({foreign[0]}, …)", "Choose an empty --out")
    if found and not request.overwrite:
        raise OutputError(dest, "holds another export", "Give --overwrite to replace it, or another --out")


def _swap(partial: Path, dest: Path) -> None:
    """Puts the new folder in the old one's place."""
    old = dest.with_name(f".{dest.name}.{os.getpid()}.old")
    if dest.is_dir():
        dest.rename(old)
    partial.rename(dest)
    shutil.rmtree(old, ignore_errors=True)
