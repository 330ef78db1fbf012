"""Layouts without end: where things are let go, on a table, in a bin, on a shelf unit or on one another.

World frame: z = 0 is the table's top, +z up, metres. A bin and a shelf unit are objects themselves: they stand on the
table and are the first row of the setting, so that labels know their walls. What does not work out has a reason:

    before physics   no_room        the things do not fit
                     nothing_stacks of these things, none stays on another
    after it         not_at_rest    something still moves: more than 1 mm or 0.5 degrees in the last second
                     penetration    two objects are more than 1 mm in one another
                     fell_off       something lies beyond the table's edge
                     left_bin       something lies outside or on the rim
                     toppled        something meant to stand (shelf, stack) fell over or down
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import QhullError

from bopask.arrays import Array
from bopask.errors import BopaskError
from bopask.geometry.rays import RayScene
from bopask.geometry.se3 import inverse, se3, transform
from bopask.rng import rng_for
from bopask.synth.overlap import deepest
from bopask.synth.places import Floor, Outline, about_z, floors, free, gaps, land, narrow_side, outline
from bopask.synth.settle import Rest, settle
from bopask.synth.shapes import Shape
from bopask.synth.solids import Lie, solid_of, within
from bopask.synth.stage import TABLE_SIZE
from bopask.synth.texture import TABLES

DROP = 0.002
"""Things are let go this far (m) above what carries them."""
HALF = np.array(TABLE_SIZE[:2]) / 2 - 0.04
"""Things are put this far from the middle of the table at most (m)."""
UPRIGHT = 0.75
"""How often a thing that can stand as it was drawn does."""
TILT = np.cos(np.radians(25))
DRIFT, TURN, DEEP = 1e-3, np.radians(0.5), 1e-3
"""What a layout at rest may move in a second (m, rad), and how deep objects may be in one another (m)."""
HEAP = 0.06
"""How far (m) over the rim of a bin the centre of a thing may be when it is let go: it sinks into the others."""
STACKED = 0.03
"""What was meant to stand has not come down by more than this (m)."""


@dataclass(frozen=True)
class Setting:
    """A layout before physics."""

    kind: str
    """A key of ARRANGEMENTS."""
    table: str
    """One of `texture.TABLES`."""
    obj_ids: tuple[int, ...]
    T_world_obj: Float[Array, "n 4 4"]
    """Where each is let go."""
    upright: Bool[Array, "n"]
    """Must not fall over."""
    furniture: bool
    """Row 0 is the bin or the shelf unit."""


@dataclass(frozen=True)
class Outcome:
    """What became of a setting."""

    setting: Setting
    rest: Rest
    penetration: float
    """Deepest that two objects, or an object and the table, are in one another (m)."""
    reason: str
    """'' for a good layout, else why it is not one."""


class Refused(Exception):
    """These things cannot be arranged so this time."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _Put:
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
    put: _Put,
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


def _table(put: _Put, ids: Sequence[int], clutter: float, rng: np.random.Generator) -> None:
    """Spread out at clutter 0; towards 1, low things walled in by taller ones a few millimetres off, and no gaps."""
    left, taken = list(ids), list[Outline]()
    for ring in range(int(clutter > 0.25) + int(clutter > 0.6 and len(ids) >= 10)):
        if len(left) >= 4:
            middle = (
                rng.normal(0, 0.02, 2) if not ring else rng.choice([-1, 1]) * np.array([0.24, rng.uniform(-0.08, 0.08)])
            )
            left = _ring(put, left, taken, middle, rng)
    scatter(put, left, taken, clutter, rng, lie)


