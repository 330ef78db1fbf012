"""Does a paraphrase ask what the wording asks? What is not sure to is turned down, with a reason that is counted.

A paraphrase keeps every slot (in the order that decides roles), the relation and the frame it is meant in, the numbers,
the kind of question and what must or may be done; it brings in no other object, no negation, no format of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from bopask.ask.rewriting.wording import Wording

RELATIONS: dict[str, tuple[str, str]] = {
    "left": (r"to the left of", r"right"),
    "right": (r"to the right of", r"left"),
    "front": (r"in front of", r"behind|rear|back"),
    "behind": (r"behind", r"front"),
    "above": (r"above", r"below|beneath|under(neath)?|higher|taller"),
    "below": (r"below", r"above|over|on top|lower|shorter"),
    "closer": (r"closer to the camera", r"farther|further|behind"),
    "farther": (r"farther from the camera", r"closer|nearer|front"),
    "higher": (r"higher", r"lower|below|beneath|smaller|shorter"),
    "lower": (r"lower", r"higher|taller|larger|bigger"),
    "facing_left": (r"left", r"right"),
    "facing_right": (r"right", r"left"),
    "nearer": (r"nearer to", r"farther|further|camera"),
    "farther_from": (r"farther from", r"nearer|closer|camera"),
    "between": (r"between", r"before|after|first|last|behind|front"),
}
"""The words of a relation, which stay as they are, and those that a paraphrase may not bring in."""
OF_THREE: Mapping[str, str] = {
    "leftmost": "left", "rightmost": "right", "foremost": "front", "hindmost": "behind", "closest": "closer",
    "farthest": "farther",
}  # fmt: skip
"""One that comes before two others, {b} before {a} and {c}, by a relation of pairs: its words, and that it is both."""
RELATIONS |= {one: RELATIONS[of] for one, of in OF_THREE.items()}
MIDDLE = (*OF_THREE, "between")
"""Relations whose subject is {b}."""
FRAMES: dict[str, str] = {
    **dict.fromkeys(("left", "right", "front", "behind", "closer", "farther"), r"camera"),
    **dict.fromkeys(("above", "below", "higher", "lower"), r"surface"),
    **dict.fromkeys(("facing_left", "facing_right"), r"fac(e|es|ed|ing)|look(s|ed|ing)?|toward(s)?|ahead"),
    "between": r"(?=.*\bcamera).*\b(?:left to right|right to left)",
    **dict.fromkeys(OF_THREE, r"(?=.*\bcamera).*\b(?:both|(?:the )?other two|(?:the |both )others|each|them|alike)"),
}
"""What says whose left, whose front, which up is meant."""
KEPT: Mapping[str, tuple[str, str]] = {
    "cuboid": (r"cuboid|box|pose|corners?", r"2d|cent(?:re|er)|(?:grasp|grip|pick|finger)\w*"),
    "parallel_jaw": (r"(?:grasp|grip|pick|lift|hold|finger|take)\w*", r"drop|release|push|corners?|cuboid"),
    "carry": (r"path|way|route|trajectory|motion|put|(?:waypoint|move|carr|bring|point|take|steer)\w*", r"rotate|turn"),
    "first": (r"first|(?:begin|start)\w*", r"last|all|every|could|might|may|any|single"),
    "all": (
        r"objects|what|which|every\w*|each|all|obstacle\w*",
        r"first|one|single|could|would|might|may|any|least|no more|(?:few|small|short|begin|start)\w*",
    ),
    "any": (r"could|would|may|might|whose|enough", r"must|have to|has to|first|all|every|objects"),
    "set": (r"least|no more than|minim\w*|(?:few|small|short)\w*", r"must|have to|has to|first|all|every|each|single"),
}
"""Of tasks that point: words of which one has to be said, and words that a paraphrase may not bring in."""
NUMBERS = re.compile(r"\b(\d+(?![dD\d])|two|three|four|five|six|seven|eight|nine|ten|dozen|half|both|twice)\b", re.I)
NEGATIONS = re.compile(
    r"\b(not|no(?! more than)|never|neither|nor|except|unless|un\w+able|without(?= the \{))\b|n't\b", re.I
)
FORMATS = re.compile(
    r"\b(answer\w*|respond\w*|reply|replies|format\w*|json|pixel\w*|coordinate\w*|normali[sz]ed|percent\w*|tuple\w*"
    r"|explain\w*|describe|describing|why|word|words|sentence\w*|yes|true|false)\b",
    re.I,
)
POLAR = re.compile(r"\b(is|are|does|do|would|will|can|could|has|have|did|was|were)\b", re.I)
WH = re.compile(r"\b(what|which|who|whom|whose|how|why|whether|or)\b|(?:^|[.?!:] )where\b|\bwhere (?:is|are)\b", re.I)
ORDERED = ("carry", "facing_left", "facing_right", "nearer", "farther_from")
SHORTEST, LONGEST = 12, 260
"""Characters of a body."""


def faults(paraphrase: str, wording: Wording, subtask: str, nouns: Iterable[str]) -> Iterator[str]:
    """Reasons why a paraphrase of a wording's body cannot stand for it.

    Args:
        nouns: every name of an object that may be known, lower case.
    """
    said, body = paraphrase, wording.body
    if not said.isprintable() or re.search(r"[`*_#<>\[\]|\\\"“”]|\{(?![abc]\})|(?<!\{[abc])\}", said) or "  " in said:
        yield "markup"
    if not SHORTEST <= len(said) <= min(LONGEST, 3 * len(body)):
        yield "length"
    if not re.fullmatch(r"[A-Z].*[.?!]", said.strip("\n")) or said != said.strip():
        yield "not_a_sentence"
    slots = re.findall(r"\{([abc])\}", said)
    if set(slots) != set(wording.slots) or max(map(slots.count, slots), default=0) > 2:
        yield "slots"
    if re.search(r"(?i)(?<!the )\{[abc]\}|\{[abc]\}(?:['’]|\w)", said):
        yield "article"
    yield from order_faults(said, wording, subtask)
    if {n for n in NUMBERS.findall(body) if n.isdigit()} - set(NUMBERS.findall(said)):
        yield "numbers"
    of_three = "both two three" if len(set(wording.slots)) == 3 else ""
    for reason, words in (("numbers", NUMBERS), ("negation", NEGATIONS), ("format", FORMATS)):
        if brought_in(words, said, f"{body} {wording.format} {of_three}"):
            yield reason
    required, excluded = RELATIONS.get(subtask) or KEPT[subtask]
    if not re.search(rf"\b({required})\b", said, re.I):
        yield "relation" if subtask in RELATIONS else "task"
    if brought_in(re.compile(rf"\b({excluded})\b", re.I), said, body):
        yield "other_relation" if subtask in RELATIONS else "other_task"
    if subtask in FRAMES and not re.search(rf"\b({FRAMES[subtask]})\b", said, re.I):
        yield "frame"
    yield from form_faults(said, subtask)
    if new_nouns(said, body, nouns):
        yield "new_object"


def brought_in(words: re.Pattern[str], said: str, body: str) -> bool:
    """Whether the paraphrase has such words that the wording has not."""
    return bool({m[0].lower() for m in words.finditer(said)} - {m[0].lower() for m in words.finditer(body)})


def order_faults(said: str, wording: Wording, subtask: str) -> Iterator[str]:
    """Slots keep their roles: of a relation the subject is what is spoken of last before it."""
    order = list(dict.fromkeys(re.findall(r"\{([abc])\}", said)))
    if subtask in ORDERED and order != sorted(order):
        yield "roles"
    elif subtask in RELATIONS and subtask not in ORDERED:
        match = re.search(rf"\b{RELATIONS[subtask][0]}\b", said, re.I)
        subject = "b" if subtask in MIDDLE else "a"
        before = re.findall(r"\{([abc])\}", said[: match.start()]) if match else [subject]
        if before[-1:] != [subject]:
            yield "roles"


def form_faults(said: str, subtask: str) -> Iterator[str]:
    """A yes/no question stays one; what asks for points does not become one."""
    sentences = re.split(r"(?<=[.?!:,]) ", said)
    if subtask in RELATIONS:
        if not said.endswith("?") or said.count("?") != 1 or not POLAR.search(said) or WH.search(said):
            yield "question_form"
    elif any(re.match(r"(?i)(is|are|does|do|did|was|were|has|have|would|will)\b(?! you)", s) for s in sentences):
        yield "question_form"


def new_nouns(said: str, body: str, nouns: Iterable[str]) -> list[str]:
    """Names of objects in a paraphrase that are not in the wording."""
    low, known = f" {words_of(said)} ", f" {words_of(body)} "
    return [noun for noun in nouns if f" {noun} " in low and f" {noun} " not in known]


def words_of(text: str) -> str:
    """Lower-case words with single spaces; a slot is a bar."""
    return " ".join(re.findall(r"[a-z0-9]+|\|", re.sub(r"\{[abc]\}", " | ", text.lower())))
