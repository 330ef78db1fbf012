"""RUN folders, read. Runs of one model, asked the same way about different data sets, are one entry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.bench.scoring import SCHEMA
from bopask.errors import InputError

IMAGE = ("dataset", "split", "scene_id", "frame_id", "sensor")


@dataclass(frozen=True)
class Run:
    """One RUN folder."""

    path: Path
    told: Mapping[str, Any]
    table: pa.Table

    @property
    def label(self) -> str:
        """The model and how it was asked."""
        flags = [
            "common format" if self.told.get("format") == "common" else "",
            "blind" if self.told.get("blind") else "",
            "dialect guessed" if self.told["guessed"] else "",
        ]
        said = ", ".join(filter(None, flags))
        return f"{self.told['model']} ({said})" if said else str(self.told["model"])

    @property
    def out(self) -> Path:
        """The data set folder, as far as it is still where it was."""
        return (self.path / str(self.told["data"]["out"])).resolve()

    @property
    def bop(self) -> Path | None:
        """The BOP folder that was given by hand."""
        given = str(self.told["data"].get("bop") or "")
        return (self.path / given).resolve() if given else None


@dataclass(frozen=True)
class Entry:
    """A line of the tables."""

    label: str
    runs: tuple[Run, ...]

    @cached_property
    def table(self) -> pa.Table:
        return pa.concat_tables(run.table for run in self.runs)

    @cached_property
    def images(self) -> list[str]:
        """Which image each row is about."""
        return [repr(key) for key in zip(*(self.table[name].to_pylist() for name in IMAGE), strict=True)]

    @property
    def scene(self) -> bool:
        """Whether scores that look at masks and meshes apply throughout."""
        return all(run.told["scene"] for run in self.runs)

    @cached_property
    def _columns(self) -> dict[str, Array]:
        return {}

    def texts(self, name: str) -> Array:
        """A column of text; missing ones are ''."""
        if name not in self._columns:
            self._columns[name] = np.array([value or "" for value in self.table[name].to_pylist()], dtype=object)
        return self._columns[name]

    def numbers(self, name: str) -> Float[Array, "n"]:
        """A score; NaN where it does not apply."""
        return np.asarray(self.table[name].to_numpy(), float)

    def of(self, **wanted: str) -> Bool[Array, "n"]:
        """Rows whose columns have these values."""
        mask = np.ones(self.table.num_rows, bool)
        for name, value in wanted.items():
            mask &= self.texts(name) == value
        return mask


def read_runs(paths: Sequence[Path]) -> list[Entry]:
    """The entries in the order of the runs.

    Raises:
        InputError: a folder holds no finished run, or the runs were scored by different versions of the table.
    """
    grouped: dict[str, list[Run]] = {}
    for run in map(read_run, paths):
        label, number = run.label, 2
        while any(run.told["data"]["fingerprint"] == r.told["data"]["fingerprint"] for r in grouped.get(label, ())):
            label, number = f"{run.label} #{number}", number + 1  # the same questions again: another run of it
        grouped.setdefault(label, []).append(run)
    return [Entry(label, tuple(runs)) for label, runs in grouped.items()]


def read_run(path: Path) -> Run:
    fix = "Give folders that `bopask eval` or `bopask score` finished"
    try:
        told = json.loads((path / "run.json").read_bytes())
        table = pq.read_table(path / "scores.parquet", schema=None)
    except (OSError, ValueError, pa.ArrowInvalid) as error:
        raise InputError(path, f"holds no finished run ({error})", fix) from error
    if not isinstance(told, dict) or "tasks" not in told:
        raise InputError(path, "holds a run that is not finished", "The same `bopask eval` finishes it")
    if table.schema.names != SCHEMA.names:
        raise InputError(path / "scores.parquet", "is of another version", "Score the replies again: bopask score")
    return Run(path, told, table)
