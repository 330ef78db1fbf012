"""Errors planted one at a time into paths, grasps and rearrangements of the real pipeline: each must be found, under a
claim that fits it. A planted path or grasp is drawn where it is, so that only its physics is wrong."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bopask.cli import main
from bopask.verify import grasp, rearrangement, solids, trajectory
from bopask.verify.clearing import Clearing
from bopask.verify.ends import foot_missed
from bopask.verify.setting import Setting, setting
from bopask.verify.truth import BopTruth, FrameTruth, place

Row = dict[str, Any]
"""A row; its evidence is parsed."""
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Proven:
    """Rows of two crowded layouts: in one things stand on one another, in one a tin is walled in."""

    rows: tuple[Row, ...]
    bop: BopTruth
    out: Path

    def claims(self, row: Row, out: Path | None = None) -> set[str]:
        """Claims that are not confirmed."""
        frame = self.frame(row)
        match row["task"]:
            case "trajectory":
                return {wrong.claim for wrong in trajectory.check(row, frame)}
            case "grasp":
                return {wrong.claim for wrong in grasp.check(row, frame)}
        return {wrong.claim for wrong in rearrangement.check(row, frame, out or self.out)}

    def frame(self, row: Row) -> FrameTruth:
        key = row["scene_id"], row["frame_id"]
        if key not in self.frames:
            self.frames[key] = self.bop.frame(*key)
        return self.frames[key]

    @cached_property
    def frames(self) -> dict[tuple[int, int], FrameTruth]:
        return {}

    def setting(self, row: Row) -> Setting:
        return setting(row, self.frame(row))

    def others(self, row: Row) -> list[int]:
        """Rows of scene_gt that the question is not about."""
        return [i for i in range(len(self.frame(row).solids)) if i not in row["instances"]]


@pytest.fixture(scope="session")
def proven(crowded: Path, tmp_path_factory: pytest.TempPathFactory) -> Proven:
    out = tmp_path_factory.mktemp("physical") / "out"
    tasks = "grasp,trajectory,rearrangement"
    arguments = ["generate", str(crowded), "--split", "train", "--scenes", "2", "3", "--tasks", tasks]
    assert main([*arguments, "--out", str(out)]) == 0
    rows = pq.read_table(sorted((out / "data").glob("*.parquet"))).to_pylist()
    parsed = tuple(row | {"evidence": json.loads(row["evidence"])} for row in rows)
    return Proven(parsed, BopTruth(crowded, "train"), out)


def test_untouched_rows_are_all_proved(proven: Proven) -> None:
    assert {(row["id"], *claims) for row in proven.rows if (claims := proven.claims(row))} == set()
    assert {row["task"] for row in proven.rows} == {"grasp", "trajectory", "rearrangement"}


# Paths


def walk(row: Row, proven: Proven, change: Callable[[np.ndarray], np.ndarray]) -> Row:
    """Other waypoints, with the length and the drawing that go with them."""
    told = row["evidence"]
    points = change(np.array(told["waypoints_m"]))
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    told.update(waypoints_m=points.tolist(), length_m=length)
    row["answer_points"] = proven.setting(row).pixels(points).tolist()
    return row


def tell(row: Row, **told: Any) -> Row:
    row["evidence"].update(told)
    return row


def with_point(points: np.ndarray, k: int, point: np.ndarray) -> np.ndarray:
    points[k] = point
    return points


def middle_of(proven: Proven, row: Row, instance: int) -> np.ndarray:
    low, high = proven.setting(row).body(instance).bounds
    return (low + high) / 2


def through_a_neighbour(row: Row, proven: Proven) -> Row:
    """Lift, pass where a third object stands, and on."""
    there = middle_of(proven, row, proven.others(row)[0])
    return walk(row, proven, lambda p: np.concatenate([p[:-1], there[None], p[-1:]]))


def cut_short(row: Row, proven: Proven) -> Row:
    return walk(row, proven, lambda p: p[[0, -1]])


def cut_by_a_corner(row: Row, proven: Proven) -> bool:
    """Does the straight line from start to end meet an object well after the start, sampled every 2 mm?"""
    if row["task"] != "trajectory":
        return False
    here, (a, _) = proven.setting(row), row["instances"]
    points = np.array(row["evidence"]["waypoints_m"])
    steps = np.arange(0.03, np.linalg.norm(points[-1] - points[0]), 0.002)
    along = (points[-1] - points[0]) / np.linalg.norm(points[-1] - points[0])
    others = [here.body(i) for i in range(len(here.slots)) if i != a]
    return any(solids.meet(here.body(a).moved(s * along), other) for s in steps for other in others)


def alternative(row: Row, change: Callable[[dict[str, Any]], Any]) -> Row:
    """A further way, which is the row's own but for the change."""
    told = {name: copy.deepcopy(row["evidence"][name]) for name in ("waypoints_m", "clearance_m", "length_m")}
    change(told)
    row["evidence"]["alternatives"].append(told | {"way": "under"})
    return row


