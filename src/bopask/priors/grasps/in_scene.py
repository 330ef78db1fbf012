"""The grasps of one layout: which are possible alone, which of these the neighbours allow, and who is in the way.

A grasp is possible *alone* when it comes from above, nothing of the hand goes below the support, and it misses what
the object itself rests on (which cannot be taken from under it, so it counts as support). It is *free* when it
also misses every other neighbour. Meshes are exact. Both are decided on what the gripper sweeps: its fingers 1 cm off
the contacts over the last 6 cm of a straight approach, then closing. Opening wider only sweeps more, so what is blocked
so is blocked at any wider opening; free grasps that stay free fully open, as drawn, and clear of the support, lead the
short list.

Blocked is decided on the dense set, never on the best few, which often all collide where other grasps are free. Where
a simulation has tried grasps of the set, the short list holds only such as held in it. Where the support leaves few of
the dense set (a thin or lying object), or all of it is blocked, level ones made for the pose are added.

Not checked: that the arm reaches, and that the held object leaves without touching its neighbours (paths do that).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.nouns import GraspSet, InstanceGrasps, Layout, Model
from bopask.priors.blocking import transitive
from bopask.priors.grasps import kernels, sets
from bopask.priors.grasps.gripper import Gripper
from bopask.priors.grasps.hold import Sampler, proved, scored, subject
from bopask.priors.grasps.level import level_grasps
from bopask.priors.grasps.sampler import spread
from bopask.priors.grasps.touch import touches


@dataclass(frozen=True)
class InScene:
    """When a grasp counts as possible. Metres, radians."""

    back: float = 0.06
    """The approach is clear over this much of its end."""
    climb: float = 0.0
    """The approach may rise at most this steeply (rad)."""
    scrape: float = 0.002
    """The fingers may go this deep into the support: scans and planes are no better."""
    sink: float = 0.010
    """An object whose pose sinks it into the support by up to this much has its own floor, under its lowest point:
    real ground truth sinks objects by up to 5 mm, and a thin one would lose its grasps."""
    clear: float = 0.003
    """Grasps that keep the hand this far above the floor come first in the short list: what scrapes a table fails."""
    top: int = 5
    apart: float = 0.02
    turned: float = float(np.radians(30))
    """Two of the best grasps differ by at least `apart` or by `turned`."""
    roomy_among: int = 500
    """Of the best free grasps this many are tried fully open for the short list."""
    few: int = 200
    """Fewer grasps possible alone than this, or all of them blocked: level ones are added, of `level_most` tried.
    0: never."""
    level_most: int = 3_000
    fewest: int = 10
    """An object with fewer possible grasps, of thousands tried, is ungraspable: chance, not shape, found them."""
    sampler: Sampler = field(default_factory=Sampler)
    most_sets: int = 64
    """Blocker sets kept of an instance, smallest first."""


class Tried(NamedTuple):
    """The grasps of one instance that are possible alone, best first, and which neighbours each of them hits."""

    grasps: GraspSet
    hits: Bool[Array, "g N"]


def tried_grasps(
    layout: Layout,
    models: Mapping[int, Model],
    dense: Mapping[int, GraspSet],
    gripper: Gripper,
    rests_on: Bool[Array, "N N"],
    among: Iterable[int],
    config: InScene = InScene(),
) -> dict[int, Tried]:
    """The grasps of these instances of a layout whose world is known (z up, support at z = 0), tried.

    Args:
        rests_on: [i, j] when i stands or leans on j.
    """
    scene, below = Scene.of(layout, models, gripper, config), transitive(rests_on)
    return {i: Tried(*scene.candidates(i, dense[int(layout.obj_ids[i])], below[i])) for i in among}


def instance_grasps(
    layout: Layout,
    models: Mapping[int, Model],
    dense: Mapping[int, GraspSet],
    gripper: Gripper,
    rests_on: Bool[Array, "N N"],
    config: InScene = InScene(),
) -> tuple[InstanceGrasps, ...]:
    """Free, blocked or ungraspable, for every instance of a layout, as `tried_grasps`."""
    tried = tried_grasps(layout, models, dense, gripper, rests_on, range(len(layout.obj_ids)), config)
    return judged(layout, models, dense, gripper, tried, config)


def judged(
    layout: Layout,
    models: Mapping[int, Model],
    dense: Mapping[int, GraspSet],
    gripper: Gripper,
    tried: Mapping[int, Tried],
    config: InScene = InScene(),
) -> tuple[InstanceGrasps, ...]:
    """What the tried grasps of every instance say of it."""
    scene = Scene.of(layout, models, gripper, config)
    return tuple(_instance(i, scene, dense[int(o)], tried[i]) for i, o in enumerate(layout.obj_ids))


def _instance(i: int, scene: Scene, dense: GraspSet, tried: Tried) -> InstanceGrasps:
    config, (grasps, hits) = scene.config, tried
    free = sets.take(grasps, ~np.any(hits, axis=1))
    state = "ungraspable" if len(hits) < config.fewest else "free" if len(free.width) else "blocked"
    if state == "ungraspable":
        free = sets.joined([])
    told = sets.take(free, free.held == 1) if dense.simulated else free
    best = sets.take(told, shortlist(told, scene.roomy(i, told), config))
    blockers = minimal_sets(hits)[: config.most_sets] if state == "blocked" else ()
    fell_last = np.argsort(grasps.held == 0, kind="stable")
    freed = sets.take(grasps, fell_last[first_with(hits[fell_last], ((),) if state == "free" else blockers)])
    return InstanceGrasps(
        state=state,
        T_obj_grasp=best.T_obj_grasp,
        width=best.width,
        quality=best.quality,
        n_dense=len(dense.width),
        n_alone=len(hits),
        n_free=len(free.width),
        blocker_sets=blockers,
        freed_T_obj_grasp=freed.T_obj_grasp,
        freed_width=freed.width,
    )


@dataclass(frozen=True)
class Scene:
    """Placed objects (world frame, z up, support at z = 0) and a gripper."""

    placed: Sequence[Model]
    T_world_obj: Float[Array, "N 4 4"]
    gripper: Gripper
    config: InScene

    @classmethod
    def of(cls, layout: Layout, models: Mapping[int, Model], gripper: Gripper, config: InScene) -> Scene:
        return cls([models[int(o)] for o in layout.obj_ids], layout.T_world_obj, gripper, config)

    def candidates(self, i: int, dense: GraspSet, below: Bool[Array, "N"]) -> tuple[GraspSet, Bool[Array, "g N"]]:
        """The grasps possible alone, best first, and which neighbours each of them hits.

        Where all of them hit one, level grasps are tried too before the object is called blocked: the dense set of a
        long thing lies round its middle, and a gripper that finds it crowded takes the free end.
        """
        grasps = self.possible(i, dense, below)
        hits = self.hits(i, grasps, self.ajar(grasps), ~below)
        if not 0 < self.config.few <= len(hits) or not np.any(hits, axis=1).all():
            return grasps, hits
        grasps = self.possible(i, dense, below, level=True)
        return grasps, self.hits(i, grasps, self.ajar(grasps), ~below)

    def ajar(self, grasps: GraspSet) -> Float[Array, "g"]:
        return self.config.sampler.opening(grasps.width, self.gripper)

    def possible(self, i: int, dense: GraspSet, below: Bool[Array, "N"], level: bool = False) -> GraspSet:
        """Grasps possible alone, best first: of the dense set and, where these are few or if asked for, level ones."""
        config, gripper = self.config.sampler, self.gripper
        grasps = self.alone(i, dense, below)
        if len(dense.width) == 0 or (len(grasps.width) >= self.config.few and not level):
            return grasps
        obj = subject(self.placed[i], config)
        flat = level_grasps(obj, self.T_world_obj[i, 2, :3], gripper, config)
        flat = sets.take(flat, self.over_support(i, flat, self.ajar(flat), floor=max(0.0, self.lowest(i))))
        flat = sets.take(flat, spread(flat, self.config.level_most))
        flat = proved(scored(flat, obj, gripper, config), obj, gripper, config)
        return sets.best_first(sets.joined([grasps, self.alone(i, flat, below)]))

    def alone(self, i: int, grasps: GraspSet, below: Bool[Array, "N"]) -> GraspSet:
        """Those that the support and what the object rests on allow."""
        grasps = sets.take(grasps, self.over_support(i, grasps, self.ajar(grasps)))
        return sets.take(grasps, ~np.any(self.hits(i, grasps, self.ajar(grasps), below), axis=1))

    def lowest(self, i: int) -> float:
        """World z (m) of an object's lowest point."""
        T = self.T_world_obj[i]
        return float((self.placed[i].mesh.vertices @ T[2, :3]).min() + T[2, 3])

    def over_support(
        self, i: int, grasps: GraspSet, opening: Float[Array, "g"], floor: float = 0.0
    ) -> Bool[Array, "g"]:
        """True for grasps that come from above and keep the whole hand, so far open, above the floor (m, world z)."""
        config = self.config
        T_world_grasp = self.T_world_obj[i] @ grasps.T_obj_grasp
        floor += float(np.clip(self.lowest(i), -config.sink, 0.0))  # its own floor, if the pose sinks it
        from_above = T_world_grasp[:, 2, 2] <= np.sin(config.climb) + 1e-9
        boxes = swept_boxes(self.gripper, opening[from_above], grasps.width[from_above], config.back)
        over = from_above.copy()
        over[from_above] = lowest_point(T_world_grasp[from_above], boxes) >= floor - config.scrape
        return over

    def hits(self, i: int, grasps: GraspSet, opening: Float[Array, "g"], among: Bool[Array, "N"]) -> Bool[Array, "g N"]:
        """Which of the other objects `among` these each grasp of object i hits, so far open."""
        boxes = swept_boxes(self.gripper, opening, grasps.width, self.config.back)
        T_world_grasp = self.T_world_obj[i] @ grasps.T_obj_grasp
        hits = np.zeros((len(boxes), len(self.placed)), bool)
        for j, other in enumerate(self.placed):
            if j != i and among[j]:
                hits[:, j] = touches(other, se3.inverse(self.T_world_obj[j]) @ T_world_grasp, boxes)
        return hits

    def roomy(self, i: int, grasps: GraspSet) -> Bool[Array, "g"]:
        """True for those of the best grasps that, fully open, stay free and keep clear of the support."""
        some = sets.take(grasps, np.arange(min(len(grasps.width), self.config.roomy_among)))
        stroke = np.full(len(some.width), self.gripper.stroke)
        own = touches(self.placed[i], some.T_obj_grasp, self.gripper.approach_boxes(stroke, self.config.back))
        others = np.any(self.hits(i, some, stroke, np.ones(len(self.placed), bool)), axis=1)
        roomy = np.zeros(len(grasps.width), bool)
        floor = self.config.scrape + self.config.clear
        roomy[: len(own)] = self.over_support(i, some, stroke, floor) & ~own & ~others
        return roomy


