"""Job: what a run is asked to do. Unit: the part of it that one worker does at a time. Tally: what it counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bopask.ask.block import AskConfig
from bopask.ask.budget import MOST_WORDINGS, Budget, Choice
from bopask.ask.names import SHIPPED, is_shipped
from bopask.ask.tasks import TASKS
from bopask.bop.folder import BopFolder
from bopask.errors import InputError
from bopask.nouns import Skip
from bopask.priors.grasps.sources.file import FromFile
from bopask.run.executor import Executor
from bopask.run.local import LocalExecutor
from bopask.store.cache import Cache
from bopask.store.files import is_local, sha256_of
from bopask.world.depth import DepthPlane
from bopask.world.resting import RestingFaces
from bopask.world.up import UpSource

BLOCK = 256
"""Frames asked about at once: bounds memory, and is part of the output's definition (wordings are drawn a block)."""
SHARD = 8 * BLOCK
"""Frames after which a long scene begins a new shard, so that several workers can share it: part of the definition too,
for a shard is a file; the rows do not depend on it."""


@dataclass(frozen=True)
class Job:
    """What to generate. Equal jobs on equal input give equal bytes; `executor` and `cache` change only the time."""

    folder: Path
    split: str
    out: Path
    tasks: tuple[str, ...] = tuple(TASKS)
    seed: int = 0
    ask: AskConfig = field(default_factory=AskConfig)
    budget: Budget = field(default_factory=Budget)
    thin: float | None = None
    """Frames that show the same as an earlier one of their layout, to so many pixels, are left out; None: none is."""
    up: tuple[UpSource, ...] = (DepthPlane(), RestingFaces())
    names: Path | None = None
    """A names file, or the name of a set that ships with bopask."""
    trust: bool = False
    """Use names that nobody has reviewed."""
    dataset: str = ""
    licence: str = "see the dataset's own licence"
    embed_images: bool = False
    keep_going: bool = False
    overwrite: bool = False
    executor: Executor = field(default_factory=LocalExecutor)
    cache_dir: Path | None = None
    grasps: Path | None = None
    """A folder that `bopask grasps` wrote; sampled when None."""
    scenes: tuple[int, ...] = ()
    """Only these scenes; all when empty."""

    def config(self) -> dict[str, Any]:
        """What decides the bytes of the output, besides the input."""
        return {
            "tasks": list(self.tasks),
            "seed": self.seed,
            "ask": asdict(self.ask),
            "budget": asdict(self.budget),
            "thin": self.thin,
            "up": [repr(source) for source in self.up],
            "names": self._names,
            "names_sha256": sha256_of(self.names) if self.names and self.names.is_file() else "",
            "trust": self.trust,
            "embed_images": self.embed_images,
            "keep_going": self.keep_going,
            "grasps": repr(FromFile(self.grasps)) if self.grasps else "",
            "scenes": list(self.scenes),
            "block": BLOCK,
            "shard": SHARD,
        }

    @property
    def _names(self) -> str:
        if self.names is None:
            return ""
        return f"{SHIPPED}{self.names.name}" if is_shipped(self.names) else self.names.name

    @property
    def cache(self) -> Cache:
        return Cache(self.cache_path)

    @property
    def cache_path(self) -> Path:
        """Beside the output, never in the user's data; in the working folder where the output is a URL."""
        beside = self.out.with_name(self.out.name + ".cache") if is_local(self.out) else Path(self.out.name + ".cache")
        return (self.cache_dir or beside).absolute()

    def needs(self, *tasks: str) -> bool:
        return not set(tasks).isdisjoint(self.tasks)

    def scenes_of(self, folder: BopFolder) -> tuple[int, ...]:
        """The scenes to work on.

        Raises:
            InputError: no such split or scene, an empty split, or an unknown task.
        """
        unknown = [task for task in self.tasks if task not in TASKS]
        if unknown or not self.tasks:
            wrong = f"unknown task {unknown[0]!r}" if unknown else "names no task"
            raise InputError("--tasks", wrong, f"Choose from {', '.join(TASKS)}")
        limits = {name: n for name, n in asdict(self.budget).items() if n is not None and n < 1}
        if limits or self.budget.wordings > MOST_WORDINGS:
            fix = f"Give 1 to {MOST_WORDINGS} wordings, and limits of 1 or more"
            raise InputError("--wordings, --max-per-…", f"are {asdict(self.budget)}", fix)
        if self.thin is not None and not 0 <= self.thin < np.inf:
            raise InputError("--thin", f"is {self.thin}", "Give pixels: 0 or more")
        if self.split not in folder.splits:
            fix = f"It has: {', '.join(folder.splits)}" if folder.splits else "See bopask doctor"
            raise InputError(folder.root, f"has no split {self.split!r}", fix)
        scenes = folder.scene_ids(self.split)
        if not scenes:
            raise InputError(folder.root / self.split, "is an empty split: it has no scene", "Download it again")
        missing = [scene for scene in self.scenes if scene not in scenes]
        if missing:
            raise InputError(folder.root / self.split, f"has no scene {missing[0]}", f"It has {len(scenes)} scenes")
        return self.scenes or scenes


