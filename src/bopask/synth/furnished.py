"""Things in a bin, and on the boards of a shelf unit; the piece of furniture is the first that was put."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.errors import BopaskError
from bopask.geometry.se3 import se3, transform
from bopask.synth.places import Floor, Outline, floors, free, land, outline
from bopask.synth.put import DROP, Put, Refused, between, height, lie, lowest
from bopask.synth.shapes import Shape
from bopask.synth.solids import solid_of

HEAP = 0.06
"""How far (m) over the rim of a bin the centre of a thing may be when it is let go: it sinks into the others."""


def fill(put: Put, ids: Sequence[int], clutter: float, rng: np.random.Generator) -> None:
    """Dropped in one after the other, any way round, each where it comes to lie lowest of a few places."""
    del clutter  # a bin is as full as the number of things makes it
    (T_world_bin,) = put.poses
    bottom, rim = bottom_of(put.shapes[put.obj_ids[0]]), float(transform(T_world_bin, _points(put, 0))[:, 2].max())
    for obj_id in ids:
        shape, below, best = put.shapes[obj_id], put.below(), None
        for _ in range(12):
            R = lie(shape, rng, 0.4) if rng.random() < 0.7 else _any_way(rng)
            xy = _inside(shape, R, bottom, T_world_bin, rng)
            if xy is None:
                continue
            at = np.array([*xy, land(shape, R, xy, below).z + DROP])
            top = float((R @ solid_of(shape).center)[2]) + at[2]
            if top < rim + HEAP and (best is None or top < best[0]):
                best = top, R, at
        if best is None:
            raise Refused("no_room")
        put.add(obj_id, best[1], put.lifted(obj_id, best[1], best[2]))


def bottom_of(shape: Shape) -> Floor:
    """The largest floor of a bin that has the sky above it. Raises BopaskError where there is none."""
    open_floors = [f for f in floors(shape) if not np.isfinite(f.headroom)]
    if not open_floors:
        raise BopaskError(f"{shape.name!r} cannot be a bin: it has no level floor that is open above.")
    return max(open_floors, key=lambda f: float(np.prod(f.high - f.low)))


def _points(put: Put, row: int) -> Float[Array, "v 3"]:
    return solid_of(put.shapes[put.obj_ids[row]]).whole.vertices


def _any_way(rng: np.random.Generator) -> Float[Array, "3 3"]:
    """A rotation drawn evenly of all (a random unit quaternion)."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    u = np.array([x, y, z])
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + 2 * w * cross + 2 * cross @ cross if u.any() else np.eye(3))


def _inside(
    shape: Shape, R: Float[Array, "3 3"], floor: Floor, T_world_bin: Float[Array, "4 4"], rng: np.random.Generator
) -> Float[Array, "2"] | None:
    """A spot (world) where a turned shape is over the floor with 2 mm to spare; None where it is too large for it."""
    covers = outline(shape, T_world_bin[:3, :3].T @ R).points
    low, high = floor.low + 0.002 - covers.min(0), floor.high - 0.002 - covers.max(0)
    if (low > high).any():
        return None
    return transform(T_world_bin, np.array([[*rng.uniform(low, high), 0.0]]))[0, :2]


def shelve(put: Put, ids: Sequence[int], clutter: float, rng: np.random.Generator) -> None:
    """Standing on the boards, 5 mm from the boards' ends, the closer to one another the more clutter."""
    (T_world_unit,) = put.poses
    unit = put.shapes[put.obj_ids[0]]
    boards = floors(unit)
    taken: list[list[Outline]] = [[] for _ in boards]
    gap = between(0.03, 0.004, clutter)
    for obj_id in ids:
        shape = put.shapes[obj_id]
        for board, spots, R_unit, xy in _tries(shape, boards, taken, rng):
            ok = height(shape, R_unit) + 0.01 < board.headroom
            shadow = outline(shape, R_unit)
            middle, half = (board.low + board.high) / 2, (board.high - board.low) / 2 - 0.005
            offsets = middle + xy * np.maximum(half - shadow.size / 2, 0)
            room = free(shadow.at(-middle), [s.at(-middle) for s in spots], offsets, gap, half)
            if ok and room.any():
                at = offsets[int(room.argmax())]
                spots.append(shadow.at(at))
                z = board.z + DROP - lowest(shape, R_unit)
                T = T_world_unit @ se3(R_unit, np.array([*at, z]))
                put.add(obj_id, T[:3, :3], T[:3, 3])
                break
        else:
            raise Refused("no_room")


def _tries(
    shape: Shape, boards: Sequence[Floor], taken: list[list[Outline]], rng: np.random.Generator
) -> Iterator[tuple[Floor, list[Outline], Float[Array, "3 3"], Float[Array, "m 2"]]]:
    """Boards in random order, ways to stand, spots in -1..1."""
    for _ in range(4):
        for k in rng.permutation(len(boards)):
            yield boards[k], taken[k], lie(shape, rng, 0.95), rng.uniform(-1, 1, (48, 2))
