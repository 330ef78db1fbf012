"""A number for each value of an Arrow column: equal values have equal ones, whatever the column's encoding.

64 bits, good within one process: strings are hashed by Python, which is seeded anew in each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import UInt64

from bopask.arrays import Array

STEP = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that the k-th of several values is told from every other place."""
NULL = np.uint64(0x6E756C6C)


def hashes_of(column: pa.ChunkedArray) -> UInt64[Array, "N"]:
    return np.concatenate([np.zeros(0, np.uint64), *(_hashes(chunk) for chunk in column.chunks)])


def together(columns: Sequence[UInt64[Array, "N"]]) -> UInt64[Array, "N"]:
    """One hash of several values that belong together, in this order."""
    total = np.zeros(len(columns[0]), np.uint64)
    for k, values in enumerate(columns, start=1):
        total += mixed(values + np.full(1, k, np.uint64) * STEP)  # arrays wrap round, numbers warn
    return total


def mixed(x: UInt64[Array, "N"]) -> UInt64[Array, "N"]:
    """Every bit of the result depends on every bit of x (the end of splitmix64; Steele, Lea and Flood, 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _hashes(array: pa.Array) -> UInt64[Array, "N"]:
    found = mixed(_bits(array))
    if array.null_count:
        found[array.is_null().to_numpy(zero_copy_only=False)] = NULL
    return found


def _bits(array: pa.Array) -> UInt64[Array, "N"]:
    """64 bits a value; those of nulls mean nothing."""
    kind, types = array.type, pa.types
    if len(array) == 0 or types.is_null(kind):
        return np.zeros(len(array), np.uint64)
    if types.is_dictionary(kind):
        return _coded(_bits(array.dictionary), array.indices)
    if types.is_fixed_size_list(kind):
        return _bits(array.cast(pa.list_(kind.value_type)))
    if types.is_list(kind) or types.is_large_list(kind):
        return _of_lists(array.offsets.to_numpy().astype(np.int64), array.values)
    if types.is_struct(kind):
        return together([_hashes(field) for field in array.flatten()])
    if types.is_floating(kind):
        return array.cast(pa.float64()).fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64)
    if types.is_boolean(kind):
        return _bits(array.cast(pa.int64()))
    if types.is_integer(kind):
        return array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
    each = array.dictionary_encode()  # words repeat
    told = np.fromiter(map(hash, each.dictionary.to_pylist()), np.int64, len(each.dictionary))
    return _coded(told.view(np.uint64), each.indices)


def _coded(values: UInt64[Array, "V"], codes: pa.Array) -> UInt64[Array, "N"]:
    return np.append(values, np.uint64(0))[codes.fill_null(-1).to_numpy(zero_copy_only=False)]


def _of_lists(offsets: Array, values: pa.Array) -> UInt64[Array, "N"]:
    """Of list i, the sum over its values, each mixed with its place in the list."""
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    place = (np.arange(lengths.sum()) - np.repeat(starts, lengths)).astype(np.uint64)
    terms = mixed(_hashes(values[offsets[0] : offsets[-1]]) + STEP * (place + np.uint64(1)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])  # modulo 2^64, so exact
    return sums[starts + lengths] - sums[starts] + STEP * lengths.astype(np.uint64)
