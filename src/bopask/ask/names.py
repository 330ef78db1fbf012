"""Readable names of objects: reviewed data only. A wrong name is a wrong question.

Where names come from, in this order: `--names FILE`; `names.json` in the dataset's models folder; the reviewed sets
that ship with bopask (data/names/*.json), used only when the models' sizes match those that were reviewed. An object
without a name is not asked about, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from bopask.errors import InputError
from bopask.nouns import Model

SIZE_TOLERANCE = 0.03
"""A shipped name is used when every edge of the model's box is within this share of the reviewed size (or 3 mm)."""


@dataclass(frozen=True)
class Names:
    """The names by which each object may be called; the first is its own, the others are synonyms."""

    by_obj_id: Mapping[int, tuple[str, ...]]
    source: str

    def of(self, obj_id: int) -> tuple[str, ...]:
        return self.by_obj_id.get(int(obj_id), ())


def load_names(models: Mapping[int, Model], models_dir: Path | None, file: Path | None = None) -> Names:
    """The names of a dataset's objects.

    Raises:
        InputError: a names file cannot be read, or two objects share a name.
    """
    for path in (file, models_dir / "names.json" if models_dir else None):
        if path is not None and (path.exists() or path == file):
            return Names(_names_in(_read(path), path), path.name)
    for path, objects in _shipped():
        if _sizes_match(objects, models):
            return Names(_names_in(objects, path), f"bopask:{path.name}")
    return Names({}, "none")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        data = orjson.loads(path.read_bytes())
        return dict(data.get("objects", data))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        fix = 'Give a JSON object {"<obj_id>": {"name": "red mug", "synonyms": []}}'
        raise InputError(path, f"cannot be read as names ({error})", fix) from error


def _names_in(objects: Mapping[str, Any], path: Path) -> dict[int, tuple[str, ...]]:
    named: dict[int, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    for key, entry in objects.items():
        try:
            entry = {"name": entry} if isinstance(entry, str) else entry
            names = tuple(dict.fromkeys([entry["name"], *entry.get("synonyms", [])]))
            obj_id = int(key)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                path, f"object {key!r} has no readable name", 'Write {"name": "red mug"} for it'
            ) from error
        for name in names:
            if not isinstance(name, str) or not name.strip() or "{" in name or "}" in name:
                raise InputError(path, f"object {key}: {name!r} is not a name", "Use plain words")
            if owner.setdefault(name.casefold(), key) != key:
                raise InputError(
                    path, f"objects {owner[name.casefold()]} and {key} share the name {name!r}", "Tell them apart"
                )
        named[obj_id] = names
    return named


def _shipped() -> Iterator[tuple[Path, Mapping[str, Any]]]:
    folder = resources.files("bopask") / "data" / "names"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".json"):
            yield Path(file.name), orjson.loads(file.read_bytes())["objects"]


def _sizes_match(objects: Mapping[str, Any], models: Mapping[int, Model]) -> bool:
    """Whether every model of the dataset is an object of the reviewed set, by id and by size."""
    for obj_id, model in models.items():
        entry = objects.get(str(obj_id))
        if entry is None:
            return False
        reviewed = np.asarray(entry["size_mm"], float) / 1000
        if (np.abs(model.box.size - reviewed) > np.maximum(SIZE_TOLERANCE * reviewed, 0.003)).any():
            return False
    return True
