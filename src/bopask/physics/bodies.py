"""Objects as free bodies in MuJoCo: convex parts to touch, mass and inertia of the mesh, friction to hold them still.

An object *at rest* has its weight carried and is held by dry friction, as if it stood on something: nothing falls
before it is grasped, and what is touched moves only as far as it is pushed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.mesh import center_of_mass, merge_seams
from bopask.geometry.se3 import se3
from bopask.geometry.weight import box_volume, mass_of, solid_volume
from bopask.nouns import Model
from bopask.physics.hand import HAND, OBJECT, mujoco_or_missing, quat
from bopask.physics.parts import Parts

STEP = 0.002
"""Seconds a physics step."""
REST_FRICTION = 0.5
"""What it stands on holds an object still with this share of its weight."""
CONTACT: dict[str, Any] = {
    "condim": 4,
    "friction": (0.6, 0.003, 0.0001),
    "solref": (0.006, 1.0),
    "solimp": (0.95, 0.99, 0.0005, 0.5, 2.0),
}
"""Sliding (no unit) and torsional (m) friction; the sliding one is set for each trial. Contacts are stiff: MuJoCo's
default lets 30 N sink millimetres into an object of 30 g, and through a wall of one; at two steps, its limit, fingers
chatter until they drop things."""


@dataclass(frozen=True)
class Solid:
    """What the simulator needs of an object: its parts, mass (kg), centre of mass (m) and inertia about it (kg m²)."""

    parts: Parts
    mass: float
    com: Float[Array, "3"]
    inertia: Float[Array, "3 3"]


def solid_of(model: Model, parts: Parts) -> Solid:
    """The mesh filled evenly, as heavy as `mass_of` takes it to be; a mesh that encloses nothing as its box."""
    mesh = merge_seams(model.mesh)
    total = solid_volume(mesh)
    if total is None:
        total = box_volume(mesh)
        moments = total * np.diag(model.box.size**2) / 12
    else:
        a, b, c = np.moveaxis(mesh.triangles - center_of_mass(mesh), 1, 0)
        volume = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
        moments = np.einsum("f,fij->ij", volume, _tetrahedra(a, b, c))
    mass = mass_of(total)
    inertia = mass / total * (np.trace(moments) * np.eye(3) - moments)
    return Solid(parts, mass, center_of_mass(mesh), inertia)


def _tetrahedra(a: Float[Array, "f 3"], b: Float[Array, "f 3"], c: Float[Array, "f 3"]) -> Float[Array, "f 3 3"]:
    """Mean of x xᵀ over each tetrahedron (0, a, b, c)."""
    corners = np.stack([a, b, c], 1)
    total = corners.sum(1)
    return (np.einsum("fki,fkj->fij", corners, corners) + np.einsum("fi,fj->fij", total, total)) / 20


def new_spec() -> Any:
    """An empty world: elliptic cones, steps of 2 ms, the solver as it comes (fewer iterations lose grasps)."""
    mujoco = mujoco_or_missing()
    spec = mujoco.MjSpec()
    spec.option.timestep = STEP
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    return spec


def add_solid(spec: Any, name: str, solid: Solid) -> None:
    """Adds a free body."""
    mujoco = mujoco_or_missing()
    body = spec.worldbody.add_body(name=name)
    body.add_freejoint()
    body.explicitinertial = True
    body.mass, body.ipos = solid.mass, solid.com
    moments = solid.inertia
    body.fullinertia = [*np.diag(moments), moments[0, 1], moments[0, 2], moments[1, 2]]
    for k, hull in enumerate(solid.parts.hulls):
        mesh = f"{name} {k}"
        spec.add_mesh(name=mesh, uservert=np.asarray(hull, float).ravel())
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname=mesh, contype=OBJECT, conaffinity=HAND | OBJECT, **CONTACT
        )


@dataclass(frozen=True)
class Thing:
    """One object in a compiled model."""

    model: Any
    data: Any
    body: int

    @staticmethod
    def of(model: Any, data: Any, name: str) -> Thing:
        return Thing(model, data, model.body(name).id)

    @property
    def dofs(self) -> slice:
        first = int(self.model.body_dofadr[self.body])
        return slice(first, first + 6)

    def place(self, T_world_obj: Float[Array, "4 4"]) -> None:
        first = int(self.model.jnt_qposadr[self.model.body_jntadr[self.body]])
        self.data.qpos[first : first + 3] = T_world_obj[:3, 3]
        self.data.qpos[first + 3 : first + 7] = quat(T_world_obj)

    def rest(self) -> None:
        """Its weight is carried; friction holds it."""
        mass = self.model.body_mass[self.body]
        force = REST_FRICTION * mass * 9.81
        gyration = np.sqrt(self.model.body_inertia[self.body].mean() / mass)
        self.model.body_gravcomp[self.body] = 1.0
        self.model.dof_frictionloss[self.dofs] = np.repeat([force, force * gyration], 3)

    def let_go(self) -> None:
        """It has its weight, and nothing holds it but contacts."""
        self.model.body_gravcomp[self.body] = 0.0
        self.model.dof_frictionloss[self.dofs] = 0.0

    def thicken(self, rate: float) -> None:
        """Air so thick that it slows down by `rate` (1/s); 0 for none."""
        mass, moment = self.model.body_mass[self.body], self.model.body_inertia[self.body].max()
        self.model.dof_damping[self.dofs] = np.repeat([rate * mass, rate * moment], 3)

    def touched(self) -> bool:
        """By anything at all."""
        of = self.model.geom_bodyid[self.data.contact.geom]
        return bool((of == self.body).any())

    @property
    def T_world_obj(self) -> Float[Array, "4 4"]:
        return se3(self.data.xmat[self.body].reshape(3, 3), self.data.xpos[self.body])

    @property
    def com(self) -> Float[Array, "3"]:
        return np.array(self.data.xipos[self.body])
