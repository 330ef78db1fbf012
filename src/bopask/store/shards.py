"""Parquet shards: a table a block goes in, one zstd file a shard comes out, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bopask.store.files import atomic

PLAIN = ("id", "answer_points.list.element.list.element")
"""Columns whose values hardly repeat: a dictionary would only cost time."""


def write_shard(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Writes blocks as row groups, one after another: memory is bounded by one block. Returns the number of rows."""
    rows = 0
    with atomic(path) as partial:
        writer: Any = None
        try:
            for table in tables:
                if table.num_rows == 0:
                    continue
                writer = writer or pq.ParquetWriter(partial, schema, **options(schema))
                writer.write_table(table, row_group_size=table.num_rows)
                rows += table.num_rows
            writer = writer or pq.ParquetWriter(partial, schema, **options(schema))
        finally:
            if writer is not None:
                writer.close()
    return rows


def options(schema: pa.Schema) -> dict[str, Any]:
    """How shards are written: zstd-3, dictionaries where values repeat."""
    repeated = [f.name for f in schema if f.name not in ("id", "answer_points")]
    nested = {
        "camera_K": "camera_K.list.element",
        "T_world_cam": "T_world_cam.list.element",
        "instances": "instances.list.element",
    }
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [nested.get(name, name) for name in repeated],
        "write_statistics": ["scene_id", "frame_id", "task"],
    }
