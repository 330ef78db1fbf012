"""The file of candidates is enough to redo every check: here by coal, from it, the gripper's data and the meshes."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import coal
import numpy as np
import pyarrow.parquet as pq
import pytest
from arranged import arranged, at, block, tree

import bopask
from bopask.nouns import Priors
from bopask.priors.blocking import rearrangements, witness
from bopask.priors.candidates import candidates, targets, write_candidates
from bopask.priors.contacts import support
from bopask.priors.grasps import sets
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.hold import Sampler
from bopask.priors.grasps.in_scene import InScene, instance_grasps, judged, tried_grasps
from bopask.priors.grasps.sampler import sample_grasps

SAMPLER = Sampler(surface=4_000, starts=2_000, pairs=1_500, hands=2_000, most=300)
CONFIG = InScene(sampler=SAMPLER, few=0)
CUBE, SLAB, WALL = block(1, 0.04, 0.04, 0.04), block(4, 0.30, 0.30, 0.03), block(5, 0.02, 0.12, 0.10)
SLACK = 1e-5


@pytest.fixture(scope="module")
def laid_open(tmp_path_factory):
    """A cube on a slab between two walls, too near for a hand; the file about it, and what it came from."""
    walls = [(WALL, at(x, 0, 0.08)) for x in (0.045, -0.045)]
    yard = [(WALL, at(0, y, 0.08, np.pi / 2)) for y in (0.048, -0.048)]
    layout, models = arranged((CUBE, at(0, 0, 0.05)), (SLAB, at(0, 0, 0.015)), *walls, *yard)
    dense = dict.fromkeys(models, sets.joined([])) | {1: sample_grasps(CUBE, load_gripper(), 0, SAMPLER)}
    held = support(layout, models)
    given = layout, models, dense, load_gripper()
    tried = tried_grasps(*given, held.rests_on, range(6), CONFIG)
    grasps = judged(*given, tried, CONFIG)
    plans, _ = rearrangements(grasps, held.stands_on)
    priors = Priors(layout.key, grasps, held.stands_on, held.leans_on, {}, plans)
    found = candidates(tried, priors, load_gripper(), CONFIG)
    paths = [tmp_path_factory.mktemp("candidates") / f"{k}.parquet" for k in range(2)]
    for path in paths:
        write_candidates(path, found, layout, priors, load_gripper(), CONFIG)
    return models, priors, paths


def swept(opening: float, width: float, gripper: dict, back: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes of a grasp, from docs/formats.md alone."""
    hand, finger = np.array(gripper["hand"]), np.array(gripper["finger"])
    boxes = [(lo - [0, 0, back], hi) for lo, hi in hand]
    for lo, hi in finger:
        boxes.append((lo + [opening / 2, 0, -back], hi + [opening / 2, 0, 0]))
        boxes.append((lo + [width / 2, 0, 0], hi + [opening / 2, 0, 0]))
    mirrored = [(np.array([-hi[0], *lo[1:]]), np.array([-lo[0], *hi[1:]])) for lo, hi in boxes[len(hand) :]]
    return boxes + mirrored


def touched(boxes, T_world_grasp, mesh, grow: float) -> bool:
    R, t = T_world_grasp[:3, :3], T_world_grasp[:3, 3]
    for lo, hi in boxes:
        box, place = coal.Box(*(hi - lo + 2 * grow)), coal.Transform3s(R, R @ (lo + hi) / 2 + t)
        if coal.collide(box, place, *mesh, coal.CollisionRequest(), coal.CollisionResult()):
            return True
    return False


def test_every_candidate_can_be_tried_again_from_the_file(laid_open):
    models, _, (path, _) = laid_open
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"layout"])
    text = (Path(bopask.__file__).parent / "data" / "grippers" / f"{about['gripper']}.json").read_text()
    gripper, T = json.loads(text), np.array(about["T_world_obj"])
    meshes = [
        (tree(models[o]), coal.Transform3s(t[:3, :3], t[:3, 3])) for o, t in zip(about["obj_ids"], T, strict=True)
    ]
    rows = table.to_pylist()
    assert {str(row["target"]) for row in rows} == set(about["targets"])
    undecided = 0
    for row in rows[:: max(1, len(rows) // 400)]:
        i, supports = row["target"], about["targets"][str(row["target"])]["supports"]
        assert row["opening_m"] == pytest.approx(min(row["width_m"] + 0.02, gripper["stroke"]))
        boxes = swept(row["opening_m"], row["width_m"], gripper, about["back_m"])
        world = T[i] @ np.array(row["T_obj_grasp"]).reshape(4, 4)
        corners = np.array([c for lo, hi in boxes for c in product(*zip(lo, hi, strict=True))])
        lowest = (models[about["obj_ids"][i]].mesh.vertices @ T[i, 2, :3]).min() + T[i, 2, 3]
        floor = np.clip(lowest, -about["sink_m"], 0) - about["scrape_m"]
        assert (corners @ world[2, :3]).min() + world[2, 3] >= floor - SLACK
        assert world[2, 2] <= 1e-6
        others = set(range(len(T))) - {i}
        surely, maybe = ({j for j in others if touched(boxes, world, meshes[j], g)} for g in (-SLACK, SLACK))
        assert not surely & set(supports)
        assert surely - set(supports) <= set(row["hits"]) <= maybe
        undecided += surely != maybe
    assert undecided <= 4


def test_the_file_says_what_the_priors_say(laid_open):
    _, priors, (path, _) = laid_open
    table = pq.read_table(path)
    cube = [set(row["hits"]) for row in table.to_pylist() if row["target"] == 0]
    assert priors.grasps[0].state == "blocked"
    assert len(cube) == priors.grasps[0].n_alone
    smallest = {frozenset(s) for s in cube if not any(other < s for other in cube)}
    assert smallest == set(map(frozenset, priors.grasps[0].blocker_sets))
    assert targets(priors) == sorted({row["target"] for row in table.to_pylist()})
    for blockers, T in zip(priors.grasps[0].blocker_sets, priors.grasps[0].freed_T_obj_grasp, strict=True):
        rows = [row for row in table.to_pylist() if row["target"] == 0 and set(row["hits"]) == set(blockers)]
        assert np.allclose(np.array(rows[0]["T_obj_grasp"]).reshape(4, 4), T)  # the best of its like


def test_the_same_layout_gives_the_same_bytes(laid_open):
    *_, (one, other) = laid_open
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("holds", [0, 1])
def test_what_is_free_has_a_grasp_to_show_even_where_none_held_in_simulation(holds):
    """The short list then is empty; the claim that it can be moved needs its witness all the same."""
    dense = sample_grasps(CUBE, load_gripper(), 0, SAMPLER)
    held = np.zeros(len(dense.width), np.int8)
    held[-50:] = holds
    layout, models = arranged((CUBE, at(0, 0, 0.02)))
    (cube,) = instance_grasps(
        layout, models, {1: replace(dense, held=held)}, load_gripper(), np.zeros((1, 1), bool), CONFIG
    )
    assert cube.state == "free"
    T, width = witness(0, frozenset(), (cube,))
    (row,) = np.flatnonzero(np.isclose(dense.T_obj_grasp, T).all((1, 2)) & (dense.width == width))[:1]
    assert held[row] == holds
