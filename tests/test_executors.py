"""Whoever does the work, in whatever parts and after whatever death: the same files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny import OBJECTS, box, write_tiny_bop

from bopask import job as jobs
from bopask import pipeline
from bopask.cli import main
from bopask.errors import BopaskError, InputError, MissingExtra, WorkerLost
from bopask.run.executor import executor_named
from bopask.run.local import LocalExecutor
from bopask.run.ray_cluster import RayCluster
from bopask.run.task_array import TaskArray, deal

HERE = Path(__file__).parent
TASKS = "pose,depth,spatial"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_tiny_bop(tmp_path_factory.mktemp("bop") / "tiny", scene_ids=range(4), n_frames=2)


@pytest.fixture(scope="module")
def undisturbed(folder, tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert generate(folder, out) == 0
    return left(out)


def generate(folder: Path, out: Path, *more: str, tasks: str = TASKS) -> int:
    return main(["generate", str(folder), "--split", "train", "--out", str(out), "--tasks", tasks, *more])


def left(out: Path) -> dict[str, str]:
    """Every file and folder of OUT, hidden ones too, by digest."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in out.rglob("*")
    }


def half_written(cache: Path) -> list[Path]:
    return list(cache.rglob("*.partial"))


# -- the executors


def double(x: int) -> int:
    if x == 13:
        raise InputError("thirteen", "is unlucky", "Use another")
    if x == 99:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x


@pytest.fixture(params=["one", "local", "slurm", "ray"])
def executor(request, tmp_path, found_by_workers):
    """Each executor; the task array without Slurm, Ray on this machine."""
    if request.param == "one":
        return LocalExecutor()
    if request.param == "local":
        return LocalExecutor(2)
    if request.param == "slurm":
        pytest.importorskip("submitit", reason="task arrays need the extra 'slurm'")
        return TaskArray(2, tmp_path / "tasks", (("cluster", "local"),))
    request.getfixturevalue("a_ray")
    return RayCluster(2)


@pytest.fixture(scope="module")
def found_by_workers():
    """Workers of other programs import this module, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])))
        yield


@pytest.fixture(scope="module")
def a_ray(found_by_workers):
    """Ray on this machine, once for all tests."""
    ray = pytest.importorskip("ray", reason="a Ray cluster needs the extra 'ray'")
    yield
    ray.shutdown()


def test_every_unit_is_done_once(executor):
    assert sorted(executor.run(double, range(5))) == [0, 2, 4, 6, 8]
    assert list(executor.run(double, [])) == []


def test_what_a_unit_raises_is_raised_as_it_is(executor):
    with pytest.raises(InputError, match=r"^thirteen: is unlucky\. Use another\.$"):
        list(executor.run(double, [1, 13]))


def test_a_vanished_worker_is_told_in_one_line(executor):
    if executor == LocalExecutor():
        pytest.skip("it works in this very process")
    with pytest.raises(WorkerLost, match="same command again to resume") as told:
        list(executor.run(double, [1, 99]))
    assert "\n" not in str(told.value)


def test_the_same_bytes_whoever_works(executor, folder, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr("bopask.run.executor.executor_named", lambda *_: executor)
    assert generate(folder, tmp_path / "out", "--workers", "2") == 0
    assert left(tmp_path / "out") == undisturbed


def test_executors_have_names(tmp_path):
    assert executor_named("local", 3, tmp_path) == LocalExecutor(3)
    assert executor_named("ray:10.0.0.1:6379", 3, tmp_path) == RayCluster(3, "10.0.0.1:6379")
    asked = executor_named("slurm:partition=cpu,mem=4GB", 3, tmp_path)
    assert asked == TaskArray(3, tmp_path, (("partition", "cpu"), ("mem", "4GB")))
    for wrong, workers in (("cloud", 1), ("local:8", 1), ("slurm:fast", 1), ("local", 0)):
        with pytest.raises(InputError, match=r"--(executor|workers)"):
            executor_named(wrong, workers, tmp_path)


@pytest.mark.parametrize(("name", "module", "extra"), [("ray", "ray", "ray"), ("slurm", "submitit", "slurm")])
def test_a_missing_package_is_told_with_its_extra(name, module, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"bopask\[{extra}\]"):
        list(executor_named(name, 2, tmp_path).run(double, [1, 2]))


def test_slurm_is_told_to_be_missing(tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="task arrays need the extra 'slurm'")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="sbatch"):
        list(TaskArray(2, tmp_path).run(double, [1, 2]))


def fail_or_wait(x: int) -> int:
    return double(x) if x == 13 else int(threading.Event().wait(60))


def test_tasks_that_are_left_when_a_run_ends_early_are_ended(tmp_path, found_by_workers):
    """Their supervisors too, which are this process's children: one that is not waited for is a ResourceWarning."""
    pytest.importorskip("submitit", reason="task arrays need the extra 'slurm'")
    with pytest.raises(InputError, match="thirteen"):
        list(TaskArray(2, tmp_path / "tasks", (("cluster", "local"),)).run(fail_or_wait, [13, 1]))
    assert not [pid for pid, command in processes() if str(tmp_path / "tasks") in command]


