"""Names: each phrase of a question means exactly the stated instance of this picture, read as a person would.

A phrase is a noun, or one with a place among its like ('leftmost …', 'second … from the left', '… closest to the
camera'), a landmark ('… behind the red bowl'), or both. Nouns come from the same JSON files that generation reads;
words from mesh and texture from the manifest, and only for objects that these files leave without a name. A phrase is
parsed here from its words, and who is meant is worked out from silhouettes cast by rays and from meshes.
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
from jaxtyping import Float

from bopask.arrays import Array
from bopask.errors import InputError
from bopask.verify.facts import FIRST, LAST
from bopask.verify.relations import UP, Scene, topside, underside
from bopask.verify.truth import BopTruth, Disagreement, Row, read_json

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
ENDS = {
    "leftmost": "left", "rightmost": "right", "topmost": "top", "lowest": "bottom", "largest": "large",
    "smallest": "small",
}  # fmt: skip
NTH = "|".join(ORDINALS)
DEPTHS = {"closest to": "near", "farthest from": "far"}
PLACED = (
    re.compile(rf"(?P<end>{'|'.join(ENDS)}) (?P<rest>.+)"),
    re.compile(rf"(?P<nth>{NTH}) (?P<rest>.+) from the (?P<side>left|right|top|bottom)"),
    re.compile(rf"(?P<rest>.+?)(?: that is)?(?: (?P<nth>{NTH}))? (?P<depth>{'|'.join(DEPTHS)}) the camera"),
    re.compile(rf"(?P<rest>.+) that is (?P<nth>{NTH}) from the (?P<side>left|right|top|bottom)"),
)
"""A place among look-alikes, and what is left of the phrase without it."""
LANDMARKS = {"left of": "left", "right of": "right", "in front of": "front", "behind": "behind", "on": "on"}
GLIMPSE = 0.01
"""An object of which rays see less than this share is not there for a reader."""
BARELY = 0.03
"""One of which they see less than this may be overlooked (generation's 0.1, less what shares may differ by)."""
APART = {"near": 0.002, "far": 0.002, "large": 0.05, "small": 0.05}
"""By how much places must differ (m, or log of a length) for an end or a rank to be said; else 4 px (generation: 6)."""
IN_FRONT = 1.5
"""What is in front lies at most so many times as far to the side as before (generation: 1, and denied from 2)."""
STANDS = 0.02
"""What is on another has its underside this near (m) to the other's top, somewhere."""
RELATIONS = {
    "left": r"to the left of",
    "right": r"to the right of",
    "front": r"in front of",
    "behind": r"behind",
    "above": r"above",
    "below": r"below",
    "closer": r"closer to the camera",
    "farther": r"farther from the camera",
    "higher": r"higher",
    "lower": r"lower",
    "leftmost": r"to the left of",
    "rightmost": r"to the right of",
    "foremost": r"in front of",
    "hindmost": r"behind",
    "closest": r"closer to the camera",
    "farthest": r"farther from the camera",
    "between": r"between",
    "nearer": r"nearer to",
    "farther_from": r"farther from",
}
"""The words of a relation. What is spoken of last before them is their subject."""
OF_THREE = (*FIRST, *LAST, "between")
"""Of these the second object is the subject, and it is all the same which of the others is spoken of first."""
ANCHORED = ("nearer", "farther_from")
"""Of these, what comes after the words is spoken of in the order of the objects."""


@dataclass(frozen=True)
class Meaning:
    """What the words of a phrase say."""

    noun: str
    place: tuple[str, int] | None = None
    """Side and rank, from 1."""
    landmark: tuple[str, Meaning] | None = None


@dataclass(frozen=True)
class Lexicon:
    """Which objects each noun may mean: a name one, a category and a colour of it any number."""

    obj_ids: Mapping[str, frozenset[int]]

    def parse(self, phrase: str) -> Meaning | None:
        """The meaning of a phrase; None of one that says nothing."""
        if phrase in self.obj_ids:
            return Meaning(phrase)
        for pattern in PLACED:
            match = pattern.fullmatch(phrase)
            rest = match and self.parse(match["rest"])
            if match and rest and rest.place is None:
                found = match.groupdict()
                rank = ORDINALS.index(found["nth"]) + 1 if found.get("nth") else 1
                side = ENDS.get(found.get("end", "")) or DEPTHS.get(found.get("depth", "")) or str(found.get("side"))
                return Meaning(rest.noun, (side, rank), rest.landmark)
        for words, kind in LANDMARKS.items():
            for match in re.finditer(rf" {words} the ", phrase):
                noun, landmark = phrase[: match.start()], self.parse(phrase[match.end() :])
                if noun in self.obj_ids and landmark:
                    return Meaning(noun, None, (kind, landmark))
        return None

    def meant(self, phrase: str, scene: Scene) -> list[int]:
        """The visible instances that a phrase may mean: one, if it is a good phrase."""
        meaning = self.parse(phrase)
        return sorted(self.may_mean(meaning, scene)) if meaning else []

    def may_mean(self, meaning: Meaning, scene: Scene) -> set[int]:
        ids, shares = scene.frame.obj_ids, scene.sight.visib_fract
        group = [i for i, o in enumerate(ids) if o in self.obj_ids[meaning.noun] and shares[i] >= GLIMPSE]
        if meaning.landmark:
            kind, landmark = meaning.landmark
            marks = self.may_mean(landmark, scene)
            if len(marks) != 1:
                return set()
            group = [i for i in group if i not in marks and stands(kind, i, min(marks), scene)]
        if meaning.place is None:
            return set(group)
        surely = [i for i in group if shares[i] >= BARELY]
        return set().union(*(at_place(*meaning.place, some, scene) for some in (group, surely)))


def at_place(side: str, rank: int, group: list[int], scene: Scene) -> set[int]:
    """The one of a rank from a side, and any whose place is too near to its to tell."""
    if rank > len(group):
        return set()
    places = np.array([place_of(side, i, scene) for i in group])
    at = np.sort(places)[rank - 1]
    return {i for i, place in zip(group, places, strict=True) if abs(place - at) < APART.get(side, 4.0)}


def place_of(side: str, i: int, scene: Scene) -> float:
    """Where an instance stands on the way from a side: pixels, metres, or the log of its length."""
    match side:
        case "near" | "far":
            distance = float(np.linalg.norm(middle(i, scene)))
            return distance if side == "near" else -distance
        case "large" | "small":
            length = float(np.log(np.ptp(scene.frame.solids[i].ends, axis=0).max()))
            return length if side == "small" else -length
        case _:
            seen = scene.sight[i]
            at = float(seen.middle(seen.whole)[0 if side in ("left", "right") else 1])
            return at if side in ("left", "top") else -at


def middle(i: int, scene: Scene) -> Float[Array, "3"]:
    """The middle of an instance's box (m), camera frame."""
    return np.asarray(scene.corners(i).mean(0))


def stands(kind: str, a: int, b: int, scene: Scene) -> bool:
    """Whether a person may say that a is left of, in front of or on b, or behind it."""
    if kind in ("right", "behind"):
        a, b = b, a
    if kind in ("left", "right"):
        u = [scene.sight[i].centroid(scene.sight[i].whole)[0] for i in (a, b)]
        return bool(u[0] < u[1])
    if scene.T_world_cam is None:
        return False
    if kind == "on":
        return stands_on(a, b, scene)
    if stands_on(a, b, scene) or stands_on(b, a, scene):
        return False
    away = scene.away()
    aside = np.cross(away, scene.T_world_cam[:3, :3].T @ UP)
    between = middle(b, scene) - middle(a, scene)
    return bool(between @ away > 0 and abs(between @ aside) < IN_FRONT * (between @ away))


def stands_on(a: int, b: int, scene: Scene) -> bool:
    """Somewhere under a lies b, near: told by vertical rays."""
    upper, lower = scene.world(a), scene.world(b)
    low, high = np.maximum(upper.min(0), lower.min(0))[:2], np.minimum(upper.max(0), lower.max(0))[:2]
    if (low >= high).any() or upper[:, 2].mean() < lower[:, 2].mean():
        return False
    grid = np.stack(np.meshgrid(*np.linspace(low, high, 22)[1:-1].T), -1).reshape(-1, 2)
    gap = underside(scene, a, grid, upper) - topside(scene, b, grid, lower)
    gap = gap[np.isfinite(gap)]
    return bool(len(gap) and gap.min() < STANDS)


def spoken_of(row: Row) -> int:
    """How many instances the question speaks of: three in 'facing' and the like, two in other relations and paths."""
    if row["subtask"].startswith("facing_") or row["subtask"] in (*OF_THREE, *ANCHORED):
        return 3
    return 2 if row["task"] in ("spatial", "depth", "trajectory") else 1


def check(row: Row, scene: Scene, lexicon: Lexicon, wordings: Mapping[str, Any] | None) -> Iterator[Disagreement]:
    """
    Args:
        wordings: those that the manifest lists, by subtask.
    """
    n = spoken_of(row)
    phrases, instances = [phrase or "" for phrase in row["phrases"][:n]], row["instances"][:n]
    if len(phrases) < n or len(instances) < n:
        yield Disagreement("name: phrases", f"{phrases} for {instances}", f"the question speaks of {n}")
        return
    for phrase, instance in zip(phrases, instances, strict=True):
        meant = lexicon.meant(phrase, scene)
        if meant != [instance]:
            found = f"it may mean {meant}" if meant else "it means nothing in this picture"
            yield Disagreement("name: means the object", f"{phrase!r} is instance {instance}", found)
    for phrase, form in zip(row["phrases"], row["evidence"]["refer"], strict=True):
        if (said := stated(form)) != (parsed := lexicon.parse(phrase) if phrase else None):
            yield Disagreement("name: logical form", str(said), f"{phrase!r} says {parsed}")
    yield from check_spoken(row, phrases)
    if wordings is not None:
        yield from check_wording(row, phrases, wordings.get(row["subtask"], {}))


def stated(form: Mapping[str, Any] | None) -> Meaning | None:
    """A logical form of the evidence, as a meaning."""
    if form is None:
        return None
    noun = f"{form.get('attribute', '')} {form['name']}".strip()
    place, relation = form.get("ordinal"), form.get("relation")
    landmark = stated(relation[1]) if relation else None
    return Meaning(noun, tuple(place) if place else None, (relation[0], landmark) if relation and landmark else None)


def check_wording(row: Row, phrases: list[str], wordings: Mapping[str, Any]) -> Iterator[Disagreement]:
    """The question is one of the manifest's wordings with these phrases in its slots."""
    slots = dict(zip("abc", phrases, strict=False)) | {"width": row["width"], "height": row["height"]}
    try:
        if any(wording.format(**slots) == row["question"] for wording in wordings):
            return
    except (KeyError, IndexError, ValueError) as error:
        yield Disagreement("name: wording", f"wordings of {row['subtask']}", f"a slot that does not exist ({error})")
        return
    yield Disagreement("name: wording", row["question"], f"none of the {len(wordings)} wordings of {row['subtask']}")


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
    around = list(question)  # what is said around the phrases: their own words state no relation
    for one, at in spoken:
        around[at : at + len(one)] = "_" * len(one)
    if row["subtask"] in RELATIONS:
        words = re.search(rf"\b{RELATIONS[row['subtask']]}\b", "".join(around))
        if words is None:
            yield Disagreement("name: relation in the question", row["subtask"], question)
            return
        before = [one for one, at in spoken if at < words.start()]
        subject = before[-1] if before else ""
        if row["subtask"] in ANCHORED and (after := order[len(before) :]) != phrases[1:]:
            yield Disagreement("name: slots", str(phrases[1:]), f"spoken of in the order {after}")
            return
    elif row["subtask"].startswith("facing_"):
        side = row["subtask"].removeprefix("facing_")
        if not re.search(rf"\b{side}\b", "".join(around)):
            yield Disagreement("name: relation in the question", row["subtask"], question)
        if list(dict.fromkeys(order)) != phrases:
            yield Disagreement("name: slots", str(phrases), f"spoken of in the order {order}")
            return
    asked = phrases[1] if row["subtask"] in OF_THREE else phrases[0]
    if subject != asked:
        yield Disagreement("name: slots", f"{asked!r} is what is asked about", f"it is {subject!r}")


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
    named = frozenset().union(*found.values())
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


def by_name(table: Mapping[str, Any], trust: bool) -> dict[str, frozenset[int]]:
    """Names, each of one object, of unreviewed entries only with `trust`; and, where every object is described,
    categories and colours of them."""
    found: dict[str, frozenset[int]] = {}
    kinds: dict[str, set[int]] = {}
    entries = {int(obj_id): entry for obj_id, entry in table.get("objects", table).items()}
    for obj_id, entry in entries.items():
        named = {"name": entry} if isinstance(entry, str) else entry
        if not named["name"] or (named.get("status") == "unverified" and not trust):
            continue
        for name in dict.fromkeys((named["name"], *named.get("synonyms", ()))):
            if name.casefold() in {other.casefold() for other, o in found.items() if o != {obj_id}}:
                raise InputError("names", f"{name!r} names two objects", "Tell them apart")
            found[name] = frozenset({obj_id})
        category = named.get("category")
        for noun in [category, *(f"{color} {category}" for color in named.get("colors", ()))] if category else []:
            kinds.setdefault(noun, set()).add(obj_id)
    return {noun: frozenset(ids) for noun, ids in kinds.items()} | found


def fits(entry: Mapping[str, Any], bop: BopTruth, obj_id: int) -> bool:
    """Whether a mesh has the size (mm) that is known, whatever the order of its axes, to 3 % or 3 mm."""
    size = np.sort(np.ptp(bop.solid(obj_id).vertices, axis=0) * 1000)
    reviewed = np.sort(np.array(entry["size_mm"], float))
    return bool((np.abs(size - reviewed) <= np.maximum(0.03 * reviewed, 3)).all())
