"""Ids: many texts are hashed by a kernel of our own, few by hashlib. A row's id must not tell which."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from bopask.ask import blake, identity

TEXTS = st.lists(st.one_of(st.text(max_size=40), st.text(min_size=100, max_size=300)), min_size=1, max_size=20)


@given(TEXTS, st.sampled_from(sorted(identity.PARTS)))
@settings(max_examples=60, deadline=None)
def test_the_kernel_hashes_as_hashlib_does(texts, person):
    array = pa.array(["what stands before a slice", *texts])[1:]
    starts = np.frombuffer(array.buffers()[1], np.int32)[1 : len(texts) + 2]
    found = blake.hashes(np.frombuffer(array.buffers()[2] or b"", np.uint8), starts, person.encode())
    told = [blake2b(text.encode(), digest_size=12, person=person.encode()).digest() for text in texts]
    assert [hash_.tobytes() for hash_ in found] == told


def test_every_length_around_a_block_is_hashed_as_hashlib_does():
    texts = [bytes(range(7, 7 + n % 200)) * (1 + n // 200) for n in range(520)]
    ends = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    found = blake.hashes(np.frombuffer(b"".join(texts), np.uint8), ends, b"answer")
    assert [h.tobytes() for h in found] == [blake2b(t, digest_size=12, person=b"answer").digest() for t in texts]


def test_ids_do_not_depend_on_how_many_are_made_at_once():
    rows = 2 * identity.MANY
    columns = {name: pa.array([f"{name} {k}" for k in range(rows)]) for of in identity.PARTS.values() for name in of}
    few = [
        identity.content_ids({name: column[k : k + 100] for name, column in columns.items()}) for k in (0, rows - 100)
    ]
    many = identity.content_ids(columns)
    assert pa.concat_arrays([many[:100], many[-100:]]).equals(pa.concat_arrays(few))
