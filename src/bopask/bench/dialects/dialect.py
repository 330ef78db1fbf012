"""A dialect: a form, a frame and the sentence that asks for them. `parse` undoes `write`, up to rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import numpy as np

from bopask.bench.dialects.choice import parse_choice, refuses
from bopask.bench.dialects.forms import Form, Found
from bopask.bench.dialects.frames import Axis, Frame
from bopask.bench.dialects.parsed import CHOICES, COUNTS, Parsed, Status
from bopask.bench.dialects.unwrap import unwrap

Answer: TypeAlias = bool | Sequence[Sequence[float]]
"""Yes or no, or pixels [u, v] of the original image."""

WHAT = {
    "pose": "the eight corners of the cuboid: the bottom face first, then the top face, each counter-clockwise seen"
    " from above, starting at the front-left corner",
    "grasp": "the grasp center, left finger base, right finger base, left finger tip and right finger tip, in this"
    " order",
    "trajectory": "the ordered waypoints of the base of the object that is carried, from where it stands to just above"
    " its goal",
    "rearrangement": "one point on the object that has to be moved",
    "rearrangement/all": "one point on each object that has to be moved, in an order in which they can be taken away"
    " one after another",
}
WHAT["rearrangement/set"] = WHAT["rearrangement/all"]
FORMATS = (" Answer with ", " Your answer should be ")
"""How the sentence that states the format of an answer begins, in our questions and in the released ones."""


@dataclass(frozen=True)
class Dialect:
    """How one family of models writes answers."""

    name: str
    form: Form
    frame: Frame
    how: str
    """What a model is told about the form; slots {width}, {height}."""
    how_grasp: str = ""
    """The same for grasps, where they are written differently."""
    beyond: float = 0.0
    """How far outside the image a point may lie, as a share of the image's side."""

    def instruction(self, task: str, subtask: str, width: int, height: int) -> str:
        """The sentence that asks for an answer in this dialect."""
        if task in CHOICES:
            return "Answer with Yes or No."
        what = WHAT.get(f"{task}/{subtask}", WHAT[task])
        how = self.how_grasp if task == "grasp" and self.how_grasp else self.how
        return f"Answer with {what}. {how.replace('{width}', str(width)).replace('{height}', str(height))}"

    def write(self, answer: Answer, task: str, width: int, height: int) -> str:
        """An answer as a model of this family would write it.

        Raises:
            ValueError: a point lies outside the image, which no dialect can say, or the task has not as many.
        """
        if isinstance(answer, bool):
            return "Yes" if answer else "No"
        least, most = COUNTS[task]
        if not least <= len(answer) <= most:
            raise ValueError(f"an answer to {task} has {least} to {most} points, not {len(answer)}")
        across, down = self.frame.axes(width, height)
        return self.form.write([(self._number(u, across), self._number(v, down)) for u, v in answer], task)

    def parse(self, reply: str, task: str, width: int, height: int) -> Parsed:
        """A reply, read as this dialect and no other. Never raises on account of the reply."""
        if not reply or reply.isspace():
            return Parsed(Status.EMPTY)
        inside = unwrap(reply)
        if inside.unfinished:
            return Parsed(Status.TRUNCATED, notes=inside.notes)
        if not inside.text.strip():
            return Parsed(Status.EMPTY, notes=inside.notes)
        read = self._parse(inside.text, task, width, height, inside.notes)
        for rival in inside.rivals:
            other = self._parse(rival, task, width, height, ())
            if other.ok and not (other.written == read.written and other.verdict is read.verdict):
                return Parsed(Status.AMBIGUOUS, notes=(*inside.notes, "several_answers"))
        return read

    def _parse(self, text: str, task: str, width: int, height: int, notes: tuple[str, ...]) -> Parsed:
        """Text that is out of its wrappers."""
        if task in CHOICES:
            return parse_choice(text, notes)
        found = self.form.find(text, task)
        notes = (*notes, *found.notes)
        if found.status is Status.NO_POINTS:
            return Parsed(Status.REFUSAL if refuses(text) else Status.NO_POINTS, notes=notes)
        if not found.values:
            return Parsed(found.status, notes=notes)
        return self._place(found, task, width, height, notes)

    def _place(self, found: Found, task: str, width: int, height: int, notes: tuple[str, ...]) -> Parsed:
        """Written numbers to pixels, once they are all possible."""
        values, status = found.values, found.status
        sizes = set(map(len, values))
        if not sizes <= ({2, 4} if self.form.boxes else {2}):
            return Parsed(Status.MALFORMED, notes=(*notes, "not_pairs"))
        written = tuple(chain.from_iterable(values))
        if not all(map(math.isfinite, written)):
            return Parsed(Status.NOT_FINITE, notes=notes)
        across, down = self.frame.axes(width, height)
        if not (self._within(written[::2], across.top) and self._within(written[1::2], down.top)):
            return Parsed(Status.OUT_OF_RANGE, notes=notes)
        if 4 in sizes:
            values = [v if len(v) == 2 else (0.5 * (v[0] + v[2]), 0.5 * (v[1] + v[3])) for v in values]
            notes = (*notes, "box_centre")
        points = np.array(
            [((x - across.offset) / across.gain, (y - down.offset) / down.gain) for x, y in values], dtype=np.float64
        )
        least, most = COUNTS[task]
        if status is Status.OK and not least <= len(points) <= most:
            status = Status.WRONG_COUNT
        return Parsed(status, points, None, notes, written)

    def _within(self, xs: Sequence[float], top: float) -> bool:
        """Whether written numbers of one axis are possible."""
        slack = self.beyond * top
        return -slack <= min(xs) and max(xs) <= top + slack

    def _number(self, pixel: float, axis: Axis) -> str:
        """One coordinate as text."""
        x = round(axis.gain * float(pixel) + axis.offset, self.frame.decimals) + 0.0  # + 0.0: no '-0'
        if not self._within((x,), axis.top):
            raise ValueError(f"{self.name} cannot say the pixel {pixel}: it lies outside the image")
        return f"{x:.{self.frame.decimals}f}"


def ask_in(question: str, instruction: str) -> str:
    """A question with `instruction` in place of the sentence that states its answer's format, if it has one."""
    cuts = [at for at in (question.rfind(start) for start in FORMATS) if at >= 0]
    return f"{question[: max(cuts)] if cuts else question.rstrip()} {instruction}"
