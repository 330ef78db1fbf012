"""Fetches a BOP dataset from the hub: lists, transfers, checks, unpacks. A run that was cut off goes on where it was.

Repositories are `bop-benchmark/<set>`; archives in them are `<set>_base.zip`, `<set>_models.zip` and one
`<set>_<split>.zip` a split, the large ones in parts (`.z01`, `.z02`, …, `.zip`). https://bop.felk.cvut.cz/datasets
The hub's client finds, authorises and retries; the partial file is ours, as the client drops its own when it fails.
"""

from __future__ import annotations

import errno
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from bopask.bop.archive import HIDDEN, require_space, unpack
from bopask.bop.listing import load_json
from bopask.errors import InputError, MissingExtra, OutputError
from bopask.store.files import write_json

OWNER = "bop-benchmark"
SETS = "ycbv, hope, handal, lm, lmo, tless, tudl, icbin, itodd, hb, ipd, xyzibd"
ALWAYS = ("base", "models")
_PART = re.compile(r"(?P<stem>[^/]+)\.(?:zip|z(?P<number>\d+))")


@dataclass(frozen=True)
class Remote:
    """A file of the repository, as the hub describes it."""

    name: str
    size: int
    sha256: str | None
    """None for small files, which the hub keeps in git."""
    git_sha1: str

    @property
    def digest(self) -> str:
        return self.sha256 or self.git_sha1


@dataclass(frozen=True)
class Repository:
    """What the hub holds of one dataset at one commit."""

    dataset: str
    endpoint: str | None
    commit: str
    archives: Mapping[str, tuple[Remote, ...]]
    """Parts in order, by the archive's name without the dataset's: 'base', 'models', 'train_pbr'."""

    @property
    def id(self) -> str:
        return f"{OWNER}/{self.dataset}"

    def size(self, archive: str) -> int:
        """Bytes of an archive."""
        return sum(part.size for part in self.archives[archive])


