"""A parallel-jaw hand in MuJoCo, made of the gripper's boxes: carried by a motion, closed by a constant force.

A bare mocap body has no velocity, so friction with it carries nothing. Hence a free hand, welded to a mocap body that
only says where to go. The two fingers slide as one, as a Franka Hand's do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.errors import MissingExtra
from bopask.priors.grasps.gripper import MIRROR, Gripper

MASS = 1.0
"""Of the hand without fingers (kg); a finger has a tenth."""
SPEED = 0.1
"""Of a free finger (m/s): its joint's damping is the closing force over this."""
DRIVE = 0.5
"""Inertia (kg) of a finger's drive as the finger feels it. Light fingers on stiff contacts bounce at a step of 2 ms
and flat things creep out of them: of 24 such grasps 0 were held so, 18 at half the step, 19 with this at no cost (1 kg,
2 kg and shorter steps then change one of them)."""
STIFF = 5e3
"""N/m: a finger's servo is this stiff until the force limit, which a few millimetres reach."""
HAND, OBJECT = 1, 2
"""Collision bits. Hand and fingers do not collide with one another."""


def mujoco_or_missing() -> Any:
    try:
        import mujoco
    except ImportError as error:
        raise MissingExtra("mujoco", "physics") from error
    return mujoco


def add_hand(spec: Any, gripper: Gripper, contact: dict[str, Any]) -> None:
    """Adds the hand to a MuJoCo spec: mocap body 'target', free body 'hand', slides and actuators 'right', 'left'.

    Call it before other free bodies: the hand's pose and opening are then the first nine of qpos.
    """
    mujoco = mujoco_or_missing()
    contact = contact | {"contype": HAND, "conaffinity": OBJECT}
    spec.worldbody.add_body(name="target", mocap=True)
    hand = spec.worldbody.add_body(name="hand", gravcomp=1)
    hand.add_freejoint()
    _add_boxes(hand, gripper.hand, MASS, contact)
    for name, sign in (("right", 1.0), ("left", -1.0)):
        finger = hand.add_body(name=name, gravcomp=1)
        finger.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=(sign, 0, 0),
            limited=True,
            range=(0, gripper.stroke / 2),
            armature=DRIVE,
        )
        _add_boxes(finger, np.sort(gripper.finger * (MIRROR if sign < 0 else 1.0), axis=1), MASS / 10, contact)
        actuator = spec.add_actuator(name=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=name)
        actuator.set_to_position(kp=STIFF)
        actuator.forcelimited, actuator.forcerange = True, (-1.0, 1.0)
    _add_equality(spec, mujoco.mjtEq.mjEQ_WELD, mujoco.mjtObj.mjOBJ_BODY, "target", "hand")
    _add_equality(spec, mujoco.mjtEq.mjEQ_JOINT, mujoco.mjtObj.mjOBJ_JOINT, "right", "left")


def _add_boxes(body: Any, boxes: Float[Array, "b 2 3"], mass: float, contact: dict[str, Any]) -> None:
    volumes = np.prod(boxes[:, 1] - boxes[:, 0], axis=1)
    for (low, high), volume in zip(boxes, volumes, strict=True):
        size, share = (high - low) / 2, mass * volume / volumes.sum()
        body.add_geom(
            type=mujoco_or_missing().mjtGeom.mjGEOM_BOX, pos=(low + high) / 2, size=size, mass=share, **contact
        )


def _add_equality(spec: Any, kind: Any, of: Any, first: str, second: str) -> None:
    equality = spec.add_equality(type=kind, objtype=of, name1=first, name2=second, solref=(0.01, 1.0))
    equality.data[:] = 0.0
    if kind == mujoco_or_missing().mjtEq.mjEQ_JOINT:
        equality.data[1] = 1.0  # right = left
    else:
        equality.data[6], equality.data[10] = 1.0, 1.0  # no relative rotation; torque as strong as force


@dataclass(frozen=True)
class Hand:
    """The hand in a compiled model: puts it somewhere, carries it, closes it."""

    model: Any
    data: Any

    def set_force(self, force: float) -> None:
        """Each finger presses with this much (N)."""
        self.model.actuator_forcerange[:] = (-force, force)
        self.model.dof_damping[6:8] = force / SPEED

    def place(self, T_world_hand: Float[Array, "4 4"], opening: float) -> None:
        """There at once, at rest, its fingers' inner faces so far apart (m)."""
        self.carry(T_world_hand)
        self.data.qpos[:3], self.data.qpos[3:7] = self.data.mocap_pos[0], self.data.mocap_quat[0]
        self.data.qpos[7:9] = self.data.ctrl[:] = opening / 2

    def carry(self, T_world_hand: Float[Array, "4 4"]) -> None:
        """The weld pulls it there."""
        self.data.mocap_pos[0], self.data.mocap_quat[0] = T_world_hand[:3, 3], quat(T_world_hand)

    def close(self) -> None:
        """From now on each finger presses with its whole force."""
        self.data.ctrl[:] = -1.0

    def follow(self, T_world_hand: Callable[[float], Float[Array, "4 4"]], seconds: float) -> None:
        """Steps the simulation while the hand is carried along T_world_hand(t)."""
        step = mujoco_or_missing().mj_step
        n = round(seconds / self.model.opt.timestep)
        for k in range(1, n + 1):
            self.carry(T_world_hand(k * seconds / n))
            step(self.model, self.data)


def quat(T: Float[Array, "4 4"]) -> Float[Array, "4"]:
    """w, x, y, z of a pose's rotation."""
    found = np.zeros(4)
    mujoco_or_missing().mju_mat2Quat(found, np.ascontiguousarray(T[:3, :3]).ravel())
    return found
