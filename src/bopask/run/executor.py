"""The seam, and executors by the name that the command line gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol, TypeVar

from bopask.errors import InputError
from bopask.run.local import LocalExecutor
from bopask.run.ray_cluster import RayCluster
from bopask.run.task_array import TaskArray

Unit = TypeVar("Unit")
Result = TypeVar("Result")

EXECUTORS = "local, ray[:ADDRESS] or slurm[:OPTION=VALUE,…]"


class Executor(Protocol):
    """Results do not depend on which one it is, for each unit carries its own seed and input."""

    def run(self, function: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Result]:
        """Yields function(unit) as units finish, in any order. Begins them in the given one, wherever a worker is free.

        Function and units must pickle. What the function raises is raised here, and ends the rest.

        Raises:
            BopaskError: a worker vanished; the message says what to do.
            MissingExtra: the executor's package is not installed.
        """
        ...


def kept(executor: Executor) -> AbstractContextManager[Executor]:
    """An executor for several runs: processes of this machine stay from one to the next."""
    return executor.kept() if isinstance(executor, LocalExecutor) else nullcontext(executor)


def executor_named(name: str, workers: int, folder: Path) -> Executor:
    """An executor as the command line names it.

    Args:
        workers: units at once.
        folder: where a task array keeps its tasks and logs: on a file system that all hosts share.

    Raises:
        InputError: an unknown name, or an option that is not one.
    """
    if workers < 1:
        raise InputError("--workers", f"is {workers}", "Give 1 or more")
    kind, _, rest = name.partition(":")
    if kind == "local" and not rest:
        return LocalExecutor(workers)
    if kind == "ray":
        return RayCluster(workers, rest)
    if kind == "slurm":
        return TaskArray(workers, folder, tuple(option_of(one) for one in rest.split(",") if one))
    raise InputError("--executor", f"is {name!r}", f"Give {EXECUTORS}")


def option_of(text: str) -> tuple[str, str]:
    """'mem=4GB' as ('mem', '4GB')."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InputError("--executor slurm", f"has the option {text!r}", "Write OPTION=VALUE, as partition=cpu")
    return name, value
