"""Writes a small valid BOP folder: boxes and cylinders standing on a plane, seen by a few cameras, depth exact.

Every object is convex, so a ray meets it where it has entered all of its faces' half-spaces: no ray caster is needed.
Options switch on the format's quirks, one at a time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bopask.geometry.mesh import Mesh, face_normals
from bopask.geometry.se3 import inverse, rotation_about, se3

SIZE = (160, 120)
K = np.array([[180.0, 0.0, 79.5], [0.0, 180.0, 59.5], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class TinyObject:
    """A convex object and where it stands (metres, world z up, support at z = 0)."""

    obj_id: int
    mesh: Mesh
    T_world_obj: np.ndarray
    info: dict[str, Any]
    """Symmetries as models_info.json writes them (mm)."""
    name: str


def box(obj_id: int, size: Sequence[float], xy: Sequence[float], yaw: float = 0.0, name: str = "box") -> TinyObject:
    """A box standing on the support, its object frame at its centre. size (m)."""
    corners = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], float) * np.asarray(size) / 2
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    T = se3(rotation_about(np.array([0, 0, 1.0]), yaw), np.array([*xy, size[2] / 2]))
    half_turn = np.diag([-1.0, -1, 1, 1]).ravel().tolist()
    return TinyObject(obj_id, Mesh(corners, np.array(faces, np.int32)), T, {"symmetries_discrete": [half_turn]}, name)


def cylinder(
    obj_id: int, radius: float, height: float, xy: Sequence[float], name: str = "can", sides: int = 24
) -> TinyObject:
    """An upright cylinder (a prism) standing on the support, its object frame at its centre (m)."""
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    low, high = (np.c_[ring, np.full(sides, z)] for z in (-height / 2, height / 2))
    vertices = np.concatenate([low, high, [[0, 0, -height / 2], [0, 0, height / 2]]])
    i, j = np.arange(sides), (np.arange(sides) + 1) % sides
    bottom, top = np.full(sides, 2 * sides), np.full(sides, 2 * sides + 1)
    faces = np.concatenate(
        [np.c_[i, j, sides + j], np.c_[i, sides + j, sides + i], np.c_[j, i, bottom], np.c_[sides + i, sides + j, top]]
    )
    T = se3(np.eye(3), np.array([*xy, height / 2]))
    info = {"symmetries_continuous": [{"axis": [0, 0, 1], "offset": [0, 0, 0]}]}
    return TinyObject(obj_id, Mesh(vertices, faces.astype(np.int32)), T, info, name)


OBJECTS = (
    box(1, (0.08, 0.05, 0.04), (-0.08, 0.02), 0.3, "flat box"),
    box(2, (0.05, 0.05, 0.12), (0.02, 0.07), name="tall box"),
    cylinder(5, 0.03, 0.09, (0.08, -0.03), "can"),
)


def look_at(eye: Sequence[float], target: Sequence[float] = (0, 0, 0.04)) -> np.ndarray:
    """T_world_cam of a camera at `eye` that looks at `target` with its x axis level."""
    z = np.asarray(target, float) - np.asarray(eye, float)
    z /= np.linalg.norm(z)
    x = np.cross(z, [0, 0, 1.0])
    x /= np.linalg.norm(x)
    return se3(np.stack([x, np.cross(z, x), z], 1), np.asarray(eye, float))


def cameras(n: int, scene_id: int = 0) -> list[np.ndarray]:
    """n views on an arc, another arc for every scene."""
    angle = np.linspace(-0.6, 0.6, n) if n > 1 else np.zeros(1)
    angle = angle + 0.4 * scene_id - np.pi / 2
    return [look_at((0.55 * np.cos(a), 0.55 * np.sin(a), 0.4)) for a in angle]


def render(
    objects: Sequence[TinyObject], T_world_cam: np.ndarray, K: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What a camera sees, per pixel.

    Returns:
        Depth (m, along the optical axis, 0 = none) of each object alone, the plane last: (n + 1, H, W).
        Which of them is nearest, -1 = none: (H, W).
    """
    u, v = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(u.shape)], -1).reshape(-1, 3)
    layers = []
    for thing in objects:
        T_obj_cam = inverse(thing.T_world_obj) @ T_world_cam
        normals, _ = face_normals(thing.mesh)
        offsets = (normals * thing.mesh.triangles[:, 0]).sum(1)
        slope = rays @ T_obj_cam[:3, :3].T @ normals.T
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (offsets - normals @ T_obj_cam[:3, 3]) / slope
        enter = np.where(slope < 0, t, -np.inf).max(1)
        leave = np.where(slope > 0, t, np.inf).min(1)
        layers.append(np.where((enter < leave) & (enter > 0), enter, np.inf))
    fall = rays @ T_world_cam[2, :3]
    with np.errstate(divide="ignore"):
        plane = np.where(fall < 0, -T_world_cam[2, 3] / fall, np.inf)
    stack = np.stack([*layers, plane]).reshape(-1, size[1], size[0])
    return np.where(np.isfinite(stack), stack, 0.0), np.where(stack.min(0) < np.inf, stack.argmin(0), -1)


