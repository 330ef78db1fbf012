"""Parquet shards: a table a block goes in, one zstd file a shard comes out, whole or not at all."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
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
    """Writes tables one after another as they come, so that memory is bounded. Returns the number of rows.

    Args:
        tables: with the columns of `schema`; strings may be dictionary arrays, which are stored as they are.
        schema: as readers see it, whatever the arrays: to them a string is a string.
    """
    rows = 0
    with atomic(path) as partial:
        writer: Any = None
        try:
            for table in row_groups(tables):
                writer = writer or open_writer(partial, table.schema, schema)
                writer.write_table(table, row_group_size=table.num_rows)
                rows += table.num_rows
            writer = writer or open_writer(partial, schema, schema)
        finally:
            if writer is not None:
                writer.close()
    return rows


def open_writer(path: Path, arrays: pa.Schema, schema: pa.Schema) -> Any:
    """A parquet writer for tables of the schema `arrays`, whose file says that it is of `schema`."""
    writer = pq.ParquetWriter(path, arrays, store_schema=False, **options(schema))
    writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(schema.serialize())})
    return writer


def row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Joins small tables (a layout a frame gives many) until they make a row group that is worth its header."""
    waiting: list[pa.Table] = []
    for table in (t for t in tables if t.num_rows):
        waiting.append(table)
        if sum(t.num_rows for t in waiting) >= ROW_GROUP or sum(t.nbytes for t in waiting) >= ROW_GROUP_BYTES:
            yield joined(waiting)
            waiting = []
    if waiting:
        yield joined(waiting)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """One table with one dictionary a column: parquet stores one a row group."""
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries()


def options(schema: pa.Schema) -> dict[str, Any]:
    """How shards are written: zstd; dictionaries, except where they would only cost time."""
    leaf = {
        "camera_K": "camera_K.list.element",
        "instances": "instances.list.element",
        "phrases": "phrases.list.element",
    }
    leaf["image"] = "image.bytes" if embeds(schema) else "image"
    plain = ("id", "question", "answer_points", "T_world_cam", "evidence")
    return {
        "compression": "zstd",
        "compression_level": {name: 1 if name == "id" else 3 for name in schema.names},
        "use_dictionary": [leaf.get(name, name) for name in schema.names if name not in plain],
        "dictionary_pagesize_limit": 64 << 20,  # a picture is stored once a row group, whatever its size
        "write_statistics": ["scene_id", "frame_id", "task"],
    }
