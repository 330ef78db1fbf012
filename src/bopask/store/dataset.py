"""A data set folder as it is found: its manifest, its shards, its pictures, the BOP folder that it was made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from bopask.errors import InputError
from bopask.store.files import is_local

MOST_ROWS = 500_000
"""What is told of a data set's rows, not counted when they were written, is told of so many at most."""


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


def bop_root_or(given: Path | None, out: Path) -> Path | None:
    """The BOP folder that was given by hand, else `bop_root_of` the data set.

    Raises:
        InputError: the given one is not there.
    """
    if given is not None and not given.is_dir():
        raise InputError(given, "is no folder", "Give the BOP folder that the data set was made from with --bop")
    return given or bop_root_of(out)


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


class Sampled(NamedTuple):
    """Row groups of a data set that stand for all of it."""

    groups: list[tuple[Path, int]]
    """Shard, and which of its row groups; by name and number."""
    rows: int
    """Of all shards."""
    whole: bool
    """Every row group is among them."""


def sampled(out: Path, most: int = MOST_ROWS) -> Sampled:
    """Row groups with about `most` rows, evenly spread over the shards; all where these hold no more.

    Raises:
        InputError: there are no shards, or one is not whole.
    """
    sizes = {(path, group): n for path in shards(out) for group, n in enumerate(_group_sizes(path)) if n}
    groups, rows = list(sizes), sum(sizes.values())
    if rows <= most:
        return Sampled(groups, rows, True)
    count = max(1, most * len(groups) // rows)
    return Sampled([groups[k * len(groups) // count] for k in range(count)], rows, False)


def _group_sizes(path: Path) -> list[int]:
    with open_shard(path) as file:
        return [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]


def embeds(schema: pa.Schema) -> bool:
    """Whether rows carry their pictures: `image` is {bytes, path}, not a path."""
    return "image" in schema.names and pa.types.is_struct(schema.field("image").type)


def read_group(file: Any, group: int, columns: Sequence[str] | None = None) -> pa.Table:
    """A row group of an open shard without the pictures' bytes: `image` is a path. None: all columns."""
    schema = file.schema_arrow
    names = [name for name in schema.names if columns is None or name in columns]
    carries = embeds(schema) and "image" in names
    leaves = ["image.path" if carries and name == "image" else name for name in names]
    table = file.read_row_group(group, columns=leaves, use_threads=False)
    if not carries:
        return table
    at = table.schema.get_field_index("image")
    return table.set_column(at, "image", pa.chunked_array([c.field("path") for c in table["image"].chunks]))


def picture_path(image: str) -> PurePosixPath:
    """The path of a row's picture within the BOP folder.

    Raises:
        InputError: it leaves the folder.
    """
    inner = PurePosixPath(image)
    if inner.is_absolute() or ".." in inner.parts:
        raise InputError(image, "is an image path that leaves the BOP folder", "Generate the data set again")
    return inner