def path(row: Row, proven: Proven) -> bool:
    return row["task"] == "trajectory"


def sunk(row: Row, proven: Proven) -> bool:
    """A path that starts a third of a millimetre deep in something."""
    return path(row, proven) and any(c["depth_m"] > 3e-4 and c["with"] == "support" for c in contacts(row))


def contacts(row: Row) -> list[dict[str, Any]]:
    return row["evidence"]["start_contacts"]


def far_contact(row: Row, proven: Proven) -> Row:
    contacts(row).append({"with": row["instances"][1], "depth_m": 0.0, "opened_after_m": 0.005})
    return row


def contact_changed(row: Row, **told: Any) -> Row:
    next(c for c in contacts(row) if c["with"] == "support").update(told)
    return row


def other_pose(row: Row, proven: Proven) -> Row:
    return tell(row, T_world_source=proven.setting(row).body(row["instances"][1]).T_world_obj.tolist())


def another_image(row: Row, proven: Proven) -> Row:
    same = ("layout", "task", "subtask", "instances")
    others = (r for r in proven.rows if r["frame_id"] != row["frame_id"] and all(r[n] == row[n] for n in same))
    return row | {name: next(others)[name] for name in ("answer", "answer_points")}


PATHS = {
    "through a neighbour": (path, through_a_neighbour, "trajectory: collision"),
    "under the support": (
        path,
        lambda r, p: walk(r, p, lambda w: np.insert(w, -1, w[:-1].mean(0) * [1, 1, 0] - 0.1 * UP, 0)),
        "trajectory: collision",
    ),
    "a corner cut": (cut_by_a_corner, cut_short, "trajectory: collision"),
    "backwards": (path, lambda r, p: walk(r, p, lambda w: w[::-1].copy()), "trajectory: start"),
    "starts at another object": (
        path,
        lambda r, p: walk(r, p, lambda w: with_point(w, 0, middle_of(p, r, p.others(r)[0]))),
        "trajectory: start",
    ),
    "starts a millimetre aside": (path, lambda r, p: walk(r, p, lambda w: w + [0.001, 0, 0]), "trajectory: start"),
    "ends over another object": (
        path,
        lambda r, p: walk(r, p, lambda w: with_point(w, -1, middle_of(p, r, p.others(r)[0]) + 0.2 * UP)),
        "trajectory: end",
    ),
    "ends far above": (path, lambda r, p: walk(r, p, lambda w: with_point(w, -1, w[-1] + 0.2 * UP)), "trajectory: end"),
    "ends within the target": (
        path,
        lambda r, p: walk(r, p, lambda w: with_point(w, -1, w[-1] - 0.08 * UP)),
        "trajectory: end",
    ),
    "millimetres for metres": (path, lambda r, p: walk(r, p, lambda w: 1000 * w), "trajectory: start"),
    "clearance overstated": (
        path,
        lambda r, _: tell(r, clearance_m=r["evidence"]["clearance_m"] + 0.001),
        "trajectory: clearance",
    ),
    "clearance understated": (
        path,
        lambda r, _: tell(r, clearance_m=r["evidence"]["clearance_m"] - 0.001),
        "trajectory: clearance",
    ),
    "length": (path, lambda r, _: tell(r, length_m=1.01 * r["evidence"]["length_m"]), "trajectory: length"),
    "contact hidden": (sunk, lambda r, _: tell(r, start_contacts=[]), "trajectory: (start contacts|collision)"),
    "contact that is none": (path, far_contact, "trajectory: start contacts"),
    "contact opens too soon": (sunk, lambda r, _: contact_changed(r, opened_after_m=1e-4), "trajectory: collision"),
    "contact too deep": (sunk, lambda r, _: contact_changed(r, depth_m=0.003), "trajectory: start contacts"),
    "pose of another object": (path, other_pose, "trajectory: source pose"),
    "drawn in another image": (path, another_image, "trajectory: projection"),
    "u and v exchanged": (
        path,
        lambda r, _: r | {"answer_points": [p[::-1] for p in r["answer_points"]]},
        "trajectory: projection",
    ),
    "a point too few": (path, lambda r, _: r | {"answer_points": r["answer_points"][:-1]}, "trajectory: projection"),
    "alternative under the support": (
        path,
        lambda r, _: alternative(r, lambda t: t["waypoints_m"].insert(1, [0.0, 0.0, -0.2])),
        "trajectory: collision",
    ),
    "alternative that ends elsewhere": (
        path,
        lambda r, _: alternative(r, lambda t: t["waypoints_m"].append([0.5, 0.5, 0.5])),
        "trajectory: end",
    ),
}


