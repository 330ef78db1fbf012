"""A row's image as bytes a browser shows: those in the row, a file of the BOP folder, or the meshes at their poses."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from bopask.bop.images import load_rgb
from bopask.errors import InputError
from bopask.view.render import rendered

_MAGIC = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""First bytes of what every browser shows. Other images are decoded and sent as PNG."""


def picture(row: Mapping[str, Any], carried: bytes | None, bop_root: Path | None) -> tuple[bytes, str] | None:
    """Bytes and media type of a row's image; None where there is none.

    Args:
        row: its `image` is a path; `carried` the bytes in the row itself.
    Raises:
        InputError: the path leaves the BOP folder, or the file is no image.
    """
    if carried:
        return as_shown(carried)
    if bop_root is None:
        return None
    if row.get("image"):
        path = confined(bop_root, str(row["image"]))
        return None if path is None else as_shown(path.read_bytes(), path)
    blank = rendered({**row, "instances": []}, bop_root)  # no colours: they would tell which objects an answer names
    return None if blank is None else (_png(Image.fromarray(blank)), "image/png")


def confined(root: Path, inner: str) -> Path | None:
    """The file `inner` of a folder, links followed; None where it is not there.

    Raises:
        InputError: it lies outside the folder.
    """
    wrong = InputError(inner, "is an image path that leaves the BOP folder", "Generate the data set again")
    try:
        path = (root / inner).resolve()
        there = path.is_file()
    except (OSError, ValueError) as error:  # too long, a null byte, links in a circle
        raise wrong from error
    if "\0" in inner or not path.is_relative_to(root.resolve()):
        raise wrong
    return path if there else None


def as_shown(data: bytes, path: Path | None = None) -> tuple[bytes, str]:
    """An image file's bytes as they are, or decoded to PNG."""
    for magic, media in _MAGIC.items():
        if data.startswith(magic):
            return data, media
    if path is not None:
        return _png(Image.fromarray(load_rgb(path))), "image/png"
    try:
        return _png(Image.open(io.BytesIO(data)).convert("RGB")), "image/png"
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError("the row's picture", f"cannot be read ({error})", "Generate the data set again") from error


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
