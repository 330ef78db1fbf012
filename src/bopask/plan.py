"""What a run would give, before it runs: layouts, frames, questions a task, bytes.

Every scene is read and arranged; a few layouts, a few frames of each, go through the whole line and are scaled up.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bopask.ask.rows import SCHEMA
from bopask.bop.folder import open_bop
from bopask.job import Job, Tally
from bopask.nouns import Arrangement
from bopask.pipeline import Station
from bopask.store.shards import write_shard
from bopask.world.arrange import arrange

LAYOUTS = 6
FRAMES = 24


@dataclass(frozen=True)
class Plan:
    """Counts are exact for scenes, layouts and frames; questions and bytes are estimated from a sample."""

    scenes: int
    layouts: int
    frames: int
    sampled_frames: int
    questions: dict[str, float]
    """Expected number of questions by task."""
    bytes: float
    skips: dict[str, dict[str, int]]
    """Of the sample."""

    def text(self) -> str:
        total = sum(self.questions.values())
        lines = [
            f"{self.scenes:,} scenes, {self.layouts:,} layouts, {self.frames:,} frames",
            f"about {total:,.0f} questions, {self.bytes / 1e6:,.1f} MB (from {self.sampled_frames} frames)",
            *(f"  {task:<14} {n:>14,.0f}  {n / max(total, 1):6.1%}" for task, n in self.questions.items()),
        ]
        if self.skips:
            lines.append("not asked, in the sample:")
            lines += [f"  {stage}/{reason}: {n:,}" for stage, why in self.skips.items() for reason, n in why.items()]
        return "\n".join(lines)


def plan(job: Job) -> Plan:
    """Reads and arranges everything, asks a sample.

    Raises:
        InputError: as `pipeline.generate`.
    """
    folder = open_bop(job.folder)
    found: list[tuple[int, int, int]] = []  # scene, ordinal of the layout, frames
    station = Station(job, folder, Tally())
    for scene in tqdm(job.scenes_of(folder), "scenes", unit="scene"):
        arrangements = arrange(station.read(scene), folder.models())
        found += [(scene, k, len(station.keep(a))) for k, a in enumerate(arrangements)]
    frames = sum(n for _, _, n in found)
    with tempfile.TemporaryDirectory() as scratch:
        sample = Station(replace(job, cache_dir=job.cache.path), folder, Tally())
        size, shown = ask_sample(sample, spread(found, LAYOUTS), Path(scratch) / "sample.parquet")
    scale = frames / max(shown, 1)
    counts = sample.tally.counts()["tasks"]
    return Plan(
        scenes=len({scene for scene, _, _ in found}),
        layouts=len(found),
        frames=frames,
        sampled_frames=shown,
        questions={task: of["rows"] * scale for task, of in counts.items()},
        bytes=size * scale,
        skips=sample.tally.skips_by_stage(),
    )


def ask_sample(station: Station, layouts: Sequence[tuple[int, int, int]], path: Path) -> tuple[int, int]:
    """Bytes and frames of the questions about a few frames of each layout."""
    names = station.names()
    shown, tables = 0, []
    for scene, k, _ in tqdm(layouts, "sample", unit="layout"):
        arrangement = thin(arrange(station.read(scene), station.folder.models())[k], FRAMES)
        layout, priors = station.derive(arrangement)
        shot = np.arange(len(layout.arrangement.frames))
        tables.append(station.ask(layout, priors, station.look(layout, shot), names, shot, {}))
        shown += len(shot)
    write_shard(path, iter(tables), SCHEMA)
    return path.stat().st_size, shown


def spread(items: Sequence[tuple[int, int, int]], n: int) -> list[tuple[int, int, int]]:
    """n items evenly over the sequence."""
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, min(n, len(items))).round().astype(int))]


def thin(arrangement: Arrangement, n: int) -> Arrangement:
    """The same arrangement seen in n of its frames, the reference frame among them."""
    keep = np.unique(np.linspace(0, len(arrangement.frames) - 1, min(n, len(arrangement.frames))).round().astype(int))
    return arrangement.only(keep)
