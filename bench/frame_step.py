"""The frame step alone: what it takes to ask and to write, against writing the same finished tables with pyarrow alone.

    python bench/frame_step.py FOLDER --split train_real [--scenes …] [--cache DIR] [--wordings 8 --max-per-task 48]

Everything before the frames (grasps, priors, views) is worked out first and not counted. Processor seconds of one
process, so that what else runs on the machine matters little; each figure is the better of --repeat passes.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
from limit import row_groups, write_again

from bopask.ask.budget import Budget
from bopask.ask.rows import SCHEMA
from bopask.bop.folder import open_bop
from bopask.job import BLOCK, Job, Tally
from bopask.pipeline import Station
from bopask.store.shards import write_shard
from bopask.world.arrange import arrange


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", required=True)
    parser.add_argument("--scenes", type=int, nargs="*", default=[])
    parser.add_argument("--cache", type=Path, help="folder of grasps, priors and views")
    parser.add_argument("--wordings", type=int, default=1)
    parser.add_argument("--max-per-task", type=int)
    parser.add_argument("--max-per-frame", type=int)
    parser.add_argument("--repeat", type=int, default=2)
    args = parser.parse_args()
    budget = Budget(args.wordings, args.max_per_frame, args.max_per_task)
    with tempfile.TemporaryDirectory() as scratch:
        job = Job(args.folder, args.split, Path(scratch) / "out", cache_dir=args.cache, budget=budget)
        measure(Station(job, open_bop(job.folder), Tally()), args.scenes, args.repeat, Path(scratch))


def measure(station: Station, scenes: list[int], repeat: int, scratch: Path) -> None:
    total, frames, rows, size = dict.fromkeys(("ask", "write", "pyarrow"), 0.0), 0, 0, 0
    file, again = scratch / "rows.parquet", scratch / "again.parquet"
    for scene in scenes or station.folder.scene_ids(station.job.split):
        blocks, n = asking(station, scene)
        tables, seconds = best(repeat, lambda blocks=blocks: [ask() for ask in blocks])
        total["ask"] += seconds
        total["write"] += best(repeat, lambda tables=tables: write_shard(file, iter(tables), SCHEMA))[1]
        groups = row_groups(file)
        total["pyarrow"] += best(repeat, lambda groups=groups: write_again(groups, again))[1]
        frames, rows, size = frames + n, rows + sum(map(len, tables)), size + file.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    total["ask and write"] = total["ask"] + total["write"]
    print(f"{rows:,} rows of {frames:,} frames: {rows / frames:.1f} a frame, {size / rows:.1f} bytes a row")
    for what, seconds in total.items():
        print(f"{what:<14} {seconds:8.2f} s  {rows / seconds:12,.0f} Q&A a core-second")
    print(f"ask and write take {total['ask and write'] / total['pyarrow']:.2f} x what pyarrow alone takes to write it")
    print(f"peak memory: {peak:,.0f} MB, all tables of a scene at once")


def asking(station: Station, scene: int) -> tuple[list[Callable[[], pa.Table]], int]:
    """What asks about each block of a scene's frames, and the number of its frames."""
    frames, names = station.read(scene), station.names()
    blocks: list[Callable[[], pa.Table]] = []
    for arrangement in arrange(frames, station.folder.models()):
        layout, priors = station.derive(arrangement)
        n, told = len(layout.arrangement.frames), dict[str, Any]()
        for start in range(0, n, BLOCK):
            block = np.arange(start, min(start + BLOCK, n))
            view = station.look(layout, block)
            blocks.append(lambda of=(layout, priors, view, names, block, told): station.ask(*of))
    return blocks, len(frames)


def best(repeat: int, run: Callable[[], object]) -> tuple[object, float]:
    seconds = []
    for _ in range(repeat):
        start = process_time()
        result = run()
        seconds.append(process_time() - start)
    return result, min(seconds)


if __name__ == "__main__":
    main()