@dataclass(frozen=True, order=True)
class Unit:
    """What one worker does at a time and one shard holds: a scene, or of a long one the blocks that begin in SHARD of
    its frames, counted in the order of its layouts. Sorts as units should begin: the first part of every scene, largest
    first, then the next ones, which find the layout's priors in the cache by then."""

    part: int
    order: int
    """Minus the number of objects in all its frames together: the more work, the sooner."""
    scene_id: int
    parts: int = 1

    @property
    def name(self) -> str:
        """Of the shard, after the split; names sort as scenes and their frames do."""
        return f"{self.scene_id:06d}" + (f"-{self.part:04d}" if self.parts > 1 else "")

    def blocks(self, before: int, frames: int) -> list[int]:
        """First frames of the blocks that are this unit's, in a layout whose frames follow `before` others."""
        return [start for start in range(0, frames, BLOCK) if (before + start) // SHARD == self.part]


@dataclass(frozen=True)
class Contents:
    """What a scene holds, as far as it decides how its work is cut."""

    scene_id: int
    frames: int
    """With objects in them."""
    instances: int
    """Objects in all frames together."""
    obj_ids: frozenset[int]

    @property
    def units(self) -> list[Unit]:
        parts = max(1, -(-self.frames // SHARD))
        return [Unit(part, -self.instances // parts, self.scene_id, parts) for part in range(parts)]


@dataclass
class Tally:
    """Counts of a unit or a run. Seconds and memory are printed, never written: they must not change the bytes."""

    rows: int = 0
    frames: int = 0
    tasks: dict[str, Counter[str]] = field(default_factory=dict)
    """By task: rows a subtask as 'sub/<subtask>', and 'yes', 'no'."""
    skips: Counter[str] = field(default_factory=Counter)
    """By 'stage/reason'."""
    wordings: dict[str, Counter[str]] = field(default_factory=dict)
    """Rows by subtask and wording, slots unfilled."""
    layouts: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each stage, all workers together."""
    peak_mb: float = 0.0
    """Largest memory of a worker process so far (MB)."""

    def count(self, row: Mapping[str, Any]) -> None:
        """Counts a row that is written."""
        of = self.tasks.setdefault(str(row["task"]), Counter())
        of[f"sub/{row['subtask']}"] += 1
        of[str(row["answer"]).lower()] += row["answer"] in ("Yes", "No")
        self.rows += 1

    def skip(self, *skips: Skip) -> None:
        self.skips.update(f"{s.stage}/{s.reason}" for s in skips)

    def note(self, choice: Choice) -> None:
        """Counts the rows of a block."""
        for task, asked, fact, template in choice.rows:
            of = self.tasks.setdefault(task, Counter())
            of[f"sub/{asked.subtask}"] += len(fact)
            if asked.yes is not None:
                yes = int(asked.yes[fact].sum())
                of.update(yes=yes, no=len(fact) - yes)
            times = np.bincount(template, minlength=len(asked.templates)).tolist()
            said = {words: n for words, n in zip(asked.templates, times, strict=True) if n}
            self.wordings.setdefault(asked.subtask, Counter()).update(said)
        self.skips.update({f"budget/{reason}": n for reason, n in choice.left_out.items()})

    def add(self, other: Mapping[str, Any]) -> None:
        """Adds the tally of a unit, as it was stored."""
        self.rows += other["rows"]
        self.frames += other["frames"]
        for task, counts in other["tasks"].items():
            self.tasks.setdefault(task, Counter()).update(counts)
        self.skips.update(other["skips"])
        for subtask, counts in other["wordings"].items():
            self.wordings.setdefault(subtask, Counter()).update(counts)
        self.layouts += other["layouts"]
        self.peak_mb = max(self.peak_mb, other["peak_mb"])
        for stage, seconds in other["seconds"].items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def counts(self) -> dict[str, Any]:
        """For the manifest."""
        tasks = {}
        for task in (t for t in TASKS if t in self.tasks):
            of = self.tasks[task]
            subtasks = {k.removeprefix("sub/"): n for k, n in sorted(of.items()) if k.startswith("sub/")}
            answers = {k: of[k] for k in ("yes", "no") if of[k]}
            tasks[task] = {"rows": sum(subtasks.values()), "subtasks": subtasks, **answers}
        counts = {"rows": self.rows, "frames": self.frames, "layouts": len(self.layouts), "tasks": tasks}
        wordings = {subtask: dict(of) for subtask, of in sorted(self.wordings.items())}
        return counts | ({"wordings": wordings} if wordings else {})

    def skips_by_stage(self) -> dict[str, dict[str, int]]:
        stages: dict[str, dict[str, int]] = {}
        for key, number in sorted(self.skips.items()):
            stage, reason = key.split("/", 1)
            if number:
                stages.setdefault(stage, {})[reason] = number
        return stages