def write_ply(path: Path, mesh: Mesh, scale: float = 1000.0) -> None:
    """ASCII PLY, in millimetres."""
    head = (
        f"ply\nformat ascii 1.0\nelement vertex {len(mesh.vertices)}\nproperty float x\nproperty float y\n"
        f"property float z\nelement face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    rows = [" ".join(f"{x:.6f}" for x in vertex * scale) for vertex in mesh.vertices]
    rows += ["3 " + " ".join(map(str, face)) for face in mesh.faces]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "\n".join(rows) + "\n")


def write_models(folder: Path, objects: Sequence[TinyObject]) -> None:
    info = {}
    for thing in objects:
        write_ply(folder / f"obj_{thing.obj_id:06d}.ply", thing.mesh)
        low, size = thing.mesh.vertices.min(0) * 1e3, np.ptp(thing.mesh.vertices, axis=0) * 1e3
        spans = np.linalg.norm(thing.mesh.vertices[:, None] - thing.mesh.vertices[None], axis=-1)
        info[str(thing.obj_id)] = {
            "diameter": float(spans.max() * 1e3),
            **{f"min_{a}": float(x) for a, x in zip("xyz", low, strict=True)},
            **{f"size_{a}": float(x) for a, x in zip("xyz", size, strict=True)},
            **thing.info,
        }
    (folder / "models_info.json").write_text(json.dumps(info))
    names = {str(thing.obj_id): {"name": thing.name} for thing in objects}
    (folder / "names.json").write_text(json.dumps(names))


