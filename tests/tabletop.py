"""Tabletops of known truth for the tests of arrangements and worlds: boxes, cylinders and balls set on z = 0."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image
from scipy.spatial.transform import Rotation

from bopask.geometry.box import Box
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import inverse, rotation_about, se3, transform
from bopask.nouns import Camera, Frame, FrameKey, Model, Symmetry

CAMERA = Camera(np.array([[300.0, 0, 159.5], [0, 300.0, 119.5], [0, 0, 1]]), 320, 240)
NO_SYMMETRY = Symmetry()


def model_of(obj_id: int, shape: trimesh.Trimesh, symmetry: Symmetry = NO_SYMMETRY) -> Model:
    vertices = np.asarray(shape.vertices, float)
    content = hashlib.sha256(vertices.tobytes() + np.asarray(shape.faces).tobytes()).hexdigest()
    centre = (vertices.min(0) + vertices.max(0)) / 2
    box = Box(se3(np.eye(3), centre), np.ptp(vertices, axis=0))
    return Model(obj_id, Mesh(vertices, np.asarray(shape.faces, np.int32)), box, symmetry, content)


def box_model(obj_id: int, size: Sequence[float], symmetry: Symmetry = NO_SYMMETRY) -> Model:
    return model_of(obj_id, trimesh.creation.box(size), symmetry)


def cylinder_model(obj_id: int, radius: float, height: float) -> Model:
    """Symmetric about an axis that does not pass through the mesh's origin."""
    shape = trimesh.creation.cylinder(radius, height, sections=48)
    shape.apply_translation([0.03, -0.02, 0.01])
    return model_of(obj_id, shape, Symmetry(axes=np.array([[0.0, 0, 1]]), offsets=np.array([[0.03, -0.02, 0.0]])))


def ball_model(obj_id: int, radius: float) -> Model:
    axes = Symmetry(axes=np.array([[0.0, 0, 1], [1.0, 0, 0]]), offsets=np.zeros((2, 3)))
    return model_of(obj_id, trimesh.creation.icosphere(3, radius), axes)


def models() -> dict[int, Model]:
    """0, 1, 5: plain boxes. 2: one with a half turn about an axis off its origin. 3: a cylinder. 4: a ball."""
    half_turn = se3(rotation_about(np.array([0, 0, 1.0]), np.pi), np.array([0.04, 0.02, 0]))
    return {
        0: box_model(0, (0.06, 0.09, 0.16)),
        1: box_model(1, (0.12, 0.08, 0.05)),
        2: box_model(2, (0.07, 0.05, 0.10), Symmetry(discrete=half_turn[None])),
        3: cylinder_model(3, 0.035, 0.11),
        4: ball_model(4, 0.03),
        5: box_model(5, (0.05, 0.14, 0.07)),
    }


def random_poses(rng: np.random.Generator, n: int, metres: float = 0.3) -> np.ndarray:
    return se3(Rotation.random(n, random_state=int(rng.integers(2**31))).as_matrix(), rng.normal(0, metres, (n, 3)))


def jitter(rng: np.random.Generator, n: int, metres: float, radians: float) -> np.ndarray:
    """Small motions of the kind that annotation adds."""
    R = Rotation.from_rotvec(rng.normal(0, radians / np.sqrt(3), (n, 3))).as_matrix()
    return se3(R, rng.normal(0, metres / np.sqrt(3), (n, 3)))


