"""Can the object be carried along the path that was drawn? Waypoints lifted to 3D and walked with its whole mesh.

A pixel says on which ray a waypoint lies, not where on it. Each ray is cut where it passes nearest to a way that is
right, or where it meets the upright plane through the object's foot and the end of the answer's way; the answer is
right when it is free under one of these liftings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.bench.scores.stage import Stage
from bopask.bench.scores.trajectory import NEAR
from bopask.bench.scores.truth import Truth
from bopask.geometry.camera import unproject
from bopask.geometry.curve import after, at_arc_length, length
from bopask.priors.carry import SUPPORT, Carried

TOUCH = 0.005
"""What is nearer than this (m) where the object stands may be touched..."""
OPENS = 0.04
"""...until it has moved this far (m)."""
STEP = 0.005
"""The object is tried at places at most this far apart (m)."""
OVER = 0.10
"""The path ends at most this far (m) over the target's top, and not lower than its middle..."""
BESIDE = 0.02
"""...and at most this far (m) outside its outline, seen from above."""
EDGE_ON = 0.1
"""A ray this nearly within the upright plane (sine of the angle) does not tell where it meets it."""
REASONS = ("starts elsewhere", "ends elsewhere", "drags", "collides", "free")
"""How far a lifting came, worst first."""


def path_physical(truths: Sequence[Truth], replies: Sequence[Float[Array, "w 2"]]) -> Float[Array, "n"]:
    """1 where the object can be carried along some lifting of the waypoints, from its place to over the target."""
    return np.array([verdict(t, r) == "free" for t, r in zip(truths, replies, strict=True)], float)


def why(truth: Truth, reply: Float[Array, "w 2"]) -> dict[str, Any]:
    return {"verdict": verdict(truth, reply)}


def verdict(truth: Truth, reply: Float[Array, "w 2"]) -> str:
    """One of REASONS: that of the lifting that came farthest."""
    off = float(np.linalg.norm(reply[0] - truth.points[0]))
    if off > NEAR * np.hypot(truth.width, truth.height) and not shows_source(truth, reply[0]):
        return "starts elsewhere"
    best = 0
    for path in lifted(truth, reply):
        best = max(best, REASONS.index(walked(truth.place, truth.instances, path)))
        if REASONS[best] == "free":
            break
    return REASONS[best]


def shows_source(truth: Truth, pixel: Float[Array, "2"]) -> bool:
    """Whether the object to be carried is what is seen at a pixel."""
    if truth.look is None:
        return False
    u, v = np.rint(pixel).astype(int)
    inside = 0 <= u < truth.width and 0 <= v < truth.height
    return inside and int(truth.seen[v, u]) == truth.instances[0]


def lifted(truth: Truth, reply: Float[Array, "w 2"]) -> Iterator[Float[Array, "w 3"]]:
    """Paths of the base point (m, world), all of which look as drawn; the first place is where the object stands."""
    assert truth.T_world_cam is not None
    rays = unproject(truth.K, reply, np.ones(len(reply))) @ truth.T_world_cam[:3, :3].T
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    eye = truth.T_world_cam[:3, 3]
    start = truth.ways_world[0][0]
    for way in truth.ways_world:
        yield np.concatenate([start[None], nearest(eye, rays[1:], way)])
    upright = np.cross(truth.ways_world[0][-1] - start, [0.0, 0.0, 1.0])
    if np.linalg.norm(upright) > 0:
        upright /= np.linalg.norm(upright)
        slope = rays @ upright
        with np.errstate(divide="ignore"):
            along = (start - eye) @ upright / slope
        if (np.abs(slope) > EDGE_ON).all() and (along > 0).all():
            yield np.concatenate([start[None], (eye + along[:, None] * rays)[1:]])


def nearest(eye: Float[Array, "3"], rays: Float[Array, "r 3"], way: Float[Array, "w 3"]) -> Float[Array, "r 3"]:
    """The place on each ray (unit directions) that is nearest to a polyline."""
    a, b = way[None, :-1] - eye, way[None, 1:] - way[None, :-1]
    d = rays[:, None]
    flat_a, flat_b = a - (a * d).sum(-1, keepdims=True) * d, b - (b * d).sum(-1, keepdims=True) * d
    share = np.clip(-(flat_a * flat_b).sum(-1) / np.maximum((flat_b**2).sum(-1), 1e-18), 0.0, 1.0)
    place = a + share[..., None] * b
    along = (place * d).sum(-1)
    off = np.linalg.norm(place - along[..., None] * d, axis=-1)
    best = off.argmin(1)[:, None]
    return np.asarray(eye + np.take_along_axis(along, best, 1) * rays)


def walked(stage: Stage, instances: Sequence[int], path: Float[Array, "w 3"]) -> str:
    """What comes of carrying the object along a path of its base point."""
    source, target = (stage.slots[i] for i in instances[:2])
    placed, end = stage.placed, path[-1]
    low, high = placed.scene.low[target, 2], placed.scene.high[target, 2]
    if not (low + high) / 2 <= end[2] <= high + OVER or placed.beside(target, end[:2]) > BESIDE:
        return "ends elsewhere"
    carried, offsets = placed.carried(source), path - path[0]
    if not leaves(carried, offsets):
        return "drags"
    return "free" if carried.free_along(after(offsets, OPENS), STEP) else "collides"


def touching(carried: Carried) -> set[int]:
    """What is nearer than TOUCH to the object where it stands; found once an object of a layout."""
    known: set[int] | None = carried.__dict__.get("_touching")
    if known is None:
        known = {b for b in (SUPPORT, *carried.others) if carried.distance(np.zeros(3), b) < TOUCH}
        carried.__dict__["_touching"] = known
    return known


def leaves(carried: Carried, offsets: Float[Array, "w 3"]) -> bool:
    """Whether the object, on its first centimetres, meets nothing but what it touches where it stands."""
    touched = touching(carried)
    first = at_arc_length(offsets, np.arange(STEP, min(OPENS, length(offsets)), STEP))
    return all(carried.hits(offset) <= touched for offset in first)
