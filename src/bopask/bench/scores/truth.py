"""A row as scores need it: its evidence parsed once, and all answers that are right, as arrays. Reads no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.geometry.camera import project
from bopask.nouns import FrameKey
from bopask.priors.grasps.gripper import load_gripper

if TYPE_CHECKING:
    from bopask.bench.scores.stage import Stage

ALONE = ("first", "any")
"""Subtasks of rearrangement that ask for one object."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is right. Pixels of the original image; metres."""

    id: str
    task: str
    subtask: str
    key: FrameKey
    layout: str
    points: Float[Array, "n 2"]
    """The row's own answer; no points for yes and no."""
    yes: bool | None
    K: Float[Array, "3 3"]
    """NaN where the row has no camera."""
    width: int
    height: int
    T_world_cam: Float[Array, "4 4"] | None
    instances: tuple[int, ...]
    evidence: Mapping[str, Any]
    look: Callable[[], Int[Array, "H W"]] | None = None
    """Gives the row of scene_gt that is seen at each pixel, -1 for none of them."""
    stage: Callable[[], Stage] | None = None
    """Gives the placed meshes of the picture."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Truth:
        """Of a row as `docs/formats.md` has it, `evidence` parsed or not.

        A foreign row may lack camera, world and evidence: then only scores that look at points apply.
        """
        evidence, K, T = row.get("evidence") or {}, row.get("camera_K"), row.get("T_world_cam")
        points = np.array(row.get("answer_points") or [], float).reshape(-1, 2)
        return cls(
            id=str(row["id"]),
            task=str(row["task"]),
            subtask=str(row["subtask"]),
            key=FrameKey(int(row["scene_id"]), int(row["frame_id"]), str(row.get("sensor") or "")),
            layout=str(row.get("layout", "")),
            points=points,
            yes={"Yes": True, "No": False}.get(str(row["answer"])) if not len(points) else None,
            K=np.full((3, 3), np.nan) if K is None else np.array(K, float).reshape(3, 3),
            width=int(row["width"]),
            height=int(row["height"]),
            T_world_cam=None if T is None else np.array(T, float).reshape(4, 4),
            instances=tuple(int(i) for i in row["instances"]),
            evidence=json.loads(evidence) if isinstance(evidence, (str, bytes)) else evidence,
        )

    @property
    def kind(self) -> str:
        """The task, or 'binary' for both that are answered yes or no."""
        return "binary" if self.yes is not None else self.task

    @property
    def seen(self) -> Int[Array, "H W"]:
        """The row of scene_gt seen at each pixel, -1 for none."""
        assert self.look is not None
        return self.look()

    @property
    def place(self) -> Stage:
        assert self.stage is not None
        return self.stage()

    # Pose

    @cached_property
    def T_cam_box(self) -> Float[Array, "4 4"]:
        return np.array(self.evidence["T_cam_box"], float)

    @cached_property
    def size(self) -> Float[Array, "3"]:
        return np.array(self.evidence["size_m"], float)

    @cached_property
    def orders(self) -> Int[Array, "o 8"]:
        """Corner orders[k][j] may be given as j-th; the stated order first."""
        return np.array(self.evidence.get("accept_orders") or [list(range(8))], int)

    @cached_property
    def round_axis(self) -> int:
        """The axis of the box about which the object looks the same; -1 for none."""
        axis = self.evidence.get("round_axis")
        return -1 if axis is None else int(axis)

    # Grasp

    @cached_property
    def T_cam_grasps(self) -> Float[Array, "k 4 4"]:
        """Every grasp that is right; the answer's first. Of a foreign row, none."""
        if "grasp" not in self.evidence:
            return np.zeros((0, 4, 4))
        claims = [self.evidence["grasp"], *self.evidence.get("alternatives", ())]
        return np.array(self.evidence["T_cam_obj"], float) @ np.array([c["T_obj_grasp"] for c in claims], float)

    @cached_property
    def grasps(self) -> Float[Array, "k 5 2"]:
        """Their five points: the answer as the row has it, the others drawn alike, left = smaller u of the bases."""
        drawn = project(self.K, se3.transform(self.T_cam_grasps[1:], load_gripper().label_points()))
        drawn = drawn[np.isfinite(drawn).all((1, 2))]
        turned = drawn[:, 1, 0] > drawn[:, 2, 0]
        drawn = np.where(turned[:, None, None], drawn[:, [0, 2, 1, 4, 3]], drawn)
        return np.concatenate([self.points[None], drawn])

    # Trajectory

    @cached_property
    def ways_world(self) -> tuple[Float[Array, "w 3"], ...]:
        """Every way that is right (m, world); the answer's first."""
        claims = (self.evidence, *self.evidence.get("alternatives", ()))
        return tuple(np.array(c["waypoints_m"], float) for c in claims)

    @cached_property
    def ways(self) -> tuple[Float[Array, "w 2"], ...]:
        """The same in the picture (px). Of a row without a world, the answer."""
        if self.T_world_cam is None or "waypoints_m" not in self.evidence:
            return (self.points,)
        drawn = (project(self.K, se3.transform(se3.inverse(self.T_world_cam), w)) for w in self.ways_world[1:])
        return (self.points, *(way for way in drawn if np.isfinite(way).all()))

    # Rearrangement

    @cached_property
    def sets(self) -> tuple[tuple[int, ...], ...]:
        """Every set of objects that is right, as rows of scene_gt in an order that can be carried out."""
        if self.subtask == "first":
            return (self.instances[1:2],)
        accept = self.evidence.get("accept") or [list(self.instances[1:])]
        return tuple(tuple(int(i) for i in some) for some in accept)

    def works(self, order: tuple[int, ...]) -> bool:
        """Whether these objects, taken away in this order, are right: docs/formats.md, `needs`."""
        if not any(len(order) == len(some) and set(order) == set(some) for some in self.sets):
            return False
        needs = self.evidence.get("needs")
        if self.subtask in ALONE or needs is None:
            return True
        return all(any(set(some) <= set(order[:k]) for some in needs.get(str(i), ([],))) for k, i in enumerate(order))
