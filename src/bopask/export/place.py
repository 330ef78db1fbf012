"""Where a format writes: the folder, its name, and text files that are streamed, in one piece or in shards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from bopask.export.files import Files
from bopask.export.source import Row
from bopask.store.card import hub_split


@dataclass(frozen=True)
class Item:
    """What a format writes of a row."""

    row: Row
    question: str
    answer: str
    carried: bytes | None = None
    """The picture's bytes, where they are in the row itself."""


@dataclass(frozen=True)
class Place:
    """The export being written."""

    folder: Path
    files: Files
    manifest: Mapping[str, Any]
    at: str = ""
    """Where the folder will lie when it is read, for readers that resolve no relative path; '' = its own folder."""
    shard_rows: int = 0
    """Rows after which a new file is begun; 0 = one file."""
    dialect: str = ""
    """In which the answers are written; '' for the rows' own words: points are pixels of the original image."""
    notes: Counter[str] = field(default_factory=Counter)
    """What rows had to go without, by reason."""

    @property
    def split(self) -> str:
        """'train', 'validation' or 'test'."""
        return hub_split(str(self.manifest.get("split", "")))

    @property
    def dataset(self) -> str:
        return slug(str(self.manifest.get("dataset", "")) or "set")

    @property
    def name(self) -> str:
        """A name that every registry takes, as 'bopask_ycbv_train'."""
        return f"bopask_{self.dataset}_{self.split}"

    def absolute(self, inner: str) -> str:
        """A path as a reader finds it that knows nothing of the export's folder."""
        return f"{self.at.rstrip('/')}/{inner}" if self.at else inner

    def picture(self, item: Item) -> str:
        """Puts an item's picture; returns its path relative to the export."""
        return self.files.picture(item.row, item.carried)

    def jsonl(self, stem: str, records: Iterable[Any]) -> list[str]:
        """Writes a record a line; returns the files' names."""
        return self._records(stem, ".jsonl", records, b"", b"\n", b"\n")

    def json_list(self, stem: str, records: Iterable[Any]) -> list[str]:
        """Writes a JSON list, a record a line, as they come; returns the files' names."""
        return self._records(stem, ".json", records, b"[\n", b",\n", b"\n]\n")

    def text(self, name: str, content: str) -> None:
        (self.folder / name).write_text(content, encoding="utf-8", newline="\n")

    def _records(
        self, stem: str, suffix: str, records: Iterable[Any], head: bytes, between: bytes, tail: bytes
    ) -> list[str]:
        names: list[str] = []
        file: BinaryIO | None = None
        try:
            for i, record in enumerate(records):
                if file is None or (self.shard_rows and i % self.shard_rows == 0):
                    if file is not None:
                        file.write(tail)
                        file.close()
                    file = self._open(names, stem, suffix)
                    file.write(head)
                else:
                    file.write(between)
                file.write(orjson.dumps(record))
            if file is None:
                file = self._open(names, stem, suffix)
                file.write(head)
                tail = tail if head else b""
            file.write(tail)
        finally:
            if file is not None:
                file.close()
        return names

    def _open(self, names: list[str], stem: str, suffix: str) -> BinaryIO:
        name = stem + (f"-{len(names):05d}" if self.shard_rows else "") + suffix
        names.append(name)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")


def slug(text: str) -> str:
    """Letters, digits and '_' alone."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
