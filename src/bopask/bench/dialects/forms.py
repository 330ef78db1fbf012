"""How points are spelt: lists, JSON objects, tags, box tokens. A form finds written numbers; it knows no pixels.

Numbers in another dialect's form are refused (MALFORMED), not read: their order or range is not the declared one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

from bopask.ask.grasp import NAMES as GRASP_LABELS
from bopask.bench.dialects import plain
from bopask.bench.dialects.labels import by_label
from bopask.bench.dialects.parsed import Status
from bopask.bench.dialects.scan import LONGEST, NOT_FINITE, ONE, Group, Scan, scan

Written: TypeAlias = tuple[str, str]
"""x and y as text."""


class Found(NamedTuple):
    """The numbers of a reply, two for a point or four for a box (x1, y1, x2, y2), or what is wrong with it."""

    values: Sequence[tuple[float, ...]]
    status: Status = Status.OK
    """OK, TRUNCATED, NO_POINTS, MALFORMED or AMBIGUOUS."""
    notes: tuple[str, ...] = ()


class Form(Protocol):
    """One way to spell points."""

    boxes: ClassVar[bool]
    """Whether a box stands for the point in its middle."""

    def write(self, points: Sequence[Written], task: str) -> str: ...

    def find(self, text: str, task: str) -> Found: ...


NOTHING = Found((), Status.NO_POINTS)
DIGIT, WORD = re.compile("[0-9]"), re.compile(r"[^\W\d_]{2}")


def malformed(note: str) -> Found:
    return Found((), Status.MALFORMED, (note,))


def nothing(text: str) -> Found:
    """No points; where the text is numbers rather than words, they are in a form that no dialect has."""
    bare = DIGIT.search(text) and not WORD.search(text)
    return malformed("no_brackets") if bare else NOTHING


@dataclass(frozen=True)
class Lists:
    """`[[x, y], …]` or `[(x, y), …]`, and for grasps `Grasp center: [x, y], …`. Loose points in prose count as well."""

    left: str = "("
    right: str = ")"
    outer: bool = True
    """Whether `write` puts brackets round the list."""
    labelled: bool = True
    """Whether `write` labels the points of a grasp."""
    gap: str = ", "
    boxes: ClassVar[bool] = False
    FOREIGN = re.compile(r"<points?\s|[\"'](?:point|point_2d|bbox_2d|box_2d)[\"'] {0,4}:|<box>|<\|box_start\|>")

    def write(self, points: Sequence[Written], task: str) -> str:
        comma = self.gap if self.outer else ","
        if task == "grasp" and self.labelled:
            return ", ".join(f"{name}: [{x}, {y}]" for name, (x, y) in zip(GRASP_LABELS, points, strict=True))
        pieces = [f"{self.left}{x}{comma}{y}{self.right}" for x, y in points]
        return f"[{self.gap.join(pieces)}]" if self.outer else comma.join(pieces)

    def find(self, text: str, task: str) -> Found:
        if (values := plain.points(text, task == "grasp")) is not None:
            return Found(values)
        if self.FOREIGN.search(text):
            return malformed("other_dialect")
        return select(scan(text), text, task)


@dataclass(frozen=True)
class Objects:
    """JSON objects with a point or a box under a known key: `[{"point_2d": [x, y], "label": "…"}]`."""

    point: str
    box: str
    swapped: bool = False
    """The numbers are y before x."""
    plain: bool = False
    """Lists without keys are read too (and noted)."""
    boxes: ClassVar[bool] = True
    OTHERS = frozenset({"point", "point_2d", "box_2d", "bbox_2d", "bbox", "box", "bounding_box"})
    FOREIGN = re.compile(r"<points?\s|<box>|<\|box_start\|>")

    def write(self, points: Sequence[Written], task: str) -> str:
        names = GRASP_LABELS if task == "grasp" else tuple(str(i + 1) for i in range(len(points)))
        ordered = [(y, x) if self.swapped else (x, y) for x, y in points]
        pieces = [f'{{"{self.point}": [{a}, {b}], "label": "{n}"}}' for (a, b), n in zip(ordered, names, strict=True)]
        return f"[{', '.join(pieces)}]"

    def find(self, text: str, task: str) -> Found:
        if (known := plain.objects(text, self.point, task == "grasp")) is not None:
            return Found([_swap(v) for v in known] if self.swapped else known)
        if "<" in text and self.FOREIGN.search(text):
            return malformed("other_dialect")
        whole = scan(text, keyed=True)
        if any(g.key in self.OTHERS and g.key not in (self.point, self.box) for g in whole.groups):
            return malformed("other_dialect")
        points = [g for g in whole.groups if g.key == self.point]
        boxes = [g for g in whole.groups if g.key == self.box]
        keyed = points or boxes
        if not keyed:
            return self._plain(whole, text, task)
        if any(len(g.values) != (2 if points else 4) for g in keyed):
            return malformed("not_pairs")
        notes = ("boxes_ignored",) if points and boxes else ()
        found = select(whole._replace(groups=keyed), text, task, merge=True)
        values = [_swap(v) for v in found.values] if self.swapped else found.values
        return found._replace(values=values, notes=found.notes + notes)

    def _plain(self, whole: Scan, text: str, task: str) -> Found:
        if not self.plain:
            return malformed("no_keys") if whole.groups else nothing(text)
        found = select(whole, text, task)
        return found._replace(notes=(*found.notes, "no_keys")) if found.values else found


@dataclass(frozen=True)
class Tags:
    """Molmo: `<point x="38.1" y="42.8" alt="…">…</point>`, `<points x1="…" y1="…" x2="…" y2="…" alt="…">…</points>`."""

    boxes: ClassVar[bool] = False
    TAG = re.compile(r"<(points?)\s([^<>]*+)(>?)")
    # A word is tried at its first letter only, else a long one without '=' would be scanned once a letter.
    ATTRIBUTE = re.compile(r"(?<![\w-])([A-Za-z_][\w-]*+)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')")
    PLACE = re.compile(r"([xy])([0-9]{0,4})")
    FOREIGN = re.compile(r"[\"'](?:point|point_2d|bbox_2d|box_2d)[\"'] {0,4}:|<box>|<\|box_start\|>")

    def write(self, points: Sequence[Written], task: str) -> str:
        if len(points) == 1:
            x, y = points[0]
            return f'<point x="{x}" y="{y}" alt="answer">answer</point>'
        places = " ".join(f'x{i + 1}="{x}" y{i + 1}="{y}"' for i, (x, y) in enumerate(points))
        return f'<points {places} alt="answer">answer</points>'

    def find(self, text: str, task: str) -> Found:
        if (values := plain.tag(text)) is not None:
            return Found(values, notes=_order_lost([values]))
        tags, cut = list[plain.Values](), False
        for tag in self.TAG.finditer(text):
            cut = not tag[3]
            read = self._places(tag[2], cut)
            if isinstance(read, str):
                return malformed(read)
            tags.append(read)
        if not any(tags) and not cut:
            foreign = self.FOREIGN.search(text) or scan(text).groups
            return malformed("other_dialect") if foreign else nothing(text)
        return self._together(tags, Status.TRUNCATED if cut else Status.OK)

    @staticmethod
    def _together(tags: list[plain.Values], status: Status) -> Found:
        """Tags of one point each are one answer; of tags with more, each is one."""
        notes = _order_lost(tags)
        if len(tags) == 1 or not notes:
            return Found([point for tag in tags for point in tag], status, notes)
        if status is Status.OK and all(tag == tags[0] for tag in tags):
            return Found(tags[0], notes=(*notes, "repeated"))
        return Found((), status if status is Status.TRUNCATED else Status.AMBIGUOUS, notes)

    def _places(self, inside: str, cut: bool) -> plain.Values | str:
        """The points of a tag by their numbers; or what is wrong. Of a tag that is cut off the complete ones."""
        xs, ys = dict[str, float](), dict[str, float]()
        for attribute in self.ATTRIBUTE.finditer(inside):
            if attribute[1].lower() in ("coords", "coordinates"):
                return "other_dialect"  # Molmo 2: 0–1000 behind an index
            if not (place := self.PLACE.fullmatch(attribute[1].lower())):
                continue
            value = (attribute[2] if attribute[2] is not None else attribute[3]).strip()
            if len(value) > LONGEST or not (ONE.fullmatch(value) or value.lower() in NOT_FINITE):
                return "not_a_number"
            axis = xs if place[1] == "x" else ys
            if place[2] in axis:
                return "repeated"
            axis[place[2]] = float(value)
        if xs.keys() != ys.keys() and not cut:
            return "not_pairs"
        both = sorted(xs.keys() & ys.keys(), key=lambda i: (int(i or 0), i))
        return [(xs[i], ys[i]) for i in both] or ([] if cut else "not_pairs")


def _order_lost(tags: Sequence[plain.Values]) -> tuple[str, ...]:
    """Molmo's training sorts the points of one tag by place: their order says nothing."""
    return ("order_lost",) if any(len(tag) > 1 for tag in tags) else ()


