"""A data set folder as its rows, one after another: a few thousand are in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from bopask.bench.dialects import CHOICES, Dialect, ask_in
from bopask.errors import InputError
from bopask.store.dataset import bop_root_or, embeds, read_manifest, shards

Row: TypeAlias = Mapping[str, Any]
"""A row as docs/formats.md describes it; its `image` is always a path."""
_BATCH, _BATCH_WITH_PICTURES = 4096, 64
"""Rows read at once; pictures in the rows are repeated in each row while they are in memory."""


class Said(NamedTuple):
    """A row in words: what the model is asked, and what it should answer."""

    question: str
    answer: str


Writer: TypeAlias = Callable[[Row], Said | None]
"""How a row is put into words; None: it cannot be."""


def as_it_stands(row: Row) -> Said:
    """The row's own question and answer: points in whole pixels of the original image."""
    return Said(row["question"], row["answer"])


def in_dialect(dialect: Dialect) -> Writer:
    """Question and answer as a model of that dialect is asked and answers, which `dialect.parse` reads back.

    None of a row whose points lie outside the image: no dialect can say them.
    """

    def write(row: Row) -> Said | None:
        task, width, height = row["task"], row["width"], row["height"]
        told = dialect.instruction(task, row["subtask"], width, height)
        answer = row["answer"] == "Yes" if task in CHOICES else row["answer_points"]
        try:
            return Said(ask_in(row["question"], told), dialect.write(answer, task, width, height))
        except ValueError:
            return None

    return write


class Stored(NamedTuple):
    """A row, and its picture's bytes where they are in the row itself."""

    row: dict[str, Any]
    carried: bytes | None


@dataclass(frozen=True)
class Source:
    """What is exported."""

    out: Path
    manifest: Mapping[str, Any]
    root: Path | None
    """The BOP folder; None where it is not there."""

    def tasks(self) -> tuple[str, ...]:
        return tuple((self.manifest.get("counts") or {}).get("tasks") or {})

    def rows(self, columns: Sequence[str]) -> Iterator[Stored]:
        """Every row in order, of it these columns and the image."""
        for shard in shards(self.out):
            try:
                yield from _rows_of(shard, [*dict.fromkeys([*columns, "image"])])
            except (pa.ArrowInvalid, OSError) as error:
                raise InputError(shard, f"cannot be read ({error})", "Generate the data set again") from error


def open_source(out: Path, bop: Path | None) -> Source:
    """Reads the manifest and finds the BOP folder: `bop`, else where generate found it.

    Raises:
        InputError: the manifest is missing or broken, or `bop` is no folder.
    """
    manifest = read_manifest(out)
    return Source(out, manifest, bop_root_or(bop, out))


def _rows_of(shard: Path, columns: Sequence[str]) -> Iterator[Stored]:
    with pq.ParquetFile(shard) as file:
        missing = [name for name in columns if name not in file.schema_arrow.names]
        if missing:
            raise InputError(shard, f"has no column {missing[0]}", "Generate the data set again")
        embedded = embeds(file.schema_arrow)
        size = _BATCH_WITH_PICTURES if embedded else _BATCH
        for batch in file.iter_batches(batch_size=size, columns=list(columns), use_threads=False):
            for row in batch.to_pylist():
                if embedded:
                    stored = row["image"] or {"path": "", "bytes": None}
                    yield Stored({**row, "image": stored["path"] or ""}, stored["bytes"])
                else:
                    yield Stored({**row, "image": row["image"] or ""}, None)
