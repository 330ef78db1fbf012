"""One command a verb: parse, call, exit code. 0 done, 1 verify or diff found a difference, 2 the input or the
arguments are at fault, 130 interrupted."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from bopask import __version__
from bopask.errors import BopaskError, InputError
from bopask.store.files import place

if TYPE_CHECKING:
    from bopask.job import Job, Tally
    from bopask.world.up import UpSource

    Verbs: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

Number = TypeVar("Number", int, float)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    try:
        args = parser().parse_args(_spelled_out(sys.argv[1:] if argv is None else argv))
        return int(args.verb(args) or 0)
    except BopaskError as error:
        print(f"bopask: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bopask: interrupted; the same command resumes", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        "bopask", description="Question-answer data about acting on objects, from BOP datasets."
    )
    top.add_argument("--version", action="version", version=f"bopask {__version__}")
    verbs = top.add_subparsers(title="verbs", required=True)
    _generate(verbs)
    _plan(verbs)
    _grasps(verbs)
    _verify(verbs)
    _diff(verbs)
    _synth(verbs)
    _rewrite(verbs)
    _export(verbs)
    _show(verbs)
    _review(verbs)
    _doctor(verbs)
    _download(verbs)
    _describe(verbs)
    _eval(verbs)
    _score(verbs)
    _baseline(verbs)
    _select(verbs)
    _lab(verbs)
    _report(verbs)
    return top


def _run_options(verb: argparse.ArgumentParser) -> None:
    """What `generate` and `plan` share."""
    verb.add_argument("folder", type=Path, help="BOP dataset folder (models/, camera.json, <split>/<scene>/…)")
    verb.add_argument("--split", required=True, help="folder of scenes, as train_pbr or test")
    verb.add_argument("--scenes", type=int, nargs="+", default=(), help="only these scenes")
    verb.add_argument("--tasks", default="", help="comma separated; all six by default")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--names", type=Path, help="JSON with object names, or ycbv, hope, lm, handal (default: found)")
    verb.add_argument("--trust", action="store_true", help="use names that nobody has reviewed, too")
    verb.add_argument("--dataset", default="", help="name written into the rows (default: the folder's)")
    verb.add_argument("--min-visib", type=float, default=0.3, help="ask about objects visible at least this much (0.3)")
    verb.add_argument("--margin", type=float, default=0.02, help="metres by which a relation must hold (0.02)")
    verb.add_argument("--wordings", type=int, default=1, help="ask each fact in so many wordings, a row each (1)")
    verb.add_argument("--max-per-frame", type=int, help="rows of one frame, at most; shared evenly by its tasks")
    verb.add_argument("--max-per-task", type=int, help="rows of one task in one frame, at most")
    per_wording = "rows of one frame in the same wording, at most; 1 leaves out yes/no questions, which come in pairs"
    verb.add_argument("--max-per-wording", type=int, help=per_wording)
    verb.add_argument("--thin", type=float, metavar="PX", help="leave out frames that show the same to so many pixels")
    verb.add_argument("--keep-going", action="store_true", help="skip and count bad frames instead of stopping")
    verb.add_argument("--cache", type=Path, help="folder for priors and views (default: OUT.cache)")
    verb.add_argument("--up", default="depth,resting", help="sources of up: depth, resting, pointing")
    verb.add_argument("--vlm-url", default="", help="base URL of an OpenAI-style server, for --up pointing")
    verb.add_argument("--vlm-model", default="", help="model name at that server")
    dialects = ("json_yx_1000", "tuples_01", "molmo_percent")
    verb.add_argument("--vlm-dialect", default=dialects[0], choices=dialects, help="how that model writes points")


def _job(args: argparse.Namespace, out: Path, **settings: Any) -> Job:
    from bopask.ask.block import AskConfig
    from bopask.ask.budget import Budget
    from bopask.ask.tasks import TASKS
    from bopask.job import Job

    return Job(
        folder=args.folder,
        split=args.split,
        out=out,
        tasks=tuple(t.strip() for t in args.tasks.split(",") if t.strip()) or tuple(TASKS),
        seed=args.seed,
        ask=AskConfig(min_visib=args.min_visib, margin=args.margin),
        budget=Budget(args.wordings, args.max_per_frame, args.max_per_task, args.max_per_wording),
        thin=args.thin,
        up=_up_sources(args, out),
        names=args.names,
        trust=args.trust,
        dataset=args.dataset,
        keep_going=args.keep_going,
        cache_dir=args.cache,
        scenes=tuple(args.scenes),
        **settings,
    )


def _up_sources(args: argparse.Namespace, out: Path) -> tuple[UpSource, ...]:
    from bopask.models.endpoint import ChatEndpoint
    from bopask.world.depth import DepthPlane
    from bopask.world.pointing import PointingVLM
    from bopask.world.resting import RestingFaces

    sources: list[UpSource] = []
    for name in args.up.split(","):
        if name == "depth":
            sources.append(DepthPlane())
        elif name == "resting":
            sources.append(RestingFaces())
        elif name == "pointing":
            if not (args.vlm_url and args.vlm_model):
                raise InputError("--up pointing", "has no model to ask", "Give --vlm-url and --vlm-model")
            cache = (args.cache or out.with_name(out.name + ".cache")) / "vlm"
            sources.append(PointingVLM(ChatEndpoint(args.vlm_url, args.vlm_model, cache=cache), args.vlm_dialect))
        else:
            raise InputError("--up", f"unknown source {name!r}", "Choose from depth, resting, pointing")
    return tuple(sources)


def _generate(verbs: Verbs) -> None:
    verb = verbs.add_parser("generate", help="BOP folder -> question set, manifest and report")
    _run_options(verb)
    verb.add_argument("--out", type=place, required=True, help="output folder; a URL too, as s3://bucket/questions")
    verb.add_argument("--grasps", type=Path, help="folder that `bopask grasps` wrote, instead of sampled grasps")
    verb.add_argument("--workers", type=int, default=1, help="units at once; the output does not depend on it")
    verb.add_argument(
        "--executor", default="local", help="where they run: local, ray[:ADDRESS], slurm[:OPTION=VALUE,…]"
    )
    verb.add_argument("--embed-images", action="store_true", help="put the pictures into the rows")
    verb.add_argument("--licence", default="see the dataset's own licence", help="licence text written into the rows")
    verb.add_argument("--overwrite", action="store_true", help="start anew, replacing the run in OUT")
    verb.set_defaults(verb=generate)


def generate(args: argparse.Namespace) -> None:
    from bopask.pipeline import generate as run
    from bopask.run.executor import executor_named

    settings = {name: getattr(args, name) for name in ("grasps", "embed_images", "licence", "overwrite")}
    job = _job(args, args.out, **settings)
    tally = run(replace(job, executor=executor_named(args.executor, args.workers, job.cache_path / "tasks")))
    print(_summary(tally) if tally.frames else f"{args.out} holds this run already, complete: nothing to do.")
    print(f"Look at the answers: {args.out / 'report.html'}")


def _summary(tally: Tally) -> str:
    counts = tally.counts()
    lines = [f"{counts['rows']:,} questions about {counts['frames']:,} frames in {counts['layouts']:,} layouts"]
    if again := tally.skips["thin/near_duplicate"]:
        lines[0] += f"; {again:,} frames that show the same as others were left out"
    lines += [f"  {task:<14} {of['rows']:>12,}" for task, of in counts["tasks"].items()]
    asking = sum(tally.seconds.get(stage, 0.0) for stage in ("look", "ask", "write"))
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in tally.seconds.items())
    lines.append(f"seconds, all workers together: {stages}")
    lines.append(f"look, ask and write: {counts['rows'] / max(asking, 1e-9):,.0f} questions a second a worker")
    lines.append(f"peak memory of a worker: {tally.peak_mb:,.0f} MB")
    return "\n".join(lines)


def _plan(verbs: Verbs) -> None:
    verb = verbs.add_parser("plan", help="layouts, frames, expected questions and bytes of a run, before it")
    _run_options(verb)
    verb.set_defaults(verb=plan)


def plan(args: argparse.Namespace) -> None:
    from bopask.plan import plan as run

    with tempfile.TemporaryDirectory() as scratch:
        print(run(_job(args, Path(scratch) / "plan")).text())


def _grasps(verbs: Verbs) -> None:
    verb = verbs.add_parser("grasps", help="dense grasps of every object, tried in a simulator if you like")
    verb.add_argument("models", type=Path, help="models folder, as DATASET/models")
    verb.add_argument("--out", type=Path, required=True, help="folder for one .npz an object and grasps.json")
    verb.add_argument("--gripper", default="panda", help="one that ships with bopask, or a JSON file")
    verb.add_argument("--source", default="antipodal", help="antipodal, cgn, m2t2:CHECKOUT:CHECKPOINT or file:FOLDER")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--simulate", action="store_true", help="try the best ones in MuJoCo and mark those that held")
    verb.add_argument("--keep", type=int, default=30, help="of each object, stop when so many held (30)")
    verb.add_argument("--tries", type=int, default=120, help="of each object, try at most so many (120)")
    verb.add_argument("--workers", type=int, default=1, help="processes; the outcome does not depend on it")
    verb.add_argument("--cache", type=Path, help="folder for convex parts and proposals (default: OUT.cache)")
    verb.set_defaults(verb=grasps)


def grasps(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from bopask.physics.folder import Request, table
    from bopask.physics.folder import grasps as run
    from bopask.physics.simulate import Trials

    for name in ("keep", "tries", "workers"):
        if getattr(args, name) < 1:
            raise InputError(f"--{name}", f"is {getattr(args, name)}", "Give 1 or more")
    names = ("models", "out", "gripper", "source", "seed", "simulate", "workers")
    settings = {name: getattr(args, name) for name in names}
    request = Request(**settings, trials=Trials(args.keep, args.tries), cache_dir=args.cache)
    print(table(list(tqdm(run(request), "grasps", unit=" objects"))))


def _verify(verbs: Verbs) -> None:
    verb = verbs.add_parser("verify", help="prove the rows of a question set again, from the BOP folder")
    verb.add_argument("out", type=Path, help="output folder of generate")
    verb.add_argument("--bop", type=Path, help="BOP folder (default: where generate found it)")
    which = verb.add_mutually_exclusive_group()
    which.add_argument("--sample", type=int, default=10_000, help="rows, as whole images over all layouts (10,000)")
    which.add_argument("--all", action="store_true", help="every row")
    verb.add_argument("--seed", type=int, default=0, help="decides the sample")
    verb.add_argument("--workers", type=int, default=1, help="processes; the outcome does not depend on it")
    verb.add_argument("--names", type=Path, help="the --names FILE that the set was generated with")
    verb.set_defaults(verb=verify)


def verify(args: argparse.Namespace) -> int:
    """0: all proved; 1: at least one disagreement."""
    from bopask.store.dataset import bop_root_of
    from bopask.verify.run import FrameKey, Request, table
    from bopask.verify.run import verify as run
    from bopask.view.report import drawn_rows, write_report

    for name in ("sample", "workers"):
        if getattr(args, name) < 1:
            raise InputError(f"--{name}", f"is {getattr(args, name)}", "Give 1 or more")
    drawn = frozenset(FrameKey(*(row[name] for name in FrameKey._fields)) for row in drawn_rows(args.out))
    sample = None if args.all else args.sample
    verdict = run(Request(args.out, args.bop, sample, args.seed, args.workers, args.names, drawn))
    write_report(args.out, args.bop or bop_root_of(args.out))
    print(table(verdict))
    print(f"Look at the answers: {args.out / 'report.html'}")
    return 0 if verdict.agrees else 1


def _diff(verbs: Verbs) -> None:
    verb = verbs.add_parser("diff", help="what changed from one question set to another: rows, columns, configuration")
    verb.add_argument("a", type=place, help="output folder of generate, rewrite or review export")
    verb.add_argument("b", type=place, help="another one")
    verb.add_argument("--json", action="store_true", help="everything, for programs")
    verb.set_defaults(verb=diff)


def diff(args: argparse.Namespace) -> int:
    """0: the same; 1: they differ."""
    from bopask.store.diff import diff as run
    from bopask.store.diff_text import text
    from bopask.store.files import to_json

    found = run(args.a, args.b)
    print(to_json(found.as_json(), indent=True).decode() if args.json else text(found))
    return 1 if found else 0


def _synth(verbs: Verbs) -> None:
    verb = verbs.add_parser("synth", help="scenes without end: a BOP folder of settled layouts and their pictures")
    verb.add_argument("out", type=Path, help="folder to make")
    verb.add_argument(
        "--models", type=Path, help="folder of meshes, PLY, OBJ, GLB or STL (default: built-in household)"
    )
    verb.add_argument("--unit", choices=("mm", "cm", "m"), help="of these meshes: never guessed")
    verb.add_argument("--kinds", type=int, help="how many objects the household has (default: one of each kind)")
    verb.add_argument("--layouts", type=int, default=20, help="one a scene (20)")
    verb.add_argument("--views", type=int, default=10, help="pictures of each (10)")
    verb.add_argument("--objects", default="4:15", metavar="FEWEST:MOST", help="in a layout (4:15)")
    verb.add_argument("--arrangement", default="table,shelf,bin,stack", help="taken in turn (table,shelf,bin,stack)")
    verb.add_argument("--clutter", default="0:1", metavar="LEAST:MOST", help="0 spread out .. 1 dense (0:1)")
    verb.add_argument("--distractors", type=int, default=0, help="plain solids without a name in each layout (0)")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument(
        "--renderer",
        default="mujoco",
        choices=("mujoco", "rays", "blender"),
        help="mujoco needs OpenGL (EGL or OSMesa), rays nothing but time, blender (GPL) an environment of its own",
    )
    verb.add_argument("--blender-python", default="", help="the interpreter that can import bpy")
    verb.add_argument("--holes", action="store_true", help="depth as a structured-light sensor measures it")
    verb.add_argument("--split", default="train", help="name of the split (train)")
    verb.add_argument("--workers", type=int, default=1, help="processes; the files do not depend on it")
    verb.add_argument("--overwrite", action="store_true", help="start anew, replacing what synth made in OUT")
    verb.set_defaults(verb=synth)


def synth(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from bopask.synth.make import Request, make, renderer_named, told

    names = ("out", "models", "unit", "kinds", "layouts", "views", "distractors", "seed", "holes", "split")
    request = Request(
        **{name: getattr(args, name) for name in (*names, "workers", "overwrite")},
        objects=_between("--objects", args.objects, int),
        clutter=_between("--clutter", args.clutter, float),
        arrangements=tuple(args.arrangement.split(",")),
        renderer=renderer_named(args.renderer, args.blender_python),
    )
    for _ in tqdm(make(request), "scenes", unit="", total=request.layouts):
        pass
    print(told(request))


def _between(option: str, given: str, kind: Callable[[str], Number]) -> tuple[Number, Number]:
    """'4:15' or '8' as two numbers."""
    try:
        low, _, high = given.partition(":")
        return kind(low), kind(high or low)
    except ValueError as error:
        raise InputError(option, f"is {given!r}", "Give one number, or two as LEAST:MOST") from error


def _rewrite(verbs: Verbs) -> None:
    verb = verbs.add_parser("rewrite", help="a question set in other words, by a language model behind a validator")
    verb.add_argument("source", type=Path, help="output folder of generate")
    verb.add_argument("--out", type=Path, required=True, help="folder of the rewritten set")
    verb.add_argument("--vlm", required=True, help="model: PROVIDER/NAME, or with --vlm-url the server's name for it")
    verb.add_argument("--vlm-url", default="", help="base URL of an OpenAI-style server (default: the provider's)")
    verb.add_argument("--paraphrases", type=int, default=6, help="of each wording (6)")
    verb.add_argument("--examples", type=int, default=4, help="other wordings shown to the model with each (4)")
    verb.add_argument("--per-row", action="store_true", help="ask for each question with its own names: many requests")
    verb.add_argument("--temperature", type=float, default=0.7)
    verb.add_argument("--seed", type=int, default=0, help="draws the examples and each row's paraphrase")
    verb.add_argument("--cache", type=Path, help="folder of the model's replies (default: OUT.cache/rewrite)")
    verb.add_argument("--overwrite", action="store_true", help="replace the set in --out")
    verb.set_defaults(verb=rewrite)


def rewrite(args: argparse.Namespace) -> None:
    from bopask.ask.rewriting.paraphrase import Paraphraser
    from bopask.ask.rewriting.rewrite import Rewrite
    from bopask.ask.rewriting.rewrite import rewrite as run
    from bopask.models.ask import Asker
    from bopask.store.dataset import bop_root_of
    from bopask.view.report import write_report

    for name, least in (("paraphrases", 1), ("examples", 0)):
        if getattr(args, name) < least:
            raise InputError(f"--{name}", f"is {getattr(args, name)}", f"Give {least} or more")
    if args.out.resolve() == args.source.resolve():
        raise InputError("--out", "is the set to rewrite", "Choose another folder: the original is kept")
    cache = args.cache or args.out.with_name(args.out.name + ".cache") / "rewrite"
    asker = Asker(args.vlm, args.vlm_url, cache=cache, temperature=args.temperature)
    paraphraser = Paraphraser(asker, args.paraphrases, args.examples, args.seed)
    told = run(Rewrite(args.source, args.out, paraphraser, args.per_row, args.overwrite))
    if told is None:
        print(f"{args.out} holds this rewriting already, complete: nothing to do.")
        return
    write_report(args.out, bop_root_of(args.out))
    print(told.text())
    print(f"Look at the answers: {args.out / 'report.html'}")


def _export(verbs: Verbs) -> None:
    verb = verbs.add_parser("export", help="a question set in a format that trainers and benchmarks read")
    verb.add_argument("source", type=Path, help="output folder of generate")
    formats = "llava, messages, trl, swift, verl, lmms, vlmeval or bopask (the released layout)"
    verb.add_argument("--to", required=True, help=formats)
    verb.add_argument("--out", type=Path, required=True, help="folder of the export")
    verb.add_argument("--tasks", default="", help="comma separated; all by default")
    verb.add_argument("--images", default="", help="link, copy or reference them (link; verl and vlmeval: copy)")
    verb.add_argument("--bop", type=Path, help="BOP folder with the images (default: where generate found it)")
    verb.add_argument("--at", default="", help="where the folder will lie, for readers that know no relative paths")
    verb.add_argument("--dialect", default="", help="how the model writes points (docs/dialects.md; pixels by default)")
    verb.add_argument("--shard-rows", type=int, default=0, help="begin a new file after so many rows (0: one file)")
    verb.add_argument("--overwrite", action="store_true", help="replace the export in --out")
    verb.set_defaults(verb=export)


def export(args: argparse.Namespace) -> None:
    from bopask.export.run import Request
    from bopask.export.run import export as run

    tasks = tuple(t.strip() for t in args.tasks.split(",") if t.strip())
    names = ("to", "images", "bop", "at", "dialect", "shard_rows", "overwrite")
    settings = {name: getattr(args, name) for name in names}
    outcome = run(Request(args.source, args.out, tasks=tasks, **settings))
    print(outcome.text() if outcome else f"{args.out} holds this export already, complete: nothing to do.")


def _show(verbs: Verbs) -> None:
    verb = verbs.add_parser("show", help="draw one row of a question set to a PNG")
    verb.add_argument("out", type=Path, help="output folder of generate")
    verb.add_argument("--id", required=True, help="the row's id")
    verb.add_argument("--bop", type=Path, help="BOP folder with the images (default: where generate found it)")
    verb.add_argument("--png", type=Path, help="file to write (default: <id>.png)")
    verb.set_defaults(verb=show)


def show(args: argparse.Namespace) -> None:
    from bopask.store.dataset import bop_root_of
    from bopask.view.draw import draw_row
    from bopask.view.report import find_row, row_image

    row = find_row(args.out, args.id)
    png = args.png or Path(f"{args.id}.png")
    draw_row(row, row_image(row, args.bop or bop_root_of(args.out))).save(png)
    print(f"{row['question']}\n{row['answer']}\n{png}")


def _spelled_out(argv: Sequence[str]) -> list[str]:
    """`bopask review OUT` is `bopask review page OUT`."""
    plain = len(argv) > 1 and argv[0] == "review" and argv[1] not in ("page", "export", "report", "-h", "--help")
    return ["review", "page", *argv[1:]] if plain else list(argv)


def _review(verbs: Verbs) -> None:
    verb = verbs.add_parser("review", help="a local page on which people judge, fix and answer: bopask review OUT")
    parts = verb.add_subparsers(title="parts", required=True)
    page = parts.add_parser("page", help="the page itself; `bopask review OUT` is short for it")
    page.add_argument("out", type=Path, help="output folder of generate")
    page.add_argument("--host", default="127.0.0.1", help="address to serve on; beyond this machine a token is needed")
    page.add_argument("--port", type=int, default=8765, help="0: any free one (8765)")
    page.add_argument("--annotator", default="", help="your name; the page asks when not given")
    page.set_defaults(verb=review_page)
    export = parts.add_parser("export", help="the verified subset as a data set folder, and replies of people")
    export.add_argument("out", type=Path, help="output folder of generate")
    export.add_argument("--out", type=Path, dest="verified", required=True, help="folder for the verified subset")
    export.add_argument(
        "--votes", type=int, default=1, help="people who must have accepted a row, with none against (1)"
    )
    export.add_argument("--with-doubted", action="store_true", help="also what somebody flagged as doubtful")
    export.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    export.set_defaults(verb=review_export)
    report = parts.add_parser("report", help="who judged how much, and how far they agree")
    report.add_argument("out", type=Path, help="output folder of generate")
    report.set_defaults(verb=review_report)
    for part in (page, export, report):
        part.add_argument("--bop", type=Path, help="BOP folder with the images (default: where generate found it)")


def review_page(args: argparse.Namespace) -> None:
    from bopask.review.serve import Request, serve

    serve(Request(args.out, args.bop, args.host, args.port, args.annotator))


def review_export(args: argparse.Namespace) -> None:
    from bopask.review.export import Request, export, summary

    if args.votes < 1:
        raise InputError("--votes", f"is {args.votes}", "Give 1 or more")
    print(summary(export(Request(args.out, args.verified, args.bop, args.votes, args.with_doubted, args.overwrite))))
    print(f"Look at them: {args.verified / 'report.html'}")


def review_report(args: argparse.Namespace) -> None:
    from bopask.review.export import report

    print(report(args.out, args.bop))


def _doctor(verbs: Verbs) -> None:
    verb = verbs.add_parser("doctor", help="what a BOP folder has, lacks, and which tasks remain possible")
    verb.add_argument("folder", type=Path)
    verb.set_defaults(verb=doctor)


def doctor(args: argparse.Namespace) -> int:
    from bopask.bop.doctor import examine

    diagnosis = examine(args.folder)
    print(diagnosis.text())
    return 0 if "" in diagnosis.tasks.values() else 2


def _describe(verbs: Verbs) -> None:
    verb = verbs.add_parser("describe", help="have a VLM say what each model is: a names file to be reviewed")
    verb.add_argument("models", type=Path, help="models folder, as DATASET/models")
    verb.add_argument("--out", type=Path, required=True, help="names file; reviewed entries in it are kept")
    verb.add_argument("--vlm", required=True, help="PROVIDER/MODEL as inspect_ai writes it, as openai/gpt-4o")
    verb.add_argument("--vlm-url", default="", help="base URL of an OpenAI-style server; --vlm is then its own name")
    verb.add_argument("--vlm2", default="", help="a second model: where it disagrees is flagged")
    verb.add_argument("--vlm2-url", default="", help="as --vlm-url, for the second model")
    verb.add_argument("--workers", type=int, default=4, help="requests at once (4)")
    verb.add_argument("--limit", type=int, help="describe at most so many objects")
    verb.add_argument("--cache", type=Path, help="folder of replies (default: OUT.cache)")
    verb.set_defaults(verb=describe)


def describe(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from bopask.describe import Request
    from bopask.describe import describe as run
    from bopask.models.ask import Asker

    for name in ("workers", "limit"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise InputError(f"--{name}", f"is {getattr(args, name)}", "Give 1 or more")
    cache = (args.cache or args.out.with_name(args.out.name + ".cache")) / "replies"
    given = [(args.vlm, args.vlm_url), (args.vlm2, args.vlm2_url)]
    askers = tuple(Asker(model, url, cache=cache, connections=args.workers) for model, url in given if model)
    with tqdm(desc="replies", unit="") as bar:
        outcome = run(Request(args.models, args.out, askers, args.limit), bar.update)
    print(outcome.text())
    print(f"Look at each model, then set its status in {args.out} to 'verified'; until then nothing of it is used.")


def _download(verbs: Verbs) -> None:
    verb = verbs.add_parser("download", help="fetch a BOP dataset from the hub")
    verb.add_argument("dataset", help="as ycbv, hope, handal, lm")
    verb.add_argument("--out", type=Path, default=Path(), help="folder to put <dataset>/ into")
    verb.add_argument("--split", action="append", default=[], help="as test_bop19 or train_pbr; may be repeated")
    verb.add_argument("--endpoint", help="another hub's address")
    verb.set_defaults(verb=download)


def download(args: argparse.Namespace) -> None:
    from bopask.bop.download import download as run

    print(run(args.dataset, args.out, args.split, endpoint=args.endpoint))


def _eval(verbs: Verbs) -> None:
    verb = verbs.add_parser("eval", help="ask a model every question of a data set, and score its replies")
    verb.add_argument("data", type=Path, help="data set folder, as generate or select wrote it")
    verb.add_argument("--model", required=True, help="PROVIDER/MODEL as inspect_ai writes it, as openai/gpt-5")
    verb.add_argument("--vlm-url", default="", help="base URL of an OpenAI-style server; --model is then its own name")
    verb.add_argument("--dialect", default="", help="how the model writes points (default: what is known of it)")
    verb.add_argument("--format", default="native", choices=("native", "common"), help="its own, or one for all models")
    verb.add_argument("--limit", type=int, help="ask only so many, spread over the tasks")
    verb.add_argument("--blind", action="store_true", help="ask without the picture: a baseline")
    verb.add_argument("--connections", type=int, default=8, help="requests at once (8)")
    verb.add_argument("--temperature", type=float, default=0.0)
    verb.add_argument("--max-tokens", type=int, help="of a reply (default: the provider's)")
    verb.add_argument("--timeout", type=int, default=300, help="seconds for one attempt (300)")
    verb.add_argument("--bop", type=Path, help="BOP folder (default: where generate found it)")
    verb.add_argument("--out", type=Path, help="folder of the run (default: DATA.runs/MODEL)")
    verb.add_argument("--overwrite", action="store_true", help="replace the run in --out: ask everything anew")
    verb.set_defaults(verb=evaluate)


def evaluate(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from bopask.bench.evaluate import Evaluation
    from bopask.bench.evaluate import evaluate as run
    from bopask.bench.scoring import default_run, text

    for name in ("limit", "connections", "max_tokens", "timeout"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise InputError(f"--{name.replace('_', '-')}", f"is {getattr(args, name)}", "Give 1 or more")
    marks = ("common" if args.format == "common" else "", "blind" if args.blind else "")
    folder = args.out or default_run(args.data, "-".join(filter(None, (args.model, args.dialect, *marks))))
    names = ("dialect", "format", "blind", "limit", "connections", "temperature", "max_tokens", "bop", "overwrite")
    settings = {name: getattr(args, name) for name in names}
    job = Evaluation(args.data, args.model, folder, args.vlm_url, timeout_s=args.timeout, **settings)
    with tqdm(desc="replies", unit="") as bar:

        def step(done: int, of: int) -> None:
            bar.total, bar.n = of, done
            bar.refresh()

        told = run(job, step)
    print(text(told))
    print(f"Compare runs: bopask report {folder} … --out report.html")


def _score(verbs: Verbs) -> None:
    verb = verbs.add_parser("score", help="what replies made elsewhere are worth")
    verb.add_argument("data", type=Path, help="data set folder, as generate or select wrote it")
    verb.add_argument("replies", type=Path, help='replies.jsonl: {"id", "reply"} a line')
    verb.add_argument("--model", default="", help="name of who replied (default: what the replies say, or the file's)")
    how = verb.add_mutually_exclusive_group()
    how.add_argument("--dialect", default="", help="how the replies write points (default: what is known of the model)")
    how.add_argument("--guess", action="store_true", help="guess it of each reply; the report says so")
    verb.add_argument("--bop", type=Path, help="BOP folder (default: where generate found it)")
    verb.add_argument("--answered-only", action="store_true", help="rows without a reply were not asked")
    verb.add_argument("--out", type=Path, help="folder of the run (default: DATA.runs/MODEL)")
    verb.add_argument("--overwrite", action="store_true", help="replace another run in --out")
    verb.set_defaults(verb=score)


def score(args: argparse.Namespace) -> None:
    from bopask.bench.scoring import Scoring, default_run, score_replies, text

    run = args.out or default_run(args.data, args.model or args.replies.stem)
    told = score_replies(
        Scoring(
            args.data, args.replies, run, bop=args.bop, dialect=args.dialect, guess=args.guess, model=args.model,
            answered_only=args.answered_only, overwrite=args.overwrite,
        )
    )  # fmt: skip
    print(text(told))
    print(f"Compare runs: bopask report {run} … --out report.html")


def _baseline(verbs: Verbs) -> None:
    verb = verbs.add_parser("baseline", help="replies that need no model, to see what a score is worth")
    verb.add_argument("data", type=Path, help="data set folder")
    verb.add_argument("--kind", required=True, help="random, centre, most-frequent, copy, oracle or noise:SIGMA (px)")
    verb.add_argument("--out", type=Path, required=True, help="replies.jsonl to write; score it with bopask score")
    verb.add_argument("--dialect", default="bopask", help="how they write points (bopask: pixels)")
    verb.add_argument("--seed", type=int, default=0)
    verb.set_defaults(verb=baseline)


def baseline(args: argparse.Namespace) -> None:
    from bopask.bench.baselines import Baseline
    from bopask.bench.baselines import baseline as run

    replies = run(Baseline(args.data, args.kind, args.out, args.dialect, args.seed))
    print(f"{replies:,} replies: {args.out}")


def _select(verbs: Verbs) -> None:
    verb = verbs.add_parser("select", help="a benchmark out of a large data set, evenly spread")
    verb.add_argument("data", type=Path, help="data set folder to choose from")
    verb.add_argument("--out", type=Path, required=True, help="folder of the selection; bopask verify proves it")
    verb.add_argument("--n", type=int, default=688, help="questions (688, as the paper's core set)")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument(
        "--not-scenes-of",
        type=Path,
        action="append",
        default=[],
        help="data set to share no scene with; may be repeated",
    )
    verb.add_argument("--overwrite", action="store_true", help="replace the set in --out")
    verb.set_defaults(verb=select)


def select(args: argparse.Namespace) -> None:
    from bopask.bench.select import Selection, text
    from bopask.bench.select import select as run
    from bopask.store.dataset import bop_root_of
    from bopask.view.report import write_report

    if args.n < 1:
        raise InputError("--n", f"is {args.n}", "Give 1 or more")
    print(text(run(Selection(args.data, args.out, args.n, args.seed, tuple(args.not_scenes_of), args.overwrite))))
    write_report(args.out, bop_root_of(args.out))
    print(f"Look at the answers: {args.out / 'report.html'}")


def _lab(verbs: Verbs) -> None:
    verb = verbs.add_parser("lab", help="one's own photos and questions, for people to answer on the review page")
    verb.add_argument("photos", type=Path, help="folder of photos (JPEG, PNG, …)")
    verb.add_argument("questions", type=Path, help='lines of {"image": …, "task": …, "question": …}')
    verb.add_argument("--out", type=Path, required=True, help="folder of the data set, as yet without answers")
    verb.add_argument("--name", default="lab", help="of the data set (lab)")
    verb.add_argument("--licence", default="the photographer's", help="of the photos")
    verb.add_argument("--overwrite", action="store_true", help="replace the set in --out")
    verb.set_defaults(verb=lab)


def lab(args: argparse.Namespace) -> None:
    from bopask.bench.lab import Lab
    from bopask.bench.lab import lab as run

    made = run(Lab(args.photos, args.questions, args.out, args.name, args.licence, args.overwrite))
    print(f"{made.rows:,} questions about {made.frames:,} photos, as yet without answers")
    print(f"Answer them: bopask review {args.out}, then bopask review export {args.out} VERIFIED")


def _report(verbs: Verbs) -> None:
    verb = verbs.add_parser("report", help="runs side by side: one page, and its tables as markdown")
    verb.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders that eval or score wrote")
    verb.add_argument(
        "--out", type=Path, default=Path("report.html"), help="page to write (report.html); .md beside it"
    )
    verb.add_argument("--examples", type=int, default=2, help="best and worst replies drawn, a task and model (2)")
    verb.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    verb.set_defaults(verb=report)


def report(args: argparse.Namespace) -> None:
    from bopask.board.report import write_board

    if args.examples < 0:
        raise InputError("--examples", f"is {args.examples}", "Give 0 or more")
    print(write_board(args.runs, args.out, args.seed, args.examples))
    print(f"Look at it: {args.out}")


if __name__ == "__main__":
    sys.exit(main())
