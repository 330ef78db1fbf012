"""The rows of a data set in memory, without the rows: what a person filters for, and where the whole row lies.

The light columns are read once. A whole row is taken out of its row group, and the last row groups are kept, so that
the next row, which mostly lies in the same one, costs a slice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from bopask.arrays import Array
from bopask.nouns import FrameKey
from bopask.rng import rng_for
from bopask.store.dataset import embeds, open_shard, read_group, shards

FACETS = ("task", "subtask", "dataset")
_FRAME = ("dataset", "split", "scene_id", "frame_id", "sensor")
_KEPT = 128 << 20
"""Bytes of row groups that are kept."""


class Group(NamedTuple):
    """A row group: its rows are `start` and the ones after it."""

    shard: Path
    group: int
    start: int


@dataclass(frozen=True)
class Column:
    """Each row's value as an index into the distinct ones."""

    codes: Int[Array, "n"]
    values: tuple[str, ...]

    def equals(self, value: str) -> Bool[Array, "n"]:
        at = self.values.index(value) if value in self.values else -1
        return np.asarray(self.codes == at)


@dataclass(frozen=True)
class Table:
    """N rows in the order of the shards, and a mixed order of them that is the same on every start."""

    groups: tuple[Group, ...]
    ids: tuple[str, ...]
    columns: Mapping[str, Column]
    """By facet."""
    frame: Int[Array, "n"]
    """Which image a row is about."""
    frame_row: Int[Array, "f"]
    """The first row about each image."""
    frame_keys: tuple[FrameKey, ...]
    """Scene, frame and sensor of each image."""
    mixed: Int[Array, "n"]
    """Position in the mixed order."""
    _at: Mapping[str, int]
    _kept: OrderedDict[int, pa.Table] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        return len(self.ids)

    def position(self, id: str) -> int | None:
        return self._at.get(id)

    def positions(self, ids: Iterable[str]) -> Int[Array, "k"]:
        """Those of the ids that are rows here."""
        return np.array([at for id in ids if (at := self._at.get(id)) is not None], np.int64)

    def task_of(self, id: str) -> str | None:
        at, task = self._at.get(id), self.columns["task"]
        return None if at is None else task.values[task.codes[at]]

    def row(self, position: int) -> dict[str, Any]:
        """A whole row, its picture left out: `image` is its path."""
        k = int(np.searchsorted([group.start for group in self.groups], position, "right")) - 1
        return dict(self._group(k).slice(position - self.groups[k].start, 1).to_pylist()[0])

    def picture(self, position: int) -> bytes | None:
        """The picture that the row itself carries."""
        k = int(np.searchsorted([group.start for group in self.groups], position, "right")) - 1
        shard, group, start = self.groups[k]
        with open_shard(shard) as file:
            if not embeds(file.schema_arrow):
                return None
            image = file.read_row_group(group, columns=["image"], use_threads=False)["image"]
            value: dict[str, Any] | None = image[position - start].as_py()
            return (value or {}).get("bytes")

    def facet(self, name: str) -> dict[str, int]:
        """How many rows have each value."""
        counts = np.bincount(self.columns[name].codes, minlength=len(self.columns[name].values))
        return {value: int(n) for value, n in zip(self.columns[name].values, counts, strict=True)}

    def _group(self, k: int) -> pa.Table:
        with self._lock:
            if k not in self._kept:
                self._kept[k] = _whole(self.groups[k])
                while len(self._kept) > 1 and sum(table.nbytes for table in self._kept.values()) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(k)
            return self._kept[k]


def _whole(group: Group) -> pa.Table:
    """A row group without pictures."""
    with open_shard(group.shard) as file:
        return read_group(file, group.group)


def read_table(out: Path) -> Table:
    """Reads the light columns of every shard of a data set.

    Raises:
        InputError: there is no data, or a shard is broken.
    """
    groups: list[Group] = []
    parts: list[pa.Table] = []
    start = 0
    for shard in shards(out):
        with open_shard(shard) as file:
            names = [name for name in ("id", *FACETS, *_FRAME) if name in file.schema_arrow.names]
            for k in range(file.metadata.num_row_groups):
                part = file.read_row_group(k, columns=list(dict.fromkeys(names)), use_threads=False)
                if part.num_rows:
                    groups.append(Group(shard, k, start))
                    parts.append(part)
                    start += part.num_rows
    light = pa.concat_tables(parts, promote_options="default") if parts else pa.table({"id": pa.array([], pa.string())})
    ids = tuple(light["id"].to_pylist())
    frame, first = _frames(light)
    mixed = np.empty(len(ids), np.int64)
    mixed[rng_for(0, "review", "order").permutation(len(ids))] = np.arange(len(ids))
    at = {id: i for i, id in reversed(list(enumerate(ids)))}
    places = [_column(light, name) for name in ("scene_id", "frame_id", "sensor")]
    scene, image, sensor = ([column.values[column.codes[i]] for i in first] for column in places)
    keys = tuple(FrameKey(int(s or 0), int(f or 0), c) for s, f, c in zip(scene, image, sensor, strict=True))
    return Table(tuple(groups), ids, {name: _column(light, name) for name in FACETS}, frame, first, keys, mixed, at)


def _column(table: pa.Table, name: str) -> Column:
    if name not in table.column_names:
        return Column(np.zeros(table.num_rows, np.int64), ("",))
    coded = table[name].cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
    return Column(np.asarray(coded.indices, np.int64), tuple(coded.dictionary.to_pylist()))


def _frames(table: pa.Table) -> tuple[Int[Array, "n"], Int[Array, "f"]]:
    """Which image each row is about, and the first row about each."""
    key = np.zeros(table.num_rows, np.int64)
    for column in (_column(table, name) for name in _FRAME):
        key = np.unique(key * len(column.values) + column.codes, return_inverse=True)[1].reshape(-1)
    _, first, frame = np.unique(key, return_index=True, return_inverse=True)
    return frame.reshape(-1), first
