"""Randomness: a result is a function of (input, config, seed), never of worker count, order or restart."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_for(seed: int, stage: str, key: object) -> int:
    """A 64-bit seed of one (stage, key): the same on every machine, in every process, in any order."""
    digest = hashlib.blake2b(f"{seed}\0{stage}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def rng_for(seed: int, stage: str, key: object) -> np.random.Generator:
    """The generator of one (stage, key). There is no global one."""
    return np.random.default_rng(seed_for(seed, stage, key))
