"""A BOP dataset on disk: which splits and scenes it has, and which variants of the format are refused by name.

    root/camera.json
    root/models/{models_info.json, obj_000001.ply}
    root/<split>/<scene>/{scene_gt,scene_camera,scene_gt_info}.json, rgb/ depth/ mask_visib/   (scenewise: what is read)

The format: https://github.com/thodan/bop_toolkit/blob/master/docs/bop_datasets_format.md
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bopask.bop.listing import MODEL_FILE, SIDECAR, load_json, names_in
from bopask.bop.models import Models, find_models
from bopask.bop.scene import FISHEYE, Scene, read_scene
from bopask.errors import InputError, UnsupportedError

IMAGEWISE = re.compile(r"[^.]+\.(rgb|gray|depth|gt|gt_info|camera|mask|mask_visib)\.\w+")
WEBDATASET = re.compile(r"(shard-\d+\.tar|key_to_shard\.json)")


@dataclass(frozen=True)
class BopFolder:
    """A dataset. Cheap to make, to pickle and to send to a worker; files are read when asked for."""

    root: Path
    name: str
    """The root's folder name: BOP's short name of the dataset ('ycbv')."""
    splits: tuple[str, ...]
    """Folders that hold scene folders, sorted."""
    _models: dict[str | None, Models] = field(default_factory=dict, init=False, repr=False, compare=False)

    def scene_ids(self, split: str) -> tuple[int, ...]:
        """Numbers of the scene folders, sorted; they may be sparse.

        Raises:
            InputError: no such split, or one without scenes.
            UnsupportedError: a split in a variant of the format that is not read.
        """
        return tuple(sorted(self._scene_folders(split)))

    def read_scene(self, split: str, scene_id: int, *, keep_going: bool = False) -> Scene:
        """All frames of a scene with their poses, sorted by key; no image is decoded.

        Args:
            keep_going: a bad frame (or a bad scene file) becomes a `Skip` and the rest is untouched.
        Raises:
            InputError: the first thing wrong, with its file and frame; without `keep_going` only.
            UnsupportedError: a fisheye camera.
        """
        folders = self._scene_folders(split)
        if scene_id not in folders:
            known = ", ".join(map(str, sorted(folders)[:10])) + (" …" if len(folders) > 10 else "")
            raise InputError(self.root / split, f"there is no scene {scene_id}", f"Scenes here: {known}")
        known_ids = frozenset(self.models().obj_ids) if find_models(self.root) else None
        return read_scene(
            folders[scene_id], scene_id, partial(self._declared_sizes, split), known_ids, keep_going=keep_going
        )

    def models(self, which: str | None = None) -> Models:
        """The object models: of the folder `which`, else of `models`, `models_eval`, or the first `models_*`.

        Raises:
            InputError: no such folder, or none with obj_*.ply.
        """
        if which not in self._models:
            folder = find_models(self.root, which)
            if folder is None:
                raise InputError(
                    self.root / (which or "models"),
                    "there are no object models (obj_*.ply)",
                    "Unpack the dataset's models zip beside its splits",
                )
            self._models[which] = Models(folder)
        return self._models[which]

    def input_files(self, split: str) -> tuple[Path, ...]:
        """Files, relative to the root and sorted, that determine poses, meshes and names: JSONs and model files."""
        files = [*self.root.glob("camera*.json"), *(self.root / split).glob("camera*.json")]
        for folder in self._scene_folders(split).values():
            files += [folder / name for name in names_in(folder) if SIDECAR.fullmatch(name)]
        models = find_models(self.root)
        if models is not None:
            files += [models / name for name in names_in(models) if MODEL_FILE.fullmatch(name)]
        return tuple(sorted(file.relative_to(self.root) for file in files))

    def _scene_folders(self, split: str) -> dict[int, Path]:
        folder = self.root / split
        if split not in self.splits:
            variant = _variant(folder) if folder.is_dir() else None
            if variant:
                raise UnsupportedError(folder, *variant)
            wrong = "the split has no scene folders" if folder.is_dir() else "there is no such split"
            raise InputError(folder, wrong, f"Splits here: {', '.join(self.splits) or 'none'}")
        return {int(name): folder / name for name in _numbered(folder)}

    def _declared_sizes(self, split: str) -> dict[str, tuple[int, int]]:
        """Image sizes (width, height) that camera*.json of the root and of the split declare, by file stem."""
        sizes = {}
        for folder in (self.root, self.root / split):  # the split's word counts more
            for path in sorted(folder.glob("camera*.json")):
                camera: Any = load_json(path)
                try:
                    sizes[path.stem] = (int(camera["width"]), int(camera["height"]))
                except (KeyError, TypeError, ValueError) as error:
                    raise InputError(path, "does not tell width and height", "Write both, in pixels") from error
        return sizes


def open_bop(root: Path) -> BopFolder:
    """Opens a dataset in BOP scenewise layout.

    Raises:
        InputError: not a folder, or no split in it.
        UnsupportedError: every split is imagewise, webdataset or fisheye.
    """
    root = Path(root).absolute() if Path(root).name not in ("", "..") else Path(root).resolve()  # keep a link's name
    if not root.is_dir():
        raise InputError(root, "there is no such folder", "Give the folder that holds the dataset's splits and models")
    refused = refused_splits(root)
    splits = tuple(folder.name for folder in _subfolders(root) if _is_split(folder) and folder.name not in refused)
    if not splits:
        for name, (wrong, fix) in refused.items():
            raise UnsupportedError(root / name, wrong, fix)
        if variant := _variant(root):
            raise UnsupportedError(root, *variant)
        raise InputError(root, "there is no split with scene folders in it", _where_else(root))
    return BopFolder(root, root.name, splits)


def refused_splits(root: Path) -> dict[str, tuple[str, str]]:
    """Splits in a variant of the format that is not read: what is wrong and what to do, by name."""
    return {folder.name: variant for folder in _subfolders(root) if (variant := _variant(folder))}


def _subfolders(root: Path) -> list[Path]:
    """Folders that may be splits."""
    names = names_in(root) if root.is_dir() else []
    return [root / name for name in names if not name.startswith(("models", ".")) and (root / name).is_dir()]


def _numbered(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name.isdecimal() and entry.is_dir())


def _is_split(folder: Path) -> bool:
    return any(SIDECAR.fullmatch(name) for scene in _numbered(folder) for name in names_in(folder / scene))


def _variant(folder: Path) -> tuple[str, str] | None:
    """What is wrong and what to do, if the folder is a split in a variant of the format that is not read."""
    names = names_in(folder)
    if any(WEBDATASET.fullmatch(name) for name in names):
        return "this is BOP-webdataset (shard-*.tar), which is not read", "Download the scenewise variant of the split"
    if any(IMAGEWISE.fullmatch(name) for name in names):
        return (
            "this is BOP-imagewise (000000_000000.rgb.png), which is not read",
            "Download the scenewise variant, or convert it with bop_toolkit's scripts",
        )
    for scene in _numbered(folder)[:1]:
        for path in sorted((folder / scene).glob("scene_camera*.json")):
            with path.open("rb") as file:
                head = file.read(4096)
            if b'"cam_model"' in head and b'"cam_K"' not in head:
                return FISHEYE
    return None


def _where_else(root: Path) -> str:
    """A guess at the folder that was meant."""
    if _is_split(root):
        return f"This is a split itself: give the dataset's folder, {root.parent}"
    inner = next((folder for folder in _subfolders(root) if any(map(_is_split, _subfolders(folder)))), None)
    if inner is not None:
        return f"Did you mean {inner}?"
    return "Give the folder that holds splits such as train_real/000000/scene_gt.json"
