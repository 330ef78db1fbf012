"""Files that are whole or absent, and keys made of content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bopask.errors import OutputError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; it becomes `path` when the block ends well, and is removed otherwise.

    Raises:
        OutputError: the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            path, f"cannot be written ({error.strerror or error})", "Free space or choose another --out"
        ) from error
    finally:
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Indented JSON with sorted keys: the same value gives the same bytes."""
    with atomic(path) as partial:
        partial.write_bytes(to_json(value, indent=True))


def to_json(value: Any, indent: bool = False) -> bytes:
    option = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, option=option | (orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE if indent else 0))


def key_of(*content: Any) -> str:
    """A short key of JSON-able content: equal content, equal key."""
    return hashlib.blake2b(to_json(content), digest_size=10).hexdigest()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
