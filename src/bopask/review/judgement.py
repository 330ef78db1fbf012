"""What a person may say, checked before it is kept: a judgement of a row or of a description, or a reply."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bopask.nouns import Description
from bopask.review.answers import form_of, read_points, text_of

VERDICTS = ("accept", "reject", "fix")
LONG = 4_000
"""Characters of a text that a person writes, at most."""
LISTS = ("synonyms", "colors")
WORDS = ("name", "synonyms", "category", "colors", "shape", "material", "use", "printed")
"""What a person may change of a description."""


class Refused(ValueError):
    """What is wrong with it, in words for the page."""


def read_name(value: Any) -> str:
    """An annotator's name: one line of at most 60 characters."""
    name = _text(value, "name").strip()
    if not 0 < len(name) <= 60 or any(unicodedata.category(c)[0] == "C" for c in name):
        raise Refused("Give a name of 1 to 60 characters.")
    return name


def read_judgement(raw: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any] | None:
    """A judgement of a row: verdict (or None), doubt, comment, and what a fix puts in the row's place.

    None where nothing is said. Raises Refused.
    """
    said = _said(raw)
    if said["verdict"] == "accept" and not row["answer"]:
        raise Refused("It has no answer yet: set one, then save the fix.")
    if said["verdict"] == "fix":
        question = _text(raw.get("question"), "question").strip()
        answer, points = _answer(raw, row)
        same = points is None or points == row.get("answer_points")
        if not question:
            raise Refused("The question is empty.")
        if question == row["question"] and answer == row["answer"] and same:
            raise Refused("Nothing is changed: accept it instead.")
        said |= {"question": question, "answer": answer, "points": points}
    return said if said["verdict"] or said["doubt"] or said["comment"] else None


def read_reply(raw: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """An answer given without seeing the true one. Raises Refused."""
    answer, points = _answer(raw, row)
    return {"reply": answer, "points": points}


def read_opinion(raw: Mapping[str, Any], description: Description) -> dict[str, Any] | None:
    """A judgement of an object's description; it carries the words that were judged. Raises Refused."""
    said = _said(raw)
    if said["verdict"] == "fix":
        given = raw.get("description")
        if not isinstance(given, Mapping):
            raise Refused("A fix needs a description.")
        fixed = replace(description, **{name: _words(given[name], name) for name in WORDS if name in given})
        if not fixed.name or any(c in f"{fixed.name}{''.join(fixed.synonyms)}" for c in "{}"):
            raise Refused("Give a name in plain words.")
        if fixed == description:
            raise Refused("Nothing is changed: accept it instead.")
        description = fixed
    said["description"] = {name: value for name, value in asdict(description).items() if name in WORDS}
    return said if said["verdict"] or said["doubt"] or said["comment"] else None


def _said(raw: Mapping[str, Any]) -> dict[str, Any]:
    verdict = raw.get("verdict")
    if verdict is not None and verdict not in VERDICTS:
        raise Refused("A verdict is accept, reject or fix.")
    return {
        "verdict": verdict,
        "doubt": raw.get("doubt") is True,
        "comment": _text(raw.get("comment") or "", "comment").strip(),
    }


def _answer(raw: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[str, list[list[float]] | None]:
    form = form_of(row)
    try:
        points = read_points(raw.get("points")) if form.kind == "points" else None
    except (ValueError, TypeError) as error:
        raise Refused(f"The {error}.") from error
    text = text_of(str(row["task"]), points) if points is not None else _text(raw.get("answer"), "answer").strip()
    if wrong := form.check(text, points, int(row["width"]), int(row["height"])):
        raise Refused(wrong)
    return text, points


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > LONG or "\0" in value:
        raise Refused(f"The {what} is not a text of at most {LONG:,} characters.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Refused(f"The {what} holds half a character.") from error
    return value


def _words(value: Any, name: str) -> Any:
    if name not in LISTS:
        return _text(value or "", name).strip()
    if not isinstance(value, list | tuple):
        raise Refused(f"{name} is a list of words.")
    return tuple(dict.fromkeys(word for item in value if (word := _text(item, name).strip())))
