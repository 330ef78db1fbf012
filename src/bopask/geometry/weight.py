"""What an object is taken to weigh: nobody's dataset says it, and what holds depends on it."""

from __future__ import annotations

import numpy as np

from bopask.geometry.mesh import Mesh, signed_volume

DENSITY = 700.0
"""kg/m³: a full can has 1000, a tool 1500, an empty cup far less."""
LIGHTEST, HEAVIEST = 0.03, 0.6
"""kg: most things on a table."""
GRAVITY = 9.81


def solid_volume(mesh: Mesh) -> float | None:
    """Volume (m³) that a mesh without seams encloses; None where that is next to nothing."""
    volume = signed_volume(mesh)
    return volume if volume >= 1e-3 * box_volume(mesh) else None


def box_volume(mesh: Mesh) -> float:
    """Volume (m³) of the mesh's axis-aligned box."""
    return float(np.prod(np.ptp(mesh.vertices, axis=0)))


def mass_of(volume: float) -> float:
    """Mass (kg) of so much (m³) of DENSITY, within LIGHTEST and HEAVIEST."""
    return float(np.clip(DENSITY * volume, LIGHTEST, HEAVIEST))
