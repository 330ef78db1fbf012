"""Text for a million rows at once: numbers, lists and JSON as Arrow arrays, without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Int

from bopask.arrays import Array

Text: TypeAlias = Any
"""A pyarrow string array (pyarrow ships no types)."""
Coded: TypeAlias = Any
"""A pyarrow dictionary array of strings: each distinct text once, and its number a row."""


def number(values: Array, decimals: int = 0) -> Text:
    """Shortest decimal text of each value, rounded; integers when `decimals` is 0."""
    if decimals == 0:
        return pc.cast(pa.array(np.rint(values).astype(np.int32)), pa.string())
    return pc.cast(pa.array(np.round(values, decimals) + 0.0), pa.string())  # + 0.0: no '-0'


def join(*pieces: Text | str) -> Text:
    """Row by row concatenation of arrays and constant strings."""
    merged: list[Text | str] = []
    for piece in pieces:
        if merged and isinstance(piece, str) and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return pc.binary_join_element_wise(*merged, "")


def bracket(columns: Sequence[Text]) -> Text:
    """'[a, b, c]' of each row."""
    pieces: list[Text | str] = ["["]
    for column in columns:
        pieces += [column, ", "]
    return join(*pieces[:-1], "]")


def vector(values: Float[Array, "R k"], decimals: int) -> Text:
    """'[x, y, …]' of each row."""
    written = number(values.T.ravel(), decimals)
    return bracket([written.slice(k * len(values), len(values)) for k in range(values.shape[1])])


def points(values: Float[Array, "R P 2"]) -> Text:
    """'[[u, v], [u, v], …]' of each row, whole pixels."""
    R, P, _ = values.shape
    each = vector(values.swapaxes(0, 1).reshape(-1, 2), 0)
    return bracket([each.slice(p * R, R) for p in range(P)])


def matrix(T: Float[Array, "R 4 4"]) -> Text:
    """A motion as '[[…], [0, 0, 0, 1]]', micrometres."""
    rows = vector(T[:, :3].swapaxes(0, 1).reshape(-1, 4), 6)
    return bracket([*(rows.slice(k * len(T), len(T)) for k in range(3)), "[0, 0, 0, 1]"])


def take(texts: Text | Sequence[str], codes: Int[Array, "R"]) -> Text:
    """texts[codes], as a plain string array."""
    texts = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    return texts.take(pa.array(codes))


def coded(texts: Text | Sequence[str], codes: Int[Array, "R"]) -> Coded:
    """texts[codes], each distinct text once, whether or not it stands twice in `texts`."""
    once = (texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())).dictionary_encode()
    return pa.DictionaryArray.from_arrays(once.indices.take(pa.array(codes)), once.dictionary)


def open_object(**fields: Text | str) -> Text:
    """'{"key": value, …' of each row, not closed; values are JSON text already."""
    pieces: list[Any] = []
    for key, value in fields.items():
        pieces += [f'{", " if pieces else "{"}"{key}": ', value]
    return join(*pieces)
