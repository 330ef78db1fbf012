"""Yes/no questions about two or three objects, for the spatial and the depth task.

A relation is told from metric extents: 'a is left of b' when the centre of each lies outside the extent of the other,
by a margin, along the relation's axis: those of their boxes, and of the meshes in them, which need not fill a box. What
is within the margin is doubtful and not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.ask import text
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block

CAMERA = " from the camera's point of view"
LOOKING = " as seen by the camera"
"""Whose left and right, whose front and behind are meant."""
TRIPLES = 2000
"""Threes of objects that are looked at in one layout: all of up to 23 objects."""
SOLID = 0.25
"""The share of the margin by which a relation must hold between the meshes too."""


@dataclass(frozen=True)
class Facts:
    """holds[f, a, b]: 'a <relation> b' is true in frame f, by margin[f, a, b] metres."""

    holds: Bool[Array, "F N N"]
    margin: Float[Array, "F N N"]

    @property
    def turned(self) -> Facts:
        """The facts of the opposite relation."""
        return Facts(self.holds.swapaxes(1, 2), self.margin.swapaxes(1, 2))


def before(center: Float[Array, "F N"], low: Float[Array, "F N"], high: Float[Array, "F N"]) -> Float[Array, "F N N"]:
    """Margin (m) by which a comes before b along an axis: each centre outside the other's extent; negative if not."""
    return np.minimum(low[:, None, :] - center[:, :, None], center[:, None, :] - high[:, :, None])


def solid(block: Block, coordinates: Float[Array, "F N d"]) -> Bool[Array, "F N N"]:
    """Where a comes before b by the coordinates of `Block.extremes_cam` as well."""
    low, high = coordinates.min(-1), coordinates.max(-1)
    return before((low + high) / 2, low, high) >= SOLID * block.config.margin


def along(coordinates: Float[Array, "F N 8"]) -> tuple[Array, Array, Array]:
    """Centre, low and high end of the extents of corner coordinates."""
    return coordinates.mean(-1), coordinates.min(-1), coordinates.max(-1)


def ask_relation(block: Block, subtask: str, templates: tuple[str, ...], facts: Facts, seen_from: str) -> Asked:
    """Every fact between two objects that may be asked about."""
    frame, a, b = np.nonzero(facts.holds & pairs(block))
    return ask_both(block, subtask, templates, frame, np.stack([a, b], -1), facts.margin[frame, a, b], seen_from)


