"""Layouts with exact world poses, and the second collision library (coal) to check paths with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import coal
import numpy as np

from bopask.bop.folder import open_bop
from bopask.geometry.box import Box
from bopask.geometry.curve import densify
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import inverse, rotation_about, se3, transform
from bopask.nouns import Arrangement, Camera, Frame, FrameKey, Layout, Model, Symmetry, Trajectory, World
from bopask.priors.paths import base_point

Z = np.array([0.0, 0.0, 1.0])
QUADS = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))


def block(obj_id: int, *size: float) -> Model:
    """A box-shaped object, its frame at its centre."""
    corners = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], float) * size / 2
    faces = np.array([t for a, b, c, d in QUADS for t in ((a, b, c), (a, c, d))], np.int32)
    return Model(obj_id, Mesh(corners, faces), Box(np.eye(4), np.array(size)), Symmetry(), f"block {size}")


def at(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray:
    return se3(rotation_about(Z, yaw), np.array([x, y, z]))


def tilted(x: float, y: float, z: float, pitch: float) -> np.ndarray:
    """Turned about the y axis by `pitch` (rad)."""
    return se3(rotation_about(np.array([0.0, 1.0, 0.0]), pitch), np.array([x, y, z]))


def arranged(*things: tuple[Model, np.ndarray], key: str = "test-0") -> tuple[Layout, dict[int, Model]]:
    """A layout whose world poses are exactly those given, seen by one camera at the world's origin."""
    ids, T = np.array([m.obj_id for m, _ in things]), np.stack([T for _, T in things])
    frame = Frame(FrameKey(0, 0), Camera(np.eye(3), 640, 480), ids, T, np.ones(len(ids)))
    arrangement = Arrangement(key, (frame,), np.arange(len(ids))[None], ids, T, np.eye(4)[None])
    return Layout(arrangement, World(np.eye(4), "truth", 1.0)), {m.obj_id: m for m, _ in things}


def moved(layout: Layout, T: np.ndarray) -> Layout:
    """The same arrangement with the world's origin elsewhere."""
    assert layout.world is not None
    return Layout(layout.arrangement, World(T @ layout.world.T_world_ref, "truth", 1.0))


def real(root: Path, split: str = "train_real") -> list[Layout]:
    """The scenes of ycbv_mini, one layout each, in the world of their own w2c (z = 0 is the table)."""
    folder, layouts = open_bop(root), []
    for scene_id in folder.scene_ids(split):
        frame = folder.read_scene(split, scene_id).frames[0]
        assert frame.T_cam_w2c is not None
        slots = np.arange(frame.n)[None]
        arrangement = Arrangement(f"{scene_id:06d}-0", (frame,), slots, frame.obj_ids, frame.T_cam_obj, np.eye(4)[None])
        layouts.append(Layout(arrangement, World(inverse(frame.T_cam_w2c), "w2c", 1.0)))
    return layouts


_TREES: dict[str, coal.BVHModelOBBRSS] = {}


def tree(model: Model) -> coal.BVHModelOBBRSS:
    if model.sha256 not in _TREES:
        mesh, bvh = model.mesh, coal.BVHModelOBBRSS()
        bvh.beginModel(len(mesh.faces), len(mesh.vertices))
        bvh.addVertices(np.asarray(mesh.vertices, float))
        bvh.addTriangles(np.asarray(mesh.faces, np.int64))
        bvh.endModel()
        _TREES[model.sha256] = bvh
    return _TREES[model.sha256]


def hits(layout: Layout, models: Mapping[int, Model], path: Trajectory, step: float = 0.001) -> list[tuple[str, float]]:
    """(body, arc length) wherever, by coal, the carried mesh meets another or the support, start contacts aside."""
    T, source = layout.T_world_obj, path.source
    model = models[int(layout.obj_ids[source])]
    low = transform(T[source], model.mesh.vertices)[:, 2].min()
    opened = {str(c["with"]): c["opened_after_m"] for c in path.contacts}
    offsets = densify(path.points, step) - base_point(model, T[source])
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(offsets, axis=0), axis=1))])
    request, found = coal.CollisionRequest(), []
    others = {
        k: (tree(models[int(layout.obj_ids[k])]), coal.Transform3s(T[k, :3, :3], T[k, :3, 3]))
        for k in range(len(T))
        if k != source
    }
    for offset, s in zip(offsets, travelled, strict=True):
        if low + offset[2] <= 0 and s >= opened.get("support", -1.0):
            found.append(("support", float(s)))
        place = coal.Transform3s(T[source, :3, :3], T[source, :3, 3] + offset)
        for k, other in others.items():
            counts = s >= opened.get(str(k), -1.0) - 1e-9
            if counts and coal.collide(tree(model), place, *other, request, coal.CollisionResult()):
                found.append((str(k), float(s)))
    return found
