"""Scenes with exact truth for tests: boxes on a table seen by cameras around it, as nouns, without files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bopask.ask.block import AskConfig, Block
from bopask.ask.referring.form import Form
from bopask.geometry import camera, se3
from bopask.geometry.box import SIGNS, Box
from bopask.geometry.mesh import Mesh
from bopask.nouns import (
    Arrangement,
    Camera,
    Frame,
    FrameKey,
    InstanceGrasps,
    Layout,
    Model,
    Priors,
    Rearrangement,
    Symmetry,
    Trajectory,
    View,
    World,
)

K = np.array([[600.0, 0, 319.5], [0, 600.0, 239.5], [0, 0, 1]])
QUADS = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


def box_mesh(size) -> Mesh:
    """A closed box, triangles counter-clockwise from outside."""
    faces = [t for a, b, c, d in QUADS for t in ((a, b, c), (a, c, d))]
    return Mesh(SIGNS * np.asarray(size, float) / 2, np.array(faces, np.int32))


def box_model(obj_id: int, size, symmetry: Symmetry | None = None) -> Model:
    size = np.asarray(size, float)
    return Model(obj_id, box_mesh(size), Box(np.eye(4), size), symmetry or Symmetry(), f"box-{size.tolist()}")


def look_at(eye, target=(0.0, 0.0, 0.05)) -> np.ndarray:
    """T_world_cam of a camera at `eye` (m) that looks at `target`, upright."""
    eye, target = np.asarray(eye, float), np.asarray(target, float)
    z = (target - eye) / np.linalg.norm(target - eye)
    x = np.cross(z, [0, 0, 1.0])
    x = x / np.linalg.norm(x) if np.linalg.norm(x) > 1e-9 else np.array([1.0, 0, 0])
    return se3.se3(np.stack([x, np.cross(z, x), z], 1), eye)


def ring(n: int, radius: float = 0.7, height: float = 0.5) -> list[np.ndarray]:
    """T_world_cam of n cameras around the table."""
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False) + 0.3
    return [look_at((radius * np.cos(a), radius * np.sin(a), height)) for a in angles]


def layout_of(models, obj_ids, T_world_obj, T_world_cams) -> Layout:
    T_world_obj, T_world_cams = np.asarray(T_world_obj), np.asarray(T_world_cams)
    ids = np.asarray(obj_ids)
    frames = tuple(
        Frame(FrameKey(0, f), Camera(K, 640, 480), ids, se3.inverse(T) @ T_world_obj, np.full(len(ids), np.nan))
        for f, T in enumerate(T_world_cams)
    )
    T_ref = se3.inverse(T_world_cams[0])
    slots = np.tile(np.arange(len(ids)), (len(frames), 1))
    arrangement = Arrangement("000000-0", frames, slots, ids, T_ref @ T_world_obj, T_ref @ T_world_cams)
    return Layout(arrangement, World(T_world_cams[0], "truth", 1.0))


def priors_of(layout: Layout, paths=(), plans=(), rests_on=None) -> Priors:
    """Priors with one upright free grasp an object; what a plan is for is blocked by all that the plan moves."""
    n = len(layout.obj_ids)
    down = se3.se3(np.diag([1.0, -1.0, -1.0]), np.array([0, 0, 0.12]))
    grasps = []
    for T in layout.T_world_obj:
        T_obj_grasp = se3.se3(T[:3, :3].T, np.zeros(3)) @ down
        one = T_obj_grasp[None], np.full(1, 0.04)
        grasps.append(InstanceGrasps("free", *one, np.zeros(1), 10, 5, 2, (), *one))
    for plan in plans:
        g = grasps[plan.target]
        grasps[plan.target] = replace(
            g, state="blocked", T_obj_grasp=g.T_obj_grasp[:0], width=g.width[:0], quality=g.quality[:0], n_free=0,
            blocker_sets=(tuple(sorted(plan.order)),),
        )  # fmt: skip
    standing = np.zeros((n, n), bool) if rests_on is None else np.asarray(rests_on)
    leaning = np.zeros((n, n), bool)
    return Priors(
        layout.key,
        tuple(grasps),
        standing,
        leaning,
        {(p.source, p.target): p for p in paths},
        {r.target: r for r in plans},
    )


def view_of(layout: Layout, models) -> View:
    """All visible; bboxes of the true corners, anchors at the projected centres."""
    corners = np.stack([models[int(o)].box.corners() for o in layout.obj_ids])
    boxes, anchors = [], []
    for frame, slots in zip(layout.arrangement.frames, layout.arrangement.slots, strict=True):
        T_cam_obj = frame.T_cam_obj[slots]
        pixels = camera.project(frame.camera.K, se3.transform(T_cam_obj, corners))
        boxes.append(np.concatenate([pixels.min(1), pixels.max(1)], -1))
        anchors.append(camera.project(frame.camera.K, T_cam_obj[:, :3, 3]))
    shape = (len(boxes), len(layout.obj_ids))
    return View(np.ones(shape), np.array(boxes), np.array(anchors))


def block_of(layout: Layout, models, priors: Priors | None = None, config: AskConfig | None = None) -> Block:
    n = len(layout.obj_ids)
    frames = np.arange(len(layout.arrangement.frames))
    phrase = np.tile(np.arange(n), (len(frames), 1))
    names = tuple(Form(f"thing {chr(97 + i)}") for i in range(n))
    view = view_of(layout, models)
    return Block(layout, priors or priors_of(layout), frames, models, view, names, phrase, config or AskConfig())


def table_scene(seed: int = 0, n: int = 5, cameras: int = 6):
    """n boxes apart from one another on a table, some rotated; models, layout."""
    rng = np.random.default_rng(seed)
    models = {i: box_model(i, rng.uniform(0.03, 0.09, 3)) for i in range(n)}
    spots = [(x, y) for x in (-0.2, 0.0, 0.2) for y in (-0.2, 0.0, 0.2)]
    chosen = rng.permutation(len(spots))[:n]
    poses = []
    for i, spot in enumerate(chosen):
        R = se3.rotation_about(np.array([0, 0, 1.0]), rng.uniform(0, 2 * np.pi))
        poses.append(se3.se3(R, np.array([*spots[spot], models[i].box.size[2] / 2])))
    return models, layout_of(models, np.arange(n), poses, ring(cameras))


def lifted(layout: Layout, models, source: int, target: int) -> Trajectory:
    """A path straight up, over and down, whatever stands there: for questions, not for truth."""
    T = layout.T_world_obj
    a = T[source, :3, 3] - [0, 0, models[int(layout.obj_ids[source])].box.size[2] / 2]
    b = T[target, :3, 3] + [0, 0, models[int(layout.obj_ids[target])].box.size[2] / 2 + 0.01]
    points = np.array([a, [*a[:2], 0.14], [*b[:2], 0.14], b])
    return Trajectory(source, target, points, 0.01, float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()))


def blocked(target: int, *order: int) -> Rearrangement:
    return Rearrangement(target, order, ("blocks_grasp",) * len(order))
