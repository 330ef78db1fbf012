"""Files that are whole or absent, wherever fsspec can put them, and keys made of content.

A folder is a pathlib.Path, or, where its URL was given, a UPath of universal_pathlib, which answers to the same names.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import orjson

from bopask.errors import InputError, MissingExtra, OutputError

STALE_S = 3600.0
"""A partial file of another host that nobody has touched for so long is nobody's."""


def place(where: str) -> Path:
    """A folder by its path, or by a URL that fsspec knows (s3://bucket/set, gs://…, memory://…).

    Raises:
        InputError: fsspec has no such protocol, or its plug-in is not installed.
        MissingExtra: universal_pathlib is not installed.
    """
    if "://" not in where:
        return Path(where)
    if where.startswith("file://"):
        return Path(where.removeprefix("file://"))
    try:
        from upath import UPath
    except ImportError as error:
        raise MissingExtra("universal_pathlib", "remote") from error
    try:
        path = UPath(where, use_listings_cache=False)  # other workers write there, too
        assert path.fs  # its plug-in is looked for here
    except (ValueError, ImportError) as error:
        raise InputError(where, f"cannot be opened ({error})", "Install that protocol's fsspec plug-in") from error
    return cast(Path, path)


def is_local(path: Path) -> bool:
    """Whether the operating system knows this path: pyarrow, rename and the rest work on it."""
    return isinstance(path, type(Path()))


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Gives a temporary local path; it becomes `path` when the block ends well, and is removed otherwise.

    The temporary file lies beside `path`, or, for a URL, in the system's folder for such files, and is uploaded whole.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = path.parent if is_local(path) else staging()
    partial = folder / f".{path.name}.{_host()}-{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield partial
        if is_local(path):
            partial.replace(path)
        else:
            remote: Any = path
            remote.parent.mkdir(parents=True, exist_ok=True)
            remote.fs.put_file(str(partial), remote.path)
    except OSError as error:
        wrong = f"cannot be written ({error.strerror or error})"
        raise OutputError(path, wrong, "Free space or make it writable; the same command then resumes") from error
    finally:
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)


def staging() -> Path:
    """Where files wait that go to a URL."""
    return Path(tempfile.gettempdir()) / "bopask-staging"


def sweep(folder: Path) -> None:
    """Removes what killed processes left half-written below `folder`: never a file of a living one.

    A process of this host is asked for by its number; of other hosts, files untouched for an hour count as left.
    """
    if not folder.is_dir():
        return
    for partial in folder.rglob(".*.partial"):
        host, _, pid = partial.name.split(".")[-2].rpartition("-")
        try:
            left = not _alive(int(pid)) if host == _host() else time.time() - partial.stat().st_mtime > STALE_S
        except (ValueError, FileNotFoundError):  # not ours, or whole by now
            continue
        if left:
            partial.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Removes a file or a folder with all that is in it; nothing where there is nothing."""
    if not is_local(path):
        remote: Any = path
        if remote.fs.exists(remote.path):
            remote.fs.rm(remote.path, recursive=True)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


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


def _host() -> str:
    return socket.gethostname().replace(".", "_")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user, and alive
        return True
    return True
