"""Replies in, a run out: what every reply says and is worth, and the means.

    RUN/scores.parquet   a row a reply: what it is about, status, parsed points or verdict, every score
    RUN/run.json         model, dialect, counts, failures by kind, means with intervals by task
    RUN/replies.jsonl    what was scored

The same data set, replies and settings give the same bytes.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bopask import __version__
from bopask.bench.dataset import DataSet, Truths
from bopask.bench.dialects import Dialect, Parsed, Status, dialect_for, dialect_named, read
from bopask.bench.difficulty import COLUMNS as OF_DIFFICULTY
from bopask.bench.difficulty import thirds
from bopask.bench.intervals import interval
from bopask.bench.replies import NOT_ANSWERED, Replies, Written, read_replies, write_replies
from bopask.bench.scores import HEADLINE, SCORES, WITHOUT_SCENE, Reply, Truth
from bopask.errors import OutputError
from bopask.store.files import atomic, key_of, sha256_of, write_json

OURS = frozenset({"scores.parquet", "run.json", "replies.jsonl", "logs"})
NAMES = tuple(sorted({name for rules in SCORES.values() for name in rules}))
"""Every score; those of other tasks are null in a row."""
BATCH = 4096
ABOUT = ("id", "dataset", "split", "scene_id", "frame_id", "sensor", "task", "subtask")
READ = tuple(dict.fromkeys((*ABOUT, *OF_DIFFICULTY, "answer", "answer_points", "camera_K", "T_world_cam", "layout")))
SCHEMA = pa.schema(
    [
        *((name, pa.int64() if name.endswith("_id") else pa.string()) for name in ABOUT),
        ("truth", pa.string()),
        ("difficulty", pa.float64()),
        ("third", pa.string()),
        ("annotator", pa.string()),
        ("status", pa.string()),
        ("notes", pa.list_(pa.string())),
        ("points", pa.list_(pa.list_(pa.float64()))),
        ("verdict", pa.bool_()),
        ("reply", pa.string()),
        *((name, pa.float64()) for name in NAMES),
    ]
)
"""Of scores.parquet; docs/benchmark.md explains the columns."""


@dataclass(frozen=True)
class Scoring:
    """What to score, and how the replies are to be read."""

    out: Path
    replies: Path
    run: Path
    bop: Path | None = None
    dialect: str = ""
    """'': what the replies declare, else what is known of the model."""
    guess: bool = False
    model: str = ""
    """'': what the replies declare."""
    answered_only: bool = False
    """Rows without a reply were not asked: they count nowhere."""
    asked: frozenset[str] | None = None
    """Rows that were asked; None: all."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """More that run.json is to say of how it was asked."""
    key: str = ""
    """Of the run that made the replies, where it made RUN as well."""
    overwrite: bool = False


def score_replies(job: Scoring) -> dict[str, Any]:
    """Scores a file of replies and writes RUN; returns what run.json says.

    Raises:
        InputError: the data set or the replies cannot be read, or no dialect is declared.
        OutputError: RUN holds something else.
    """
    data = DataSet(job.out, job.bop)
    hard = thirds(data.rows(OF_DIFFICULTY))
    replies = read_replies(job.replies, set(hard))
    model = job.model or replies.model or job.replies.stem
    dialect = None if job.guess else declared(job.dialect or replies.dialect, model)
    own = job.replies.resolve() == (job.run / "replies.jsonl").resolve()
    key = job.key or key_of(data.fingerprint, model, dialect.name if dialect else "", sha256_of(job.replies))
    claim(job.run, key, job.overwrite)
    asked = {id for id in hard if job.asked is None or id in job.asked}
    if job.answered_only:
        asked &= set(replies.by_row)
    tables = [_table(part, dialect, data.truths()) for part in _batches(data, replies, asked, hard)]
    table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    job.run.mkdir(parents=True, exist_ok=True)
    with atomic(job.run / "scores.parquet") as partial:
        pq.write_table(table, partial, compression="zstd")
    if not own:
        write_replies(job.run / "replies.jsonl", _lines(job.replies))
    told = {
        "bopask": __version__,
        "key": key,
        "model": model,
        "dialect": dialect.name if dialect else "",
        "guessed": job.guess,
        **job.about,
        "data": data_of(data, job.run),
        "scene": data.bop_root is not None,
        "counts": _counts(table, replies, len(asked)),
        "tasks": means(table, scene=data.bop_root is not None),
    }
    write_json(job.run / "run.json", told)
    return told


def declared(dialect: str, model: str) -> Dialect:
    """The dialect of that name, or else of the model. Raises InputError where neither is known."""
    return dialect_named(dialect) if dialect else dialect_for(model)


def claim(run: Path, key: str, overwrite: bool) -> None:
    """Makes sure that a folder may be written: it is empty, or holds the run of that key, or may be overwritten.

    Raises:
        OutputError: it is a file, holds files of others, or another run.
    """
    if run.exists() and not run.is_dir():
        raise OutputError(run, "is a file", "Choose another --out")
    found = {path.name for path in run.iterdir() if not path.name.startswith(".")} if run.is_dir() else set()
    if foreign := sorted(found - OURS):
        raise OutputError(run, f"holds files of others ({foreign[0]}, …)", "Choose an empty --out")
    if found and not overwrite and key_in(run) != key:
        raise OutputError(run, "holds another run", "Give --overwrite to replace it, or another --out")


def key_in(run: Path) -> str | None:
    """The key of the run in a folder; None where it holds none."""
    try:
        return str(json.loads((run / "run.json").read_bytes())["key"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def data_of(data: DataSet, run: Path) -> dict[str, str]:
    """Which data set a run is about; where it lies, seen from RUN."""
    manifest = data.manifest
    named = {name: str(manifest.get(name) or "") for name in ("dataset", "split", "fingerprint")}
    at = os.path.relpath(data.out.resolve(), run.resolve())
    bop = os.path.relpath(data.given.resolve(), run.resolve()) if data.given else ""
    return {**named, "out": Path(at).as_posix(), "bop": Path(bop).as_posix() if bop else ""}


@dataclass(frozen=True)
class Item:
    """A row and one reply to it; None: there is none."""

    row: Mapping[str, Any]
    said: Written | None
    hard: tuple[float | None, str]


def _batches(
    data: DataSet, replies: Replies, asked: set[str], hard: Mapping[str, tuple[float | None, str]]
) -> Iterator[list[Item]]:
    """Rows with their replies, some thousands at a time."""
    waiting: list[Item] = []
    for row in data.rows(READ):
        if row["id"] not in asked:
            continue
        for said in replies.by_row.get(row["id"]) or (None,):
            waiting.append(Item(row, said, hard[row["id"]]))
        if len(waiting) >= BATCH:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _table(items: Sequence[Item], dialect: Dialect | None, truths: Truths) -> pa.Table:
    parsed = [_parse(item, dialect) for item in items]
    scores = scores_of([truths.of(item.row) for item in items], [reply_of(p) for p in parsed])
    rows = [
        {
            **{name: item.row[name] for name in ABOUT},
            "truth": item.row["answer"],
            "difficulty": item.hard[0],
            "third": item.hard[1],
            "annotator": item.said.annotator if item.said else "",
            "status": str(p.status) if p else NOT_ANSWERED,
            "notes": list(p.notes) if p else [],
            "points": p.points.tolist() if p and p.points is not None else None,
            "verdict": p.verdict if p else None,
            "reply": _utf8(item.said.reply) if item.said else None,
            **{name: None if math.isnan(v) else v for name, v in of.items()},
        }
        for item, p, of in zip(items, parsed, scores, strict=True)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def _parse(item: Item, dialect: Dialect | None) -> Parsed | None:
    if item.said is None:
        return None
    size = int(item.row["width"]), int(item.row["height"])
    return read(item.said.reply, item.row["task"], *size, dialect, guess=dialect is None)


def reply_of(parsed: Parsed | None) -> Reply:
    """What is scored: of a failure nothing, even where some points could be read."""
    if parsed is None or not parsed.ok:
        return None
    return parsed.points if parsed.points is not None else parsed.verdict


def scores_of(truths: Sequence[Truth], replies: Sequence[Reply]) -> list[dict[str, float]]:
    """Every score of every reply; NaN where one does not apply."""
    made: list[dict[str, float]] = [{} for _ in truths]
    for task, rules in SCORES.items():
        here = [k for k, truth in enumerate(truths) if truth.task == task]
        for name, rule in rules.items() if here else ():
            for k, value in zip(here, rule.batch([truths[k] for k in here], [replies[k] for k in here]), strict=True):
                made[k][name] = float(value)
    return made


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def _counts(table: pa.Table, replies: Replies, asked: int) -> dict[str, Any]:
    status = Counter(table["status"].to_pylist())
    return {
        "rows": asked,
        "replies": table.num_rows - status[NOT_ANSWERED],
        NOT_ANSWERED: status[NOT_ANSWERED],
        "unknown_id": replies.unknown,
        "repeated": replies.repeated,
        "contradicted": replies.contradicted,
        "errors": dict(replies.errors),
        "status": dict(sorted(status.items())),
    }


def means(table: pa.Table, scene: bool) -> dict[str, Any]:
    """By task: n, failures by kind, the headline, and of every score the mean, its interval and that of the parsed."""
    made = {}
    images = [repr(key) for key in zip(*(table[n].to_pylist() for n in ABOUT[1:6]), strict=True)]
    tasks, status = (np.array(table[name].to_pylist(), dtype=object) for name in ("task", "status"))
    for task in (task for task in SCORES if task in tasks):
        here = np.flatnonzero(tasks == task)
        failed = Counter(status[here].tolist())
        ok = failed.pop(str(Status.OK), 0)
        made[task] = {
            "n": len(here),
            "parsed": ok,
            "failed": dict(sorted(failed.items())),
            "headline": (HEADLINE if scene else WITHOUT_SCENE)[task],
            "scores": {
                name: _mean(table[name].to_numpy()[here], status[here] == Status.OK, [images[k] for k in here])
                for name in SCORES[task]
            },
        }
    return made


def _mean(values: Any, ok: Any, images: Sequence[str]) -> dict[str, Any]:
    applies = ~np.isnan(values)
    of, parsed = values[applies], values[applies & ok]
    between = interval(of, [image for image, good in zip(images, applies, strict=True) if good])
    return {
        "value": plain(float(of.mean())) if len(of) else None,
        "interval": [plain(x) for x in between] if between else None,
        "n": len(of),
        "of_parsed": plain(float(parsed.mean())) if len(parsed) else None,
    }


def plain(value: float) -> float | str:
    """A number for JSON, which has no infinity."""
    return "inf" if math.isinf(value) else round(value, 9)


def text(told: Mapping[str, Any]) -> str:
    """A run as a table for the terminal."""
    counts = told["counts"]
    asked = ", dialect guessed" if told["guessed"] else f", dialect {told['dialect']}"
    lines = [f"{told['model']}{asked}: {counts['replies']:,} replies to {counts['rows']:,} rows"]
    for name, said in (
        (NOT_ANSWERED, "without a reply: scored as failures"),
        ("unknown_id", "lines about rows that are not here"),
        ("repeated", "lines that repeat another"),
        ("contradicted", "lines that contradict an earlier one of the same row; the first counts"),
    ):
        lines += [f"  {counts[name]:,} {said}"] if counts[name] else []
    lines.append(f"  {'task':<14} {'headline':<22} {'mean':>8} {'95 %':>17} {'n':>7}  not parsed")
    for task, of in told["tasks"].items():
        mean = of["scores"][of["headline"]]
        between = " – ".join(_short(x) for x in mean["interval"]) if mean["interval"] else "–"
        failed = ", ".join(f"{kind} {n}" for kind, n in of["failed"].items())
        value = f"{_short(mean['value']):>8} {between:>17} {mean['n']:>7}"
        lines.append(f"  {task:<14} {of['headline']:<22} {value}  {failed}".rstrip())
    if not told["scene"]:
        lines.append("  without the BOP folder (--bop): scores that look at masks or meshes do not apply")
    return "\n".join(lines)


def _short(value: float | str | None) -> str:
    return "–" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def default_run(out: Path, name: str) -> Path:
    """Where a run goes that is not told: beside the data set, never in it."""
    safe = "".join(c if c.isalnum() or c in "-._" else "-" for c in name).strip("-.") or "run"
    return out.with_name(out.name + ".runs") / safe