@dataclass(frozen=True)
class Boxes:
    """Points or boxes between two tokens; without the tokens, a list in the form of `bare`.

    Qwen2-VL: `<|box_start|>(221,423),(569,886)<|box_end|>`, two points a box.
    InternVL: `<box>[[x1, y1, x2, y2]]</box>`.
    """

    start: str
    end: str
    bare: Lists
    tokens: bool = False
    """Whether `write` uses the tokens: then a point is a box of no size."""
    boxes: ClassVar[bool] = True
    FOREIGN = re.compile(r"<points?\s|[\"'](?:point|point_2d|bbox_2d|box_2d)[\"'] {0,4}:")

    def write(self, points: Sequence[Written], task: str) -> str:
        if not self.tokens:
            return self.bare.write(points, task)
        return f"{self.start}[{', '.join(f'[{x}, {y}, {x}, {y}]' for x, y in points)}]{self.end}"

    def find(self, text: str, task: str) -> Found:
        if (values := plain.boxes(text) if self.tokens else plain.points(text, False)) is not None:
            return Found(values, notes=self._doubtful(values))
        if self.FOREIGN.search(text):
            return malformed("other_dialect")
        if self.start not in text:
            if "<box>" in text or "<|box_start|>" in text:
                return malformed("other_dialect")
            found = select(scan(text), text, task)
            return found._replace(notes=(*found.notes, *self._doubtful(found.values)))
        values, at = list[tuple[float, ...]](), 0
        while (begin := text.find(self.start, at)) >= 0:
            stop = text.find(self.end, begin)
            groups = scan(text[begin + len(self.start) : stop if stop >= 0 else len(text)]).groups
            if any(len(g.values) not in (2, 4) for g in groups):
                return malformed("not_pairs")
            if stop < 0:
                # The tokens of a box that is cut off do not tell a point from half a box.
                whole = [g.values for g in groups if len(g.values) == 4 or self.tokens]
                return Found([*values, *whole], Status.TRUNCATED)
            read = [g.values for g in groups]
            values += [read[0] + read[1]] if not self.tokens and len(read) == 2 else read
            if not self.tokens and len(read) not in (1, 2):
                return malformed("not_a_box")
            at = stop + len(self.end)
        return Found(values) if values else malformed("not_a_box")

    def _doubtful(self, values: Sequence[tuple[float, ...]]) -> tuple[str, ...]:
        """Two points of Qwen2-VL without the tokens may be the corners of one box."""
        return ("perhaps_a_box",) if len(values) == 2 and not self.tokens else ()


