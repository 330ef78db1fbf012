"""What each object may be called. A wrong name is a wrong question.

Names come from the first of these that there is: `--names` (a file, or the name of a set that ships with bopask, which
is then taken at its word); `names.json` in the models' folder; a set that ships with bopask (data/names/*.json) whose
sizes are those of the models. Of these only *verified* (seen on a picture) and *documented* (the dataset's own list)
names are used, *unverified* ones only with `--trust`. An object that is left without gets words from its mesh and
texture (`looks.py`) where these tell it apart from all others, or it is not asked about, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from bopask.ask.looks import SAMPLES, Looks, looks_of, tell_apart
from bopask.bop.models import Models
from bopask.bop.skin import read_skin, texture_path
from bopask.errors import InputError
from bopask.geometry.shape import shape_of
from bopask.nouns import Description, Model
from bopask.store.cache import Cache
from bopask.store.files import key_of, sha256_of, to_json

SIZE_TOLERANCE = 0.03
"""A shipped set is used when every edge of each model's box is within this share of its size there (or 3 mm)."""
SURE = ("verified", "documented")
STATUS = (*SURE, "unverified")
LONGEST = 60
UNPLAIN = re.compile(r"[{}<>\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Braces are slots of templates, angle brackets markup; no name needs either, or a control character."""
SHIPPED = "bopask:"
TEXTS = ("category", "shape", "material", "use", "printed", "status", "source")


@dataclass(frozen=True)
class Names:
    """The names by which each object may be called; the first is its own, the others are synonyms."""

    by_obj_id: Mapping[int, tuple[str, ...]]
    source: str
    described: Mapping[int, Description] = field(default_factory=dict)
    """What the names come from; status 'looks' where that is mesh and texture."""

    def of(self, obj_id: int) -> tuple[str, ...]:
        return self.by_obj_id.get(int(obj_id), ())

    def status(self, obj_id: int) -> str:
        """'verified', 'documented', 'unverified', 'looks' or 'none'."""
        described = self.described.get(int(obj_id))
        return described.status if described and self.of(obj_id) else "none"

    def lexicon(self, obj_ids: tuple[int, ...]) -> dict[str, Any]:
        """For the manifest: every name that a question may use, and how each object got its own."""
        named = {
            obj_id: {"phrases": list(self.of(obj_id)), "status": self.status(obj_id), "source": described.source}
            for obj_id, described in sorted(self.described.items())
            if self.of(obj_id) and obj_id in obj_ids
        }
        counts = Counter(self.status(obj_id) for obj_id in obj_ids)
        return {"source": self.source, "counts": dict(sorted(counts.items())), "objects": named}


def find_names(models: Models, file: Path | None, trust: bool, cache: Cache) -> Names:
    """The names of a dataset's objects, those from mesh and texture among them.

    Raises:
        InputError: as `load_names`.
    """
    names = load_names(models, models.folder, file, trust)
    missing = [obj_id for obj_id in models.obj_ids if not names.of(obj_id)]
    if not missing:
        return names
    taken = {name.casefold() for obj_id in models.obj_ids for name in names.of(obj_id)}
    for described in names.described.values():  # 'yellow bottle' says too little where the mustard is one
        kinds = (described.category, *(f"{color} {described.category}" for color in described.colors))
        taken |= {kind.casefold() for kind in kinds}
    seen = {o: d for o, d in from_looks(models, cache).items() if o in missing and d.name.casefold() not in taken}
    called = {**names.by_obj_id, **{obj_id: (described.name,) for obj_id, described in seen.items()}}
    return replace(names, by_obj_id=called, described={**names.described, **seen})


def from_looks(models: Models, cache: Cache) -> dict[int, Description]:
    """Words for every object of a dataset that they tell apart from all others; cached by content."""
    files = [(ply := models.path(obj_id), texture_path(ply)) for obj_id in models.obj_ids]
    content = [[file and sha256_of(file) for file in pair] for pair in files]
    key = key_of("looks", 1, list(models.obj_ids), content)

    def make() -> bytes:
        looks = dict(_seen(models))
        table = {o: {"name": phrase, **_described(looks[o])} for o, phrase in tell_apart(looks).items()}
        return to_json(table)

    table = orjson.loads(cache.text("looks", key, make))
    return {int(obj_id): description(entry) for obj_id, entry in table.items()}


def _seen(models: Models) -> Iterator[tuple[int, Looks]]:
    """The looks of every model that can be read: a broken one is reported where a frame needs it."""
    for obj_id in models.obj_ids:
        try:
            model = models[obj_id]
            skin = read_skin(model)
        except InputError:
            continue
        rgb = skin.sample(SAMPLES, model.sha256)[1] if skin.coloured else None
        yield obj_id, looks_of(shape_of(model.mesh), rgb)


def _described(looks: Looks) -> dict[str, Any]:
    return {"colors": looks.colors.sure, "shape": looks.noun, "status": "looks", "source": "mesh and texture"}


def load_names(
    models: Mapping[int, Model], models_dir: Path | None, file: Path | None = None, trust: bool = False
) -> Names:
    """The names that people gave to a dataset's objects.

    Raises:
        InputError: a names file cannot be read, or two objects share a name.
    """
    if file is not None and not file.exists() and (shipped := dict(_shipped()).get(file.as_posix())):
        return _usable(shipped, Path(file.name + ".json"), SHIPPED + file.name, trust)
    for path in (file, models_dir / "names.json" if models_dir else None):
        if path is not None and (path.exists() or path == file):
            return _usable(_read(path), path, path.name, trust)
    for name, objects in _shipped():
        if _sizes_match(objects, models):
            return _usable(objects, Path(f"{name}.json"), SHIPPED + name, trust)
    return Names({}, "none")


def is_shipped(file: Path) -> bool:
    """Whether `--names` means a set that ships with bopask."""
    return not file.exists() and file.as_posix() in dict(_shipped())


def description(entry: Mapping[str, Any] | str) -> Description:
    """One entry of a names file.

    Raises:
        KeyError, TypeError, ValueError: no name, or a field is not what it should be.
    """
    entry = {"name": entry} if isinstance(entry, str) else dict(entry)
    known: dict[str, Any] = {
        f.name: _text(entry.get(f.name, f.default)) for f in fields(Description) if f.name in TEXTS
    }
    lists: dict[str, Any] = {name: tuple(map(_text, entry.get(name, ()))) for name in ("synonyms", "colors")}
    if known["status"] not in (*STATUS, "looks"):
        raise ValueError(f"its status is none of {', '.join(STATUS)}")
    return Description(_text(entry["name"]), **known, **lists)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _usable(objects: Mapping[str, Any], path: Path, source: str, trust: bool) -> Names:
    """The names of a file that may be used; all of it is checked."""
    described: dict[int, Description] = {}
    owner: dict[str, str] = {}
    for key, entry in objects.items():
        try:
            obj_id, one = int(key), description(entry)
        except (KeyError, TypeError, ValueError) as error:
            wrong = f"object {key!r} has no readable name ({error})"
            raise InputError(path, wrong, 'Write {"name": "red mug"} for it') from error
        used = trust or one.status in SURE
        if one.name == "" and one.status == "unverified":
            continue  # nobody knows it yet
        for name in dict.fromkeys((one.name, *one.synonyms)):
            if not isinstance(name, str) or not name.strip() or UNPLAIN.search(name) or len(name) > LONGEST:
                raise InputError(path, f"object {key}: {name!r} is not a name", "Use plain words")
            if used and owner.setdefault(name.casefold(), key) != key:
                wrong = f"objects {owner[name.casefold()]} and {key} share the name {name!r}"
                raise InputError(path, wrong, "Tell them apart")
        if used:
            described[obj_id] = one
    called = {obj_id: tuple(dict.fromkeys((one.name, *one.synonyms))) for obj_id, one in described.items()}
    return Names(called, source, described)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        data = orjson.loads(path.read_bytes())
        return dict(data.get("objects", data))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        fix = 'Give a JSON object {"<obj_id>": {"name": "red mug", "synonyms": []}}'
        raise InputError(path, f"cannot be read as names ({error})", fix) from error


def _shipped() -> Iterator[tuple[str, Mapping[str, Any]]]:
    folder = resources.files("bopask") / "data" / "names"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".json"):
            yield file.name.removesuffix(".json"), orjson.loads(file.read_bytes())["objects"]


def _sizes_match(objects: Mapping[str, Any], models: Mapping[int, Model]) -> bool:
    """Whether every model is an object of the set, and has its size, up to the order of the axes, where one is known.

    A set of which less than three quarters of the models have a known size is never taken for granted.
    """
    sizes = [objects.get(str(obj_id), {}).get("size_mm") for obj_id in models]
    if not all(str(obj_id) in objects for obj_id in models) or sum(s is not None for s in sizes) < 0.75 * len(sizes):
        return False
    for model, size in zip(models.values(), sizes, strict=True):
        known = np.sort(np.asarray(model.box.size if size is None else np.array(size) / 1000, float))
        if (np.abs(np.sort(model.box.size) - known) > np.maximum(SIZE_TOLERANCE * known, 0.003)).any():
            return False
    return True
