"""Laws of the relations: they are orders, they hold for every part of an object, their words name their frame.

And on real and made frames: what the rows say, against the folder's own masks and depth images.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scenes import K, block_of, box_mesh, box_model, layout_of, priors_of, ring, table_scene
from scipy.spatial import ConvexHull

from bopask.ask import depth, facing, nearer, spatial, superlatives
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import AskConfig
from bopask.ask.budget import Budget, choose
from bopask.ask.referring.form import Form
from bopask.ask.referring.seen import left_known, seen_in
from bopask.bop.folder import open_bop
from bopask.bop.images import load_depth, load_mask
from bopask.cli import main
from bopask.geometry import camera, se3
from bopask.geometry.box import Box
from bopask.geometry.mesh import Mesh
from bopask.nouns import Layout, Model, Symmetry

OPPOSITE = {"right": "left", "behind": "front", "below": "above", "farther": "closer", "facing_right": "facing_left",
            "lower": "higher", "farther_from": "nearer"}  # fmt: skip
FRAME = {"above": "world", "higher": "world", "facing_left": "object", "nearer": "object"}
FIRST = {"leftmost": "left", "foremost": "front", "closest": "closer"}
LAST = {"rightmost": "left", "hindmost": "front", "farthest": "closer"}


def ordered(block) -> dict[str, np.ndarray]:
    """What holds by the ask floor, for the relations that order a frame's objects: (F, N, N)."""
    return {
        "left": spatial.left_of(block)[0].holds,
        "front": spatial.in_front_of(block)[0].holds,
        "closer": depth.closer_than(block)[0].holds,
    }


@given(st.integers(0, 500), st.floats(0.0, 0.05), st.integers(3, 7))
def test_left_front_and_closer_order_the_objects_of_a_frame(seed, margin, n):
    models, layout = table_scene(seed, n=n, cameras=4)
    block = block_of(layout, models, config=AskConfig(margin=margin))
    for holds in ordered(block).values():
        assert not (holds & holds.swapaxes(1, 2)).any()
        through = (holds[:, :, :, None] & holds[:, None]).any(2)  # a before some b before c
        assert not (through & ~holds).any()  # then a is before c, and that is asked too


def sliver(obj_id: int, size, rng: np.random.Generator) -> Model:
    """A tetrahedron of a box's corners: its middle along an axis may lie far from that of the box."""
    corners = box_mesh(size).vertices[rng.permutation(8)[:4]]
    faces = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]], np.int32)
    return Model(obj_id, Mesh(corners, faces), Box(np.eye(4), np.asarray(size)), Symmetry(), f"sliver-{obj_id}-{size}")


@given(st.integers(0, 500))
def test_relations_hold_between_meshes_that_do_not_fill_their_boxes(seed):
    boxes, layout = table_scene(seed, n=7, cameras=4)
    rng = np.random.default_rng(seed)
    block = block_of(layout, {o: sliver(o, m.box.size, rng) for o, m in boxes.items()})
    vertices = [block.models[int(o)].mesh.vertices for o in layout.obj_ids]
    away = -np.einsum("fij,fi->fj", block.T_world_cam[:, :3, :3], block.toward_viewer)
    for relation, holds in ordered(block).items():
        for f, a, b in zip(*np.nonzero(holds), strict=True):
            in_cam = [se3.transform(block.T_cam_obj[f, i], vertices[i]) for i in (a, b)]
            measure = {"left": lambda p: p[:, 0], "front": lambda p, f=f: p @ away[f]}
            at_a, at_b = (measure.get(relation, lambda p: np.linalg.norm(p, axis=1))(points) for points in in_cam)
            assert (at_a.min() + at_a.max()) / 2 < at_b.min() and at_a.max() < (at_b.min() + at_b.max()) / 2


@given(st.integers(0, 500))
def test_what_a_landmark_denies_lies_the_other_way_by_the_middle_of_all_pixels_too(seed):
    boxes, layout = table_scene(seed, n=7, cameras=4)
    rng = np.random.default_rng(seed)
    block = block_of(layout, {o: sliver(o, m.box.size, rng) for o, m in boxes.items()})
    outlines = [[outline(block, f, i) for i in range(block.n)] for f in range(len(block.frames))]
    ends = np.array([[np.concatenate([ring.min(0), ring.max(0)]) for ring in of] for of in outlines])
    u = np.array([[centroid_u(ring) for ring in of] for of in outlines])
    middle = (ends[..., :2] + ends[..., 2:]) / 2
    _, denied = left_known(replace(block, view=replace(block.view, bbox=ends)), middle)
    assert denied.any()
    for f, a, b in zip(*np.nonzero(denied), strict=True):
        assert u[f, b] <= u[f, a]


