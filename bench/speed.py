"""`make bench`: ours against the paper's recipe, against pyarrow alone and against FCL and OMPL raw; and how it grows.

    python bench/speed.py [FOLDER --split SPLIT] [--scenes …] [--images 8] [--cache DIR] [--picture FILE]

Without a FOLDER the embedded sample is used; of a folder of many scenes four, evenly spread. What else is given goes to
`bopask generate`, as `--wordings 4`. All is done on the poses alone. Figures are processor seconds of all processes
together, so that what else runs on the machine matters little; only what two workers gain is told by the clock, and
needs two idle cores.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import raw
import recipe
from chart import draw
from growth import Growing, grow_frames, grow_objects, grow_workers, of_frames, write
from limit import row_groups, write_again
from runs import Runs, Spent, timed

from bopask.arrays import Array
from bopask.ask.block import frame_poses
from bopask.ask.names import find_names
from bopask.bop.folder import BopFolder, open_bop
from bopask.errors import InputError
from bopask.nouns import Layout
from bopask.priors.carry import Carried, Scene
from bopask.priors.contacts import rests_on
from bopask.priors.paths import plan_paths
from bopask.store.cache import Cache
from bopask.world.arrange import arrange
from bopask.world.resting import RestingFaces
from bopask.world.up import find_world
from bopask.world.visibility import look

SAMPLE = Path(str(files("bopask"))) / "data" / "sample"
CROWD = Path(__file__).parent / "crowd"
"""One settled layout of 15 of the sample's objects: `bopask synth --layouts 1 --views 5 --objects 15 --clutter 0.8:1
--kinds 24 --seed 1 --arrangement table`, poses only."""
SCENES = 4
"""Scenes of a large folder that are used."""
PLACES = 2000
"""At which an object is tried."""


def main() -> None:
    args, more = arguments()
    scenes = [Growing.of(args.folder, args.split, scene) for scene in args.scenes]
    crowd = [Growing(CROWD, args.split, 0, SAMPLE / "models")] if args.folder == SAMPLE else []
    numbers, but = ", ".join(map(str, args.scenes)), " but of grasps" if args.cache else ""
    print(f"{args.folder.name}, scenes {numbers}; all caches cold{but}")
    with tempfile.TemporaryDirectory() as scratch:
        runs = Runs(Path(scratch), args.split, tuple(more))
        if args.cache:
            shutil.copytree(args.cache / "grasps", runs.cache / "grasps")
        folder = open_bop(write(scenes, runs.scratch / "scenes"))
        first = runs.run(folder.root, workers=2)
        frames = grow_frames(runs, scenes)
        against_pyarrow(runs, frames[-1])
        seconds, rows = run_recipe(folder, args.split, args.images)
        against_recipe(first, frames[-1], seconds, rows)
        as_many(runs, frames[-1], seconds, rows)
        against_libraries(folder, args.split)
        workers = grow_workers(runs, frames[-1])
        objects = grow_objects(runs, max([*scenes, *crowd], key=lambda scene: scene.objects))
    if args.picture:
        draw([*of_frames(frames), objects, workers], args.picture)


def arguments() -> tuple[argparse.Namespace, list[str]]:
    """The bench's own, its scenes chosen, and those of `bopask generate`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--split", default="train")
    parser.add_argument("--scenes", type=int, nargs="*", help="scenes to use (default: four, evenly spread)")
    parser.add_argument("--images", type=int, default=8, help="images given to the paper's recipe (8)")
    parser.add_argument("--cache", type=Path, help="a folder of dense grasps; what else is in it is not used")
    parser.add_argument("--picture", type=Path, help="where to draw the growth curves")
    args, more = parser.parse_known_args()
    try:
        known = open_bop(args.folder).scene_ids(args.split)
    except InputError as error:
        parser.error(str(error))
    spread = np.linspace(0, len(known) - 1, min(SCENES, len(known))).round().astype(int)
    args.scenes = args.scenes or [known[k] for k in spread]
    if not args.scenes or not set(args.scenes) <= set(known):
        parser.error(f"{args.folder / args.split} lacks scenes: it has {', '.join(map(str, known)) or 'none'}")
    if args.cache and not (args.cache / "grasps").is_dir():
        parser.error(f"{args.cache} holds no grasps: give what was the --cache of `bopask generate`")
    return args, more


def against_recipe(first: Spent, most: Spent, seconds: float, rows: float) -> None:
    """Prints what a frame takes the paper's recipe (`seconds` and `rows` of one) and us."""
    print(f"the paper's recipe: {1e3 * seconds:,.0f} ms an image, {rows:,.0f} questions, {rows / seconds:,.0f} Q&A/s")
    parts = {
        "asking and writing": most.frame_step,
        "all but priors": most.cpu - most.priors,
        "all from cold caches on": most.cpu + first.cpu,
    }
    print(f"ours, all questions, {most.frames:,} frames, {most.rows / most.frames:,.0f} questions each")
    for part, cpu in parts.items():
        print(
            f"  {part}: {1e3 * cpu / most.frames:,.2f} ms a frame, {most.rows / cpu:,.0f} Q&A/s, "
            f"{seconds * most.frames / cpu:,.0f} x as fast as the recipe"
        )


def as_many(runs: Runs, most: Spent, seconds: float, rows: float) -> None:
    """Prints what a frame takes us where, on average, it is asked as many questions as the recipe asks (`rows`)."""
    frames = pq.read_table(runs.out / "data", columns=["scene_id", "frame_id"]).group_by(["scene_id", "frame_id"])
    asked = frames.aggregate([([], "count_all")])["count_all"].to_numpy()
    limit = next((k for k in range(1, asked.max()) if np.minimum(asked, k).mean() >= rows), int(asked.max()))
    few = replace(runs, more=(*runs.more, "--max-per-frame", str(limit))).run(most.folder)
    print(f"ours, as many questions as the recipe asks (--max-per-frame {limit}): {few.rows / few.frames:,.0f} each")
    print(
        f"  asking and writing: {1e3 * few.frame_step / few.frames:,.2f} ms a frame, "
        f"{few.rows / few.frame_step:,.0f} Q&A/s, {seconds * few.frames / few.frame_step:,.0f} x as fast as the recipe"
    )


def run_recipe(folder: BopFolder, split: str, images: int) -> tuple[float, float]:
    """Processor seconds and questions of an image, on average over images evenly spread over the scenes."""
    scenes = folder.scene_ids(split)
    shown = [image for scene in scenes for image in pictures(folder, split, scene, -(-images // len(scenes)))]
    file, rng, rows = io.StringIO(), np.random.default_rng(0), list[int]()
    seconds = timed(lambda: rows.extend(recipe.write(recipe.ask(image(), rng), file) for image in shown))
    return seconds / len(shown), sum(rows) / len(shown)


def pictures(folder: BopFolder, split: str, scene: int, n: int) -> Iterator[Callable[[], recipe.Image]]:
    """What the recipe is given of n images of a scene: worked out before, but for the arithmetic of an image."""
    layout, models = first_layout(folder, split, scene), folder.models()
    chosen = np.linspace(0, len(layout.arrangement.frames) - 1, n).round().astype(int)
    seen, poses = look(layout.arrangement, models, chosen), frame_poses(layout.arrangement, chosen)
    names = find_names(models, None, True, Cache(None))
    called = {o: names.of(o)[0] for o in models.obj_ids if names.of(o)}
    shapes = {int(o): recipe.Shape.of(models[int(o)]) for o in layout.obj_ids}
    for k, f in enumerate(chosen):
        frame = layout.arrangement.frames[f]
        given = (
            str(frame.rgb_path),
            frame.camera,
            layout.obj_ids,
            poses[k],
            layout.T_world_cam[f],
            seen.visib_fract[k],
        )
        yield partial(recipe.Image.of, *given, shapes, called)


def first_layout(folder: BopFolder, split: str, scene: int) -> Layout:
    """The first layout of a scene whose up is known."""
    for arrangement in arrange(folder.read_scene(split, scene).frames, folder.models()):
        world, _ = find_world(arrangement, folder.models(), (RestingFaces(),))
        if world:
            return Layout(arrangement, world)
    raise SystemExit(f"{folder.root}: no layout of scene {scene} has a known up; choose others with --scenes")


def against_pyarrow(runs: Runs, ours: Spent) -> None:
    """Prints in what time pyarrow writes the last run's shards again, of the tables that a reader gets."""
    for kind in ("strings", "dictionaries"):
        seconds = 0.0
        for file in sorted((runs.out / "data").glob("*.parquet")):
            groups = row_groups(file, kind == "dictionaries")
            seconds += timed(write_again, groups, runs.scratch / "again.parquet")
        print(
            f"pyarrow alone, the same table, of {kind}: {ours.rows / seconds:,.0f} Q&A/s; "
            f"ours, asking and writing, {ours.frame_step / seconds:.2f} x the time"
        )


def against_libraries(folder: BopFolder, split: str) -> None:
    """Prints checks and plans a second of FCL and OMPL by themselves, and of ours, in the first scene."""
    scene = folder.scene_ids(split)[0]
    layout, models = first_layout(folder, split, scene), folder.models()
    things = next(pictures(folder, split, scene, 1))().things
    check(things, Scene(layout, models))
    pairs = list(permutations(things, 2))
    by_ompl = timed(lambda: [recipe.carry(a, b, [t for t in things if t is not a]) for a, b in pairs])
    held = rests_on(layout, models)
    by_ours = timed(plan_paths, layout, models, held, 0)
    print(
        f"ways from one object to another: OMPL on FCL raw {len(pairs) / by_ompl:,.1f} pairs/s, "
        f"ours, shortest, with other ways, proved: {len(pairs) / by_ours:,.1f} pairs/s"
    )


def check(things: Sequence[recipe.Thing], scene: Scene) -> None:
    """Prints at how many places a second an object is tried among the others: FCL raw, and ours."""
    offsets = np.random.default_rng(0).uniform(-0.3, 0.3, (PLACES, 3)) * [1, 1, 0.5] + [0, 0, 0.15]
    one, together, n = np.zeros(2), np.zeros(2), 0
    for a in things:
        others, carried = raw.together([t.body for t in things if t is not a]), Carried(scene, a.index)
        one += timed(meets, a, others, offsets), timed(free, carried, offsets)
        clear = offsets[free(carried, offsets)]
        together += timed(meets, a, others, clear), timed(carried.free, clear)
        n += len(clear)
    print(f"is an object free among {len(things) - 1} others, places a second:")
    for what, tried, (by_fcl, by_ours) in (
        ("asked one by one", len(things) * PLACES, one),
        ("free ones, all at once", n, together),
    ):
        print(f"  {what}: FCL raw {tried / by_fcl:,.0f}, ours {tried / by_ours:,.0f}")


def meets(a: recipe.Thing, others: Any, offsets: Array) -> list[bool]:
    """Whether an object meets others with its place moved by each offset (m), by FCL alone."""
    met = []
    for offset in offsets:
        a.body.setTranslation(a.T_world_obj[:3, 3] + offset)
        met.append(raw.collides(others, a.body))
    a.body.setTranslation(a.T_world_obj[:3, 3])
    return met


def free(carried: Carried, offsets: Array) -> list[bool]:
    """Whether an object is free at each offset (m), asked of one at a time."""
    return [carried.free(offset[None]) for offset in offsets]


if __name__ == "__main__":
    main()
