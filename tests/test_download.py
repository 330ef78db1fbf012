"""Downloads from a server on this machine that answers as the hub does, with everything that goes wrong on the way."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import stat
import struct
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from tiny import write_tiny_bop

from bopask.bop import open_bop
from bopask.bop.archive import open_zip, unpack
from bopask.bop.download import download, list_archives
from bopask.errors import InputError, MissingExtra, OutputError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """The parts of the hub's API that its client uses to find and fetch files; large files sit behind a redirect."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.claimed = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        self.in_git: set[str] = set()
        self.cut_at: dict[str, int] = {}
        """The connection breaks at this byte of a file …"""
        self.cuts: dict[str, int] = {}
        """… this many times."""
        self.no_ranges = False
        self.gated = False
        self.log: list[tuple[str, str | None, int]] = []
        """(file, Range header, bytes sent) of every transfer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/datasets/"):
            return self._info(path.removeprefix("/api/datasets/"))
        if match := re.fullmatch(rf"/datasets/bop-benchmark/toy/resolve/{COMMIT}/(.+)", path):
            size, etag = len(self.server.files[match[1]]), self.server.claimed[match[1]]
            headers = {"X-Repo-Commit": COMMIT, "X-Linked-Size": str(size), "X-Linked-ETag": f'"{etag}"'}
            return self._answer(302, b"", Location=f"/cdn/{match[1]}", **headers)
        return self._send(path.removeprefix("/cdn/"))

    do_HEAD = do_GET

    def _info(self, repo_id: str) -> None:
        if repo_id != "bop-benchmark/toy":
            return self._answer(
                404, b"{}", **{"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            )
        if self.server.gated:
            return self._answer(403, b"{}", **{"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        siblings = []
        for name, content in self.server.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            large = {"sha256": self.server.claimed[name], "size": len(content), "pointerSize": 130}
            entry = {"rfilename": name, "size": len(content), "blobId": blob}
            siblings.append(entry if name in self.server.in_git else {**entry, "lfs": large})
        body = {"id": repo_id, "sha": COMMIT, "private": False, "downloads": 0, "likes": 0, "tags": []}
        return self._answer(200, json.dumps({**body, "siblings": siblings}).encode())

    def _send(self, name: str) -> None:
        content, wanted, start = self.server.files[name], self.headers.get("Range"), 0
        if wanted and not self.server.no_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
        stop = len(content)
        if self.server.cuts.get(name, 0) > 0:
            self.server.cuts[name] -= 1
            stop = max(start, self.server.cut_at[name])
        self.server.log.append((name, wanted, stop - start))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start:stop])
        self.close_connection = stop < len(content)

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def zipped(folder: Path, *names: str, top: str = "") -> bytes:
    """A zip of files below `folder`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for name in names for path in [folder / name, *(folder / name).rglob("*")]):
            archive.write(path, f"{top}{path.relative_to(folder)}")
    return buffer.getvalue()


def split_zip(plain: bytes, cuts: list[int], *, zip64: bool) -> list[bytes]:
    """A plain zip cut into disks as APPNOTE says: positions count from the start of a disk."""
    end = plain.rfind(b"PK\x05\x06")
    entries, _, directory = struct.unpack_from("<HII", plain, end + 10)
    edges = [0, *cuts]

    def place(at: int) -> tuple[int, int]:
        disk = max(i for i, edge in enumerate(edges) if edge <= at)
        return disk, at - edges[disk]

    content = bytearray(plain[:end])
    at = directory
    while at < end:
        name, extra, comment = struct.unpack_from("<HHH", content, at + 28)
        disk, offset = place(struct.unpack_from("<I", content, at + 42)[0])
        struct.pack_into("<H", content, at + 34, disk)
        struct.pack_into("<I", content, at + 42, offset)
        at += 46 + name + extra + comment
    last, (first, offset) = len(cuts), place(directory)
    if zip64:
        at = place(end)[1]
        content += struct.pack(
            "<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, last, first, entries, entries, end - directory, offset
        )
        content += struct.pack("<4sIQI", b"PK\x06\x07", last, at, last + 1)
        entries, offset = 0xFFFF, 0xFFFFFFFF
    content += struct.pack("<4sHHHHIIH", b"PK\x05\x06", last, first, entries, entries, end - directory, offset, 3)
    content += b"BOP"
    return [bytes(content[a:b]) for a, b in zip(edges, [*cuts, len(content)], strict=True)]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("written") / "toy"
    write_tiny_bop(root, split="train_pbr", n_frames=2)
    return write_tiny_bop(root, split="val", n_frames=1)