# Grasps


def hold(row: Row, proven: Proven, change: Callable[[np.ndarray], np.ndarray]) -> Row:
    """Another T_obj_grasp, drawn where it is."""
    told = row["evidence"]["grasp"]
    T = change(np.array(told["T_obj_grasp"]))
    told["T_obj_grasp"] = T.tolist()
    row["answer_points"] = grasp.drawn(proven.setting(row), row["instances"][0], T).tolist()
    return words(row)


def words(row: Row) -> Row:
    """The text that says the row's points."""
    pixels = np.nan_to_num(row["answer_points"]).round().astype(int).tolist()
    said = (f"{name}: {pixel}" for name, pixel in zip(grasp.NAMES, pixels, strict=True))
    return row | {"answer": ", ".join(said)}


def moved(x: float, y: float, z: float) -> np.ndarray:
    T = np.eye(4)
    T[:3, 3] = x, y, z
    return T


def turned(axis: int, degrees: float, z: float = 0.0) -> np.ndarray:
    """About an axis of the grasp's frame, through the point `z` (m) ahead."""
    a, b = [k for k in range(3) if k != axis]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    T = np.eye(4)
    T[[a, a, b, b], [a, b, a, b]] = c, -s, s, c
    return moved(0, 0, z) @ T @ moved(0, 0, -z)


def scaled(T: np.ndarray) -> np.ndarray:
    T[:3, :3] *= 1.01
    return T


def fingers_exchanged(row: Row, proven: Proven) -> Row:
    p = row["answer_points"]
    return words(row | {"answer_points": [p[0], p[2], p[1], p[4], p[3]]})


def names_exchanged(row: Row, proven: Proven) -> Row:
    swap = row["answer"].replace("Left", "\0").replace("Right", "Left").replace("\0", "Right")
    return row | {"answer": swap}


def of_another(row: Row, proven: Proven) -> Row:
    """The grasp of this object, said of another; drawn as if it were its."""
    row["instances"] = [proven.others(row)[0]]
    return hold(row, proven, lambda T: T)


