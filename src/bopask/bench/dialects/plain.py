"""Answers spelt as `write` spells them, alone or among words that could not be another: one pattern instead of a scan.

So are nearly all replies of models that were told a format. Each function gives the written numbers, a tuple a point,
or None: the text is something else, which is for the scan to read. What is read here, the scan reads the same, three
times as slowly (tests/test_dialects.py compares them).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from bopask.ask.grasp import NAMES as GRASP_LABELS
from bopask.bench.dialects.labels import LABEL, lowered
from bopask.bench.dialects.scan import GLUED

Values: TypeAlias = list[tuple[float, ...]]

NUMBER = r"-?(?:0|[1-9][0-9]{0,8}+)(?>(?:\.[0-9]{1,9}+)?)"
"""Of 20 characters at most, and without an exponent. Groups are atomic, not possessive: before 3.11.5 Python forgets to
go back to where a possessive group began that did not match (python/cpython#106052)."""
S = r"\s{0,20}+"
COMMA = rf"{S},{S}"
SQUARE, ROUND = (rf"{a}{S}{NUMBER}{COMMA}{NUMBER}{S}{b}" for a, b in ((r"\[", r"\]"), (r"\(", r"\)")))
POINT = rf"(?:{SQUARE}|{ROUND})"
BOX = rf"\[{S}{COMMA.join([NUMBER] * 4)}{S}\]"


def several(item: str) -> str:
    """One or more, with commas between them. None can be matched in two ways, so nothing is ever tried again."""
    return rf"{item}(?>(?:{COMMA}{item})*)"


LIST = re.compile(rf"\[{S}{several(POINT)}{S}\]|{several(POINT)}")
BOXES = re.compile(rf"<box>{S}\[{S}({several(BOX)}){S}\]{S}</box>")
CAPTURED = rf"\[{S}({NUMBER}){COMMA}({NUMBER}){S}\]"
LABELLED = re.compile(COMMA.join(rf"{name}:{S}{CAPTURED}" for name in GRASP_LABELS))
PAIR = re.compile(CAPTURED)
LABEL_OF = re.compile(r'"label"\s*+:\s*+"([^"]*+)"')
NAMES = [name.lower() for name in GRASP_LABELS]
TAG = re.compile(rf'<points((?>(?: x([0-9]{{1,2}}+)="{NUMBER}" y\2="{NUMBER}")+)) alt="[^"<>]*+">[^<>]*+</points>')
PLACE = re.compile(rf'x([0-9]++)="({NUMBER})" y[0-9]++="({NUMBER})"')
BRACKETS = str.maketrans("()[],", "     ")
WORDS = re.compile(r"(?>(?:[^0-9\[\](){}<>%‰'\"]|(?<=[A-Za-z])'(?=[A-Za-z]))*)")
"""Around an answer: nothing that could be a number, a list, a tag or a key."""


def points(text: str, labelled: bool) -> Values | None:
    """`[[x, y], …]`, `[(x, y), …]`, the same without outer brackets; if `labelled`, also a grasp with its labels."""
    end = max(text.rfind("]"), text.rfind(")")) + 1
    if labelled and (start := text.find(f"{GRASP_LABELS[0]}:")) >= 0:
        grasp = LABELLED.fullmatch(text, start, end)
        if not grasp or not _alone(text, start, end):
            return None
        values = list(map(float, grasp.groups()))
        return list(zip(values[::2], values[1::2], strict=True))
    start = min((at for at in (text.find("["), text.find("(")) if at >= 0), default=end)
    return _by(2, text[start:end]) if LIST.fullmatch(text, start, end) and _alone(text, start, end) else None


def boxes(text: str) -> Values | None:
    """`<box>[[x1, y1, x2, y2], …]</box>`."""
    start, end = text.find("<"), text.rfind(">") + 1
    found = BOXES.fullmatch(text, start, end) if start >= 0 else None
    return _by(4, found[1]) if found and _alone(text, start, end) else None


def objects(text: str, key: str, labelled: bool) -> Values | None:
    """`[{"key": [x, y], "label": "…"}, …]`; if `labelled`, labels that name a grasp's points name them in order."""
    start, end = text.find("["), text.rfind("]") + 1
    if start < 0 or not _objects(key).fullmatch(text, start, end) or not _alone(text, start, end):
        return None
    if labelled:
        labels = [lowered(label) for label in LABEL_OF.findall(text)]
        if labels != NAMES and any(map(LABEL.search, labels)):
            return None
    return [(float(a), float(b)) for a, b in PAIR.findall(text)]


@lru_cache(maxsize=8)
def _objects(key: str) -> re.Pattern[str]:
    label = rf'{COMMA}"label"{S}:{S}"[^"\\\[\](){{}}<]*+"'
    one = rf'\{{{S}"{key}" {{0,4}}: {{0,4}}{SQUARE}(?>(?:{label})?){S}\}}'
    return re.compile(rf"\[{S}{several(one)}{S}\]")


def tag(text: str) -> Values | None:
    """`<points x1="…" y1="…" x2="…" y2="…" alt="…">…</points>`, numbered from 1 on."""
    start, end = text.find("<"), text.rfind(">") + 1
    found = TAG.fullmatch(text, start, end) if start >= 0 else None
    if not found or not _alone(text, start, end):
        return None
    places = PLACE.findall(found[1])
    if [place for place, _, _ in places] != [str(i + 1) for i in range(len(places))]:
        return None
    return [(float(x), float(y)) for _, x, y in places]


def _alone(text: str, start: int, end: int) -> bool:
    """Whether there is nothing but words around a stretch of a text, and none of them names a point of a grasp."""
    if start == 0 and end == len(text):
        return True
    around = f"{text[:start]} {text[end:]}"
    if around.isspace():
        return True
    glued = start > 0 and text[start - 1] in GLUED
    return not glued and bool(WORDS.fullmatch(around)) and not LABEL.search(lowered(around))


def _by(count: int, text: str) -> Values:
    """The numbers of a text that has nothing else but brackets and commas, so many to a tuple."""
    values = map(float, text.translate(BRACKETS).split())
    return list(zip(*[values] * count, strict=True))
