"""Grasp: five points of a parallel-jaw gripper that holds an object without touching its neighbours.

Centre, left base, right base, left tip, right tip; left is the base with the smaller u, so that the text agrees with
the picture (paper section 3: grasp, 2dplane; M2T2's drawn gripper).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import orjson
from jaxtyping import Float

from bopask.arrays import Array
from bopask.ask import text
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.geometry import se3
from bopask.nouns import InstanceGrasps
from bopask.priors.grasps.gripper import load_gripper

FORMAT = (
    " Your answer should be five pixel positions in the {width}x{height} image, as Grasp center: [x, y], Left finger"
    " base: [x, y], Right finger base: [x, y], Left finger tip: [x, y], Right finger tip: [x, y]."
)
TEMPLATES = tuple(
    body + FORMAT
    for body in (
        "What are the five points that outline the grasp plane for the {a}?",
        "How should a parallel-jaw gripper be placed to grasp the {a}?",
        "Where would you put the fingers of a two-finger gripper to pick up the {a}?",
        "Which gripper pose picks up the {a}?",
        "Where can the {a} be held between two parallel fingers?",
        "From where should a gripper close on the {a} so that it hits nothing else?",
        "Give a grasp for the {a} that touches nothing else.",
        "Mark a collision-free grasp of the {a}.",
        "Show how to grasp the {a} with a parallel gripper.",
        "Plan a stable grasp on the {a} and give its five points.",
        "Draw the gripper that takes hold of the {a}.",
        "Choose a free place to grip the {a} and outline the gripper there.",
        "Pick up the {a} with a parallel-jaw gripper.",
        "Take hold of the {a} without touching its neighbours.",
        "A robot wants to pick up the {a}. Where do its gripper's five points go?",
        "A robot arm with two parallel fingers is told to lift the {a}. How does it place its hand?",
        "You steer a gripper towards the {a}. At which five points is it when it closes?",
        "You are a robot in front of this scene and are asked for the {a}. How do you grip it?",
        "If a two-finger gripper had to lift the {a}, where would its palm, bases and tips be?",
        "If you were to grasp the {a} now, with everything else in place, where would the gripper be?",
        "To lift the {a} safely, how must a parallel gripper be placed?",
        "When a gripper closes on the {a}, where are its centre, its finger bases and its fingertips?",
        "Suppose that the {a} has to be handed over. Where should a gripper take it?",
        "Someone asks for the {a}. Show a grasp by which a robot could fetch it.",
    )
)
NAMES = ("Grasp center", "Left finger base", "Right finger base", "Left finger tip", "Right finger tip")


def ask(block: Block) -> Iterator[Asked | Skipped]:
    if block.layout.world is None:
        return
    asked, points = np.zeros((0, 3), int), np.zeros((0, 5, 2))
    for a, grasps in enumerate(block.priors.grasps):
        askable = block.askable[:, a]
        if block.priors.rests_on[:, a].any():  # what rests on it must move first: see rearrangement
            yield Skipped("carries_another", int(askable.sum()))
            continue
        if len(grasps.T_obj_grasp) == 0:
            yield Skipped(f"no_free_grasp_{grasps.state}", int(askable.sum()))
            continue
        pixels = gripper_pixels(block, a)
        on_image = block.inside(pixels)
        yield Skipped("answer_outside_image", int((askable & ~on_image.any(1)).sum()))
        frame = np.flatnonzero(askable & on_image.any(1))
        best = np.argmax(on_image[frame], 1)  # grasps come best first
        asked = np.concatenate([asked, np.stack([frame, np.full(len(frame), a), best], -1)])
        points = np.concatenate([points, left_first(pixels[frame, best])])
    frame, objects, best = asked.T
    proof = partial(evidence, block, frame, objects, best)
    yield Asked("parallel_jaw", TEMPLATES, frame, objects[:, None], proof, points, answer_text)


def gripper_pixels(block: Block, a: int) -> Float[Array, "F k 5 2"]:
    """The drawn gripper of each of the object's best grasps in each frame, +x finger first."""
    T_cam_grasp = block.T_cam_obj[:, a, None] @ block.priors.grasps[a].T_obj_grasp
    return block.pixels(se3.transform(T_cam_grasp, load_gripper().label_points()))


def left_first(pixels: Float[Array, "R 5 2"]) -> Float[Array, "R 5 2"]:
    """Exchanges the fingers where the first base is not the left one in the picture."""
    turned = pixels[:, 1, 0] > pixels[:, 2, 0]
    return np.where(turned[:, None, None], pixels[:, [0, 2, 1, 4, 3]], pixels)


def answer_text(points: Float[Array, "R 5 2"]) -> text.Text:
    """The released answers' words, integer pixels."""
    pieces: list[text.Text | str] = []
    for i, name in enumerate(NAMES):
        pieces += [("" if i == 0 else ", ") + name + ": ", text.vector(points[:, i], 0)]
    return text.join(*pieces)


def evidence(block: Block, frame: Array, a: Array, best: Array, facts: Array) -> text.Text:
    """The grasp in the object's frame, the object in the camera's, and the other best free grasps as alternatives."""
    told = block.once("grasps", lambda: [list(claims(grasps)) for grasps in block.priors.grasps])
    first = np.cumsum([0, *map(len, told)])
    frame, a, best = frame[facts], a[facts], best[facts]
    return text.join(
        '{"grasp": ',
        text.take([grasp for of in told for grasp, _ in of], first[a] + best),
        ', "T_cam_obj": ',
        text.matrix(block.T_cam_obj[frame, a]),
        text.take([rest for of in told for _, rest in of], first[a] + best),
    )


def claims(grasps: InstanceGrasps) -> Iterator[tuple[str, str]]:
    """JSON of each of an object's best grasps, and of the fields that follow it: the counts, and the other grasps."""
    numbered = [
        orjson.dumps(
            {"T_obj_grasp": np.round(T, 6).tolist(), "width_m": round(float(w), 6), "quality": round(float(q), 4)}
        ).decode()
        for T, w, q in zip(grasps.T_obj_grasp, grasps.width, grasps.quality, strict=True)
    ]
    counts = f', "free_of_dense": [{grasps.n_free}, {grasps.n_alone}, {grasps.n_dense}], "alternatives": ['
    for k, one in enumerate(numbered):
        yield one, counts + ", ".join(numbered[:k] + numbered[k + 1 :]) + "]"