def not_yet_free(row: Row, proven: Proven) -> Row:
    """As a grasp: the one that a rearrangement's target allows only once others are gone."""
    plan = next(r for r in proven.rows if r["task"] == "rearrangement" and r["evidence"]["state"] == "blocked")
    target = plan["instances"][0]
    T_cam_obj = proven.frame(plan).T_cam_obj[target].tolist()
    told = {"grasp": plan["evidence"]["peeling"][-1]["grasp"], "T_cam_obj": T_cam_obj, "alternatives": []}
    return hold(copy.deepcopy(plan) | {"task": "grasp", "instances": [target], "evidence": told}, proven, lambda T: T)


def under_something(row: Row, proven: Proven) -> Row:
    """As a grasp: that of a target on which something stands."""
    plan = next(r for r in proven.rows if r["task"] == "rearrangement" and r["evidence"]["state"] == "free")
    target = plan["instances"][0]
    T_cam_obj = proven.frame(plan).T_cam_obj[target].tolist()
    told = {"grasp": plan["evidence"]["peeling"][-1]["grasp"], "T_cam_obj": T_cam_obj, "alternatives": []}
    return hold(copy.deepcopy(plan) | {"task": "grasp", "instances": [target], "evidence": told}, proven, lambda T: T)


def wider(row: Row, by: float) -> Row:
    row["evidence"]["grasp"]["width_m"] += by
    return row


def bad_alternative(row: Row, proven: Proven) -> Row:
    other = copy.deepcopy(row["evidence"]["grasp"])
    other["T_obj_grasp"] = (np.array(other["T_obj_grasp"]) @ moved(0, 0.12, 0)).tolist()
    row["evidence"]["alternatives"].append(other)
    return row


def held(row: Row, proven: Proven) -> bool:
    return row["task"] == "grasp"


def flat_held(row: Row, proven: Proven) -> bool:
    """A grasp across an object that is much longer or shorter the other way."""
    if row["task"] != "grasp":
        return False
    T = np.array(row["evidence"]["grasp"]["T_obj_grasp"])
    solid = proven.frame(row).solids[row["instances"][0]]
    extent = np.ptp(place(np.linalg.inv(T), solid.vertices), axis=0)
    return bool(abs(extent[0] - extent[1]) > 0.03)


ANY_OF_IT = "grasp: (contacts|width|approach|support|collision|pose)"
GRASPS = {
    "12 cm aside": (held, lambda r, p: hold(r, p, lambda T: T @ moved(0, 0.12, 0)), ANY_OF_IT),
    "3 cm along the closing axis": (held, lambda r, p: hold(r, p, lambda T: T @ moved(0.03, 0, 0)), ANY_OF_IT),
    "closes before the object": (held, lambda r, p: hold(r, p, lambda T: T @ moved(0, 0, -0.12)), "grasp: contacts"),
    "rammed into the object": (
        held,
        lambda r, p: hold(r, p, lambda T: T @ moved(0, 0, 0.1)),
        "grasp: (approach|support)",
    ),
    "turned by a right angle": (
        flat_held,
        lambda r, p: hold(r, p, lambda T: T @ turned(2, 90)),
        "grasp: (contacts|width|approach)",
    ),
    "from below": (
        held,
        lambda r, p: hold(r, p, lambda T: T @ turned(0, 180, 0.1034)),
        "grasp: (approach|support)",
    ),
    "inverse": (held, lambda r, p: hold(r, p, np.linalg.inv), ANY_OF_IT),
    "millimetres for metres": (
        held,
        lambda r, p: hold(r, p, lambda T: moved(*(1000 * T[:3, 3])) @ moved(*-T[:3, 3]) @ T),
        "grasp: contacts",
    ),
    "not rigid": (held, lambda r, p: hold(r, p, scaled), "grasp: pose"),
    "too wide": (held, lambda r, _: wider(r, 0.005), "grasp: (width|contacts)"),
    "too narrow": (held, lambda r, _: wider(r, -0.015), "grasp: (width|contacts|approach)"),
    "wider than the stroke": (held, lambda r, _: wider(r, 0.08), "grasp: width"),
    "fingers exchanged": (held, fingers_exchanged, "grasp: projection"),
    "names exchanged": (held, names_exchanged, "grasp: words"),
    "words of other points": (
        held,
        lambda r, _: r | {"answer": re.sub(r"\d+", lambda m: str(int(m[0]) + 3), r["answer"])},
        "grasp: words",
    ),
    "of another instance": (held, of_another, "grasp: object pose"),
    "drawn in another image": (held, another_image, "grasp: projection"),
    "not free yet": (held, not_yet_free, "grasp: collision"),
    "under what stands on it": (held, under_something, "grasp: carries nothing"),
    "bad alternative": (held, bad_alternative, ANY_OF_IT),
}