def ask_both(
    block: Block,
    subtask: str,
    templates: tuple[str, ...],
    frame: Int[Array, "R"],
    instances: Int[Array, "R k"],
    margin: Float[Array, "R"],
    seen_from: str,
    most: int | None = None,
) -> Asked:
    """Every fact is asked as it is (yes) and with its last two objects exchanged (no).

    So balance is exact for every wording and every set of names.

    Args:
        seen_from: the frame the relation is meant in, for the evidence: 'camera', 'world' or 'object'.
        most: of these facts are asked of one frame.
    """
    other_way = np.concatenate([instances[:, :-2], instances[:, :-3:-1]], 1)
    both = np.stack([instances, other_way], 1).reshape(-1, instances.shape[1])
    frame = np.repeat(frame, 2)
    yes = np.arange(len(frame)) % 2 == 0

    def evidence(facts: Int[Array, "r"]) -> text.Text:
        return text.open_object(
            relation=f'"{subtask}"',
            seen_from=f'"{seen_from}"',
            margin_m=text.number(margin[facts // 2], 4),
            bbox=bbox_text(block, frame[facts], both[facts]),
        )

    return Asked(subtask, templates, frame, both, evidence, yes=yes, most=most)


def most(block: Block) -> int:
    """Of the facts about three objects, as many are asked of a frame as it has ordered pairs: N², not N³."""
    return block.n * (block.n - 1)


def triples(n: int) -> Int[Array, "t 3"]:
    """Every three of n objects, i < j < k; of a crowd, TRIPLES of them, evenly spread."""
    found = np.array(list(combinations(range(n), 3)), np.int64).reshape(-1, 3)
    return found[np.unique(np.linspace(0, len(found) - 1, min(TRIPLES, len(found))).astype(int))]


def threes(n: int) -> Int[Array, "t 3"]:
    """Each three of n objects, three times: each of them in each place once, the order of the others kept."""
    return np.concatenate([np.roll(triples(n), k, 1) for k in range(3)])


def anchored(n: int) -> Int[Array, "t 3"]:
    """(a, b, c) for each three of n objects, each of them as a, and the others both ways."""
    return np.concatenate([threes(n), threes(n)[:, [0, 2, 1]]])


def ask_anchored(
    block: Block, facts: Int[Array, "t 3"], margin: Float[Array, "t"], words: Mapping[str, tuple[str, ...]]
) -> Iterator[Asked | Skipped]:
    """What is true of three objects of a layout from every camera: c beside b, as it is told from a.

    Args:
        words: templates of the relation, and of its opposite, which says the same with b and c exchanged.
    """
    a, b, c = facts.T
    sure = block.askable[:, facts].all(-1)
    alike = block.alike[a, b] | block.alike[b, c] | block.alike[a, c]  # 'leftmost' beside 'on your left' misleads
    landmark = block.by_landmark[:, facts].any(-1)
    n_visible = block.askable.sum(1)
    possible = int((n_visible * (n_visible - 1) * (n_visible - 2) // 2).sum())
    yield Skipped("within_margin", possible - int(sure.sum()))
    yield Skipped("told_by_the_words", int((sure & alike).sum()))
    yield Skipped("relation_in_the_phrase", int((sure & ~alike & landmark).sum()))
    frame, t = np.nonzero(sure & ~alike & ~landmark)
    for (subtask, templates), instances in zip(words.items(), (facts[t], facts[t][:, [0, 2, 1]]), strict=True):
        yield ask_both(block, subtask, templates, frame, instances, margin[t], "object", most(block))


def pairs(block: Block) -> Bool[Array, "F N N"]:
    """Ordered pairs of different objects that may both be asked about."""
    return block.askable[:, :, None] & block.askable[:, None, :] & ~np.eye(block.n, dtype=bool)


def without_hints(block: Block, facts: Facts, *sides: str) -> tuple[Facts, list[Skipped]]:
    """The facts whose answer is not in the words that name the objects.

    'Is the leftmost can to the left of the rightmost can' needs no picture; and an object told by its landmark is not
    asked about here, for 'is the can behind the bowl to the left of the box' has two meanings.
    """
    asked = facts.holds & pairs(block)
    told = asked & block.told_from(*sides)
    landmark = asked & ~told & (block.by_landmark[:, :, None] | block.by_landmark[:, None, :])
    skipped = [
        Skipped("told_by_the_words", int(told.sum())),
        Skipped("relation_in_the_phrase", int(landmark.sum())),
    ]
    return Facts(facts.holds & ~told & ~landmark, facts.margin), skipped


def decided(block: Block, margin: Float[Array, "F N N"], agrees: Bool[Array, "F N N"] | bool) -> tuple[Facts, Skipped]:
    """The facts that hold by the configured margin and by a second reading; pairs undecided either way are skipped."""
    holds = (margin >= block.config.margin) & agrees
    undecided = ~holds & ~holds.swapaxes(1, 2) & pairs(block)
    return Facts(holds, margin), Skipped("within_margin", int(undecided.sum()) // 2)


def bbox_text(block: Block, frame: Int[Array, "R"], instances: Int[Array, "R k"]) -> text.Text:
    """JSON '[[u0, v0, u1, v1], …]' of the objects of each row: formatted once a (frame, object), then taken."""
    at = frame[:, None] * block.n + instances
    return text.bracket([text.take(block.bbox_text, at[:, i]) for i in range(at.shape[1])])


def phrase_relation(templates: tuple[str, ...], **words: str) -> tuple[str, ...]:
    """Fills the relation's words into templates, leaving {a}, {b} and {c} for the names."""
    return tuple(t.format(a="{a}", b="{b}", c="{c}", **words) for t in templates)
