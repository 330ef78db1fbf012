"""Lets a placed layout fall to rest in MuJoCo. Knows shapes and poses; knows nothing of cameras or files.

Collision geometry is each shape's own convex parts, so what rests in the simulator rests in the mesh. condim 6 (with
rolling friction): with 4 a round object never stops. Time is counted in steps: a result depends on no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull

from bopask.arrays import Array
from bopask.errors import MissingExtra
from bopask.geometry.se3 import angle_of, nearest_rotation, se3
from bopask.synth.shapes import Shape

STEP = 0.001
"""Seconds a physics step."""
FRICTION = (0.7, 0.005, 0.0008)
"""Sliding (no unit), torsional and rolling (m)."""


@dataclass(frozen=True)
class Rest:
    """Poses at rest and the proof that they are."""

    T_world_obj: Float[Array, "n 4 4"]
    drift: float
    """Furthest that any origin moved in the last second (m)."""
    turn: float
    """Largest rotation of any object in the last second (rad)."""
    seconds: float
    """Simulated time until it was at rest."""


def _model(shapes: Sequence[Shape], T_world_obj: Float[Array, "n 4 4"]) -> Any:
    """The MuJoCo model: a plane at z = 0 and one free body an object."""
    try:
        import mujoco
    except ImportError as error:
        raise MissingExtra("mujoco", "synth") from error
    spec = mujoco.MjSpec()
    spec.option.timestep = STEP
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0  # else things creep down slopes
    common = {"condim": 6, "friction": FRICTION, "solref": (0.004, 1.0), "solimp": (0.95, 0.99, 0.0005, 0.5, 2.0)}
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=(2.0, 2.0, 0.1), **common)
    meshes: dict[tuple[str, int], str] = {}
    for shape, T in zip(shapes, T_world_obj, strict=True):
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, T[:3, :3].ravel())
        body = spec.worldbody.add_body(pos=T[:3, 3], quat=quat)
        body.add_freejoint()
        volumes = np.array([ConvexHull(part).volume for part in shape.parts])
        for j, (part, volume) in enumerate(zip(shape.parts, volumes, strict=True)):
            if (shape.name, j) not in meshes:
                name = meshes[shape.name, j] = f"{shape.name} {j}"
                spec.add_mesh(name=name, uservert=part.ravel())
            mass = shape.mass * volume / volumes.sum()
            body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=meshes[shape.name, j], mass=mass, **common)
    return spec.compile()


def _poses(qpos: Float[Array, "q"]) -> Float[Array, "n 4 4"]:
    pose = qpos.reshape(-1, 7)
    w, x, y, z = pose[:, 3:].T
    R = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
            np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
            np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
        ],
        -2,
    )
    return se3(nearest_rotation(R), pose[:, :3])


def settle(
    shapes: Sequence[Shape],
    T_world_obj: Float[Array, "n 4 4"],
    *,
    max_seconds: int = 12,
    drift: float = 2e-4,
    turn: float = np.radians(0.1),
) -> Rest:
    """Simulates until no object moved more than `drift` (m) or `turn` (rad) during a second, at most `max_seconds`.

    Args:
        shapes: one an object.
        T_world_obj: where each is let go; z = 0 is the support, +z up (m).
    Returns:
        The last poses, with the motion of the last simulated second; the caller decides whether that is rest.
    Raises:
        MissingExtra: without MuJoCo.
    """
    model = _model(shapes, np.asarray(T_world_obj, float))
    import mujoco

    data = mujoco.MjData(model)
    before = _poses(data.qpos)
    moved = turned = np.inf
    seconds = 0
    while seconds < max_seconds and (moved > drift or turned > turn):
        seconds += 1
        for _ in range(round(1 / STEP)):
            mujoco.mj_step(model, data)
        now = _poses(data.qpos)
        moved = float(np.linalg.norm(now[:, :3, 3] - before[:, :3, 3], axis=1).max())
        turned = float(angle_of(np.swapaxes(before[:, :3, :3], -1, -2) @ now[:, :3, :3]).max())
        before = now
    return Rest(before, moved, turned, float(seconds))
