"""Pose: the eight stated points are the cuboid's corners under BOP's own pose and K, in the documented order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.verify import cuboid
from bopask.verify.rays import project
from bopask.verify.truth import Disagreement, FrameTruth, Row, inverse, place

PIXELS = 0.5
"""How far (px) a stated corner may be off."""
METRES = 2e-5
"""How far (m) a corner of the evidence's box may be off: evidence is written with six decimals, at a metre or two."""
OUTSIDE = 0.001
"""How far (m) a vertex may reach out of the box. A round object: and 5 % of its width, for no mesh is quite round."""
TIE = np.radians(10)
"""Within this angle of the diagonal between two sides either may be the front: a second order is right as well."""
EDGE = np.radians(0.01)
"""Nearer than this to the end of that range both verdicts pass, for the row's numbers are rounded. On a tilted box
there are two ways to measure it; they differ by tilt² / 20 (rad) at most."""


def check(row: Row, frame: FrameTruth) -> Iterator[Disagreement]:
    i, evidence = row["instances"][0], row["evidence"]
    if row["T_world_cam"] is None:
        yield Disagreement("pose: up is known", "no T_world_cam", "which face is the bottom?")
        return
    T_world_cam = np.reshape(row["T_world_cam"], (4, 4))
    middle, half = cuboid.sides(frame, i, T_world_cam)
    viewer = cuboid.toward_viewer(T_world_cam)
    world = cuboid.corners(middle, half, viewer)
    corners_cam = place(inverse(T_world_cam), world)
    yield from check_points(np.array(row["answer_points"] or (), float), project(frame.K, corners_cam))
    yield from check_box(frame, i, evidence, corners_cam)
    yield from check_accepted(evidence, half, viewer)
    yield from check_round(frame, i, evidence)


def check_points(points: Float[Array, "n 2"], expected: Float[Array, "8 2"]) -> Iterator[Disagreement]:
    if points.shape != (8, 2) or not np.isfinite(points).all():
        yield Disagreement("pose: corners", f"{len(points)} points", "eight are needed")
        return
    off = np.linalg.norm(points - expected, axis=1)
    if off.max() <= PIXELS:
        return
    nearest = np.linalg.norm(points[:, None] - expected, axis=-1).argmin(1)
    permuted = sorted(nearest.tolist()) == list(range(8)) and (
        np.linalg.norm(points - expected[nearest], axis=1).max() <= PIXELS
    )
    worst = int(off.argmax())
    if permuted:
        yield Disagreement("pose: corner order", "0 1 2 3 4 5 6 7", " ".join(map(str, nearest)))
    else:
        stated, found = np.round(points[worst], 1).tolist(), np.round(expected[worst], 1).tolist()
        yield Disagreement("pose: corners", f"corner {worst} at {stated}", f"{found}, {off[worst]:.1f} px away")


def check_box(frame: FrameTruth, i: int, evidence: Row, corners_cam: Float[Array, "8 3"]) -> Iterator[Disagreement]:
    """T_cam_box and size_m are the box whose corners the points are, and it encloses every vertex."""
    T_cam_box, size = np.array(evidence["T_cam_box"], float), np.array(evidence["size_m"], float)
    if T_cam_box.shape != (4, 4) or size.shape != (3,) or abs(np.linalg.det(T_cam_box[:3, :3]) - 1) > 1e-4:
        yield Disagreement("pose: T_cam_box", str(evidence["T_cam_box"]), "not a rigid motion and a size")
        return
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    local = np.concatenate([np.column_stack([signs, np.full(4, z)]) for z in (-0.5, 0.5)]) * size
    off = np.linalg.norm(place(T_cam_box, local) - corners_cam, axis=1).max()
    if off > METRES:
        true_size = np.linalg.norm(corners_cam[[1, 3, 4]] - corners_cam[0], axis=1)
        wrong = "size_m" if np.abs(true_size - size).max() > METRES else "T_cam_box"
        found = f"corners up to {off * 1000:.2f} mm elsewhere; size {np.round(true_size, 5).tolist()}"
        yield Disagreement(f"pose: {wrong}", str(evidence[wrong]), found)
    beyond = np.abs(place(inverse(T_cam_box), frame.vertices_cam(i))) - size / 2
    allowed = OUTSIDE + (0 if cuboid.round_axis(frame.solids[i]) is None else 0.05 * size.max())
    if beyond.max() > allowed:
        yield Disagreement("pose: box encloses the object", "every vertex", f"one is {beyond.max():.4f} m outside")


def check_accepted(evidence: Row, half: Float[Array, "3 3"], viewer: Float[Array, "3"]) -> Iterator[Disagreement]:
    """accept_orders: the stated order, the one that a viewer up to 10° further round would see, and no third."""
    if "accept_orders" not in evidence:
        return
    stated = {tuple(order) for order in evidence["accept_orders"]}
    upright = np.abs(half[:, 2] / np.linalg.norm(half, axis=1)).max()
    edge = EDGE + np.arccos(min(upright, 1.0)) ** 2 / 4  # sides of a tilted box are not square in plan
    must, may = (orders(half, viewer, TIE + sign * edge) for sign in (-1, 1))
    if list(evidence["accept_orders"][0]) != list(range(8)):
        yield Disagreement("pose: accept_orders", str(evidence["accept_orders"][0]), "the stated order comes first")
    if stated - may:
        yield Disagreement("pose: accept_orders", str(sorted(stated - may)), "no viewer within 10° would say so")
    if must - stated:
        yield Disagreement("pose: accept_orders", str(sorted(stated)), f"{sorted(must - stated)} is right as well")


def orders(half: Float[Array, "3 3"], viewer: Float[Array, "3"], within: float) -> set[tuple[int, ...]]:
    """Orders of the stated corners that viewers up to `within` (rad) to either side would give."""
    stated = cuboid.corners(np.zeros(3), half, viewer)
    found = set()
    for angle in (-within, 0.0, within):
        turned = cuboid.corners(np.zeros(3), half, turn(angle) @ viewer)
        found.add(tuple(np.linalg.norm(turned[:, None] - stated, axis=-1).argmin(1).tolist()))
    return found


def turn(angle: float) -> Float[Array, "3 3"]:
    """Rotation about world z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def check_round(frame: FrameTruth, i: int, evidence: Row) -> Iterator[Disagreement]:
    """round_axis names the axis of T_cam_box that is the model's axis of symmetry, or none where it has none."""
    axis, stated = cuboid.round_axis(frame.solids[i]), evidence.get("round_axis")
    if "round_axis" not in evidence:
        return
    found = None
    if axis is not None:
        along = np.abs(np.array(evidence["T_cam_box"])[:3, :3].T @ frame.T_cam_obj[i, :3, axis])
        found = int(along.argmax())
    if stated != found:
        yield Disagreement("pose: round_axis", str(stated), str(found))
