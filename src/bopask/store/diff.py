"""What two data sets have in common and what they do not: rows by id, columns of changed rows, the manifest.

Files of the same bytes are not read as rows at all. The others are taken in groups that share scenes, so that the rows
of one group are in memory, as hashes; of a group that is too large for that, a part of the ids at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from jaxtyping import Int, UInt64

from bopask.arrays import Array
from bopask.errors import InputError
from bopask.store.dataset import open_shard, read_manifest, shards
from bopask.store.rowhash import hashes_of, together

Seen = TypeVar("Seen")

PASS = 2_000_000
"""Rows of both sides together whose hashes are held at once: some 250 bytes each."""
EXAMPLES = 3
"""Rows of each kind that are shown: the first ids of the first groups that have any."""
ASIDE = ("fingerprint", "source")
"""Entries of the manifest that follow from the others, or say where a folder lies."""
KEYS = ("id", "split", "scene_id", "task")
CHUNK = 1 << 20
NOT_OURS = "Give folders that bopask wrote"


@dataclass
class Rows:
    """Rows of one kind: how many, of which task and scene, and a few of them."""

    number: int = 0
    by_task: Counter[str] = field(default_factory=Counter)
    by_scene: Counter[str] = field(default_factory=Counter)
    """By 'split/scene'."""
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, keys: pa.Table) -> list[str]:
        """Counts rows, of which these are the keys; returns the ids of those that are still to be shown."""
        self.number += keys.num_rows
        counted = keys.group_by(["split", "scene_id", "task"]).aggregate([([], "count_all")])
        for row in counted.sort_by([("split", "ascending"), ("scene_id", "ascending")]).to_pylist():
            self.by_task[row["task"]] += row["count_all"]
            self.by_scene[f"{row['split']}/{row['scene_id']:06d}"] += row["count_all"]
        return sorted(keys["id"].to_pylist())[: EXAMPLES - len(self.examples)]


@dataclass
class Difference:
    """From A to B. Of B and A, it has added and removed exchanged, and every pair turned round."""

    same: int = 0
    """Rows that both have, equal in every column that both have."""
    added: Rows = field(default_factory=Rows)
    removed: Rows = field(default_factory=Rows)
    changed: Rows = field(default_factory=Rows)
    """Both have the id, and some column differs."""
    by_column: Counter[str] = field(default_factory=Counter)
    """Changed rows by the columns that differ."""
    columns: dict[str, list[Any]] = field(default_factory=dict)
    """Columns of different types: [type in A, in B], None where there is none."""
    manifest: dict[str, list[Any]] = field(default_factory=dict)
    """Entries that differ, by their path, as 'config.seed': [in A, in B]."""
    files: dict[str, str] = field(default_factory=dict)
    """Tables of candidates that are 'added', 'removed' or 'changed'."""

    def __bool__(self) -> bool:
        rows = self.added.number + self.removed.number + self.changed.number
        return bool(rows or self.columns or self.manifest or self.files)

    def as_json(self) -> dict[str, Any]:
        rows = {kind: vars(getattr(self, kind)) for kind in ("added", "removed", "changed")}
        return {"differs": bool(self)} | vars(self) | rows


def diff(a: Path, b: Path) -> Difference:
    """Compares two data set folders, as they are on disk.

    Raises:
        InputError: one of them is no data set that bopask wrote whole.
    """
    found = Difference(manifest=dict(manifests_apart(read_manifest(a), read_manifest(b))))
    theirs, ours = shards(a), shards(b)
    schemas = _look(theirs[0], lambda file: file.schema_arrow), _look(ours[0], lambda file: file.schema_arrow)
    types = {n: [str(s.field(n).type) if n in s.names else None for s in schemas] for s in schemas for n in s.names}
    found.columns = {name: pair for name, pair in types.items() if pair[0] != pair[1]}
    both = [name for name, pair in types.items() if None not in pair]
    for needed in KEYS:
        if needed not in both:
            raise InputError(a if types.get(needed, [None])[0] is None else b, f"has rows without {needed}", NOT_OURS)
    theirs, ours, found.same = without_same_files(theirs, ours)
    for group in groups(theirs, ours):
        compare(group, both, found)
    found.files = dict(files_apart(a / "candidates", b / "candidates"))
    return found


# -- files


def same_bytes(a: Path, b: Path) -> bool:
    if a.stat().st_size != b.stat().st_size:
        return False
    with a.open("rb") as one, b.open("rb") as other:
        while (chunk := one.read(CHUNK)) == other.read(CHUNK):
            if not chunk:
                return True
    return False


def without_same_files(theirs: Sequence[Path], ours: Sequence[Path]) -> tuple[list[Path], list[Path], int]:
    """The files that are not in the other set with the same name and bytes, and the rows in those that are."""
    known = {path.name: path for path in theirs}
    same = {path.name for path in ours if path.name in known and same_bytes(known[path.name], path)}
    rows = sum(_look(known[name], lambda file: file.metadata.num_rows) for name in same)
    return [p for p in theirs if p.name not in same], [p for p in ours if p.name not in same], rows


def files_apart(a: Path, b: Path) -> Iterator[tuple[str, str]]:
    """Files that the folders do not share."""
    theirs, ours = ({p.name: p for p in folder.glob("*.parquet")} if folder.is_dir() else {} for folder in (a, b))
    for name in sorted(theirs | ours):
        if name not in theirs or name not in ours:
            yield f"{a.name}/{name}", "added" if name in ours else "removed"
        elif not same_bytes(theirs[name], ours[name]):
            yield f"{a.name}/{name}", "changed"


def _look(path: Path, at: Callable[[Any], Seen]) -> Seen:
    with open_shard(path) as file:
        return at(file)


# -- groups


@dataclass(frozen=True)
class Group:
    """Files of A and of B that share scenes with one another, and with no other file."""

    sides: tuple[list[Path], list[Path]]
    rows: int

    @property
    def parts(self) -> int:
        return max(1, -(-self.rows // PASS))


def groups(theirs: Sequence[Path], ours: Sequence[Path]) -> Iterator[Group]:
    """Joins files of which the scenes, from first to last, overlap."""
    spans = sorted((*_look(path, span), side, path) for side, paths in enumerate((theirs, ours)) for path in paths)
    sides: tuple[list[Path], list[Path]] = ([], [])
    rows, end = 0, -np.inf
    for first, last, more, side, path in spans:
        if first > end and rows:
            yield Group(sides, rows)
            sides, rows = ([], []), 0
        sides[side].append(path)
        rows, end = rows + more, max(end, last)
    if rows:
        yield Group(sides, rows)


def span(file: Any) -> tuple[float, float, int]:
    """First and last scene of a shard, as its statistics tell (any scene where they do not), and its rows."""
    metadata = file.metadata
    leaf = [metadata.schema.column(k).path for k in range(metadata.num_columns)].index("scene_id")
    told = [metadata.row_group(g).column(leaf).statistics for g in range(metadata.num_row_groups)]
    if all(one is not None and one.has_min_max for one in told):
        ends = [one.min for one in told], [one.max for one in told]
        return min(ends[0], default=-np.inf), max(ends[1], default=-np.inf), metadata.num_rows
    return -np.inf, np.inf, metadata.num_rows


# -- rows


@dataclass(frozen=True)
class Side:
    """Rows of A or of B."""

    keys: pa.Table
    hashes: UInt64[Array, "N C"]
    """Of every column that both have."""

    @property
    def ids(self) -> UInt64[Array, "N"]:
        return hashes_of(self.keys["id"])


def compare(group: Group, columns: Sequence[str], found: Difference) -> None:
    """Adds what a group shows to `found`."""
    for part in range(group.parts):
        a, b = (load(files, columns, part, group.parts) for files in group.sides)
        same_a, same_b = pairs(together([a.ids, *a.hashes.T]), together([b.ids, *b.hashes.T]))
        found.same += len(same_a)
        rest_a, rest_b = np.delete(np.arange(len(a.ids)), same_a), np.delete(np.arange(len(b.ids)), same_b)
        of_a, of_b = pairs(a.ids[rest_a], b.ids[rest_b])
        now_a, now_b = rest_a[of_a], rest_b[of_b]
        differs = (a.hashes[now_a] != b.hashes[now_b]).sum(0)
        found.by_column.update({name: int(n) for name, n in zip(columns, differs, strict=True) if n})
        shown = found.changed.add(a.keys.take(now_a))
        found.changed.examples += [
            change(old, new) for old, new in zip(*(rows_of(f, columns, shown) for f in group.sides), strict=True)
        ]
        for rows, keys, files in (
            (found.removed, a.keys.take(np.delete(rest_a, of_a)), group.sides[0]),
            (found.added, b.keys.take(np.delete(rest_b, of_b)), group.sides[1]),
        ):
            rows.examples += [brief(row) for row in rows_of(files, columns, rows.add(keys))]


def pairs(a: UInt64[Array, "N"], b: UInt64[Array, "M"]) -> tuple[Int[Array, "P"], Int[Array, "P"]]:
    """Places (i, j) with a[i] = b[j], each used once: of a value that occurs more than once, k-th with k-th."""
    _, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    in_a, in_b = (of * (len(codes) + 1) + ordinal(of) for of in (codes[: len(a)], codes[len(a) :]))
    _, i, j = np.intersect1d(in_a, in_b, assume_unique=True, return_indices=True)
    return i, j


def ordinal(codes: Int[Array, "N"]) -> Int[Array, "N"]:
    """How many equal codes come before each."""
    order = np.argsort(codes, kind="stable")
    ranked = codes[order]
    before = np.empty(len(codes), np.int64)
    before[order] = np.arange(len(codes)) - np.searchsorted(ranked, ranked)
    return before


def load(files: Sequence[Path], columns: Sequence[str], part: int, parts: int) -> Side:
    """The rows of files of which the id, hashed, falls into `part` of `parts`."""
    keys, hashes = [], [np.zeros((0, len(columns)), np.uint64)]
    for table in row_groups(files, columns):
        mine = hashes_of(table["id"]) % np.uint64(parts) == part
        table = table if mine.all() else table.filter(pa.array(mine))
        keys.append(table.select(KEYS))
        hashes.append(np.stack([hashes_of(table[name]) for name in columns], 1))
    nothing = pa.table({"id": pa.array([], pa.string()), "split": [], "scene_id": [], "task": []})
    return Side(pa.concat_tables(keys) if keys else nothing, np.concatenate(hashes))


def row_groups(files: Sequence[Path], columns: Sequence[str]) -> Iterator[pa.Table]:
    for path in files:
        with open_shard(path) as file:
            missing = set(columns).difference(file.schema_arrow.names)
            if missing:
                raise InputError(path, f"has no column {min(missing)}, which other files have", NOT_OURS)
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=list(columns), use_threads=False)


# -- what is shown


def rows_of(files: Sequence[Path], columns: Sequence[str], ids: Sequence[str]) -> list[dict[str, Any]]:
    """The first row of each id, in the order of `ids`."""
    rows: dict[str, dict[str, Any]] = {}
    for table in row_groups(files, columns) if ids else ():
        wanted = [k for k, one in enumerate(table["id"].to_pylist()) if one in ids and one not in rows]
        rows |= {row["id"]: row for row in reversed(table.take(pa.array(wanted, pa.int64())).to_pylist())}
        if len(rows) == len(ids):
            break
    return [rows[one] for one in ids]


def brief(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "split", "scene_id", "frame_id", "task", "subtask", "question", "answer")
    return {name: row[name] for name in names if name in row}


def change(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Where a row is, and each value that differs: [old, new]; of JSON in a string, the entries that do."""
    return {**brief(old), "from_to": dict(apart(opened(old), opened(new)))}


def opened(value: Any) -> Any:
    """A string of a JSON object as that; a picture by its hash, for its bytes tell nobody anything."""
    if isinstance(value, Mapping):
        return {name: opened(inner) for name, inner in value.items()}
    if isinstance(value, bytes):
        return f"sha256 {hashlib.sha256(value).hexdigest()}"
    if not (isinstance(value, str) and value.startswith("{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def manifests_apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    return ((path, pair) for path, pair in apart(a, b) if path not in ASIDE)


def apart(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Where two JSON values differ, as far down as there are names: path, [in a, in b]."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for name in dict.fromkeys([*a, *b]):
            yield from apart(a.get(name), b.get(name), f"{path}.{name}" if path else str(name))
    elif a != b:
        yield path, [a, b]
