"""Laws of the questions: truth of relations, balance, unambiguity, text that says what the points say."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import block_of, blocked, box_model, layout_of, lifted, priors_of, ring, table_scene

from bopask.ask import rearrangement, spatial
from bopask.ask.asked import Asked, Skipped
from bopask.ask.budget import Budget, choose
from bopask.ask.rows import SCHEMA, Origin, to_table
from bopask.ask.tasks import TASKS
from bopask.ask.variety import WORD, coded, distinct, pairs
from bopask.geometry import camera, se3
from bopask.nouns import Layout, World

ORIGIN = Origin("boxes", "train", "none")


def rows_of(block, tasks=tuple(TASKS), seed=0):
    return table_of(block, tasks, seed).to_pylist()


def table_of(block, tasks=tuple(TASKS), seed=0, budget=None, origin=ORIGIN):
    asked = {task: [a for a in TASKS[task](block) if isinstance(a, Asked)] for task in tasks}
    choice = choose(asked, budget or Budget(), np.random.default_rng(seed))
    table = to_table(block, choice.rows, origin, ["rgb.png"] * len(block.frames))
    assert table.cast(SCHEMA).schema == SCHEMA
    return table


@pytest.fixture(scope="module")
def scene_block():
    models, layout = table_scene(3)
    paths = [lifted(layout, models, i, j) for i in range(5) for j in range(5) if i != j]
    return block_of(layout, models, priors_of(layout, paths, [blocked(0, 2), blocked(1, 3, 4)]))


@pytest.fixture(scope="module")
def rows(scene_block):
    return rows_of(scene_block)


def test_all_six_tasks_are_asked(rows):
    assert {row["task"] for row in rows} == set(TASKS)


def test_ids_are_unique_and_follow_the_content(scene_block, rows):
    assert len({row["id"] for row in rows}) == len(rows)
    assert [row["id"] for row in rows_of(scene_block)] == [row["id"] for row in rows]
    other = replace(ORIGIN, dataset="other")
    table = table_of(scene_block, ("pose",), origin=other)
    assert not {row["id"] for row in rows} & set(table.column("id").to_pylist())


def test_questions_of_one_image_stand_together(rows):
    frames = [row["frame_id"] for row in rows]
    assert frames == sorted(frames)


def test_every_template_is_balanced_between_yes_and_no(rows):
    balance: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["answer_points"] is None:
            wording = re.sub(r"thing [a-z]", "X", row["question"])
            balance[row["subtask"], wording] += 1 if row["answer"] == "Yes" else -1
    assert balance
    assert set(balance.values()) == {0}


def test_yes_no_answers_never_contradict_one_another(rows):
    opposite = {"left": "right", "right": "left", "front": "behind", "behind": "front"}
    opposite |= {"closer": "farther", "farther": "closer", "above": "below", "below": "above"}
    opposite |= {"facing_left": "facing_right", "facing_right": "facing_left", "higher": "lower", "lower": "higher"}
    opposite |= {"nearer": "farther_from", "farther_from": "nearer"}
    told = {}
    for row in rows:
        if row["answer_points"] is None:
            *stand, a, b = row["instances"]
            told[row["frame_id"], row["subtask"], *stand, a, b] = row["answer"]
    assert told
    for (frame, relation, *stand, a, b), answer in told.items():
        assert told[frame, relation, *stand, b, a] != answer
        if relation in opposite:  # of triples a part is asked, by lot: not always the same in both words
            assert told.get((frame, opposite[relation], *stand, b, a), answer if stand else "unasked") == answer


def test_pose_corners_are_the_projected_cuboid(scene_block, rows):
    """Independent of the task's code: corners by hand from the mesh, projected with P = K [R|t]."""
    checked = 0
    for row in rows:
        if row["task"] != "pose":
            continue
        frame = scene_block.layout.arrangement.frames[row["frame_id"]]
        T = frame.T_cam_obj[row["instances"][0]]
        vertices = scene_block.models[int(frame.obj_ids[row["instances"][0]])].mesh.vertices
        P = frame.camera.K @ T[:3]
        homogeneous = P @ np.vstack([vertices.T, np.ones(8)])
        expected = (homogeneous[:2] / homogeneous[2]).T
        got = np.array(row["answer_points"])
        distance = np.linalg.norm(got[:, None] - expected[None], axis=-1)
        assert distance.min(1).max() < 0.5
        assert sorted(distance.argmin(1)) == list(range(8))
        evidence = json.loads(row["evidence"])
        T_cam_box, size = np.array(evidence["T_cam_box"]), np.array(evidence["size_m"])
        assert np.linalg.det(T_cam_box[:3, :3]) == pytest.approx(1, abs=1e-4)
        bottom = (T_cam_box[:3, :3] @ (np.array([-0.5, -0.5, -0.5]) * size)) + T_cam_box[:3, 3]
        assert np.allclose(camera.project(frame.camera.K, bottom[None])[0], got[0], atol=0.1)
        checked += 1
    assert checked > 10


