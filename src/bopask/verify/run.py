"""Verification of a data set: which rows, on how many processes, and what is written of it.

OUT/proof.json      counts by task and claim, versions, what was sampled, the first disagreements
OUT/proof.parquet   id and proved of every row checked
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from bopask.errors import InputError
from bopask.run.local import LocalExecutor
from bopask.store.files import atomic, write_json
from bopask.verify import pose, relations, row, world
from bopask.verify.frame import Prover
from bopask.verify.names import read_lexicon
from bopask.verify.truth import BopTruth, Row, read_json

SAMPLE = 10_000
SHOWN, ALIKE = 20, 5
"""Disagreements that are written out in full, and of these under one claim; the others are counted."""
TOLERANCES = {
    "corner_px": pose.PIXELS,
    "visible_share": row.SEEN,
    "margin_m": relations.ROUNDED,
    "margin_of_a_layout_m": relations.IN_LAYOUT,
    "moved_in_layout_m": world.SAME,
    "below_support_m": world.SINK,
    "depth_of_support_m": world.DEPTH,
}
VERSIONS = ("numpy", "scipy", "pyarrow", "trimesh", "embreex", "coal")


class FrameKey(NamedTuple):
    scene_id: int
    frame_id: int
    sensor: str


@dataclass(frozen=True)
class Request:
    """What to verify. The outcome does not depend on `workers`."""

    out: Path
    bop: Path | None = None
    """None: where the manifest says that the data came from."""
    sample: int | None = SAMPLE
    """Rows to check at least, whole images; None: all."""
    seed: int = 0
    workers: int = 1
    names: Path | None = None
    also: frozenset[FrameKey] = frozenset()
    """Images that are part of every sample: those that the report draws."""


@dataclass(frozen=True)
class Unit:
    """A shard and its images to check (None: all)."""

    request: Request
    root: Path
    file: Path
    frames: frozenset[FrameKey] | None


@dataclass
class Verdict:
    """What was found of some rows."""

    ids: list[str] = field(default_factory=list)
    proved: list[bool] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    """Rows by task."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Rows with a disagreement, by task."""
    claims: dict[str, Counter[str]] = field(default_factory=dict)
    """Disagreements by task and claim."""
    shown: list[Mapping[str, str]] = field(default_factory=list)
    """The first of them, at most ALIKE of a claim."""
    layouts: set[str] = field(default_factory=set)
    frames: int = 0

    def add(self, other: Verdict) -> None:
        self.ids += other.ids
        self.proved += other.proved
        self.checked += other.checked
        self.wrong += other.wrong
        for task, claims in other.claims.items():
            self.claims.setdefault(task, Counter()).update(claims)
        for one in other.shown:
            self.show(one)
        self.layouts |= other.layouts
        self.frames += other.frames

    def show(self, one: Mapping[str, str]) -> None:
        """Keeps the first disagreements, a few of each claim."""
        alike = sum(other["claim"] == one["claim"] for other in self.shown)
        if len(self.shown) < SHOWN and alike < ALIKE:
            self.shown.append(one)

    @property
    def agrees(self) -> bool:
        return not self.claims


def verify(request: Request) -> Verdict:
    """Checks rows of OUT against the BOP folder and writes proof.json and proof.parquet.

    Raises:
        InputError: OUT or the BOP folder is missing or cannot be read, or OUT holds no rows.
    """
    manifest = read_manifest(request.out)
    root = request.bop or (request.out / str(manifest.get("source") or "")).resolve()
    if not root.is_dir():
        raise InputError(root, "there is no such folder", "Give --bop with the folder that the data was made from")
    stated = str(manifest["config"].get("names") or "")
    if stated and not stated.startswith("bopask:") and request.names is None:
        raise InputError("--names", f"the data was made with {stated}", "Give --names FILE")
    files = sorted((request.out / "data").glob("*.parquet"))
    chosen = choose(files, request)
    units = [Unit(request, root, f, frames) for f, frames in zip(files, chosen, strict=True) if frames != frozenset()]
    if not units:
        raise InputError(request.out / "data", "holds no rows", "Generate the data set again")
    by_file = dict(tqdm(LocalExecutor(request.workers).run(verify_shard, units), "verify", total=len(units), unit=""))
    total = Verdict()
    for file in sorted(by_file):
        total.add(by_file[file])
    write(request, manifest, total)
    return total


def read_manifest(out: Path) -> Mapping[str, Any]:
    if not (out / "manifest.json").exists():
        raise InputError(out, "holds no manifest.json", "Give the folder that `bopask generate` wrote")
    return read_json(out / "manifest.json")


def choose(files: Sequence[Path], request: Request) -> list[frozenset[FrameKey] | None]:
    """Images of each shard: those of `also`, then in turn one of every layout, until they hold `sample` rows.

    Which images of a layout, and which layout begins, is drawn by hashing their names with the seed. None: all.
    """
    if request.sample is None:
        return [None] * len(files)
    rows: Counter[tuple[int, str, FrameKey]] = Counter()
    for number, file in enumerate(files):
        table = pq.read_table(file, columns=["layout", *FrameKey._fields])
        for one in table.group_by(table.column_names).aggregate([([], "count_all")]).to_pylist():
            key = FrameKey(*(one[name] for name in FrameKey._fields))
            rows[number, one["layout"], key] += one["count_all"]

    def draw(*of: object) -> bytes:
        return hashlib.blake2b("\x1f".join(map(str, (request.seed, *of))).encode(), digest_size=8).digest()

    layouts: dict[str, list[tuple[int, str, FrameKey]]] = {}
    for place in sorted(rows, key=lambda place: (place[2] not in request.also, draw(*place[1:]), place)):
        layouts.setdefault(place[1], []).append(place)
    in_turn = [
        (place[2] not in request.also, turn, draw(name), place)
        for name, images in layouts.items()
        for turn, place in enumerate(images)
    ]
    picked: list[set[FrameKey]] = [set() for _ in files]
    total = 0
    for later, _, _, place in sorted(in_turn):
        if later and total >= request.sample:
            break
        picked[place[0]].add(place[2])
        total += rows[place]
    return [frozenset(images) for images in picked]


