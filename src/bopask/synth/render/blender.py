"""RGB by Blender's Cycles: photo-real, seconds a picture, by an interpreter of its own.

Blender is GPL: bopask neither ships nor imports it. Install its module into an environment of your own and name that
interpreter, by `--blender-python` or BOPASK_BLENDER_PYTHON:

    python3.11 -m venv blender && blender/bin/pip install bpy==5.0.1        # for another Python, another bpy
    bopask synth OUT --renderer blender --blender-python blender/bin/python

The two talk by files: a folder with the scene (JSON, npz, PNG) goes there, pictures (PNG) come back.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from bopask.arrays import Array
from bopask.errors import BopaskError, InputError
from bopask.nouns import Camera
from bopask.synth.render.materials import PERIOD, surface
from bopask.synth.render.paint import painted
from bopask.synth.render.scene import HALVES, Fixture, Look, Scene, Shot, room

SCRIPT = Path(__file__).with_name("cycles.py")
VARIABLE = "BOPASK_BLENDER_PYTHON"


@dataclass(frozen=True)
class Blender:
    """Pictures by Cycles on the CPU."""

    python: str = ""
    """The interpreter that can `import bpy`; "" for the one that BOPASK_BLENDER_PYTHON names."""
    samples: int = 16
    """Paths a pixel, before denoising."""
    threads: int = 1

    @contextmanager
    def open(self, scene: Scene, look: Look, camera: Camera) -> Iterator[Shot]:
        """See `scene.Renderer`.

        Raises:
            InputError: no interpreter is named, it cannot import bpy, or K has skew or oblong pixels.
        """
        python = self._interpreter()
        K = camera.K
        if K[0, 1] != 0 or abs(K[0, 0] / K[1, 1] - 1) > 1e-3:
            raise InputError("camera", "Blender's camera has square pixels and no skew", "Use the renderer gl or rays")
        with tempfile.TemporaryDirectory(prefix="bopask-blender-") as name:
            folder = Path(name)
            _write(folder, scene, look, camera, {"samples": self.samples, "threads": self.threads})
            with (folder / "log.txt").open("w") as log:
                process = subprocess.Popen(
                    [python, "-I", str(SCRIPT), str(folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
                try:
                    yield lambda T_world_cam: _ask(process, folder, T_world_cam)
                finally:
                    process.communicate()  # closes its input: it ends by itself

    def _interpreter(self) -> str:
        python = self.python or os.environ.get(VARIABLE, "")
        fix = f"Name the Python of an environment with bpy: --blender-python PATH, or {VARIABLE}"
        if not python:
            raise InputError("--renderer blender", "no interpreter with Blender's module bpy is named", fix)
        try:
            found = subprocess.run([python, "-I", "-c", "import bpy"], capture_output=True, text=True, check=False)
        except OSError as error:
            raise InputError(python, f"does not run ({error.strerror})", fix) from error
        if found.returncode:
            last = (found.stderr.strip().splitlines() or ["it ended at once"])[-1]
            raise InputError(python, f"cannot import bpy ({last})", fix)
        return python


def _ask(process: subprocess.Popen[str], folder: Path, T_world_cam: Float[Array, "4 4"]) -> UInt8[Array, "h w 3"]:
    """One picture: a pose goes in, the word `done` comes out when the file is there."""
    assert process.stdin is not None and process.stdout is not None
    out = folder / "picture.png"
    out.unlink(missing_ok=True)
    try:
        process.stdin.write(json.dumps(np.asarray(T_world_cam).tolist()) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it died: told below
    for line in process.stdout:
        if line.strip() == "done":
            return np.array(Image.open(out).convert("RGB"))
    said = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise BopaskError(f"Blender stopped: {said[-1] if said else 'it said nothing'}.")


def _write(folder: Path, scene: Scene, look: Look, camera: Camera, settings: dict[str, int]) -> None:
    """The exchange folder: scene.json, and per mesh an npz (corners, normals, uv) and a PNG."""
    meshes: list[dict[str, Any]] = []
    images: dict[str, str] = {}

    def add(arrays: tuple[Array, Array, Array], image: str, gloss: float, **more: Any) -> None:
        corners, normals, uv = arrays
        np.savez(folder / f"mesh_{len(meshes)}.npz", corners=corners, normals=normals, uv=uv)
        meshes.append({"image": image, "gloss": gloss, **more})

    def keep(key: str, pixels: UInt8[Array, "h w 3"]) -> str:
        if key not in images:
            images[key] = f"image_{len(images)}.png"
            Image.fromarray(pixels).save(folder / images[key], compress_level=1)
        return images[key]

    furniture = [(f, f.material or look.table, look.tint[0], False) for f in scene.fixtures]
    for fixture, material, tint, walls in [*furniture, *((*part, True) for part in room(look))]:
        image = keep(material, np.round(surface(material) * tint).astype(np.uint8))
        add(_box(fixture, look), image, 0.12, T=np.eye(4).tolist(), room=walls)
    for i, (shape, T) in enumerate(zip(scene.shapes, scene.T_world_obj, strict=True)):
        drawn = painted(shape)
        image = keep(f"shape {i}", drawn.image)
        add((drawn.corners, drawn.normals, drawn.uv), image, shape.gloss, T=T.tolist(), room=False)
    lamps = [
        {"towards": lamp.towards.tolist(), "color": lamp.color.tolist(), "angle": 2 * float(lamp.softness)}
        for lamp in look.lamps
    ]
    K = {"K": camera.K.tolist(), "width": camera.width, "height": camera.height}
    light = {"lamps": lamps, "fill": look.fill.tolist(), "seed": look.seed % 2**31}
    (folder / "scene.json").write_text(json.dumps({"meshes": meshes, **K, **light, **settings}), encoding="utf-8")


def _box(fixture: Fixture, look: Look) -> tuple[Array, Array, Array]:
    corners, flat = fixture.quads()
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    soup = corners[:, HALVES].reshape(-1, 3, 3)
    uv = ((flat + look.shift) / PERIOD)[:, HALVES].reshape(-1, 3, 2)
    return soup, np.repeat(normals, 6, axis=0).reshape(-1, 3, 3), uv
