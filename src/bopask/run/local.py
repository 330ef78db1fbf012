"""Local processes. Results do not depend on how many there are: each unit carries its own seed and input."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TypeVar

from bopask.errors import BopaskError

Unit = TypeVar("Unit")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LocalExecutor:
    """`workers` processes on this machine; 1 runs in this process."""

    workers: int = 1

    def run(self, function: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Result]:
        """Yields function(unit) as units finish, in any order. Both must pickle when workers > 1.

        Raises:
            BopaskError: a worker died (killed, out of memory); finished work is kept and a rerun resumes.
        """
        if self.workers <= 1 or len(units) <= 1:
            yield from map(function, units)
            return
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers share the cores already
        context = multiprocessing.get_context("spawn")  # fork would copy threads and locks of native libraries
        with ProcessPoolExecutor(min(self.workers, len(units)), mp_context=context) as pool:
            futures = [pool.submit(function, unit) for unit in units]
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BrokenProcessPool as error:
                raise BopaskError(
                    "A worker process died (killed, or out of memory). Run the same command again to resume."
                ) from error
            finally:
                for future in futures:
                    future.cancel()