def standing(rng: np.random.Generator, ids: Sequence[int], of: Mapping[int, Model], pitch: float = 0.2) -> np.ndarray:
    """T_world_obj of objects on z = 0, on a ragged grid, each turned about the vertical by a random angle."""
    side = int(np.ceil(np.sqrt(len(ids))))
    poses = []
    for k, i in enumerate(ids):
        lowest = of[i].mesh.vertices[:, 2].min()
        at = (np.array([k % side, k // side]) - (side - 1) / 2) * pitch + rng.uniform(-0.02, 0.02, 2)
        turn = rotation_about(np.array([0, 0, 1.0]), rng.uniform(-np.pi, np.pi))
        poses.append(se3(turn, np.array([*at, -lowest])))
    return np.array(poses)


def looking(eye: Sequence[float], at: Sequence[float] = (0, 0, 0)) -> np.ndarray:
    """T_world_cam of a level camera."""
    z = np.subtract(at, eye) / np.linalg.norm(np.subtract(at, eye))
    x = np.cross(z, [0, 0, 1])
    x = x / np.linalg.norm(x) if np.linalg.norm(x) > 1e-6 else np.array([1.0, 0, 0])
    return se3(np.stack([x, np.cross(z, x), z], 1), np.array(eye, float))


def orbit(n: int, start: float = 0.0) -> np.ndarray:
    """T_world_cam of n cameras on an arc about the table."""
    angles = start + np.linspace(0, 1.5, n)
    return np.array([looking((0.8 * np.cos(a), 0.8 * np.sin(a), 0.5)) for a in angles])


def frame_of(k: int, ids: Sequence[int], T_cam_obj: np.ndarray, **kept: object) -> Frame:
    keep = {"key": FrameKey(7, k), "camera": CAMERA, **kept}
    return Frame(obj_ids=np.array(ids, int), T_cam_obj=T_cam_obj, visib_fract=np.ones(len(ids)), **keep)  # type: ignore


def frames_of(ids: Sequence[int], T_world_obj: np.ndarray, T_world_cam: np.ndarray) -> list[Frame]:
    return [frame_of(k, ids, inverse(T) @ T_world_obj) for k, T in enumerate(T_world_cam)]


def depth_of(
    T_world_cam: np.ndarray, ids: Sequence[int], T_world_obj: np.ndarray, of: Mapping[int, Model]
) -> np.ndarray:
    """Depth (m), by ray algebra, of boxes on a table of 1 x 1 m at z = 0; a floor 0.7 m below, a wall behind."""
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    rays_cam = np.stack([u, v, np.ones_like(u)], -1).reshape(-1, 3) @ np.linalg.inv(CAMERA.K).T
    rays, eye = rays_cam @ T_world_cam[:3, :3].T, T_world_cam[:3, 3]
    depth = np.full(len(rays), np.inf)

    def meet(z: np.ndarray, where: np.ndarray) -> None:
        np.minimum(depth, np.where(where & (z > 0), z, np.inf), out=depth)

    with np.errstate(divide="ignore", invalid="ignore"):
        table = -eye[2] / rays[:, 2]
        at = eye[:2] + table[:, None] * rays[:, :2]
        meet(table, (np.abs(at) < 0.5).all(1))
        meet((-0.7 - eye[2]) / rays[:, 2], np.ones(len(rays), bool))
        meet((-0.9 - eye[0]) / rays[:, 0], np.ones(len(rays), bool))
        for i, T_world_obj_i in zip(ids, T_world_obj, strict=True):
            box = of[i].box
            T_box_world = inverse(T_world_obj_i @ box.T_ref_box)
            start, step = transform(T_box_world, eye[None])[0], rays @ T_box_world[:3, :3].T
            near, far = (-box.size / 2 - start) / step, (box.size / 2 - start) / step
            enter, leave = np.minimum(near, far).max(1), np.maximum(near, far).min(1)
            meet(enter, enter < leave)
    return np.where(np.isfinite(depth), depth, 0).reshape(v.shape)


def photographed(
    folder: Path,
    rng: np.random.Generator,
    ids: Sequence[int],
    T_world_obj: np.ndarray,
    T_world_cam: np.ndarray,
    of: Mapping[int, Model],
    noise: float = 0.002,
    holes: float = 0.15,
) -> list[Frame]:
    """Frames with depth (noisy, with holes) and colour files, and the true w2c."""
    frames = []
    for k, T in enumerate(T_world_cam):
        depth = depth_of(T, ids, T_world_obj, of)
        depth += rng.normal(0, noise, depth.shape) * depth**2
        depth[rng.random(depth.shape) < holes] = 0
        depth_path, rgb_path = folder / f"depth_{k}.png", folder / f"rgb_{k}.png"
        Image.fromarray(np.rint(depth * 1e4).clip(0, 65535).astype(np.uint16)).save(depth_path)
        gray = (depth * 60).clip(0, 255).astype(np.uint8)
        Image.fromarray(np.stack([gray] * 3, -1)).save(rgb_path)
        paths = {"depth_path": depth_path, "rgb_path": rgb_path, "depth_scale": 1e-4, "T_cam_w2c": inverse(T)}
        frames.append(frame_of(k, ids, inverse(T) @ T_world_obj, **paths))
    return frames
