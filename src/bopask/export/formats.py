"""The table of formats: a name, what writes it, and what it needs. Another format is a function and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bopask.bench.rewards import TRUTH
from bopask.export import chat, harness, released, verl
from bopask.export.place import Item, Place

Write: TypeAlias = Callable[[Place, Iterator[Item]], None]


@dataclass(frozen=True)
class Format:
    """One row of the table."""

    write: Write
    columns: tuple[str, ...] = ()
    """Of a row, beyond `run.BASE`."""
    images: str = "link"
    """What `--images` is when it is not given."""
    modes: tuple[str, ...] = ("link", "copy", "reference")
    """What it may be."""
    own_words: bool = False
    """Its readers read pixels: no other dialect will do."""
    sharded: bool = True


FORMATS: Mapping[str, Format] = {
    "llava": Format(chat.llava),
    "messages": Format(chat.messages),
    "trl": Format(chat.trl, TRUTH),
    "swift": Format(chat.swift),
    "verl": Format(verl.verl, verl.COLUMNS, images="copy"),
    "lmms": Format(harness.lmms),
    "vlmeval": Format(harness.vlmeval, images="copy", modes=("copy",), sharded=False),
    "bopask": Format(released.released, released.COLUMNS, own_words=True),
}
