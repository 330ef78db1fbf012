"""Kills a run at chosen steps of its work with files, and resumes it: a program of its own, for the tests.

    python kill_at_steps.py FOLDER SCRATCH MOMENTS SEED

A step is anything the interpreter audits of opening, renaming or removing a file below SCRATCH. A run that is left
alone tells how many there are; then, at each of MOMENTS random ones, a fresh run is ended by SIGKILL and its command
given again. Prints a JSON line a moment: the step, and the digests of OUT and what the cache holds after resuming; the
first line is of the undisturbed run.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path

from bopask.cli import main

STEPS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")


def run(folder: str, out: Path, kill_at: int = 0) -> int:
    """`bopask generate` in a child, which kills itself before step `kill_at`. Returns the number of steps."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        steps = 0

        def count(event: str, args: tuple) -> None:
            nonlocal steps
            if event in STEPS and str(out.parent) in str(args[0]):
                steps += 1
                if steps == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        code = main(["generate", folder, "--split", "train", "--out", str(out), "--tasks", "pose,depth,spatial"])
        os.write(writer, str(steps).encode())
        os._exit(code)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    told = os.read(reader, 20)
    os.close(reader)
    if kill_at:
        assert os.WIFSIGNALED(status), f"it was over before step {kill_at}"
        return kill_at
    assert status == 0, "the run failed"
    return int(told)


def left(out: Path) -> dict[str, str]:
    """Every file and folder of OUT, with its digest, and the names in its cache."""
    found = {
        p.relative_to(out).as_posix(): p.is_file() and hashlib.sha256(p.read_bytes()).hexdigest()
        for p in out.rglob("*")
    }
    cache = out.with_name(out.name + ".cache")
    return found | {f"cache/{p.relative_to(cache)}": "" for p in cache.rglob("*")}


def tell(step: int, out: Path) -> None:
    print(json.dumps({"step": step, "left": dict(sorted(left(out).items()))}), flush=True)


if __name__ == "__main__":
    folder, scratch, moments, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    out = scratch / "out"
    scratch.mkdir()
    steps = run(folder, out)
    tell(steps, out)
    for step in sorted(random.Random(seed).sample(range(1, steps + 1), moments)):
        shutil.rmtree(scratch)
        scratch.mkdir()
        run(folder, out, step)
        run(folder, out)
        tell(step, out)
