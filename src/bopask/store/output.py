"""The output folder of a run: what is finished, what may be overwritten, how a killed run resumes.

OUT/data/*.parquet   OUT/candidates/*.parquet   OUT/manifest.json   OUT/README.md   OUT/report.html
OUT/proof.json       OUT/proof.parquet           what `bopask verify` found of it
OUT/review.json, names.json, replies.jsonl      what people said, where `bopask review export` wrote OUT
OUT/.work/           while the run is not complete: run.json, its fingerprint, and a marker for each finished unit

A marker is written after the files of its unit, and tells their sizes; run.json goes last of all. So at any moment
the folder is a complete run, or one that resumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bopask.errors import OutputError
from bopask.store.files import is_local, remove, staging, sweep, write_json

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
    """Written before the run is closed; it holds the fingerprint."""

    @property
    def complete(self) -> bool:
        return _fingerprint(self.path / self.record) == self.fingerprint and not self.begun

    @property
    def begun(self) -> bool:
        """Whether this run has the folder, and is not complete."""
        return _fingerprint(self._marker("run")) == self.fingerprint

    def open(self, overwrite: bool) -> None:
        """Makes the folder ready for this run, or for its continuation.

        Raises:
            OutputError: the folder holds another run or foreign files, or cannot be written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(self.path, "is a file", "Choose another --out")
        sweep(self.path if is_local(self.path) else staging())
        found = sorted(p.name for p in self.path.iterdir()) if self.path.is_dir() else []
        if found == [".work"] and not self._marker("run").exists():  # killed before it began
            found = []
        if found and (overwrite or not self.begun):
            foreign = [name for name in found if name not in self.ours]
            if foreign:
                raise OutputError(self.path, f"holds files of others ({foreign[0]}, …)", "Choose an empty --out")
            if not overwrite:
                raise OutputError(self.path, "holds another run", "Give --overwrite to replace it, or another --out")
            for name in sorted(self.ours, key=lambda name: name != self.record):  # first what calls it complete
                remove(self.path / name)
        write_json(self._marker("run"), {"fingerprint": self.fingerprint})

    def finished(self, unit: str) -> Any | None:
        """What `finish` recorded for this unit; None unless its files are there as they were then."""
        try:
            marker = orjson.loads(self._marker(unit).read_bytes())
            whole = all((self.path / name).stat().st_size == size for name, size in marker["files"].items())
        except FileNotFoundError:
            return None
        return marker["result"] if whole else None

    def finish(self, unit: str, result: Any, *files: Path) -> None:
        """Marks a unit as done, after its files are whole. What comes late, of a run that is over, leaves no mark."""
        sizes = {file.relative_to(self.path).as_posix(): file.stat().st_size for file in files}
        if self.begun:
            write_json(self._marker(unit), {"files": sizes, "result": result})

    def close(self) -> None:
        """The run is complete: its working state goes, its fingerprint last."""
        folder = self.path / ".work"
        if folder.is_dir():
            for marker in sorted(folder.iterdir()):
                if marker.name != "run.json":
                    remove(marker)
            remove(folder)

    def _marker(self, unit: str) -> Path:
        return self.path / ".work" / f"{unit}.json"


def _fingerprint(path: Path) -> str | None:
    try:
        return str(orjson.loads(path.read_bytes()).get("fingerprint"))
    except (OSError, orjson.JSONDecodeError, AttributeError):
        return None
