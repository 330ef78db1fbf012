"""Trajectory: waypoints that carry one object over another without hitting anything.

The points are those of the object's base point, its underside below the centre of its box: they start at its foot and
end just above the other's top. The whole object moves with it, unrotated (paper section 3: trajectory, pick and place).
The shortest way is the answer; ways that truly differ stand beside it in the evidence, and are right as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from jaxtyping import Int

from bopask.arrays import Array
from bopask.ask import text
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import bbox_text, pairs
from bopask.geometry import se3
from bopask.nouns import Detour, Trajectory

FORMAT = (
    " Answer with the ordered waypoints of the base of the {a} as [x, y] pixel coordinates in the {width}x{height}"
    " image, from where it stands to just above the {b}."
)
TEMPLATES = tuple(
    body + FORMAT
    for body in (
        "What is the path from the {a} to the {b}?",
        "How can the {a} be carried over to the {b} without hitting anything?",
        "Which waypoints move the {a} to the {b} around all obstacles?",
        "By which way does the {a} get above the {b} without a collision?",
        "Where should the {a} pass on its way to the {b}?",
        "Starting at the {a}, which points lead it safely to the {b}?",
        "Plan a collision-free motion that brings the {a} above the {b}.",
        "Draw the trajectory that carries the {a} to the {b}.",
        "Give a safe path for moving the {a} onto the {b}.",
        "Trace how the {a} can be taken to the {b} past everything that stands in between.",
        "Find a short way for the {a} that ends just above the {b} and touches nothing.",
        "Carry the {a} to the {b} without touching the rest of the scene.",
        "Pick up the {a} and hold it over the {b}. Which way should it go?",
        "Move the {a} over the {b} while avoiding everything else. Where does it pass?",
        "A robot lifts the {a} and takes it to the {b}. Trace its trajectory.",
        "A robot arm holds the {a} and has to release it above the {b}. Along which points does it move?",
        "You control a robot that is to put the {a} on top of the {b}. Plan the motion.",
        "You are asked to bring the {a} to the {b}. Which waypoints do you take?",
        "If the {a} is to end just above the {b}, along which points should it be moved?",
        "If you lifted the {a} and carried it to the {b}, how would you steer clear of the other objects?",
        "To set the {a} down on the {b}, which way through free space should be taken?",
        "When the {a} is carried to the {b}, through which points can it go without a collision?",
        "Suppose that the {a} belongs on the {b}. How does it get there without bumping into anything?",
        "Someone wants the {a} held over the {b}. Show the way there.",
    )
)

JUST_ABOVE = 0.06
"""A path that has to end higher over its target than this (m) is not said to end just above it."""


def ask(block: Block) -> Iterator[Asked | Skipped]:
    if block.layout.world is None:
        return
    there = block.priors.stands_on
    yield Skipped("already_there", int((pairs(block) & there).sum()))
    may_ask = pairs(block) & ~there
    planned = np.zeros((block.n, block.n), bool)
    far = np.zeros((block.n, block.n), bool)
    for path in block.priors.paths.values():
        planned[path.source, path.target] = True
        far[path.source, path.target] = height_over_target(block, path) > JUST_ABOVE
    yield Skipped("no_trajectory", int((may_ask & ~planned).sum()))
    yield Skipped("held_far_above", int((may_ask & far).sum()))
    trajectories = [path for ends, path in block.priors.paths.items() if not far[ends] and not there[ends]]
    for n_points in sorted({len(path.points) for path in trajectories}):
        yield from ask_of_length(block, [p for p in trajectories if len(p.points) == n_points])


def height_over_target(block: Block, path: Trajectory) -> float:
    """Metres between the end of the path and the top of the target: large where something stands on it."""
    T_world_obj = block.layout.T_world_obj[path.target]
    vertices = block.models[int(block.layout.obj_ids[path.target])].mesh.vertices
    return float(path.points[-1, 2] - T_world_obj[2, 3] - (vertices @ T_world_obj[2, :3]).max())


def ask_of_length(block: Block, paths: list[Trajectory]) -> Iterator[Asked | Skipped]:
    """Questions of all paths with the same number of waypoints."""
    ends = np.array([[path.source, path.target] for path in paths])
    points_world = np.stack([path.points for path in paths])
    pixels = block.pixels(se3.transform(block.T_cam_world[:, None], points_world[None]))
    may_ask = pairs(block)[:, ends[:, 0], ends[:, 1]]
    on_image = block.inside(pixels)
    yield Skipped("answer_outside_image", int((may_ask & ~on_image).sum()))
    frame, k = np.nonzero(may_ask & on_image)
    instances = ends[k]
    orders, order = block.orders
    claims = [evidence(block, path, rows) for rows in orders for path in paths]

    def proof(facts: Int[Array, "r"]) -> text.Text:
        of, boxes = order[frame[facts]] * len(paths) + k[facts], bbox_text(block, frame[facts], instances[facts])
        return text.join(text.take(claims, of), ', "bbox": ', boxes)

    yield Asked("carry", TEMPLATES, frame, instances, proof, pixels[frame, k])


def evidence(block: Block, path: Trajectory, rows: Int[Array, "N"]) -> str:
    """What proves the path, once a layout and order of scene_gt (object n is row rows[n]): an open JSON object to
    which each row adds its boxes."""
    contacts = ((dict(contact), contact["with"]) for contact in path.contacts)
    claim = {
        "T_world_source": np.round(block.layout.T_world_obj[path.source], 6).tolist(),
        **walk(path),
        "start_contacts": [c | {"with": body if body == "support" else int(rows[body])} for c, body in contacts],
        "alternatives": [walk(other) for other in path.alternatives],
    }
    return orjson.dumps(claim, option=orjson.OPT_SERIALIZE_NUMPY).decode()[:-1]


def walk(path: Trajectory | Detour) -> dict[str, Any]:
    """A way as evidence: metres, world frame, to the micrometre."""
    return {
        "waypoints_m": np.round(path.points, 6).tolist(),
        "clearance_m": round(path.clearance, 6),
        "length_m": round(path.length, 6),
        "way": path.way,
    }
