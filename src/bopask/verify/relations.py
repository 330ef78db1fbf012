"""Relations between objects, from mesh vertices, rendered masks and depth; only the margin is read off boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.verify import cuboid
from bopask.verify.facts import FIRST, LAST, OPPOSITE, Fact, fact_of, pairs_of
from bopask.verify.rays import Sight, cast
from bopask.verify.solids import Body, shape
from bopask.verify.solids import distance as gap_between
from bopask.verify.truth import Disagreement, FrameTruth, Row, inverse, place

SEEN_FROM = {"above": "world", "higher": "world", "facing_left": "object", "nearer": "object"}
"""The frame a relation is meant in; 'camera' where not listed."""
ROUNDED = 2e-4
"""Metres that a stated margin may be off: it is written with four decimals."""
IN_LAYOUT = 0.005
"""The same of a relation that is told once a layout: as far as its frames' own poses may differ."""
WITHOUT_UP = ("left", "leftmost", "rightmost", "between", "closer", "closest", "farthest")
"""What is said of pictures of which nobody knows where up is."""
OVER = 0.0105
"""An object over another may reach this far (m) below its top: 1 cm, and what rays lose."""
SUNK = 0.25
"""One that stands on another, its middle above the other's top, may in bad poses sink into this share of the other."""
UP: Float[Array, "3"] = np.array([0.0, 0.0, 1.0])
NARROWEST, WIDEST = np.radians((20, 110))
"""Between b and c, as seen from a: less is ahead rather than beside, more is behind."""
SLACK = np.radians(2)
"""As far as a layout's frames may differ in it."""


def check(row: Row, scene: Scene, least: float) -> Iterator[Disagreement]:
    """Is the fact true, by its own margin and by the meshes and the picture?

    Args:
        least: the margin (m) that the manifest promises.
    """
    fact, evidence = fact_of(row), row["evidence"]
    if fact.word not in PROOFS:
        yield Disagreement("relation: known", row["subtask"], f"one of {sorted([*PROOFS, *OPPOSITE])}")
        return
    seen_from = SEEN_FROM.get(fact.word, "camera")
    if (evidence.get("relation"), evidence.get("seen_from")) != (row["subtask"], seen_from):
        said = f"{evidence.get('relation')} seen from {evidence.get('seen_from')}"
        yield Disagreement("relation: evidence", said, f"{row['subtask']} seen from {seen_from}")
    if scene.T_world_cam is None and fact.word not in WITHOUT_UP:
        yield Disagreement("relation: up is known", "no T_world_cam", row["subtask"])
        return
    margin, doubts = scene.proof(fact)
    stated = float(evidence.get("margin_m", np.nan))
    allowed = IN_LAYOUT if seen_from != "camera" else ROUNDED
    if not abs(margin - stated) <= allowed:
        yield Disagreement("relation: margin", f"{stated} m", f"{margin:.4f} m")
    if fact.word != "above" and margin < least - allowed:
        yield Disagreement(f"relation: {row['subtask']}", f"{row['answer']}, by {least} m at least", f"{margin:.4f} m")
    for wrong in doubts:
        yield Disagreement(f"relation: {row['subtask']}", row["answer"], wrong)


