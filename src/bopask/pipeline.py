"""The line on one page: the file to read first.

    BOP folder -read-> Frame -arrange-> Layout -derive-> Priors -ask-> Question -> shards, manifest, card, report

`generate` runs it a unit at a time on an executor. Every expected no is counted; a bad file is an error, or, with
`keep_going`, one more counted skip.
"""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from tqdm import tqdm

from bopask import __version__
from bopask.arrays import Array
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.budget import choose
from bopask.ask.names import Names, find_names
from bopask.ask.referring.generate import refer
from bopask.ask.referring.seen import seen_in
from bopask.ask.rows import SCHEMA, Origin, to_table
from bopask.ask.tasks import TASKS
from bopask.ask.variety import language
from bopask.bop.folder import BopFolder, open_bop
from bopask.errors import InputError, OutputError
from bopask.job import BLOCK, Contents, Job, Tally, Unit
from bopask.nouns import Arrangement, Frame, GraspSet, Layout, Model, Priors, Skip, View
from bopask.priors import candidates
from bopask.priors import derive as priors_of
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.in_scene import Tried, tried_grasps
from bopask.priors.grasps.sampler import load_or_sample
from bopask.priors.grasps.sources.file import FromFile
from bopask.rng import rng_for
from bopask.run.executor import Executor, kept
from bopask.run.local import Processes
from bopask.store.card import write_card
from bopask.store.embed import embedded, embedded_schema
from bopask.store.files import is_local, key_of, sha256_of, sweep, write_json
from bopask.store.output import Output
from bopask.store.shards import write_shard
from bopask.view.report import Each, write_report
from bopask.world.arrange import arrange
from bopask.world.thin import distinct
from bopask.world.up import find_world
from bopask.world.visibility import look

Item = TypeVar("Item")
Result = TypeVar("Result")


def generate(job: Job) -> Tally:
    """BOP folder -> dataset in `job.out`: parquet shards, manifest.json, README.md, report.html.

    A killed run goes on where it stopped; a complete one is left as it is (the tally is then empty).

    Raises:
        InputError: the folder, its files or the arguments are at fault (bad frames are skipped with `keep_going`).
        OutputError: the output cannot be written or holds another run.
        BopaskError: a worker vanished, or what it wrote did not arrive here.
    """
    folder = open_bop(job.folder)
    scenes = job.scenes_of(folder)
    inputs = {path.as_posix(): sha256_of(folder.root / path) for path in folder.input_files(job.split)}
    output = Output(job.out, key_of(__version__, job.config(), job.split, job.dataset, job.licence, inputs))
    if output.complete and not job.overwrite:
        output.close()
        return Tally()
    output.open(job.overwrite)
    sweep(job.cache_path)
    with kept(job.executor) as workers:
        found = {of.scene_id: of for of in run("read", workers, partial(contents_of, job), scenes)}
        units = [unit for scene in scenes for unit in found[scene].units]
        todo = sorted(unit for unit in units if output.finished(unit.name) is None)
        if job.needs("grasp", "rearrangement"):
            held = sorted(set().union(*(found[unit.scene_id].obj_ids for unit in todo)))
            run("grasps", workers, partial(sample_object, job), held)
        run("shards", workers, partial(generate_unit, output, job), todo)
        total = gather(output, units)
        finish(folder, job, output, inputs, total, workers.in_order if isinstance(workers, Processes) else map)
    return total


