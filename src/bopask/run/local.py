"""Processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from bopask.errors import WorkerLost

Unit = TypeVar("Unit")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LocalExecutor:
    """`workers` processes on this machine; 1 runs in this process. They take units from one queue."""

    workers: int = 1

    def run(self, function: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Result]:
        if self.workers <= 1 or len(units) <= 1:
            yield from map(function, units)
            return
        with self.kept() as processes:
            yield from processes.run(function, units)

    @contextmanager
    def kept(self) -> Iterator[LocalExecutor | Processes]:
        """The same, with processes that stay from one run to the next: to begin one takes a second or two."""
        if self.workers <= 1:
            yield self
            return
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers share the cores already
        context = multiprocessing.get_context("spawn")  # fork would copy threads and locks of native libraries
        with ProcessPoolExecutor(self.workers, context, end_with_parent) as pool:
            yield Processes(pool)


@dataclass(frozen=True)
class Processes:
    """Processes that are there; they begin when there is something to do for them."""

    pool: ProcessPoolExecutor

    def in_order(self, function: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Result]:
        """As `run`, and as `map` yields."""
        with vanished_told():
            yield from self.pool.map(function, units)

    def run(self, function: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Result]:
        futures = [self.pool.submit(function, unit) for unit in units]
        try:
            with vanished_told():
                for future in as_completed(futures):
                    yield future.result()
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def vanished_told() -> Iterator[None]:
    """Raises WorkerLost where a process has vanished."""
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkerLost("A worker process", "give fewer --workers if memory ran out") from error


def end_with_parent() -> None:
    """In a worker: ends it when the process that began it is gone, so that it does not work on beside the next run."""
    threading.Thread(target=_await_parent, daemon=True).start()


def _await_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
