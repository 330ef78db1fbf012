"""A data set folder as the benchmark reads it: rows without their pictures, and a picture when it is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa
from PIL import Image

from bopask.bench.scores import Pictures, Truth
from bopask.bop.folder import open_bop
from bopask.bop.images import load_rgb
from bopask.errors import InputError
from bopask.store.dataset import bop_root_or, embeds, open_shard, picture_path, read_group, read_manifest, shards

SENT_AS_IS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
"""Files that every provider takes; others are sent as PNG."""


class Picture(NamedTuple):
    """A picture as a model is sent it."""

    data: bytes
    mime: str


@dataclass(frozen=True)
class DataSet:
    """A folder that generate, rewrite, review export or select wrote."""

    out: Path
    given: Path | None = None
    """The BOP folder; None: where the manifest says that the rows were made from."""

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Raises InputError where it is missing or broken."""
        return read_manifest(self.out)

    @property
    def fingerprint(self) -> str:
        """Of the content, as its maker states it."""
        return str(self.manifest.get("fingerprint") or "")

    @cached_property
    def bop_root(self) -> Path | None:
        """The BOP folder; None where it is not there.

        Raises:
            InputError: the one that was given is not there.
        """
        return bop_root_or(self.given, self.out)

    @cached_property
    def shards(self) -> tuple[Path, ...]:
        """Raises InputError where there are none."""
        return tuple(shards(self.out))

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Row groups in order, `image` as its path alone."""
        for shard in self.shards:
            with open_shard(shard) as file:
                for group in range(file.metadata.num_row_groups):
                    table = read_group(file, group, columns)
                    if table.num_rows:
                        yield table

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Rows in order, as dicts."""
        for table in self.tables(columns):
            yield from table.to_pylist()

    def truths(self) -> Truths:
        """What makes a row's truth: with masks and meshes where the BOP folder is there."""
        return Truths(self.bop_root)

    def picture(self, row: Mapping[str, Any]) -> Picture:
        """The picture of a row: its file in the BOP folder, or the bytes that the row carries.

        Raises:
            InputError: there is none, it cannot be decoded, or its path leaves the folder.
        """
        path = self.picture_path(row)
        if path is None:
            inner, data = PurePosixPath(str(row.get("image") or "")), self._carried(str(row["id"])) or b""
            return Picture(data, SENT_AS_IS.get(inner.suffix.lower(), "image/png"))
        mime = SENT_AS_IS.get(path.suffix.lower())
        return Picture(path.read_bytes(), mime) if mime else Picture(_png(path), "image/png")

    def picture_path(self, row: Mapping[str, Any]) -> Path | None:
        """The file of a row's picture; None where the row carries it. Raises as `picture` does."""
        inner = picture_path(str(row.get("image") or ""))
        path = self.bop_root / inner if self.bop_root and inner.name else None
        if path and path.is_file():
            return path
        if str(row["id"]) not in self._places:
            fix = "Give the BOP folder with --bop, or a data set with --embed-images"
            raise InputError(f"{self.out}, row {row['id']}", f"its picture {str(inner)!r} is not there", fix)
        return None

    def _carried(self, id: str) -> bytes | None:
        """The bytes of the picture in a row."""
        shard, group, row = self._places[id]
        with open_shard(shard) as file:
            image = file.read_row_group(group, columns=["image"], use_threads=False)["image"]
            value: dict[str, Any] | None = image[row].as_py()
        return (value or {}).get("bytes")

    @cached_property
    def _places(self) -> dict[str, tuple[Path, int, int]]:
        """Shard, row group and row of the rows that carry a picture."""
        places: dict[str, tuple[Path, int, int]] = {}
        for shard in self.shards:
            with open_shard(shard) as file:
                if not embeds(file.schema_arrow):
                    continue
                for group in range(file.metadata.num_row_groups):
                    ids = file.read_row_group(group, columns=["id"], use_threads=False)["id"].to_pylist()
                    places |= {id: (shard, group, k) for k, id in enumerate(ids)}
        return places


@dataclass
class Truths:
    """Makes truths of rows, of whatever splits."""

    root: Path | None

    def __post_init__(self) -> None:
        self._bop = open_bop(self.root) if self.root else None
        self._splits: dict[str, Pictures] = {}

    def of(self, row: Mapping[str, Any]) -> Truth:
        if self._bop is None:
            return Truth.of(row)
        split = str(row["split"])
        if split not in self._splits:
            self._splits[split] = Pictures(self._bop, split)
        return self._splits[split].truth(row)


def _png(path: Path) -> bytes:
    """A file of another format, as BOP has (.tif, gray), as a PNG in colour."""
    buffer = io.BytesIO()
    Image.fromarray(load_rgb(path)).save(buffer, "PNG")
    return buffer.getvalue()
