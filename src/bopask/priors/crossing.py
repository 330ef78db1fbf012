"""The carry of a path: from where the source is clear of its neighbours to where it is held over the target.

straight, or the shortest of several arches pulled taut, or RRT-Connect ─ few waypoints ─ proved at every millimetre
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.curve import length
from bopask.geometry.se3 import rotation_about
from bopask.priors.carry import Carried
from bopask.priors.opening import UP, OpeningConfig, level_axis
from bopask.priors.planner import few_waypoints, rrt_connect
from bopask.priors.ways import arches, differ, taut, way


@dataclass(frozen=True)
class PathConfig:
    """How paths are planned. Metres."""

    hover: float = 0.01
    """The base point above the target's highest point, at the goal, where that is free."""
    aside: float = 0.5
    """Metres that a goal may be higher for being a metre nearer to the middle of the target."""
    margins: tuple[float, ...] = (0.008, 0.003, 0.0)
    """Distance kept from everything while carrying: the first that allows a path."""
    raise_step: float = 0.01
    raise_limit: float = 0.25
    """How far a goal is raised, or a lift prolonged, until it is clear."""
    sidesteps: tuple[float, ...] = (0.0, 30.0, 60.0)
    """Degrees from straight up in which a lift is prolonged, to get clear of neighbours: the shortest way wins."""
    leans: tuple[float, ...] = (0.0, 90.0, -90.0, 45.0, -45.0)
    """Degrees from straight up, positive to the left, in which an arch leans."""
    bulge_step: float = 0.02
    bulge_limit: float = 0.34
    """How far an arch leads away from the straight line: the least that is free."""
    detour: float = 1.8
    """An alternative is at most this many times as long as the path."""
    apart: float = 0.06
    """And somewhere at least this far from all of it, and of every other alternative."""
    room: float = 0.4
    """Room for RRT-Connect to the sides of the straight line from start to goal, and beyond both: out of a shelf and in
    under another of its boards takes more than its depth."""
    ceiling: float = 0.35
    """And above the higher of start and goal."""
    reach: float = 0.08
    """Longest motion that RRT-Connect adds at a time."""
    iterations: int = 300
    """Budget of RRT-Connect a plan."""
    spacing: float = 0.02
    """Of the places that shortcuts join."""
    step: float = 0.002
    """Collision checks along a motion while planning are at most this far apart; with a margin, as far as that."""
    recheck: float = 0.001
    """And in the proof of the final polyline."""
    epsilon: float = 0.005
    """Of Ramer-Douglas-Peucker."""
    touch: float = 0.005
    """Clearance: a body nearer than this at the start counts from the end of the opening move on."""
    opening: OpeningConfig = field(default_factory=OpeningConfig)


@dataclass(frozen=True)
class Crossing:
    """The carry from one free place to another, in offsets of the source from where it stands.

    Planned in a frame that looks from start to goal, so that the path does not depend on how the world is turned.
    """

    carried: Carried
    target: int | None
    start: Float[Array, "3"]
    goal: Float[Array, "3"]
    margin: float
    seed: int
    config: PathConfig

    @cached_property
    def R(self) -> Float[Array, "3 3"]:
        """R_world_plan: x level towards the goal, y left, z up."""
        x = (self.goal - self.start)[:2]
        if np.linalg.norm(x) < 1e-3:
            x = level_axis(self.carried.scene.T_world_obj[self.carried.source, :3, :3])
        return np.asarray(rotation_about(UP, np.arctan2(x[1], x[0])))

    @cached_property
    def end(self) -> Float[Array, "3"]:
        return np.asarray(self.R.T @ (self.goal - self.start))

    def free(self, route: Float[Array, "w 3"]) -> bool:
        """Is a route of the planning frame free with the margin?"""
        return self.carried.free_along(self.start + route @ self.R.T, self.config.step, self.margin)

    def meets_no_third(self, places: Float[Array, "n 3"]) -> bool:
        """Is every place of the planning frame free of all objects but the target? The way is up to it, not around."""
        return self._among_others.free(self.start + places @ self.R.T)

    @cached_property
    def _among_others(self) -> Carried:
        return Carried(self.carried.scene, self.carried.source, ignored=self.target)

    def routes(self, gets_out: Callable[[], bool]) -> list[Float[Array, "w 3"]]:
        """Proved polylines of few places from the origin to `end`, truly different from one another, shortest first.

        RRT-Connect is asked last, and only where the source gets out of its place at all.
        """
        config = self.config
        straight = np.stack([np.zeros(3), self.end])
        if self.free(straight):
            return [r for r in [straight] if self._proved(r)]
        bulges = np.arange(config.bulge_step, config.bulge_limit + 1e-9, config.bulge_step)
        found = self._finished(arches(self.end, self.free, config.leans, bulges))
        if not found and gets_out():
            found = self._finished(self.planned())
        kept: dict[str, Float[Array, "w 3"]] = {}
        for route in found:
            others = list(kept.values())
            if way(route) in kept or length(route) > config.detour * length(others[0] if others else route):
                continue
            if all(differ(route, other, self.meets_no_third, config.apart) for other in others):
                kept[way(route)] = route
        return list(kept.values())

    def _finished(self, routes: Iterable[Float[Array, "w 3"]]) -> list[Float[Array, "w 3"]]:
        """Routes pulled taut and simplified, those that prove free, shortest first."""
        pulled = (taut(route, self.free, self.config.spacing) for route in routes)
        few = (few_waypoints(route, self.free, self.config.epsilon) for route in pulled)
        return sorted((route for route in few if self._proved(route)), key=length)

    def _proved(self, route: Float[Array, "w 3"]) -> bool:
        return self.carried.free_along(self.start + route @ self.R.T, self.config.recheck)

    def planned(self) -> list[Float[Array, "w 3"]]:
        """RRT-Connect's route, or none."""
        reach, budget = self.config.reach, self.config.iterations
        route = rrt_connect(self.end, self.bounds, self.free, self.seed, reach=reach, iterations=budget)
        return [] if route is None else [route]

    @cached_property
    def bounds(self) -> Float[Array, "2 3"]:
        """Lowest and highest places a planner may visit."""
        room, low, high = self.config.room, np.minimum(0.0, self.end), np.maximum(0.0, self.end)
        return np.stack([low - [room, room, 0.0], high + [room, room, self.config.ceiling]])
