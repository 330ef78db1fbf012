"""What a picture shows and where things stand in it, from the BOP folder: what masks and physical scores look at.

Once a layout: the placed meshes, ready to collide. Once a picture: who is seen at each pixel, by casting rays.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import ConvexHull

from bopask.arrays import Array
from bopask.bench.scores.truth import Truth
from bopask.bop.folder import BopFolder
from bopask.bop.images import load_mask
from bopask.errors import InputError
from bopask.geometry.mesh import face_normals
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import transform
from bopask.nouns import Arrangement, Frame, FrameKey, Layout, Model, World
from bopask.priors.carry import Carried, Scene
from bopask.world.visibility import render_ids_depth

SAME = 0.01
"""An object of a layout is this near (m) to where the layout's first picture had it."""
PICTURES, LAYOUTS = 256, 32
"""Kept at hand; rows come in order of image."""
T = TypeVar("T")


class Placed:
    """The objects of a layout in the world (z up, support z = 0). Integers are slots."""

    def __init__(self, frame: Frame, T_world_cam: Float[Array, "4 4"], models: Mapping[int, Model]) -> None:
        self.obj_ids = frame.obj_ids
        arrangement = Arrangement(
            key=str(frame.key),
            frames=(frame,),
            slots=np.arange(frame.n)[None],
            obj_ids=frame.obj_ids,
            T_ref_obj=T_world_cam @ frame.T_cam_obj,
            T_ref_cam=T_world_cam[None],
        )
        self.scene = Scene(Layout(arrangement, World(np.eye(4), "given", 1.0)), models)
        self._carried: dict[int, Carried] = {}
        self._outlines: dict[int, Float[Array, "s 3"]] = {}

    def slots(self, frame: Frame, T_world_cam: Float[Array, "4 4"]) -> tuple[int, ...] | None:
        """The slot of each row of a picture's scene_gt; None where it shows another arrangement."""
        if frame.n != len(self.obj_ids):
            return None
        off = np.linalg.norm(
            (T_world_cam @ frame.T_cam_obj)[:, None, :3, 3] - self.scene.T_world_obj[None, :, :3, 3], axis=-1
        )
        off[frame.obj_ids[:, None] != self.obj_ids] = np.inf
        found = off.argmin(1)
        same = (off.min(1) <= SAME).all() and len(set(found.tolist())) == frame.n
        return tuple(found.tolist()) if same else None

    def carried(self, slot: int) -> Carried:
        """An object that can be moved among the others."""
        if slot not in self._carried:
            self._carried[slot] = Carried(self.scene, slot)
        return self._carried[slot]

    def beside(self, slot: int, xy: Float[Array, "2"]) -> float:
        """How far (m) a place lies outside an object's outline, seen from above; 0 within."""
        if slot not in self._outlines:
            vertices = transform(self.scene.T_world_obj[slot], self.scene.models[slot].mesh.vertices)
            self._outlines[slot] = ConvexHull(vertices[:, :2], qhull_options="QJ").equations
        return max(0.0, float((self._outlines[slot] @ np.append(xy, 1.0)).max()))


@dataclass(frozen=True, eq=False)
class Stage:
    """A picture of a layout."""

    placed: Placed
    slots: tuple[int, ...]
    """The slot of each row of scene_gt."""


class Solid:
    """A mesh in its own frame (m) that rays meet; built once an object."""

    def __init__(self, model: Model) -> None:
        self.vertices, self.triangles = model.mesh.vertices, model.mesh.triangles
        self.normals, _ = face_normals(model.mesh)
        self.rays = RayScene([model.mesh])


_SOLIDS: dict[str, Solid] = {}


def solid(model: Model) -> Solid:
    if model.sha256 not in _SOLIDS:
        _SOLIDS[model.sha256] = Solid(model)
    return _SOLIDS[model.sha256]


@dataclass
class Pictures:
    """Makes truths of the rows that were generated from a split of a BOP folder, with all that scores look at."""

    bop: BopFolder
    split: str
    masks: str = "rays"
    """Who is seen at a pixel: 'rays' cast at the meshes, or 'files', mask_visib."""
    _seen: OrderedDict[Any, Any] = field(default_factory=OrderedDict, repr=False)
    _placed: OrderedDict[Any, Any] = field(default_factory=OrderedDict, repr=False)
    _stages: OrderedDict[Any, Any] = field(default_factory=OrderedDict, repr=False)
    _scenes: OrderedDict[Any, Any] = field(default_factory=OrderedDict, repr=False)

    @cached_property
    def models(self) -> Mapping[int, Model]:
        return self.bop.models()

    def truth(self, row: Mapping[str, Any]) -> Truth:
        """The truth of a row, with its masks and its scene when they are asked for."""
        key = FrameKey(int(row["scene_id"]), int(row["frame_id"]), str(row.get("sensor") or ""))
        bare = Truth.of(row)
        return replace(bare, look=lambda: self.seen(key), stage=lambda: self.stage(bare))

    def frame(self, key: FrameKey) -> Frame:
        """Raises InputError where the split does not have it."""
        frames = _kept(
            self._scenes,
            key.scene_id,
            LAYOUTS,
            lambda: {f.key: f for f in self.bop.read_scene(self.split, key.scene_id).frames},
        )
        if key not in frames:
            wrong = f"split {self.split} has no frame {key}"
            raise InputError(self.bop.root, wrong, "Give the folder that the rows were made from")
        return frames[key]

    def seen(self, key: FrameKey) -> Int[Array, "H W"]:
        """The row of scene_gt seen at each pixel, -1 for none."""
        look = self._by_rays if self.masks == "rays" else self._by_files
        return _kept(self._seen, key, PICTURES, lambda: look(self.frame(key)))

    def _by_rays(self, frame: Frame) -> Int[Array, "H W"]:
        ids, _ = render_ids_depth(frame.camera, frame.T_cam_obj, [self.models[int(o)].mesh for o in frame.obj_ids])
        return ids.astype(np.int8) if frame.n < 128 else ids

    def _by_files(self, frame: Frame) -> Int[Array, "H W"]:
        ids = np.full((frame.camera.height, frame.camera.width), -1, np.int16)
        for i, path in enumerate(frame.mask_visib_paths):
            ids[load_mask(path)] = i
        return ids

    def stage(self, truth: Truth) -> Stage:
        """Where the objects of a truth's picture stand."""
        return _kept(self._stages, truth.key, PICTURES, lambda: self._stage(truth))

    def _stage(self, truth: Truth) -> Stage:
        frame, T_world_cam = self.frame(truth.key), truth.T_world_cam
        assert T_world_cam is not None
        placed = _kept(
            self._placed, (truth.key.scene_id, truth.layout), LAYOUTS, lambda: Placed(frame, T_world_cam, self.models)
        )
        slots = placed.slots(frame, T_world_cam)
        if slots is None:  # stands elsewhere than the first picture of its layout says: believe this picture
            return Stage(Placed(frame, T_world_cam, self.models), tuple(range(frame.n)))
        return Stage(placed, slots)


def _kept(cache: OrderedDict[Any, Any], key: Hashable, most: int, make: Callable[[], T]) -> T:
    """A value by key; the least recently used goes when there are too many."""
    if key not in cache:
        cache[key] = make()
        if len(cache) > most:
            cache.popitem(last=False)
    cache.move_to_end(key)
    found: T = cache[key]
    return found
