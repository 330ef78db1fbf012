"""Rearrangement: which objects must move before another can be grasped (paper section 3: object_rearrangement).

An object is asked about when every grasp of the *dense* set collides with a neighbour, or when something rests on it.
The answer points at each object that must move, in order, on its visible surface. Asked only where the smallest
sufficient set is the only one of its size: 'must' has to be true.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson

from bopask.ask import text
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import bbox_text
from bopask.nouns import Rearrangement

ONE = " Answer with one [x, y] pixel coordinate on it, in the {width}x{height} image, as [[x, y]]."
ALL = (
    " Answer with one [x, y] pixel coordinate on each object, in the {width}x{height} image, in the order in which they"
    " have to move."
)
FIRST = tuple(
    body + ONE
    for body in (
        "Which object should you move first to grasp the {a}?",
        "What must be taken away first before the {a} can be picked up?",
        "The {a} cannot be grasped yet. Which object has to go first?",
        "Point to the object that must be removed first to reach the {a}.",
        "To get hold of the {a}, what needs to be moved out of the way first?",
        "Which object is the first obstacle to remove before grasping the {a}?",
        "A robot wants the {a}. What should it clear away first?",
        "Before the {a} can be lifted, one object has to move. Which one comes first?",
        "Show what must be moved first so that a gripper can take the {a}.",
    )
)
EVERY = tuple(
    body + ALL
    for body in (
        "Which objects have to be moved to grasp the {a}?",
        "What must be taken away, and in which order, before the {a} can be picked up?",
        "Point to every object that has to go before the {a} can be grasped.",
        "List all the obstacles to remove before grasping the {a}.",
        "To get hold of the {a}, what needs to be moved out of the way?",
        "A robot wants the {a}. Which objects must it clear away?",
        "Show everything that must be moved so that a gripper can take the {a}.",
        "Which sequence of objects should be removed to free the {a}?",
    )
)


def ask(block: Block) -> Iterator[Asked | Skipped]:
    if block.layout.world is None:
        return
    for plan in block.priors.rearrangements.values():
        movers = list(plan.order)
        askable = block.askable[:, plan.target]
        if plan.alternatives:
            yield Skipped("several_smallest_sets", int(askable.sum()))
            continue
        seen = block.askable[:, movers].all(1)
        yield Skipped("obstacle_not_visible", int((askable & ~seen).sum()))
        frame = np.flatnonzero(askable & seen)
        if first_is_forced(block, plan):
            yield point_at(block, plan, frame, movers[:1], "first", FIRST)
        if len(movers) > 1:
            yield point_at(block, plan, frame, movers, "all", EVERY)


def first_is_forced(block: Block, plan: Rearrangement) -> bool:
    """Whether just one object of the set can go first: it is alone, or alone in carrying no other of the set."""
    bare = [m for m in plan.order if not any(block.priors.stands_on[o, m] for o in plan.order if o != m)]
    return len(plan.order) == 1 or bare == [plan.order[0]]


def point_at(
    block: Block, plan: Rearrangement, frame: np.ndarray, movers: list[int], subtask: str, templates: tuple[str, ...]
) -> Asked:
    instances = np.broadcast_to(np.array([plan.target, *movers]), (len(frame), 1 + len(movers)))
    points = block.view.anchor[frame][:, movers]
    grasps = block.priors.grasps[plan.target]
    claim = {
        "order": [int(block.layout.obj_ids[m]) for m in plan.order],
        "order_slots": list(plan.order),
        "reasons": list(plan.reasons),
        "state": grasps.state,
        "grasps_dense_alone_free": [grasps.n_dense, grasps.n_alone, grasps.n_free],
        "blocker_sets": [list(s) for s in grasps.blocker_sets],
    }
    return Asked(
        subtask=subtask,
        templates=templates,
        frame=frame,
        instances=instances,
        evidence=text.join(orjson.dumps(claim).decode()[:-1] + ', "bbox": ', bbox_text(block, frame, instances), "}"),
        points=points,
        answer=text.points(points),
    )
