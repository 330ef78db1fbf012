"""An S3 bucket as the output folder, behind a real server in this process: the same files, whatever kills the run."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import write_tiny_bop

from bopask.cli import main
from bopask.store.files import place

pytest.importorskip("upath", reason="a URL as the output folder needs the extra 'remote'")
moto_server = pytest.importorskip("moto.server", reason="the S3 server of the tests needs moto, of the extra 'dev'")


@pytest.fixture(scope="module")
def bucket():
    """The URL of an empty bucket; this process and its children find the server by AWS's own variables."""
    server = moto_server.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "of the tests")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        place("s3://bopask").fs.mkdir("bopask")
        yield "s3://bopask"
    server.stop()


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Path:
    """A question set in a local folder, and the BOP folder beside it."""
    root = tmp_path_factory.mktemp("remote")
    write_tiny_bop(root / "tiny", scene_ids=range(4), n_frames=2)
    assert main(command(root / "tiny", root / "out", root)) == 0
    return root / "out"


def command(folder: Path, out: Path | str, cache: Path, *more: str) -> list[str]:
    places = [str(folder), "--split", "train", "--out", str(out), "--cache", str(cache / "cache")]
    return ["generate", *places, "--tasks", "pose,depth,spatial", *more]


def left(out: Path) -> dict[str, str]:
    """Digests of all files but the manifest and the report, which name the place of the BOP folder."""
    files = (path for path in out.rglob("*") if path.is_file())
    digests = {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return digests | {"manifest.json": "", "report.html": ""}


def test_a_bucket_holds_what_a_folder_holds(local, bucket, tmp_path):
    out = f"{bucket}/whole"
    assert main(command(local.parent / "tiny", out, local.parent)) == 0
    assert left(place(out)) == left(local)
    assert main(["diff", str(local), out]) == 0
    place(out).fs.get(out, str(tmp_path / "copy"), recursive=True)
    assert main(["verify", str(tmp_path / "copy"), "--bop", str(local.parent / "tiny"), "--all"]) == 0


def test_a_killed_run_resumes_in_the_bucket(local, bucket):
    """SIGKILL once the first unit is marked."""
    out = f"{bucket}/killed"
    asked = command(local.parent / "tiny", out, local.parent)
    process = subprocess.Popen([sys.executable, "-m", "bopask.cli", *asked], stderr=subprocess.DEVNULL)
    while not (marked := [name for name in place(out).glob(".work/*.json") if name.name != "run.json"]):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 0 < len(marked) < 4
    assert main(asked) == 0
    assert left(place(out)) == left(local)
