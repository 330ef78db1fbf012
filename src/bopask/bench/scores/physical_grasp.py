"""Does the gripper that was drawn close on the object, and on nothing else? Five pixels lifted to a 6-DoF grasp.

Pixels tell nothing of depth for sure, so an answer is right when *some* gripper that is seen within a centimetre of the
five points does it. Those that are tried: the grasps known to be right, and the poses that explain the points best (PnP
of the known gripper: two, that mirror each other), at their own distance and moved along the ray of the pads to the
object's near side and to its middle. Each is closed on the object and checked by exact collision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.bench.scores.pnp import fit_plane, refine
from bopask.bench.scores.stage import Placed, Solid, solid
from bopask.bench.scores.truth import Truth
from bopask.geometry import se3
from bopask.geometry.camera import project
from bopask.priors.grasps.gripper import Gripper, load_gripper
from bopask.priors.grasps.in_scene import lowest_point
from bopask.priors.grasps.touch import touches

SEEN_WITHIN = 0.01
"""A gripper explains the points when it is seen this near to them (m at its distance; root mean square)."""
BEHIND_FRONT = 0.005
"""The pads' middle is tried this far (m) behind the object's near side."""
SLACK = 0.001
"""Boxes of the gripper count smaller by this (m): half a pixel at half a metre and more."""
BACK = 0.06
"""The approach is looked at over this much of its end (m)."""
AJAR = (0.01, 0.003)
"""On its way in each finger stands this far (m) off its contact: either will do."""
SCRAPE, SINK = 0.002, 0.010
"""The fingers may go this deep (m) into the support, and an object's pose may sink it by so much."""
FRICTION = 0.5
OFF_CENTRE = 0.01
"""The object may lie this far (m) off the middle between the fingers: the hand gives way."""
LEVEL = 0.006
"""Contacts this far (m) behind the first one on their side still count: pads and objects give way."""
REASONS = ("holds", "not as drawn", "closes on nothing", "too wide", "off the pads", "slips", "meets the object",
           "below the support", "meets a neighbour")  # fmt: skip
"""How far a try came: the reason that is told is that of the try that came farthest."""
PROGRESS = {reason: k for k, reason in enumerate(REASONS[1:])} | {"holds": len(REASONS)}


def grasp_physical(truths: Sequence[Truth], replies: Sequence[Float[Array, "5 2"]]) -> Float[Array, "n"]:
    """1 where some gripper that explains the points holds the object free of collision."""
    return np.array([verdict == "holds" for verdict in verdicts(truths, replies)], float)


def why(truth: Truth, reply: Float[Array, "5 2"]) -> dict[str, Any]:
    return {"verdict": verdicts([truth], [reply])[0]}


def verdicts(truths: Sequence[Truth], replies: Sequence[Float[Array, "5 2"]]) -> list[str]:
    """One of REASONS for each reply."""
    points = np.stack(replies)
    row, T_cam_grasp = lifted(truths, points)
    explains = seen_near(np.stack([t.K for t in truths])[row], T_cam_grasp, points[row])
    row, T_cam_grasp = row[explains], T_cam_grasp[explains]
    T_obj_grasp = se3.inverse(np.stack([T_cam_obj(t) for t in truths]))[row] @ T_cam_grasp
    found = ["not as drawn"] * len(truths)
    for (stage, slot), mine in _by_object(truths).items():
        tries = np.flatnonzero(np.isin(row, mine))
        for k, reason in zip(row[tries].tolist(), closed(stage, slot, T_obj_grasp[tries]), strict=True):
            found[k] = max(found[k], reason, key=lambda told: PROGRESS[told])
    return found


def _by_object(truths: Sequence[Truth]) -> dict[tuple[Placed, int], list[int]]:
    """Truths about one object of one layout: their tries are checked together."""
    groups: dict[tuple[Placed, int], list[int]] = {}
    for k, truth in enumerate(truths):
        stage = truth.place
        groups.setdefault((stage.placed, stage.slots[truth.instances[0]]), []).append(k)
    return groups


def T_cam_obj(truth: Truth) -> Float[Array, "4 4"]:
    return np.array(truth.evidence["T_cam_obj"], float)


