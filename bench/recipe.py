"""BOP-Ask's recipe as its paper tells it (arXiv 2511.16857, section 3), written plainly: every image by itself.

For each image: grasps of each visible object, sampled afresh and tried against its neighbours; a fresh RRT for each
ordered pair of visible objects; Python loops over objects and pairs; a dict a question, a line of JSON a dict.

What the paper leaves open is chosen in the recipe's favour, so that what is measured is its shape and not our taste:
meshes are read and their collision trees built once, not once an image; the world frame (the paper asks a model for
points and fits a plane), visibility and names are given; an antipodal sampler stands for M2T2, a network on a GPU;
RRT-Connect, the quickest of the family, for RRT; one wording a question, and no model rewrites it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, TextIO

import fcl
import numpy as np
import raw

from bopask.arrays import Array
from bopask.geometry.curve import densify, simplify
from bopask.geometry.mesh import face_normals
from bopask.geometry.rays import RayScene
from bopask.nouns import Camera, Model
from bopask.priors.grasps.gripper import load_gripper

VISIBLE = 0.3
"""An object is asked about when this share of it is visible."""
MARGIN = 0.02
"""Metres by which a relation between two centres has to hold."""
SAMPLES, ROLLS, TOP = 100, 8, 5
"""Contacts tried an object, turns of the hand about the closing axis, grasps kept."""
FRICTION = np.cos(np.arctan(0.5))
LIFT, HOVER, ROOM = 0.01, 0.02, 0.3
"""A carry starts this far (m) over where the object stands and this far over the other; room around both."""
SECONDS = 1.0
"""OMPL's own default budget of a plan."""
OPPOSITE = {"left": "right", "front": "behind", "above": "below", "closer": "farther"}


@dataclass(frozen=True)
class Shape:
    """What is made once an object: its mesh, collision tree and rays."""

    model: Model
    tree: Any
    rays: RayScene
    normals: Array
    areas: Array

    @classmethod
    def of(cls, model: Model) -> Shape:
        normals, areas = face_normals(model.mesh)
        return cls(model, raw.tree(model.mesh.vertices, model.mesh.faces), RayScene([model.mesh]), normals, areas)


@dataclass(frozen=True)
class Thing:
    """An object of an image."""

    index: int
    """Its place among the image's objects."""
    name: str
    shape: Shape
    T_cam_obj: Array
    T_world_obj: Array
    body: Any = field(init=False)
    world: Array = field(init=False)
    """Vertices, world frame (m)."""
    corners: Array = field(init=False)
    """Of its cuboid, camera frame (m)."""

    def __post_init__(self) -> None:
        model, R, t = self.shape.model, self.T_world_obj[:3, :3], self.T_world_obj[:3, 3]
        corners = self.T_cam_obj[:3, :3] @ model.box.corners().T + self.T_cam_obj[:3, 3:]
        object.__setattr__(self, "body", raw.placed(self.shape.tree, self.T_world_obj))
        object.__setattr__(self, "world", model.mesh.vertices @ R.T + t)
        object.__setattr__(self, "corners", corners.T)


@dataclass(frozen=True)
class Image:
    """What the recipe is given of an image."""

    path: str
    camera: Camera
    T_world_cam: Array
    things: tuple[Thing, ...]
    visible: tuple[Thing, ...]

    @classmethod
    def of(
        cls, path: str, camera: Camera, obj_ids: Array, T_cam_obj: Array, T_world_cam: Array, visib: Array,
        shapes: Mapping[int, Shape], names: Mapping[int, str],
    ) -> Image:  # fmt: skip
        called = phrases(camera, obj_ids, T_cam_obj, names)
        things = tuple(
            Thing(k, called[k], shapes[int(o)], T, T_world_cam @ T)
            for k, (o, T) in enumerate(zip(obj_ids, T_cam_obj, strict=True))
        )
        return cls(path, camera, T_world_cam, things, tuple(t for t in things if t.name and visib[t.index] >= VISIBLE))

    def pixels(self, points: Array, T_cam: Array | None = None) -> list[list[float]]:
        """Pixels of points (n, 3) in the camera frame, or in one whose pose T_cam is given."""
        if T_cam is not None:
            points = points @ T_cam[:3, :3].T + T_cam[:3, 3]
        uvw = points @ self.camera.K.T
        return [[round(u / w, 1), round(v / w, 1)] for u, v, w in uvw.tolist()]

    def shows(self, pixels: Sequence[Sequence[float]]) -> bool:
        return all(0 <= u < self.camera.width and 0 <= v < self.camera.height for u, v in pixels)