@dataclass(frozen=True)
class Scene:
    """A frame with its world, and what is measured along directions in it."""

    frame: FrameTruth
    sight: Sight
    T_world_cam: Float[Array, "4 4"] | None
    _proofs: dict[tuple[str, tuple[int, ...]], tuple[float, list[str]]] = field(default_factory=dict, repr=False)
    _gaps: dict[frozenset[int], float] = field(default_factory=dict, repr=False)

    def proof(self, fact: Fact) -> tuple[float, list[str]]:
        """The fact's margin (m) and what speaks against it; worked out once, for four rows claim it."""
        key = (fact.word, fact.objects)
        if key not in self._proofs:
            of = PROOFS[fact.word]
            self._proofs[key] = (of.margin(self, *fact.objects), list(of.doubts(self, *fact.objects)))
        return self._proofs[key]

    def away(self) -> Float[Array, "3"]:
        """Horizontal direction away from the viewer, camera frame."""
        assert self.T_world_cam is not None
        return np.asarray(-cuboid.toward_viewer(self.T_world_cam) @ self.T_world_cam[:3, :3])

    def corners(self, i: int) -> Float[Array, "8 3"]:
        """Corners of instance i's cuboid, camera frame."""
        corners = cuboid.loose_corners(*cuboid.sides(self.frame, i, self.T_world_cam))
        return corners if self.T_world_cam is None else place(inverse(self.T_world_cam), corners)

    def world(self, i: int) -> Float[Array, "V 3"]:
        """Vertices of instance i, world frame."""
        assert self.T_world_cam is not None
        return place(self.T_world_cam, self.frame.vertices_cam(i))

    def box_in_plan(self, i: int) -> Float[Array, "8 2"]:
        """Corners of the box of the model's frame (not turned about any axis of symmetry), world x and y."""
        assert self.T_world_cam is not None
        solid = self.frame.solids[i]
        middle, size = cuboid.extent(solid)
        T_world_obj = self.T_world_cam @ self.frame.T_cam_obj[i]
        corners = cuboid.loose_corners(middle, np.diag(size / 2))
        return place(T_world_obj, corners)[:, :2]

    def gap(self, i: int, j: int) -> float:
        """Between the surfaces of two instances (m)."""
        pair = frozenset((i, j))
        if pair not in self._gaps:
            self._gaps[pair] = gap_between(*(Body(shape(self.frame.solids[k]), self.frame.T_cam_obj[k]) for k in pair))
        return self._gaps[pair]

    def seen_depth(self, i: int) -> float:
        """Median distance (m) from the camera's centre to the visible surface; NaN where nothing is visible."""
        seen = self.sight[i]
        v, u = np.nonzero(seen.visible)
        if not len(u):
            return float("nan")
        pixels = np.stack([seen.left + u * seen.step, seen.top + v * seen.step, np.ones(len(u))], -1)
        rays = np.linalg.solve(self.frame.K, pixels.T).T
        return float(np.median(seen.depth[v, u] * np.linalg.norm(rays, axis=1)))


@dataclass(frozen=True)
class Proof:
    """How a relation is proved: the margin as documented, and what else speaks against it."""

    margin: Callable[..., float]
    doubts: Callable[..., Iterable[str]] = lambda *_: ()
    """None where the margin is that of the exact surfaces already."""


def before(a: Float[Array, "n"], b: Float[Array, "m"], middles: tuple[float, float] | None = None) -> float:
    """Margin by which a comes before b along an axis: the middle of each lies outside the other's extent."""
    middle_a, middle_b = middles or ((a.min() + a.max()) / 2, (b.min() + b.max()) / 2)
    return float(min(b.min() - middle_a, middle_b - a.max()))


def along(measure: Callable[[Scene, Array], Array]) -> Callable[[Scene, int, int], float]:
    """The margin of the documented kind, over cuboids, along what `measure` gives of points in the camera frame."""

    def margin(scene: Scene, a: int, b: int) -> float:
        along_a, along_b = (measure(scene, scene.corners(i)) for i in (a, b))
        return before(along_a, along_b, (along_a.mean(), along_b.mean()))

    return margin


def meshes_agree(measure: Callable[[Scene, Array], Array], scene: Scene, a: int, b: int) -> Iterator[str]:
    """Over all vertices: each mesh's middle lies outside the other mesh. (A mesh need not fill its box.)"""
    along_a, along_b = (measure(scene, scene.frame.vertices_cam(i)) for i in (a, b))
    gap = before(along_a, along_b)
    if gap <= 0:
        yield f"over the meshes' vertices the margin is {gap:.4f} m"


def rightward(scene: Scene, points_cam: Array) -> Array:
    return points_cam[:, 0]


def awayward(scene: Scene, points_cam: Array) -> Array:
    return np.asarray(points_cam @ scene.away())


def distance(scene: Scene, points_cam: Array) -> Array:
    return np.linalg.norm(points_cam, axis=1)


def left_doubts(scene: Scene, a: int, b: int) -> Iterator[str]:
    yield from meshes_agree(rightward, scene, a, b)
    u = [scene.sight[i].centroid(scene.sight[i].whole)[0] for i in (a, b)]
    if not u[0] < u[1]:
        yield f"in the picture their centres are at u = {u[0]:.1f} and {u[1]:.1f}"


