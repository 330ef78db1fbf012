"""Left and right as seen from an object: 'if you stood at a and faced b, would c be on your left?' (yes/no).

One stands at the middle of a. Said only where it does not matter which part of b is faced and which part of c is meant:
every corner of their boxes gives the same side in plan. The same from every camera, so it is told once a layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import anchored, ask_anchored
from bopask.geometry import se3

TEMPLATES = (
    "If you stood at the {{a}} and faced the {{b}}, would the {{c}} be on your {side}?",
    "Imagine standing where the {{a}} is, looking towards the {{b}}. Is the {{c}} on your {side}?",
    "From the position of the {{a}}, facing the {{b}}, is the {{c}} on the {side}-hand side?",
    "Someone stands at the {{a}} and turns to face the {{b}}. Is the {{c}} to their {side}?",
    "Suppose that you are at the {{a}} and look at the {{b}}. Is it true that the {{c}} is to your {side}?",
    "Take the place of the {{a}} and face the {{b}}. Would you find the {{c}} on your {side}?",
    "At the {{a}}, looking straight at the {{b}}, would you have the {{c}} to your {side}?",
    "A robot at the {{a}} faces the {{b}}. Is the {{c}} on the robot's {side}?",
    "Forget the camera for a moment. Seen from the {{a}} while facing the {{b}}, is the {{c}} to the {side}?",
    "You are standing at the {{a}} with the {{b}} straight ahead. Is the {{c}} to your {side}?",
    "When one stands at the {{a}} and faces the {{b}}, is the {{c}} found on the {side}?",
    "Put yourself at the {{a}} and look towards the {{b}}. Do you have the {{c}} on your {side}?",
    "An ant sits at the {{a}} and looks at the {{b}}. Does it see the {{c}} on its {side}?",
    "A small robot is parked at the {{a}} and points towards the {{b}}. Does it have the {{c}} on its {side}?",
    "If a robot drove from the {{a}} straight towards the {{b}}, would it start with the {{c}} on its {side}?",
    "Were you to look from the {{a}} to the {{b}}, would the {{c}} be on the {side} of your line of sight?",
    "Draw an arrow from the {{a}} to the {{b}} on the table. For one who looks along it, is the {{c}} to the {side}?",
    "Let a person at the {{a}} look directly at the {{b}}. Can the {{c}} be found on that person's {side}?",
    "Standing at the {{a}}, your eyes on the {{b}}, do you have the {{c}} to your {side}?",
    "Change the point of view: you are where the {{a}} is and face the {{b}}. Is the {{c}} on your {side}?",
    "An observer stands at the {{a}} and faces the {{b}}. Is the {{c}} on the observer's {side}?",
    "Setting out from the {{a}} towards the {{b}}, would one have the {{c}} on the {side}-hand side?",
    "For one who stands at the {{a}} and faces the {{b}}, is the {{c}} to the {side}?",
)
NARROWEST, WIDEST = np.radians(20), np.radians(110)
"""The angle at a between b and c (rad): less is ahead rather than beside, more is behind."""


class Turn(NamedTuple):
    """Standing at a and facing b, c is on the left: instances (a, b, c), by `margin` metres."""

    instances: tuple[int, int, int]
    margin: float


def ask(block: Block) -> Iterator[Asked | Skipped]:
    turns = block.once("turns", lambda: turns_of(block))
    facts = np.array([turn.instances for turn in turns], np.int64).reshape(-1, 3)
    margin = np.array([turn.margin for turn in turns])
    words = {f"facing_{side}": tuple(one.format(side=side) for one in TEMPLATES) for side in ("left", "right")}
    yield from ask_anchored(block, facts, margin, words)


def turns_of(block: Block) -> list[Turn]:
    """What can be asked about the layout, from each place where one can stand.

    c left of b as seen from a is also a left of c as seen from b, and b left of a as seen from c.
    """
    corners = np.stack([block.models[int(o)].box.corners() for o in block.layout.obj_ids])
    plan = se3.transform(block.layout.T_world_obj, corners)[..., :2]
    margins = np.stack([side_margins(plan, a) for a in range(block.n)]) if block.n else np.zeros((0, 0, 0))
    around = anchored(block.n)
    margin = np.round(margins[tuple(around.T)], 6)
    sure = margin >= block.config.margin
    return [Turn((a, b, c), m) for (a, b, c), m in zip(around[sure].tolist(), margin[sure].tolist(), strict=True)]


def side_margins(plan: Float[Array, "N p 2"], a: int) -> Float[Array, "N N"]:
    """Margin (m) by which c is on the left of one who stands at a and faces b, at [b, c]; -inf where not beside.

    The smaller of the distance of c from the line a-b and that of b from the line a-c, over all corners. Twice the
    area of the triangle (a, q, r) is linear in q and in r: if it is positive at the boxes' corners, it is positive at
    every point inside them.
    """
    N, p = plan.shape[:2]
    away = plan - plan[a].mean(0)
    q, r = away.reshape(-1, 1, 2), away.reshape(1, -1, 2)
    area = q[..., 0] * r[..., 1] - q[..., 1] * r[..., 0]
    far = np.linalg.norm(away, axis=-1).ravel()
    margin = (area / np.maximum(np.maximum.outer(far, far), 1e-9)).reshape(N, p, N, p).min((1, 3))
    toward = away.mean(1)
    bearing = np.arctan2(toward[:, 1], toward[:, 0])
    angle = (bearing[None] - bearing[:, None]) % (2 * np.pi)  # anticlockwise from b to c
    clear = (away @ toward[:, :, None]).min((1, 2)) > (away[a] @ toward.T).max(0)  # begins where a ends
    beside = (angle >= NARROWEST) & (angle <= WIDEST) & clear[:, None] & clear
    return np.where(beside, margin, -np.inf)
