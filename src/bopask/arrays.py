"""`Array`, for shapes in the types: `Float[Array, "n 3"]` (jaxtyping). One alias, so that mypy and jaxtyping agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
else:
    Array = np.ndarray