def front_doubts(scene: Scene, a: int, b: int) -> Iterator[str]:
    yield from meshes_agree(awayward, scene, a, b)
    z = [scene.frame.vertices_cam(i)[:, 2] for i in (a, b)]
    middle = [(each.min() + each.max()) / 2 for each in z]
    if not middle[0] < middle[1]:
        yield f"their middles are at depth {middle[0]:.3f} and {middle[1]:.3f} m"


def closer_doubts(scene: Scene, a: int, b: int) -> Iterator[str]:
    yield from meshes_agree(distance, scene, a, b)
    seen = [scene.seen_depth(i) for i in (a, b)]
    if not seen[0] < seen[1]:
        yield f"what is visible of them is {seen[0]:.3f} and {seen[1]:.3f} m away"


def above_margin(scene: Scene, a: int, b: int) -> float:
    """The lowest vertex of a over the highest of b, along world z."""
    return float(scene.world(a)[:, 2].min() - scene.world(b)[:, 2].max())


def above_doubts(scene: Scene, a: int, b: int) -> Iterator[str]:
    """Vertical rays through both: the underside of a lies on or over the top of b, nowhere under it."""
    upper, lower = scene.world(a), scene.world(b)
    low = np.maximum(upper.min(0), lower.min(0))[:2]
    high = np.minimum(upper.max(0), lower.max(0))[:2]
    if (low >= high).any():
        yield "they do not overlap in plan"
        return
    grid = np.stack(np.meshgrid(*np.linspace(low, high, 42)[1:-1].T), -1).reshape(-1, 2)
    gap = underside(scene, a, grid, upper) - topside(scene, b, grid, lower)
    gap = gap[np.isfinite(gap)]
    middle_over_top = (upper[:, 2].min() + upper[:, 2].max()) / 2 - lower[:, 2].max()
    allowed = max(OVER, SUNK * np.ptp(lower[:, 2]) if middle_over_top > 0 else 0)
    if not len(gap):
        yield "no vertical line meets both"
    elif np.median(gap) < -allowed:
        yield f"where they overlap, the underside lies {-np.median(gap):.4f} m below the top"


def underside(scene: Scene, i: int, grid: Float[Array, "n 2"], points: Float[Array, "V 3"]) -> Float[Array, "n"]:
    """World z (m) of the first surface met from below; NaN for none."""
    start = points[:, 2].min() - 0.01
    return start + vertical(scene, i, grid, start, 1.0)


def topside(scene: Scene, i: int, grid: Float[Array, "n 2"], points: Float[Array, "V 3"]) -> Float[Array, "n"]:
    """World z (m) of the first surface met from above; NaN for none."""
    start = points[:, 2].max() + 0.01
    return start - vertical(scene, i, grid, start, -1.0)


def vertical(scene: Scene, i: int, grid: Float[Array, "n 2"], z: float, direction: float) -> Float[Array, "n"]:
    assert scene.T_world_cam is not None
    T_obj_world = inverse(scene.T_world_cam @ scene.frame.T_cam_obj[i])
    origins = place(T_obj_world, np.column_stack([grid, np.full(len(grid), z)]))
    far = cast(scene.frame.solids[i], origins, T_obj_world[:3, 2] * direction)
    return np.where(np.isfinite(far), far, np.nan)


def facing_margin(scene: Scene, a: int, b: int, c: int) -> float:
    """Standing at the middle of a and facing any part of b, by how much any part of c is to the left (m).

    The distance of r from the line a-q, or of q from the line a-r, whichever is smaller; over all corners q, r.
    """
    stand, q, r = (scene.box_in_plan(i) for i in (a, b, c))
    to_q, to_r = q[:, None] - stand.mean(0), r[None] - stand.mean(0)
    area = to_q[..., 0] * to_r[..., 1] - to_q[..., 1] * to_r[..., 0]
    far = np.maximum(np.linalg.norm(to_q, axis=-1), np.linalg.norm(to_r, axis=-1))
    return float((area / np.maximum(far, 1e-9)).min())


