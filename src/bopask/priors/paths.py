"""A path for every ordered pair: `source` is lifted, carried and held over `target`, touching nothing on its way.

    start ─ opening move ─ on until clear ─ straight, or the shortest of several arches pulled taut, or RRT-Connect
          ─ few waypoints ─ over the target;  other arches that truly differ are alternatives

Planning keeps a margin from everything; that is for looks. What is claimed is proved on the final polyline: meshes are
compared at every millimetre, nothing is met but the contacts present at the start, and those only while they open; and
after them there is a clearance that holds between those places too.

The object keeps its orientation, so a path is a polyline of its *base point*: its underside below its box's centre.
The line drawn of it starts at the object's foot and ends just above the target's top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.geometry.curve import length
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import inverse, rotate, transform
from bopask.nouns import Detour, Layout, Model, Skip, Trajectory
from bopask.priors.carry import Carried, Scene
from bopask.priors.contacts import Placed, place
from bopask.priors.crossing import Crossing, PathConfig
from bopask.priors.opening import UP, Opening, find_opening, level_axis, upwards
from bopask.priors.over import spots
from bopask.priors.surface import surface
from bopask.priors.ways import way
from bopask.rng import seed_for

BESIDE = 0.005
"""Places of a surface that are equally near to a vertical line, to this much (m)."""


def plan_paths(
    layout: Layout,
    models: Mapping[int, Model],
    rests_on: Bool[Array, "N N"],
    seed: int,
    config: PathConfig | None = None,
) -> tuple[dict[tuple[int, int], Trajectory], list[Skip]]:
    """A Trajectory for every ordered pair (source, target) of the layout, or a Skip that says why not.

    no_world            up is not known
    carries_another     something rests on the source
    start_in_contact    a contact present at the start does not open, whichever way the source is lifted
    start_enclosed      the source touches nothing, and something is in the way of every first move
    goal_blocked        no place over the target, up to the limit, has room for the source
    out_of_budget       start and goal are free, and neither an arch nor RRT-Connect's iterations (a count, not a
                        clock) joined them; or these did not bring the source up over everything, which is asked once a
                        source. Sampling cannot prove that there is no way, so none is claimed.

    A pair's result depends on the layout, the pair and the seed only. After BOP-Ask (arXiv 2511.16857): RRT in 3D for
    every pair, paths that meet neighbours dropped, Ramer-Douglas-Peucker.
    """
    config = config or PathConfig()
    n, ids, paths, skips = len(layout.obj_ids), layout.obj_ids.tolist(), {}, []
    scene = Scene(layout, models) if layout.world else None
    placed = place(layout, models) if layout.world else []
    tops = [spots(m, T) for m, T in zip(scene.models, scene.T_world_obj, strict=True)] if scene else []
    for source in range(n):
        if scene is None:
            start: Start | str = "no_world"
        elif rests_on[:, source].any():
            start = "carries_another"
        else:
            start = Start.of(scene, placed, source, seed_for(seed, "start", (ids, source)), config)
        for target in range(n):
            if target == source:
                continue
            of = seed_for(seed, "path", (ids, source, target))
            path = start if isinstance(start, str) else _path(start, tops[target], target, of)
            if isinstance(path, str):
                skips.append(Skip(f"{layout.key}/{source}-{target}", "path", path))
            else:
                paths[source, target] = path
    return paths, skips


def base_point(model: Model, T_world_obj: Float[Array, "4 4"]) -> Float[Array, "3"]:
    """The object's underside (m, world) straight below the centre of its box: a point of its surface, so that it shows
    in the picture where the object does. Where nothing is above or below that centre (a lying banana), the lowest place
    of the surface nearest to the vertical through it."""
    center = T_world_obj[:3, :3] @ model.box.T_ref_box[:3, 3] + T_world_obj[:3, 3]
    T_obj_world = inverse(T_world_obj)
    below = center - UP * float(np.linalg.norm(model.box.size))
    _, distance = RayScene([model.mesh]).first_hit(transform(T_obj_world, below[None]), rotate(T_obj_world, UP[None]))
    if np.isfinite(distance[0]):
        return np.asarray(below + UP * float(distance[0]))
    points = transform(T_world_obj, surface(model).points)
    beside = np.linalg.norm(points[:, :2] - center[:2], axis=1)
    near = points[beside <= beside.min() + BESIDE]
    return np.asarray(near[near[:, 2].argmin()])


@dataclass(frozen=True)
class Start:
    """What the paths of one source share."""

    carried: Carried
    opening: Opening
    clear: Mapping[float, Float[Array, "3"]]
    """For each margin that allows one: an offset free with it, to which the lift is prolonged."""
    base: Float[Array, "3"]
    seed: int
    config: PathConfig

    @classmethod
    def of(cls, scene: Scene, placed: list[Placed], source: int, seed: int, config: PathConfig) -> Start | str:
        carried = Carried(scene, source)
        opening = find_opening(carried, placed, config.opening)
        if isinstance(opening, str):
            return opening
        clear = {}
        for margin in config.margins:
            place = _cleared(carried, opening.move, margin, config)
            if place is not None:
                clear[margin] = place
        base = base_point(scene.models[source], scene.T_world_obj[source])
        return cls(carried, opening, clear, base, seed, config)

    @cached_property
    def gets_out(self) -> bool:
        """Does RRT-Connect bring the source up over everything? What cannot leave its place, whatever the target, is
        asked once."""
        margin, clear = list(self.clear.items())[-1]
        above = float(self.carried.scene.high[:, 2].max() - self.carried.low[2]) + self.config.hover
        over = np.array([clear[0], clear[1], max(clear[2], above)])
        return Crossing(self.carried, None, clear, over, margin, self.seed, self.config).planned() != []

    def crossings(self, target: int, tops: Float[Array, "k 3"], seed: int) -> Iterator[Crossing]:
        """What is left to plan to a target with these tops: one problem for each margin that has a goal."""
        for margin, clear in self.clear.items():
            goal = _goal(self.carried, tops - self.base, margin, self.config)
            if goal is not None:
                yield Crossing(self.carried, target, clear, goal, margin, seed, self.config)


def _path(start: Start, tops: Float[Array, "k 3"], target: int, seed: int) -> Trajectory | str:
    reason = "goal_blocked"
    for crossing in start.crossings(target, tops, seed):
        reason = "out_of_budget"
        found = []
        for route in crossing.routes(lambda: start.gets_out):
            points = _joined(start.opening.move, crossing.start + route @ crossing.R.T)
            opened = float(np.linalg.norm(start.opening.move))
            clearance = start.carried.clearance(points, opened, start.config.touch)
            if clearance > 0:
                base = start.base + points
                found.append(Detour(base, clearance, length(base), way(route)))
        if found:
            best, *others = found
            ends, contacts = (start.carried.source, target), start.opening.contacts
            return Trajectory(*ends, best.points, best.clearance, best.length, contacts, best.way, tuple(others))
    return reason


def _cleared(carried: Carried, move: Float[Array, "3"], margin: float, config: PathConfig) -> Float[Array, "3"] | None:
    """The nearest place, along a straight way up from the end of the opening move, that is free with a margin."""
    level = level_axis(carried.scene.T_world_obj[carried.source, :3, :3])
    for far in np.arange(0.0, config.raise_limit + 1e-9, config.raise_step):
        for direction in upwards(level, config.sidesteps if far else (0.0,), config.opening.azimuths):
            place = move + far * direction
            if carried.free(place[None], margin) and carried.free_along(np.stack([move, place]), config.recheck):
                return place
    return None


def _goal(carried: Carried, tops: Float[Array, "k 3"], margin: float, config: PathConfig) -> Float[Array, "3"] | None:
    """Over which of these tops (offsets, nearest to the middle first), and how high, is there room with a margin?

    The lowest place, where a metre aside from the middle weighs as much as `config.aside` metres of height.
    """
    heights = config.hover + np.arange(0.0, config.raise_limit + 1e-9, config.raise_step)
    places = (tops[:, None] + heights[:, None] * UP).reshape(-1, 3)
    aside = config.aside * np.linalg.norm((places - tops[0])[:, :2], axis=1)
    places = places[np.argsort((places[:, 2] + aside).round(6), kind="stable")]
    k = carried.first_free(places, margin)
    return None if k is None else places[k]


def _joined(move: Float[Array, "3"], route: Float[Array, "w 3"]) -> Float[Array, "k 3"]:
    """Opening move, lift and carry as one polyline; a place in line with its neighbours is dropped."""
    kept = [np.zeros(3)]
    for here, then in pairwise([move, *route]):
        before, after = here - kept[-1], then - here
        if np.linalg.norm(np.cross(before, after)) > 1e-9 or before @ after < 0:
            kept.append(here)
    return np.array([*kept, route[-1]])
