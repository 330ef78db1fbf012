"""Names: each phrase of a question means exactly the stated instance of this picture, read as a person would.

A phrase is a name, or a name with a place: 'leftmost …', 'second … from the left', 'topmost …'. Names come from the
same JSON files that generation reads; words from mesh and texture from the manifest, and only for objects that these
files leave without one. Who is meant is worked out from silhouettes cast by rays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from bopask.errors import InputError
from bopask.verify.rays import Sight
from bopask.verify.truth import BopTruth, Disagreement, FrameTruth, Row, read_json

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
ENDS = {"leftmost": (0, 0), "rightmost": (0, -1), "topmost": (1, 0), "lowest": (1, -1)}
PLACE = re.compile(rf"(?:(?P<end>{'|'.join(ENDS)}) )?(?:(?P<nth>{'|'.join(ORDINALS)}) )?(?P<rest>.+)")
GLIMPSE = 0.01
"""An object of which rays see less than this share is not there for a reader."""
APART = 4.0
"""Pixels by which places in the picture must differ for 'leftmost' or 'second' to be said (generation keeps 6 px)."""
RELATIONS = {
    "left": r"to the left of",
    "right": r"to the right of",
    "front": r"in front of",
    "behind": r"behind",
    "above": r"above",
    "below": r"below",
    "closer": r"closer to the camera",
    "farther": r"farther from the camera",
}
"""The words of a relation between two objects. What is spoken of last before them is their subject."""


@dataclass(frozen=True)
class Lexicon:
    """Which object each name means."""

    obj_id: Mapping[str, int]

    def meant(self, phrase: str, frame: FrameTruth, sight: Sight) -> list[int]:
        """The visible instances that a phrase may mean: one, if it is a good phrase."""
        match = PLACE.fullmatch(phrase)
        if phrase in self.obj_id:
            return self.visible(phrase, frame, sight)
        if match is None:
            return []
        if match["end"]:
            axis, position = ENDS[match["end"]]
            return in_order(self.visible(match["rest"], frame, sight), position, axis, sight)
        for axis, side in enumerate(("left", "top")):
            name = match["rest"].removesuffix(f" from the {side}")
            if match["nth"] and name != match["rest"]:
                return in_order(self.visible(name, frame, sight), ORDINALS.index(match["nth"]), axis, sight)
        return []

    def visible(self, name: str, frame: FrameTruth, sight: Sight) -> list[int]:
        """The instances of a name that a reader can see."""
        same = np.flatnonzero(frame.obj_ids == self.obj_id.get(name, -1))
        return [int(i) for i in same if sight.visib_fract[i] >= GLIMPSE]


def in_order(group: list[int], position: int, axis: int, sight: Sight) -> list[int]:
    """The one at a position along u or v; all of the group where places are too near to tell, none beyond the end."""
    if len(group) < 2 or position >= len(group):
        return []
    places = np.array([sight[i].middle(sight[i].whole)[axis] for i in group])
    order = places.argsort()
    if np.diff(places[order]).min() < APART:
        return group
    return [group[order[position]]]


def spoken_of(row: Row) -> int:
    """How many instances the question speaks of: three in 'facing', two in other relations and paths, else one."""
    if row["subtask"].startswith("facing_"):
        return 3
    return 2 if row["task"] in ("spatial", "depth", "trajectory") else 1


def check(row: Row, frame: FrameTruth, sight: Sight, lexicon: Lexicon) -> Iterator[Disagreement]:
    n = spoken_of(row)
    phrases, instances = [phrase or "" for phrase in row["phrases"][:n]], row["instances"][:n]
    if len(phrases) < n or len(instances) < n:
        yield Disagreement("name: phrases", f"{phrases} for {instances}", f"the question speaks of {n}")
        return
    for phrase, instance in zip(phrases, instances, strict=True):
        meant = lexicon.meant(phrase, frame, sight)
        if meant != [instance]:
            found = f"it may mean {meant}" if meant else "it means nothing in this picture"
            yield Disagreement("name: means the object", f"{phrase!r} is instance {instance}", found)
    yield from check_spoken(row, phrases)


def check_spoken(row: Row, phrases: list[str]) -> Iterator[Disagreement]:
    """The question speaks of the stated phrases, in the roles of their slots."""
    question = row["question"]
    spoken = occurrences(question, phrases)
    for phrase in phrases:
        if phrase not in [one for one, _ in spoken]:
            yield Disagreement("name: in the question", phrase, question)
            return
    order = [one for one, _ in spoken]
    subject = order[0]
    if row["subtask"] in RELATIONS:
        words = re.search(rf"\b{RELATIONS[row['subtask']]}\b", question)
        if words is None:
            yield Disagreement("name: relation in the question", row["subtask"], question)
            return
        before = [one for one, at in spoken if at < words.start()]
        subject = before[-1] if before else ""
    elif row["subtask"].startswith("facing_"):
        side = row["subtask"].removeprefix("facing_")
        if not re.search(rf"\b{side}\b", question):
            yield Disagreement("name: relation in the question", row["subtask"], question)
        if list(dict.fromkeys(order)) != phrases:
            yield Disagreement("name: slots", str(phrases), f"spoken of in the order {order}")
            return
    if subject != phrases[0]:
        yield Disagreement("name: slots", f"{phrases[0]!r} is what is asked about", f"it is {subject!r}")


def occurrences(question: str, phrases: list[str]) -> list[tuple[str, int]]:
    """Where each phrase stands in a question, in order; a longer phrase hides a shorter one inside it."""
    longest_first = sorted(set(phrases), key=lambda phrase: (-len(phrase), phrase))
    any_of = "|".join(re.escape(phrase) for phrase in longest_first)
    return [(match[1], match.start(1)) for match in re.finditer(rf"\b[Tt]he ({any_of})(?!\w)", question)]


def read_lexicon(bop: BopTruth, names: Path | None, manifest: Mapping[str, Any] | None = None) -> Lexicon:
    """Names as docs/formats.md finds them, and those that the manifest says came from mesh and texture.

    Raises:
        InputError: a file cannot be read, or a name means two objects.
    """
    config, told = (manifest or {}).get("config", {}), (manifest or {}).get("names", {}).get("objects", {})
    found = by_name(name_table(bop, names, str(config.get("names", ""))), bool(config.get("trust")))
    named = set(found.values())
    looks = {o: {"name": one["phrases"][0]} for o, one in told.items() if one["status"] == "looks"}
    seen = by_name({o: one for o, one in looks.items() if int(o) not in named}, False)
    if both := {name.casefold() for name in found} & {name.casefold() for name in seen}:
        raise InputError("manifest.json", f"{min(both)!r} names two objects", "Generate the data set again")
    return Lexicon({**found, **seen})


def name_table(bop: BopTruth, names: Path | None, stated: str) -> Mapping[str, Any]:
    """The table of names: `names`; the shipped set that is stated; names.json; a shipped set whose sizes fit."""
    shipped = {
        file.name.removesuffix(".json"): json.loads(file.read_text("utf-8"))["objects"]
        for file in sorted((resources.files("bopask") / "data" / "names").iterdir(), key=lambda f: f.name)
        if file.name.endswith(".json")
    }
    own = bop.models / "names.json"
    if stated.startswith("bopask:"):
        return dict(shipped[stated.removeprefix("bopask:")])
    if names is not None or own.exists():
        return read_json(names or own)
    there = [int(match[1]) for file in bop.models.iterdir() if (match := re.fullmatch(r"obj_(\d+)\.ply", file.name))]
    for table in shipped.values():
        known = [obj_id for obj_id in there if "size_mm" in table.get(str(obj_id), {})]
        enough = len(known) >= 0.75 * len(there) and {str(obj_id) for obj_id in there} <= set(table)
        if enough and all(fits(table[str(obj_id)], bop, obj_id) for obj_id in known):
            return dict(table)
    return {}


def by_name(table: Mapping[str, Any], trust: bool) -> dict[str, int]:
    """Which object each name means; of unreviewed entries only with `trust`."""
    found: dict[str, int] = {}
    for obj_id, entry in table.get("objects", table).items():
        named = {"name": entry} if isinstance(entry, str) else entry
        if not named["name"] or (named.get("status") == "unverified" and not trust):
            continue
        for name in dict.fromkeys((named["name"], *named.get("synonyms", ()))):
            if name.casefold() in {other.casefold() for other, o in found.items() if o != int(obj_id)}:
                raise InputError("names", f"{name!r} names two objects", "Tell them apart")
            found[name] = int(obj_id)
    return found


def fits(entry: Mapping[str, Any], bop: BopTruth, obj_id: int) -> bool:
    """Whether a mesh has the size (mm) that is known, whatever the order of its axes, to 3 % or 3 mm."""
    size = np.sort(np.ptp(bop.solid(obj_id).vertices, axis=0) * 1000)
    reviewed = np.sort(np.array(entry["size_mm"], float))
    return bool((np.abs(size - reviewed) <= np.maximum(0.03 * reviewed, 3)).all())