# Rearrangements


def plan(*subtasks: str) -> Callable[[Row, Proven], bool]:
    return lambda row, _: row["task"] == "rearrangement" and (not subtasks or row["subtask"] in subtasks)


def order(row: Row, proven: Proven, rows: list[int]) -> Row:
    """Another answer, wherever the row says it, each point in the middle of its object's visible surface."""
    told, frame = row["evidence"], proven.frame(row)
    told["order"], told["order_obj_ids"] = rows, [int(frame.obj_ids[i]) for i in rows]
    told["accept"][0] = rows
    row["instances"] = [row["instances"][0], *rows]
    row["answer_points"] = [seen_at(frame, i) for i in rows]
    return row


def seen_at(frame: FrameTruth, i: int) -> list[float]:
    """A pixel that shows an object, well within it."""
    pixels = np.round(grasp_pixels(frame, i))
    return next(p.tolist() for p in pixels if all(rearrangement.first_seen(frame, p + d) == i for d in (-1, 0, 1)))


def grasp_pixels(frame: FrameTruth, i: int) -> np.ndarray:
    points = place(frame.T_cam_obj[i], frame.solids[i].vertices) @ frame.K.T
    pixels = points[:, :2] / points[:, 2:]
    return pixels[np.linalg.norm(pixels - pixels.mean(0), axis=1).argsort()]


def wrong_blocker(row: Row, proven: Proven) -> Row:
    accepted = {i for one in row["evidence"]["accept"] for i in one}
    free = [i for i in proven.others(row) if i not in accepted]
    return order(row, proven, [free[-1], *row["evidence"]["order"][1:]])


def one_more(row: Row, proven: Proven) -> Row:
    return order(row, proven, [*row["evidence"]["order"], proven.others(row)[-1]])


def free_target(row: Row, proven: Proven) -> Row:
    """A target that could be taken at once."""
    row["instances"][0] = proven.others(row)[-1]
    return row


def shifted(row: Row, by: float) -> Row:
    return row | {"answer_points": [[u + by, v] for u, v in row["answer_points"]]}


def step(row: Row, k: int, **told: Any) -> Row:
    row["evidence"]["peeling"][k].update(told)
    return row


def witness(row: Row, by: np.ndarray) -> Row:
    told = row["evidence"]["peeling"][-1]["grasp"]
    told["T_obj_grasp"] = (np.array(told["T_obj_grasp"]) @ by).tolist()
    return row


def other_reason(row: Row, proven: Proven) -> Row:
    other = {
        "blocks_grasp": "rests_on_target",
        "rests_on_target": "blocks_blocker",
    }  # what rests on it may block it too
    row["evidence"]["reasons"][0] = other[row["evidence"]["reasons"][0]]
    return step(row, 0, reason=row["evidence"]["reasons"][0])


def early(row: Row, proven: Proven) -> Row:
    """The target's own grasp while its last obstacle is still there."""
    told = row["evidence"]
    told["peeling"][-1]["gone"] = told["order"][:-1]
    return row


