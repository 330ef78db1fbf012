"""`bopask select`: a benchmark out of a large data set, spread over what makes questions differ.

The number is shared out evenly over tasks, then within each over its subtasks, then yes and no, then thirds of
difficulty; what a part does not have goes to the others. Within the smallest part, rows of pictures that have given
the fewest come first, then of scenes, then by a draw of their id. No scene of a training set is touched.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import pyarrow as pa

from bopask.bench.dataset import DataSet
from bopask.bench.difficulty import COLUMNS as OF_DIFFICULTY
from bopask.bench.difficulty import thirds
from bopask.errors import InputError
from bopask.job import Tally
from bopask.rng import seed_for
from bopask.store.card import write_card
from bopask.store.dataset import embeds, open_shard
from bopask.store.files import atomic, key_of, write_json
from bopask.store.output import Output
from bopask.store.shards import write_shard

CORE = 688
"""Questions of the paper's core set."""
LIGHT = (*OF_DIFFICULTY, "dataset", "split", "scene_id", "frame_id", "sensor", "answer", "layout")
Stratum: TypeAlias = tuple[str, ...]
"""Task, subtask, 'Yes', 'No' or '', third."""


@dataclass(frozen=True)
class Selection:
    """What to select; equal ones give equal bytes."""

    out: Path
    core: Path
    """The folder to write."""
    n: int = CORE
    seed: int = 0
    apart_from: tuple[Path, ...] = ()
    """Data sets whose scenes must not occur."""
    overwrite: bool = False


@dataclass(frozen=True)
class Light:
    """A row, as far as choosing looks."""

    id: str
    stratum: Stratum
    scene: tuple[str, str, int]
    frame: tuple[Any, ...]
    draw: int


@dataclass
class Selected:
    """What was chosen."""

    ids: frozenset[str] = frozenset()
    strata: Counter[Stratum] = field(default_factory=Counter)
    shared: int = 0
    """Rows left out because their scene is one to train on."""
    tally: Tally = field(default_factory=Tally)


def select(job: Selection) -> Selected:
    """Chooses rows and writes them as a data set folder.

    Raises:
        InputError: no row is left, or a folder is no data set.
        OutputError: the folder holds something else.
    """
    data = DataSet(job.out)
    train = set().union(*(scenes_of(DataSet(path)) for path in job.apart_from))
    rows = _light(data, job.seed)
    free = [row for row in rows if row.scene not in train]
    if not free:
        raise InputError(job.out, "has no scene that is not trained on", "Generate questions about other scenes")
    chosen = share_out(free, job.n)
    told = Selected(frozenset(row.id for row in chosen), Counter(row.stratum for row in chosen), len(rows) - len(free))
    settings = {"n": job.n, "seed": job.seed, "apart_from": sorted(DataSet(p).fingerprint for p in job.apart_from)}
    output = Output(job.core, key_of("select", data.fingerprint, settings))
    output.open(job.overwrite)
    layouts = _write(data, job.core, told)
    for path in sorted((job.out / "candidates").glob("*.parquet")):
        if path.stem in layouts:
            with atomic(job.core / "candidates" / path.name) as partial:
                shutil.copyfile(path, partial)
    _finish(data, job, output, told, layouts, settings)
    return told


def scenes_of(data: DataSet) -> set[tuple[str, str, int]]:
    """Dataset, split and scene of every row."""
    return {_scene(row) for row in data.rows(("dataset", "split", "scene_id"))}


