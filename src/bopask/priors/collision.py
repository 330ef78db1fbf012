"""Exact collision between meshes: FCL bounding-volume hierarchies, built once an object and process."""

from __future__ import annotations

from typing import Any

from bopask.nouns import Model

_BVH: dict[str, Any] = {}


def bvh(model: Model) -> Any:
    """The object's `fcl.BVHModel` in its own frame (m). Shared: give each placement its own `fcl.CollisionObject`."""
    if model.sha256 not in _BVH:
        import fcl

        tree = fcl.BVHModel()
        tree.beginModel(len(model.mesh.vertices), len(model.mesh.faces))
        tree.addSubModel(model.mesh.vertices, model.mesh.faces)
        tree.endModel()
        _BVH[model.sha256] = tree
    return _BVH[model.sha256]