PLANS = {
    "wrong blocker": (plan(), wrong_blocker, "rearrangement: (order|accepted sets)"),
    "blocker missing": (
        plan("set"),
        lambda r, p: order(r, p, r["evidence"]["order"][:1]),
        "rearrangement: (order|accepted sets)",
    ),
    "one more than needed": (plan(), one_more, "rearrangement: accepted sets"),
    "target is free": (plan(), free_target, "rearrangement: (candidates|state)"),
    "said to be free": (plan("set"), lambda r, _: tell(r, state="free"), "rearrangement: state"),
    "other counts": (
        plan(),
        lambda r, _: tell(r, grasps_dense_alone_free=[4000, 100, 1]),
        "rearrangement: state",
    ),
    "blocker set too small": (
        plan("set"),
        lambda r, _: tell(r, blocker_sets=[r["evidence"]["order"][:1]]),
        "rearrangement: blocker sets",
    ),
    "set that does not do": (
        plan("set"),
        lambda r, p: tell(r, accept=[*r["evidence"]["accept"], p.others(r)[-2:]]),
        "rearrangement: (order|accepted sets)",
    ),
    "set left out": (
        plan("set"),
        lambda r, _: tell(r, accept=r["evidence"]["accept"][:-1]),
        "rearrangement: accepted sets",
    ),
    "must where there is a choice": (plan("set"), lambda r, _: r | {"subtask": "all"}, "rearrangement: must"),
    "points at another object": (
        plan(),
        lambda r, p: r | {"answer_points": [seen_at(p.frame(r), p.others(r)[-1])] * len(r["answer_points"])},
        "rearrangement: points",
    ),
    "points beside the object": (plan(), lambda r, _: shifted(r, 200), "rearrangement: points"),
    "points exchanged": (
        plan("set"),
        lambda r, _: r | {"answer_points": r["answer_points"][::-1]},
        "rearrangement: points",
    ),
    "a point too few": (
        plan("set"),
        lambda r, _: r | {"answer_points": r["answer_points"][:1]},
        "rearrangement: points",
    ),
    "instances in another order": (
        plan("set"),
        lambda r, _: r | {"instances": [r["instances"][0], *r["instances"][:0:-1]]},
        "rearrangement: instances",
    ),
    "witness 3 cm aside": (plan(), lambda r, _: witness(r, moved(0.03, 0.03, 0)), "rearrangement: witness grasp"),
    "witness before its turn": (plan(), early, "rearrangement: peeling"),
    "another reason": (plan("first", "set"), other_reason, "rearrangement: reason"),
    "needs nothing": (
        plan(),
        lambda r, _: tell(r, needs=r["evidence"]["needs"] | {str(r["instances"][0]): [[]]}),
        "rearrangement: needs",
    ),
}


TASKS = {"path": PATHS, "grasp": GRASPS, "plan": PLANS}


def spread(proven: Proven, fits: Callable[[Row, Proven], bool], n: int = 3) -> Iterator[Row]:
    """Some rows that fit, from all over the data; of paths, one image's, for they are the same in all."""
    first = {row["scene_id"]: row["frame_id"] for row in reversed(proven.rows)}
    some = [row for row in proven.rows if row["task"] != "trajectory" or row["frame_id"] == first[row["scene_id"]]]
    rows = [row for row in some if fits(row, proven)]
    assert rows, "there is no such row: nothing would be tested"
    yield from (copy.deepcopy(rows[i]) for i in np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int))