@pytest.fixture
def hub(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    import huggingface_hub

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    huggingface_hub.close_session()  # the client reads the environment when it is made
    plain = zipped(toy, "train_pbr")
    third = len(plain) // 3
    parts = split_zip(plain, [third, 2 * third], zip64=True)
    files = {
        "README.md": b"# toy",
        "toy_base.zip": zipped(toy, "camera.json", top="toy/"),
        "toy_models.zip": zipped(toy, "models"),
        "toy_train_pbr.z01": parts[0],
        "toy_train_pbr.z02": parts[1],
        "toy_train_pbr.zip": parts[2],
        "toy_val.zip": zipped(toy / "val", "000000"),
    }
    server = Hub(files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100)  # of 10 MB: our files are small
    yield server
    huggingface_hub.close_session()
    server.shutdown()
    thread.join()
    server.server_close()


def same_tree(a: Path, b: Path) -> None:
    files = [{p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()} for root in (a, b)]
    assert files[0] == files[1]


def test_base_models_and_splits_land_where_the_reader_finds_them(hub: Hub, toy: Path, tmp_path: Path) -> None:
    root = download("toy", tmp_path, ["train_pbr", "toy_val.zip"], endpoint=hub.url)
    assert root == tmp_path / "toy"
    for part in ("models", "train_pbr", "val"):
        same_tree(root / part, toy / part)
    dataset = open_bop(root)
    assert dataset.splits == ("train_pbr", "val") and dataset.name == "toy"
    frame = dataset.read_scene("train_pbr", 0).frames[1]
    np.testing.assert_array_equal(frame.T_cam_obj, open_bop(toy).read_scene("train_pbr", 0).frames[1].T_cam_obj)
    assert not list((root / ".bopask").glob("*.zip*"))  # what is unpacked is not kept twice


def test_nothing_is_fetched_twice(hub: Hub, tmp_path: Path) -> None:
    download("toy", tmp_path, ["val"], endpoint=hub.url)
    first = len(hub.log)
    download("toy", tmp_path, ["val"], endpoint=hub.url)
    assert first == 3 and len(hub.log) == first
    hub.claimed["toy_base.zip"] = hashlib.sha256(content := zip_of({"camera.json": b"{}"})).hexdigest()
    hub.files["toy_base.zip"] = content  # the hub has a newer one
    root = download("toy", tmp_path, ["val"], endpoint=hub.url)
    assert [name for name, *_ in hub.log[first:]] == ["toy_base.zip"]
    assert (root / "camera.json").read_bytes() == b"{}"


def test_without_splits_it_tells_which_there_are(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = download("toy", tmp_path, endpoint=hub.url)
    told = capsys.readouterr().err
    assert "train_pbr" in told and "val" in told
    assert (root / "models" / "models_info.json").exists() and (root / "camera.json").exists()
    assert not (root / "val").exists()
    repository = list_archives("toy", endpoint=hub.url)
    assert sorted(repository.archives) == ["base", "models", "train_pbr", "val"]
    assert repository.size("val") == len(hub.files["toy_val.zip"])


def test_a_transfer_that_breaks_goes_on_in_the_same_run(hub: Hub, toy: Path, tmp_path: Path) -> None:
    hub.cut_at["toy_val.zip"], hub.cuts["toy_val.zip"] = 1000, 1
    root = download("toy", tmp_path, ["val"], endpoint=hub.url)
    same_tree(root / "val", toy / "val")
    assert [entry[1] for entry in hub.log if entry[0] == "toy_val.zip"] == [None, "bytes=1000-"]


@pytest.mark.parametrize("no_ranges", [False, True])
def test_a_run_that_was_cut_off_goes_on_in_the_next(hub: Hub, toy: Path, tmp_path: Path, no_ranges: bool) -> None:
    size = len(hub.files["toy_train_pbr.z02"])
    half = size // 200 * 100  # the client keeps whole chunks
    hub.cut_at["toy_train_pbr.z02"], hub.cuts["toy_train_pbr.z02"] = half, 1000
    with pytest.raises(InputError, match=r"transfer failed.*run the same command again"):
        download("toy", tmp_path, ["train_pbr"], endpoint=hub.url)
    assert not (tmp_path / "toy" / "train_pbr").exists()
    hub.cuts.clear()
    hub.log.clear()
    hub.no_ranges = no_ranges
    root = download("toy", tmp_path, ["train_pbr"], endpoint=hub.url)
    same_tree(root / "train_pbr", toy / "train_pbr")
    fetched = {name: (wanted, sent) for name, wanted, sent in hub.log}
    assert set(fetched) == {"toy_train_pbr.z02", "toy_train_pbr.zip"}  # z01, base and models were whole
    assert fetched["toy_train_pbr.z02"] == (f"bytes={half}-", size if no_ranges else size - half)


def test_a_wrong_checksum_is_refused_and_the_file_dropped(hub: Hub, toy: Path, tmp_path: Path) -> None:
    good = hub.files["toy_val.zip"]
    hub.files["toy_val.zip"] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(InputError, match=r"toy_val\.zip: arrived with a wrong checksum"):
        download("toy", tmp_path, ["val"], endpoint=hub.url)
    assert not (tmp_path / "toy" / "val").exists()
    hub.files["toy_val.zip"] = good
    same_tree(download("toy", tmp_path, ["val"], endpoint=hub.url) / "val", toy / "val")


def test_a_small_file_is_checked_against_git(hub: Hub, tmp_path: Path) -> None:
    hub.in_git = {"toy_base.zip"}
    assert (download("toy", tmp_path, endpoint=hub.url) / "camera.json").exists()


def test_an_unknown_dataset_says_what_to_do(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bop-benchmark/nosuch.*no such dataset.*BOP's are ycbv"):
        download("nosuch", tmp_path, endpoint=hub.url)
    with pytest.raises(InputError, match="short name"):
        download("../etc", tmp_path, endpoint=hub.url)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_split_names_those_there_are(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no split 'test'.*train_pbr, val"):
        download("toy", tmp_path, ["test"], endpoint=hub.url)


def test_a_gated_dataset_and_a_lost_part(hub: Hub, tmp_path: Path) -> None:
    hub.gated = True
    with pytest.raises(InputError, match="terms must be accepted"):
        download("toy", tmp_path, endpoint=hub.url)
    hub.gated = False
    del hub.files["toy_train_pbr.z01"]
    with pytest.raises(InputError, match="lacks a part"):
        download("toy", tmp_path, endpoint=hub.url)


def test_an_unreachable_hub(tmp_path: Path, hub: Hub) -> None:
    with pytest.raises(InputError, match=r"transfer failed.*Check the connection"):
        list_archives("toy", endpoint="http://127.0.0.1:9")  # the discard port: nobody listens


def test_no_space_is_said_before_anything_is_fetched(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("bopask.bop.archive.shutil.disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"downloading base, models, val needs .* GB"):
        download("toy", tmp_path, ["val"], endpoint=hub.url)
    assert hub.log == []


def test_an_output_folder_that_cannot_be_made(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        download("toy", tmp_path / "file", endpoint=hub.url)


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub.errors", None)
    with pytest.raises(MissingExtra, match=r"bopask\[hub\]"):
        download("toy", tmp_path)


# -- archives -----------------------------------------------------------------------------------------------------


def zip_of(entries: dict[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr = name, mode << 16  # past ZipInfo's own cleaning of names
            archive.writestr(info, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "C:/evil", "C:evil", "..\\evil", "a\\..\\evil", ".bopask/val.json"]
)
def test_an_archive_that_would_write_elsewhere_is_refused_whole(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.files["toy_val.zip"] = zip_of({"val/fine": b"", name: b"evil"})
    hub.claimed["toy_val.zip"] = hashlib.sha256(hub.files["toy_val.zip"]).hexdigest()
    out = tmp_path / "deep" / "out"
    with pytest.raises(InputError, match="holds the path"):
        download("toy", out, ["val"], endpoint=hub.url)
    assert not list(tmp_path.rglob("*evil*")) and not list(tmp_path.rglob("fine")) and not Path("/evil").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of({"val/link": b"/etc"}, kind | 0o777))
    with pytest.raises(InputError, match="link or device"):
        unpack([tmp_path / "a.zip"], tmp_path / "out", top="toy")
    assert not (tmp_path / "out" / "val").exists()


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "val").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "a.zip").write_bytes(zip_of({"val/file": b"x"}))
    with pytest.raises(OutputError, match="in the way"):
        unpack([tmp_path / "a.zip"], tmp_path / "out", top="toy")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_damaged_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    content = bytearray(zip_of({"val/a": b"first" * 100, "val/b": b"second" * 100}))
    content[content.find(b"second") + 3] ^= 1
    for damaged in (bytes(content), bytes(content[:300]), b"", b"no zip"):
        (tmp_path / "a.zip").write_bytes(damaged)
        with pytest.raises(InputError, match="not a readable zip"):
            unpack([tmp_path / "a.zip"], tmp_path / "out", top="toy")
        assert [path for path in (tmp_path / "out").rglob("*") if path.name != ".bopask"] == []


def test_unpacking_merges_folders_and_replaces_files(tmp_path: Path) -> None:
    for content in ({"toy/val/a": b"old", "toy/val/b": b"b"}, {"val/a": b"new", "val/c": b"c"}):
        (tmp_path / "a.zip").write_bytes(zip_of(content))
        unpack([tmp_path / "a.zip"], tmp_path / "out", top="toy")
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "val").iterdir()} == {"a": b"new", "b": b"b", "c": b"c"}


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_a_split_zip_reads_as_the_whole_one(tmp_path: Path, zip64: bool, n: int) -> None:
    rng = np.random.default_rng(n)
    entries = {f"val/{i}": rng.bytes(int(rng.integers(0, 4000))) for i in range(20)}
    plain = zip_of(entries)
    cuts = np.linspace(0, len(plain), n + 1)[1:-1].astype(int).tolist()
    parts = []
    for i, content in enumerate(split_zip(plain, cuts, zip64=zip64)):
        parts.append(tmp_path / (f"a.z{i + 1:02d}" if i < n - 1 else "a.zip"))
        parts[-1].write_bytes(content)
    with open_zip(parts) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == entries
    parts[0].write_bytes(parts[0].read_bytes()[:-1])
    with pytest.raises(InputError, match="not a readable zip"), open_zip(parts) as archive:
        for name in entries:
            archive.read(name)


@pytest.mark.skipif(shutil.which("zip") is None, reason="Info-ZIP's zip makes the split archive")
def test_what_info_zip_splits_is_read(tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    rng = np.random.default_rng(0)
    for i in range(5):
        (tmp_path / "val" / f"{i}.bin").write_bytes(rng.bytes(50_000))
    subprocess.run(["zip", "-q", "-r", "-s", "64k", "a.zip", "val"], cwd=tmp_path, check=True)
    parts = [*sorted(tmp_path.glob("a.z[0-9]*")), tmp_path / "a.zip"]
    assert len(parts) == 4
    unpack(parts, tmp_path / "out", top="toy")
    same_tree(tmp_path / "out" / "val", tmp_path / "val")
