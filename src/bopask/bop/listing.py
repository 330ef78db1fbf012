"""What a scene folder has on disk, listed once: JSON tables, images and masks of one sensor."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bopask.errors import InputError

SIDECAR = re.compile(r"scene_(gt|camera|gt_info)(_.+)?\.json")
MODEL_FILE = re.compile(r"models_info\.json|names\.json|obj_\d+\.(ply|png|jpg|jpeg)")
IMAGES = {"png", "jpg", "jpeg", "tif", "tiff"}
FIX = "Repair or download the file again, or go on without it with --keep-going"


class UnusableFile(InputError):
    """A file without which no frame of the sensor can be read. Reading the scene turns it into a fault."""

    def __init__(self, path: Path, reason: str, wrong: str) -> None:
        self.reason = reason
        super().__init__(path, wrong, FIX)


def names_in(folder: Path) -> list[str]:
    """Names in a folder, sorted.

    Raises:
        InputError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except OSError as error:
        raise InputError(folder, f"cannot be listed ({error.strerror or error})", FIX) from error


def load_json(path: Path) -> Any:
    """JSON of a file; also the NaN and Infinity that Python's writer leaves in real files.

    Raises:
        InputError: missing or not JSON.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", FIX) from error
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as strict:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise InputError(path, f"is not valid JSON ({strict})", FIX) from strict


@dataclass(frozen=True)
class SensorFiles:
    """What one sensor of a scene has on disk. Folders are listed once; nothing is looked up a frame."""

    folder: Path
    names: frozenset[str]
    sensor: str

    def json(self, kind: str) -> Path:
        return self.folder / f"{self.suffixed(kind)}.json"

    def load(self, kind: str) -> dict[int, Any]:
        """Rows by frame id. Keys that are no number are nobody's frame: the caller counts them."""
        path = self.json(kind)
        if path.name not in self.names:
            raise UnusableFile(path, f"{kind}_missing", "the file is missing")
        try:
            content = load_json(path)
        except InputError as error:
            raise UnusableFile(path, f"{kind}_broken", error.wrong) from error
        if not isinstance(content, dict) or not all(name.isdecimal() for name in content):
            raise UnusableFile(path, f"{kind}_broken", "is not a table by frame number")
        return {int(name): row for name, row in content.items()}

    def images(self, *kinds: str) -> dict[int, Path]:
        """Frame id to file, from the first of the folders that exists."""
        folder = next((self.folder / name for name in map(self.suffixed, kinds) if name in self.names), None)
        if folder is None:
            return {}
        split = [name.rpartition(".") for name in reversed(names_in(folder))]
        return {
            int(stem): folder / f"{stem}.{end}" for stem, _, end in split if stem.isdecimal() and end.lower() in IMAGES
        }

    def masks(self) -> dict[tuple[int, int], Path]:
        """(frame id, instance index) to file: the index, never the obj_id, names a mask."""
        folder = self.folder / self.suffixed("mask_visib")
        found = {}
        for file in names_in(folder) if folder.name in self.names else ():
            frame, _, instance = file.partition(".")[0].partition("_")
            if frame.isdecimal() and instance.isdecimal():
                found[int(frame), int(instance)] = folder / file
        return found

    def suffixed(self, kind: str) -> str:
        return f"{kind}_{self.sensor}" if self.sensor else kind