def list_archives(dataset: str, *, endpoint: str | None = None) -> Repository:
    """What the hub has of a dataset.

    Raises:
        InputError: no such dataset, or the hub cannot be reached.
        MissingExtra: huggingface_hub is not installed.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", dataset):
        raise InputError(dataset, "is not the short name of a BOP dataset", f"Name one of: {SETS}")
    repo_id = f"{OWNER}/{dataset}"
    with _hub_errors(f"{endpoint or 'https://huggingface.co'}/datasets/{repo_id}"):
        from huggingface_hub import HfApi

        info = HfApi(endpoint=endpoint).dataset_info(repo_id, files_metadata=True)
    parts: dict[str, dict[float, Remote]] = {}
    for file in info.siblings or ():
        match = _PART.fullmatch(file.rfilename)
        if match and match["stem"].startswith(f"{dataset}_"):
            number = float(match["number"] or "inf")  # x.zip is the last part
            remote = Remote(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else None, file.blob_id or "")
            parts.setdefault(match["stem"].removeprefix(f"{dataset}_"), {})[number] = remote
    archives = {name: _in_order(name, found) for name, found in sorted(parts.items())}
    return Repository(dataset, endpoint, str(info.sha), archives)


def _in_order(name: str, parts: Mapping[float, Remote]) -> tuple[Remote, ...]:
    if sorted(parts) != [*range(1, len(parts)), float("inf")]:
        raise InputError(name, "the hub lacks a part of this archive", "Tell the dataset's maintainers")
    return tuple(parts[number] for number in sorted(parts))


def download(dataset: str, out: Path, splits: Sequence[str] = (), *, endpoint: str | None = None) -> Path:
    """Fetches base, models and the named splits of a dataset into `out/<dataset>`.

    What is already there is not fetched again. Without splits, tells on stderr which there are.

    Args:
        splits: as the archives are named ('train_pbr', 'test_bop19', 'val_realsense').
        endpoint: the hub's address; default: Hugging Face's, or $HF_ENDPOINT.
    Returns:
        The dataset's folder, for `open_bop`.
    Raises:
        InputError: an unknown dataset or split, an unreachable hub, a wrong checksum, an unsafe or damaged archive.
        OutputError: no space, or the folder cannot be written.
        MissingExtra: huggingface_hub is not installed.
    """
    repository = list_archives(dataset, endpoint=endpoint)
    wanted = [name for name in ALWAYS if name in repository.archives] + [_archive(repository, name) for name in splits]
    if not splits:
        tqdm.write(_offer(repository), file=sys.stderr)
    target = out / dataset
    try:
        (target / HIDDEN).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(target, f"cannot be made ({error.strerror or error})", "Choose another folder") from error
    todo = [name for name in dict.fromkeys(wanted) if not _is_done(repository, name, target)]
    _require_space(repository, todo, target)
    for name in todo:
        remotes = repository.archives[name]
        unpack([_fetch(repository, remote, target) for remote in remotes], target, top=dataset, inside=name)
        write_json(_mark(target, name), [remote.digest for remote in remotes])
        for remote in remotes:
            for part in (target / HIDDEN).glob(f"*-{remote.name}*"):  # of older commits too
                part.unlink()
    return target


def _offer(repository: Repository) -> str:
    splits = [f"  {name}  {repository.size(name) / 1e9:.2f} GB" for name in repository.archives if name not in ALWAYS]
    return "\n".join([f"{repository.id} has these splits; name those you want:", *splits])


def _archive(repository: Repository, split: str) -> str:
    """The archive of a split, named with or without the dataset and the ending."""
    name = split.removesuffix(".zip").removeprefix(f"{repository.dataset}_")
    if name not in repository.archives:
        there = ", ".join(name for name in repository.archives if name not in ALWAYS) or "none"
        raise InputError(repository.id, f"there is no split {split!r}", f"Splits there: {there}")
    return name


def _mark(target: Path, archive: str) -> Path:
    return target / HIDDEN / f"{archive}.json"


def _is_done(repository: Repository, archive: str, target: Path) -> bool:
    """Whether this very archive was unpacked here before."""
    mark = _mark(target, archive)
    return mark.exists() and load_json(mark) == [remote.digest for remote in repository.archives[archive]]


def _require_space(repository: Repository, archives: Sequence[str], target: Path) -> None:
    """Everything unpacked, at least as large as its zip, and the largest zip beside it, less what is already here."""
    sizes = [repository.size(name) for name in archives]
    paths = [_path(target, remote) for name in archives for remote in repository.archives[name]]
    here = sum(file.stat().st_size for path in paths for file in (path, _partial(path)) if file.exists())
    require_space(target, sum(sizes) + max(sizes, default=0) - here, f"downloading {', '.join(archives)}")


def _path(target: Path, remote: Remote) -> Path:
    return target / HIDDEN / f"{remote.digest[:12]}-{remote.name}"


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def _fetch(repository: Repository, remote: Remote, target: Path) -> Path:
    """A file of the repository, whole and checked; goes on with what an earlier run left."""
    path = _path(target, remote)
    if path.exists():
        return path
    partial = _partial(path)
    with _hub_errors(f"{repository.id}/{remote.name}"):
        from huggingface_hub import hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        url = hf_hub_url(
            repository.id,
            remote.name,
            repo_type="dataset",
            revision=repository.commit,
            endpoint=repository.endpoint,
        )
        with partial.open("ab") as file:
            if file.tell() < remote.size:
                http_get(
                    url,
                    file,
                    resume_size=file.tell(),
                    headers=build_hf_headers(),
                    expected_size=remote.size,
                    displayed_filename=remote.name,
                )
    if partial.stat().st_size != remote.size or _digest(partial, remote) != remote.digest:
        partial.unlink()
        raise InputError(
            f"{repository.id}/{remote.name}", "arrived with a wrong checksum", "Run the same command again"
        )
    return partial.rename(path)


def _digest(path: Path, remote: Remote) -> str:
    """As the hub counts it: sha256 of a large file, git's sha1 of a small one."""
    with path.open("rb") as file:
        if remote.sha256:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha1(b"blob %d\0" % remote.size + file.read()).hexdigest()


@contextmanager
def _hub_errors(address: str) -> Iterator[None]:
    """Turns every way in which the hub's client can fail into one error that says what to do."""
    try:
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "hub") from error
    try:
        yield
    except GatedRepoError as error:
        raise InputError(address, "its terms must be accepted", "Accept them there, then run: hf auth login") from error
    except RepositoryNotFoundError as error:
        wrong = "there is no such dataset on the hub, or it is not public"
        raise InputError(address, wrong, f"BOP's are {SETS}; see https://bop.felk.cvut.cz/datasets") from error
    except Exception as error:  # the HTTP library beneath is another one in every major version of the client
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise OutputError(
                address, f"cannot be written ({error.strerror})", "Free space or choose another"
            ) from error
        wrong = f"the transfer failed ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        raise InputError(address, wrong, "Check the connection and run the same command again: it goes on") from error
