"""Rows out of the shards of a data set: a spread sample to look at, one row by its id, and a row's image.

Knows parquet; draws nothing. Twenty million rows are read row group by row group: the columns that say what a row is
about are scanned, whole rows are read only where they are wanted.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import UInt8
from PIL import Image

from bopask.arrays import Array
from bopask.bop.images import load_rgb
from bopask.errors import InputError
from bopask.rng import rng_for
from bopask.store.dataset import MOST_ROWS, open_shard, picture_path, sampled, shards
from bopask.view.render import rendered

_LIGHT = ("task", "subtask", "scene_id", "frame_id", "instances", "answer", "question")
_KIND = ("task", "subtask", "verdict", "scene_id")


class Place(NamedTuple):
    """Where a row lies, and what tells it from others: what a sample is spread over."""

    subtask: str
    verdict: str
    """'yes', 'no', or '' for an answer in points."""
    scene_id: int
    object: tuple[int, int]
    """Scene and first instance."""
    frame: tuple[int, int]
    draw: float
    """Random, 0..1: decides between rows that are alike."""
    shard: str
    group: int
    row: int


@dataclass
class Survey:
    """What one light pass over the shards found."""

    rows: int = 0
    """Of all shards."""
    whole: bool = True
    """Every row group was read: all rows are counted."""
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Rows by task, subtask and verdict."""
    questions: dict[str, set[int]] = field(default_factory=dict)
    """Hashes of the distinct question texts of each task."""
    places: dict[tuple[str, str, str, int], list[Place]] = field(default_factory=dict)
    """By task, subtask, verdict and scene: some rows drawn at random."""

    def chosen(self, task: str, count: int) -> list[Place]:
        """`count` rows of a task over different subtasks, verdicts, scenes, objects and frames, in that order."""
        left = sorted((p for kind, many in self.places.items() if kind[0] == task for p in many), key=lambda p: p[5:])
        used: list[Counter[Any]] = [Counter() for _ in range(5)]
        picked: list[Place] = []
        while left and len(picked) < count:
            best = min(left, key=lambda p: [seen[value] for seen, value in zip(used, p[:5], strict=True)])
            left.remove(best)
            picked.append(best)
            for seen, value in zip(used, best[:5], strict=True):
                seen[value] += 1
        return sorted(picked, key=lambda p: (p.subtask, p.verdict, p.scene_id, p.draw))


def survey(out: Path, seed: int, keep: int = 24, most: int = MOST_ROWS) -> Survey:
    """Counts the rows of `out`, about `most` of them, and draws `keep` of each kind (task, subtask, verdict, scene)."""
    part = sampled(out, most)
    found = Survey(part.rows, part.whole)
    for path, groups in groupby(part.groups, key=lambda one: one[0]):
        with open_shard(path, read_dictionary=["task", "subtask", "question"]) as file:
            names = [n for n in _LIGHT if n in file.schema_arrow.names]
            for _, group in groups:
                table = file.read_row_group(group, columns=names, use_threads=False)
                draw = rng_for(seed, "report", f"{path.name}/{group}").random(table.num_rows)
                _note(found, table, draw, keep, path.name, group)
    return found


def _note(found: Survey, table: pa.Table, draw: Array, keep: int, shard: str, group: int) -> None:
    """Adds a row group to the survey."""
    columns = [_codes(table, name) for name in _KIND]
    key = np.zeros(table.num_rows, np.int64)
    for codes, values in columns:
        key = key * len(values) + codes
    order = np.lexsort((draw, key))
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    scene, frame, first = (_integers(table, name) for name in ("scene_id", "frame_id", "instances"))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        task, subtask, verdict, _ = kind = tuple(values[codes[order[start]]] for codes, values in columns)
        found.counts[task, subtask, verdict] += end - start
        places = found.places.setdefault(kind, [])
        limit = places[-1].draw if len(places) == keep else 1.0
        for row in order[start : min(end, start + keep)].tolist():
            if draw[row] >= limit:
                break
            s = int(scene[row])
            about = (s, int(first[row])), (s, int(frame[row]))
            places.append(Place(subtask, verdict, s, *about, float(draw[row]), shard, group, row))
        places.sort(key=lambda p: p[5:])
        del places[keep:]
    _note_questions(found, table, columns[0])


