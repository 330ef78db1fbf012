"""All rows of one image: every check that applies to each, and that together they do not contradict one another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bopask.verify import grasp, names, pose, rearrangement, relations, row, trajectory
from bopask.verify.facts import Fact, contradictions, fact_of
from bopask.verify.rays import Sight
from bopask.verify.relations import Scene
from bopask.verify.truth import BopTruth, Disagreement, FrameTruth, NoSuchFrame, Row
from bopask.verify.world import Worlds

MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, np.linalg.LinAlgError)
"""What a row that is not as documented makes a check raise."""


@dataclass(frozen=True)
class Prover:
    """What checking needs besides the rows; remembers where each layout's objects lie."""

    bop: BopTruth
    out: Path
    manifest: Mapping[str, Any]
    lexicon: names.Lexicon
    worlds: Worlds = field(default_factory=Worlds)

    @property
    def wordings(self) -> Mapping[str, Any] | None:
        """Wordings by subtask, with their numbers of rows; None of a manifest without."""
        found: Mapping[str, Any] | None = self.manifest.get("counts", {}).get("wordings")
        return found

    def prove(self, rows: Sequence[Row]) -> list[tuple[Row, Disagreement]]:
        """Disagreements with the rows of one image; their `evidence` is parsed here."""
        key = {name: rows[0][name] for name in ("scene_id", "frame_id", "sensor")}
        try:
            frame = self.bop.frame(**key)
        except NoSuchFrame as error:
            return [(one, Disagreement("row: frame", str(key), error.wrong)) for one in rows]
        picture = Picture(self, frame, Sight(frame))
        found = [(one, wrong) for one in rows for wrong in picture.check(one)]
        of = {one["id"]: one for one in rows}
        return found + [(of[row_id], wrong) for row_id, wrong in contradictions(picture.facts)]


@dataclass(frozen=True)
class Picture:
    """One image: what is worked out once for all its rows."""

    prover: Prover
    frame: FrameTruth
    sight: Sight
    facts: list[Fact] = field(default_factory=list)
    """What the rows checked so far say of pairs."""
    _worlds: dict[bytes, tuple[Scene, tuple[Disagreement, ...]]] = field(default_factory=dict)

    def check(self, stated: Row) -> list[Disagreement]:
        """Everything that is wrong with a row; when its objects do not exist there is nothing else to check."""
        one: dict[str, Any] = dict(stated)
        found = list(attempt("row", lambda: readable(one, self.frame)))
        if found:
            return found
        proofs: tuple[tuple[str, Callable[[], Iterable[Disagreement]]], ...] = (
            ("row", lambda: row.check(one, self.frame, self.sight, self.prover.manifest)),
            ("world", lambda: self.world(one)[1]),
            ("name", lambda: names.check(one, self.world(one)[0], self.prover.lexicon, self.prover.wordings)),
            (one["task"], lambda: self.task(one)),
        )
        return [wrong for what, proof in proofs for wrong in attempt(what, proof)]

    def task(self, one: Row) -> Iterator[Disagreement]:
        """The claims of the row's own task."""
        match one["task"]:
            case "pose":
                yield from pose.check(one, self.frame)
            case "spatial" | "depth":
                self.facts.append(fact_of(one))
                least = float(self.prover.manifest["config"]["ask"]["margin"])
                yield from relations.check(one, self.world(one)[0], least)
            case "grasp":
                yield from grasp.check(one, self.frame)
            case "trajectory":
                yield from trajectory.check(one, self.frame)
            case "rearrangement":
                yield from rearrangement.check(one, self.frame, self.prover.out)
            case task:
                yield Disagreement("row: task", task, "not a task that can be proved")

    def world(self, one: Row) -> tuple[Scene, tuple[Disagreement, ...]]:
        """The scene as the row's T_world_cam has it, and what is wrong with that world: once for each of them."""
        T = one["T_world_cam"]
        key = b"" if T is None else np.array(T, float).tobytes()
        if key not in self._worlds:
            scene = Scene(self.frame, self.sight, None if T is None else np.reshape(np.array(T, float), (4, 4)))
            self._worlds[key] = scene, tuple(self.prover.worlds.check(one, self.frame, self.sight))
        return self._worlds[key]


def readable(one: dict[str, Any], frame: FrameTruth) -> Iterator[Disagreement]:
    """Parses the evidence, in place; the objects that the row names are there."""
    one["evidence"] = json.loads(one["evidence"])
    yield from row.instances_exist(one, frame)


def attempt(what: str, proof: Callable[[], Iterable[Disagreement]]) -> Iterator[Disagreement]:
    """What a proof finds; where the row is not as documented, that."""
    try:
        yield from proof()
    except MALFORMED as error:
        yield Disagreement(f"{what}: as documented", "as docs/formats.md has it", f"{type(error).__name__}: {error}")
