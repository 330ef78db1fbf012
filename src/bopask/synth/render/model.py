"""A scene as a MuJoCo model that is only ever drawn: nothing in it collides or moves.

One light shines evenly from everywhere: GL draws surfaces, `shade` lights them. A geom's name starts with the instance
it belongs to: -1 furniture, -2 the room.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from bopask.arrays import Array
from bopask.nouns import Camera
from bopask.synth.render.materials import PERIOD, surface
from bopask.synth.render.paint import painted
from bopask.synth.render.scene import HALVES, Fixture, Look, Scene, room
from bopask.synth.shapes import Shape

NEAR, FAR = 0.02, 8.0
"""Clipping planes (m)."""


class Build:
    """Collects what a model is made of. Pixels are written after compilation: the spec takes them one by one."""

    def __init__(self, mujoco: Any, camera: Camera, look: Look, samples: int) -> None:
        self._mujoco, self._look = mujoco, look
        self._spec = spec = mujoco.MjSpec()
        spec.visual.global_.offwidth, spec.visual.global_.offheight = camera.width, camera.height
        spec.visual.quality.offsamples, spec.visual.quality.shadowsize = samples, 0
        light = spec.visual.headlight
        light.ambient, light.diffuse, light.specular = np.ones(3), np.zeros(3), np.zeros(3)
        self._images: dict[str, UInt8[Array, "h w 3"]] = {}

    def model(self, scene: Scene) -> tuple[Any, Any]:
        """The compiled MjModel and its MjData."""
        look = self._look
        for i, fixture in enumerate(scene.fixtures):
            self._fixture(f"-1 {i}", fixture, fixture.material or look.table, look.tint[0])
        for i, (part, material, tint) in enumerate(room(look)):
            self._fixture(f"-2 {i}", part, material, tint)
        meshes: dict[int, str] = {}
        for i, (shape, T) in enumerate(zip(scene.shapes, scene.T_world_obj, strict=True)):
            if id(shape) not in meshes:
                meshes[id(shape)] = self._shape(f"shape {i}", shape)
            quat = np.zeros(4)
            self._mujoco.mju_mat2Quat(quat, np.ascontiguousarray(T[:3, :3]).ravel())
            self._geom(f"{i} object", meshes[id(shape)], meshes[id(shape)], pos=T[:3, 3], quat=quat)
        model = self._spec.compile()
        for name, image in self._images.items():
            start = model.tex_adr[model.texture(name).id]
            model.tex_data[start : start + image.size] = image[::-1].ravel()
        data = self._mujoco.MjData(model)
        self._mujoco.mj_forward(model, data)
        return model, data

    def _fixture(self, name: str, fixture: Fixture, material: str, tint: Float[Array, "3"]) -> None:
        corners, flat = fixture.quads()
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        uv = (flat + self._look.shift) / PERIOD
        self._mesh(name, corners[:, HALVES], np.repeat(normals, 6, axis=0), uv[:, HALVES])
        if material not in self._images:
            self._material(material, surface(material), tint)
        self._geom(name, name, material)

    def _shape(self, name: str, shape: Shape) -> str:
        look = painted(shape)
        self._mesh(name, look.corners, look.normals, look.uv)
        self._material(name, look.image, np.ones(3))
        return name

    def _mesh(self, name: str, corners: Array, normals: Array, uv: Array) -> None:
        """A mesh in which every triangle has corners of its own."""
        self._spec.add_mesh(
            name=name,
            uservert=corners.ravel(),
            usernormal=normals.ravel(),
            usertexcoord=uv.ravel(),
            userface=np.arange(corners.size // 3),
            inertia=self._mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,  # only drawn: need not enclose a volume
        )

    def _material(self, name: str, image: UInt8[Array, "h w 3"], tint: Float[Array, "3"]) -> None:
        """A material and its texture, which share a name."""
        h, w, _ = image.shape
        kind, flat = self._mujoco.mjtTexture.mjTEXTURE_2D, self._mujoco.mjtBuiltin.mjBUILTIN_FLAT
        self._spec.add_texture(name=name, type=kind, builtin=flat, width=w, height=h, nchannel=3)
        self._images[name] = image
        material = self._spec.add_material(name=name)
        material.textures[self._mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
        material.rgba = (*tint, 1)

    def _geom(self, name: str, mesh: str, material: str, **pose: Any) -> None:
        kind = self._mujoco.mjtGeom.mjGEOM_MESH
        self._spec.worldbody.add_geom(
            name=name, type=kind, meshname=mesh, material=material, contype=0, conaffinity=0, **pose
        )
