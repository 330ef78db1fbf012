"""Of three objects, one before both others: leftmost, foremost, closest and so on; and one between the others (yes/no).

Made of the facts of pairs, so that it is true whichever two of the three are compared. Instances are (x, a, b): 'yes'
says that a comes before x and b, or lies between them; 'no' asks the same of b.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from bopask.arrays import Array
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import CAMERA, LOOKING, Facts, ask_both, most, phrase_relation, threes, triples

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


def superlative(block: Block, subtask: str, facts: Facts) -> Iterator[Asked | Skipped]:
    """Of each three objects, the one that comes before both others by facts that may be asked about."""
    three = threes(block.n)  # (x, a, b): each of them is a once
    x, a, b = three.T
    holds = facts.holds[:, a, x] & facts.holds[:, a, b]
    margin = np.minimum(facts.margin[:, a, x], facts.margin[:, a, b])
    yield from ask_of_three(block, subtask, WORDS[subtask], three, Facts(holds, margin))


def between(block: Block, left: Facts) -> Iterator[Asked | Skipped]:
    """Of each three objects in a line, the middle one: left of one, and right of the other."""
    three = np.concatenate([threes(block.n), threes(block.n)[:, ::-1]])
    x, a, b = three.T
    holds = left.holds[:, x, a] & left.holds[:, a, b]
    margin = np.minimum(left.margin[:, x, a], left.margin[:, a, b])
    yield from ask_of_three(block, "between", BETWEEN, three, Facts(holds, margin))


def ask_of_three(
    block: Block, subtask: str, templates: tuple[str, ...], three: Int[Array, "t 3"], facts: Facts
) -> Iterator[Asked | Skipped]:
    """
    Args:
        facts: of `three`: holds and margin are (F, t).
    """
    frame, t = np.nonzero(facts.holds & block.askable[:, three].all(-1))
    others = three[t][:, ::2].T
    told = block.alike[*others]  # 'is the leftmost can to the left of the second can from the left and of the bowl'
    yield Skipped("undecided_of_three", int(block.askable[:, triples(block.n)].all(-1).sum()) - len(frame))
    yield Skipped("told_by_the_words", int(told.sum()))
    frame, t = frame[~told], t[~told]
    # the other of the three that 'no' is about alternates, so that each is asked about as often
    shot = np.array([block.layout.arrangement.frames[f].key.frame_id for f in block.frames])
    instances = np.where((shot[frame] + t)[:, None] % 2 == 0, three[t], three[t][:, ::-1])
    yield ask_both(block, subtask, templates, frame, instances, facts.margin[frame, t], "camera", most(block))
