"""A Ray cluster (extra: ray), or Ray's own processes on this machine where no address is given."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bopask.errors import BopaskError, InputError, MissingExtra, WorkerLost

Unit = TypeVar("Unit")
Result = TypeVar("Result")

RETRIES = 2
"""Times that a unit is begun again elsewhere when its worker or host vanished."""


@dataclass(frozen=True)
class RayCluster:
    """At most `workers` units at once, one core each, on whatever hosts of the cluster are free."""

    workers: int
    address: str = ""
    """host:port of the head, or 'auto' for the cluster that this host belongs to; '' starts one here, for this run."""

    def run(self, function: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Result]:
        if not units:
            return
        ray = self._connected()
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(call)
        waiting, running = iter(units), list[Any]()
        whole = ray.put(function)
        try:
            while True:
                while len(running) < self.workers and (unit := next(waiting, None)) is not None:
                    running.append(task.remote(whole, unit))
                if not running:
                    return
                (done,), running = ray.wait(running)
                yield self._result(ray, done)
        finally:
            for late in running:
                ray.cancel(late, force=True)

    def _connected(self) -> Any:
        """The module ray, in touch with the cluster."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing of a run is told to anybody
        try:
            import ray
        except ImportError as error:
            raise MissingExtra("ray", "ray") from error
        if ray.is_initialized():
            return ray
        here: dict[str, Any] = {} if self.address else {"num_cpus": self.workers, "include_dashboard": False}
        one_thread = {"env_vars": {"OMP_NUM_THREADS": "1"}}
        try:
            ray.init(
                self.address or "local",
                runtime_env=one_thread,
                logging_level=logging.ERROR,
                log_to_driver=False,
                **here,
            )
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:  # the last: a wrong token
            fix = "Start one: ray start --head, and ray start --address=HEAD:6379 on others, with one RAY_AUTH_TOKEN"
            raise InputError(f"--executor ray:{self.address}", f"no Ray cluster answers ({error})", fix) from error
        return ray

    @staticmethod
    def _result(ray: Any, done: Any) -> Any:
        try:
            return ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, BopaskError) else error) from None
        except (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.OutOfMemoryError,
        ) as error:
            raise WorkerLost("A Ray worker", "see `ray status` if hosts are missing") from error


def call(function: Callable[[Unit], Result], unit: Unit) -> Result:
    return function(unit)
