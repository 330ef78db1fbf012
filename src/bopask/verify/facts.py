"""What rows of one image say of pairs and triples, in one form, and whether it can all be true."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from bopask.verify.truth import Disagreement, Row

OPPOSITE = {
    "right": "left", "behind": "front", "below": "above", "farther": "closer", "lower": "higher",
    "facing_right": "facing_left", "farther_from": "nearer",
}  # fmt: skip
"""The word that says the same with its last two objects exchanged."""
FIRST = {"leftmost": "left", "foremost": "front", "closest": "closer"}
LAST = {"rightmost": "left", "hindmost": "front", "farthest": "closer"}
"""Of (x, a, b): a comes before both others, or after both, in this relation of pairs."""


Node: TypeAlias = Hashable
"""An object, or a pair of them."""


class Fact(NamedTuple):
    """A claim in its one form: 'a is <word> b'; facing: 'standing at a and facing b, c is on the left'; nearer: 'a is
    nearer to b than to c'; of (x, a, b): 'a is the first, the last, the one between'."""

    word: str
    objects: tuple[int, ...]
    row_id: str


def fact_of(row: Row) -> Fact:
    """What a row claims to be true, whichever way round it asks.

    Every fact is asked both ways: 'Yes' claims that it is so, 'No' that it is so with the last two objects exchanged.
    """
    word, objects = str(row["subtask"]), list(row["instances"])
    exchanged = (word in OPPOSITE) != (row["answer"] != "Yes")
    if exchanged:
        objects[-2:] = objects[:-3:-1]
    return Fact(OPPOSITE.get(word, word), tuple(objects), row["id"])


def contradictions(facts: Iterable[Fact]) -> Iterator[tuple[str, Disagreement]]:
    """(row id, disagreement) for facts of one image that cannot all be true: left(a, b) and left(b, a), or a circle."""
    edges: dict[str, dict[Node, set[Node]]] = {}
    for fact in facts:
        for word, a, b in orders(fact):
            after = edges.setdefault(word, {})
            if reaches(after, b, a):
                claim, stated = f"relation: {word} has no circle", f"{word}({a}, {b})"
                yield fact.row_id, Disagreement(claim, stated, f"other rows say that {b} comes before {a}")
            else:
                after.setdefault(a, set()).add(b)


def pairs_of(fact: Fact) -> list[tuple[str, int, int]]:
    """What a fact about the first or the last of three says of pairs: (word, a, b) for 'a is <word> b'."""
    x, a, b = fact.objects
    if fact.word in FIRST:
        return [(FIRST[fact.word], a, x), (FIRST[fact.word], a, b)]
    return [(LAST[fact.word], x, a), (LAST[fact.word], b, a)]


def orders(fact: Fact) -> list[tuple[str, Node, Node]]:
    """(word, what comes before, what comes after), for facts that put things in an order.

    'a is nearer to b than to c' puts the pair {a, b} before {a, c}, by distance.
    """
    if len(fact.objects) == 2:
        return [(fact.word, *fact.objects)]
    if fact.word in FIRST or fact.word in LAST:
        return [*pairs_of(fact)]
    a, b, c = fact.objects
    return [("nearer", (min(a, b), max(a, b)), (min(a, c), max(a, c)))] if fact.word == "nearer" else []


def reaches(after: Mapping[Node, set[Node]], start: Node, goal: Node) -> bool:
    """Whether a chain of facts leads from start to goal."""
    todo, seen = [start], {start}
    while todo:
        one = todo.pop()
        if one == goal:
            return True
        new = after.get(one, set()) - seen
        seen |= new
        todo += new
    return False