def test_left_is_left_in_the_picture_and_closer_is_closer(scene_block, rows):
    for row in rows:
        if row["subtask"] not in ("left", "closer"):
            continue
        frame = scene_block.layout.arrangement.frames[row["frame_id"]]
        a, b = (frame.T_cam_obj[i][:3, 3] for i in row["instances"])
        yes = row["answer"] == "Yes"
        if row["subtask"] == "left":
            assert (a[0] / a[2] < b[0] / b[2]) == yes
        else:
            assert (np.linalg.norm(a) < np.linalg.norm(b)) == yes


def test_answer_text_says_the_points(rows):
    for row in rows:
        if row["answer_points"] is None:
            assert row["answer"] in ("Yes", "No")
            continue
        numbers = np.array(re.findall(r"-?\d+", row["answer"]), float).reshape(-1, 2)
        assert np.abs(numbers - np.array(row["answer_points"])).max() <= 0.5 + 1e-4


def test_answer_points_lie_on_the_image(rows):
    for row in rows:
        if row["answer_points"] is not None:
            assert camera.inside(np.array(row["answer_points"]), row["width"], row["height"]).all()


def test_left_finger_is_left(rows):
    for row in rows:
        if row["task"] == "grasp":
            _, left, right, left_tip, right_tip = np.array(row["answer_points"])
            assert left[0] <= right[0]
            a, b = left_tip - left, right_tip - right  # fingers are parallel: swapped tips would cross them
            assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.9


def test_evidence_is_json(rows):
    for row in rows:
        assert isinstance(json.loads(row["evidence"]), dict)


def test_rearrangement_asks_what_must_move(rows):
    asked = {
        (row["instances"][0], row["subtask"], tuple(row["instances"][1:]))
        for row in rows
        if row["task"] == "rearrangement"
    }
    assert asked == {(0, "first", (2,)), (1, "all", (3, 4))}  # of two side by side, neither is forced to be first


def test_nobody_is_asked_to_fetch_a_shelf(scene_block):
    """A target whose box holds more than ten litres is counted, not asked about; the others are asked as before."""
    of = int(scene_block.layout.obj_ids[0])
    model = scene_block.models[of]
    large = replace(model, box=replace(model.box, size=model.box.size * (0.0101 / np.prod(model.box.size)) ** (1 / 3)))
    told = list(rearrangement.ask(replace(scene_block, models={**scene_block.models, of: large})))
    before = list(rearrangement.ask(scene_block))
    asked = sum(len(one) for one in before if isinstance(one, Asked) and one.subtask == "first")
    assert Skipped("furniture", int(scene_block.askable[:, 0].sum())) in told
    assert asked > 0
    assert [one.subtask for one in told if isinstance(one, Asked)] == ["all"]


@given(st.integers(0, 200), st.floats(-3, 3), st.floats(-1, 1), st.floats(-1, 1))
def test_relations_do_not_change_when_the_world_frame_moves(seed, turn, x, y):
    models, layout = table_scene(seed, n=4, cameras=2)
    moved = se3.se3(se3.rotation_about(np.array([0, 0, 1.0]), turn), np.array([x, y, 0]))
    assert layout.world is not None
    world = World(moved @ layout.world.T_world_ref, "truth", 1.0)
    elsewhere = Layout(layout.arrangement, world)
    tasks = ("pose", "spatial", "depth")
    a, b = (rows_of(block_of(one, models), tasks) for one in (layout, elsewhere))
    assert [row["id"] for row in a] == [row["id"] for row in b]


def test_without_up_only_questions_that_need_none_are_asked():
    models, layout = table_scene(1)
    layout = Layout(layout.arrangement, None)
    rows = rows_of(block_of(layout, models))
    sideways = {"left", "right", "leftmost", "rightmost", "between"}
    assert {row["subtask"] for row in rows} == sideways | {"closer", "farther", "closest", "farthest"}
    assert all(row["T_world_cam"] is None for row in rows)


def test_what_lies_within_the_margin_is_skipped_and_counted():
    models = {1: box_model(1, [0.05] * 3), 2: box_model(2, [0.05] * 3)}
    poses = [se3.se3(np.eye(3), np.array([0.0, 0, 0.025])), se3.se3(np.eye(3), np.array([0.01, 0.2, 0.025]))]
    block = block_of(layout_of(models, [1, 2], poses, ring(1)[:1]), models)
    told = [
        a for a in spatial.ask(block) if isinstance(a, Asked) and a.subtask in ("left", "front", "higher") and len(a)
    ]
    skipped = [a for a in spatial.ask(block) if isinstance(a, Skipped)]
    assert len(told) + sum(s.number for s in skipped) == 3  # each pair is either told or counted


