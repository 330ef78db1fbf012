"""BLAKE2b-96 of many short texts at once, compiled: hashlib spends more on each call than on the hash.

RFC 7693, without a key, with a person of up to 16 bytes. tests/test_identity.py holds it against hashlib.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int32, UInt8, UInt32, UInt64
from numba import njit, uint64

from bopask.arrays import Array

DIGEST, BLOCK = 12, 128
"""Bytes of a hash, and of what is mixed in at once."""
IV = np.array(
    [0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
     0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179], np.uint64,
)  # fmt: skip
SIGMA = np.array(
    [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
     [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
     [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
     [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
     [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0]],
    np.uint8,
)[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]]  # fmt: skip
"""Which word of the block comes when, in each of the 12 rounds."""


def hashes(text: UInt8[Array, "bytes"], ends: Int32[Array, "n+1"], person: bytes) -> UInt32[Array, "n 3"]:
    """Of text i, text[ends[i]:ends[i + 1]]: as `hashlib.blake2b(…, digest_size=12, person=person)`."""
    start = IV.copy()
    start[0] ^= np.uint64(0x01010000 | DIGEST)  # one leaf, no key
    start[6:] ^= np.frombuffer(person.ljust(16, b"\0"), "<u8")
    return _hashes(text, ends, start).view(np.uint32)[:, : DIGEST // 4]


@njit(cache=True)
def _hashes(text: Any, ends: Any, start: Any) -> UInt64[Array, "n 2"]:
    block = np.zeros(BLOCK // 8, np.uint64)
    bytes_, state = block.view(np.uint8), np.empty(8, np.uint64)
    found = np.empty((len(ends) - 1, 2), np.uint64)
    for i in range(len(found)):
        at, end, counted = ends[i], ends[i + 1], 0
        state[:] = start
        while True:
            n = min(end - at, BLOCK)
            for k in range(n):
                bytes_[k] = text[at + k]
            bytes_[n:] = 0
            at, counted = at + n, counted + n
            _compress(state, block, uint64(counted), at == end)
            if at == end:
                break
        found[i, 0], found[i, 1] = state[0], state[1]
    return found


@njit(cache=True)
def _compress(h: Any, m: Any, counted: Any, last: bool) -> None:
    a0, a1, a2, a3, b0, b1, b2, b3 = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
    c0, c1, c2, c3, d0, d1, d2, d3 = IV[0], IV[1], IV[2], IV[3], IV[4] ^ counted, IV[5], IV[6], IV[7]
    if last:
        d2 = ~d2
    for r in range(12):
        s = SIGMA[r]
        a0, b0, c0, d0 = _mix(a0, b0, c0, d0, m[s[0]], m[s[1]])
        a1, b1, c1, d1 = _mix(a1, b1, c1, d1, m[s[2]], m[s[3]])
        a2, b2, c2, d2 = _mix(a2, b2, c2, d2, m[s[4]], m[s[5]])
        a3, b3, c3, d3 = _mix(a3, b3, c3, d3, m[s[6]], m[s[7]])
        a0, b1, c2, d3 = _mix(a0, b1, c2, d3, m[s[8]], m[s[9]])
        a1, b2, c3, d0 = _mix(a1, b2, c3, d0, m[s[10]], m[s[11]])
        a2, b3, c0, d1 = _mix(a2, b3, c0, d1, m[s[12]], m[s[13]])
        a3, b0, c1, d2 = _mix(a3, b0, c1, d2, m[s[14]], m[s[15]])
    h[0] ^= a0 ^ c0
    h[1] ^= a1 ^ c1
    h[2] ^= a2 ^ c2
    h[3] ^= a3 ^ c3
    h[4] ^= b0 ^ d0
    h[5] ^= b1 ^ d1
    h[6] ^= b2 ^ d2
    h[7] ^= b3 ^ d3


@njit(cache=True)
def _mix(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    a = a + b + x
    d = _turned(d ^ a, 32)
    c = c + d
    b = _turned(b ^ c, 24)
    a = a + b + y
    d = _turned(d ^ a, 16)
    c = c + d
    b = _turned(b ^ c, 63)
    return a, b, c, d


@njit(cache=True)
def _turned(x: Any, by: Any) -> Any:
    return (x >> uint64(by)) | (x << uint64(64 - by))
