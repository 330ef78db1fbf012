"""Of three objects, one before both others: leftmost, foremost, closest and so on; and one between the others (yes/no).

Made of the facts of pairs, so that it is true whichever two of the three are compared. Instances are (x, a, b): 'yes'
says that a comes before x and b, or lies between them; 'no' asks the same of b.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from bopask.arrays import Array
from bopask.ask.asked import Asked
from bopask.ask.block import Block
from bopask.ask.relations import CAMERA, LOOKING, Facts, ask_both, most, pairs, phrase_relation, triples

TEMPLATES = (
    "Is the {b} {rel} both the {a} and the {c}{view}?",
    "Would you say that the {b} is {rel} both the {a} and the {c}{view}?",
    "Is it true that the {b} is {rel} both the {c} and the {a}{view}?",
    "Can you confirm that the {b} is {rel} both the {a} and the {c}{view}?",
    "Can the {b} be found {rel} both the {c} and the {a}{view}?",
    "Has the {b} its place {rel} both the {a} and the {c}{view}?",
    "Of the {a}, the {c} and the {b}, is the {b} {rel} both of the others{view}?",
    "Among the {a}, the {b} and the {c}, is it the {b} that is {rel} the other two{view}?",
    "Between the {b}, the {c} and the {a}, is the {b} the one {rel} the other two{view}?",
    "Compare the {a}, the {b} and the {c}. Is the {b} {rel} each of the other two{view}?",
    "Look at the {a} and the {c}. Is the {b} {rel} both of them{view}?",
    "Check three objects, the {c}, the {a} and the {b}: is the {b} {rel} the other two{view}?",
    "Take the {a} and the {c} as references. Is the {b} {rel} both{view}?",
    "Decide whether this holds: the {b} is {rel} both the {a} and the {c}{view}. Does it?",
    "Leave everything else aside. Is the {b} {rel} both the {c} and the {a}{view}?",
    "Relative to the {a} and to the {c} alike, is the {b} placed {rel} them{view}?",
    "If you compare the {b} with the {a} and with the {c}, is the {b} {rel} both of these{view}?",
    "If someone points at the {a} and at the {c}, is the {b} {rel} both of these{view}?",
    "Suppose that the {a}, the {b} and the {c} are all that matters. Is the {b} {rel} the others{view}?",
    "A robot compares the {a}, the {c} and the {b}. Does it find the {b} {rel} both others{view}?",
    "A robot has to choose among the {c}, the {b} and the {a}. Is the {b} the one {rel} the other two{view}?",
    "When the {a} and the {c} are looked at together, is the {b} {rel} both{view}?",
)
WORDS = {
    subtask: phrase_relation(TEMPLATES, rel=rel, view=view)
    for subtask, rel, view in (
        ("leftmost", "to the left of", CAMERA),
        ("rightmost", "to the right of", CAMERA),
        ("foremost", "in front of", LOOKING),
        ("hindmost", "behind", LOOKING),
        ("closest", "closer to the camera than", ""),
        ("farthest", "farther from the camera than", ""),
    )
}
BETWEEN = (
    "From the camera's point of view, is the {b} between the {a} and the {c}, from left to right?",
    "From left to right, as the camera sees it, is the {b} between the {a} and the {c}?",
    "Seen by the camera and from left to right, is the {b} found between the {c} and the {a}?",
    "Going from left to right in the camera's view, is the {b} between the {a} and the {c}?",
    "Going from right to left in the camera's view, do you come to the {b} between the {a} and the {c}?",
    "Is the {b}, from left to right in the camera's view, between the {a} and the {c}?",
    "Is it true that the camera sees the {b} between the {c} and the {a}, from left to right?",
    "Would you say that the {b} is between the {a} and the {c} from left to right, as seen by the camera?",
    "Can you confirm that the {b} is between the {a} and the {c}, from left to right in the camera's view?",
    "Does the camera see the {b} between the {a} and the {c}, from left to right?",
    "Has the {b} its place between the {c} and the {a}, from left to right as the camera sees it?",
    "Look along the scene from left to right, as the camera does. Is the {b} between the {a} and the {c}?",
    "Take the three from left to right in the camera's view. Is the {b} between the {a} and the {c}?",
    "Sort the {a}, the {b} and the {c} from left to right in the camera's view. Is the {b} between the others?",
    "Check the order from left to right in the camera's view: is the {b} between the {c} and the {a}?",
    "Decide whether this holds: for the camera, the {b} is between the {a} and the {c} from left to right. Does it?",
    "Of the {a}, the {b} and the {c}, is the {b} between the others from left to right in the camera's view?",
    "A robot looks through this camera from left to right. Does it see the {b} between the {a} and the {c}?",
    "A robot sorts what the camera sees from left to right. Is the {b} between the {c} and the {a}?",
    "If you read the camera's picture from left to right, is the {b} between the {a} and the {c}?",
    "If the camera pans from left to right, is the {b} reached between the {a} and the {c}?",
    "Suppose that you list objects from left to right in the camera's view. Is the {b} between the {a} and the {c}?",
)


def superlative(block: Block, subtask: str, facts: Facts) -> Asked:
    """Of each three objects, the one that comes before both others by facts that may be asked about."""
    asked = facts.holds & pairs(block)
    first = np.concatenate([np.roll(triples(block.n), k, 1) for k in range(3)])  # (a, x, b) of each three
    frame, t = np.nonzero(asked[:, first[:, 0], first[:, 1]] & asked[:, first[:, 0], first[:, 2]])
    a, x, b = first[t].T
    margin = np.minimum(facts.margin[frame, a, x], facts.margin[frame, a, b])
    return ask_both(block, subtask, WORDS[subtask], frame, rival(frame + t, a, x, b), margin, "camera", most(block))


def between(block: Block, left: Facts) -> Asked:
    """Of each three objects in a line, the middle one: left of one, and right of the other."""
    asked = left.holds & pairs(block)
    middle = np.concatenate([np.roll(triples(block.n), k, 1) for k in range(3)])  # (a, x, b), from left to right x a b
    middle = np.concatenate([middle, middle[:, [0, 2, 1]]])
    frame, t = np.nonzero(asked[:, middle[:, 1], middle[:, 0]] & asked[:, middle[:, 0], middle[:, 2]])
    a, x, b = middle[t].T
    margin = np.minimum(left.margin[frame, x, a], left.margin[frame, a, b])
    return ask_both(block, "between", BETWEEN, frame, rival(frame + t, a, x, b), margin, "camera", most(block))


def rival(turn: Int[Array, "R"], a: Array, x: Array, b: Array) -> Int[Array, "R 3"]:
    """(x, a, b) or (b, a, x) in turn: each of the other two is asked about instead as often."""
    other = (turn % 2 == 1)[:, None]
    return np.where(other, np.stack([b, a, x], -1), np.stack([x, a, b], -1))
