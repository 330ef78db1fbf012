"""A cache keyed by content, beside the output and never in the user's data folder. Losing it costs only time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from bopask.arrays import Array
from bopask.store.files import atomic


@dataclass(frozen=True)
class Cache:
    """Named arrays by (kind, key). `path=None` keeps nothing."""

    path: Path | None

    def arrays(self, kind: str, key: str, make: Callable[[], Mapping[str, Array]]) -> Mapping[str, Array]:
        """The arrays stored under (kind, key); made and stored when absent or unreadable."""
        if self.path is None:
            return make()
        file = self.path / kind / f"{key}.npz"
        try:
            with np.load(file) as stored:
                return dict(stored)
        except (OSError, ValueError, BadZipFile, EOFError):
            made = make()
        with atomic(file) as partial, partial.open("wb") as out:
            np.savez(out, **dict(made))  # type: ignore[arg-type]
        return made

    def text(self, kind: str, key: str, make: Callable[[], bytes]) -> bytes:
        """Bytes stored under (kind, key); made and stored when absent."""
        if self.path is None:
            return make()
        file = self.path / kind / f"{key}.json"
        if file.exists():
            return file.read_bytes()
        made = make()
        with atomic(file) as partial:
            partial.write_bytes(made)
        return made