def write_tiny_bop(
    root: Path,
    *,
    split: str = "train",
    scene_ids: Sequence[int] = (0,),
    n_frames: int = 3,
    frame_ids: Sequence[int] | None = None,
    objects: Sequence[TinyObject] = OBJECTS,
    images: bool = True,
    depth: bool = True,
    masks: bool = True,
    gt_info: bool = True,
    w2c: bool = False,
    image_ext: str = "png",
    depth_ext: str = "png",
    image_kind: str = "rgb",
    sensors: Sequence[str] = ("",),
    models: str | None = "models",
    camera_json: bool = True,
    K_of_frame: Any = None,
    size: tuple[int, int] = SIZE,
) -> Path:
    """Writes the folder and returns `root`.

    Args:
        frame_ids: default 0 … n_frames - 1.
        image_kind: 'rgb' or 'gray', the image folder's name and content.
        sensors: ('',) writes scene_gt.json; ('cam1', 'cam2') writes scene_gt_cam1.json, rgb_cam1/ and so on.
        models: name of the models folder, None for no models.
        K_of_frame: row number of the frame to its K; default the same K for all.
    """
    root.mkdir(parents=True, exist_ok=True)
    if models:
        write_models(root / models, objects)
    if camera_json:
        fields = {"fx": K[0, 0], "fy": K[1, 1], "cx": K[0, 2], "cy": K[1, 2], "depth_scale": 0.1}
        (root / "camera.json").write_text(json.dumps({**fields, "width": size[0], "height": size[1]}))
    ids = list(frame_ids) if frame_ids is not None else list(range(n_frames))
    for scene_id in scene_ids:
        for number, sensor in enumerate(sensors):
            views = cameras(len(ids), scene_id + 3 * number)
            files = _SensorFolder(root / split / f"{scene_id:06d}", f"_{sensor}" if sensor else "")
            files.folder.mkdir(parents=True, exist_ok=True)
            tables: dict[str, dict[str, Any]] = {"scene_gt": {}, "scene_camera": {}, "scene_gt_info": {}}
            for row, (frame_id, T_world_cam) in enumerate(zip(ids, views, strict=True)):
                K_frame = K if K_of_frame is None else K_of_frame(row)
                layers, nearest = render(objects, T_world_cam, K_frame, size)
                tables["scene_gt"][str(frame_id)] = _gt(objects, T_world_cam)
                tables["scene_camera"][str(frame_id)] = _camera(K_frame, T_world_cam, w2c)
                tables["scene_gt_info"][str(frame_id)] = [
                    {"visib_fract": float((nearest == i).sum() / max((layers[i] > 0).sum(), 1))}
                    for i in range(len(objects))
                ]
                if images:
                    files.save(image_kind, frame_id, image_ext, _paint(nearest, len(objects), image_kind))
                if depth:
                    whole = np.where(layers > 0, layers, np.inf).min(0)
                    files.save("depth", frame_id, depth_ext, np.where(np.isfinite(whole), whole, 0) * 1e4)
                for i in range(len(objects)) if masks else ():
                    files.save("mask", f"{frame_id:06d}_{i:06d}", "png", (layers[i] > 0) * np.uint8(255))
                    files.save("mask_visib", f"{frame_id:06d}_{i:06d}", "png", (nearest == i) * np.uint8(255))
            for name, table in tables.items():
                if gt_info or name != "scene_gt_info":
                    (files.folder / f"{name}{files.suffix}.json").write_text(json.dumps(table))
    return root


@dataclass(frozen=True)
class _SensorFolder:
    folder: Path
    suffix: str

    def save(self, kind: str, name: int | str, ext: str, pixels: np.ndarray) -> None:
        folder = self.folder / f"{kind}{self.suffix}"
        folder.mkdir(exist_ok=True)
        stem = name if isinstance(name, str) else f"{name:06d}"
        array = pixels if pixels.dtype == np.uint8 else np.rint(pixels).astype(np.uint16)
        Image.fromarray(array).save(folder / f"{stem}.{ext}")


def _gt(objects: Sequence[TinyObject], T_world_cam: np.ndarray) -> list[dict[str, Any]]:
    rows = []
    for thing in objects:
        T = inverse(T_world_cam) @ thing.T_world_obj
        pose = {"cam_R_m2c": T[:3, :3].ravel().tolist(), "cam_t_m2c": (T[:3, 3] * 1e3).tolist()}
        rows.append({**pose, "obj_id": thing.obj_id})
    return rows


def _camera(K: np.ndarray, T_world_cam: np.ndarray, w2c: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"cam_K": K.ravel().tolist(), "depth_scale": 0.1}
    if w2c:
        T = inverse(T_world_cam)
        row |= {"cam_R_w2c": T[:3, :3].ravel().tolist(), "cam_t_w2c": (T[:3, 3] * 1e3).tolist()}
    return row


def _paint(nearest: np.ndarray, n: int, kind: str) -> np.ndarray:
    """A flat colour an instance; the support light gray, nothing dark gray."""
    hue = np.arange(n)[:, None] * (2 * np.pi / max(n, 1)) + np.array([0, 2.1, 4.2])
    palette = np.concatenate([127 + 100 * np.cos(hue), [[200, 200, 200], [40, 40, 40]]]).astype(np.uint8)
    colours = palette[nearest]
    return colours if kind == "rgb" else colours.mean(-1).astype(np.uint8)
