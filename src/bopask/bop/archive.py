"""Zip files, also in several parts, unpacked so that nothing lands outside the target.

A split zip (`x.z01`, `x.z02`, …, `x.zip`) is the archive cut into disks: positions in its directory count from the
start of a disk. Python's zipfile knows one disk only: it is shown the parts as one file, with the positions put right.
The format: APPNOTE 6.3.10, 4.3.14 to 4.3.16 and 8 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT)
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tqdm import tqdm

from bopask.errors import InputError, OutputError

HIDDEN = ".bopask"
"""Folder in the target for downloads and marks; no archive may write there."""
_END, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x07"
_LOCATOR64_SIZE, _END_SIZE = 20, 22
_LINKS_AND_DEVICES = (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK)


class _Joined(io.RawIOBase):
    """Files one after another, as one file to read."""

    def __init__(self, files: Sequence[tuple[BinaryIO, int]]) -> None:
        self._files = [file for file, _ in files]
        self._ends = list(accumulate(size for _, size in files))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._ends[-1]}[whence]
        if start + offset < 0:
            raise OSError("seek before the start of the file")  # zipfile counts on it for small files
        self._at = start + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        which = bisect_right(self._ends, self._at)
        if which == len(self._files):
            return 0
        start = self._ends[which - 1] if which else 0
        self._files[which].seek(self._at - start)
        piece = self._files[which].read(min(len(buffer), self._ends[which] - self._at))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@contextmanager
def open_zip(parts: Sequence[Path]) -> Iterator[zipfile.ZipFile]:
    """A zip of one or more parts, in order, the `.zip` last.

    Raises:
        InputError: not a zip, or damaged: now or while it is read.
    """
    try:
        with ExitStack() as stack:
            if len(parts) == 1:
                yield stack.enter_context(zipfile.ZipFile(parts[0]))
                return
            files = [stack.enter_context(part.open("rb")) for part in parts]
            sizes = [part.stat().st_size for part in parts]
            starts = [0, *accumulate(sizes)]
            directory_disk, tail = _one_disk(files[-1], starts)
            sizes[-1] -= len(tail)
            joined = _Joined([*zip(files, sizes, strict=True), (io.BytesIO(tail), len(tail))])
            archive = stack.enter_context(zipfile.ZipFile(io.BufferedReader(joined)))
            for info in archive.infolist():  # zipfile took the directory's disk for the disk of every entry
                info.header_offset += starts[info.volume] - starts[directory_disk]
            _tell_ends(archive)
            yield archive
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
        NotImplementedError,
        struct.error,
        IndexError,
    ) as bad:
        raise InputError(parts[-1], f"is not a readable zip ({bad})", "Delete it and download it again") from bad


def _tell_ends(archive: zipfile.ZipFile) -> None:
    """Where entries end: later Pythons keep it, as told by the offsets that were wrong, and refuse what overlaps."""
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    ends = [*(info.header_offset for info in infos[1:]), archive.start_dir]
    for info, end in zip(infos, ends, strict=True):
        if hasattr(info, "_end_offset"):
            info._end_offset = end


def _one_disk(file: BinaryIO, starts: Sequence[int]) -> tuple[int, bytes]:
    """The disk on which the directory starts, and the last part's end with a zip64 locator that speaks of one disk."""
    size = starts[-1] - starts[-2]
    file.seek(-min(size, _LOCATOR64_SIZE + _END_SIZE + 0xFFFF), os.SEEK_END)  # the end record has a comment behind it
    tail = bytearray(file.read())
    end = tail.rfind(_END)
    if end < 0:
        raise zipfile.BadZipFile("no end record")
    (disk,) = struct.unpack_from("<H", tail, end + 6)
    locator = end - _LOCATOR64_SIZE
    if locator < 0 or tail[locator : locator + 4] != _LOCATOR64:
        return disk, bytes(tail)
    end64_disk, end64 = struct.unpack_from("<IQ", tail, locator + 4)
    absolute = starts[end64_disk] + end64
    struct.pack_into("<IQI", tail, locator + 4, 0, absolute, 1)
    file.seek(absolute - starts[-2])
    (disk,) = struct.unpack_from("<I", file.read(24), 20)
    return disk, bytes(tail)


def unpack(parts: Sequence[Path], target: Path, *, top: str, inside: str = "") -> None:
    """Unpacks a zip into `target`, whole or not at all.

    Args:
        top: a folder of this name around everything in the archive is taken off (BOP's base zips have one).
        inside: where bare scene folders belong, when the archive holds nothing else.
    Raises:
        InputError: damaged, or could write outside the target (absolute or drive paths, `..`, links).
        OutputError: no space, or something else is in the way.
    """
    staging = target / HIDDEN / f"{parts[-1].name}.unpacking"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with open_zip(parts) as archive:
            entries = {info.filename: _safe(info, parts[-1]) for info in archive.infolist()}
            require_space(target, sum(info.file_size for info in archive.infolist()), f"unpacking {parts[-1].name}")
            prefix = _landing(list(entries.values()), top, inside)
            _extract(archive, {name: prefix(path) for name, path in entries.items()}, staging)
        _merge(staging, target)
    except OSError as error:
        wrong = f"cannot be unpacked ({error.strerror or error}: {error.filename})"
        raise OutputError(target, wrong, "Free space, make the folder writable, or choose another") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """Raises OutputError unless the disk of `folder` has `needed` bytes to spare."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        wrong = f"{purpose} needs {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB"
        raise OutputError(folder, wrong, "Free space or choose another folder")


def _safe(info: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    """The path of an entry, if it can only land below the target."""
    path = PurePosixPath(info.filename)
    names = set(path.parts)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if path.is_absolute() or ".." in names or HIDDEN in names or "\\" in info.filename or ":" in info.filename:
        raise InputError(
            archive, f"holds the path {info.filename!r}", "Do not use this archive: it is not a BOP dataset"
        )
    if kind in _LINKS_AND_DEVICES:
        raise InputError(archive, f"holds a link or device, {info.filename!r}", "Do not use this archive")
    return path


def _landing(paths: list[PurePosixPath], top: str, inside: str) -> Callable[[PurePosixPath], PurePosixPath]:
    """How paths in the archive become paths in the dataset's folder."""
    first = {path.parts[0] for path in paths if path.parts}
    if first == {top}:
        return lambda path: PurePosixPath(*path.parts[1:])
    if inside and all(name.isdecimal() for name in first):
        return lambda path: inside / path
    return lambda path: path


def _extract(archive: zipfile.ZipFile, paths: dict[str, PurePosixPath], folder: Path) -> None:
    folder.mkdir(parents=True)
    total = sum(info.file_size for info in archive.infolist())
    with tqdm(total=total, desc="unpack", unit="B", unit_scale=True, disable=None, leave=False) as bar:
        for info in archive.infolist():
            path = folder / paths[info.filename]
            if info.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, path.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            bar.update(info.file_size)


def _merge(source: Path, target: Path) -> None:
    """Moves everything of `source` into `target`: folders are merged, files replaced; a link in the way is refused."""
    for entry in sorted(source.iterdir()):
        there = target / entry.name
        if there.is_symlink() or (there.exists() and there.is_dir() != entry.is_dir()):
            raise OutputError(there, "something else is in the way", "Move it, or choose another folder")
        if there.is_dir():
            _merge(entry, there)
        else:
            entry.replace(there)
