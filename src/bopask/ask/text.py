"""Text for a million rows at once: numbers, lists and JSON as Arrow arrays, without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bopask.arrays import Array

Text: TypeAlias = Any
"""A pyarrow string array (pyarrow ships no types)."""


def number(values: Array, decimals: int = 0) -> Text:
    """Shortest decimal text of each value, rounded; integers when `decimals` is 0."""
    if decimals == 0:
        return pc.cast(pa.array(np.rint(values).astype(np.int32)), pa.string())
    return pc.cast(pa.array(np.round(values, decimals) + 0.0), pa.string())  # + 0.0: no '-0'


def join(*pieces: Text | str) -> Text:
    """Row by row concatenation of arrays and constant strings."""
    return pc.binary_join_element_wise(*pieces, "")


def bracket(columns: Sequence[Text]) -> Text:
    """'[a, b, c]' of each row."""
    return join("[", pc.binary_join_element_wise(*columns, ", "), "]")


def vector(values: Array, decimals: int) -> Text:
    """'[x, y, …]' of each row of an (R, k) array."""
    return bracket([number(values[:, i], decimals) for i in range(values.shape[1])])


def points(values: Array, decimals: int = 0) -> Text:
    """'[[u, v], [u, v], …]' of each row of an (R, P, 2) array."""
    return bracket([vector(values[:, i], decimals) for i in range(values.shape[1])])


def matrix(T: Array) -> Text:
    """A (R, 4, 4) motion as '[[…], [0, 0, 0, 1]]', micrometres."""
    rows = [vector(T[:, i, :], 6) for i in range(3)]
    return bracket([*rows, pa.scalar("[0, 0, 0, 1]")])


def coded(texts: Sequence[str], codes: Array) -> Text:
    """texts[codes], as a plain string array."""
    return pa.array(texts, pa.string()).take(pa.array(codes))


def take(texts: Text, rows: Array) -> Text:
    return texts.take(pa.array(rows))


def json_object(**fields: Text | str) -> Text:
    """'{"key": value, …}' of each row; values are JSON text already."""
    pieces: list[Any] = []
    for i, (key, value) in enumerate(fields.items()):
        pieces += [("{" if i == 0 else ", ") + f'"{key}": ', value]
    return join(*pieces, "}")


def with_field(objects: Text, key: str, value: Text) -> Text:
    """JSON objects with one more field at their end."""
    return join(pc.utf8_slice_codeunits(objects, 0, -1), f', "{key}": ', value, "}")
