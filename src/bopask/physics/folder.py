"""`bopask grasps`: the dense grasps of every object of a models folder, one file an object; with physics, tried.

    OUT/obj_000001.npz   T_obj_grasp (g, 4, 4), width, depth (m), quality, held (g,): 1 held, 0 did not, -1 not tried
    OUT/grasps.json      source, its licence, gripper, physics; grasps, tried, held and coverage of each object

An object's file is a function of its mesh, the source, the gripper, the configuration and the seed; a finished one that
was made of the same is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bopask.bop.models import Models
from bopask.errors import InputError
from bopask.geometry import parts, weight
from bopask.geometry.parts import Cut
from bopask.nouns import GraspSet, Model
from bopask.physics import bodies, hand
from bopask.physics.bodies import solid_of
from bopask.physics.parts import parts_of
from bopask.physics.simulate import Trials, coverage, simulated
from bopask.physics.trial import Motion, Trial
from bopask.priors.grasps import sampler, sets
from bopask.priors.grasps.gripper import Gripper, load_gripper
from bopask.priors.grasps.hold import Sampler
from bopask.priors.grasps.sampler import expanded, spread, symmetries
from bopask.priors.grasps.sources import Antipodal, GraspSource, accepted, source_for
from bopask.run.local import LocalExecutor
from bopask.store.cache import Cache
from bopask.store.files import atomic, key_of, write_json

VERSION = 1
"""Of a file's meaning: raise it when the same request gives other grasps."""


@dataclass(frozen=True)
class Request:
    """What to compute."""

    models: Path
    out: Path
    gripper: str = "panda"
    source: str = "antipodal"
    seed: int = 0
    simulate: bool = False
    trials: Trials = field(default_factory=Trials)
    workers: int = 1
    cache_dir: Path | None = None

    @property
    def cache(self) -> Path:
        return self.cache_dir or self.out.with_name(self.out.name + ".cache")

    def origin(self) -> GraspSource:
        """Where the grasps come from; the sampler draws by this request's seed."""
        found = source_for(self.source, self.cache / "grasps")
        return replace(found, seed=self.seed) if isinstance(found, Antipodal) else found


def grasps(request: Request) -> Iterator[dict[str, Any]]:
    """Computes what is missing in OUT, and tells of each object as it is done; writes grasps.json at the end.

    Raises:
        InputError: a bad mesh, source or gripper.
        MissingExtra: the source, or `simulate`, needs what is not installed.
    """
    models = Models(request.models) if request.models.is_dir() else {}
    if not models:
        raise InputError(request.models, "holds no obj_*.ply", "Name a models folder, as DATASET/models")
    if request.simulate:
        hand.mujoco_or_missing()
    load_gripper(request.gripper), request.origin()  # what is wrong with them is told before the work
    told = {}
    for row in LocalExecutor(request.workers).run(partial(one_object, request), sorted(models)):
        told[row["obj_id"]] = row
        yield row
    write_json(request.out / "grasps.json", about(request) | {"objects": [told[o] for o in sorted(told)]})


def one_object(request: Request, obj_id: int) -> dict[str, Any]:
    """One object's file, and its line of the table."""
    model = Models(request.models)[obj_id]
    gripper = load_gripper(request.gripper)
    path = request.out / f"obj_{obj_id:06d}.npz"
    key = key_of(about(request), model.sha256, [a.tolist() for a in vars(model.symmetry).values()])
    found = _read(path, key, request.source)
    if found is None:
        found = dense(request.origin(), model, gripper)
        if request.simulate:
            found = with_verdicts(found, model, gripper, request)
        with atomic(path) as partial_path, partial_path.open("wb") as out:
            columns = {k: v for k, v in vars(found).items() if k != "source"}
            np.savez_compressed(out, key=np.array(key), **columns)
    return {
        "obj_id": obj_id,
        "grasps": len(found.width),
        "tried": int((found.held >= 0).sum()),
        "held": int((found.held == 1).sum()),
        "coverage": round(coverage(found, request.trials), 4),
    }


def dense(source: GraspSource, model: Model, gripper: Gripper, config: Sampler = Sampler()) -> GraspSet:  # noqa: B008
    """A source's grasps under every symmetry of the object, tested, spread over it, best first."""
    found = source.grasps(model, gripper)
    if isinstance(source, Antipodal):
        return found  # the sampler did all of that
    found = accepted(expanded(found, symmetries(model.symmetry, config.steps)), model, gripper, config)
    return sets.best_first(sets.take(found, spread(found, config.most)))


def with_verdicts(found: GraspSet, model: Model, gripper: Gripper, request: Request) -> GraspSet:
    if not len(found.width):
        return found
    trial = Trial(solid_of(model, parts_of(model, Cache(request.cache))), gripper)
    return simulated(found, model, trial, request.trials, request.seed)


def _read(path: Path, key: str, source: str) -> GraspSet | None:
    """The finished file, if it was made of the same."""
    try:
        with path.open("rb") as file, np.load(file) as stored:
            if str(stored["key"]) != key:
                return None
            columns = {k: stored[k] for k in ("T_obj_grasp", "width", "depth", "quality", "held")}
    except (OSError, ValueError, KeyError, BadZipFile):
        return None
    return GraspSet(source=source, **columns)


def about(request: Request) -> dict[str, Any]:
    """What the files are a function of, besides the meshes."""
    gripper, source = load_gripper(request.gripper), request.origin()
    physics = {
        "trials": asdict(request.trials),
        "motion": asdict(Motion()),
        "parts": asdict(Cut()) | {"version": parts.VERSION},
        "density_kg_m3": weight.DENSITY,
        "mass_kg": [weight.LIGHTEST, weight.HEAVIEST],
        "step_s": bodies.STEP,
        "torsional_friction_m": bodies.CONTACT["friction"][1],
        "rest_friction": bodies.REST_FRICTION,
        "hand_kg": hand.MASS,
        "finger_m_s": hand.SPEED,
        "drive_kg": hand.DRIVE,
    }
    return {
        "version": [VERSION, sampler.VERSION],
        "source": repr(source),
        "licence": source.licence,
        "gripper": {"name": gripper.name, "fingerprint": gripper.fingerprint},
        "sampler": asdict(Sampler()),
        "seed": request.seed,
        "physics": physics if request.simulate else None,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """For the terminal."""
    lines = [f"{'object':>8} {'grasps':>8} {'tried':>6} {'held':>6} {'coverage':>9}"]
    for row in sorted(rows, key=lambda row: row["obj_id"]):
        cover = f"{row['coverage']:9.0%}" if row["tried"] else f"{'-':>9}"
        lines.append(f"{row['obj_id']:>8} {row['grasps']:>8,} {row['tried']:>6} {row['held']:>6} {cover}")
    return "\n".join(lines)
