"""`bopask eval`: asks a model every question that it has not answered yet, then scores all its replies.

inspect_ai asks: its providers, retries, limits and log. What a killed run leaves is RUN/replies.jsonl itself, a line
a reply, written before anything else is done with it; the same command reads it and asks the rest. Neither a cache nor
`inspect eval-retry` is needed: a log loses what it buffers when the process is killed, and a cache would hold a second
copy of what RUN has to hold anyway.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bopask.bench.dataset import DataSet
from bopask.bench.replies import journal, read_lines, write_replies
from bopask.bench.scoring import READ, Scoring, claim, score_replies
from bopask.errors import MissingExtra
from bopask.models.ask import ModelError, open_model
from bopask.store.files import key_of, write_json

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

ASKED = (*READ, "question", "image")


@dataclass(frozen=True)
class Evaluation:
    """Which model, how it is asked, and where the run goes."""

    out: Path
    model: str
    """PROVIDER/NAME as inspect_ai writes it; with `base_url` the server's own name."""
    run: Path
    base_url: str = ""
    bop: Path | None = None
    dialect: str = ""
    format: str = "native"
    blind: bool = False
    limit: int | None = None
    """Ask only so many, spread evenly over the tasks."""
    connections: int = 8
    temperature: float = 0.0
    max_tokens: int | None = None
    timeout_s: int = 300
    """Of one attempt."""
    retries: int = 6
    """More attempts after a 429, a 5xx or a slow reply."""
    tolerance: float = 0.1
    """Share of questions that may stay without a reply; more, and the run stops: the model does not work."""
    overwrite: bool = False


def evaluate(job: Evaluation, step: Callable[[int, int], object] = lambda done, of: None) -> dict[str, Any]:
    """Asks and scores; returns what run.json says. `step` is told how many of how many replies there are.

    Raises:
        InputError: the data set cannot be read, has no pictures, or the model's dialect is not known.
        ModelError: the model cannot be used, or leaves too many questions without a reply. What it answered is kept.
        OutputError: RUN holds another run.
    """
    try:
        from bopask.bench.inspect_task import Asking
    except ImportError as error:
        raise MissingExtra("inspect_ai", "eval") from error
    data, asking = DataSet(job.out, job.bop), Asking(job.dialect, job.format, job.blind)
    dialect = asking.dialect_of(job.model)
    about = {
        "format": job.format,
        "blind": job.blind,
        "temperature": job.temperature,
        "max_tokens": job.max_tokens,
    }
    key = key_of("eval", data.fingerprint, job.model, dialect.name, about)
    claim(job.run, key, job.overwrite)
    if job.overwrite:
        (job.run / "replies.jsonl").unlink(missing_ok=True)
        shutil.rmtree(job.run / "logs", ignore_errors=True)
    rows = chosen(list(data.rows(ASKED)), job.limit)
    write_json(job.run / "run.json", {"key": key, "model": job.model, "state": "asking"})
    path = job.run / "replies.jsonl"
    errors = _ask_missing(job, data, rows, asking, path, step)
    _tidy(path, rows, errors, job.model, dialect.name)
    asked = frozenset(row["id"] for row in rows) if job.limit is not None else None
    scoring = Scoring(job.out, path, job.run, job.bop, dialect.name, model=job.model, asked=asked, about=about, key=key)
    return score_replies(scoring)


def chosen(rows: Sequence[Mapping[str, Any]], limit: int | None) -> list[Mapping[str, Any]]:
    """The first `limit` rows of an order in which the tasks take turns, each in an order of its own; None: all."""
    if limit is None:
        return list(rows)
    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: hashlib.blake2b(row["id"].encode(), digest_size=8).digest()):
        tasks.setdefault(str(row["task"]), []).append(row)
    turn = sorted((k, task, row["id"]) for task, of in tasks.items() for k, row in enumerate(of))[:limit]
    kept = {id for _, _, id in turn}
    return [row for row in rows if row["id"] in kept]


def _ask_missing(
    job: Evaluation, data: DataSet, rows: Sequence[Mapping[str, Any]], asking: Any, path: Path,
    step: Callable[[int, int], object],
) -> dict[str, str]:  # fmt: skip
    """Asks what is not answered yet; returns why questions stayed without a reply, by id."""
    with journal(path) as kept:
        answered = {said["id"] for said in read_lines(path) if said["reply"] is not None}
        missing = [row for row in rows if row["id"] not in answered]
        done = len(rows) - len(missing)
        step(done, len(rows))
        if not missing:
            return {}

        def keep(id: str, reply: str) -> None:
            nonlocal done
            kept.add({"id": id, "reply": reply})
            done += 1
            step(done, len(rows))

        for row in missing if not job.blind else ():
            data.picture_path(row)  # before the first request: a missing picture is the user's to mend
        log = _run(job, data, missing, asking, keep)
    errors = {str(s.id): _reason(s.error.message) for s in log.samples or () if s.error}
    if log.status != "success":
        why = log.error.message if log.error else log.status
        first = next(iter(errors.values()), _reason(why))
        wrong = f"leaves questions without a reply ({first})"
        fix = f"Check its name, key and address; {done:,} replies are kept, and the same command asks the rest"
        raise ModelError(job.model, wrong, fix)
    return errors


def _run(
    job: Evaluation, data: DataSet, rows: Sequence[Mapping[str, Any]], asking: Any, keep: Callable[[str, str], object]
) -> EvalLog:
    """The rows through inspect_ai, without its display and with a log that holds no pictures."""
    from inspect_ai import eval as inspect_eval

    from bopask.bench.inspect_task import task_of

    model = open_model(
        job.model,
        job.base_url,
        temperature=job.temperature,
        max_tokens=job.max_tokens,
        max_connections=job.connections,
        max_retries=job.retries,
        attempt_timeout=job.timeout_s,
    )
    logs = inspect_eval(
        task_of(data, rows, asking, keep),
        model=model,
        display="none",
        log_dir=str(job.run / "logs"),
        log_level="error",
        log_images=False,
        log_model_api=False,
        log_realtime=False,
        log_refusals=False,
        ctl_server=False,
        fail_on_error=job.tolerance,
        retry_on_error=2,  # a body that is no completion is a moment's fault as well
        max_samples=job.connections,
        score=False,
    )
    return logs[0]


def _reason(message: str) -> str:
    """The last line of an error: inspect_ai writes the whole request before it, in one string or in its repr."""
    lines = [line.strip() for line in message.replace("\\n", "\n").replace("\\'", "'").splitlines()]
    return next((line for line in reversed(lines) if line), "no reason given")[:200]


def _tidy(path: Path, rows: Sequence[Mapping[str, Any]], errors: Mapping[str, str], model: str, dialect: str) -> None:
    """The replies in the order of the rows: bytes do not tell which came first. Of no reply, the reason.

    Replies to rows that this run did not ask for (an earlier one had a larger --limit) stay, at the end.
    """
    said: dict[str, dict[str, Any]] = {}
    for one in read_lines(path):
        if one["reply"] is not None:
            said.setdefault(one["id"], one)
    order = [row["id"] for row in rows]
    rest = sorted(set(said) - set(order))
    missing = {id: {"id": id, "reply": None, "error": errors[id]} for id in order if id in errors and id not in said}
    lines = [found for id in (*order, *rest) if (found := said.get(id) or missing.get(id))]
    write_replies(path, [{"id": one["id"], "reply": one["reply"], **_named(one, model, dialect)} for one in lines])


def _named(one: Mapping[str, Any], model: str, dialect: str) -> dict[str, Any]:
    return {"error": one["error"]} if one["reply"] is None else {"model": model, "dialect": dialect}