def facing_doubts(scene: Scene, a: int, b: int, c: int) -> Iterator[str]:
    """By mesh vertices in plan: every part of c is left of every part of b, both begin where a ends, c is beside."""
    stand, to_b, to_c = (scene.box_in_plan(i).mean(0) for i in (a, b, c))
    to_b, to_c = to_b - stand, to_c - stand
    plan_a, plan_b, plan_c = (scene.world(i)[:, :2] - stand for i in (a, b, c))
    angle = angles(plan_c, to_b).min() - angles(plan_b, to_b).max()
    if not angle > 0:
        yield f"parts of them overlap by {-np.degrees(angle):.1f}° as seen from there"
    for name, plan, toward in (("faced", plan_b, to_b), ("beside", plan_c, to_c)):
        gap = ((plan @ toward).min() - (plan_a @ toward).max()) / np.linalg.norm(toward)
        if gap < -ROUNDED:
            yield f"what is {name} begins {-gap:.4f} m before the end of what one stands at"
    between = angles(to_c[None], to_b)[0]
    if not NARROWEST - SLACK <= between <= WIDEST + SLACK:
        yield f"it is seen {np.degrees(between):.1f}° to the left: not beside"


def angles(points: Float[Array, "n 2"], ahead: Float[Array, "2"]) -> Float[Array, "n"]:
    """Angles (rad) of plan directions to the left of `ahead`, in -pi..pi."""
    return np.arctan2(ahead[0] * points[:, 1] - ahead[1] * points[:, 0], points @ ahead)


def higher_margin(scene: Scene, a: int, b: int) -> float:
    """The highest vertex of a over that of b, along world z."""
    return float(scene.world(a)[:, 2].max() - scene.world(b)[:, 2].max())


def higher_doubts(scene: Scene, a: int, b: int) -> Iterator[str]:
    """The surfaces that vertical rays meet from above, at the place of each one's highest vertex."""
    tops = [scene.world(i) for i in (a, b)]
    seen = [topside(scene, i, top[top[:, 2].argmax(), None, :2], top)[0] for i, top in zip((a, b), tops, strict=True)]
    if seen[0] < seen[1]:  # a ray that grazes a tip may miss it
        yield f"from above their tops are met at {seen[0]:.4f} and {seen[1]:.4f} m"


def nearer_margin(scene: Scene, a: int, b: int, c: int) -> float:
    """By how much a is nearer to b than to c, between surfaces and between middles of boxes, whichever is less."""
    middles = [scene.frame.T_cam_obj[i] @ np.append(cuboid.extent(scene.frame.solids[i])[0], 1.0) for i in (a, b, c)]
    to_b, to_c = (float(np.linalg.norm(middle - middles[0])) for middle in middles[1:])
    return min(scene.gap(a, c) - scene.gap(a, b), to_c - to_b)


def of_pairs(word: str) -> Proof:
    """The first or the last of three: each of two facts about pairs holds."""

    def proofs(scene: Scene, *objects: int) -> list[tuple[float, list[str]]]:
        return [scene.proof(Fact(of, (i, j), "")) for of, i, j in pairs_of(Fact(word, objects, ""))]

    return Proof(
        lambda scene, *objects: min(margin for margin, _ in proofs(scene, *objects)),
        lambda scene, *objects: [doubt for _, doubts in proofs(scene, *objects) for doubt in doubts],
    )


def in_line(scene: Scene, x: int, a: int, b: int) -> list[tuple[float, list[str]]]:
    """What proves that a is between the others: x left of a and a left of b, or the other way round."""
    lines = [[scene.proof(Fact("left", pair, "")) for pair in (ends[:2], ends[1:])] for ends in ((x, a, b), (b, a, x))]
    return max(lines, key=lambda line: min(margin for margin, _ in line))


def between_margin(scene: Scene, x: int, a: int, b: int) -> float:
    return min(margin for margin, _ in in_line(scene, x, a, b))


def between_doubts(scene: Scene, x: int, a: int, b: int) -> Iterator[str]:
    for _, doubts in in_line(scene, x, a, b):
        yield from doubts


PROOFS: Mapping[str, Proof] = {
    "left": Proof(along(rightward), left_doubts),
    "front": Proof(along(awayward), front_doubts),
    "closer": Proof(along(distance), closer_doubts),
    "above": Proof(above_margin, above_doubts),
    "higher": Proof(higher_margin, higher_doubts),
    "facing_left": Proof(facing_margin, facing_doubts),
    "nearer": Proof(nearer_margin),
    "between": Proof(between_margin, between_doubts),
    **{word: of_pairs(word) for word in (*FIRST, *LAST)},
}