def seen_near(
    K: Float[Array, "h 3 3"], T_cam_grasp: Float[Array, "h 4 4"], points: Float[Array, "h 5 2"]
) -> Bool[Array, "h"]:
    """Whether each gripper's five points lie near those given, whichever way the fingers are named."""
    drawn = project(K, se3.transform(T_cam_grasp, load_gripper().label_points()))
    error = [
        np.sqrt(((drawn[:, order] - points) ** 2).sum(-1).mean(-1)) for order in ([0, 1, 2, 3, 4], [0, 2, 1, 4, 3])
    ]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.minimum(*error) <= SEEN_WITHIN * K[:, 0, 0] / np.maximum(T_cam_grasp[:, 2, 3], 1e-3))


def lifted(truths: Sequence[Truth], points: Float[Array, "n 5 2"]) -> tuple[Int[Array, "h"], Float[Array, "h 4 4"]]:
    """Grippers to be tried, T_cam_grasp, and which truth each is for."""
    K = np.stack([t.K for t in truths])
    label = np.broadcast_to(load_gripper().label_points(), (len(points), 5, 3))
    fitted, _ = fit_plane(K, label, points)
    fitted = fitted.reshape(-1, 4, 4)
    of_fit = np.repeat(np.arange(len(truths)), 2)
    depths = np.stack([_depths(truths[k], T) for k, T in zip(of_fit.tolist(), fitted, strict=True)])
    again = np.repeat(np.arange(len(fitted)), depths.shape[1])
    moved = _at_depth(fitted[again], depths.ravel())
    of_moved = of_fit[again]
    pads = np.array([0, 0, load_gripper().contact_depth])
    moved, _ = refine(moved, K[of_moved], label[of_moved], points[of_moved], (pads, depths.ravel()), steps=6)
    known = [t.T_cam_grasps for t in truths]
    of_known = np.repeat(np.arange(len(truths)), [len(T) for T in known])
    return np.concatenate([of_known, of_fit, of_moved]), np.concatenate([*known, fitted, moved])


def _at_depth(T: Float[Array, "h 4 4"], depth: Float[Array, "h"]) -> Float[Array, "h 4 4"]:
    """Moved along the ray of the pads' middle until that lies at a depth z (m)."""
    pads = T[:, :3, 3] + T[:, :3, 2] * load_gripper().contact_depth
    found = T.copy()
    found[:, :3, 3] += pads * (depth / np.maximum(pads[:, 2], 1e-3) - 1)[:, None]
    return found


def _depths(truth: Truth, T_cam_grasp: Float[Array, "4 4"]) -> Float[Array, "2"]:
    """Depths z (m) of the pads' middle along its ray: a little behind the object's near side, and half way through it.

    Where the ray misses the object: the depth of its vertex nearest to the ray.
    """
    body, T = _target(truth), T_cam_obj(truth)
    pads = T_cam_grasp[:3, 3] + T_cam_grasp[:3, 2] * load_gripper().contact_depth
    ray = pads / max(pads[2], 1e-3)
    T_obj_cam = se3.inverse(T)
    origin, along = T_obj_cam[:3, 3], T_obj_cam[:3, :3] @ ray
    beyond = 4 * (np.abs(T[2, 3]) + 1)
    _, far = body.rays.first_hit(np.stack([origin, origin + beyond * along]), np.stack([along, -along]))
    if np.isfinite(far).all():
        near, back = float(far[0]), beyond - float(far[1])
        return np.array([min(near + BEHIND_FRONT, (near + back) / 2), (near + back) / 2])
    cam = se3.transform(T, body.vertices)
    return np.full(2, cam[np.linalg.norm(np.cross(cam, ray), axis=1).argmin(), 2])


def _target(truth: Truth) -> Solid:
    stage = truth.place
    return solid(stage.placed.scene.models[stage.slots[truth.instances[0]]])


def closed(placed: Placed, slot: int, T_obj_grasp: Float[Array, "h 4 4"]) -> list[str]:
    """What comes of each try to grasp an object: one of REASONS."""
    gripper = load_gripper()
    T, width, told = gripped(solid(placed.scene.models[slot]), T_obj_grasp, gripper)
    going = np.flatnonzero(told == "holds")
    for ajar in AJAR:
        if len(going):
            told[going] = in_scene(placed, slot, T[going], width[going], ajar, gripper)
            going = going[told[going] != "holds"]
    return [str(reason) for reason in told]