def test_above_needs_one_to_be_over_the_other():
    models = {1: box_model(1, [0.08, 0.08, 0.05]), 2: box_model(2, [0.04] * 3), 3: box_model(3, [0.04, 0.04, 0.2])}
    centers = [[0, 0, 0.025], [0, 0, 0.07], [0.15, 0, 0.1]]
    poses = [se3.se3(np.eye(3), np.array(c)) for c in centers]
    layout = layout_of(models, [1, 2, 3], poses, ring(3))
    rows = rows_of(block_of(layout, models), ("spatial",))
    told = {(r["subtask"], *r["instances"], r["answer"]) for r in rows if r["subtask"] in ("above", "below")}
    assert told == {("above", 1, 0, "Yes"), ("above", 0, 1, "No"), ("below", 0, 1, "Yes"), ("below", 1, 0, "No")}


def test_invisible_or_unnamed_objects_are_not_asked_about():
    models, layout = table_scene(2)
    block = block_of(layout, models)
    phrase, visib = block.phrase.copy(), block.view.visib_fract.copy()
    phrase[:, 0], visib[:, 1] = -1, 0.1
    hidden = replace(block, phrase=phrase, view=replace(block.view, visib_fract=visib))
    assert {i for row in rows_of(hidden) for i in row["instances"]} == {2, 3, 4}


def test_a_frame_with_one_object_gives_what_one_object_allows():
    models = {7: box_model(7, [0.05, 0.06, 0.07])}
    layout = layout_of(models, [7], [se3.se3(np.eye(3), np.array([0, 0, 0.035]))], ring(2))
    assert {row["task"] for row in rows_of(block_of(layout, models))} == {"pose", "grasp"}


def test_an_object_behind_the_camera_is_not_asked_about():
    models, layout = table_scene(0, n=2, cameras=1)
    block = block_of(layout, models)
    T = block.T_cam_obj.copy()
    T[:, 0, 2, 3] *= -1
    behind = replace(block, view=replace(block.view, anchor=np.where([[[True], [False]]], np.nan, block.view.anchor)))
    behind.__dict__["T_cam_obj"] = T
    assert 0 not in {i for row in rows_of(behind) for i in row["instances"]}


def test_empty_blocks_give_an_empty_table(scene_block):
    nobody = replace(scene_block, phrase=np.full_like(scene_block.phrase, -1))
    assert table_of(nobody).num_rows == 0


@pytest.mark.parametrize("task", TASKS)
def test_each_subtask_has_twenty_wordings_or_more(task, scene_block):
    asked = [a for a in TASKS[task](scene_block) if isinstance(a, Asked)]
    templates = {t for a in asked for t in a.templates}
    assert asked and all(len(set(a.templates)) == len(a.templates) >= 20 for a in asked)
    assert all(len(t) >= 20 for t in (rearrangement.FIRST, rearrangement.ALL, rearrangement.ANY, rearrangement.SET))
    openings = {t.split()[0] for t in templates}
    assert len(openings) >= 8  # questions, requests, conditions, robots: not one sentence with other words before it
    assert all("{a}" in t and "{a}'s" not in t and not re.search(r"(?i)(?<!the ){[abc]}", t) for t in templates)
    if task not in ("rearrangement", "pose", "grasp"):
        assert all("{b}" in t for t in templates)


def test_instances_are_rows_of_scene_gt_whatever_the_order_of_slots():
    models, layout = table_scene(5, n=3, cameras=2)
    arrangement = layout.arrangement
    turned = np.array([2, 0, 1])
    second = arrangement.frames[1]
    shuffled = replace(second, obj_ids=second.obj_ids[turned], T_cam_obj=second.T_cam_obj[turned])
    slots = np.stack([np.arange(3), np.argsort(turned)])
    other = Layout(replace(arrangement, frames=(arrangement.frames[0], shuffled), slots=slots), layout.world)
    a, b = rows_of(block_of(layout, models)), rows_of(block_of(other, models))
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x["question"] == y["question"]
        assert x["answer"] == y["answer"]
        ids = [arrangement.frames[x["frame_id"]].obj_ids[i] for i in x["instances"]]
        assert ids == [other.arrangement.frames[y["frame_id"]].obj_ids[i] for i in y["instances"]]


def test_schema_is_what_users_were_promised():
    promised = (
        "id dataset split scene_id frame_id task subtask question answer answer_points image width height camera_K"
    )
    promised += " T_world_cam instances evidence licence"
    assert set(promised.split()) <= set(SCHEMA.names)
    assert pa.types.is_string(SCHEMA.field("evidence").type)


# -- variety


@given(st.lists(st.text(st.sampled_from("ab c-'é?")), max_size=8))
def test_distinct_n_is_different_sequences_of_n_words_over_all(texts):
    words = [WORD.findall(text.lower()) for text in texts]
    for n, share in enumerate(distinct(texts), 1):
        grams = [tuple(one[k : k + n]) for one in words for k in range(len(one) - n + 1)]
        assert share == len(set(grams)) / max(len(grams), 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("de")), max_size=20))
def test_pairs_of_columns_are_those_of_their_rows(rows):
    table = pa.table({name: pa.array([row[k] for row in rows], pa.string()) for k, name in enumerate("xy")})
    (x, xs), (y, ys) = coded(table, "x"), coded(table, "y")
    assert {(xs[a], ys[b]) for a, b in pairs(x, y)} == set(rows)
