"""A path for every ordered pair: `source` is lifted, carried and held over `target`, touching nothing on its way.

    start ─ opening move ─ on until clear ─ straight, or RRT-Connect and shortcuts ─ few waypoints ─ over the target

Planning keeps a margin from everything; that is for looks. What is claimed is proved on the final polyline: exact FCL
at every millimetre, nothing met but the contacts present at the start, and those only while they open.

The object keeps its orientation, so a path is a polyline of its *base point*: its underside below its box's centre.
The line drawn of it starts at the object's foot and ends just above the target's top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.geometry.curve import length
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import inverse, rotate, rotation_about, transform
from bopask.nouns import Layout, Model, Skip, Trajectory
from bopask.priors.carry import Carried, Scene
from bopask.priors.contacts import Placed, place
from bopask.priors.opening import Opening, OpeningConfig, find_opening, level_axis, upwards
from bopask.priors.planner import Along, few_waypoints, rrt_connect, shortcut
from bopask.priors.surface import surface
from bopask.rng import seed_for

UP: Float[Array, "3"] = np.array([0.0, 0.0, 1.0])
BESIDE = 0.005
"""Places of a surface that are equally near to a vertical line, to this much (m)."""


@dataclass(frozen=True)
class PathConfig:
    """How paths are planned. Metres."""

    hover: float = 0.01
    """The carried object's lowest point above the target's highest, at the goal."""
    margins: tuple[float, ...] = (0.008, 0.003, 0.0)
    """Distance kept from everything while carrying: the first that allows a path."""
    raise_step: float = 0.005
    raise_limit: float = 0.25
    """How far a goal is raised, or a lift prolonged, until it is clear."""
    sidesteps: tuple[float, ...] = (0.0, 30.0, 60.0)
    """Degrees from straight up in which a lift is prolonged, to get clear of neighbours: the shortest way wins."""
    room: float = 0.15
    """Room for the planner to the sides of the straight line from start to goal, and beyond both."""
    ceilings: tuple[float, ...] = (0.03, 0.15, 0.35)
    """Room for the planner above the higher of start and goal: the first that allows a path, so that paths stay low."""
    attempts: int = 4
    """Plans a pair: the shortest wins."""
    reach: float = 0.08
    """Longest motion that RRT-Connect adds at a time."""
    iterations: int = 300
    """Budget of RRT-Connect a plan."""
    step: float = 0.002
    """Collision checks along a motion while planning are at most this far apart."""
    recheck: float = 0.001
    """And in the proof of the final polyline."""
    epsilon: float = 0.005
    """Of Ramer-Douglas-Peucker."""
    touch: float = 0.005
    """Clearance: a body nearer than this at the start counts from the end of the opening move on."""
    clearance_tolerance: float = 0.001
    opening: OpeningConfig = field(default_factory=OpeningConfig)


def plan_paths(
    layout: Layout,
    models: Mapping[int, Model],
    rests_on: Bool[Array, "N N"],
    seed: int,
    config: PathConfig | None = None,
) -> tuple[dict[tuple[int, int], Trajectory], list[Skip]]:
    """A Trajectory for every ordered pair (source, target) of the layout, or a Skip that says why not.

    Reasons: no_world · carries_another (something rests on the source) · start_in_contact (a contact at the start does
    not open) · start_enclosed (something is in the way of every first move) · goal_blocked · no_path. A pair's result
    depends on the layout, the pair and the seed only. After BOP-Ask (arXiv 2511.16857): RRT in 3D for every pair, paths
    that meet neighbours dropped, Ramer-Douglas-Peucker.
    """
    config = config or PathConfig()
    n, paths, skips = len(layout.obj_ids), {}, []
    scene = Scene(layout, models) if layout.world else None
    placed = place(layout, models) if layout.world else []
    for source in range(n):
        if scene is None:
            start: _Start | str = "no_world"
        elif rests_on[:, source].any():
            start = "carries_another"
        else:
            start = _Start.of(scene, placed, source, config)
        for target in range(n):
            if target == source:
                continue
            key = (layout.obj_ids.tolist(), source, target)
            path = start if isinstance(start, str) else _path(start, target, seed_for(seed, "path", key), config)
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
class _Start:
    """What the paths of one source share."""

    carried: Carried
    opening: Opening
    clear: Mapping[float, Float[Array, "3"]]
    """For each margin that allows one: an offset free with it, to which the lift is prolonged."""
    base: Float[Array, "3"]

    @classmethod
    def of(cls, scene: Scene, placed: list[Placed], source: int, config: PathConfig) -> _Start | str:
        carried = Carried(scene, source)
        opening = find_opening(carried, placed, config.opening)
        if isinstance(opening, str):
            return opening
        clear = {}
        for margin in config.margins:
            place = _cleared(carried, opening.move, margin, config)
            if place is not None:
                clear[margin] = place
        return cls(carried, opening, clear, base_point(scene.models[source], scene.T_world_obj[source]))


def _path(start: _Start, target: int, seed: int, config: PathConfig) -> Trajectory | str:
    """All in offsets of the source from where it stands; the base point is added at the end."""
    carried, scene, reason = start.carried, start.carried.scene, "goal_blocked"
    over = transform(scene.T_world_obj[target], scene.models[target].box.T_ref_box[None, :3, 3])[0] - start.base
    over[2] = scene.high[target, 2] + config.hover - carried.low[2]
    for margin, clear in start.clear.items():
        goal = _first_free(carried, over, margin, config)
        if goal is None:
            continue
        reason = "no_path"
        route = _carry(carried, clear, goal, margin, seed, config)
        if route is not None:
            points = _joined(start.opening.move, route)
            opened = float(np.linalg.norm(start.opening.move))
            clearance = carried.clearance(points, opened, config.touch, config.clearance_tolerance)
            base = start.base + points
            return Trajectory(carried.source, target, base, clearance, length(base), start.opening.contacts)
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


def _first_free(
    carried: Carried, offset: Float[Array, "3"], margin: float, config: PathConfig
) -> Float[Array, "3"] | None:
    """The lowest place straight above an offset, up to the limit, that is free with a margin."""
    heights = np.arange(0.0, config.raise_limit + 1e-9, config.raise_step)
    return next((p for p in offset + heights[:, None] * UP if carried.free(p[None], margin)), None)


def _carry(
    carried: Carried, start: Float[Array, "3"], goal: Float[Array, "3"], margin: float, seed: int, config: PathConfig
) -> Float[Array, "w 3"] | None:
    """A polyline of few offsets from start to goal, free with a margin, proved free at config.recheck; or None.

    Planned in a frame that looks from start to goal, so that the path does not depend on how the world is turned.
    """
    level = (goal - start)[:2]
    R = rotation_about(UP, np.arctan2(level[1], level[0]) if np.linalg.norm(level) > 1e-3 else 0.0)
    end = R.T @ (goal - start)

    def free(points: Float[Array, "w 3"]) -> bool:
        return carried.free_along(start + points @ R.T, config.step, margin)

    straight = np.stack([np.zeros(3), end])
    for route in [straight] if free(straight) else _routes(end, free, seed, config):
        points = start + few_waypoints(route, free, config.epsilon) @ R.T
        if carried.free_along(points, config.recheck):
            return points
    return None


def _routes(end: Float[Array, "3"], free: Along, seed: int, config: PathConfig) -> list[Float[Array, "w 3"]]:
    """Shortened plans of RRT-Connect from the origin to `end`, shortest first, under the lowest ceiling with any."""

    def plan(ceiling: float, attempt: int) -> Float[Array, "w 3"] | None:
        low = np.minimum(0.0, end) - [config.room, config.room, 0.0]
        high = np.maximum(0.0, end) + [config.room, config.room, ceiling]
        route = rrt_connect(
            end, np.stack([low, high]), free, seed + attempt, reach=config.reach, iterations=config.iterations
        )
        return None if route is None else shortcut(route, free, config.reach / 4)

    for ceiling in config.ceilings:
        first = plan(ceiling, 0)
        if first is not None:
            others = [plan(ceiling, k) for k in range(1, config.attempts)]
            return sorted([first, *(r for r in others if r is not None)], key=length)
    return []


def _joined(move: Float[Array, "3"], route: Float[Array, "w 3"]) -> Float[Array, "k 3"]:
    """Opening move, lift and carry as one polyline; a place in line with its neighbours is dropped."""
    kept = [np.zeros(3)]
    for here, then in pairwise([move, *route]):
        before, after = here - kept[-1], then - here
        if np.linalg.norm(np.cross(before, after)) > 1e-9 or before @ after < 0:
            kept.append(here)
    return np.array([*kept, route[-1]])
