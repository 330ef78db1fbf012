"""The output folder of a run: what is finished, what may be overwritten, how a killed run resumes.

OUT/data/*.parquet   OUT/candidates/*.parquet   OUT/manifest.json   OUT/README.md   OUT/report.html
OUT/proof.json       OUT/proof.parquet           what `bopask verify` found of it
OUT/review.json, names.json, replies.jsonl      what people said, where `bopask review export` wrote OUT
OUT/.work/           while the run is not complete: its fingerprint, and a marker for each finished shard
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bopask.errors import OutputError
from bopask.store.files import write_json

OURS = (
    "data", "candidates", ".work", "manifest.json", "README.md", "report.html", "proof.json", "proof.parquet",
    "review.json", "names.json", "replies.jsonl",
)  # fmt: skip


@dataclass(frozen=True)
class Output:
    """`fingerprint` stands for input, configuration and code: shards of another one are never mixed in."""

    path: Path
    fingerprint: str
    ours: tuple[str, ...] = OURS
    """All that a run may leave here, and that another one may replace."""
    record: str = "manifest.json"
    """Written last; it holds the fingerprint."""

    @property
    def complete(self) -> bool:
        return _fingerprint(self.path / self.record) == self.fingerprint

    def open(self, overwrite: bool) -> None:
        """Makes the folder ready for this run, or for its continuation.

        Raises:
            OutputError: the folder holds another run or foreign files, or cannot be written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(self.path, "is a file", "Choose another --out")
        found = sorted(p.name for p in self.path.iterdir()) if self.path.is_dir() else []
        same = _fingerprint(self.path / ".work" / "run.json") == self.fingerprint
        if found and (overwrite or not same):
            foreign = [name for name in found if name not in self.ours]
            if foreign:
                raise OutputError(self.path, f"holds files of others ({foreign[0]}, …)", "Choose an empty --out")
            if not overwrite:
                raise OutputError(self.path, "holds another run", "Give --overwrite to replace it, or another --out")
            self._clear()
        write_json(self.path / ".work" / "run.json", {"fingerprint": self.fingerprint})

    def _clear(self) -> None:
        for name in self.ours:
            target = self.path / name
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)

    def finished(self, unit: str) -> Any | None:
        """What `finish` recorded for this unit, or None."""
        marker = self.path / ".work" / f"{unit}.json"
        return orjson.loads(marker.read_bytes()) if marker.exists() else None

    def finish(self, unit: str, result: Any) -> None:
        """Marks a unit as done, after its shards are whole."""
        write_json(self.path / ".work" / f"{unit}.json", result)

    def close(self) -> None:
        """The run is complete: its working state goes."""
        shutil.rmtree(self.path / ".work", ignore_errors=True)


def _fingerprint(path: Path) -> str | None:
    try:
        return str(orjson.loads(path.read_bytes()).get("fingerprint"))
    except (OSError, orjson.JSONDecodeError, AttributeError):
        return None
