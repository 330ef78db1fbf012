"""RGB by MuJoCo's OpenGL renderer, on a GPU or in software, lit by rays. Knows GL.

GL draws every surface with its texture, filtered and antialiased, evenly lit; `shade` then lights it. GL's own light
falls on vertices, and its shadows are hard; in software a shadow map costs more than ray-traced soft shadows. MuJoCo's
camera is set by its frustum, so the picture's pinhole is K itself.

Worker processes draw as long as they are spawned, or forked before the parent has drawn: the software driver's threads
do not survive a fork.
"""

from __future__ import annotations

import ctypes.util
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from bopask.arrays import Array
from bopask.errors import InputError, MissingExtra, MissingGL
from bopask.geometry.se3 import inverse
from bopask.nouns import Camera
from bopask.synth.render.model import FAR, NEAR, Build
from bopask.synth.render.scene import Look, Scene, Shot
from bopask.synth.render.shade import Light


@dataclass(frozen=True)
class GL:
    """Pictures by MuJoCo. EGL where the system has it, else OSMesa; the environment's MUJOCO_GL decides otherwise.

    Raises (on open):
        MissingExtra: without MuJoCo.
        MissingGL: the system has neither library, or it makes no context.
    """

    samples: int = 4
    """Of each pixel at edges (multisampling)."""

    @contextmanager
    def open(self, scene: Scene, look: Look, camera: Camera) -> Iterator[Shot]:
        """See `scene.Renderer`."""
        if camera.K[0, 1] != 0:
            raise InputError("camera", "K has skew, which OpenGL's frustum has not", "Use the renderer rays")
        mujoco, context = _mujoco(), _context(os.getpid(), camera.width, camera.height)
        model, data = Build(mujoco, camera, look, self.samples).model(scene)
        drawn = Drawn(mujoco, model, data, camera, context)
        light = Light.on(scene, look)
        try:
            yield lambda T_world_cam: light.lit(drawn.rgb(T_world_cam), camera, inverse(T_world_cam))
        finally:
            drawn.close()


class Drawn:
    """A compiled scene in a GL context: colour, and GL's own ids and depth, which the tests hold against rays."""

    def __init__(self, mujoco: Any, model: Any, data: Any, camera: Camera, gl: Any) -> None:
        self.camera, self._mujoco, self._gl = camera, mujoco, gl
        gl.make_current()
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 10)
        mujoco.mjv_updateScene(
            model, data, mujoco.MjvOption(), None, mujoco.MjvCamera(), mujoco.mjtCatBit.mjCAT_ALL, self._scene
        )
        for flag in ("SHADOW", "FOG", "HAZE", "REFLECTION", "SKYBOX"):
            self._scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = False
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._owner = np.array([mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_GEOM, g.objid) for g in self._geoms()])

    def _geoms(self) -> Sequence[Any]:
        return self._scene.geoms[: self._scene.ngeom]

    def rgb(self, T_world_cam: Float[Array, "4 4"]) -> UInt8[Array, "h w 3"]:
        image = np.empty((self.camera.height, self.camera.width, 3), np.uint8)
        self._render(T_world_cam, image, None)
        return np.ascontiguousarray(image[::-1])

    def ids_and_depth(self, T_world_cam: Float[Array, "4 4"]) -> tuple[Int[Array, "h w"], Float[Array, "h w"]]:
        """Instance (-1 furniture, -2 the room) and depth z (m) of each pixel, as GL rasterises them."""
        flag = self._mujoco.mjtRndFlag
        by_id = [int(flag.mjRND_SEGMENT), int(flag.mjRND_IDCOLOR)]
        image = np.empty((self.camera.height, self.camera.width, 3), np.uint8)
        z = np.empty(image.shape[:2], np.float32)
        self._scene.flags[by_id] = True
        self._render(T_world_cam, image, z)
        self._scene.flags[by_id] = False
        code = image[::-1].astype(int) @ [1, 256, 65536]
        of_code = np.full(self._scene.ngeom + 1, -2)
        of_code[[g.segid + 1 for g in self._geoms()]] = [int(name.split()[0]) for name in self._owner]
        return of_code[code], NEAR * FAR / (FAR - z[::-1].astype(float) * (FAR - NEAR))

    def _render(self, T_world_cam: Float[Array, "4 4"], image: Array, depth: Array | None) -> None:
        mujoco, viewport = self._mujoco, self._mujoco.MjrRect(0, 0, self.camera.width, self.camera.height)
        self._gl.make_current()
        for eye in self._scene.camera:
            _aim(eye, self.camera, T_world_cam)
        mujoco.mjr_render(viewport, self._scene, self._context)
        mujoco.mjr_readPixels(image, depth, viewport, self._context)

    def close(self) -> None:
        self._gl.make_current()
        self._context.free()


def _aim(eye: Any, camera: Camera, T_world_cam: Float[Array, "4 4"]) -> None:
    """Sets MuJoCo's camera to the pinhole: pixel (0, 0) is the centre of the top-left pixel."""
    K = camera.K
    left, right = (-0.5 - K[0, 2]) / K[0, 0], (camera.width - 0.5 - K[0, 2]) / K[0, 0]
    up, down = (K[1, 2] + 0.5) / K[1, 1], (K[1, 2] - camera.height + 0.5) / K[1, 1]
    eye.pos, eye.forward, eye.up = T_world_cam[:3, 3], T_world_cam[:3, 2], -T_world_cam[:3, 1]
    eye.frustum_near, eye.frustum_far = NEAR, FAR
    eye.frustum_center, eye.frustum_width = NEAR * (left + right) / 2, NEAR * (right - left) / 2
    eye.frustum_top, eye.frustum_bottom = NEAR * up, NEAR * down


def _mujoco() -> Any:
    try:
        import mujoco
    except ImportError as error:
        raise MissingExtra("mujoco", "synth") from error
    return mujoco


def backend() -> str:
    """Which GL is used: MUJOCO_GL where it is set, else EGL or OSMesa, whichever library the system has.

    Raises:
        MissingGL: neither is there.
    """
    chosen = os.environ.get("MUJOCO_GL", "").lower().strip()
    if chosen in ("disable", "disabled", "off", "false", "0"):
        raise MissingGL(f"MUJOCO_GL={chosen} switches it off")
    if chosen in ("egl", "osmesa"):
        return chosen
    if sys.platform != "linux" or chosen not in ("", "enable", "enabled", "on", "true", "1"):
        return "native"
    for library, name in (("EGL", "egl"), ("OSMesa", "osmesa")):
        if ctypes.util.find_library(library):
            return name
    raise MissingGL("neither libEGL nor libOSMesa is on this system")


@lru_cache(maxsize=4)
def _context(process: int, width: int, height: int) -> Any:
    """A GL context, kept for all scenes of this process: never shared with a forked child."""
    which = backend()
    try:
        module = importlib.import_module("mujoco" if which == "native" else f"mujoco.{which}")
        return module.GLContext(width, height)
    except Exception as error:  # ctypes, PyOpenGL and MuJoCo each have their own way to say no
        raise MissingGL(f"{which} makes no context ({type(error).__name__}: {error})") from error
