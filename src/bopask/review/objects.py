"""What the objects of a data set are called, and where in its pictures each is seen best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bopask.ask.names import load_names
from bopask.bop.folder import BopFolder, open_bop
from bopask.errors import InputError
from bopask.geometry.camera import project
from bopask.geometry.se3 import transform
from bopask.nouns import Description, Frame, Model
from bopask.review.table import Table

VIEWS, SCENES = 6, 24
"""Pictures of an object, and scenes that are searched for them."""
POINTS = 2_000
"""Vertices of an object that are looked at, about: enough for a box round it."""


@dataclass(frozen=True)
class Sighting:
    """Where an object is in a picture: the box (px) round its silhouette."""

    frame: int
    """As in Table.frame."""
    bbox: tuple[float, float, float, float]
    visible: float


def descriptions(manifest: Mapping[str, Any], bop_root: Path | None) -> dict[int, Description]:
    """By obj_id: all that is said of the objects, reviewed or not; without the BOP folder what the manifest kept of it.

    Raises:
        InputError: a names file is damaged.
    """
    told = manifest.get("names", {}).get("objects", {})
    kept = {
        int(obj_id): Description(
            one["phrases"][0], tuple(one["phrases"][1:]), status=one["status"], source=one["source"]
        )
        for obj_id, one in told.items()
    }
    folder = _bop(bop_root)
    if folder is None:
        return dict(sorted(kept.items()))
    models = folder.models()
    return dict(sorted({**kept, **load_names(models, models.folder, trust=True).described}.items()))


def _bop(root: Path | None) -> BopFolder | None:
    """The folder, if it is a BOP folder with models: it may have been moved since, or hold images only."""
    try:
        folder = None if root is None else open_bop(root)
        return folder if folder and folder.models().obj_ids else None
    except InputError:
        return None


def sightings(table: Table, split: str, bop_root: Path | None) -> dict[int, list[Sighting]]:
    """By obj_id: a few pictures of the data set that show the object well, over different scenes where there are."""
    folder = _bop(bop_root)
    if folder is None or not len(table):
        return {}
    at = {key: i for i, key in enumerate(table.frame_keys)}
    scenes = sorted({key.scene_id for key in table.frame_keys})
    chosen = [scenes[i] for i in sorted(set(np.linspace(0, len(scenes) - 1, min(SCENES, len(scenes)), dtype=int)))]
    found: dict[int, list[Sighting]] = {}
    models = folder.models()
    for scene in chosen:
        try:
            frames = folder.read_scene(split, scene, keep_going=True).frames
        except InputError:  # moved or damaged since: the words can be judged without it
            continue
        for frame in frames:
            if frame.key in at:
                for obj_id, sighting in _in_frame(frame, at[frame.key], models):
                    found.setdefault(obj_id, []).append(sighting)
    return {obj_id: _spread(seen) for obj_id, seen in sorted(found.items())}


def _in_frame(frame: Frame, index: int, models: Mapping[int, Model]) -> list[tuple[int, Sighting]]:
    seen = []
    for obj_id, T_cam_obj, visible in zip(frame.obj_ids, frame.T_cam_obj, frame.visib_fract, strict=True):
        vertices = models[int(obj_id)].mesh.vertices
        pixels = project(frame.camera.K, transform(T_cam_obj, vertices[:: 1 + len(vertices) // POINTS]))
        low, high = pixels.min(0), pixels.max(0)
        if np.isfinite(pixels).all() and (high > 0).all() and (low < [frame.camera.width, frame.camera.height]).all():
            share = 0.5 if np.isnan(visible) else float(visible)
            box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            seen.append((int(obj_id), Sighting(index, box, share)))
    return seen


def _spread(seen: list[Sighting]) -> list[Sighting]:
    """The best of every k-th: well seen, and not six times the same view."""
    step = max(1, len(seen) // VIEWS)
    parts = [seen[i : i + step] for i in range(0, len(seen), step)]
    return sorted((max(part, key=lambda s: s.visible) for part in parts), key=lambda s: -s.visible)[:VIEWS]
