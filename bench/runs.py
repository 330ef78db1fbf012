"""`bopask generate`, each time in a process of its own, and what it took."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

CHILD = (
    "import sys, time, bopask.pipeline as p; p.perf_counter = time.process_time; "
    "from bopask.cli import main; sys.exit(main())"
)
"""`bopask`, whose stages are told in processor seconds."""


@dataclass(frozen=True)
class Spent:
    """What a run of `bopask generate` took and gave."""

    folder: Path
    """What was read."""
    wall: float
    cpu: float
    """Processor seconds of all its processes."""
    peak_mb: float
    """Of its largest process."""
    rows: int
    frames: int
    stages: dict[str, float]
    """Processor seconds of each stage, where one process did all."""

    @property
    def priors(self) -> float:
        """Processor seconds of what is done once a layout."""
        return self.stages["priors"] + self.stages.get("candidates", 0.0)

    @property
    def frame_step(self) -> float:
        """Processor seconds of asking and writing."""
        return self.stages["ask"] + self.stages["write"]


@dataclass(frozen=True)
class Runs:
    """Runs with the same options and one folder of caches."""

    scratch: Path
    split: str
    more: tuple[str, ...]

    @property
    def cache(self) -> Path:
        return self.scratch / "cache"

    @property
    def out(self) -> Path:
        """What the last run wrote."""
        return self.scratch / "out"

    def run(self, folder: Path, workers: int = 1) -> Spent:
        """All of a folder's split; nothing is known yet of who is visible."""
        shutil.rmtree(self.cache / "views", ignore_errors=True)
        given = ["--split", self.split, "--out", self.out, "--cache", self.cache, "--overwrite", "--workers", workers]
        command = [sys.executable, "-c", CHILD, "generate", folder, *given, *self.more]
        start = perf_counter()
        with (self.scratch / "told").open("w+") as told, (self.scratch / "errors").open("w+") as errors:
            child = subprocess.Popen([str(word) for word in command], stdout=told, stderr=errors)
            _, status, used = os.wait4(child.pid, 0)
            wall, child.returncode = perf_counter() - start, os.waitstatus_to_exitcode(status)
            told.seek(0)
            errors.seek(0)
            if child.returncode:
                raise SystemExit(errors.read())
            return spent(folder, told.read(), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def spent(folder: Path, told: str, wall: float, cpu: float, peak_mb: float) -> Spent:
    """Reads what `bopask generate` prints."""
    rows, frames = (int(n.replace(",", "")) for n in re.findall(r"([\d,]+) (?:questions|frames)", told)[:2])
    line = next(line for line in told.splitlines() if line.startswith("seconds"))
    stages = {stage: float(seconds) for stage, seconds in re.findall(r"(\w+) ([\d.]+)", line)}
    return Spent(folder, wall, cpu, peak_mb, rows, frames, stages)


def timed(run: Callable[..., object], *given: object) -> float:
    """Processor seconds of this process."""
    start = process_time()
    run(*given)
    return process_time() - start