def processes() -> Iterator[tuple[int, str]]:
    """All of this machine, with their command lines."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            yield int(folder.name), (folder / "cmdline").read_bytes().decode(errors="replace")


def test_tasks_share_large_and_small_units():
    assert deal([9, 7, 5, 3, 1], 2) == [[9, 5, 1], [7, 3]]


# -- parts of a scene


@pytest.fixture(scope="module")
def long_scene(tmp_path_factory) -> Path:
    """Two layouts whose frames alternate, twenty in all, one with a damaged depth image, and a scene of two frames."""
    root = tmp_path_factory.mktemp("long") / "tiny"
    moved = (box(1, (0.08, 0.05, 0.04), (0.05, -0.06), 1.0, "flat box"), *OBJECTS[1:])
    write_tiny_bop(root, scene_ids=(1,), n_frames=2)
    write_tiny_bop(root, scene_ids=(0,), frame_ids=range(0, 20, 2))
    other = write_tiny_bop(root.parent / "other", scene_ids=(0,), frame_ids=range(1, 20, 2), objects=moved)
    for table in ("scene_gt", "scene_camera", "scene_gt_info"):
        file = Path("train", "000000", f"{table}.json")
        rows = json.loads((root / file).read_bytes()) | json.loads((other / file).read_bytes())
        (root / file).write_text(json.dumps(dict(sorted(rows.items(), key=lambda row: int(row[0])))))
    shutil.copytree(other / "train" / "000000", root / "train" / "000000", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("*.json"))  # fmt: skip
    (root / "train" / "000000" / "depth" / "000006.png").write_bytes(b"no picture")
    return root


@pytest.mark.parametrize("more", [(), ("--thin", "60")], ids=["all frames", "thinned"])
def test_rows_and_counts_do_not_depend_on_the_parts(long_scene, tmp_path, monkeypatch, more):
    """Shards of 2 and of 3 blocks, and of whole scenes: other files, the same rows in the same order."""
    monkeypatch.setattr(jobs, "BLOCK", 3)
    monkeypatch.setattr(pipeline, "BLOCK", 3)
    found = {}
    for frames in (6, 9, 100):
        monkeypatch.setattr(jobs, "SHARD", frames)
        out = tmp_path / str(frames)
        always = ("--keep-going", "--cache", str(tmp_path / "cache"))
        assert generate(long_scene, out, *always, *more, tasks="pose,depth,spatial,trajectory") == 0
        manifest = json.loads((out / "manifest.json").read_bytes())
        shards = sorted((out / "data").iterdir())
        rows = pa.concat_tables([pq.read_table(shard) for shard in shards])
        found[frames] = [shard.name for shard in shards], rows, manifest
    assert len(found[6][0]) == 5
    assert found[9][0] == [f"train-000000-{part:04d}.parquet" for part in range(3)] + ["train-000001.parquet"]
    assert found[100][0] == ["train-000000.parquet", "train-000001.parquet"]
    for frames in (6, 9):
        assert found[frames][1].equals(found[100][1])
        for key in ("counts", "skips", "layouts", "language"):
            assert found[frames][2][key] == found[100][2][key]
    assert found[100][2]["skips"]["read"] == {"bad_depth": 1}
    assert (found[100][2]["counts"]["frames"] < 21) == ("--thin" in more)
    assert [layout["frames"] for layout in found[100][2]["layouts"]] == [9, 10, 2]


def test_parts_are_the_same_files_whoever_works(long_scene, tmp_path, monkeypatch):
    for module in (jobs, pipeline):
        monkeypatch.setattr(module, "BLOCK", 3)
    monkeypatch.setattr(jobs, "SHARD", 6)
    assert generate(long_scene, tmp_path / "one", "--keep-going") == 0
    monkeypatch.setattr("bopask.run.executor.executor_named", lambda *_: Backwards())
    assert generate(long_scene, tmp_path / "other", "--keep-going") == 0
    assert left(tmp_path / "one") == left(tmp_path / "other")


class Backwards:
    """Begins the units in the wrong order, so that later parts find no priors in the cache."""

    def run(self, function, units):
        return map(function, reversed(units))


def test_units_begin_with_the_first_parts_largest_first():
    scenes = [jobs.Contents(1, 10, 30, frozenset()), jobs.Contents(2, 5000, 25_000, frozenset()),
              jobs.Contents(3, 10, 90, frozenset()), jobs.Contents(4, 0, 0, frozenset())]  # fmt: skip
    names = [unit.name for unit in sorted(unit for scene in scenes for unit in scene.units)]
    assert names == ["000002-0000", "000003", "000001", "000004", "000002-0001", "000002-0002"]


# -- death and resurrection


def test_killed_at_random_steps_it_resumes_to_the_same_bytes(folder, tmp_path):
    """SIGKILL before random ones of all its steps with files."""
    told = kill_at_steps(folder, tmp_path, 3)
    assert len(told) == 4
    assert all(one["left"] == told[0]["left"] for one in told)


@pytest.mark.slow
def test_killed_at_thirty_random_steps_it_resumes_to_the_same_bytes(folder, tmp_path):
    told = kill_at_steps(folder, tmp_path, 30)
    assert len({one["step"] for one in told[1:]}) == 30
    assert all(one["left"] == told[0]["left"] for one in told)


def kill_at_steps(folder: Path, tmp_path: Path, moments: int) -> list[dict]:
    command = [sys.executable, str(HERE / "kill_at_steps.py"), str(folder), str(tmp_path / "kills"), str(moments), "0"]
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False], ids=["all processes", "the first process alone"])
def test_killed_at_random_moments_with_two_workers(folder, undisturbed, tmp_path, whole):
    """SIGKILL after random seconds, again and again until the run is complete; as often anew as 15 kills need."""
    kills, runs, random = 0, 0, Random(0)
    while kills < 15:
        out, runs = tmp_path / str(runs), runs + 1
        while True:
            process = start(folder, out)
            try:
                assert process.wait(random.uniform(0.5, 12)) == 0
                break
            except subprocess.TimeoutExpired:
                (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
        assert left(out) == undisturbed
        assert half_written(out.with_name(out.name + ".cache")) == []


def start(folder: Path, out: Path, *more: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "bopask.cli", "generate", str(folder), "--split", "train", "--out", str(out)]
    command += ["--tasks", TASKS, "--workers", "2", *more]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, **options)


def test_a_killed_worker_is_told_and_the_run_resumes(folder, undisturbed, tmp_path):
    """One of two processes is killed while they make shards."""
    out = tmp_path / "out"
    process = start(folder, out, stderr=subprocess.PIPE, text=True)
    while not (out / "data").is_dir():
        assert process.poll() is None
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    assert "same command again to resume" in process.communicate()[1].splitlines()[-1]
    assert process.returncode == 2
    assert generate(folder, out) == 0
    assert left(out) == undisturbed


def children(pid: int) -> list[int]:
    """Worker processes, the youngest last."""
    tasks = Path(f"/proc/{pid}/task")
    found = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    return sorted(p for p in found if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes())


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a quarter of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_told_and_the_run_resumes(folder, small_disk, tmp_path, capsys):
    """The disk is filled so that shards fit and the report does not; then there is room."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(120 << 10))
    out, more = small_disk / "out", ("--cache", str(tmp_path / "cache"))
    assert generate(folder, out, *more) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "No space left on device" in told
    assert "the same command then resumes" in told
    assert not half_written(small_disk)
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert generate(folder, out, *more) == 0
    assert generate(folder, small_disk / "undisturbed") == 0
    assert left(out) == left(small_disk / "undisturbed")


