"""Lets a placed layout fall to rest in MuJoCo. Knows shapes and poses; knows nothing of cameras or files.

Collision geometry is each shape's own convex parts, so what rests in the simulator rests in the mesh. Every contact
begins MARGIN before the surfaces meet, so what is at rest is a tenth of a millimetre apart, never in one another.
condim 6 (with rolling friction): with 4 a round object never stops. impratio 100: at 10, piles creep by a millimetre a
second.
Time is counted in steps: a result depends on no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.errors import MissingExtra
from bopask.geometry.se3 import angle_of, nearest_rotation, se3
from bopask.synth.shapes import Shape
from bopask.synth.solids import solid_of

STEP = 0.002
"""Seconds a physics step."""
FRICTION = (0.8, 0.01, 0.002)
"""Sliding (no unit), torsional and rolling (m)."""
MARGIN = 1e-4
"""Surfaces push one another from this distance (m) on."""
THICK = 30.0
"""Rate (1/s) at which thick air slows things down: what still rolls stops, what hangs on nothing falls on."""
UPWARD = 0.5
"""A contact whose normal has at least this upward part carries what lies on it."""
MEMORY = 1 << 28
"""Bytes for contacts: a bin of hollow things has thousands."""


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
    stands_on: Bool[Array, "n n"]
    """stands_on[i, j]: object j pushes object i up."""


def _model(shapes: Sequence[Shape], T_world_obj: Float[Array, "n 4 4"], fixed: int) -> Any:
    """The MuJoCo model: a plane at z = 0 and one body an object, the first `fixed` of them not free."""
    try:
        import mujoco
    except ImportError as error:
        raise MissingExtra("mujoco", "synth") from error
    spec = mujoco.MjSpec()
    spec.memory = MEMORY
    spec.option.timestep = STEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 100.0
    common = {"condim": 6, "friction": FRICTION, "solref": (2 * STEP, 1.0), "solimp": (0.95, 0.99, 0.0005, 0.5, 2.0)}
    common["margin"] = MARGIN
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=(2.0, 2.0, 0.1), **common)
    names: dict[int, str] = {}
    for i, (shape, T) in enumerate(zip(shapes, T_world_obj, strict=True)):
        hulls = solid_of(shape).hulls
        if id(shape) not in names:
            names[id(shape)] = f"{len(names)}"
            for j, hull in enumerate(hulls):
                spec.add_mesh(name=f"{names[id(shape)]} {j}", uservert=hull.vertices.ravel())
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, T[:3, :3].ravel())
        body = spec.worldbody.add_body(pos=T[:3, 3], quat=quat)
        if i >= fixed:
            body.add_freejoint()
        density = shape.mass / sum(hull.volume for hull in hulls)
        for j, hull in enumerate(hulls):
            mesh = f"{names[id(shape)]} {j}"
            body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=mesh, mass=density * hull.volume, **common)
    return spec.compile()


def _poses(qpos: Float[Array, "q"]) -> Float[Array, "n 4 4"]:
    """Of the free bodies."""
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
    fixed: int = 0,
    max_seconds: int = 12,
    drift: float = 5e-4,
    turn: float = np.radians(0.25),
) -> Rest:
    """Simulates until no object moved more than `drift` (m) or `turn` (rad) during a second, at most `max_seconds`.

    Every other second passes in thick air; rest is told by the seconds between, which have none.

    Args:
        shapes: one an object.
        T_world_obj: where each is let go; z = 0 is the support, +z up (m).
        fixed: the first so many stand where they are, whatever leans on them (furniture). Free, one body that touches
            everything would make one large problem of many small ones.
    Returns:
        The last poses, with the motion of the last simulated second; the caller decides whether that is rest.
    Raises:
        MissingExtra: without MuJoCo.
    """
    still = np.asarray(T_world_obj, float)[:fixed]
    model = _model(shapes, np.asarray(T_world_obj, float), fixed)
    import mujoco

    data = mujoco.MjData(model)
    free = slice(1 + fixed, None)
    moments = np.stack([model.body_mass[free], model.body_inertia[free].max(1)], 1)
    air = THICK * np.repeat(moments, 3, axis=1).ravel()
    now = _poses(data.qpos)
    moved = turned = np.inf
    seconds = 0
    while seconds < max_seconds and (moved > drift or turned > turn or seconds % 2 == 0):
        before = now
        model.dof_damping[:] = air * (seconds % 2)
        for _ in range(round(1 / STEP)):
            mujoco.mj_step(model, data)
        seconds += 1
        now = _poses(data.qpos)
        moved = float(np.linalg.norm(now[:, :3, 3] - before[:, :3, 3], axis=1).max(initial=0))
        turned = float(angle_of(np.swapaxes(before[:, :3, :3], -1, -2) @ now[:, :3, :3]).max(initial=0))
    return Rest(np.concatenate([still, now]), moved, turned, float(seconds), _stands_on(model, data))


def _stands_on(model: Any, data: Any) -> Bool[Array, "n n"]:
    """Who pushes whom up, from the contacts of the last step. Body 0 is the world."""
    on = np.zeros((model.nbody, model.nbody), bool)
    first, second = model.geom_bodyid[data.contact.geom].T.reshape(2, -1)
    up = data.contact.frame.reshape(-1, 9)[:, 2]  # the normal points from the first to the second
    on[second[up > UPWARD], first[up > UPWARD]] = True
    on[first[up < -UPWARD], second[up < -UPWARD]] = True
    return on[1:, 1:]
