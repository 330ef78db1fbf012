"""Rearrangement: which objects must move before another can be grasped (paper section 3: object_rearrangement).

An object is asked about when every grasp of the *dense* set collides with a neighbour, or when something rests on it.
The answer points at each object of a smallest sufficient set, on its visible surface. 'Must' is said only of objects
without which the target is never reached; where there is a choice the wording offers it, and every choice is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson
from jaxtyping import Int

from bopask.arrays import Array
from bopask.ask import text
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import bbox_text
from bopask.nouns import Rearrangement
from bopask.priors.blocking import movable, needs, reachable_sparing, reasons, witness
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.in_scene import InScene

ONE = " Answer with one [x, y] pixel coordinate on it, in the {width}x{height} image, as [[x, y]]."
EACH = (
    " Answer with one [x, y] pixel coordinate on each object, in the {width}x{height} image, in an order in which they"
    " can be taken away one after another."
)
FIRST = tuple(
    body + ONE
    for body in (
        "Which object should you move first to grasp the {a}?",
        "What must be taken away first before the {a} can be picked up?",
        "To get hold of the {a}, what needs to be moved out of the way first?",
        "Which object is the first obstacle to remove before grasping the {a}?",
        "What has to go first so that a gripper can reach the {a}?",
        "Which object must be lifted off or pushed aside first if the {a} is wanted?",
        "With what must one begin in order to free the {a}?",
        "Point to the object that must be removed first to reach the {a}.",
        "Show what must be moved first so that a gripper can take the {a}.",
        "Name the object that has to be cleared first on the way to the {a}.",
        "Find what must be put aside first before a gripper fits around the {a}.",
        "Mark the object with which clearing the way to the {a} has to begin.",
        "The {a} cannot be grasped yet. Which object has to go first?",
        "The {a} is out of reach for a gripper. What must be removed first?",
        "Before the {a} can be lifted, one object has to move. Which one comes first?",
        "A robot wants the {a}. What should it clear away first?",
        "A robot arm is sent for the {a} and finds the way blocked. Which object must it move first?",
        "You are to fetch the {a} with a gripper. What do you have to take away first?",
        "If a gripper is to pick up the {a}, which object has to be moved first?",
        "If you wanted the {a}, with which object would you have to start clearing?",
        "As long as everything stays in place, the {a} cannot be gripped. What has to leave first?",
        "Suppose that the {a} is needed. Which object must make room first?",
        "In order to free the {a}, objects are taken away one at a time. Which one must be the first?",
    )
)
ALL = tuple(
    body + EACH
    for body in (
        "Which objects have to be moved to grasp the {a}?",
        "What must be taken away, and in which order, before the {a} can be picked up?",
        "To get hold of the {a}, what needs to be moved out of the way?",
        "Which sequence of objects should be removed to free the {a}?",
        "What stands between a gripper and the {a} and must be removed?",
        "Which objects have to leave, one after another, until the {a} can be gripped?",
        "What needs to be cleared, and in what order, so that the {a} becomes graspable?",
        "Point to every object that has to go before the {a} can be grasped.",
        "List all the obstacles to remove before grasping the {a}.",
        "Show everything that must be moved so that a gripper can take the {a}.",
        "Name, in order, all objects that must be put aside to reach the {a}.",
        "Mark each object that has to be taken away before the {a} can be lifted.",
        "Plan which objects must be removed so that the {a} can be grasped.",
        "A robot wants the {a}. Which objects must it clear away?",
        "A robot arm is sent for the {a}. What does it have to move before it can grip it?",
        "You are to fetch the {a} with a gripper. Which objects do you have to take away before?",
        "The {a} cannot be grasped yet. Which objects have to go?",
        "The {a} is blocked by others. Which of them must be moved, and in which order?",
        "If a gripper is to pick up the {a}, which objects must be out of the way?",
        "If you wanted the {a}, which objects would you have to remove?",
        "Suppose that the {a} is needed. Which objects must make room for a grasp?",
        "Before the {a} can be lifted, several objects have to move. Which ones?",
        "As long as they stay, the {a} cannot be gripped. Which objects have to leave?",
    )
)
ANY = tuple(
    body + ONE
    for body in (
        "Which object could be moved to make the {a} graspable?",
        "Which single object could be taken away so that a gripper can reach the {a}?",
        "To get hold of the {a}, which one object could be moved out of the way?",
        "What is one object whose removal would free a grasp of the {a}?",
        "Which object, if it were gone, would let a gripper pick up the {a}?",
        "By moving which one object could the {a} be made reachable?",
        "Name one object that, once it is taken away, lets a gripper pick up the {a}.",
        "Point to an object whose removal alone makes room for a grasp of the {a}.",
        "Show an object that could be taken away so that a gripper can take the {a}.",
        "Find one object that could be put aside to make the {a} graspable.",
        "Choose a single object whose removal would open the way to the {a}.",
        "Mark one object that could be removed so that the {a} can be lifted.",
        "The {a} cannot be grasped yet. Which single object could be moved to change that?",
        "The {a} is blocked, but taking away one object is enough. Which one could it be?",
        "Moving one object is enough to make the {a} graspable. Which one could it be?",
        "A robot wants the {a}. Which single object could it clear away to get there?",
        "A robot arm is sent for the {a} and may move just one object. Which one could it take?",
        "You are to fetch the {a} and may put one object aside. Which one could you choose?",
        "If only one object may be moved, which one could it be so that the {a} can be gripped?",
        "If you wanted the {a}, which one object could you remove to get at it?",
        "Suppose that the {a} is needed. Which one object could make room for a gripper?",
        "With a single move, which object could be cleared so that the {a} becomes graspable?",
    )
)
SET = tuple(
    body + EACH
    for body in (
        "Name a smallest set of objects whose removal makes the {a} graspable.",
        "Point to as few objects as possible that, once gone, let a gripper take the {a}.",
        "Show a shortest sequence of objects that could be removed to free the {a}.",
        "Find the fewest objects that could be put aside so that the {a} can be lifted.",
        "Choose as few objects as possible whose removal opens the way to the {a}.",
        "Plan how the {a} could be made graspable by taking away as few objects as possible.",
        "Which objects could be moved to grasp the {a}, moving as few as possible?",
        "What is the least that could be taken away so that the {a} can be picked up?",
        "With the fewest moves, which objects could be cleared away to reach the {a}?",
        "Which smallest group of objects could be removed so that a gripper can take the {a}?",
        "By moving as few objects as possible, which ones could be put aside to free the {a}?",
        "Which objects, no more than needed, could be cleared to get hold of the {a}?",
        "The {a} cannot be grasped yet. Which smallest set of objects could be moved to change that?",
        "The {a} is blocked by others. Which of them, as few as possible, could be taken away to reach it?",
        "A robot wants the {a}. Which objects could it remove, as few as possible?",
        "A robot arm is sent for the {a} and should move as little as possible. What could it clear away?",
        "You are to fetch the {a} and want to move the fewest objects. Which ones could you take away?",
        "If as few objects as possible may be moved, which ones could they be so that the {a} can be gripped?",
        "If you wanted the {a} with the least effort, which objects could you remove?",
        "Suppose that the {a} is needed. Which smallest set of objects could make room for a gripper?",
        "To get hold of the {a} with the fewest removals, which objects could be moved?",
        "One object is not enough, but a few are. Which smallest set could be moved to make the {a} graspable?",
    )
)


BULKY = 0.01
"""m³ of its box above which nobody would fetch an object with one hand: a shelf is cleared for its own sake."""


def ask(block: Block) -> Iterator[Asked | Skipped]:
    if block.layout.world is None:
        return
    for plan in block.priors.rearrangements.values():
        accepted = np.array([plan.order, *plan.alternatives])
        askable = block.askable[:, plan.target]
        if np.prod(block.models[int(block.layout.obj_ids[plan.target])].box.size) > BULKY:
            yield Skipped("furniture", int(askable.sum()))
            continue
        seen = np.all(block.askable[:, accepted], axis=-1)  # frame, set
        some = np.any(seen, axis=1)
        yield Skipped("obstacle_not_visible", int((askable & ~some).sum()))
        frame = np.flatnonzero(askable & some)
        own = np.argmax(seen[frame], axis=1)
        one = len(plan.order) == 1
        if not forced(block, plan):
            yield point_at(block, plan, frame, own, None, *(("any", ANY) if one else ("set", SET)))
            continue
        if first_is_forced(block, plan):
            yield point_at(block, plan, frame, own, 1, "first", FIRST)
        if not one:
            yield point_at(block, plan, frame, own, None, "all", ALL)


def forced(block: Block, plan: Rearrangement) -> bool:
    """Whether no way to the target, however long, spares any object of the set: then it is the only smallest one."""
    grasps, on = block.priors.grasps, block.priors.stands_on
    return not any(reachable_sparing(plan.target, j, grasps, on) for j in plan.order)


def first_is_forced(block: Block, plan: Rearrangement) -> bool:
    """Whether just one object of the set can go first."""
    grasps, on = block.priors.grasps, block.priors.stands_on
    return [j for j in plan.order if movable(j, frozenset(), grasps, on)] == [plan.order[0]]


def point_at(
    block: Block,
    plan: Rearrangement,
    frame: Int[Array, "R"],
    own: Int[Array, "R"],
    most: int | None,
    subtask: str,
    templates: tuple[str, ...],
) -> Asked:
    """Points at the first `most` objects (all if None) of the accepted set `own` of each row."""
    movers = np.array([plan.order, *plan.alternatives])[own, :most]
    instances = np.concatenate([np.full((len(frame), 1), plan.target), movers], 1)
    orders, which = block.orders
    claims = [claim(block, plan, k, order) for k in range(1 + len(plan.alternatives)) for order in orders]

    def proof(facts: Int[Array, "r"]) -> text.Text:
        of, boxes = (own * len(orders) + which[frame])[facts], bbox_text(block, frame[facts], instances[facts])
        return text.join(text.take(claims, of), ', "bbox": ', boxes)

    return Asked(subtask, templates, frame, instances, proof, block.view.anchor[frame[:, None], movers])


def claim(block: Block, plan: Rearrangement, own: int, row: Int[Array, "N"]) -> str:
    """The evidence's JSON without its closing brace, for the answer `own`; objects are named by `row` of scene_gt."""
    grasps, on, target = block.priors.grasps, block.priors.stands_on, plan.target
    accepted = [plan.order, *plan.alternatives]
    accepted.insert(0, accepted.pop(own))
    involved = {target}.union(*accepted)
    ways = {i: [s for s in needs(i, grasps, on) if involved.issuperset(s)] for i in involved}
    g = grasps[target]
    evidence = {
        "order": rows(row, accepted[0]),
        "order_obj_ids": block.layout.obj_ids[list(accepted[0])].tolist(),
        "reasons": [reason for reason, _ in reasons(target, accepted[0], grasps, on)],
        "state": g.state,
        "grasps_dense_alone_free": [g.n_dense, g.n_alone, g.n_free],
        "blocker_sets": [sorted(rows(row, s)) for s in g.blocker_sets],
        "accept": [rows(row, o) for o in accepted],
        "needs": {str(row[i]): [sorted(rows(row, s)) for s in ways[i]] for i in sorted(involved, key=row.__getitem__)},
        "peeling": list(peeling(block, target, accepted[0], row)),
    }
    return orjson.dumps(evidence).decode()[:-1]


def peeling(block: Block, target: int, order: tuple[int, ...], row: Int[Array, "N"]) -> Iterator[dict[str, object]]:
    """Step by step: what goes, by which grasp it can go at its turn, and why it must. The target comes last."""
    grasps = block.priors.grasps
    why = [*reasons(target, order, grasps, block.priors.stands_on), (None, None)]
    for k, (i, (reason, of)) in enumerate(zip((*order, target), why, strict=True)):
        T, width = witness(i, frozenset(order[:k]), grasps)
        opening = float(InScene().sampler.opening(np.array(width), load_gripper()))
        yield {
            "object": int(row[i]),
            "obj_id": int(block.layout.obj_ids[i]),
            "gone": rows(row, order[:k]),
            "grasp": {
                "T_obj_grasp": np.round(T, 6).tolist(),
                "width_m": round(width, 6),
                "opening_m": round(opening, 6),
            },
            "reason": reason,
            "of": None if of is None else int(row[of]),
        }


def rows(row: Int[Array, "N"], slots: tuple[int, ...]) -> list[int]:
    return [int(row[i]) for i in slots]