def phrases(camera: Camera, obj_ids: Array, T_cam_obj: Array, names: Mapping[int, str]) -> list[str]:
    """What each object is called: its name; of several alike the outer two by their side, others nothing."""
    called = [names.get(int(o), "") for o in obj_ids]
    u = (T_cam_obj[:, :3, 3] @ camera.K.T)[:, 0] / T_cam_obj[:, 2, 3]
    for name in {name for name in called if called.count(name) > 1}:
        alike = sorted((k for k, other in enumerate(called) if other == name), key=lambda k: u[k])
        for k in alike:
            called[k] = ""
        called[alike[0]], called[alike[-1]] = f"leftmost {name}", f"rightmost {name}"
    return called


def ask(image: Image, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """All questions about an image, one dict each."""
    for a in image.visible:
        yield from ask_pose(image, a)
        yield from ask_grasp(image, a, rng)
    for a, b in permutations(image.visible, 2):
        yield from ask_relations(image, a, b)
        yield from ask_trajectory(image, a, b)


def write(rows: Iterator[dict[str, Any]], file: TextIO) -> int:
    """A line of JSON a question; returns how many."""
    n = 0
    for row in rows:
        file.write(json.dumps(row) + "\n")
        n += 1
    return n


def row(image: Image, task: str, subtask: str, things: Sequence[Thing], question: str, answer: Any) -> dict[str, Any]:
    """A question as the released files hold it."""
    return {
        "question_type": task,
        "question_subtype": subtask,
        "images": [image.path],
        "objects": [thing.index for thing in things],
        "messages": [
            {"role": "user", "content": "<image>" + question},
            {"role": "assistant", "content": answer if isinstance(answer, str) else json.dumps(answer)},
        ],
    }


def ask_pose(image: Image, a: Thing) -> Iterator[dict[str, Any]]:
    corners = image.pixels(a.corners)
    if image.shows(corners):
        yield row(image, "pose", "2dbbox", [a], f"What are the eight cuboid corners of the {a.name}?", corners)


def ask_grasp(image: Image, a: Thing, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """The best grasps that meet no neighbour; or, where all meet one, what stands in the way of the freest."""
    free, blocked = grasps(image, a, rng)
    question = f"What are the five points that outline the grasp plane for the {a.name}?"
    for _, T in sorted(free, key=lambda g: -g[0])[:TOP]:
        points = image.pixels(load_gripper().label_points(), a.T_cam_obj @ T)
        if image.shows(points):
            yield row(image, "grasp", "2dplane", [a], question, points)
    if blocked and not free:
        first = min(blocked, key=len)
        points = [image.pixels(t.corners.mean(0)[None])[0] for t in image.things if t.index in first]
        question = f"The {a.name} is cluttered. What must be moved before it can be grasped?"
        yield row(image, "object_rearrangement", "point_wise", [a], question, points)


def grasps(image: Image, a: Thing, rng: np.random.Generator) -> tuple[list[tuple[float, Array]], list[frozenset[int]]]:
    """Fresh antipodal grasps (score, T_obj_grasp) that meet nothing, and for each other one whom it meets."""
    gripper, free, blocked = load_gripper(), list[tuple[float, Array]](), list[frozenset[int]]()
    others = [t for t in image.things if t is not a]
    scene = raw.together([t.body for t in others])
    for score, width, T in antipodal(a.shape, gripper.stroke - 0.01, gripper.contact_depth, rng):
        T_world = a.T_world_obj @ T
        hand = [hand_box(T_world, low, high) for low, high in gripper.boxes(width + 0.01)]
        if T_world[2, 3] < 0 or any(raw.meet(box, a.body) for box in hand):
            continue
        if not any(raw.collides(scene, box) for box in hand):
            free.append((score, T))
        elif not free:  # then an object is graspable, and nobody asks what is in the way
            blocked.append(frozenset(t.index for t in others if any(raw.meet(box, t.body) for box in hand)))
    return free, blocked


def hand_box(T: Array, low: Array, high: Array) -> Any:
    """A box of the gripper, given by two corners in a frame at T, as an FCL body."""
    place = T.copy()
    place[:3, 3] += T[:3, :3] @ ((low + high) / 2)
    return raw.placed(fcl.Box(*(high - low)), place)


def antipodal(
    shape: Shape, widest: float, depth: float, rng: np.random.Generator
) -> Iterator[tuple[float, float, Array]]:
    """Score, width (m) and T_obj_grasp of hands that close on two facing places of a mesh."""
    faces = rng.choice(len(shape.areas), SAMPLES, p=shape.areas / shape.areas.sum())
    weights = rng.dirichlet(np.ones(3), SAMPLES)
    points = (shape.model.mesh.triangles[faces] * weights[..., None]).sum(1)
    inward = -shape.normals[faces]
    face, _ = shape.rays.first_face(points + 1e-4 * inward, inward)
    _, width = shape.rays.first_hit(points + 1e-4 * inward, inward)
    facing = (shape.normals[face] * inward).sum(-1)
    for p, x, w, f in zip(points, inward, width, facing, strict=True):
        if w < widest and f >= FRICTION:
            y = np.cross(x, np.eye(3)[np.argmin(np.abs(x))])
            y /= np.linalg.norm(y)
            for angle in 2 * np.pi * np.arange(ROLLS) / ROLLS:
                z = np.cos(angle) * np.cross(x, y) + np.sin(angle) * y  # the approach
                T = np.eye(4)
                T[:3, :3] = np.stack([x, np.cross(z, x), z], 1)
                T[:3, 3] = p + x * w / 2 - depth * z
                yield float(f), float(w), T


def ask_relations(image: Image, a: Thing, b: Thing) -> Iterator[dict[str, Any]]:
    """Each relation that holds of a and b by its centres: asked of (a, b), yes, and of (b, a), no; and its opposite."""
    for relation in relations(image, a, b):
        task = "depth_relative" if relation in ("closer", "farther") else "spatial_reasoning"
        for said, (first, second) in ((relation, (a, b)), (OPPOSITE[relation], (b, a))):
            question = f"Is the {{}} {said} {'to' if said == 'closer' else 'of'} the {{}}?"
            yield row(image, task, said, [first, second], question.format(first.name, second.name), "Yes")
            yield row(image, task, said, [second, first], question.format(second.name, first.name), "No")


def relations(image: Image, a: Thing, b: Thing) -> Iterator[str]:
    """left, front, above and closer, where a is that of b."""
    apart = b.corners.mean(0) - a.corners.mean(0)
    if apart[0] > MARGIN:
        yield "left"
    ahead = image.T_world_cam[:2, 2] - image.T_world_cam[:2, 1]  # the viewing direction laid flat
    if (ahead / np.linalg.norm(ahead)) @ (image.T_world_cam[:3, :3] @ apart)[:2] > MARGIN:
        yield "front"
    over = (a.world.min(0)[:2] < b.world.max(0)[:2]).all() and (b.world.min(0)[:2] < a.world.max(0)[:2]).all()
    if over and a.world[:, 2].min() > b.world[:, 2].max() - 0.01:
        yield "above"
    if np.linalg.norm(b.corners.mean(0)) - np.linalg.norm(a.corners.mean(0)) > MARGIN:
        yield "closer"


def ask_trajectory(image: Image, a: Thing, b: Thing) -> Iterator[dict[str, Any]]:
    path = carry(a, b, [t for t in image.things if t is not a])
    if path is None:
        return
    foot = a.world.mean(0) * [1, 1, 0] + [0, 0, a.world[:, 2].min()]
    points = image.pixels(path + foot, np.linalg.inv(image.T_world_cam))
    if image.shows(points):
        yield row(image, "trajectory", "2d", [a, b], f"What is the path from the {a.name} to the {b.name}?", points)


def carry(a: Thing, b: Thing, others: Sequence[Thing]) -> Array | None:
    """Offsets (m) of a, lifted, carried by RRT and held over b; None where there is no way or its corners, cut by
    Ramer-Douglas-Peucker, meet something."""
    free, start, goal = problem(a, b, others)
    path = raw.plan(free, start, goal, ROOM, SECONDS)
    if path is not None:
        path = simplify(path, 0.005)
        path = np.concatenate([np.zeros((1, 3)), path]) if all(map(free, densify(path, 0.005))) else None
    a.body.setTranslation(a.T_world_obj[:3, 3])
    return path


def problem(a: Thing, b: Thing, others: Sequence[Thing]) -> tuple[Callable[[Any], bool], Array, Array]:
    """Whether a is free at an offset (m) from where it stands, and from which to which it is carried to be over b."""
    scene, stands, ground = raw.together([t.body for t in others]), a.T_world_obj[:3, 3], -a.world[:, 2].min()
    over = (b.world.min(0) + b.world.max(0) - a.world.min(0) - a.world.max(0)) / 2
    goal = np.array([over[0], over[1], b.world[:, 2].max() + HOVER + ground])

    def free(offset: Any) -> bool:
        a.body.setTranslation(stands + [offset[0], offset[1], offset[2]])
        return bool(offset[2] > ground) and not raw.collides(scene, a.body)

    return free, np.array([0, 0, LIFT]), goal
