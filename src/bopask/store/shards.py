"""Parquet shards: a table a block goes in, one zstd file a shard comes out, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bopask.store.dataset import embeds
from bopask.store.files import atomic

ROW_GROUP = 16_384
"""Rows after which a row group is closed."""
ROW_GROUP_BYTES = 64 << 20
"""...or bytes, which embedded pictures reach first: readers expand a row group whole."""


def write_shard(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Writes tables one after another as they come, so that memory is bounded. Returns the number of rows."""
    rows = 0
    with atomic(path) as partial:
        writer: Any = None
        try:
            for table in row_groups(tables):
                writer = writer or pq.ParquetWriter(partial, schema, **options(schema))
                writer.write_table(table, row_group_size=table.num_rows)
                rows += table.num_rows
            writer = writer or pq.ParquetWriter(partial, schema, **options(schema))
        finally:
            if writer is not None:
                writer.close()
    return rows


def row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Joins small tables (a layout a frame gives many) until they make a row group that is worth its header."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(t.num_rows for t in waiting) >= ROW_GROUP or sum(t.nbytes for t in waiting) >= ROW_GROUP_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if any(t.num_rows for t in waiting):
        yield pa.concat_tables(waiting)


def options(schema: pa.Schema) -> dict[str, Any]:
    """How shards are written: zstd-3; dictionaries, except where values hardly repeat and they would only cost time."""
    leaf = {
        "camera_K": "camera_K.list.element",
        "T_world_cam": "T_world_cam.list.element",
        "instances": "instances.list.element",
        "phrases": "phrases.list.element",
    }
    leaf["image"] = "image.bytes" if embeds(schema) else "image"
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [leaf.get(name, name) for name in schema.names if name not in ("id", "answer_points")],
        "dictionary_pagesize_limit": 64 << 20,  # a picture is stored once a row group, whatever its size
        "write_statistics": ["scene_id", "frame_id", "task"],
    }
