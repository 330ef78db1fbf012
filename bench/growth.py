"""How time and memory grow with frames, with objects and with workers.

Folders of scenes that grow hold poses only: a scene's first frames, again and again, or with fewer of their objects.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from chart import Chart
from runs import Runs, Spent

from bopask.bop.folder import open_bop

FRAMES = 256
"""Of a scene, at most, where nothing has grown."""


@dataclass(frozen=True)
class Growing:
    """A scene of a split, and the folder that holds the models."""

    folder: Path
    split: str
    scene: int
    models: Path

    @classmethod
    def of(cls, folder: Path, split: str, scene: int) -> Growing:
        return cls(folder, split, scene, open_bop(folder).models().folder)

    @property
    def frames(self) -> list[tuple[Any, Any]]:
        """scene_gt and scene_camera of its first frames, in order."""
        files = (self.folder / self.split / f"{self.scene:06d}" / f"scene_{what}.json" for what in ("gt", "camera"))
        gt, camera = (json.loads(file.read_bytes()) for file in files)
        return [(gt[key], camera[key]) for key in sorted(gt, key=int)[:FRAMES]]

    @property
    def objects(self) -> int:
        """In its first frame."""
        return len(self.frames[0][0])


def write(scenes: Sequence[Growing], out: Path, longer: int | None = None, objects: int | None = None) -> Path:
    """A BOP folder of scenes: as they are, or so many times as long as FRAMES; with the first so many objects.

    Whole repeats leave a layout's mean pose as it is, and so its priors. Every repeat has another focal length, by a
    billionth, so that no view is found in a cache.
    """
    for number, scene in enumerate(scenes):
        few = scene.frames
        frames = few * (longer * (FRAMES // len(few)) if longer else 1)
        folder = out / scene.split / f"{number:06d}"
        folder.mkdir(parents=True)
        gt = {k: gt[:objects] for k, (gt, _) in enumerate(frames)}
        cameras = {k: stretched(camera, 1 + 1e-9 * (k // len(few))) for k, (_, camera) in enumerate(frames)}
        (folder / "scene_gt.json").write_text(json.dumps(gt))
        (folder / "scene_camera.json").write_text(json.dumps(cameras))
    for camera in scenes[0].folder.glob("camera*.json"):
        shutil.copy(camera, out)
    (out / "models").symlink_to(scenes[0].models)
    return out


def stretched(camera: dict[str, Any], by: float) -> dict[str, Any]:
    K = camera["cam_K"]
    return camera | {"cam_K": [K[0] * by, *K[1:4], K[4] * by, *K[5:]]}


def grow_frames(runs: Runs, scenes: Sequence[Growing]) -> list[Spent]:
    """The scenes with more and more frames, all but their priors; the largest last."""
    spent = []
    for longer in (1, 2, 4):
        spent.append(one := runs.run(write(scenes, runs.scratch / f"longer-{longer}", longer)))
        stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in one.stages.items())
        print(
            f"{one.frames:,} frames of {len(scenes)} layouts: {one.cpu - one.priors:.1f} s of processor without "
            f"priors, {one.peak_mb:,.0f} MB ({stages})"
        )
    cpu = [one.cpu - one.priors for one in spent]
    a_frame, a_run = np.polyfit([one.frames for one in spent], cpu, 1)
    print(
        f"twice the frames: {cpu[1] / cpu[0]:.2f} x and {cpu[2] / cpu[1]:.2f} x the time; "
        f"{1e3 * a_frame:.2f} ms a frame and {a_run:.1f} s a run, whatever its size"
    )
    return spent


def of_frames(spent: Sequence[Spent]) -> list[Chart]:
    x, cpu = [one.frames for one in spent], [one.cpu - one.priors for one in spent]
    same_rate = [cpu[-1] * n / x[-1] for n in x]
    return [
        Chart("Frames", "frames, priors known", "processor seconds", x, cpu, same_rate, "proportional"),
        Chart("Memory", "frames, priors known", "MB, largest process", x, [one.peak_mb for one in spent]),
    ]


def grow_objects(runs: Runs, scene: Growing) -> Chart:
    """The priors of one layout with more and more of its objects, grasps known."""
    x, y = sorted({n for n in (2, 4, 8, scene.objects) if n <= scene.objects}), list[float]()
    for n in x:
        y.append(runs.run(write([scene], runs.scratch / f"objects-{n}", objects=n)).priors)
        print(f"{n} objects of a layout, {n * (n - 1)} ordered pairs: priors {y[-1]:.1f} s of processor")
    pairs = [y[-1] * n * (n - 1) / (x[-1] * (x[-1] - 1)) for n in x]
    name = "objects of a layout, grasps known"
    return Chart("Objects", name, "processor seconds of priors", x, y, pairs, "as the ordered pairs")


def grow_workers(runs: Runs, alone: Spent) -> Chart:
    """What one worker did `alone`, by two; by the clock, which tells of the workers only where nothing else runs."""
    both = runs.run(alone.folder, workers=2)
    for workers, one in ((1, alone), (2, both)):
        print(f"workers {workers}: {one.wall:.1f} s by the clock, {one.cpu:.1f} s of processor")
    gain = alone.wall / both.wall
    print(f"two workers: {gain:.2f} x as fast by the clock. This means something on an idle machine alone.")
    return Chart(
        "Workers", "workers, priors known", "times as fast by the clock", [1, 2], [1, gain], [1, 2], "proportional"
    )