KINDS = {f"{task}: {name}": kind for task, kinds in TASKS.items() for name, kind in kinds.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_error_is_found(proven: Proven, kind: str) -> None:
    fits, plant, claim = KINDS[kind]
    for row in spread(proven, fits):
        claims = proven.claims(plant(row, proven))
        assert any(re.fullmatch(claim, found) for found in claims), (row["id"], claims)


# The candidates' file


def replanted(proven: Proven, folder: Path, row: Row, change: Callable[[dict[str, Any], list[Row]], Any]) -> Path:
    """OUT with another candidates' file: `change` is given its metadata and the rows of the row's target."""
    out = folder / "out"
    (out / "candidates").mkdir(parents=True)
    shutil.copy(proven.out / "manifest.json", out)
    table = pq.read_table(proven.out / "candidates" / f"{row['layout']}.parquet")
    about, grasps = json.loads(table.schema.metadata[b"layout"]), table.to_pylist()
    obj_id = proven.frame(row).obj_ids[row["instances"][0]]
    change(about, [one for one in grasps if one["obj_id"] == obj_id])
    schema = table.schema.with_metadata({"layout": json.dumps(about)})
    pq.write_table(pa.Table.from_pylist(grasps, schema), out / "candidates" / f"{row['layout']}.parquet")
    return out


def lifted_off(grasps: list[Row]) -> None:
    """Every grasp 20 cm back, in the air."""
    for one in grasps:
        one["T_obj_grasp"] = (np.reshape(one["T_obj_grasp"], (4, 4)) @ moved(0, 0, -0.2)).ravel()


def hits_all(about: dict[str, Any], grasps: list[Row]) -> None:
    """One grasp that is said to hit everything else."""
    target = grasps[0]["target"]
    grasps[5]["hits"] = [k for k in range(len(about["obj_ids"])) if k != target]


FILES: dict[str, tuple[str, Callable[[dict[str, Any], list[Row]], Any], str]] = {
    "a hit hidden": ("set", lambda _, g: g[5]["hits"].pop(), "rearrangement: candidates"),
    "a hit that is none": ("set", hits_all, "rearrangement: candidates"),
    "free, they say": ("set", lambda _, g: [one.update(hits=[]) for one in g], "rearrangement: state"),
    "open too little": ("set", lambda _, g: g[0].update(opening_m=g[0]["width_m"]), "rearrangement: candidates"),
    "grasps of nothing": ("set", lambda _, g: lifted_off(g), "rearrangement: candidates"),
    "objects elsewhere": ("set", lambda a, _: a["T_world_obj"][0][0].__setitem__(3, 1.0), "rearrangement: candidates"),
    "nothing stands on it": ("first", lambda a, _: a.update(stands_on=[]), "rearrangement: support"),
    "everything stands on it": (
        "first",
        lambda a, _: a["stands_on"].append([0, len(a["obj_ids"]) - 1]),
        "rearrangement: support",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_planted_candidate_is_found(proven: Proven, tmp_path: Path, kind: str) -> None:
    subtask, change, claim = FILES[kind]
    row = next(spread(proven, plan(subtask), 1))
    claims = proven.claims(row, replanted(proven, tmp_path, row, change))
    assert any(re.fullmatch(claim, found) for found in claims), claims


# Rules


def test_what_carries_another_does_not_go_first() -> None:
    nothing, tower = frozenset[int](), frozenset({(2, 1), (1, 0)})
    free = dict.fromkeys(range(3), frozenset([nothing]))
    clearing = Clearing(3, tower, free)
    assert clearing.works((2, 1), 0)
    assert not clearing.works((1, 2), 0)
    assert not clearing.works((2,), 0)
    assert clearing.sufficient(0, 3) == {frozenset({1, 2})}
    assert not clearing.spares(0, 1)


def test_all_smallest_sets_are_found_and_no_other() -> None:
    """The target is hit from two sides; one of the blockers can never go."""
    nothing = frozenset([frozenset[int]()])
    ways = {0: frozenset([frozenset({1}), frozenset({2, 3}), frozenset({3, 4})]), 1: frozenset()}
    clearing = Clearing(5, frozenset(), ways | dict.fromkeys((2, 3, 4), nothing))
    assert clearing.sufficient(0, 4) == {frozenset({2, 3}), frozenset({3, 4})}
    assert not clearing.spares(0, 3)
    assert clearing.spares(0, 2)


def test_the_base_is_the_underside_below_the_middle(proven: Proven) -> None:
    row = next(r for r in proven.rows if r["task"] == "trajectory")
    body = proven.setting(row).body(row["instances"][0])
    start = np.array(row["evidence"]["waypoints_m"][0])
    assert foot_missed(body, start) < 1e-4
    assert foot_missed(body, start + [0, 0, 0.01]) == pytest.approx(0.01, abs=1e-4)