def verify_shard(unit: Unit) -> tuple[Path, Verdict]:
    """All checks of a shard's chosen rows."""
    verdict, file = Verdict(), pq.ParquetFile(unit.file)
    wrong_schema = list(row.check_schema(file.schema_arrow))
    if wrong_schema:
        raise InputError(
            unit.file, f"column {wrong_schema[0].stated}, not {wrong_schema[0].found}", "Generate it again"
        )
    prover = prover_of(unit.root, unit.request.out, unit.request.names)
    for _, rows in groupby(read_rows(file, unit.frames), key=itemgetter(*FrameKey._fields)):
        judge(prover, list(rows), verdict)
    return unit.file, verdict


def judge(prover: Prover, rows: Sequence[Row], verdict: Verdict) -> None:
    """Proves the rows of one image and writes down what came of it."""
    found = prover.prove(rows)
    bad = {one["id"] for one, _ in found}
    verdict.frames += 1
    for one in rows:
        verdict.ids.append(one["id"])
        verdict.proved.append(one["id"] not in bad)
        verdict.checked[one["task"]] += 1
        verdict.wrong[one["task"]] += one["id"] in bad
        verdict.layouts.add(one["layout"])
    for one, wrong in found:
        verdict.claims.setdefault(one["task"], Counter())[wrong.claim] += 1
        verdict.show({"id": one["id"], "task": one["task"], **wrong._asdict()})


@cache
def prover_of(root: Path, out: Path, names: Path | None) -> Prover:
    """One a process: meshes are read once."""
    manifest = read_manifest(out)
    bop = BopTruth(root, str(manifest["split"]))
    return Prover(bop, out, manifest, read_lexicon(bop, names, manifest))


def read_rows(file: pq.ParquetFile, frames: frozenset[FrameKey] | None) -> Iterator[Row]:
    """The rows of the chosen images, without embedded pictures' bytes."""
    names = [name if name != "image" else "image.path" for name in file.schema_arrow.names]
    names += ["image"] if pa.types.is_string(file.schema_arrow.field("image").type) else []
    for group in range(file.num_row_groups):
        if frames is not None:
            keys = file.read_row_group(group, columns=list(FrameKey._fields)).to_pylist()
            take = [i for i, key in enumerate(keys) if FrameKey(**key) in frames]
            if take:
                yield from file.read_row_group(group, columns=names).take(pa.array(take)).to_pylist()
        else:
            for batch in file.iter_batches(4096, row_groups=[group], columns=names):
                yield from batch.to_pylist()


def write(request: Request, manifest: Mapping[str, Any], total: Verdict) -> None:
    """proof.json and proof.parquet: the same bytes for any number of workers."""
    rows = manifest["counts"]["tasks"]
    tasks = {
        task: {
            "rows": rows.get(task, {}).get("rows", 0),
            "checked": total.checked[task],
            "proved": total.checked[task] - total.wrong[task],
            "disagree": total.wrong[task],
            "claims": dict(total.claims.get(task, {})),
        }
        for task in sorted(total.checked)
    }
    proof = {
        "fingerprint": manifest["fingerprint"],
        "checked": {
            "rows": len(total.ids),
            "of_rows": manifest["counts"]["rows"],
            "images": total.frames,
            "layouts": len(total.layouts),
            "sample": request.sample,
            "seed": request.seed,
        },
        "tasks": tasks,
        "tolerances": TOLERANCES,
        "disagreements": total.shown,
        "versions": {name: version(name) for name in ("bopask", *VERSIONS)},
    }
    table = pa.table({"id": pa.array(total.ids, pa.string()), "proved": pa.array(total.proved, pa.bool_())})
    with atomic(request.out / "proof.parquet") as partial:
        pq.write_table(table, partial, compression="zstd")
    write_json(request.out / "proof.json", proof)


def table(verdict: Verdict) -> str:
    """The outcome in words: a line a task, and the first disagreements."""
    lines = [f"{len(verdict.ids):,} rows of {verdict.frames:,} images in {len(verdict.layouts):,} layouts checked"]
    lines.append(f"  {'task':<14} {'checked':>10} {'proved':>10} {'disagree':>10}")
    for task, n in sorted(verdict.checked.items()):
        lines.append(f"  {task:<14} {n:>10,} {n - verdict.wrong[task]:>10,} {verdict.wrong[task]:>10,}")
        lines += [f"    {claim}: {n:,}" for claim, n in sorted(verdict.claims.get(task, {}).items())]
    for one in verdict.shown:
        lines.append(f"{one['id']} {one['task']}: {one['claim']}\n  stated {one['stated']}\n  found  {one['found']}")
    return "\n".join(lines)
