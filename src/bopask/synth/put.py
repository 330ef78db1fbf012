"""What is placed so far, how a thing is laid down, and how things are scattered on a table.

World frame: z = 0 is the table's top, +z up, metres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import se3
from bopask.synth.overlap import deepest
from bopask.synth.places import Outline, about_z, free, outline
from bopask.synth.render.stage import TABLE_SIZE
from bopask.synth.shapes import Shape
from bopask.synth.solids import Lie, solid_of

DROP = 0.002
"""Things are let go this far (m) above what carries them."""
HALF = np.array(TABLE_SIZE[:2]) / 2 - 0.04
"""Things are put this far from the middle of the table at most (m)."""
UPRIGHT = 0.75
"""How often a thing that can stand as it was drawn does."""


class Refused(Exception):
    """These things cannot be arranged so this time."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Put:
    """What is placed so far."""

    shapes: Mapping[int, Shape]
    obj_ids: list[int] = field(default_factory=list)
    poses: list[Float[Array, "4 4"]] = field(default_factory=list)

    def add(self, obj_id: int, R: Float[Array, "3 3"], at: Float[Array, "3"] | Sequence[float]) -> None:
        self.obj_ids.append(obj_id)
        self.poses.append(se3(R, np.asarray(at, float)))

    def stand(self, obj_id: int, R: Float[Array, "3 3"], xy: Float[Array, "2"], z: float = 0.0) -> None:
        """On a level place at height z."""
        self.add(obj_id, R, [*xy, z + DROP - lowest(self.shapes[obj_id], R)])

    def below(self) -> RayScene:
        return RayScene([self.shapes[i].mesh for i in self.obj_ids], np.array(self.poses).reshape(-1, 4, 4))

    def lifted(self, obj_id: int, R: Float[Array, "3 3"], at: Float[Array, "3"]) -> Float[Array, "3"]:
        """The place, or one a little above it where nothing is in anything."""
        shapes = [self.shapes[i] for i in (*self.obj_ids, obj_id)]
        while deepest(shapes, np.array([*self.poses, se3(R, at)]), of=len(self.obj_ids)) > 0:
            at = at + [0, 0, DROP]
        return at


def lowest(shape: Shape, R: Float[Array, "3 3"]) -> float:
    """Height (m) of a turned shape's lowest point over its origin."""
    return float((solid_of(shape).whole.vertices @ R.T)[:, 2].min())


def height(shape: Shape, R: Float[Array, "3 3"]) -> float:
    """From a turned shape's lowest point to its highest (m)."""
    return float(np.ptp((solid_of(shape).whole.vertices @ R.T)[:, 2]))


def lie(shape: Shape, rng: np.random.Generator, upright: float = UPRIGHT) -> Float[Array, "3 3"]:
    """A way the thing lies: as drawn where it can stand so, mostly; else as likely as it would fall; any yaw."""
    ways = solid_of(shape).lies
    if not ways:
        return about_z(rng.uniform(-np.pi, np.pi))
    standing = [way for way in ways if _standing(way)]
    chance = np.array([way.chance for way in ways])
    way = standing[0] if standing and rng.random() < upright else ways[rng.choice(len(ways), p=chance / chance.sum())]
    return about_z(rng.uniform(-np.pi, np.pi)) @ way.R_world_obj


def steady(shape: Shape, rng: np.random.Generator) -> Float[Array, "3 3"]:
    """The way that is hardest to tip over, the one it was drawn in where that is hard enough; any yaw."""
    ways = solid_of(shape).lies
    best = next((w for w in ways if _standing(w) and w.tip > np.radians(30)), max(ways, key=_tip, default=None))
    return about_z(rng.uniform(-np.pi, np.pi)) @ (best.R_world_obj if best else np.eye(3))


def _standing(way: Lie) -> bool:
    return bool((way.R_world_obj == np.eye(3)).all()) and way.tip > np.radians(6)


def _tip(way: Lie) -> float:
    return way.tip


def between(low: float, high: float, share: float) -> float:
    """Linear from low (share 0) to high (share 1)."""
    return low + (high - low) * share


def scatter(
    put: Put,
    ids: Sequence[int],
    taken: list[Outline],
    clutter: float,
    rng: np.random.Generator,
    way: Callable[[Shape, np.random.Generator], Float[Array, "3 3"]],
) -> None:
    """Puts things on the table, the closer the more clutter. `taken` grows. Raises Refused('no_room')."""
    spread, gap = between(0.16, 0.08, clutter), between(0.03, 0.004, clutter)
    for obj_id in ids:
        for attempt in range(8):
            R = way(put.shapes[obj_id], rng)
            shadow = outline(put.shapes[obj_id], R)
            offsets = rng.normal(0, spread * 1.25**attempt, (64, 2)) * [1.0, 0.7]
            ok = np.flatnonzero(free(shadow, taken, offsets, gap, HALF))
            if len(ok):
                xy = offsets[ok[np.linalg.norm(offsets[ok], axis=1).argmin()]] if clutter > 0.5 else offsets[ok[0]]
                put.stand(obj_id, R, xy)
                taken.append(shadow.at(xy))
                break
        else:
            raise Refused("no_room")
