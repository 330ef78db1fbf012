"""A question taken apart: what a language model may say in other words (the body), and what it may not touch.

Slots stand for the phrases that name objects; the sentence that states the answer's format never leaves the house.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from bopask.ask import grasp, pose, rearrangement, trajectory

FORMATS: tuple[str, ...] = (pose.ORDER, grasp.FORMAT, trajectory.FORMAT, rearrangement.ONE, rearrangement.EACH)
SLOTS = "abc"


class Wording(NamedTuple):
    """How a question is said: `body` + `format` with slots {a}, {b}, {c}, and {width}, {height} in the format."""

    body: str
    format: str

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots of the body, in order of first mention."""
        return tuple(dict.fromkeys(re.findall(r"\{([abc])\}", self.body)))


def wording_of(template: str) -> Wording:
    """A template's body and its format sentence ('' for yes/no)."""
    form = next((f for f in FORMATS if template.endswith(f)), "")
    return Wording(template.removesuffix(form), form)


def template_of(question: str, phrases: Sequence[str], width: int, height: int, templates: Sequence[str]) -> str | None:
    """The template that the question was written from; None if it is none of them."""
    slots = dict(zip(SLOTS, phrases, strict=False))
    filled = (t for t in templates if set(re.findall(r"\{([abc])\}", t)) <= slots.keys())
    return next((t for t in filled if t.format(**slots, width=width, height=height) == question), None)