def swept_boxes(
    gripper: Gripper, opening: Float[Array, "g"], width: Float[Array, "g"], back: float
) -> Float[Array, "g b 2 3"]:
    """Approach and closing of each grasp, as boxes in its frame (m)."""
    return np.concatenate([gripper.approach_boxes(opening, back), gripper.closing_boxes(opening, width)], 1)


def lowest_point(T_world_grasp: Float[Array, "g 4 4"], boxes: Float[Array, "g b 2 3"]) -> Float[Array, "g"]:
    """World z (m) of the lowest corner of each grasp's boxes."""
    return np.asarray(kernels.lowest(np.ascontiguousarray(T_world_grasp), boxes))


def minimal_sets(hits: Bool[Array, "g N"]) -> tuple[tuple[int, ...], ...]:
    """The inclusion-minimal rows as sets, smallest first, then by index: removing any one of them frees a grasp."""
    unlike = {row.tobytes() for row in hits}
    rows = (tuple(np.flatnonzero(np.frombuffer(row, bool)).tolist()) for row in unlike)
    kept: list[tuple[int, ...]] = []
    for row in sorted(rows, key=lambda r: (len(r), r)):
        if not any(set(k) <= set(row) for k in kept):
            kept.append(row)
    return tuple(kept)


def first_with(hits: Bool[Array, "g N"], wanted: Sequence[tuple[int, ...]]) -> Int[Array, "s"]:
    """The first row (the best grasp: rows come best first) that hits just the wanted ones, for each of these."""
    rows = np.zeros((len(wanted), hits.shape[1]), bool)
    for k, some in enumerate(wanted):
        rows[k, list(some)] = True
    return np.array([(hits == row).all(1).argmax() for row in rows], int)


def shortlist(grasps: GraspSet, roomy: Bool[Array, "g"], config: InScene) -> Int[Array, "k"]:
    """Rows of the best grasps (rows come best first), roomy ones before the others, no two of them alike.

    Alike: contacts within `apart` and rotations within `turned`, modulo the half turn about the approach that exchanges
    the fingers.
    """
    middle, R = sets.middle(grasps), grasps.T_obj_grasp[:, :3, :3]
    left = np.ones(len(middle), bool)
    chosen: list[int] = []
    while len(chosen) < config.top and left.any():
        k = int((left & roomy).argmax()) if (left & roomy).any() else int(left.argmax())
        chosen.append(k)
        turn = R[k].T @ R
        angle = np.minimum(se3.angle_of(turn), se3.angle_of(turn @ np.diag([-1.0, -1.0, 1.0])))
        left &= (np.linalg.norm(middle - middle[k], axis=1) > config.apart) | (angle > config.turned)
    return np.array(chosen, int)
