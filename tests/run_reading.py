"""What the tests of the benchmark read off a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def headlines(told: Mapping[str, Any]) -> dict[str, float | str | None]:
    """The headline of each task."""
    return {task: of["scores"][of["headline"]]["value"] for task, of in told["tasks"].items()}
