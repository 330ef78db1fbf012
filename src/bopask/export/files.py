"""Files beside the exported rows: linked to the BOP folder, copied from it, or named where they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from bopask.bop.images import load_rgb
from bopask.errors import InputError

MODES = ("link", "copy", "reference")
READ = (".png", ".jpg", ".jpeg")
"""What every trainer opens; other pictures (.tif of ITODD) are written as PNG."""


@dataclass
class Files:
    """Puts files into the export. Paths that it returns are relative to DEST, with '/'."""

    dest: Path
    """Where the export will lie, links resolved."""
    folder: Path
    """Where it is written until it is whole: a sibling of `dest`, so that relative links hold for both."""
    root: Path | None
    """The BOP folder."""
    mode: str
    """'link': relative symbolic links; 'copy'; 'reference': nothing is put, rows name the BOP folder's own files."""
    done: set[str] = field(default_factory=set)
    _last: tuple[tuple[str, str], str] = (("", ""), "")
    """The picture put last and its path: the rows of an image stand together, and there are many."""
    _read: tuple[str, bytes] = ("", b"")
    """The picture read last, and its bytes."""

    def picture(self, row: Mapping[str, Any], carried: bytes | None, name: str = "", png: bool = False) -> str:
        """Puts a row's picture; returns its path.

        Args:
            carried: its bytes, where they are in the row itself.
            name: in the export, without suffix; default `images/` and its path in the BOP folder.
            png: a copy is always PNG, whatever the file is.
        Raises:
            InputError: it is not there, cannot be read, or lies outside the BOP folder.
        """
        key = (row["image"], name)
        if self._last[0] != key:
            self._last = (key, self._picture(confined(row["image"]), carried, name, png))
        return self._last[1]

    def _picture(self, inner: str, carried: bytes | None, name: str, png: bool) -> str:
        stem = name or "images/" + inner.rpartition(".")[0]
        suffix = Path(inner).suffix.lower()
        if carried is not None and self.mode != "reference":
            return self._write(stem + (".png" if png else suffix), lambda: _png(carried) if png else carried)
        path = self.original(inner)
        if self.mode != "reference" and (suffix not in READ or (png and self.mode == "copy" and suffix != ".png")):
            return self._write(stem + ".png", lambda: _encoded(Image.fromarray(load_rgb(path))))
        return self.put(path, stem + suffix)

    def content(self, row: Mapping[str, Any], carried: bytes | None) -> bytes:
        """A row's picture as bytes that every reader opens.

        Raises:
            InputError: as for `picture`.
        """
        if carried is not None:
            return carried
        if self._read[0] != row["image"]:
            path = self.original(confined(row["image"]))
            known = path.suffix.lower() in READ
            self._read = (row["image"], path.read_bytes() if known else _encoded(Image.fromarray(load_rgb(path))))
        return self._read[1]

    def original(self, inner: str) -> Path:
        """A file of the BOP folder.

        Raises:
            InputError: the folder or the file is not there.
        """
        if self.root is None:
            raise InputError(inner, "the BOP folder with this picture is not there", "Give it with --bop")
        path = self.root / inner
        if not path.is_file():
            raise InputError(path, "the picture is not there", "Give the BOP folder it is in with --bop")
        return path

    def put(self, path: Path, name: str) -> str:
        """Puts a file as `name`, once; returns its path in the export, or where it is when only referred to."""
        if self.mode == "reference":
            return Path(os.path.relpath(path.resolve(), self.dest)).as_posix()
        if name not in self.done:
            self.done.add(name)
            source = path.resolve()
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if self.mode == "copy":
                shutil.copyfile(source, target)
            else:
                target.symlink_to(os.path.relpath(source, (self.dest / name).parent))
        return name

    def _write(self, name: str, data: Callable[[], bytes]) -> str:
        if name not in self.done:
            self.done.add(name)
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data())
        return name


def confined(inner: str) -> str:
    """A path that stays in its folder, as it is.

    Raises:
        InputError: it is absolute, climbs out, or holds a null byte.
    """
    parts = inner.split("/")
    if not inner or inner.startswith("/") or ".." in parts or "\\" in inner or "\0" in inner or ":" in parts[0]:
        raise InputError(repr(inner), "is an image path that leaves the BOP folder", "Generate the data set again")
    return inner


def _png(data: bytes) -> bytes:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    try:
        with Image.open(BytesIO(data)) as image:
            return _encoded(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError("the row's picture", f"cannot be read ({error})", "Generate the data set again") from error


def _encoded(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
