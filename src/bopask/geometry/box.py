"""The cuboid of an object and the one order of its corners.

Corner order: the bottom face first, then the top face; each face counter-clockwise *seen from above*, starting at
the corner that is front-left for the viewer. In a box frame whose z is up and whose -y side faces the viewer:

        7 ────── 6            z            0 front-left   4 above 0
       /│       /│            │  y         1 front-right  5 above 1
      4 ────── 5 │            │ /          2 back-right   6 above 2
      │ 3 ─────│─2            │/           3 back-left    7 above 3
      │/       │/             └──── x
      0 ────── 1         (viewer looks along +y)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array

SIGNS: Float[Array, "8 3"] = np.array(
    [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]],
    float,
)
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))


@dataclass(frozen=True)
class Box:
    """A cuboid: centre at the origin of the box frame, edges along its axes."""

    T_ref_box: Float[Array, "4 4"]
    """Box frame in the reference frame (for a model: the object frame)."""
    size: Float[Array, "3"]
    """Full edge lengths (m)."""

    def corners(self) -> Float[Array, "8 3"]:
        """Corners in the reference frame (m), in the order of `SIGNS`."""
        corners_box = SIGNS * self.size / 2
        return corners_box @ self.T_ref_box[:3, :3].T + self.T_ref_box[:3, 3]
