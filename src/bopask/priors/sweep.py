"""What an object sweeps on a straight motion, as triangles: the distance of a whole motion in one exact question.

The surface of a swept surface lies in three parts: the object where the motion starts, the object where it ends, and
the parallelograms swept by its silhouette. (A place swept by an edge whose two triangles both face the motion, or both
face away, has swept triangles on either side: it is inside.) The silhouette is a small part of the edges, so it is
cheap to collide, and what it says holds at every instant of the motion, not at samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.geometry.mesh import Mesh, face_normals
from bopask.nouns import Model


@dataclass(frozen=True)
class Edges:
    """The edges of a mesh, object frame (m), and which way the triangles on both sides look."""

    ends: Float[Array, "e 2 3"]
    normals: Float[Array, "e 2 3"]
    always: Bool[Array, "e"]
    """Open, shared by more than two triangles, or by two of unlike winding: on every silhouette."""

    def silhouette(self, direction: Float[Array, "3"]) -> Float[Array, "s 2 3"]:
        """The edges between triangles that face a direction (unit, object frame) and triangles that do not."""
        side = self.normals @ direction
        return self.ends[self.always | (side[:, 0] * side[:, 1] <= 1e-12)]


_EDGES: dict[str, Edges] = {}


def edges(model: Model) -> Edges:
    """The edges of an object, shared within the process."""
    if model.sha256 not in _EDGES:
        _EDGES[model.sha256] = _edges(model.mesh)
    return _EDGES[model.sha256]


def _edges(mesh: Mesh) -> Edges:
    directed = np.stack([mesh.faces, np.roll(mesh.faces, -1, axis=1)], -1).reshape(-1, 2)
    face = np.arange(len(directed)) // 3
    low, high = np.sort(directed, -1).astype(np.int64).T
    keys, edge, count = np.unique(low * len(mesh.vertices) + high, return_inverse=True, return_counts=True)
    ends = np.stack(np.divmod(keys, len(mesh.vertices)), -1)
    order = np.argsort(edge, kind="stable")
    first = np.cumsum(count) - count
    a = order[first]
    b = np.where(count == 2, order[np.minimum(first + 1, len(order) - 1)], a)
    normals, _ = face_normals(mesh)
    always = (count != 2) | (directed[a] == directed[b]).all(1)
    return Edges(mesh.vertices[ends], normals[np.stack([face[a], face[b]], -1)], always)
