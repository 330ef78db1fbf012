"""The limit: pyarrow alone writes a finished shard again, encoded and compressed as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bopask.store.shards import options


def row_groups(file: Path, dictionaries: bool = False) -> list[Any]:
    """A shard's tables as any reader sees them; or with indices into dictionaries for strings."""
    names = [field.name for field in pq.read_schema(file) if pa.types.is_string(field.type)]
    with pq.ParquetFile(file, read_dictionary=names if dictionaries else []) as shard:
        return [shard.read_row_group(k) for k in range(shard.num_row_groups)]


def write_again(groups: Sequence[Any], file: Path) -> None:
    """Writes a shard's tables."""
    with pq.ParquetWriter(file, groups[0].schema, **options(groups[0].schema)) as writer:
        for table in groups:
            writer.write_table(table, row_group_size=table.num_rows)
