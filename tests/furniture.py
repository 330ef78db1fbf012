"""A bin, a shelf unit and plain blocks, made of boxes: their convex parts are the boxes themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bopask.arrays import Array
from bopask.nouns import Description
from bopask.synth.shapes import Shape, finish

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
FACES = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
FACES += [[1, 5, 7], [1, 7, 3]]


def of_boxes(name: str, boxes: Sequence[tuple[Sequence[float], Sequence[float]]], mass: float) -> Shape:
    """A shape of boxes from a low to a high corner (m)."""
    parts = [np.array(low) + CORNERS * (np.array(high) - low) for low, high in boxes]
    faces = np.concatenate([np.array(FACES) + 8 * k for k in range(len(boxes))]).astype(np.int32)
    vertices: Array = np.concatenate(parts)
    return finish(Description(name), (vertices, faces, np.full_like(vertices, 150.0)), parts, mass=mass, gloss=0.2)


def block(x: float, y: float, z: float, name: str = "block") -> Shape:
    return of_boxes(name, [((0, 0, 0), (x, y, z))], mass=700 * x * y * z)


def storage_bin(x: float = 0.38, y: float = 0.28, z: float = 0.15, t: float = 0.005) -> Shape:
    walls = [((0, 0, 0), (x, y, t)), ((0, 0, t), (t, y, z)), ((x - t, 0, t), (x, y, z))]
    walls += [((t, 0, t), (x - t, t, z)), ((t, y - t, t), (x - t, y, z))]
    return of_boxes("storage bin", walls, mass=1.5)


def shelf_unit(x: float = 0.7, y: float = 0.26, z: float = 0.56, t: float = 0.016) -> Shape:
    boards = [((t, 0, h), (x - t, y, h + t)) for h in (0.0, 0.27, z - t)]
    return of_boxes("shelf unit", [((0, 0, 0), (t, y, z)), ((x - t, 0, 0), (x, y, z)), *boards], mass=6.0)
