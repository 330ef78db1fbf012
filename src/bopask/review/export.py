"""What people verified, as files: a data set of the rows that hold, the names that hold, and the replies of people.

    VERIFIED/data/*.parquet, candidates/, README.md, manifest.json, report.html    as generate writes them
    VERIFIED/review.json    who said what of each row, when, and what was left out, by reason
    VERIFIED/names.json     descriptions that were accepted or fixed, status 'verified'; none, no file
    VERIFIED/replies.jsonl  {"id", "reply", "annotator"} of answer mode; none, no file

The same data and events give the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from bopask.ask.identity import row_id
from bopask.errors import InputError
from bopask.job import Tally
from bopask.review import agreement
from bopask.review.events import Events, store_of
from bopask.review.judgement import LISTS, WORDS
from bopask.review.standing import Mark, Standing
from bopask.review.table import Group, Table, read_table
from bopask.store.card import write_card
from bopask.store.dataset import bop_root_or, embeds, open_shard, read_manifest
from bopask.store.files import atomic, key_of, write_json
from bopask.store.output import Output
from bopask.store.shards import write_shard
from bopask.view.report import write_report


@dataclass(frozen=True)
class Request:
    """What to take, and where to write it."""

    out: Path
    verified: Path
    bop: Path | None = None
    votes: int = 1
    """People who must stand behind a row."""
    with_doubted: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Decision:
    """What becomes of a subject."""

    reason: str
    """'' where it is taken; else 'not_judged', 'rejected', 'disputed', 'too_few_votes' or 'doubted'."""
    content: Mapping[str, Any] = field(default_factory=dict)
    """What one of those behind it said: verdict and, of a fix, what to put in place."""


@dataclass
class Outcome:
    """What an export wrote."""

    tally: Tally = field(default_factory=Tally)
    left_out: Counter[str] = field(default_factory=Counter)
    records: list[dict[str, Any]] = field(default_factory=list)
    """Of each row taken, in order."""
    layouts: set[str] = field(default_factory=set)
    frames: set[tuple[Any, ...]] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    names: int = 0
    replies: int = 0


def decide(marks: Mapping[str, Mark], votes: int, with_doubted: bool) -> Decision:
    """What people say of a subject, taken together.

    Accepting votes for what is there, fixing for what is put in its place. It is taken when all who voted want one and
    the same, they are enough, and nobody rejects it.
    """
    said = [mark.after for mark in marks.values() if mark.after]
    voted = [after for after in said if after.get("verdict") in ("accept", "fix")]
    if any(after.get("verdict") == "reject" for after in said):
        return Decision("rejected" if not voted else "disputed")
    if not voted:
        return Decision("not_judged")
    if len({_wanted(after) for after in voted}) > 1:
        return Decision("disputed")
    if len(voted) < votes:
        return Decision("too_few_votes")
    if any(after.get("doubt") for after in said) and not with_doubted:
        return Decision("doubted")
    return Decision("", voted[0])


def _wanted(after: Mapping[str, Any]) -> str:
    """The content that a vote is for, as a key."""
    fixed = {name: after.get(name) for name in ("question", "answer", "points")} if after["verdict"] == "fix" else {}
    return json.dumps([fixed, after.get("description")], sort_keys=True)


def export(request: Request) -> Outcome:
    """Writes the verified subset.

    Raises:
        InputError: OUT is no data set, or two verified descriptions share a name.
        OutputError: the folder holds something else.
    """
    manifest, root = read_manifest(request.out), bop_root_or(request.bop, request.out)
    table, standing = read_table(request.out), _standing(request.out, root)
    names = verified_names(standing, request)
    content = [manifest.get("fingerprint"), standing.last, request.votes, request.with_doubted]
    output = Output(request.verified, key_of("review", *content))
    output.open(request.overwrite)
    outcome = Outcome(names=len(names))
    _write_shards(request, table, standing, outcome)
    _write_candidates(request, outcome)
    outcome.replies = _write_replies(request.verified, table, standing)
    if names:
        write_json(request.verified / "names.json", names)
    _write_rest(request, manifest, root, table, standing, outcome, output.fingerprint)
    output.close()
    return outcome


def _standing(out: Path, root: Path | None) -> Standing:
    path = store_of(out, root)
    if not path.is_file():
        raise InputError(path, "is not there: nobody has judged anything", f"Run bopask review {out}")
    events = Events(path)
    events.close()
    return events.standing


def _write_shards(request: Request, table: Table, standing: Standing, outcome: Outcome) -> None:
    for shard in dict.fromkeys(group.shard for group in table.groups):
        with open_shard(shard) as file:
            schema = file.schema_arrow
        groups = [group for group in table.groups if group.shard == shard]
        parts = [part for group in groups if (part := _taken(request, group, standing, outcome, schema)).num_rows]
        if parts:
            write_shard(request.verified / "data" / shard.name, parts, schema)


def _taken(request: Request, group: Group, standing: Standing, outcome: Outcome, schema: pa.Schema) -> pa.Table:
    """The rows of a row group that are taken, with fixes put in, and counted."""
    with open_shard(group.shard) as file:
        ids = file.read_row_group(group.group, columns=["id"], use_threads=False)["id"].to_pylist()
        decisions = [decide(standing.of("row", id), request.votes, request.with_doubted) for id in ids]
        outcome.left_out.update(d.reason for d in decisions if d.reason)
        chosen = [i for i, decision in enumerate(decisions) if not decision.reason]
        if not chosen:
            return schema.empty_table()
        whole = file.read_row_group(group.group, use_threads=False).take(pa.array(chosen, pa.int64()))
    rows = []
    for row, i in zip(whole.to_pylist(), chosen, strict=True):
        row = fixed(row, decisions[i].content, standing.of("row", ids[i]))
        if row["id"] in outcome.ids:
            outcome.left_out["same_as_another"] += 1
            continue
        outcome.ids.add(row["id"])
        outcome.records.append(_record(row["id"], ids[i], standing.of("row", ids[i])))
        _count(outcome, row)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema)


def fixed(row: Mapping[str, Any], content: Mapping[str, Any], marks: Mapping[str, Mark]) -> dict[str, Any]:
    """The row as accepted, or with what a fix says in its place; its evidence then says that it does not prove it."""
    if content.get("verdict") != "fix":
        return dict(row)
    points = content["points"]
    made = {**row, "question": content["question"], "answer": content["answer"], "answer_points": points}
    try:
        evidence = dict(json.loads(row["evidence"] or "{}"))
    except (ValueError, TypeError):
        evidence = {"evidence": row["evidence"]}
    evidence["fixed"] = {"from": row["id"], "by": sorted(name for name, mark in marks.items() if mark.after)}
    return {**made, "id": row_id(made), "evidence": json.dumps(evidence, ensure_ascii=False)}


def _record(id: str, source: str, marks: Mapping[str, Mark]) -> dict[str, Any]:
    said = [
        {"annotator": name, "at": mark.at, **{k: mark.after[k] for k in ("verdict", "doubt", "comment")}}
        for name, mark in sorted(marks.items())
        if mark.after
    ]
    return {"id": id, "said": said} | ({"fixed_from": source} if id != source else {})


def _count(outcome: Outcome, row: Mapping[str, Any]) -> None:
    outcome.tally.count(row)
    outcome.layouts.add(str(row.get("layout")))
    outcome.frames.add(tuple(row.get(name) for name in ("split", "scene_id", "frame_id", "sensor")))


def _write_candidates(request: Request, outcome: Outcome) -> None:
    """The grasps behind what cannot be grasped, of the layouts that remain: `bopask verify` needs them."""
    for path in sorted((request.out / "candidates").glob("*.parquet")):
        if path.stem in outcome.layouts:
            with atomic(request.verified / "candidates" / path.name) as partial:
                shutil.copyfile(path, partial)


def replies(table: Table, standing: Standing) -> Iterator[dict[str, str]]:
    """What people answered, in the order of the rows: the text that a model would have written."""
    said = {id: marks for id, marks in standing.said("reply") if table.position(id) is not None}
    for id in sorted(said, key=lambda id: table.position(id) or 0):
        for name, mark in sorted(said[id].items()):
            yield {"id": id, "reply": str((mark.after or {})["reply"]), "annotator": name}


def _write_replies(folder: Path, table: Table, standing: Standing) -> int:
    lines = [json.dumps(reply, ensure_ascii=False) + "\n" for reply in replies(table, standing)]
    if lines:
        with atomic(folder / "replies.jsonl") as partial:
            partial.write_text("".join(lines), encoding="utf-8")
    return len(lines)


def verified_names(standing: Standing, request: Request) -> dict[str, dict[str, Any]]:
    """Descriptions that people stand behind, as names.json has them.

    Raises:
        InputError: two of them share a name.
    """
    names: dict[str, dict[str, Any]] = {}
    for obj_id, marks in sorted(standing.said("object"), key=lambda item: int(item[0])):
        decision = decide(marks, request.votes, request.with_doubted)
        if decision.reason:
            continue
        words = {name: decision.content["description"][name] for name in WORDS}
        said = ", ".join(f"{name} on {mark.at[:10]}" for name, mark in sorted(marks.items()) if mark.after)
        words = {name: list(value) if name in LISTS else value for name, value in words.items() if value}
        names[obj_id] = {**words, "status": "verified", "source": f"seen in its pictures by {said}"}
    _confirm(names)
    return names


def _confirm(names: Mapping[str, Mapping[str, Any]]) -> None:
    owner: dict[str, str] = {}
    for obj_id, entry in names.items():
        for name in (entry["name"], *entry.get("synonyms", ())):
            if owner.setdefault(str(name).casefold(), obj_id) != obj_id:
                wrong = f"objects {owner[str(name).casefold()]} and {obj_id} were both called {name!r}"
                raise InputError("the names reviewed", wrong, "Tell them apart on the page, then export again")


def _write_rest(
    request: Request, manifest: Mapping[str, Any], root: Path | None, table: Table, standing: Standing,
    outcome: Outcome, fingerprint: str,
) -> None:  # fmt: skip
    """review.json, the manifest, the card and the report."""
    outcome.tally.layouts = [one for one in manifest.get("layouts") or [] if one.get("key") in outcome.layouts]
    outcome.tally.frames = len(outcome.frames)
    review = {
        "made_from": manifest.get("fingerprint"),
        "votes": request.votes,
        "with_doubted": request.with_doubted,
        "taken": outcome.tally.rows,
        "left_out": dict(sorted(outcome.left_out.items())),
    }
    agreed = agreement.report(standing, table.task_of)
    write_json(request.verified / "review.json", {**review, "people": agreed, "rows": outcome.records})
    source = Path(os.path.relpath(root, request.verified)).as_posix() if root else ""
    made = {
        **manifest, "counts": outcome.tally.counts(), "layouts": outcome.tally.layouts, "fingerprint": fingerprint,
        "source": source, "review": review,
    }  # fmt: skip
    write_card(request.verified, made, _embedded(table))
    write_json(request.verified / "manifest.json", made)
    if outcome.tally.rows:
        write_report(request.verified, root)


def _embedded(table: Table) -> bool:
    with open_shard(table.groups[0].shard) as file:
        return embeds(file.schema_arrow)


def report(out: Path, bop: Path | None) -> str:
    """Who judged how much, and how far they agree: a table for the terminal."""
    table, standing = read_table(out), _standing(out, bop_root_or(bop, out))
    return agreement.text(agreement.report(standing, table.task_of))


REASONS = {
    "not_judged": "nobody accepted or fixed it",
    "rejected": "rejected",
    "disputed": "people want different things",
    "too_few_votes": "too few votes",
    "doubted": "somebody doubts it",
    "same_as_another": "a fix made it the same as another row",
}


def summary(outcome: Outcome) -> str:
    fixes = sum("fixed_from" in record for record in outcome.records)
    lines = [f"{outcome.tally.rows:,} rows verified, {fixes:,} of them fixed"]
    lines += [f"  left out {n:>9,}  {REASONS[reason]}" for reason, n in sorted(outcome.left_out.items())]
    lines += [f"{outcome.names:,} object names verified, {outcome.replies:,} replies of people"]
    return "\n".join(lines)