def outline(block, f: int, i: int) -> np.ndarray:
    """Outline (px) of a convex object's silhouette, in order."""
    points = camera.project(K, se3.transform(block.T_cam_obj[f, i], mesh_of(block, i).vertices))
    return points[ConvexHull(points).vertices]


def centroid_u(ring: np.ndarray) -> float:
    """Column (px) of the centroid of a polygon's area."""
    after = np.roll(ring, -1, axis=0)
    cross = ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]
    return float(((ring[:, 0] + after[:, 0]) * cross).sum() / (3 * cross.sum()))


def mesh_of(block, i: int) -> Mesh:
    return block.models[int(block.layout.obj_ids[i])].mesh


def test_of_what_lies_in_a_bin_nobody_denies_that_it_is_on_it():
    models = {1: trough(), 2: box_model(2, [0.03, 0.03, 0.03])}
    inside, beside = (se3.se3(np.eye(3), np.array(t)) for t in ([0.02, 0, 0.035], [0.3, 0, 0.015]))
    layout = layout_of(models, [1, 2, 2], [se3.se3(np.eye(3), np.array([0, 0, 0.01])), inside, beside], ring(2))
    holds, denied = seen_in(block_of(layout, models), alone=False).relations["on"]
    assert not holds.any()
    assert not denied[:, 1, 0].any() and denied[:, 2, 0].all()


def trough() -> Model:
    """A floor 2 cm thick with two walls: its box holds what lies in it."""
    floor, wall = box_mesh([0.2, 0.2, 0.02]), box_mesh([0.02, 0.2, 0.1])
    parts = [floor.vertices, *(wall.vertices + [x, 0, 0.04] for x in (-0.09, 0.09))]
    faces = np.concatenate([floor.faces, wall.faces + 8, wall.faces + 16])
    vertices = np.concatenate(parts)
    T_box = se3.se3(np.eye(3), (vertices.min(0) + vertices.max(0)) / 2)
    return Model(1, Mesh(vertices, faces), Box(T_box, np.ptp(vertices, axis=0)), Symmetry(), "trough")


@given(st.integers(0, 200))
def test_above_never_runs_in_a_circle(seed):
    rng = np.random.default_rng(seed)
    models = {i: box_model(i, rng.uniform(0.03, 0.2, 3)) for i in range(6)}
    poses = [se3.se3(np.eye(3), rng.uniform([-0.05, -0.05, 0], [0.05, 0.05, 0.4])) for _ in models]
    layout = layout_of(models, list(models), poses, ring(1))
    standing = rng.random((6, 6)) < 0.3
    holds = spatial.above_of(block_of(layout, models, priors_of(layout, rests_on=standing))).holds[0]
    assume(holds.any())
    assert not np.linalg.matrix_power(holds.astype(int), 6).any()


def notched() -> Model:
    """An L of two plates, 2 cm high, whose notch is the quarter x > 0, y > 0; its box covers the notch too."""
    long, short = box_mesh([0.1, 0.2, 0.02]), box_mesh([0.1, 0.1, 0.02])
    vertices = np.concatenate([long.vertices + [-0.05, 0, 0], short.vertices + [0.05, -0.05, 0]])
    mesh = Mesh(vertices, np.concatenate([long.faces, short.faces + 8]))
    return Model(1, mesh, Box(np.eye(4), np.array([0.2, 0.2, 0.02])), Symmetry(), "notched")


@pytest.mark.parametrize(("x", "y", "above"), [(0.05, 0.05, False), (-0.05, 0.05, True), (0.05, -0.05, True)])
def test_what_hangs_over_the_notch_of_an_l_is_not_above_it(x, y, above):
    models = {1: notched(), 2: box_model(2, [0.03, 0.03, 0.03])}
    poses = [se3.se3(np.eye(3), np.array(t)) for t in ([0, 0, 0.01], [x, y, 0.04])]
    layout = layout_of(models, [1, 2], poses, ring(2))
    holds = spatial.above_of(block_of(layout, models)).holds
    assert holds.shape == (2, 2, 2)
    assert (holds[:, 1, 0] == above).all() and not holds[:, 0, 1].any()


