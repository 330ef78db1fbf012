"""Models -> names.json: a VLM is shown each model from eight sides and says what a person would call it.

What it says is checked word by word and stays *unverified* until someone has looked: nothing of it enters a question
before its status is edited to 'verified', or `--trust` is given. Entries that someone has reviewed are never touched.
Every reply is kept by content, so that a killed run goes on where it stopped and a second one asks nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from bopask.ask.colors import WORDS
from bopask.ask.names import LONGEST, SURE, UNPLAIN
from bopask.ask.referring.form import RANKS
from bopask.bop.models import Models
from bopask.bop.skin import read_skin
from bopask.errors import InputError
from bopask.models.ask import Answer, Asker
from bopask.models.ask import Request as Asking
from bopask.nouns import Description
from bopask.store.files import write_json
from bopask.view.turntable import sheet

PROMPT = f"""The picture shows one object from eight sides: six from around it, one from above, one from below.
Say what a person would call it, in plain lower-case English without an article:
- name: what it is, short and telling it apart from similar objects, as "red mug" or "tomato soup can"
- synonyms: up to three other names that fit it
- category: the kind of thing in one or two words, as "mug"
- colors: its main colours, the most seen first, only from: {", ".join(WORDS)}
- shape, material: a few words, or "" where you cannot tell
- use: what it is for, after "used to", as "drink from", or ""
- printed: the most prominent words written on it, as written, or ""
Say only what you see. Answer with one JSON object with exactly these keys."""
TEXT: Mapping[str, Any] = {"type": "string"}
LIST: Mapping[str, Any] = {"type": "array", "items": TEXT}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "name": TEXT,
    "synonyms": LIST,
    "category": TEXT,
    "colors": {"type": "array", "items": {"type": "string", "enum": list(WORDS)}},
    "shape": TEXT,
    "material": TEXT,
    "use": TEXT,
    "printed": TEXT,
}
SCHEMA: Mapping[str, Any] = {
    "type": "object", "properties": FIELDS, "required": list(FIELDS), "additionalProperties": False
}  # fmt: skip
PLAIN = re.compile(r"[a-z0-9]+(?:(?:[ -]|' ?|, )[a-z0-9]+)*")
ARTICLE = re.compile(r"^(?:an?|the) ")
PLACES = set(RANKS) | {
    *("left", "right", "leftmost", "rightmost", "topmost", "lowest", "top", "bottom", "closest", "nearest", "farthest"),
    *("furthest", "behind", "front", "above", "below", "beside", "this", "that", "it", "other", "image", "picture"),
}
"""Words by which questions tell places apart: a name that holds one would be read as a place."""


@dataclass(frozen=True)
class Request:
    """What to describe, and by whom."""

    models: Path
    out: Path
    askers: tuple[Asker, ...]
    """One model, or two whose disagreements are flagged."""
    limit: int | None = None
    """Describe at most so many objects."""
    side: int = 256
    """Pixels of one view."""


@dataclass(frozen=True)
class Outcome:
    """What a run did, by object."""

    described: int
    refused: Mapping[int, str]
    """Objects of which no model gave a usable description, and why."""
    disagree: Mapping[int, tuple[str, ...]]
    """Objects and the fields in which two models differ."""
    kept: int
    """Reviewed before, and left as they are."""
    asked: int
    """Replies fetched just now."""

    def text(self) -> str:
        lines = [f"{self.described} objects described, {self.kept} kept as reviewed, {self.asked} replies fetched"]
        lines += [f"  object {o}: the models differ in {', '.join(names)}" for o, names in self.disagree.items()]
        lines += [f"  object {o}: not described ({reason})" for o, reason in self.refused.items()]
        return "\n".join(lines)


def describe(request: Request, progress: Callable[[], object] = lambda: None) -> Outcome:
    """Writes `request.out`; look at each entry beside its model, and set its status to 'verified'.

    Raises:
        InputError: no models, an unreadable names file, or a model that does not answer (what was answered is kept).
    """
    models = Models(request.models) if request.models.is_dir() else None
    if not models:
        raise InputError(request.models, "holds no obj_*.ply", "Give the folder of the models, as DATASET/models")
    if len({asker.model for asker in request.askers}) < len(request.askers):
        raise InputError("--vlm2", "is the same model", "Give another one, or none")
    before = _read(request.out)
    reviewed = {int(o): entry for o, entry in before.items() if entry.get("status") in SURE}
    todo = [obj_id for obj_id in models.obj_ids if obj_id not in reviewed][: request.limit]
    sheets = [sheet(read_skin(models[obj_id]), request.side) for obj_id in todo]
    asking = [Asking(PROMPT, checked, png, SCHEMA) for png in sheets]
    answers = [asker.ask_each(asking, lambda index, answer: progress()) for asker in request.askers]
    told = {obj_id: [by[k] for by in answers] for k, obj_id in enumerate(todo)}
    entries = {obj_id: entry(request.askers, given) for obj_id, given in told.items()}
    untouched = {int(o): e for o, e in before.items() if int(o) not in entries}
    taken = [phrase for e in untouched.values() for phrase in (e.get("name", ""), *e.get("synonyms", ()))]
    told_apart(entries, taken)
    write_json(request.out, {"dataset": request.models.resolve().parent.name, "objects": {**untouched, **entries}})
    return Outcome(
        described=sum(bool(e["name"]) for e in entries.values()),
        refused={o: e["problem"] for o, e in entries.items() if "problem" in e},
        disagree={o: tuple(e["disagree"]) for o, e in entries.items() if e.get("disagree")},
        kept=len(reviewed),
        asked=sum(answer.asked for by in answers for answer in by),
    )


def entry(askers: Sequence[Asker], given: Sequence[Answer[Description]]) -> dict[str, Any]:
    """The entry of one object: the first usable description, and where another model says otherwise."""
    said = {asker.model: answer.value for asker, answer in zip(askers, given, strict=True) if answer.value}
    if not said:
        source = " and ".join(asker.model for asker in askers)
        return {**asdict(Description("", status="unverified", source=source)), "problem": given[0].reason}
    (model, first), *others = said.items()
    told = asdict(replace(first, status="unverified", source=model))
    if len(askers) > 1:
        told["disagree"] = sorted({name for _, other in others for name in differences(first, other)})
        told["others"] = {name: asdict(replace(one, status="unverified", source=name)) for name, one in others}
        told["silent"] = [asker.model for asker in askers if asker.model not in said]
    return told


def differences(one: Description, other: Description) -> list[str]:
    """The fields in which two descriptions contradict each other; a field that either leaves empty does not."""
    found = []
    if not {one.name, *one.synonyms} & {other.name, *other.synonyms}:
        found.append("name")
    if one.colors and other.colors and set(one.colors[:2]).isdisjoint(other.colors[:2]):
        found.append("colors")
    for name in ("category", "material", "printed"):
        a, b = (set(getattr(d, name).casefold().split()) for d in (one, other))
        if a and b and a.isdisjoint(b):
            found.append(name)
    return found


def told_apart(entries: Mapping[int, dict[str, Any]], taken: Iterable[str]) -> None:
    """Strikes names that two objects share, in place: a synonym takes over, or the colour is added, or none is left."""
    claims = Counter(p for e in entries.values() for p in {e["name"], *e["synonyms"]} if p)
    claims.update(set(taken))
    for told in entries.values():
        own = [phrase for phrase in dict.fromkeys((told["name"], *told["synonyms"])) if phrase and claims[phrase] == 1]
        if told["name"] and not own:
            own = [p for p in (f"{color} {told['name']}" for color in told["colors"][:1]) if not claims[p]]
            claims.update(own)
        if told["name"] and not own:
            told["problem"] = f"another object is called {told['name']!r} too"
        told["name"], told["synonyms"] = (own[0] if own else ""), own[1:]


def checked(reply: Any) -> Description:
    """A reply as a description.

    Raises:
        ValueError: what cannot be used of it, in words for the model.
    """
    if not isinstance(reply, dict) or any(name not in reply for name in FIELDS):
        raise ValueError(f"it must be a JSON object with the keys {', '.join(FIELDS)}")
    if extra := [name for name in reply if name not in FIELDS]:
        raise ValueError(f"these keys were not asked for: {', '.join(map(str, extra[:3]))!r}")
    name = phrase("name", reply["name"])
    synonyms = [phrase("synonyms", one) for one in listed("synonyms", reply["synonyms"], 6)]
    colors = listed("colors", reply["colors"], len(WORDS))
    if unknown := [color for color in colors if color not in WORDS]:
        raise ValueError(f"colors: {unknown[0]!r} is none of {', '.join(WORDS)}")
    return Description(
        name,
        synonyms=tuple(one for one in dict.fromkeys(synonyms) if one != name)[:3],
        category=phrase("category", reply["category"]),
        colors=tuple(dict.fromkeys(colors)),
        shape=words("shape", reply["shape"], empty=True),
        material=words("material", reply["material"], empty=True),
        use=words("use", reply["use"], empty=True),
        printed=printed("printed", reply["printed"]),
    )


def phrase(field: str, value: Any) -> str:
    """What may stand after 'the' in a question."""
    said = words(field, value)
    if len(said.split()) > 6 or len(said) > 40:
        raise ValueError(f"{field}: {said[:40]!r} … is too long, at most 6 words and 40 letters")
    if places := PLACES & set(said.split()):
        raise ValueError(f"{field}: {min(places)!r} says where, not what it is")
    return said


def words(field: str, value: Any, empty: bool = False) -> str:
    """Plain lower-case words without an article."""
    said = ARTICLE.sub("", printed(field, value).lower().rstrip("."))
    if not (said or empty) or (said and not PLAIN.fullmatch(said)):
        raise ValueError(f"{field}: {said[:40]!r} is not plain English words")
    return said


def printed(field: str, value: Any) -> str:
    """Short text in one line, free of markup, braces and control characters."""
    said = " ".join(value.split(" ")).strip() if isinstance(value, str) else "\n"
    if UNPLAIN.search(said) or not said.isprintable():
        raise ValueError(f"{field}: must be text without markup, braces or control characters")
    if len(said) > 2 * LONGEST:
        raise ValueError(f"{field}: is too long, at most {2 * LONGEST} letters")
    return said


def listed(field: str, value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{field}: must be a list of at most {most} texts")
    return value


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a names file that is there already."""
    if not path.exists():
        return {}
    try:
        objects = orjson.loads(path.read_bytes())["objects"]
        return {str(int(o)): dict(told) for o, told in objects.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(path, f"is not a names file ({error})", "Move it away or choose another --out") from error
