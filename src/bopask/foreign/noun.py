"""A question of a benchmark that is not ours."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool
from PIL import Image

from bopask.arrays import Array
from bopask.errors import InputError

FIX = "Download the benchmark again"
Pair: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Picture:
    """An image of a benchmark: a file, or bytes that were inside another file."""

    path: Path
    """The file; of bytes, the file that they came from."""
    data: bytes | None = field(default=None, repr=False)

    def read(self) -> bytes:
        """The encoded image.

        Raises:
            InputError: the file is not there.
        """
        if self.data is not None:
            return self.data
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InputError(self.path, f"the image cannot be read ({error.strerror})", FIX) from error

    def size(self) -> tuple[int, int]:
        """Width and height (px)."""
        with self._opened() as image:
            return image.size

    def mask(self) -> Bool[Array, "H W"]:
        """True where the first channel is not 0."""
        with self._opened() as image:
            pixels = np.asarray(image.convert("L") if image.mode == "P" else image)
            return (pixels if pixels.ndim == 2 else pixels[..., 0]) > 0

    def _opened(self) -> Image.Image:
        try:
            return Image.open(BytesIO(self.read()))
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(self.path, f"holds no image that can be read ({error})", FIX) from error


def from_base64(text: str, path: Path) -> Picture:
    """The picture that a JSON file holds as base64 text.

    Raises:
        InputError: it is not base64.
    """
    try:
        return Picture(path, base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise InputError(path, f"an image is not base64 ({error})", FIX) from error


@dataclass(frozen=True)
class Foreign:
    """One question of a benchmark."""

    id: str
    """The benchmark's own, or its file and row number."""
    benchmark: str
    task: str
    subtask: str
    question: str
    """As it is put to the model; format sentence and choices included where the benchmark prescribes them."""
    images: tuple[Picture, ...]
    kind: str
    """'yes_no', 'choice', 'points', 'polygon', 'mask', 'count' or 'text': what `truth` is."""
    truth: Any
    """bool; index into `options`; (u, v) px, …; (x, y) 0..1, …; None (see `masks`); int; str. None: hidden."""
    rule: str
    """Its name in `rules.RULES`; 'bopask' for the released BOP-Ask files, whose scores are bopask's own."""
    options: tuple[str, ...] = ()
    masks: tuple[Picture, ...] = ()
    depths: tuple[Picture, ...] = ()
    group: str = ""
    """What the rule's total takes apart: a data source, a category."""
    pair: str = ""
    """Two rows with the same value are scored together; '' where there are no pairs."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the file, as they are."""
