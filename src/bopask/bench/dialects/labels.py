"""The five points of a grasp, put in order by the labels that a reply gives them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

LABEL = re.compile(r"grasp[ _-]cent(?:er|re)|(left|right)[ _-]finger[ _-](base|tip)")
PLACES = {("left", "base"): 1, ("right", "base"): 2, ("left", "tip"): 3, ("right", "tip"): 4}


LOWER = str.maketrans({c: c.lower() for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
NEAR = 200
"""Characters before the first point in which its label is looked for."""


def by_label(spans: Sequence[tuple[int, int]], text: str) -> tuple[int, ...] | None:
    """The order in which to take five points that stand at `spans`: as they come where they have no labels.

    Labels stand before their points, or after them (JSON). None: the labels are not the five, each once, or both
    ways of reading them are possible.
    """
    first = max(0, spans[0][0] - NEAR, text.rfind("{", 0, spans[0][0]))  # a JSON object's own label, no other's
    gaps: list[list[int]] = [[] for _ in range(len(spans) + 1)]
    ends = [end for _, end in spans]
    for m in LABEL.finditer(lowered(text), first):  # much faster than a pattern that ignores case
        gaps[bisect_right(ends, m.start())].append(PLACES[m[1], m[2]] if m[1] else 0)
    as_they_come = tuple(range(len(spans)))
    if not any(gaps[1:-1]):  # none, or all named before the list
        return as_they_come if len(gaps[0]) < 2 or gaps[0] == sorted(set(gaps[0])) else None
    before, after = _order([gap[-1:] for gap in gaps[:-1]]), _order([gap[:1] for gap in gaps[1:]])
    return None if before and after else before or after


def lowered(text: str) -> str:
    """Lower case of ASCII letters only: str.lower changes the length of some texts, and with it every position."""
    return text.lower() if text.isascii() else text.translate(LOWER)


def _order(labels: list[list[int]]) -> tuple[int, ...] | None:
    """Where the label of each place stands; None if the labels are not each place once."""
    names = [label[0] if label else -1 for label in labels]
    return tuple(names.index(i) for i in range(len(names))) if sorted(names) == list(range(len(names))) else None