def run(what: str, workers: Executor, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """function(item) of each item, in any order, behind a progress bar."""
    return list(tqdm(workers.run(function, items), what, total=len(items), unit=""))


def contents_of(job: Job, scene_id: int) -> Contents:
    """What is in a scene; what is bad in it is told, or counted, when the scene's turn comes."""
    frames = open_bop(job.folder).read_scene(job.split, scene_id, keep_going=True).frames
    shown = [len(frame.obj_ids) for frame in frames if len(frame.obj_ids)]
    ids = frozenset(int(o) for o in np.unique(np.concatenate([np.zeros(0, int), *(f.obj_ids for f in frames)])))
    return Contents(scene_id, len(shown), sum(shown), ids)


def sample_object(job: Job, obj_id: int) -> None:
    """Dense grasps of one object into the cache, so that no two units compute the same ones."""
    try:
        dense_grasps(job, open_bop(job.folder).models(), [obj_id])
    except InputError:
        if not job.keep_going:
            raise


def generate_unit(output: Output, job: Job, unit: Unit) -> None:
    """One unit through the whole line, into one shard; its counts into the run's working state."""
    start = perf_counter()
    if output.finished(unit.name) is not None:  # by a worker that outlived the run before
        return
    station = Station(job, open_bop(job.folder), Tally())
    tables = station.tables(unit)
    schema = SCHEMA
    if job.embed_images:
        whole = (table.cast(SCHEMA) for table in tables)  # a slice of dictionary arrays carries the whole dictionary
        tables, schema = embedded(whole, station.folder.root), embedded_schema(SCHEMA)
    shard = job.out / "data" / f"{job.split}-{unit.name}.parquet"
    station.tally.rows = write_shard(shard, tables, schema)
    seconds = station.tally.seconds
    seconds["write"] = perf_counter() - start - sum(seconds.values())
    station.tally.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    output.finish(unit.name, vars(station.tally), shard, *station.beside)


def gather(output: Output, units: Sequence[Unit]) -> Tally:
    """The counts of all units together.

    Raises:
        OutputError: the workers wrote somewhere else.
    """
    total = Tally()
    for unit in units:
        told = output.finished(unit.name)
        if told is None:
            wrong = f"shard {unit.name} was made and is not here"
            raise OutputError(output.path, wrong, "Give an --out that all workers share under the same name")
        total.add(told)
    return total


@dataclass(frozen=True)
class Station:
    """The verbs of the line, for the scenes of one folder; counts what it does in `tally`."""

    job: Job
    folder: BopFolder
    tally: Tally
    beside: list[Path] = field(default_factory=list)
    """Files that were written besides the rows."""
    tried: dict[str, dict[int, Tried]] = field(default_factory=dict)
    """By layout: the grasps tried for the priors worked out last, for they are laid open next."""

    def tables(self, unit: Unit) -> Iterator[pa.Table]:
        """read -> arrange -> derive -> look -> ask, a table a block of frames.

        A scene is counted in its first part, a layout where its first block is.
        """
        models, frames = self.folder.models(), self.counting(unit.part == 0).read(unit.scene_id)
        with self.timed("arrange"):
            arrangements = arrange(frames, models)
        names = self.names()
        before = 0
        for arrangement in arrangements:
            starts = unit.blocks(before, len(arrangement.frames))
            before += len(arrangement.frames)
            if not starts:
                continue
            layout, priors = self.counting(starts[0] == 0).derive(arrangement)
            kept = self.counting(starts[0] == 0).keep(layout.arrangement)
            if starts[0] == 0:
                self.note(layout, priors)
                self.lay_open(layout, priors)
            told = dict[str, Any]()
            for block in (kept[(kept >= start) & (kept < start + BLOCK)] for start in starts):
                if len(block):
                    yield self.ask(layout, priors, self.look(layout, block), names, block, told)

    def counting(self, counts: bool) -> Station:
        """This station; or, for what another unit counts, one that keeps the time alone."""
        return self if counts else replace(self, tally=Tally(seconds=self.tally.seconds))

    def names(self) -> Names:
        """What the objects may be called."""
        return find_names(self.folder.models(), self.job.names, self.job.trust, self.job.cache)

    def read(self, scene_id: int) -> list[Frame]:
        """The scene's frames; with `keep_going`, those that can be used."""
        with self.timed("read"):
            scene = self.folder.read_scene(self.job.split, scene_id, keep_going=self.job.keep_going)
            self.tally.skip(*scene.skips)
            bad = set(self.bad_models({int(o) for frame in scene.frames for o in frame.obj_ids}))
            usable = [frame for frame in scene.frames if bad.isdisjoint(frame.obj_ids.tolist())]
            self.tally.skip(*[Skip(str(scene_id), "read", "bad_model")] * (len(scene.frames) - len(usable)))
            self.tally.frames += len(usable)
        return usable

    def bad_models(self, obj_ids: set[int]) -> Iterator[int]:
        """Objects whose model cannot be used; the first one is an error unless `keep_going`."""
        models = self.folder.models()
        for obj_id in sorted(obj_ids):
            try:
                models[obj_id]
            except InputError:
                if not self.job.keep_going:
                    raise
                yield obj_id

    def derive(self, arrangement: Arrangement) -> tuple[Layout, Priors]:
        """The world frame, and what is true of the layout from every camera."""
        models = self.folder.models()
        with self.timed("world"):
            layout = self.find_world(arrangement)
        with self.timed("priors"):
            needs_grasps = self.job.needs("grasp", "rearrangement") and layout.world is not None
            ids = sorted(set(layout.obj_ids.tolist())) if needs_grasps else []
            dense = dense_grasps(self.job, models, ids)
            given = (layout, models, dense, load_gripper(), self.job.seed, self.job.tasks)

            def found() -> bytes:
                priors, self.tried[layout.key] = priors_of.derive(*given)
                return priors_of.dump(priors)

            self.tried.clear()
            priors = priors_of.load(self.job.cache.text("priors", priors_of.key_for(*given), found))
            self.tally.skip(*priors.skips)
        return layout, priors

    def lay_open(self, layout: Layout, priors: Priors) -> None:
        """Writes the grasps behind the layout's rearrangements, so that each of them can be tried again."""
        if not self.job.needs("rearrangement") or not candidates.targets(priors):
            return
        with self.timed("candidates"):
            models, gripper = self.folder.models(), load_gripper()
            dense = dense_grasps(self.job, models, layout.obj_ids.tolist())
            given = (layout, models, dense, gripper)

            def found() -> dict[str, Array]:
                again = partial(tried_grasps, *given, priors.rests_on, candidates.targets(priors))
                return candidates.candidates(self.tried.get(layout.key) or again(), priors, gripper)

            key = priors_of.key_for(*given, self.job.seed, ("rearrangement",))
            shown = self.job.cache.arrays("candidates", key, found)
            path = self.job.out / "candidates" / f"{layout.key}.parquet"
            self.beside.append(path)
            candidates.write_candidates(path, shown, layout, priors, gripper)

    def find_world(self, arrangement: Arrangement) -> Layout:
        """Where up is. Depth is first read here: with `keep_going`, a frame whose depth is damaged is left out."""
        try:
            world, skips = find_world(arrangement, self.folder.models(), self.job.up, self.job.seed)
        except InputError as error:
            good = [f for f, frame in enumerate(arrangement.frames) if str(frame.depth_path) != error.path]
            if not self.job.keep_going or not 0 < len(good) < len(arrangement.frames):
                raise
            self.tally.skip(*[Skip(arrangement.key, "read", "bad_depth")] * (len(arrangement.frames) - len(good)))
            self.tally.frames -= len(arrangement.frames) - len(good)
            return self.find_world(arrangement.only(np.array(good)))
        self.tally.skip(*skips)
        return Layout(arrangement, world)

    def keep(self, arrangement: Arrangement) -> Int[Array, "k"]:
        """The frames of a layout that are asked about: all but damaged ones, which are gone, and near-duplicates."""
        if self.job.thin is None:
            return np.arange(len(arrangement.frames))
        with self.timed("thin"):
            kept = distinct(arrangement, self.folder.models(), self.job.thin)
            again = len(arrangement.frames) - len(kept)
            self.tally.skip(*[Skip(arrangement.key, "thin", "near_duplicate")] * again)
            self.tally.frames -= again
        return kept

    def look(self, layout: Layout, frames: Int[Array, "F"]) -> View:
        """Who is visible in a block of frames."""
        arrangement, models = layout.arrangement, self.folder.models()
        with self.timed("look"):
            key = view_key(arrangement, frames, models)
            return View(**self.job.cache.arrays("views", key, lambda: vars(look(arrangement, models, frames))))

    def ask(
        self, layout: Layout, priors: Priors, view: View, names: Names, frames: Int[Array, "F"], told: dict[str, Any]
    ) -> pa.Table:
        """The rows of a block of frames, of which `view` is the view; `told` goes from a layout's block to the next."""
        with self.timed("ask"):
            rng = rng_for(self.job.seed, "ask", f"{layout.key}/{frames[0]}")
            nobody = np.full(view.visib_fract.shape, -1)
            block = Block(layout, priors, frames, self.folder.models(), view, (), nobody, self.job.ask, told=told)
            alone = len(set(layout.obj_ids.tolist())) == block.n
            block = block.called(refer(seen_in(block, alone), names, rng, names.described))
            self.count_unnamed(layout, names, block.phrase, view)
            asked = {task: list(self.count(task, TASKS[task](block))) for task in self.job.tasks}
            choice = choose(asked, self.job.budget, rng)
            self.tally.note(choice)
            shot = [layout.arrangement.frames[f] for f in frames]
            images = [f.rgb_path.relative_to(self.folder.root).as_posix() if f.rgb_path else "" for f in shot]
            return to_table(block, choice.rows, self.origin, images)

    @property
    def origin(self) -> Origin:
        return Origin(self.job.dataset or self.folder.name, self.job.split, self.job.licence)

    def count(self, task: str, answers: Iterator[Asked | Skipped]) -> Iterator[Asked]:
        """Counts what a task cannot ask, and passes on what it can."""
        for one in answers:
            if isinstance(one, Skipped):
                self.tally.skips[f"{task}/{one.reason}"] += one.number
            else:
                yield one

    def count_unnamed(self, layout: Layout, names: Names, phrase: Array, view: View) -> None:
        """Visible objects that no phrase names: without a name that may be used, or not told apart from their like."""
        visible = (phrase < 0) & (view.visib_fract >= self.job.ask.min_visib)
        known = np.array([bool(names.of(o)) for o in layout.obj_ids])
        self.tally.skips["name/no_reviewed_name"] += int(visible[:, ~known].sum())
        self.tally.skips["name/ambiguous"] += int(visible[:, known].sum())

    def note(self, layout: Layout, priors: Priors) -> None:
        """The layout's line in the manifest."""
        world = layout.world
        self.tally.layouts.append(
            {
                "key": layout.key,
                "frames": len(layout.arrangement.frames),
                "objects": layout.obj_ids.tolist(),
                "world": world
                and {"source": world.source, "confidence": round(world.confidence, 3), "note": world.note},
                "grasp_states": [grasps.state for grasps in priors.grasps],
                "trajectories": len(priors.paths),
                "rearrangements": len(priors.rearrangements),
            }
        )

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.tally.seconds[stage] = self.tally.seconds.get(stage, 0.0) + perf_counter() - start


def dense_grasps(job: Job, models: Mapping[int, Model], obj_ids: Sequence[int]) -> Mapping[int, GraspSet]:
    if job.grasps:
        return {o: FromFile(job.grasps).grasps(models[o], load_gripper()) for o in sorted(set(obj_ids))}
    cache = job.cache.path
    return load_or_sample(models, obj_ids, load_gripper(), job.seed, cache / "grasps" if cache else None)


def view_key(arrangement: Arrangement, frames: Int[Array, "F"], models: Mapping[int, Model]) -> str:
    """Cache key of a block's view: poses, cameras, meshes, and what the dataset says of visibility."""
    digest = hashlib.blake2b(digest_size=16)
    for frame in (arrangement.frames[f] for f in frames):
        camera = frame.camera
        for array in (
            frame.T_cam_obj,
            frame.visib_fract,
            frame.obj_ids,
            camera.K,
            np.array([camera.width, camera.height]),
        ):
            digest.update(np.ascontiguousarray(array).data)
    slots = arrangement.slots[frames].tolist()
    return key_of("views", 1, digest.hexdigest(), slots, [models[int(o)].sha256 for o in arrangement.obj_ids])


def finish(
    folder: BopFolder, job: Job, output: Output, inputs: Mapping[str, str], total: Tally, each: Each = map
) -> None:
    """Manifest, dataset card and report, whose pictures `each` draws; then the working state goes."""
    manifest = {
        "bopask": __version__,
        "fingerprint": output.fingerprint,
        "dataset": job.dataset or folder.name,
        "split": job.split,
        "seed": job.seed,
        "licence": job.licence,
        "source": Path(os.path.relpath(folder.root, job.out) if is_local(job.out) else folder.root).as_posix(),
        "config": job.config(),
        "versions": {name: version(name) for name in ("numpy", "pyarrow", "embreex", "python-fcl", "ompl", "trimesh")},
        "counts": total.counts(),
        "language": language(job.out, total.wordings),
        "skips": total.skips_by_stage(),
        "names": Station(job, folder, Tally()).names().lexicon(folder.models().obj_ids),
        "layouts": total.layouts,
        "inputs": inputs,
    }
    write_card(job.out, manifest, job.embed_images)
    write_json(job.out / "manifest.json", manifest)
    write_report(job.out, folder.root, seed=job.seed, each=each)
    output.close()
