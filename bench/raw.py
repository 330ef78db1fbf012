"""FCL and OMPL as their documentation shows them, with nothing of ours around them.

`recipe.py` is written with these; `speed.py` measures them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

import fcl
import numpy as np
from ompl import base, geometric, util

from bopask.arrays import Array

util.noOutputHandler()


def tree(vertices: Array, faces: Array) -> Any:
    """An FCL bounding-volume hierarchy of a mesh (m), to be built once an object."""
    built = fcl.BVHModel()
    built.beginModel(len(vertices), len(faces))
    built.addSubModel(vertices, faces)
    built.endModel()
    return built


def placed(shape: Any, T: Array) -> Any:
    """A shape at a pose."""
    return fcl.CollisionObject(shape, fcl.Transform(np.ascontiguousarray(T[:3, :3]), T[:3, 3]))


def together(bodies: Sequence[Any]) -> Any:
    """Bodies under one broad phase."""
    manager = fcl.DynamicAABBTreeCollisionManager()
    manager.registerObjects(list(bodies))
    manager.setup()
    return manager


def collides(bodies: Any, body: Any) -> bool:
    """Does a body meet any of `together`?"""
    found = fcl.CollisionData()
    bodies.collide(body, found, fcl.defaultCollisionCallback)
    return bool(found.result.is_collision)


def meet(a: Any, b: Any) -> bool:
    return bool(fcl.collide(a, b, fcl.CollisionRequest(), fcl.CollisionResult()))


def plan(valid: Callable[[Any], bool], start: Array, goal: Array, room: float, seconds: float) -> Array | None:
    """OMPL's RRT-Connect from start to goal (m) with so much room around both, all of its settings as they come.

    It may take so many seconds of processor: by the clock it would find less on a busy machine. An end that is not
    valid it would wait for, asleep.
    """
    if not (valid(start) and valid(goal)):
        return None
    space = base.RealVectorStateSpace(3)
    bounds = base.RealVectorBounds(3)
    ends = space.allocState(), space.allocState()
    low, high = np.minimum(start, goal) - room, np.maximum(start, goal) + room
    for k in range(3):
        bounds.setLow(k, float(low[k]))
        bounds.setHigh(k, float(high[k]))
        ends[0][k], ends[1][k] = float(start[k]), float(goal[k])
    space.setBounds(bounds)
    setup = geometric.SimpleSetup(space)
    setup.setStateValidityChecker(valid)
    setup.setStartAndGoalStates(*ends)
    setup.setPlanner(geometric.RRTConnect(setup.getSpaceInformation()))
    end = process_time() + seconds
    setup.solve(base.PlannerTerminationCondition(lambda: process_time() >= end))
    if not setup.haveExactSolutionPath():
        return None
    path = setup.getSolutionPath()
    states = (path.getState(k) for k in range(path.getStateCount()))
    return np.array([[s[0], s[1], s[2]] for s in states])
