"""Numbers in brackets: every `[x, y]` and `(x, y)` of a text, and the list that it stands in.

Linear in the length of the text: no pattern has a repetition within a repetition, or two in a row that can match the
same character; repetitions before something that may be missing are possessive (`*+`), so they never give back what
they took; a bracket is pushed and popped once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NUMBER = r"[-+]?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?"
"""A decimal number in ASCII digits. '024' is none: '[1,024]' is a number with a thousands separator, not a point."""
ONE = re.compile(NUMBER)
BRACKET = re.compile(
    # a point; any other brackets without brackets inside; an opening one; a closing one
    rf"[\[(]\s*+({NUMBER})\s*+,\s*+({NUMBER})\s*+,?\s*+[\])]|[\[(]([^\[\](){{}}]*+)[\])]|([\[(])|([\])])"
)
FOUR = re.compile(rf"\s*+({NUMBER})\s*+,\s*+({NUMBER})\s*+,\s*+({NUMBER})\s*+,\s*+({NUMBER})\s*+")
KEY = re.compile(r"[\"']([A-Za-z_0-9]{1,24})[\"'] {0,4}: {0,4}$")
NEXT_OPENS = re.compile(r"\s{0,8}[\[(]")
TAIL = re.compile(r"[\[(]\s*+[-+.]?[0-9][^\[\](){}A-Za-z]*+$")
# Between two points of a text: digits or signs that belong to neither, unless they number the points ('2. ').
STRAY = re.compile(r"[\s,;]*+[-+.]*+[0-9][-+.0-9eE,;\s]*+")
NUMBERING = re.compile(r"[\s,;]*+[1-9][0-9]?+[.)]\s++|\s*+(?<=\n)[1-9][0-9]?+\.")
# Directly before a point: a number or a sign, unless it begins the line ('2.[', '-[').
GLUED = frozenset("-+.0123456789")
BEGINS_LINE = re.compile(r"^[ \t]{0,8}(?:[1-9][0-9]?\.|-)$", re.M)
# Directly after it: what makes another number of it.
SCALED = re.compile(r"[0-9]|[eE][-+]?[0-9]|\s?[%‰]")
USUAL = frozenset(("", ", ", ",", " ", "\n", ",\n"))
NOT_FINITE = frozenset(sign + word for sign in ("", "-", "+") for word in ("nan", "inf", "infinity"))
LONGEST = 40
"""Characters of a number; a longer one is not what a model means by a coordinate."""
CLOSES = {"]": "[", ")": "("}


class Group(NamedTuple):
    """Numbers in one pair of brackets."""

    start: int
    end: int
    values: tuple[float, ...]
    """Two or more numbers; () where something in the brackets is no number, or there is only one."""
    cluster: int
    """Which list it stands in, by number; -1 for none."""
    key: str = ""
    """The JSON key before it."""


class Scan(NamedTuple):
    groups: list[Group]
    unclosed: bool
    """The text ends inside a list or inside a point."""
    open_cluster: int
    """The list that is not closed; -1 for none."""


def scan(text: str, keyed: bool = False) -> Scan:
    """All groups of numbers in a text, in order. With `keyed`, also the JSON keys before them.

    A number that stands between points and belongs to none is a group without values: what it stands in is spoilt.
    """
    groups, stack, cluster, depth, last = list[Group](), list[tuple[str, bool]](), -1, 0, 0
    held = {"[": 0, "(": 0}
    for token in BRACKET.finditer(text):
        x, y, inside, opening, closing = token.groups()
        start, end = token.span()
        if closing and not held[CLOSES[closing]]:
            continue  # '2) (5, 6)'
        if (groups or depth) and _stray(text, last, start):
            groups.append(Group(last, start, (), cluster if depth else -1))
        last = end
        if x is not None or inside is not None:
            same = (text[start] == "[") == (text[end - 1] == "]")
            values = _pair(x, y, same) if x is not None else _numbers(inside, text[start] == "[", same)
            if values is not None:
                values = values if _alone(text, start, end) else ()
                key = KEY.search(text, max(0, start - 40), start) if keyed else None
                groups.append(Group(start, end, values, cluster if depth else -1, key[1] if key else ""))
        elif opening:
            # A parenthesis is a list only where a list or a point follows at once; else it is prose.
            lists = opening == "[" or NEXT_OPENS.match(text, end) is not None
            cluster += lists and not depth
            depth += lists
            held[opening] += 1
            stack.append((opening, lists))
        else:
            while stack:  # what was opened inside and never closed was prose
                opened, lists = stack.pop()
                held[opened] -= 1
                depth -= lists
                if opened == CLOSES[closing]:
                    break
    unclosed = depth > 0 or _ends_in_a_point(text)
    if groups and not unclosed and _stray(text, last, len(text)):
        groups.append(Group(last, len(text), (), -1))
    return Scan(groups, unclosed, cluster if depth else -1)


def _stray(text: str, start: int, end: int) -> bool:
    """Whether a stretch between brackets is a number and nothing else, and numbers no point."""
    gap = text[start:end]
    return gap not in USUAL and STRAY.fullmatch(gap) is not None and not NUMBERING.fullmatch(gap)


def _alone(text: str, start: int, end: int) -> bool:
    """Whether no digit, sign or percent is written to a point: '4.[5, 240]', '[5, 6]e3', '(5, 6) %' are none."""
    if start and text[start - 1] in GLUED and not BEGINS_LINE.search(text, max(0, start - 12), start):
        return False
    return SCALED.match(text, end) is None


def _ends_in_a_point(text: str) -> bool:
    """Whether a number, and no closing bracket, follows the last opening one."""
    last = max(text.rfind("["), text.rfind("("))
    return last >= 0 and TAIL.match(text, last) is not None


def _pair(x: str, y: str, same: bool) -> tuple[float, ...]:
    """Two numbers; () where they are too long, or stand between brackets of two kinds."""
    return (float(x), float(y)) if same and len(x) <= LONGEST and len(y) <= LONGEST else ()


def _numbers(inside: str, square: bool, same: bool) -> tuple[float, ...] | None:
    """The numbers between two brackets; () where they are spoilt; None where there are no numbers to speak of."""
    if same and len(inside) <= LONGEST and (box := FOUR.fullmatch(inside)):
        return tuple(map(float, box.groups()))
    parts = [part.strip() for part in inside.split(",")]
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    looks = [_looks_numeric(part) for part in parts]
    if not any(looks) or (not square and len(parts) == 1):
        return None  # words; or '(2)', a remark
    if all(_is_number(part) for part in parts):
        return tuple(map(float, parts)) if same and len(parts) > 1 else ()
    # '[12, abc]' spoils an answer; '(about 30 cm, to the left)' is prose
    return () if all(looks) or square else None


def _looks_numeric(part: str) -> bool:
    bare = part.strip("\"'").lower()
    return bare[:1].isdigit() or (bare[:1] in "+-." and bare[1:2].isdigit()) or bare in NOT_FINITE


def _is_number(part: str) -> bool:
    return len(part) <= LONGEST and (ONE.fullmatch(part) is not None or part.lower() in NOT_FINITE)