def _scene(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return str(row["dataset"]), str(row["split"]), int(row["scene_id"])


def _light(data: DataSet, seed: int) -> list[Light]:
    third = thirds(data.rows(OF_DIFFICULTY))
    return [
        Light(
            row["id"],
            (row["task"], row["subtask"], row["answer"] if row["answer"] in ("Yes", "No") else "", third[row["id"]][1]),
            _scene(row),
            (*_scene(row), row["frame_id"], row["sensor"]),
            seed_for(seed, "select", row["id"]),
        )
        for row in data.rows(LIGHT)
    ]


def share_out(rows: Sequence[Light], n: int) -> list[Light]:
    """n rows, or all where there are fewer; in no particular order."""
    quotas = Counter(_quotas(Counter(row.stratum for row in rows), n, 0, Counter()))
    return _spread(rows, quotas)


def _quotas(sizes: Mapping[Stratum, int], n: int, level: int, given: Counter[Any]) -> Iterator[Stratum]:
    """Each stratum as often as rows of it are wanted: a level at a time, evenly, as far as there are rows.

    `given` counts by task, level and name, so that what does not divide goes to Yes here and to No there.
    """
    if level == len(next(iter(sizes), ())):
        for stratum in sizes:
            yield from [stratum] * min(n, sizes[stratum])
        return
    parts: dict[str, dict[Stratum, int]] = {}
    for stratum in sorted(sizes):
        parts.setdefault(stratum[level], {})[stratum] = sizes[stratum]
    task = next(iter(sizes))[0] if level else ""
    before = {name: given[task, level, name] for name in parts}
    shares = evenly({name: sum(of.values()) for name, of in parts.items()}, n, before)
    for name, of in parts.items():
        given[task, level, name] += shares[name]
        yield from _quotas(of, shares[name], level + 1, given)


def evenly(sizes: Mapping[str, int], n: int, before: Mapping[str, int] = MappingProxyType({})) -> dict[str, int]:
    """Shares of n that differ by at most one, except where a part is smaller: then it gives all it has.

    What does not divide goes to the parts that were given least `before`.
    """
    shares, left = dict.fromkeys(sizes, 0), min(n, sum(sizes.values()))
    while left:
        open_ = [name for name in sizes if shares[name] < sizes[name]]
        each = min(left // len(open_), *(sizes[name] - shares[name] for name in open_))
        if not each:
            open_ = sorted(open_, key=lambda name: (shares[name] + before.get(name, 0), name))[:left]
            each = 1
        for name in open_:
            shares[name] += each
            left -= each
    return shares


def _spread(rows: Sequence[Light], quotas: Mapping[Stratum, int]) -> list[Light]:
    """The rows of each stratum, those of little used pictures and scenes first."""
    strata: dict[Stratum, list[Light]] = {}
    for row in rows:
        strata.setdefault(row.stratum, []).append(row)
    frames: Counter[Any] = Counter()
    scenes: Counter[Any] = Counter()
    chosen = []
    for stratum in sorted(quotas, key=lambda s: (len(strata[s]), s)):  # those with little choice first
        left = strata[stratum]
        for _ in range(quotas[stratum]):
            best = min(left, key=lambda row: (frames[row.frame], scenes[row.scene], row.draw))
            left.remove(best)
            frames[best.frame] += 1
            scenes[best.scene] += 1
            chosen.append(best)
    return chosen


def _write(data: DataSet, core: Path, told: Selected) -> set[str]:
    """The chosen rows, in the order and the shards they have; returns their layouts."""
    layouts: set[str] = set()
    frames: set[Any] = set()
    for shard in data.shards:
        with open_shard(shard) as file:
            schema = file.schema_arrow
            parts = [part for part in _parts(file, told.ids) if part.num_rows]
        for part in parts:
            light = part.select(["task", "subtask", "answer", "layout", "split", "scene_id", "frame_id", "sensor"])
            for row in light.to_pylist():
                told.tally.count(row)
                layouts.add(str(row["layout"]))
                frames.add((row["split"], row["scene_id"], row["frame_id"], row["sensor"]))
        if parts:
            write_shard(core / "data" / shard.name, parts, schema)
    told.tally.frames = len(frames)
    return layouts


def _parts(file: Any, ids: frozenset[str]) -> Iterator[pa.Table]:
    """The chosen rows of each row group, pictures and all."""
    for group in range(file.metadata.num_row_groups):
        found = file.read_row_group(group, columns=["id"], use_threads=False)["id"].to_pylist()
        at = [k for k, id in enumerate(found) if id in ids]
        if at:
            yield file.read_row_group(group, use_threads=False).take(pa.array(at, pa.int64()))


def _finish(
    data: DataSet, job: Selection, output: Output, told: Selected, layouts: set[str], settings: Mapping[str, Any]
) -> None:
    """The manifest and the card."""
    manifest = data.manifest
    told.tally.layouts = [one for one in manifest.get("layouts") or [] if one.get("key") in layouts]
    root = data.bop_root
    moved = Path(os.path.relpath(root, job.core.resolve())).as_posix() if root else ""
    strata = [{"stratum": list(stratum), "rows": n} for stratum, n in sorted(told.strata.items())]
    made: dict[str, Any] = {
        **{name: value for name, value in manifest.items() if name != "language"},
        "fingerprint": output.fingerprint,
        "source": moved,
        "counts": told.tally.counts(),
        "layouts": told.tally.layouts,
        "selection": {**settings, "of": data.fingerprint, "of_trained_scenes": told.shared, "strata": strata},
    }
    with open_shard(data.shards[0]) as file:
        write_card(job.core, made, embeds(file.schema_arrow))
    write_json(job.core / "manifest.json", made)
    output.close()


def text(told: Selected) -> str:
    """What was chosen, as a table for the terminal."""
    lines = [f"{len(told.ids):,} questions about {told.tally.frames:,} images"]
    if told.shared:
        lines.append(f"  {told.shared:,} left out: of scenes to train on")
    labels: dict[str, Callable[[Stratum], str]] = {
        "subtasks": lambda s: s[1],
        "answers": lambda s: s[2],
        "difficulty": lambda s: s[3],
    }
    for task in sorted({stratum[0] for stratum in told.strata}):
        of = {stratum: n for stratum, n in told.strata.items() if stratum[0] == task}
        lines.append(f"  {task:<14} {sum(of.values()):>6,}")
        for name, label in labels.items():
            counts: Counter[str] = Counter()
            for stratum, n in of.items():
                counts[label(stratum)] += n
            said = ", ".join(f"{key} {n}" for key, n in sorted(counts.items()) if key)
            lines += [f"    {name}: {said}"] if said else []
    return "\n".join(lines)
