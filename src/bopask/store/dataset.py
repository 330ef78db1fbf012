"""A data set folder as it is found: its manifest, its shards, the BOP folder that it was made from. Reads no row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bopask.errors import InputError
from bopask.store.files import is_local


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of a data set folder. Raises InputError where it is missing or broken."""
    path = out / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "Give the folder that `bopask generate` wrote") from error
    if not isinstance(manifest, dict):
        raise InputError(path, "is not a JSON object", "Generate the data set again")
    return manifest


def bop_root_of(out: Path) -> Path | None:
    """The BOP folder that a data set was made from, as its manifest remembers it; None where it is not there."""
    source = read_manifest(out).get("source")
    if not isinstance(source, str) or not source:
        return None
    root = (out / source if is_local(out) else Path(source)).resolve()
    return root if root.is_dir() else None


def shards(out: Path) -> list[Path]:
    """The parquet files of a data set folder, by name.

    Raises:
        InputError: there are none.
    """
    found = sorted((out / "data").glob("*.parquet"))
    if not found:
        raise InputError(out, "has no data/*.parquet", "Give the folder that `bopask generate --out` wrote")
    return found


def open_shard(path: Path, **options: Any) -> Any:
    """The shard as a pyarrow ParquetFile, wherever it lies.

    Raises:
        InputError: it is not a whole one.
    """
    try:
        return pq.ParquetFile(path if is_local(path) else path.open("rb"), **options)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"is not a whole parquet file ({error})", "Generate the data set again") from error
