"""`bopask rewrite`: a data set in other words. Answers, evidence and everything else stay; ids follow the questions.

A row's paraphrase is drawn by what is asked of which picture, not by the answer's side: the two rows of a yes/no pair
get the same words, so that every wording stays balanced. What was turned down keeps its original.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from bopask.ask.identity import content_ids
from bopask.ask.rewriting.nouns import known_nouns
from bopask.ask.rewriting.paraphrase import Asking, Judged, Paraphraser
from bopask.ask.rewriting.wording import template_of, wording_of
from bopask.ask.variety import language
from bopask.errors import InputError
from bopask.models.ask import Answer
from bopask.store.card import write_card
from bopask.store.dataset import read_manifest
from bopask.store.files import key_of, write_json
from bopask.store.output import Output
from bopask.store.shards import write_shard

VERSION = 1
"""Of the prompt and the validator: part of the fingerprint."""
ASKED = ("scene_id", "frame_id", "sensor", "task", "subtask", "question", "phrases", "width", "height")


@dataclass(frozen=True)
class Rewrite:
    """What to rewrite into which folder; equal ones on equal replies give equal bytes."""

    source: Path
    out: Path
    paraphraser: Paraphraser
    per_row: bool = False
    """Asks for each question with its own names, instead of once for each wording."""
    overwrite: bool = False

    def settings(self) -> dict[str, Any]:
        asking = self.paraphraser
        return {
            "model": asking.asker.model,
            "temperature": asking.asker.temperature,
            "paraphrases": asking.n,
            "examples": asking.examples,
            "seed": asking.seed,
            "per_row": self.per_row,
            "version": VERSION,
        }


@dataclass
class Told:
    """What became of wordings and rows."""

    wordings: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Paraphrases by reason."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Wordings without a usable reply, by reason."""
    asked: int = 0
    """Replies fetched now: printed, never written."""
    rows: Counter[str] = field(default_factory=Counter)
    """'rewritten' and 'kept'."""

    def note(self, answer: Answer[Judged]) -> tuple[str, ...]:
        """Counts an answer; returns what can be used of it."""
        self.wordings += 1
        self.asked += answer.asked
        if answer.value is None:
            self.unanswered[answer.reason] += 1
            return ()
        self.accepted += len(answer.value.accepted)
        self.rejected.update(answer.value.rejected)
        return answer.value.accepted

    def text(self) -> str:
        turned_down = ", ".join(f"{reason} {n:,}" for reason, n in sorted(self.rejected.items()))
        lines = [
            f"{self.rows['rewritten']:,} questions rewritten, {self.rows['kept']:,} kept as they were",
            f"{self.accepted:,} paraphrases of {self.wordings:,} wordings ({self.asked:,} replies fetched)",
            f"turned down: {turned_down or 'none'}",
        ]
        lines += [f"no usable reply for {n:,}: {reason}" for reason, n in sorted(self.unanswered.items())]
        return "\n".join(lines)


def rewrite(job: Rewrite) -> Told | None:
    """Asks, and writes the new data set; None where `out` holds it already.

    Raises:
        InputError: `source` is no data set, or one made before wordings were listed.
        ModelError: the model does not work; its replies until then are kept, and the same command goes on from there.
        OutputError: `out` cannot be written or holds something else.
    """
    manifest = rewritable(job.source)
    templates = {subtask: tuple(of) for subtask, of in manifest["counts"]["wordings"].items()}
    output = Output(job.out, key_of("rewrite", manifest["fingerprint"], job.settings()))
    if output.complete and not job.overwrite:
        return None
    askings, nouns = survey(job, templates)
    told = Told()
    with tqdm(total=len(askings), desc="wordings", unit="") as bar:

        def step(index: int, answer: Answer[Judged]) -> None:
            bar.update()

        answers = job.paraphraser.paraphrase(askings, templates, nouns, step)
    usable = {asking: told.note(answer) for asking, answer in zip(askings, answers, strict=True)}
    output.open(job.overwrite)
    wordings: dict[str, Counter[str]] = {}
    for shard in tqdm(shards(job.source), "shards", unit=""):
        tables = (reworded(job, t, templates, usable, told, wordings) for t in tables_of(shard))
        write_shard(job.out / "data" / shard.name, tables, pq.read_schema(shard))
    if (job.source / "candidates").is_dir():
        shutil.copytree(job.source / "candidates", job.out / "candidates", dirs_exist_ok=True)
    finish(job, manifest, output, told, wordings)
    return told


def rewritable(out: Path) -> dict[str, Any]:
    """The manifest of a data set that lists its wordings and is not rewritten yet; else InputError."""
    manifest = read_manifest(out)
    if not manifest.get("counts", {}).get("wordings") or "fingerprint" not in manifest:
        raise InputError(out / "manifest.json", "lists no wordings", "Generate the data set again")
    if "rewriting" in manifest:
        raise InputError(out, "is rewritten already", "Rewrite the data set that it was made from")
    return manifest


def shards(out: Path) -> list[Path]:
    return sorted((out / "data").glob("*.parquet"))


