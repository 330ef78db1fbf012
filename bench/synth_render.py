"""Frames a second of `synth`'s pictures at 640 x 480: ids, depth and silhouettes, RGB by a renderer, the sensor.

    python bench/synth_render.py [--renderer mujoco|rays|blender] [--layouts 8] [--views 10] [--objects 10]

Objects stand upright in a grid (no physics). Prints CPU seconds a frame by stage, and frames a second of wall clock for
each number of workers, without and with writing the files a BOP folder needs (PNG). Compare with `nproc` and the load.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from bopask.arrays import Array
from bopask.geometry.se3 import inverse, rotation_about, se3
from bopask.rng import rng_for
from bopask.run.local import LocalExecutor
from bopask.synth.kinds import FURNITURE, household
from bopask.synth.put import DROP, lowest
from bopask.synth.render.blender import Blender
from bopask.synth.render.gl import GL
from bopask.synth.render.rays import Rays
from bopask.synth.render.scene import Renderer, Scene, draw_look, table
from bopask.synth.render.sensor import DepthSensor, Sensor
from bopask.synth.render.truth import Sight, Truth
from bopask.synth.render.views import CAMERA, Views
from bopask.synth.shapes import Shape

T = TypeVar("T")
RENDERERS = {"mujoco": GL(), "rays": Rays(), "blender": Blender()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renderer", choices=RENDERERS, default="mujoco")
    parser.add_argument("--layouts", type=int, default=8)
    parser.add_argument("--views", type=int, default=10)
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    renderer = RENDERERS[args.renderer]
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {args.objects} objects,"
        f" {CAMERA.width} x {CAMERA.height}"
    )
    for workers in args.workers:
        for written in (False, True):
            one = partial(layout, renderer=renderer, objects=args.objects, views=args.views, written=written)
            began = time.perf_counter()
            spent = sum(LocalExecutor(workers).run(one, range(args.layouts)), Counter())
            wall, frames = time.perf_counter() - began, spent.pop("frames")
            cpu = sum(spent.values()) / frames
            print(
                f"{args.renderer}, {workers} worker(s), files {'written' if written else 'not written'}:"
                f" {frames / wall:.2f} frames/s, {cpu:.3f} CPU s a frame"
                f" ({workers / cpu:.1f} frames/s on that many idle cores)"
            )
            print("   " + ", ".join(f"{stage} {seconds / frames:.3f}" for stage, seconds in spent.items()))


def layout(seed: int, renderer: Renderer, objects: int, views: int, written: bool) -> Counter[str]:
    """All frames of one layout; CPU seconds by stage."""
    spent = Counter[str]()

    def timed(stage: str, make: Callable[[], T]) -> T:
        began = cpu_seconds()
        result = make()
        spent[stage] += cpu_seconds() - began
        return result

    rng = rng_for(seed, "bench", 0)
    kinds = [shape for shape in household(0).values() if shape.about.category not in FURNITURE]
    kinds = [kinds[int(i)] for i in rng.integers(0, len(kinds), objects)]
    spots = [(0.15 * (k % 4 - 1.5), 0.15 * (k // 4 - 1)) for k in range(objects)]
    poses = [standing(shape, spot, rng.uniform(-3, 3)) for shape, spot in zip(kinds, spots, strict=True)]
    scene = Scene(tuple(kinds), np.array(poses), table())
    truth = timed("truth, once a layout", lambda: Truth(*scene.triangles()))
    found = timed("views", lambda: Views().draw(scene, views, rng))
    opened = timed("open, once a layout", lambda: renderer.open(scene, draw_look(rng), CAMERA))
    shot = timed("open, once a layout", opened.__enter__)
    with tempfile.TemporaryDirectory() as folder:
        for T_world_cam in found:
            seen = timed("ids, depth, masks", partial(truth.sight, CAMERA, inverse(T_world_cam)))
            rgb = timed(f"rgb by {type(renderer).__name__}", partial(shot, T_world_cam))
            rgb = timed("sensor", partial(Sensor().develop, rgb, rng))
            timed("depth with holes", partial(measure, seen, kinds, rng))
            if written:
                timed("files", partial(write, Path(folder), rgb, seen))
    timed("open, once a layout", partial(opened.__exit__, None, None, None))
    spent["frames"] += len(found)
    return spent


def standing(shape: Shape, xy: tuple[float, float], yaw: float) -> Array:
    """T_world_obj of a shape as it was drawn, on the table."""
    return se3(rotation_about(np.array([0, 0, 1.0]), yaw), np.array([*xy, DROP - lowest(shape, np.eye(3))]))


def measure(seen: Sight, kinds: Sequence[object], rng: np.random.Generator) -> Array:
    return DepthSensor().holes(seen.depth, seen.ids, np.full(len(kinds), 0.5), CAMERA, rng)


def write(folder: Path, rgb: Array, seen: Sight) -> None:
    """RGB, depth and both kinds of masks as PNG, fast compression."""
    Image.fromarray(rgb).save(folder / "rgb.png", compress_level=1)
    Image.fromarray(np.round(seen.depth * 1e4).astype(np.uint16)).save(folder / "depth.png", compress_level=1)
    for i, masks in enumerate(zip(seen.masks, seen.silhouettes, strict=True)):
        for name, mask in zip(("mask_visib", "mask"), masks, strict=True):
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{name}_{i}.png", compress_level=1)


def cpu_seconds() -> float:
    """Of this process and of the children that ended (Blender)."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


if __name__ == "__main__":
    main()