def points_in(model: Model, T_world_obj: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random points in the object's box, in plan."""
    inside = rng.uniform(-0.5, 0.5, (200, 3)) * model.box.size
    return se3.transform(T_world_obj, inside)[:, :2]


@given(st.integers(0, 500), st.integers(3, 7))
def test_facing_holds_for_every_part_of_what_is_faced_and_asked_about(seed, n):
    models, layout = table_scene(seed, n=n, cameras=1)
    rng, T = np.random.default_rng(seed), layout.T_world_obj
    for (a, b, c), margin in facing.turns_of(block_of(layout, models)):
        ahead, aside = (points_in(models[o], T[o], rng) - T[a, :2, 3] for o in (b, c))
        left = np.stack([-ahead[:, 1], ahead[:, 0]], -1) / np.linalg.norm(ahead, axis=1)[:, None]
        assert (aside @ left.T).min() >= margin - 1e-6  # metres of c to the left of the line from a to any part of b
        (x, y), (u, v) = ahead.mean(0), aside.mean(0)
        angle = np.arctan2(x * v - y * u, x * u + y * v)
        assert np.radians(10) < angle < np.radians(120)


@given(st.integers(0, 500))
def test_facing_turns_round_with_the_places_of_the_three(seed):
    """c left of b seen from a: then never b left of c, and never a right of c seen from b, or b right of a from c."""
    models, layout = table_scene(seed, n=6, cameras=1)
    plan = np.stack([se3.transform(T, models[o].box.corners())[:, :2] for o, T in enumerate(layout.T_world_obj)])
    left = np.stack([facing.side_margins(plan, a) for a in range(6)]) > 0
    right = left.swapaxes(1, 2)
    assert left.any()
    for other in (right, np.moveaxis(right, 0, 2), np.moveaxis(right, 2, 0)):
        assert not (left & other).any()


def test_facing_by_hand():
    """At the origin facing +x, what lies at +y is on the left, and so round the three places; in line is neither."""
    models = {i: box_model(i, [0.04, 0.04, 0.04]) for i in range(3)}

    def asked(*spots):
        poses = [se3.se3(np.eye(3), np.array([x, y, 0.02])) for x, y in spots]
        block = block_of(layout_of(models, [0, 1, 2], poses, ring(2)), models)
        rows = [a for a in facing.ask(block) if isinstance(a, Asked)]
        return {(a.subtask, *i, bool(y)) for a in rows for i, y in zip(a.instances.tolist(), a.yes, strict=True)}

    assert asked((0, 0), (0.3, 0), (0.0, 0.3)) == {
        row
        for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
        for row in (
            ("facing_left", a, b, c, True),
            ("facing_left", a, c, b, False),
            ("facing_right", a, c, b, True),
            ("facing_right", a, b, c, False),
        )
    }
    assert asked((0, 0), (0.3, 0), (0.6, 0.01)) == set()


def test_a_crowd_is_asked_about_as_many_triples_as_it_has_ordered_pairs():
    models, layout = table_scene(4, n=9, cameras=3)
    block = block_of(layout, models)
    rows = [a for a in facing.ask(block) if isinstance(a, Asked)]
    assert all(len(a) > 3 * 2 * 72 for a in rows)
    chosen = choose({"spatial": rows}, Budget(), np.random.default_rng(0)).rows
    assert [Counter(a.asked.frame[a.fact].tolist()) for a in chosen] == [dict.fromkeys(range(3), 2 * 72)] * 2


def test_facing_is_the_same_from_every_camera():
    models, layout = table_scene(2, n=5, cameras=6)
    rows = next(a for a in facing.ask(block_of(layout, models)) if isinstance(a, Asked))
    by_frame = [rows.instances[rows.frame == f].tolist() for f in range(6)]
    assert by_frame[0] and all(one == by_frame[0] for one in by_frame)


def test_front_is_not_said_of_what_is_more_beside():
    models = {1: box_model(1, [0.04] * 3), 2: box_model(2, [0.04] * 3)}
    for beside, said in ((0.05, True), (0.3, False)):
        poses = [se3.se3(np.eye(3), np.array([x, y, 0.02])) for x, y in ((0.0, 0.0), (-0.15, beside))]
        layout = layout_of(models, [1, 2], poses, [look_along_x()])
        assert spatial.in_front_of(block_of(layout, models))[0].holds[0, 0, 1] == said


def look_along_x() -> np.ndarray:
    """T_world_cam of a camera at x = 0.8 that looks towards -x, a little down."""
    down = np.radians(30)
    z = np.array([-np.cos(down), 0, -np.sin(down)])
    x = np.array([0.0, 1.0, 0.0])
    return se3.se3(np.stack([x, np.cross(z, x), z], 1), np.array([0.8, 0.0, 0.5]))


@pytest.mark.parametrize(
    ("sides", "told"),
    [
        (("left", "right"), {"left", "right"}),
        (("near", "far"), {"front", "behind", "closer", "farther"}),
        (("top", "bottom"), {"front", "behind"}),
    ],
)
def test_what_the_words_tell_is_not_asked_of_look_alikes(sides, told):
    """'Is the leftmost can to the left of the rightmost can?' needs no picture; 'is the topmost can …' does."""
    models = {1: box_model(1, [0.04] * 3)}
    poses = [se3.se3(np.eye(3), np.array([0.2 * s, 0.15 * s, 0.02])) for s in (-1, 1)]
    block = block_of(layout_of(models, [1, 1], poses, [look_along_x()]), models)
    block = replace(block, forms=tuple(Form("can", ordinal=(side, 1)) for side in sides))
    asked = {a.subtask for ask in (spatial.ask, depth.ask) for a in ask(block) if isinstance(a, Asked) and len(a)}
    assert asked == {"left", "right", "front", "behind", "closer", "farther"} - told


def test_what_is_told_by_a_landmark_is_in_no_relation():
    """'Is the can behind the bowl to the left of the box?' has two meanings."""
    models, layout = table_scene(3)
    block = block_of(layout, models)
    landmark = Form("can", relation=("behind", Form("bowl")))
    block = replace(block, forms=(landmark, *block.forms[1:]))
    told = [a for ask in (spatial.ask, depth.ask) for a in ask(block) if isinstance(a, Asked)]
    assert told and all((a.instances != 0).all() for a in told)
    skipped = [s for ask in (spatial.ask, depth.ask) for s in ask(block) if isinstance(s, Skipped)]
    assert sum(s.number for s in skipped if s.reason == "relation_in_the_phrase") > 0


def test_facing_is_not_asked_of_look_alikes():
    models = {i: box_model(i, [0.04] * 3) for i in (1, 2)}
    poses = [se3.se3(np.eye(3), np.array([x, y, 0.02])) for x, y in ((0, 0), (0.3, 0), (0.0, 0.3))]
    for ids in ([1, 2, 2], [2, 2, 1], [2, 1, 2]):
        block = block_of(layout_of(models, ids, poses, ring(1)), models)
        assert sum(len(a) for a in facing.ask(block) if isinstance(a, Asked)) == 0
        assert len(facing.turns_of(block)) == 3  # one from each place


def wordings() -> dict[str, tuple[str, ...]]:
    sides = {f"facing_{side}": tuple(t.format(side=side) for t in facing.TEMPLATES) for side in ("left", "right")}
    heights = {"higher": spatial.HIGHER, "lower": spatial.LOWER}
    three = {**superlatives.WORDS, "between": superlatives.BETWEEN, **nearer.WORDS}
    return {**spatial.WORDS, "closer": depth.CLOSER, "farther": depth.FARTHER, **sides, **heights, **three}


@pytest.mark.parametrize("relation", wordings())
def test_every_wording_names_its_frame_and_poses_no_object(relation):
    templates = wordings()[relation]
    assert len(set(templates)) == len(templates) >= 20
    seen_from = FRAME.get(OPPOSITE.get(relation, relation), "camera")
    for words in templates:
        said = words.format(a="red mug", b="can of tuna", c="lying banana")
        assert said.count("?") == 1 and said.endswith("?") and "  " not in said and "{" not in said
        assert " the {" in words and not any(f"{{{x}}} stand" in words or f"{{{x}}} lie " in words for x in "abc")
        if seen_from == "world":
            assert "surface" in said and re.search(r"\b(up|upwards|ground|top|highest|heights?)\b", said.lower())
        elif seen_from == "camera":
            assert "camera" in said
        else:
            assert all("{" + x + "}" in words for x in "abc") and "as seen by the camera" not in said


@pytest.fixture(scope="module", params=["sample", "ycbv_mini"])
def asked_of(request, tmp_path_factory):
    """A folder, its split, and the spatial and depth rows about it."""
    folder, split = (
        request.getfixturevalue(request.param),
        {"sample": "train", "ycbv_mini": "train_real"}[request.param],
    )
    out = tmp_path_factory.mktemp(request.param) / "out"
    assert main(["generate", str(folder), "--split", split, "--out", str(out), "--tasks", "spatial,depth"]) == 0
    return folder, split, pq.read_table(sorted((out / "data").glob("*.parquet"))).to_pylist()


def facts_of(rows) -> dict[tuple[int, int, str], set[tuple[int, ...]]]:
    """What the rows of each frame claim to be true, in one form: 'No' and the opposite word exchange the last two."""
    facts = defaultdict(set)
    for row in rows:
        word, objects = row["subtask"], row["instances"]
        if (word in OPPOSITE) != (row["answer"] == "No"):
            objects = [*objects[:-2], objects[-1], objects[-2]]
        facts[row["scene_id"], row["frame_id"], OPPOSITE.get(word, word)].add(tuple(objects))
    return facts


def test_rows_of_a_frame_contradict_neither_one_another_nor_themselves(asked_of):
    _, split, rows = asked_of
    facts = facts_of(rows)
    rare = {"between", "farthest"} if split == "train_real" else set()  # few of its objects are apart by the margin
    every, said_of = {*OPPOSITE.values(), *FIRST, *LAST, "between"}, {word for *_, word in facts}
    assert every - rare <= said_of <= every
    for (*_, word), said in facts.items():
        for *stand, a, b in said:
            assert (*stand, b, a) not in said
            if word == "facing_left":  # the three seen from another of them: the same way round
                assert not {(a, stand[0], b), (b, a, stand[0])} & said
            elif not stand and word != "above":  # an order: what follows from two facts is never denied
                assert all((c, a) not in said for x, c in said if x == b)
    for (*image, word), said in facts.items():  # what is said of three is said of pairs, too
        for x, a, b in said if word in FIRST or word in LAST else ():
            pairs = facts[*image, (FIRST | LAST)[word]]
            assert {(a, x), (a, b)} <= pairs if word in FIRST else {(x, a), (b, a)} <= pairs
    for row in rows:
        evidence, word = json.loads(row["evidence"]), OPPOSITE.get(row["subtask"], row["subtask"])
        assert evidence["relation"] == row["subtask"]
        assert evidence["seen_from"] == FRAME.get(word, "camera")
        assert word == "above" or evidence["margin_m"] >= 0.02
        assert len(evidence["bbox"]) == len(row["instances"]) == len(row["phrases"])


def test_rows_agree_with_the_masks_and_the_depth_sensor(asked_of):
    """Neither boxes nor poses: the centroid of the visible mask, and the median distance measured within it."""
    folder, split, rows = asked_of
    frames = {
        f.key[:2]: f for s in open_bop(folder).scene_ids(split) for f in open_bop(folder).read_scene(split, s).frames
    }
    checked: Counter[str] = Counter()
    for (*key, word), said in facts_of(rows).items():
        if word in ("left", "closer"):
            reading = {i: measured(frames[tuple(key)], i)[word] for i in set(sum(said, ()))}
            assert all(reading[a] < reading[b] for a, b in said)
            checked[word] += len(said)
    assert checked["left"] >= 50 and checked["closer"] >= 25


def measured(frame, i: int) -> dict[str, float]:
    v, u = np.nonzero(load_mask(frame.mask_visib_paths[i]))
    z = load_depth(frame)[v, u]
    seen = z > 0
    points_cam = camera.unproject(frame.camera.K, np.stack([u, v], -1)[seen].astype(float), z[seen])
    return {"left": float(u.mean()), "closer": float(np.median(np.linalg.norm(points_cam, axis=1)))}


def test_without_up_nothing_is_said_that_needs_it():
    models, layout = table_scene(1)
    block = block_of(Layout(layout.arrangement, None), models)
    said = {a.subtask for a in spatial.ask(block) if isinstance(a, Asked) and len(a)}
    assert said == {"left", "right", "leftmost", "rightmost", "between"}


def test_nothing_is_asked_of_what_may_not_be_asked_about():
    models, layout = table_scene(3, n=4)
    block = block_of(layout, models)
    hidden = replace(block, phrase=np.where(np.arange(4) == 2, -1, block.phrase))
    asked = [a for task in (spatial, depth) for a in task.ask(hidden) if isinstance(a, Asked)]
    assert sum(map(len, asked)) and not any((a.instances == 2).any() for a in asked)
