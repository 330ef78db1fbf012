"""Identity: a row's id is a hash of its content, whatever else stands beside it.

The BLAKE2b-96 hashes of what is shown, of the kind of question, of its words and of its answer, joined by exclusive or:
so the parts that many rows share are hashed once, and the last step is array arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import UInt32

from bopask.arrays import Array

PARTS: Mapping[str, tuple[str, ...]] = {
    "picture": ("dataset", "split", "scene_id", "frame_id", "sensor"),
    "kind": ("task", "subtask"),
    "question": ("question",),
    "answer": ("answer",),
}
"""What an id is a hash of. Each part is hashed as a person of its own, so that equal texts of two do not cancel out."""
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)


def row_id(row: Mapping[str, Any]) -> str:
    """The id of one row by its content."""
    columns = {name: pa.array([row[name]]) for names in PARTS.values() for name in names}
    return str(content_ids(columns)[0].as_py())


def content_ids(columns: Mapping[str, pa.Array]) -> pa.Array:
    """The ids of rows."""
    texts = {part: [columns[name].cast(pa.string()) for name in names] for part, names in PARTS.items()}
    return joined({part: pc.binary_join_element_wise(*of, "\x1f").dictionary_encode() for part, of in texts.items()})


def joined(parts: Mapping[str, pa.Array]) -> pa.Array:
    """The ids of rows: of each part, the text that a row has, its items joined by U+001F. Texts that many rows share
    come as dictionary arrays."""
    hashes = [_hashes(part, texts) for part, texts in parts.items()]
    text = _HEX[np.bitwise_xor.reduce(hashes).view(np.uint8)]
    offsets = np.arange(len(text) + 1, dtype=np.int32) * 24
    return pa.StringArray.from_buffers(len(text), pa.py_buffer(offsets), pa.py_buffer(text))


def _hashes(part: str, texts: pa.Array) -> UInt32[Array, "n 3"]:
    if pa.types.is_dictionary(texts.type):
        return _hashes(part, texts.dictionary)[np.asarray(texts.indices)]
    start, digests = blake2b(digest_size=12, person=part.encode()), list[bytes]()
    for content in texts.cast(pa.binary()).to_pylist():  # a copy is made in less time than a new one
        hashed = start.copy()
        hashed.update(content)
        digests.append(hashed.digest())
    return np.frombuffer(b"".join(digests), np.uint32).reshape(-1, 3)
