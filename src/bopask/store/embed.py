"""Pictures in the rows: the `image` column as {bytes, path}, one row group a picture so that readers stay small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from bopask.errors import InputError

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def embedded_schema(schema: pa.Schema) -> pa.Schema:
    return schema.set(schema.get_field_index("image"), pa.field("image", IMAGE))


def embedded(tables: Iterator[pa.Table], root: Path) -> Iterator[pa.Table]:
    """Splits tables where the image changes and puts the file's bytes into each row (parquet stores them once)."""
    for table in tables:
        paths = table.column("image").to_pylist()
        starts = [i for i in range(len(paths)) if i == 0 or paths[i] != paths[i - 1]]
        for start, end in zip(starts, [*starts[1:], len(paths)], strict=True):
            part, path = table.slice(start, end - start), paths[start]
            data = _picture(root / path) if path else None
            rows = pa.array(np.zeros(len(part), np.int8))
            struct = pa.array([{"bytes": data, "path": path}], IMAGE).take(rows)
            yield part.set_column(part.schema.get_field_index("image"), pa.field("image", IMAGE), struct)


def _picture(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror})", "Download the images, or leave them out"
        ) from error
