"""`make bench`: ours against the paper's recipe, against pyarrow alone and against FCL and OMPL raw; and how it grows.

    python bench/speed.py [FOLDER --split SPLIT] [--scenes …] [--images 8] [--cache DIR] [--picture FILE]

What else is given goes to `bopask generate`. Without a FOLDER the embedded sample is used; of a folder of many scenes
four, evenly spread. All figures are of one run. Processor seconds are all processes' together, so that what else runs
on the machine matters little; only what two workers gain is told by the clock, and needs two idle cores.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import permutations
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import raw
import recipe
from chart import Chart, draw
from growth import Growing

from bopask.arrays import Array
from bopask.ask.block import frame_poses
from bopask.ask.names import find_names
from bopask.bop.folder import BopFolder, open_bop
from bopask.nouns import Layout
from bopask.priors.carry import Carried, Scene
from bopask.priors.contacts import rests_on
from bopask.priors.paths import plan_paths
from bopask.store.cache import Cache
from bopask.store.shards import options
from bopask.world.arrange import arrange
from bopask.world.depth import DepthPlane
from bopask.world.resting import RestingFaces
from bopask.world.up import find_world
from bopask.world.visibility import look

SAMPLE = Path(str(files("bopask"))) / "data" / "sample"
CROWD = Path(__file__).parent / "crowd"
"""One settled layout of 15 of the sample's objects: `bopask synth --layouts 1 --views 5 --objects 15 --clutter 0.8:1
--kinds 24 --seed 1 --arrangement table`, poses only."""
FRAMES = 512
"""Of the smallest scene whose frames grow."""
SCENES, LOOKED_AT = 4, 40
"""Scenes of a large folder that are used; frames of each from which the recipe's images are taken."""
CHILD = (
    "import sys, time, bopask.pipeline as p; p.perf_counter = time.process_time; "
    "from bopask.cli import main; sys.exit(main())"
)
"""`bopask`, whose stages are told in processor seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--split", default="train")
    parser.add_argument("--scenes", type=int, nargs="*", help="scenes to use (default: four, evenly spread)")
    parser.add_argument("--images", type=int, default=8, help="images given to the paper's recipe (8)")
    parser.add_argument("--cache", type=Path, help="a folder of dense grasps; what else is in it is not used")
    parser.add_argument("--picture", type=Path, help="where to draw the growth curves")
    args, more = parser.parse_known_args()
    folder = open_bop(args.folder)
    known = folder.scene_ids(args.split)
    scenes = args.scenes or [known[round(k)] for k in np.linspace(0, len(known) - 1, min(SCENES, len(known)))]
    with tempfile.TemporaryDirectory() as scratch:
        runs = Runs(Path(scratch), args.split, tuple(more))
        if args.cache:
            shutil.copytree(args.cache / "grasps", runs.cache / "grasps")
        scene = Growing.of(folder.root, args.split, scenes[0])
        theirs = against_recipe(runs, folder, scenes, args.images)
        frames = grow_frames(runs, scene)
        told(f"ours, frame step, {frames[-1].frames:,} frames of a layout", frames[-1], frames[-1].frame_step, theirs)
        against_pyarrow(runs, frames[-1])
        against_libraries(folder, args.split, scenes[0])
        charts = [*of_frames(frames), grow_objects(runs, folder, scenes), grow_workers(runs, scene)]
        if args.picture:
            draw(charts, args.picture)


@dataclass(frozen=True)
class Spent:
    """What a run of `bopask generate` took and gave."""

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
    def frame_step(self) -> float:
        """Processor seconds of what is done anew for every frame: asking and writing."""
        return self.stages["ask"] + self.stages["write"]


@dataclass(frozen=True)
class Runs:
    """`bopask generate`, each time in a process of its own, with one folder of caches."""

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

    def forget_layouts(self) -> None:
        """Makes all caches cold but that of the objects' dense grasps."""
        for folder in self.cache.iterdir():
            if folder.name != "grasps":
                shutil.rmtree(folder)

    def run(self, folder: Path, *options: object, workers: int = 1) -> Spent:
        given = ["--split", self.split, "--out", self.out, "--cache", self.cache, "--overwrite", "--workers", workers]
        command = [sys.executable, "-c", CHILD, "generate", folder, *given, *self.more, *options]
        start = perf_counter()
        with (self.scratch / "told").open("w+") as told, (self.scratch / "errors").open("w+") as errors:
            child = subprocess.Popen([str(word) for word in command], stdout=told, stderr=errors)
            _, status, used = os.wait4(child.pid, 0)
            wall, child.returncode = perf_counter() - start, os.waitstatus_to_exitcode(status)
            told.seek(0)
            errors.seek(0)
            if child.returncode:
                raise SystemExit(errors.read())
            return spent(told.read(), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def spent(told: str, wall: float, cpu: float, peak_mb: float) -> Spent:
    """Reads what `bopask generate` prints."""
    rows, frames = (int(n.replace(",", "")) for n in re.findall(r"([\d,]+) (?:questions|frames)", told)[:2])
    line = next(line for line in told.splitlines() if line.startswith("seconds"))
    stages = {stage: float(seconds) for stage, seconds in re.findall(r"(\w+) ([\d.]+)", line)}
    return Spent(wall, cpu, peak_mb, rows, frames, stages)


def against_recipe(runs: Runs, folder: BopFolder, scenes: list[int], images: int) -> float:
    """Prints what a frame takes the recipe and us; returns the recipe's processor seconds."""
    only = ("--scenes", *scenes)
    cold = runs.run(folder.root, *only, workers=2)
    warm = runs.run(folder.root, *only)
    print(f"{folder.name}, {len(scenes)} scenes: {cold.rows:,} questions about {cold.frames:,} frames")
    theirs, rows = run_recipe(folder, runs.split, scenes, images)
    print(f"the paper's recipe: {1e3 * theirs:,.0f} ms a frame, {rows:,.0f} questions, {rows / theirs:,.0f} Q&A/s")
    told("ours, all with cold caches", cold, cold.cpu, theirs)
    told("ours, frame step", warm, warm.frame_step, theirs)
    return theirs


def told(what: str, of: Spent, seconds: float, theirs: float) -> None:
    a_frame = seconds / of.frames
    print(
        f"{what}: {1e3 * a_frame:,.2f} ms a frame, {of.rows / of.frames:,.0f} questions, "
        f"{of.rows / seconds:,.0f} Q&A/s, {theirs / a_frame:,.0f} x as fast as the recipe"
    )


def run_recipe(folder: BopFolder, split: str, scenes: list[int], images: int) -> tuple[float, float]:
    """Processor seconds and questions of an image, on average over images evenly spread over the scenes."""
    shown = [image for scene in scenes for image in pictures(folder, split, scene, -(-images // len(scenes)))]
    file, rng = io.StringIO(), np.random.default_rng(0)
    start = process_time()
    rows = sum(recipe.write(recipe.ask(image(), rng), file) for image in shown)
    return (process_time() - start) / len(shown), rows / len(shown)


def pictures(folder: BopFolder, split: str, scene: int, n: int) -> Iterator[Callable[[], recipe.Image]]:
    """What the recipe is given of n images of a scene: worked out before, but for the arithmetic of an image."""
    layout = next(layouts(folder, split, scene))
    arrangement, models = layout.arrangement, folder.models()
    seen, poses = look(arrangement, models), frame_poses(arrangement, np.arange(len(arrangement.frames)))
    names = find_names(models, None, True, Cache(None))
    called = {o: names.of(o)[0] for o in models.obj_ids if names.of(o)}
    shapes = {int(o): recipe.Shape.of(models[int(o)]) for o in layout.obj_ids}
    for f in np.linspace(0, len(arrangement.frames) - 1, n).round().astype(int):
        frame = arrangement.frames[f]
        given = (
            str(frame.rgb_path),
            frame.camera,
            layout.obj_ids,
            poses[f],
            layout.T_world_cam[f],
            seen.visib_fract[f],
        )
        yield lambda given=given: recipe.Image.of(*given, shapes, called)


def layouts(folder: BopFolder, split: str, scene: int) -> Iterator[Layout]:
    """The layouts of a scene whose up is known, told from some of its frames."""
    frames = folder.read_scene(split, scene).frames
    for arrangement in arrange(frames[:: max(1, len(frames) // LOOKED_AT)], folder.models()):
        world, _ = find_world(arrangement, folder.models(), (DepthPlane(), RestingFaces()))
        if world:
            yield Layout(arrangement, world)


def against_pyarrow(runs: Runs, ours: Spent) -> None:
    """Prints in what time pyarrow writes the last run's shards again, from the tables that any reader gets."""
    seconds = 0.0
    for file in sorted((runs.out / "data").glob("*.parquet")):
        with pq.ParquetFile(file) as shard:
            groups = [shard.read_row_group(k) for k in range(shard.num_row_groups)]
        seconds += timed(lambda groups=groups: write(groups, runs.scratch / "again.parquet"))
    print(
        f"pyarrow alone, the same table: {ours.rows / seconds:,.0f} Q&A/s; "
        f"ours {ours.frame_step / seconds:.2f} x the time"
    )


def write(groups: list[Any], file: Path) -> None:
    with pq.ParquetWriter(file, groups[0].schema, **options(groups[0].schema)) as writer:
        for table in groups:
            writer.write_table(table, row_group_size=table.num_rows)


def against_libraries(folder: BopFolder, split: str, scene: int) -> None:
    """Prints checks and plans a second of FCL and OMPL by themselves, and of ours."""
    layout, models = next(layouts(folder, split, scene)), folder.models()
    image = next(pictures(folder, split, scene, 1))()
    rng, n = np.random.default_rng(0), len(image.things)
    offsets = rng.uniform(-0.3, 0.3, (2000, 3)) * [1, 1, 0.5] + [0, 0, 0.15]
    by_fcl = by_ours = 0.0
    ours = Scene(layout, models)
    for a in image.things:
        scene_of = raw.together([t.body for t in image.things if t is not a])
        by_fcl += timed(lambda a=a, others=scene_of: [checked(a, others, offset) for offset in offsets])
        a.body.setTranslation(a.T_world_obj[:3, 3])
        carried = Carried(ours, a.index)
        by_ours += timed(lambda carried=carried: [carried.hits(offset) for offset in offsets])
    checks = n * len(offsets)
    print(f"is an object free among {n - 1} others: FCL raw {checks / by_fcl:,.0f}/s, ours {checks / by_ours:,.0f}/s")
    pairs = list(permutations(image.things, 2))
    by_ompl = timed(lambda: [recipe.carry(a, b, [t for t in image.things if t is not a]) for a, b in pairs])
    rest = rests_on(layout, models)
    by_ours = timed(lambda: plan_paths(layout, models, rest, 0))
    print(
        f"ways from one object to another: OMPL on FCL raw {len(pairs) / by_ompl:,.0f} pairs/s, "
        f"ours, shortest, with other ways, proved: {len(pairs) / by_ours:,.1f} pairs/s"
    )


def checked(a: recipe.Thing, others: object, offset: Array) -> bool:
    a.body.setTranslation(a.T_world_obj[:3, 3] + offset)
    return raw.collides(others, a.body)


def timed(run: Callable[[], object]) -> float:
    """Processor seconds."""
    start = process_time()
    run()
    return process_time() - start


def grow_frames(runs: Runs, scene: Growing) -> list[Spent]:
    """One layout with more and more frames, its priors cached."""
    runs.run(scene.write(runs.scratch / "few", frames=8))
    spent = []
    for n in (FRAMES, 2 * FRAMES, 4 * FRAMES):
        one = runs.run(scene.write(runs.scratch / f"frames-{n}", frames=n))
        print(f"{n:,} frames of a layout: {one.cpu:.1f} s of processor, {one.peak_mb:,.0f} MB; by stage {one.stages}")
        spent.append(one)
    cpu = [s.cpu for s in spent]
    print(f"twice the frames: {cpu[1] / cpu[0]:.2f} x and {cpu[2] / cpu[1]:.2f} x the time")
    return spent


def of_frames(spent: list[Spent]) -> list[Chart]:
    x, cpu = [s.frames for s in spent], [s.cpu for s in spent]
    same_rate = [cpu[-1] * n / x[-1] for n in x]
    return [
        Chart("Frames of a layout, priors cached", "frames", "processor seconds", x, cpu, same_rate, "proportional"),
        Chart("Memory", "frames", "MB of the largest process", x, [s.peak_mb for s in spent]),
    ]


def grow_objects(runs: Runs, folder: BopFolder, scenes: list[int]) -> Chart:
    """The priors of one layout with more and more of its objects, grasps cached."""
    grown = [Growing.of(folder.root, runs.split, scene) for scene in scenes]
    if folder.root == SAMPLE:
        grown.append(Growing(CROWD, runs.split, 0, SAMPLE / "models"))
    fullest = max(grown, key=lambda scene: scene.objects)
    x = sorted({n for n in (4, 8, fullest.objects) if n <= fullest.objects})
    y = []
    for n in x:
        used = runs.run(fullest.write(runs.scratch / f"objects-{n}", objects=n))
        y.append(used.stages["priors"] + used.stages.get("candidates", 0.0))
        print(f"{n} objects of a layout, {n * (n - 1)} ordered pairs: priors {y[-1]:.1f} s of processor")
    pairs = [y[-1] * n * (n - 1) / (x[-1] * (x[-1] - 1)) for n in x]
    return Chart(
        "Objects of one layout, grasps cached", "objects", "processor seconds, priors", x, y, pairs, "as the pairs"
    )


def grow_workers(runs: Runs, scene: Growing) -> Chart:
    """Two equal scenes from cold priors on, grasps cached: one worker, then two, by the clock."""
    twins, spent = scene.write(runs.scratch / "twins", frames=2 * FRAMES, copies=2), list[Spent]()
    for workers in (1, 2):
        runs.forget_layouts()
        spent.append(runs.run(twins, workers=workers))
        print(f"workers {workers}: {spent[-1].wall:.1f} s by the clock, {spent[-1].cpu:.1f} s of processor")
    rates = [spent[0].wall / s.wall for s in spent]
    print(f"two workers: {rates[1]:.2f} x as fast")
    return Chart(
        "Workers, two equal scenes", "workers", "times as fast, by the clock", [1, 2], rates, [1, 2], "proportional"
    )


if __name__ == "__main__":
    main()