def _note_questions(found: Survey, table: pa.Table, tasks: tuple[Array, list[str]]) -> None:
    if "question" not in table.column_names:
        return
    codes, texts = _codes(table, "question")
    for task, t in zip(*np.divmod(np.unique(tasks[0] * len(texts) + codes), len(texts)), strict=True):
        found.questions.setdefault(tasks[1][task], set()).add(hash(texts[t]))


def _codes(table: pa.Table, name: str) -> tuple[Array, list[Any]]:
    """Each row's value as an index into the distinct values; 'verdict' is told from the answer's first letters."""
    if name == "verdict":
        answer = table["answer"] if "answer" in table.column_names else pa.nulls(table.num_rows, pa.string())
        yes, no = (pc.fill_null(pc.starts_with(answer, word), False) for word in ("Yes", "No"))
        return np.asarray(yes, np.int64) + 2 * np.asarray(no, np.int64), ["", "yes", "no"]
    column = table[name].combine_chunks()
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(column.indices.fill_null(0), np.int64), column.dictionary.to_pylist() or [""]


def _integers(table: pa.Table, name: str) -> Array:
    """A column of integers; the first item of a list; 0 where missing."""
    if name not in table.column_names:
        return np.zeros(table.num_rows, np.int64)
    column = table[name].combine_chunks()
    if pa.types.is_list(column.type):
        offsets, items = np.asarray(column.offsets), np.append(np.asarray(column.values, np.int64), 0)
        return np.where(np.diff(offsets) > 0, items[np.minimum(offsets[:-1], len(items) - 1)], 0)
    return np.asarray(column.fill_null(0), np.int64)


def sample_rows(out: Path, per_task: int, seed: int) -> list[dict[str, Any]]:
    """At most `per_task` rows of each task, spread over subtasks, yes and no, scenes, objects and frames.

    A function of the files and the seed alone. Tasks in alphabetical order; within a task by subtask and verdict.
    """
    return rows_of(out, survey(out, seed), per_task)


def rows_of(out: Path, found: Survey, per_task: int) -> list[dict[str, Any]]:
    """The rows a survey chose, in full."""
    tasks = sorted({task for task, _, _ in found.counts})
    places = [place for task in tasks for place in found.chosen(task, per_task)]
    rows: dict[tuple[str, int, int], dict[str, Any]] = {}
    for shard, group in sorted({(p.shard, p.group) for p in places}):
        wanted = sorted(p.row for p in places if (p.shard, p.group) == (shard, group))
        for index, row in _rows_at(out / "data" / shard, group, wanted):
            rows[shard, group, index] = row
    return [rows[p.shard, p.group, p.row] for p in places]


def find_row(out: Path, id: str) -> dict[str, Any]:
    """The row with this id.

    Raises:
        InputError: no row has it.
    """
    for path in shards(out):
        with open_shard(path) as file:
            groups = range(file.metadata.num_row_groups)
            hits = ((g, pc.index(file.read_row_group(g, columns=["id"])["id"], id).as_py()) for g in groups)
            hit = next(((group, row) for group, row in hits if row >= 0), None)
        if hit:
            return next(row for _, row in _rows_at(path, hit[0], [hit[1]]))
    raise InputError(out, f"has no row with the id {id!r}", "Copy an id from report.html or from the column `id`")


def _rows_at(path: Path, group: int, wanted: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a row group, read in small batches: a row may carry its picture."""
    with open_shard(path) as file:
        start = 0
        for batch in file.iter_batches(batch_size=1024, row_groups=[group], use_threads=False):
            here = [row for row in wanted if start <= row < start + batch.num_rows]
            yield from zip(here, batch.take(pa.array([r - start for r in here], pa.int64())).to_pylist(), strict=True)
            start += batch.num_rows
            if start > wanted[-1]:
                return


def row_image(row: Mapping[str, Any], bop_root: Path | None) -> UInt8[Array, "h w 3"] | None:
    """The image of a row: the bytes it carries, its file under `bop_root`, or, where the folder has no images, its
    objects rendered at their poses; None where there is none of these.

    Raises:
        InputError: the file cannot be decoded, or the row's path leaves the folder.
    """
    image = row.get("image") or ""
    if isinstance(image, dict):
        if image.get("bytes"):
            return np.asarray(Image.open(io.BytesIO(image["bytes"])).convert("RGB"))
        image = image.get("path") or ""
    if bop_root is None:
        return None
    if not image:
        return rendered(row, Path(bop_root))
    path = Path(bop_root) / picture_path(image)
    return load_rgb(path) if path.is_file() else None
