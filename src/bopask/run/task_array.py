"""Arrays of Slurm tasks, by submitit (extra: slurm)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bopask.errors import BopaskError, InputError, MissingExtra, WorkerLost

Unit = TypeVar("Unit")
Result = TypeVar("Result")

TURNS = 8
"""Tasks for each worker: one that is done early takes another, and a Python start serves several units."""
ARRAY = 1000
"""Tasks of one array: Slurm's MaxArraySize is 1001 unless a site raised it."""
MINUTES = 240
"""Slurm may end a task after so long, unless the option time says otherwise."""
POLL_S, CHECK_S = 0.5, 15.0
"""How often results are looked for, and how often Slurm is asked whether tasks without one are still there."""


@dataclass(frozen=True)
class TaskArray:
    """At most `workers` tasks at once, as Slurm's queue gives them out.

    Waits for the array, and cancels what is left of it when the run ends early. Tasks outlive a driver that is killed
    outright: what they finish is there for the run that resumes.
    """

    workers: int
    folder: Path
    """For the tasks and their logs, on a file system that all hosts share."""
    options: tuple[tuple[str, str], ...] = ()
    """As sbatch names them: partition, time (minutes), mem, account, … `cluster=local` runs the tasks as processes of
    this machine, without Slurm."""

    @property
    def cluster(self) -> str:
        return dict(self.options).get("cluster", "slurm")

    def run(self, function: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Result]:
        if not units:
            return
        turns = TURNS if self.cluster == "slurm" else 1  # elsewhere all tasks begin at once
        deals = deal(units, min(len(units), turns * self.workers, ARRAY))
        jobs = self._executor().map_array(each, [function] * len(deals), deals)
        try:
            for job in self._ended(jobs):
                yield from results_of(job)
        finally:
            left = [job for job in jobs if not job.done()]
            for job in left:
                job.cancel(check=False)
            for job in left if self.cluster == "local" else ():
                job.wait()  # its processes are this one's children

    def _executor(self) -> Any:
        try:
            import submitit
        except ImportError as error:
            raise MissingExtra("submitit", "slurm") from error
        given = {f"{self.cluster}_{name}": _number(value) for name, value in self.options if name != "cluster"}
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # for local processes: a shell that sets it is deaf to `cancel`
        ours = {"slurm_setup": ["export OMP_NUM_THREADS=1"], "slurm_array_parallelism": self.workers}
        try:
            executor = submitit.AutoExecutor(self.folder, self.cluster)
            executor.update_parameters(name="bopask", timeout_min=MINUTES, **(ours | given))
        except (RuntimeError, ValueError, NameError) as error:
            why = str(error).splitlines()[0]
            raise InputError("--executor slurm", why, "Run it where sbatch is, with options that sbatch has") from error
        return executor

    def _ended(self, jobs: Sequence[Any]) -> Iterator[Any]:
        """Jobs as they end, well or not.

        Slurm's accounting, by which submitit tells those that were killed, is not everywhere: the queue is. What is
        twice not in it, and has left no result, is gone.
        """
        waiting, missed, asked = list(jobs), set[str](), time.monotonic()
        while waiting:
            ended = [job for job in waiting if job.done()]
            if not ended and self.cluster == "slurm" and time.monotonic() - asked > CHECK_S:
                gone = {job.job_id for job in waiting} - queue_of(waiting)
                ended = [job for job in waiting if job.job_id in gone & missed]
                missed, asked = gone, time.monotonic()
            waiting = [job for job in waiting if job not in ended]
            yield from ended
            if waiting and not ended:
                time.sleep(POLL_S)


def results_of(job: Any) -> list[Any]:
    """What a task that ended returned; raises what it raised.

    Raises:
        WorkerLost: it ended without a word.
    """
    from submitit.core.utils import UncompletedJobError

    lost = WorkerLost(f"Task {job.job_id}", f"its log: {job.paths.stderr}")
    try:
        told = job.result() if job.done() else lost
    except UncompletedJobError as error:
        raise lost from error
    if isinstance(told, BopaskError):
        raise told
    return list(told)


def queue_of(jobs: Sequence[Any]) -> set[str]:
    """Those of the jobs, by id, that Slurm still has in its queue, waiting or running."""
    arrays = ",".join(sorted({job.job_id.partition("_")[0] for job in jobs}))
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={arrays}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "Invalid job id" not in done.stderr:  # the controller does not answer: nothing is known
        return {job.job_id for job in jobs}
    return set(done.stdout.split())


def deal(units: Sequence[Unit], hands: int) -> list[list[Unit]]:
    """Units to tasks in turn: with the largest first, each task gets large and small ones."""
    return [list(units[hand::hands]) for hand in range(hands)]


def each(function: Callable[[Unit], Result], units: Sequence[Unit]) -> list[Result] | BopaskError:
    """A task: its units in order. An error for the user is returned; submitit would send the text of its traceback."""
    try:
        return [function(unit) for unit in units]
    except BopaskError as error:
        return error


def _number(value: str) -> int | str:
    return int(value) if value.isdigit() else value