@pytest.mark.slow
def test_a_full_disk_for_a_worker(folder, small_disk, tmp_path, capsys):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(240 << 10))
    out, more = small_disk / "out", ("--cache", str(tmp_path / "cache"), "--workers", "2")
    assert generate(folder, out, *more) == 2
    assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert generate(folder, out, *more) == 0
    assert generate(folder, small_disk / "undisturbed") == 0
    assert left(out) == left(small_disk / "undisturbed")


def test_a_shard_that_is_cut_short_is_made_again(folder, undisturbed, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(pipeline, "finish", interrupt)
    assert generate(folder, out) == 130
    monkeypatch.undo()
    (out / "data" / "train-000001.parquet").write_bytes(b"")
    (out / "data" / "train-000002.parquet").unlink()
    assert generate(folder, out) == 0
    assert left(out) == undisturbed


def interrupt(*_):
    raise KeyboardInterrupt


def test_workers_that_write_elsewhere_are_noticed(folder, tmp_path, monkeypatch, capsys):
    """Hosts that do not share OUT: here an executor that runs nothing."""
    monkeypatch.setattr(pipeline, "generate_unit", lambda *_: None)
    assert generate(folder, tmp_path / "out") == 2
    assert "all workers share" in capsys.readouterr().err


def test_a_late_worker_leaves_no_mark(folder, undisturbed, tmp_path, monkeypatch):
    """A task that outlived its driver finishes after the run that resumed is complete."""
    out = tmp_path / "out"
    late = []
    original = pipeline.generate_unit
    monkeypatch.setattr(pipeline, "generate_unit", lambda *of: (late.append(of), original(*of)))
    assert generate(folder, out) == 0
    for of in late:
        original(*of)
    assert left(out) == undisturbed


def test_the_error_of_a_lost_worker_crosses_processes():
    import pickle

    error = WorkerLost("A task", "its log")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert isinstance(error, BopaskError)