# What may stand between two points of one answer: no end of a sentence, except after a list's number.
BREAK = re.compile(r"[.!?](?<![0-9][.!?])\s++[A-Za-z]")
MARKER = re.compile(r"\banswer(?: is)? {0,4}\*{0,2}:", re.I)
FAR = 100
"""Characters between two points of one answer, at most."""


def select(found: Scan, text: str, task: str, merge: bool = False) -> Found:
    """The groups that are the answer: the only list, or else the only run of loose points.

    With `merge` (JSON objects) loose ones are one run, whatever stands between them.
    """
    groups, notes = found.groups, tuple[str, ...]()
    if not groups:
        return Found((), Status.TRUNCATED) if found.unclosed and not merge else nothing(text)
    runs = _lists(groups)
    loose = not runs
    if loose:
        runs = [groups] if merge else _runs(groups, text)
    elif any(g.cluster < 0 and g.values for g in groups):
        notes = ("other_points_ignored",)
    if len(runs) > 1 and len({tuple(g.values for g in run) for run in runs}) == 1:
        runs, notes = runs[-1:], (*notes, "repeated")
    if len(runs) > 1 and (marker := _last(text)) >= 0:
        after = [run for run in runs if run[0].start >= marker]
        runs, notes = (after, (*notes, "after_the_word_answer")) if len(after) == 1 else (runs, notes)
    if len(runs) > 1:
        return Found((), Status.AMBIGUOUS, notes)
    run = runs[0]
    if any(not g.values for g in run):
        return malformed("not_a_number")
    if task == "grasp" and len(run) == 5:
        order = by_label([(g.start, g.end) for g in run], text)
        if order is None:
            return malformed("labels")
        if order != (0, 1, 2, 3, 4):
            run, notes = [run[i] for i in order], (*notes, "ordered_by_label")
    cut = found.unclosed and (loose or found.open_cluster in (-1, run[0].cluster))
    return Found([g.values for g in run], Status.TRUNCATED if cut else Status.OK, notes)


def _lists(groups: list[Group]) -> list[list[Group]]:
    """Groups by the list they stand in."""
    lists = dict[int, list[Group]]()
    for group in groups:
        if group.cluster >= 0:
            lists.setdefault(group.cluster, []).append(group)
    return list(lists.values())


def _runs(groups: list[Group], text: str) -> list[list[Group]]:
    """Loose points, parted where a sentence ends or much is said between them."""
    runs = [[groups[0]]]
    for last, group in pairwise(groups):
        apart = group.start - last.end > FAR or (
            group.start - last.end > 2 and BREAK.search(text, last.end, group.start) is not None
        )
        runs.append([group]) if apart else runs[-1].append(group)
    return runs


def _last(text: str) -> int:
    """Where the last 'answer:' ends; -1 for nowhere."""
    end = -1
    for marker in MARKER.finditer(text):
        end = marker.end()
    return end


def _swap(values: tuple[float, ...]) -> tuple[float, ...]:
    """y before x, turned round: (y, x), (y1, x1, y2, x2)."""
    return (values[1], values[0]) if len(values) == 2 else (values[1], values[0], values[3], values[2])
