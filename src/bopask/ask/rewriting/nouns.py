"""Names of things that a paraphrase might bring in: those of the data set, of every shipped set, and common ones."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources

import orjson

from bopask.ask.rewriting.validate import words_of

COMMON = (
    "table", "desk", "shelf", "floor", "wall", "tray", "plate", "cup", "glass", "jar", "fork", "knife", "spoon",
    "pan", "pot", "bag", "basket", "bin", "book", "phone", "laptop", "keyboard", "mouse", "screen", "chair", "lamp",
    "ball", "toy", "block", "apple", "orange", "pear", "lemon", "peach", "plum", "tomato", "egg", "bread", "milk",
    "juice", "soda", "candle", "brush", "comb", "towel", "tissue", "hammer", "wrench", "screwdriver", "pliers",
    "nail", "screw", "rope", "tape", "pen", "pencil", "eraser", "ruler", "stapler", "clock", "person", "human",
    "child", "dog", "cat", "car",
)  # fmt: skip
INNOCENT = frozenset({"box", "hand", "can", "camera"})
"""Names that, as they stand, speak of cuboids, grippers and the viewer as well, or of what one can do."""


def known_nouns(of_data: Iterable[str]) -> tuple[str, ...]:
    """Every name, the last word of each, and common things; lower case."""
    names = {words_of(name) for name in (*of_data, *shipped())}
    heads = {name.split()[-1] for name in names if name}
    return tuple(sorted((names | heads | {"a can", "the can", *COMMON}) - INNOCENT - {""}))


def shipped() -> list[str]:
    """Names, synonyms and categories of the sets that come with bopask."""
    found: list[str] = []
    for file in sorted((resources.files("bopask") / "data" / "names").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".json"):
            for entry in orjson.loads(file.read_bytes())["objects"].values():
                found += [entry["name"], *entry.get("synonyms", ()), entry.get("category", "")]
    return found
