"""From one place to another in free space: OMPL's RRT-Connect, then shortcuts, then few waypoints.

Knows states as points of R^3 and a predicate; nothing of meshes. RRT-Connect: Kuffner & LaValle 2000,
doi:10.1109/ROBOT.2000.844730.

OMPL draws from one generator of the process. It is seeded anew before every plan, and plans end by a budget of
iterations, never by time, so a path is a function of its seed alone; two threads of one process must not plan at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.curve import densify, simplify

Along = Callable[[Float[Array, "w 3"]], bool]
"""Is the polyline free?"""


def rrt_connect(
    goal: Float[Array, "3"],
    bounds: Float[Array, "2 3"],
    free: Along,
    seed: int,
    *,
    reach: float,
    iterations: int,
) -> Float[Array, "w 3"] | None:
    """A free polyline from the origin to the goal inside the bounds (low, high), or None within the budget.

    `reach` is the longest motion added at a time. Equal arguments give equal bytes.
    """
    from ompl import base, geometric

    posed = problem(goal, bounds, free, seed)
    planner = geometric.RRTConnect(posed.getSpaceInformation())
    planner.setRange(reach)
    planner.setProblemDefinition(posed)
    planner.setup()
    budget = iter(range(iterations))
    planner.solve(base.PlannerTerminationCondition(lambda: next(budget, None) is None))
    return waypoints(posed)


def problem(goal: Float[Array, "3"], bounds: Float[Array, "2 3"], free: Along, seed: int) -> Any:
    """An OMPL ProblemDefinition: from the origin to the goal inside the bounds. Seeds OMPL."""
    from ompl import base, util

    util.noOutputHandler()
    util.RNG.setSeed(seed % (2**32 - 1) + 1)  # 32 bits; 0 is refused

    class Motions(base.MotionValidator):  # type: ignore[misc]
        def checkMotion(self, a: base.State, b: base.State) -> bool:
            return bool(free(np.array([[a[0], a[1], a[2]], [b[0], b[1], b[2]]])))

    space = base.RealVectorStateSpace(3)
    box = base.RealVectorBounds(3)
    for k in range(3):
        box.setLow(k, float(bounds[0, k]))
        box.setHigh(k, float(bounds[1, k]))
    space.setBounds(box)
    info = base.SpaceInformation(space)
    info.setStateValidityChecker(lambda s: True)  # the motion to a place asks about the place
    info.setMotionValidator(Motions(info))
    info.setup()
    ends = [space.allocState(), space.allocState()]
    for state, point in zip(ends, (np.zeros(3), goal), strict=True):
        for k in range(3):
            state[k] = float(point[k])
    posed = base.ProblemDefinition(info)
    posed.setStartAndGoalStates(*ends)
    return posed


def waypoints(solved: Any) -> Float[Array, "w 3"] | None:
    """The route that answers an OMPL problem from start to goal, or None."""
    if not solved.hasExactSolution():
        return None
    path = solved.getSolutionPath()
    states = [path.getState(k) for k in range(path.getStateCount())]
    return np.array([[s[0], s[1], s[2]] for s in states])


def shortcut(points: Float[Array, "w 3"], free: Along, step: float) -> Float[Array, "k 3"]:
    """A shorter free polyline with the same ends: from each place straight to the farthest one that bisection finds.

    Run forwards and then backwards over places `step` (m) apart. Bisection may stop short of the farthest in sight.
    """
    for _ in range(2):
        points = _taut(densify(points, step), free)[::-1]
    return points


def _taut(points: Float[Array, "n 3"], free: Along) -> Float[Array, "k 3"]:
    kept, last = [0], len(points) - 1
    while kept[-1] < last:
        here = kept[-1]
        if free(points[[here, last]]):
            kept.append(last)
            break
        seen, hidden = here + 1, last
        while hidden - seen > 1:
            middle = (seen + hidden) // 2
            if free(points[[here, middle]]):
                seen = middle
            else:
                hidden = middle
        kept.append(seen)
    return points[kept]


def few_waypoints(points: Float[Array, "w 3"], free: Along, epsilon: float) -> Float[Array, "k 3"]:
    """`simplify` with the largest of epsilon, epsilon/2, epsilon/4, … (m) that keeps the polyline free."""
    for halvings in range(5):
        simple = simplify(points, epsilon / 2**halvings)
        if len(simple) == len(points) or free(simple):
            return simple
    return points
