"""Yes or No, as models say it."""

from __future__ import annotations

import re

from bopask.bench.dialects.parsed import Parsed, Status

PLAIN = {"yes": True, "yes.": True, "no": False, "no.": False, "**yes**": True, "**no**": False}
SAID = re.compile(
    # At the start of the text or of a sentence, and nothing but punctuation after it; or declared the answer.
    r"(?:^|(?<=[.!?:;\n])|(?<=wait,))[\s*_\"'`(]{0,8}\b(yes|no)\b(?=[\s*_\"'`)]{0,8}(?:[.,!;:\n—–]|$))"
    r"|\banswer[\"']?(?: is|:| would be)[\s*_\"'`:]{0,8}(not )?(yes|no)\b"
    r"|\\boxed\{(?:\\text\{)?(yes|no)\b"
    r"|\b(?:so|therefore|thus|hence|say),? (yes|no)\b(?=[\s*_\"'`)]{0,8}(?:[.,!;:\n]|$))",
)
OPENS = re.compile(
    r"[\s*_\"'`]{0,8}(yes|no)\b[\s*_]{0,8}(?:it|the|that|this|they|there|he|she|i|we|because|they're|it's)\b"
)
BOTH = re.compile(r"\b(?:yes\s{0,3}(?:/|or|and)\s{0,3}no|no\s{0,3}(?:/|or|and)\s{0,3}yes)\b")
REFUSAL = re.compile(
    r"\b(?:(?:i am|i'm) (?:sorry|unable|not able)|sorry"
    r"|i (?:cannot|can't|can not|won't|am not able|do not see|don't see)|unable to|as an ai"
    r"|cannot (?:be determined|determine|tell|see|identify|provide|locate)|can't (?:tell|determine|see)"
    r"|not possible to|impossible to|not sure|no image|not visible)\b"
)
AROUND = 20_000
"""Characters of a long reply, from each end, in which words are looked for."""


def words_of(text: str) -> str:
    """The text in lower case with straight apostrophes; of a long one its two ends."""
    text = text if len(text) <= 2 * AROUND else f"{text[:AROUND]}\n{text[-AROUND:]}"
    return text.lower().replace("’", "'")


def refuses(text: str) -> bool:
    return REFUSAL.search(words_of(text)) is not None


def parse_choice(text: str, notes: tuple[str, ...]) -> Parsed:
    """The verdict of a text that is out of its wrappers. Statements that contradict each other are ambiguous."""
    plain = PLAIN.get(text.strip().lower())
    if plain is not None:
        return Parsed(Status.OK, verdict=plain, notes=notes)
    words = words_of(text)
    if BOTH.search(words):
        return Parsed(Status.AMBIGUOUS, notes=notes)
    said = {(m[1] or m[3] or m[4] or m[5], m[2] is not None) for m in SAID.finditer(words)}
    if not said and (opening := OPENS.match(words)):
        said = {(opening[1], False)}
    if len(said) > 1 or any(negated for _, negated in said):
        return Parsed(Status.AMBIGUOUS, notes=notes)
    if said:
        return Parsed(Status.OK, verdict=said.pop()[0] == "yes", notes=notes)
    return Parsed(Status.REFUSAL if REFUSAL.search(words) else Status.NO_POINTS, notes=notes)
