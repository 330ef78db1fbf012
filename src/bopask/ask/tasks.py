"""The table of tasks: a name, and the function that asks. A seventh task is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from bopask.ask import depth, grasp, pose, rearrangement, spatial, trajectory
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block

Ask: TypeAlias = Callable[[Block], Iterator[Asked | Skipped]]

TASKS: Mapping[str, Ask] = {
    "pose": pose.ask,
    "grasp": grasp.ask,
    "trajectory": trajectory.ask,
    "rearrangement": rearrangement.ask,
    "spatial": spatial.ask,
    "depth": depth.ask,
}
