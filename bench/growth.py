"""Scenes that grow: a scene of a BOP folder with so many frames, so many of its objects, or so many times.

Poses only, no pictures; the models are the folder's own. A scene that has fewer frames than are asked for repeats them.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bopask.bop.folder import open_bop


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
    def objects(self) -> int:
        """In its first frame."""
        return len(self.frames[0][0])

    @property
    def frames(self) -> list[tuple[Any, Any]]:
        """scene_gt and scene_camera of each frame, in order."""
        files = (self.folder / self.split / f"{self.scene:06d}" / f"scene_{what}.json" for what in ("gt", "camera"))
        gt, camera = (json.loads(file.read_bytes()) for file in files)
        return [(gt[key], camera[key]) for key in sorted(gt, key=int)]

    def write(self, out: Path, frames: int | None = None, objects: int | None = None, copies: int = 1) -> Path:
        """A BOP folder of `copies` scenes, each with so many frames and the first so many objects (all when None)."""
        chosen = list(islice(cycle(self.frames), frames)) if frames else self.frames
        for scene in range(copies):
            folder = out / self.split / f"{scene:06d}"
            folder.mkdir(parents=True)
            gt = {k: gt[:objects] for k, (gt, _) in enumerate(chosen)}
            (folder / "scene_gt.json").write_text(json.dumps(gt))
            (folder / "scene_camera.json").write_text(json.dumps({k: camera for k, (_, camera) in enumerate(chosen)}))
        for camera in self.folder.glob("camera*.json"):
            shutil.copy(camera, out)
        (out / "models").symlink_to(self.models)
        return out
