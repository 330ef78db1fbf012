"""Object models: PLY and models_info.json become `Model`, on demand. Millimetres end here.

The box of a model is the axis-aligned box of its mesh in the object frame; models_info only confirms it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bopask.bop.listing import load_json
from bopask.errors import InputError
from bopask.geometry.box import Box
from bopask.geometry.mesh import Mesh, merge_seams, signed_volume
from bopask.geometry.se3 import is_rotation, nearest_rotation, se3
from bopask.nouns import Model, Skip, Symmetry
from bopask.store.files import sha256_of

PLY = re.compile(r"obj_(\d+)\.ply")
FIX = "Unpack the dataset's models zip again"
CLOSED = 0.99
"""Share of the edges that two triangles must share, in opposite directions, for inside and outside to be known."""


class Models(Mapping[int, Model]):
    """Models by obj_id. A mesh is read when first asked for and kept; a pickle carries the path only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths = {int(match[1]): path for path in sorted(folder.iterdir()) if (match := PLY.fullmatch(path.name))}
        self._loaded: dict[int, tuple[Model, Skip | None]] = {}
        self._info: dict[int, dict[str, Any]] | None = None

    def __reduce__(self) -> tuple[type[Models], tuple[Path]]:
        return type(self), (self.folder,)

    def __getitem__(self, obj_id: int) -> Model:
        """The model of an object.

        Raises:
            KeyError: no such object.
            InputError: its mesh is unreadable, empty, holds NaN, or is not what models_info says.
        """
        if obj_id not in self._loaded:
            self._loaded[obj_id] = _load(obj_id, self._paths[obj_id], self.info.get(obj_id, {}))
        return self._loaded[obj_id][0]

    def __iter__(self) -> Iterator[int]:
        return iter(self.obj_ids)

    def __len__(self) -> int:
        return len(self._paths)

    def __repr__(self) -> str:
        return f"Models({str(self.folder)!r})"

    @property
    def obj_ids(self) -> tuple[int, ...]:
        """Sorted; they may start at 0 and be sparse. Loads nothing."""
        return tuple(sorted(self._paths))

    def path(self, obj_id: int) -> Path:
        """The mesh file of an object. Loads nothing."""
        return self._paths[obj_id]

    @property
    def notes(self) -> tuple[Skip, ...]:
        """What was repaired in the meshes loaded so far: stage 'models', reason 'mesh_inside_out'."""
        return tuple(note for _, (_, note) in sorted(self._loaded.items()) if note)

    @property
    def info(self) -> dict[int, dict[str, Any]]:
        """models_info.json by obj_id, in millimetres as written; {} where there is none."""
        if self._info is None:
            path = self.folder / "models_info.json"
            raw = load_json(path) if path.exists() else {}
            if not isinstance(raw, dict) or not all(k.isdecimal() and isinstance(v, dict) for k, v in raw.items()):
                raise InputError(path, "is not a table by obj_id", FIX)
            self._info = {int(name): row for name, row in raw.items()}
        return self._info


def find_models(root: Path, which: str | None = None) -> Path | None:
    """The folder of models: `which`, else `models`, `models_eval`, or the first `models_*`; None if no obj_*.ply."""
    folders = [root / which] if which else [root / "models", root / "models_eval", *sorted(root.glob("models_*"))]
    return next((folder for folder in folders if any(folder.glob("obj_*.ply"))), None)


def _load(obj_id: int, path: Path, info: dict[str, Any]) -> tuple[Model, Skip | None]:
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise InputError(path, f"the mesh cannot be read ({error})", FIX) from error
    return _read(obj_id, path, sha256, json.dumps(info))


@cache
def _read(obj_id: int, path: Path, sha256: str, told: str) -> tuple[Model, Skip | None]:
    """Once a process, for all the scenes that it works on: what is worked out of a mesh is kept by the mesh."""
    info: dict[str, Any] = json.loads(told)
    mesh = _read_ply(path)
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    _confirm(path, low, high - low, info)
    note = None
    if _inside_out(mesh):
        mesh = Mesh(mesh.vertices, np.ascontiguousarray(mesh.faces[:, ::-1]))
        note = Skip(path.name, "models", "mesh_inside_out")
    box = Box(se3(np.eye(3), (low + high) / 2), high - low)
    symmetry = _symmetry(path.with_name("models_info.json"), obj_id, info)
    return Model(obj_id, mesh, box, symmetry, sha256, path), note