def gripped(
    body: Solid, T_obj_grasp: Float[Array, "h 4 4"], gripper: Gripper
) -> tuple[Float[Array, "h 4 4"], Float[Array, "h"], Array]:
    """The fingers closed on the object: the grasps moved to where both touch, how far apart they are then (m)."""
    x, cosine = contacts(body, T_obj_grasp, gripper)
    both = np.isfinite(x).all(2) & (x[..., 0] > x[..., 1])
    x = np.where(both[..., None], x, np.array([-np.inf, np.inf]))
    right, left = x[..., 0].max(1), x[..., 1].min(1)
    meets = both.any(1)
    right, left = np.where(meets, right, 0.0), np.where(meets, left, 0.0)
    width, shift = right - left, (right + left) / 2
    level = both & (x[..., 0] >= right[:, None] - LEVEL) & (x[..., 1] <= left[:, None] + LEVEL)
    firm = (np.where(level, cosine, -1.0) >= 1 / np.hypot(1, FRICTION) - 0.01).any(1)
    told = np.full(len(T_obj_grasp), "holds", dtype=object)
    for wrong, reason in (
        (~firm, "slips"),
        (~level.any(1), "off the pads"),
        ((width > gripper.stroke) | (np.abs(shift) > OFF_CENTRE), "too wide"),
        (~meets, "closes on nothing"),
    ):
        told[wrong] = reason
    T = T_obj_grasp.copy()
    T[:, :3, 3] += shift[:, None] * T[:, :3, 0]
    return T, width, told


def contacts(
    body: Solid, T_obj_grasp: Float[Array, "h 4 4"], gripper: Gripper
) -> tuple[Float[Array, "h l 2"], Float[Array, "h l"]]:
    """Of each line over the pads: x (m) where the +x finger and the other meet the object, NaN where they do not, and
    the smaller cosine between closing axis and outward normal."""
    y, z = np.meshgrid([-0.006, 0.0, 0.006], np.linspace(gripper.pad[0, 1], gripper.pad[1, 1], 9))
    sides = []
    for sign in (1.0, -1.0):
        wide = gripper.stroke / 2 + OFF_CENTRE
        start = np.stack([np.full(y.size, sign * wide), y.ravel(), z.ravel()], 1)
        direction = -sign * T_obj_grasp[:, None, :3, 0]
        face, weights = body.rays.first_face(se3.transform(T_obj_grasp, start), direction)
        at = (weights[..., None] * body.triangles[face]).sum(-2)
        met = ((at - T_obj_grasp[:, None, :3, 3]) * T_obj_grasp[:, None, :3, 0]).sum(-1)
        sides.append((np.where(face < 0, np.nan, met), -(body.normals[face] * direction).sum(-1)))
    return np.stack([sides[0][0], sides[1][0]], -1), np.minimum(sides[0][1], sides[1][1])


def in_scene(
    placed: Placed,
    slot: int,
    T_obj_grasp: Float[Array, "h 4 4"],
    width: Float[Array, "h"],
    ajar: float,
    gripper: Gripper,
) -> Array:
    """Whether the hand comes and closes without touching anything but the object between its pads."""
    scene = placed.scene
    opening = np.minimum(width + 2 * ajar, gripper.stroke)
    coming = gripper.approach_boxes(opening, BACK)
    swept = np.concatenate([coming, gripper.closing_boxes(opening, width)], 1)
    T_world_grasp = scene.T_world_obj[slot] @ T_obj_grasp
    floor = float(np.clip(scene.low[slot, 2], -SINK, 0.0)) - SCRAPE - SLACK
    told = np.full(len(width), "holds", dtype=object)
    told[lowest_point(T_world_grasp, swept) < floor] = "below the support"
    told[touches(scene.models[slot], T_obj_grasp, coming, -SLACK)] = "meets the object"
    for j, other in enumerate(scene.models):
        going = np.flatnonzero(told == "holds")
        if j != slot and len(going):
            T_other_grasp = se3.inverse(scene.T_world_obj[j]) @ T_world_grasp[going]
            told[going[touches(other, T_other_grasp, swept[going], -SLACK)]] = "meets a neighbour"
    return told