def tables_of(shard: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    with pq.ParquetFile(shard) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)


def survey(job: Rewrite, templates: Mapping[str, Sequence[str]]) -> tuple[list[Asking], tuple[str, ...]]:
    """What is to be asked, and every noun that the rows' phrases are made of."""
    askings = {Asking(subtask, one) for subtask, of in templates.items() for one in of} if not job.per_row else set()
    names: set[str] = set()
    known: set[tuple[str | None, ...]] = set()
    for shard in shards(job.source):
        for table in tables_of(shard, [*ASKED, "evidence"]):
            for i, phrases in enumerate(map(tuple, table.column("phrases").to_pylist())):
                if phrases not in known:
                    known.add(phrases)
                    names.update(names_in(json.loads(table.column("evidence")[i].as_py())["refer"]))
            for row in table.select(list(ASKED)).to_pylist() if job.per_row else ():
                template = template_in(row, templates)
                askings |= {asking_of(row, template)} if template else set()
    return sorted(askings, key=lambda a: (a.subtask, a.template, a.phrases)), known_nouns(names)


def names_in(forms: Sequence[Mapping[str, Any] | None]) -> Iterator[str]:
    """The nouns of logical forms, their landmarks' too."""
    for form in filter(None, forms):
        yield form["name"]
        if "relation" in form:
            yield from names_in([form["relation"][1]])


def template_in(row: Mapping[str, Any], templates: Mapping[str, Sequence[str]]) -> str | None:
    phrases = [phrase or "" for phrase in row["phrases"]]
    return template_of(row["question"], phrases, row["width"], row["height"], templates.get(row["subtask"], ()))


def asking_of(row: Mapping[str, Any], template: str) -> Asking:
    """The request that serves a row and its pair: the names in one order, whichever way round they are asked."""
    n = len(wording_of(template).slots)
    first, pair = (row["phrases"][: n - 2], row["phrases"][n - 2 : n]) if n > 1 else (row["phrases"][:1], [])
    yes_no = row["task"] in ("spatial", "depth")
    return Asking(row["subtask"], template, (*first, *(sorted(pair) if yes_no else pair)))


def reworded(
    job: Rewrite,
    table: pa.Table,
    templates: Mapping[str, Sequence[str]],
    usable: Mapping[Asking, tuple[str, ...]],
    told: Told,
    wordings: dict[str, Counter[str]],
) -> pa.Table:
    """The table with questions said in other words, and their ids."""
    questions = []
    for row in table.select(list(ASKED)).to_pylist():
        template = template_in(row, templates)
        if template is None:
            raise InputError(job.source, f"asks {row['question']!r}, no wording of its manifest", "Generate it again")
        asking = asking_of(row, template) if job.per_row else Asking(row["subtask"], template)
        ways = usable.get(asking, ())
        told.rows["rewritten" if ways else "kept"] += 1
        new = ways[draw(job, row, template, len(ways))] + wording_of(template).format if ways else template
        wordings.setdefault(row["subtask"], Counter())[new] += 1
        slots = dict(zip("abc", (phrase or "" for phrase in row["phrases"]), strict=False))
        questions.append(new.format(**slots, width=row["width"], height=row["height"]))
    at = table.schema.get_field_index("question")
    table = table.set_column(at, table.schema.field("question"), pa.array(questions, pa.string()))
    columns = {name: table.column(name).combine_chunks() for name in table.column_names if name != "image"}
    return table.set_column(table.schema.get_field_index("id"), table.schema.field("id"), content_ids(columns))


def draw(job: Rewrite, row: Mapping[str, Any], template: str, n: int) -> int:
    """Which of n paraphrases: the same for the two rows of a pair, which differ in the order of their names."""
    names = sorted(phrase or "" for phrase in row["phrases"])
    key = (job.paraphraser.seed, row["scene_id"], row["frame_id"], row["sensor"], row["subtask"], template, *names)
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % n


def finish(
    job: Rewrite, manifest: dict[str, Any], output: Output, told: Told, wordings: Mapping[str, Counter[str]]
) -> None:
    """The manifest and the card of the new data set."""
    source = str(manifest.get("source") or "")
    moved = Path(os.path.relpath((job.source / source).resolve(), job.out.resolve())).as_posix() if source else ""
    manifest = manifest | {
        "fingerprint": output.fingerprint,
        "source": moved,
        "counts": manifest["counts"] | {"wordings": {s: dict(of) for s, of in sorted(wordings.items())}},
        "language": language(job.out, wordings),
        "rewriting": {
            **job.settings(),
            "of": manifest["fingerprint"],
            "wordings": told.wordings,
            "accepted": told.accepted,
            "rejected": dict(told.rejected),
            "unanswered": dict(told.unanswered),
            "rows": {name: told.rows[name] for name in ("rewritten", "kept")},
        },
    }
    write_card(job.out, manifest, bool(manifest["config"].get("embed_images")))
    write_json(job.out / "manifest.json", manifest)
    output.close()
