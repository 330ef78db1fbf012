"""Layout -> Priors: everything that is true of a layout from every camera, computed once.

    contacts (what rests on what) -> grasps (free, blocked, ungraspable) -> rearrangements -> trajectories

Without a world (no source was sure of up) there are none: every one of them needs the support.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import orjson

from bopask.nouns import Detour, GraspSet, InstanceGrasps, Layout, Model, Priors, Rearrangement, Skip, Trajectory
from bopask.priors.blocking import rearrangements
from bopask.priors.contacts import Support, support
from bopask.priors.crossing import PathConfig
from bopask.priors.grasps import sampler, sets
from bopask.priors.grasps.gripper import Gripper
from bopask.priors.grasps.hold import Sampler
from bopask.priors.grasps.in_scene import InScene, Tried, judged, tried_grasps
from bopask.priors.paths import plan_paths
from bopask.store.files import key_of, to_json

VERSION = 13
"""Of the priors' meaning: part of every cache key."""


def derive(
    layout: Layout,
    models: Mapping[int, Model],
    dense: Mapping[int, GraspSet],
    gripper: Gripper,
    seed: int,
    tasks: Iterable[str],
) -> tuple[Priors, dict[int, Tried]]:
    """The priors that the given tasks need, the others left empty; and every instance's grasps as they were tried for
    them, for `candidates` to show."""
    n, tried = len(layout.obj_ids), dict[int, Tried]()
    if layout.world is None:
        return Priors(layout.key, ungrasped(n), np.zeros((n, n), bool), np.zeros((n, n), bool), {}, {}), tried
    tasks = set(tasks)
    held = support(layout, models)
    grasps = ungrasped(n)
    plans: dict[int, Rearrangement] = {}
    paths: dict[tuple[int, int], Trajectory] = {}
    skips: list[Skip] = []
    if tasks & {"grasp", "rearrangement"}:
        tried = tried_grasps(layout, models, dense, gripper, held.rests_on, range(n))
        grasps = judged(layout, models, dense, gripper, tried)
    if "rearrangement" in tasks:
        plans, no_order = rearrangements(grasps, held.stands_on)
        plans, leaned_on = without_leaning(plans, held)
        skips += no_order + leaned_on
    if "trajectory" in tasks:
        paths, no_path = plan_paths(layout, models, held.rests_on, seed)
        skips += no_path
    return Priors(layout.key, grasps, held.stands_on, held.leans_on, paths, plans, tuple(skips)), tried


def without_leaning(plans: Mapping[int, Rearrangement], held: Support) -> tuple[dict[int, Rearrangement], list[Skip]]:
    """Plans none of whose sets takes away on what another still leans: whether that one must move first is doubtful."""
    kept, skips = {}, []
    for target, plan in plans.items():
        orders = [(*order, target) for order in (plan.order, *plan.alternatives)]
        turns = [(j, set(order[:k])) for order in orders for k, j in enumerate(order)]
        if any(set(np.flatnonzero(held.leans_on[:, j]).tolist()) - gone for j, gone in turns):
            skips.append(Skip(str(target), "rearrangement", "leaned_on"))
        else:
            kept[target] = plan
    return kept, skips


def ungrasped(n: int) -> tuple[InstanceGrasps, ...]:
    """Stands for grasps that were not computed."""
    nothing = InstanceGrasps("unknown", np.zeros((0, 4, 4)), np.zeros(0), np.zeros(0), 0, 0, 0)
    return (nothing,) * n


def key_for(
    layout: Layout,
    models: Mapping[int, Model],
    dense: Mapping[int, GraspSet],
    gripper: Gripper,
    seed: int,
    tasks: Iterable[str],
) -> str:
    """Cache key: everything that the priors are a function of."""
    poses = None if layout.world is None else np.round(layout.T_world_obj, 9).tolist()
    ids = layout.obj_ids.tolist()
    meshes = [models[i].sha256 for i in ids]
    grasps = [sets.fingerprint(dense[i]) if i in dense else None for i in ids]
    config = [
        sampler.VERSION,
        repr(Sampler()),
        repr(InScene()),
        repr(gripper),
        repr(PathConfig()),
        seed,
        sorted(tasks),
    ]
    return key_of(VERSION, layout.key, ids, poses, meshes, grasps, config)


def dump(priors: Priors) -> bytes:
    """Priors as JSON."""
    return to_json(
        {
            "key": priors.key,
            "grasps": [vars(g) for g in priors.grasps],
            "stands_on": priors.stands_on,
            "leans_on": priors.leans_on,
            "paths": [vars(p) for p in priors.paths.values()],
            "rearrangements": [vars(r) for r in priors.rearrangements.values()],
            "skips": [list(s) for s in priors.skips],
        }
    )


def load(data: bytes) -> Priors:
    """The inverse of `dump`."""
    raw = orjson.loads(data)
    n = len(raw["grasps"])
    paths = [_trajectory(p) for p in raw["paths"]]
    plans = [
        Rearrangement(r["target"], tuple(r["order"]), tuple(r["reasons"]), tuple(map(tuple, r["alternatives"])))
        for r in raw["rearrangements"]
    ]
    return Priors(
        raw["key"],
        tuple(_grasps(g) for g in raw["grasps"]),
        np.array(raw["stands_on"], bool).reshape(n, n),
        np.array(raw["leans_on"], bool).reshape(n, n),
        {(p.source, p.target): p for p in paths},
        {r.target: r for r in plans},
        tuple(Skip(*s) for s in raw["skips"]),
    )


def _trajectory(raw: dict[str, Any]) -> Trajectory:
    others = tuple(Detour(**d | {"points": np.array(d["points"])}) for d in raw["alternatives"])
    arrays = {"points": np.array(raw["points"]), "contacts": tuple(raw["contacts"]), "alternatives": others}
    return Trajectory(**raw | arrays)


def _grasps(raw: dict[str, object]) -> InstanceGrasps:
    arrays = {
        "T_obj_grasp": np.array(raw["T_obj_grasp"], float).reshape(-1, 4, 4),
        "width": np.array(raw["width"], float),
        "quality": np.array(raw["quality"], float),
        "blocker_sets": tuple(map(tuple, raw["blocker_sets"])),  # type: ignore[call-overload]
        "freed_T_obj_grasp": np.array(raw["freed_T_obj_grasp"], float).reshape(-1, 4, 4),
        "freed_width": np.array(raw["freed_width"], float),
    }
    return InstanceGrasps(**raw | arrays)  # type: ignore[arg-type]
