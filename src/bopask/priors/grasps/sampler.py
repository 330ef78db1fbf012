"""Dense parallel-jaw grasps of one object, once per object and gripper: a function of (mesh, gripper, config, seed).

Knows nothing of a scene. Antipodal pairs of contacts, turned about the closing axis, kept where the hand does not run
into the object (`hold` scores and proves them), spread over the object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Int

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.nouns import GraspSet, Model, Symmetry
from bopask.priors.grasps import sets
from bopask.priors.grasps.contacts import Pairs, contact_pairs
from bopask.priors.grasps.fit import clear_of, hand_frames
from bopask.priors.grasps.gripper import Gripper
from bopask.priors.grasps.hold import Sampler, Subject, proved, scored, subject
from bopask.rng import rng_for
from bopask.store.files import atomic, key_of

VERSION = 2
"""Part of every cache key: raise it when the same config gives other grasps."""
BATCH = 200
CELL = 0.015
"""Edge (m) of a neighbourhood."""


def sample_grasps(model: Model, gripper: Gripper, seed: int, config: Sampler = Sampler()) -> GraspSet:  # noqa: B008
    """The dense grasp set of an object, best first; empty when the gripper cannot hold it anywhere.

    Each grasp's contacts are where the closing fingers first meet the object, within the friction cone; neither hand
    nor fingers, ajar and over the last `config.back` of a straight approach, come within `config.margin` of it.
    """
    rng = rng_for(seed, "grasps", model.sha256)
    obj = subject(model, config)
    starts = obj.points[rng.permutation(len(obj.points))[: config.starts]]
    reach = (config.narrowest, gripper.stroke - config.spare)
    pairs = contact_pairs(obj.rays, starts, config.turns, config.friction, reach, rng)
    pairs = pairs[rng.permutation(len(pairs))[: config.pairs]]
    found = scored(hands(pairs, obj, gripper, config, rng), obj, gripper, config)
    turned = symmetries(model.symmetry, config.steps)
    found = expanded(sets.take(found, spread(found, max(config.most // len(turned), config.fewest))), turned)
    found = proved(found, obj, gripper, config)
    return sets.best_first(sets.take(found, spread(found, config.most)))


def load_or_sample(
    models: Mapping[int, Model],
    obj_ids: Sequence[int],
    gripper: Gripper,
    seed: int,
    cache: Path | None = None,
    config: Sampler = Sampler(),  # noqa: B008
) -> dict[int, GraspSet]:
    """The dense set of each object, from `cache` (a folder) where it holds one of this mesh, gripper, config and code.

    A damaged cache file is sampled anew. Raises OutputError when the folder cannot be written.
    """
    return {o: _load_or_sample(models[o], gripper, seed, cache, config) for o in sorted(set(map(int, obj_ids)))}


def _load_or_sample(model: Model, gripper: Gripper, seed: int, cache: Path | None, config: Sampler) -> GraspSet:
    if cache is None:
        return sample_grasps(model, gripper, seed, config)
    symmetry = [a.tolist() for a in (model.symmetry.discrete, model.symmetry.axes, model.symmetry.offsets)]
    path = cache / f"{key_of(VERSION, model.sha256, symmetry, gripper.fingerprint, seed, repr(config))}.npz"
    try:
        with path.open("rb") as handle, np.load(handle) as file:
            return sets.grasp_set(*(file[name] for name in ("T_obj_grasp", "width", "depth", "quality")))
    except (OSError, ValueError, KeyError, BadZipFile):
        found = sample_grasps(model, gripper, seed, config)
        with atomic(path) as partial, partial.open("wb") as out:  # savez would add .npz to a name
            columns = {k: v for k, v in vars(found).items() if k not in ("source", "held")}
            np.savez_compressed(out, allow_pickle=False, **columns)
        return found


def hands(pairs: Pairs, obj: Subject, gripper: Gripper, config: Sampler, rng: np.random.Generator) -> GraspSet:
    """Pairs under every roll and depth that the hand's fast check lets through, about `config.hands` of them."""
    turn = 2 * np.pi * (np.arange(config.rolls) + rng.random((len(pairs), 1))) / config.rolls
    depths = gripper.contact_depth + np.array(config.depths)
    width = np.linalg.norm(pairs.a - pairs.b, axis=1)
    boxes = gripper.approach_boxes(config.opening(width, gripper), config.back)
    boxes = boxes + np.array([[-config.margin], [config.margin]])
    screen = obj.points.at[:: max(1, len(obj.points) // config.screen)]
    parts: list[GraspSet] = []
    for start in range(0, len(pairs), BATCH):
        rows = slice(start, start + BATCH)
        R, middle = hand_frames(pairs.a[rows], pairs.b[rows], turn[rows]), (pairs.a[rows] + pairs.b[rows]) / 2
        pair, roll, depth = np.nonzero(clear_of(screen, R, middle, depths, boxes[rows]))
        T = sets.at(R[pair, roll], middle[pair], depths[depth])
        parts.append(sets.grasp_set(T, width[rows][pair], depths[depth]))
        if sum(len(p.width) for p in parts) >= config.hands:
            break
    return sets.joined(parts)


def symmetries(symmetry: Symmetry, steps: int) -> Float[Array, "s 4 4"]:
    """T_obj_obj that leave the object as it is, the identity first: discrete ones, then turns about the axes."""
    all_of = np.concatenate([np.eye(4)[None], symmetry.discrete])
    for axis, offset in zip(symmetry.axes, symmetry.offsets, strict=True):
        R = se3.rotation_about(axis, 2 * np.pi * np.arange(steps) / steps)
        all_of = (all_of[:, None] @ se3.se3(R, offset - R @ offset)).reshape(-1, 4, 4)
    return all_of


def expanded(grasps: GraspSet, turned: Float[Array, "s 4 4"]) -> GraspSet:
    """Each grasp under each symmetry."""
    n = len(turned)
    T = (turned[:, None] @ grasps.T_obj_grasp).reshape(-1, 4, 4)
    width, depth, quality, held = (np.tile(v, n) for v in (grasps.width, grasps.depth, grasps.quality, grasps.held))
    return GraspSet(T, width, depth, quality, grasps.source, held)


def spread(grasps: GraspSet, most: int) -> Int[Array, "k"]:
    """Rows of at most `most` grasps that cover the object: the best of each neighbourhood, then the second best, ..."""
    place, approach = sets.middle(grasps) / CELL, 2 * grasps.T_obj_grasp[:, :3, 2]
    key = np.concatenate([place, approach, 1e4 * grasps.depth[:, None]], 1)  # lying thin objects need the fingertips
    key = np.round(key).astype(int)
    key -= key.min(0, initial=0)
    _, cell = np.unique(np.ravel_multi_index(key.T, key.max(0, initial=0) + 1), return_inverse=True)
    order = np.lexsort((-grasps.quality, cell))
    first = np.ones(len(order), bool)
    first[1:] = np.diff(cell[order]) > 0
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    return np.sort(np.lexsort((-grasps.quality, rank))[:most])
