"""Identity: a row's id is a hash of its content, whatever else stands beside it.

The BLAKE2b-96 hashes of what is shown, of the kind of question, of its words and of its answer, joined by exclusive or:
so the parts that many rows share are hashed once, and the last step is array arithmetic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int, UInt32

from bopask.arrays import Array

PARTS: Mapping[str, tuple[str, ...]] = {
    "picture": ("dataset", "split", "scene_id", "frame_id", "sensor"),
    "kind": ("task", "subtask"),
    "question": ("question",),
    "answer": ("answer",),
}
"""What an id is a hash of, by part."""
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)


def row_id(row: Mapping[str, Any]) -> str:
    """The id of one row by its content."""
    whole = 0
    for part, names in PARTS.items():
        whole ^= int.from_bytes(_hash(part, "\x1f".join(str(row[name]) for name in names)), "big")
    return f"{whole:024x}"


def content_ids(columns: Mapping[str, pa.Array]) -> pa.Array:
    """The ids of many rows, of which some columns are given as `row_id` needs them."""
    parts = []
    for part, names in PARTS.items():
        texts = [columns[name].cast(pa.string()) for name in names]
        content = pc.binary_join_element_wise(*texts, "\x1f").dictionary_encode()
        parts.append((hashes(part, content.dictionary.to_pylist()), np.asarray(content.indices)))
    return joined(parts)


def hashes(part: str, texts: Iterable[str]) -> UInt32[Array, "n 3"]:
    """The hash of each of a part's texts."""
    return np.frombuffer(b"".join(_hash(part, text) for text in texts), np.uint32).reshape(-1, 3)


def joined(parts: Sequence[tuple[UInt32[Array, "n 3"], Int[Array, "R"]]]) -> pa.Array:
    """The ids of rows, told for each part which of its hashes a row has."""
    whole = np.bitwise_xor.reduce([of[codes] for of, codes in parts])
    text = _HEX[whole.view(np.uint8)]
    offsets = np.arange(len(whole) + 1, dtype=np.int32) * 24
    return pa.StringArray.from_buffers(len(whole), pa.py_buffer(offsets), pa.py_buffer(text))


def _hash(part: str, text: str) -> bytes:
    return hashlib.blake2b(f"{part}\x1f{text}".encode(), digest_size=12).digest()