def _read_ply(path: Path) -> Mesh:
    import trimesh  # 0.3 s: only those who need a mesh pay for it

    try:
        with path.open("rb") as file:
            raw: Any = trimesh.load(file, file_type="ply", process=False, skip_materials=True)
    except Exception as error:  # a damaged file fails in trimesh in any way at all
        raise InputError(path, f"the mesh cannot be read ({error})", FIX) from error
    vertices = np.asarray(getattr(raw, "vertices", ()), float).reshape(-1, 3) * 1e-3
    faces = np.asarray(getattr(raw, "faces", ())).reshape(-1, 3)
    if not len(vertices):
        raise InputError(path, "the mesh is empty", FIX)
    if not len(faces):
        raise InputError(path, "the mesh has points but no faces", FIX)
    if not np.isfinite(vertices).all():
        raise InputError(path, "the mesh holds NaN or infinity", FIX)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError(path, "a face names a vertex that is not there", FIX)
    return Mesh(vertices, faces.astype(np.int32))


def _inside_out(mesh: Mesh) -> bool:
    """A closed surface whose triangles face inwards. An open one is left alone: it has no inside."""
    solid = merge_seams(mesh)
    if signed_volume(solid) >= 0:
        return False
    edges = solid.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    n = len(solid.vertices)
    shared = np.isin(edges[:, 0] * n + edges[:, 1], edges[:, 1] * n + edges[:, 0])
    return bool(shared.mean() > CLOSED)


def _confirm(path: Path, low: Any, size: Any, info: dict[str, Any]) -> None:
    """models_info must tell the same box within 1 mm + 1 %: else units or files are mixed up."""
    for what, mesh_says in (("min", low), ("size", size)):
        if not all(f"{what}_{axis}" in info for axis in "xyz"):
            continue
        try:
            info_says = np.array([info[f"{what}_{axis}"] for axis in "xyz"], float) * 1e-3
        except (ValueError, TypeError) as error:
            raise InputError(path.with_name("models_info.json"), f"{what}_x is not valid ({error})", FIX) from error
        if not (np.abs(info_says - mesh_says) <= 1e-3 + 0.01 * float(np.max(size))).all():
            mm = [np.round(np.asarray(value) * 1e3, 1).tolist() for value in (mesh_says, info_says)]
            wrong = f"the mesh's box has {what} {mm[0]} mm, models_info.json says {mm[1]} mm"
            raise InputError(path, wrong, "Take both from one archive, in millimetres")


def _symmetry(path: Path, obj_id: int, info: dict[str, Any]) -> Symmetry:
    try:
        discrete = np.array(info.get("symmetries_discrete", []), float).reshape(-1, 4, 4)
        continuous = info.get("symmetries_continuous", [])
        axes = np.array([entry["axis"] for entry in continuous], float).reshape(-1, 3)
        offsets = np.array([entry.get("offset", (0, 0, 0)) for entry in continuous], float).reshape(-1, 3) * 1e-3
        length = np.linalg.norm(axes, axis=1, keepdims=True)
        if not (is_rotation(discrete[:, :3, :3], 1e-2).all() and np.isfinite(discrete).all() and (length > 0).all()):
            raise ValueError("a symmetry is not a rigid motion")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(path, f"the symmetries of object {obj_id} are not valid ({error})", FIX) from error
    T_obj_obj = se3(nearest_rotation(discrete[:, :3, :3]), discrete[:, :3, 3] * 1e-3)
    proper = np.abs(T_obj_obj - np.eye(4)).max((1, 2)) > 1e-6  # some files list the identity too
    return Symmetry(T_obj_obj[proper], axes / length, offsets)