def _ring(
    put: _Put, ids: list[int], taken: list[Outline], middle: Float[Array, "2"], rng: np.random.Generator
) -> list[int]:
    """A low thing with up to five taller ones round it, 3 to 12 mm off; returns the things left over."""
    turned = {k: lie(put.shapes[i], rng) for k, i in enumerate(ids)}
    tall = {k: height(put.shapes[ids[k]], R) for k, R in turned.items()}
    small = [k for k, R in turned.items() if outline(put.shapes[ids[k]], R).size.max() < 0.15] or list(turned)
    low = rng.choice(sorted(small, key=lambda k: tall[k])[: max(len(small) // 3, 1)])
    others = sorted((k for k in turned if k != low), key=lambda k: -tall[k])
    walls = [int(k) for k in rng.permutation(others[: max(5, len(others) // 2)])[: rng.integers(4, 6)]]
    shadow = outline(put.shapes[ids[low]], turned[low])
    if not free(shadow, taken, middle[None], 0.003, HALF)[0]:
        return ids
    put.stand(ids[low], turned[low], middle)
    taken.append(shadow.at(middle))
    start, used = rng.uniform(-np.pi, np.pi), {int(low)}
    for k, wall in enumerate(walls):
        angle = start + 2 * np.pi * k / len(walls) + rng.uniform(-0.12, 0.12)
        side = narrow_side(outline(put.shapes[ids[wall]], turned[wall]))
        R = about_z(angle - side + rng.uniform(-0.1, 0.1)) @ turned[wall]
        shadow = outline(put.shapes[ids[wall]], R)
        ray = middle + np.arange(0.35, 0, -0.001)[:, None] * [np.cos(angle), np.sin(angle)]
        gap = np.min([gaps(shadow, still, ray) for still in taken], axis=0)
        stop = int(np.argmax(gap < rng.uniform(0.003, 0.012)))
        if stop and free(shadow, taken, ray[stop - 1][None], 0.003, HALF)[0]:
            put.stand(ids[wall], R, ray[stop - 1])
            taken.append(shadow.at(ray[stop - 1]))
            used.add(wall)
    return [i for k, i in enumerate(ids) if k not in used]


def _stack(put: _Put, ids: Sequence[int], clutter: float, rng: np.random.Generator) -> None:
    """Wide flat things first; then others on them or in them, where their weight is well over what they touch."""
    area = {k: float(np.prod(outline(put.shapes[i], steady(put.shapes[i], rng)).size)) for k, i in enumerate(ids)}
    order = sorted(area, key=lambda k: -area[k] * rng.uniform(0.5, 1.5))
    base = len(ids) - max(int(len(ids) * between(0.35, 0.6, clutter)), 1)
    taken: list[Outline] = []
    scatter(put, [ids[k] for k in order[:base]], taken, between(0.3, 0.8, clutter), rng, steady)
    rest = [ids[k] for k in order[base:] if not _on_another(put, ids[k], rng)]
    if len(rest) == len(ids) - base:
        raise Refused("nothing_stacks")
    scatter(put, rest, taken, between(0.3, 0.8, clutter), rng, steady)


def _on_another(put: _Put, obj_id: int, rng: np.random.Generator, tries: int = 16) -> bool:
    """Puts a thing on or in one that is there already; False where it would not stay."""
    shape, below = put.shapes[obj_id], put.below()
    for attempt in range(tries):
        row = int(rng.integers(len(put.obj_ids)))
        R = (steady if rng.random() < 0.7 else lie)(shape, rng)
        loose = 0.002 if attempt % 2 else 0.2 * float(np.ptp(put.shapes[put.obj_ids[row]].mesh.vertices, axis=0).min())
        xy = put.poses[row][:2, 3] + rng.normal(0, loose, 2)
        landing = land(shape, R, xy, below)
        center = (R @ solid_of(shape).center)[:2] + xy
        if (landing.on == row).all() and _carried(landing.touches, center) and landing.z < 0.25:
            put.add(obj_id, R, put.lifted(obj_id, R, np.array([*xy, landing.z + DROP])))
            return True
    return False


def _carried(touches: Float[Array, "k 2"], center: Float[Array, "2"]) -> bool:
    """The weight is well inside what is touched: within three quarters of its hull, which is no sliver."""
    middle = (touches.min(0) + touches.max(0)) / 2
    try:
        return len(touches) > 3 and bool(within(middle + 0.75 * (touches - middle), center[None])[0])
    except QhullError:  # all in line
        return False


def _bin(put: _Put, ids: Sequence[int], clutter: float, rng: np.random.Generator) -> None:
    """Dropped in one after the other, any way round, each where it comes to lie lowest of a few places."""
    del clutter  # a bin is as full as the number of things makes it
    (T_world_bin,) = put.poses
    bottom, rim = bottom_of(put.shapes[put.obj_ids[0]]), float(transform(T_world_bin, _points(put, 0))[:, 2].max())
    for obj_id in ids:
        shape, below, best = put.shapes[obj_id], put.below(), None
        for _ in range(16):
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


def _points(put: _Put, row: int) -> Float[Array, "v 3"]:
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


def _shelf(put: _Put, ids: Sequence[int], clutter: float, rng: np.random.Generator) -> None:
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


ARRANGEMENTS: Mapping[str, Callable[[_Put, Sequence[int], float, np.random.Generator], None]] = {
    "table": _table,
    "shelf": _shelf,
    "bin": _bin,
    "stack": _stack,
}
FURNISHED = ("shelf", "bin")
"""Kinds that need a piece of furniture."""


def arrange(
    kind: str,
    shapes: Mapping[int, Shape],
    ids: Sequence[int],
    *,
    furniture: int | None = None,
    clutter: float = 0.5,
    rng: np.random.Generator,
) -> Setting:
    """Decides where each thing is let go.

    Args:
        kind: a key of ARRANGEMENTS.
        shapes: by obj_id.
        ids: what to place, in any order; an id may come twice. Distractors are ids like any other.
        furniture: obj_id of the bin ('bin') or the shelf unit ('shelf').
        clutter: 0 spread out .. 1 as dense as it goes.
    Raises:
        Refused: 'no_room' or 'nothing_stacks'.
        BopaskError: an unknown kind, no furniture where it is needed, or a bin without a floor.
    """
    if kind not in ARRANGEMENTS:
        raise BopaskError(f"There is no arrangement {kind!r}. Take one of {', '.join(ARRANGEMENTS)}.")
    if kind in FURNISHED and furniture is None:
        raise BopaskError(f"The arrangement {kind!r} needs the obj_id of its furniture.")
    put = _Put(shapes)
    if kind in FURNISHED and furniture is not None:
        put.stand(furniture, about_z(rng.uniform(-0.3, 0.3)), np.zeros(2))
    ARRANGEMENTS[kind](put, [int(i) for i in rng.permutation(list(ids))], clutter, rng)
    poses = np.array(put.poses)
    if kind not in FURNISHED:
        poses[:, :2, 3] -= (poses[:, :2, 3].min(0) + poses[:, :2, 3].max(0)) / 2
    upright = np.full(len(poses), kind in ("shelf", "stack"))
    table = str(rng.choice(sorted(TABLES)))
    return Setting(kind, table, tuple(put.obj_ids), poses, upright, kind in FURNISHED)


def settled(setting: Setting, shapes: Mapping[int, Shape]) -> Outcome:
    """Lets a setting come to rest and says whether it became what it was meant to be.

    Raises:
        MissingExtra: without MuJoCo.
    """
    here = [shapes[i] for i in setting.obj_ids]
    rest = settle(here, setting.T_world_obj, fixed=int(setting.furniture))
    depth = deepest(here, rest.T_world_obj)
    return Outcome(setting, rest, depth, _wrong(setting, here, rest, depth))


def _wrong(setting: Setting, here: Sequence[Shape], rest: Rest, depth: float) -> str:
    """The first reason against a layout, '' where there is none."""
    T, start = rest.T_world_obj, setting.T_world_obj
    tilt = (T[:, 2, :3] * start[:, 2, :3]).sum(1)
    fallen = (tilt < TILT) | (start[:, 2, 3] - T[:, 2, 3] > STACKED)
    if rest.drift > DRIFT or rest.turn > TURN:
        return "not_at_rest"
    if depth > DEEP:
        return "penetration"
    if (np.abs(T[:, :2, 3]) > np.array(TABLE_SIZE[:2]) / 2).any():
        return "fell_off"
    if setting.kind == "bin" and not all(_in_bin(here[0], T[0], here[k], T[k]) for k in range(1, len(here))):
        return "left_bin"
    return "toppled" if (fallen & setting.upright).any() else ""


def _in_bin(bin_: Shape, T_world_bin: Float[Array, "4 4"], shape: Shape, T_world_obj: Float[Array, "4 4"]) -> bool:
    """Its centre of mass is over the bin, and it reaches below the rim."""
    T_bin_obj = inverse(T_world_bin) @ T_world_obj
    walls = solid_of(bin_).whole.vertices
    center = transform(T_bin_obj, solid_of(shape).center[None])[0]
    low = transform(T_bin_obj, solid_of(shape).whole.vertices)[:, 2].min()
    return bool(within(walls[:, :2], center[None, :2])[0] and low < walls[:, 2].max() - 0.005)


def draw(
    kind: str,
    shapes: Mapping[int, Shape],
    ids: Sequence[int],
    *,
    furniture: int | None = None,
    clutter: float = 0.5,
    seed: int,
    key: object,
    tries: int = 12,
) -> tuple[Outcome, Counter[str]]:
    """The first good layout of at most `tries` draws, and the reasons against those before it.

    Raises:
        BopaskError: there was none; the message counts the reasons. See also `arrange`.
        MissingExtra: without MuJoCo.
    """
    reasons: Counter[str] = Counter()
    for attempt in range(tries):
        try:
            rng = rng_for(seed, "arrange", (key, attempt))
            outcome = settled(arrange(kind, shapes, ids, furniture=furniture, clutter=clutter, rng=rng), shapes)
        except Refused as refused:
            reasons[refused.reason] += 1
            continue
        if not outcome.reason:
            return outcome, reasons
        reasons[outcome.reason] += 1
    counts = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items()))
    where = "" if furniture is None else f" with {shapes[furniture].name!r}"
    fix = "ask for fewer --objects" if "no_room" in reasons else "try another --seed or other --models"
    raise BopaskError(f"{len(ids)} objects: no {kind} layout{where} in {tries} draws ({counts}); {fix}.")
