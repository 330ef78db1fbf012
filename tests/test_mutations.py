"""Errors planted one at a time into rows of the real pipeline: each must be found, under a claim that fits it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from bopask.cli import main
from bopask.verify.facts import Fact, contradictions
from bopask.verify.frame import Prover
from bopask.verify.names import read_lexicon
from bopask.verify.rays import Sight, project
from bopask.verify.row import content_id
from bopask.verify.run import read_manifest
from bopask.verify.truth import BopTruth, place
from bopask.verify.world import Worlds

Row = dict[str, Any]


@dataclass(frozen=True)
class Proven:
    """Rows of the crowded layouts, an image at a time, and what proves them."""

    images: tuple[tuple[Row, ...], ...]
    prover: Prover

    def of(self, image: Row) -> tuple[Row, ...]:
        """All rows of a row's image."""
        return next(rows for rows in self.images if rows[0]["image"] == image["image"])

    def another(self, row: Row, *same: str) -> Row:
        """The row of the same task about the same objects (or what else is to be the same) in another image."""
        same = same or ("layout", "task", "subtask", "instances")
        rows = (one for rows in self.images for one in rows if one["image"] != row["image"])
        return next(one for one in rows if all(one[name] == row[name] for name in same))

    def claims(self, rows: list[Row], **manifest: Any) -> set[str]:
        """Claims that are not confirmed, when the layout's first image was seen before, as in a run."""
        prover = replace(self.prover, worlds=Worlds(), manifest={**self.prover.manifest, **manifest})
        first = next(image for image in self.images if image[0]["scene_id"] == rows[0]["scene_id"])
        prover.prove(first[:1])
        return {wrong.claim for _, wrong in prover.prove(rows)}


@pytest.fixture(scope="session")
def proven(crowded: Path, tmp_path_factory: pytest.TempPathFactory) -> Proven:
    out = tmp_path_factory.mktemp("proven") / "out"
    assert main(["generate", str(crowded), "--split", "train", "--tasks", "pose,spatial,depth", "--out", str(out)]) == 0
    rows = pq.read_table(sorted((out / "data").glob("*.parquet"))).to_pylist()
    images = tuple(tuple(group) for _, group in groupby(rows, key=lambda row: row["image"]))
    bop = BopTruth(crowded, "train")
    return Proven(images, Prover(bop, out, read_manifest(out), read_lexicon(bop, None)))


def test_untouched_rows_are_all_proved(proven: Proven) -> None:
    assert [claims for image in proven.images if (claims := proven.claims(list(image)))] == []
    assert sum(map(len, proven.images)) > 2000


# Planting: every function changes a copy of a row; what it returns is proved.


def evidence(row: Row, change: Callable[[dict[str, Any]], Any]) -> Row:
    told = json.loads(row["evidence"])
    change(told)
    row["evidence"] = json.dumps(told)
    return row


def points(row: Row, change: Callable[[np.ndarray], np.ndarray], text: bool = True) -> Row:
    moved = change(np.array(row["answer_points"], float))
    row["answer_points"] = moved.tolist()
    if text:
        row["answer"] = str([[round(u), round(v)] for u, v in moved])
    return row


def word(row: Row, subtask: str, says: str) -> Row:
    """The opposite word, everywhere it is said; the answer stays."""
    row["question"] = re.sub(words_of(row["subtask"]), says, row["question"])
    row["subtask"] = subtask
    return evidence(row, lambda told: told.update(relation=subtask))


def words_of(subtask: str) -> str:
    return {
        "front": "in front of", "left": "to the left of", "closer": "closer to", "facing_left": "left",
        "higher": "higher", "leftmost": "to the left of", "foremost": "in front of", "closest": "closer to",
        "nearer": "nearer to",
    }[subtask]  # fmt: skip


def phrase(row: Row, slot: int, new: str) -> Row:
    row["question"] = row["question"].replace(row["phrases"][slot], new)
    row["phrases"][slot] = new
    return row


def other_end(words: str) -> str:
    end, name = words.split(" ", 1)
    return {"leftmost": "rightmost", "rightmost": "leftmost"}[end] + " " + name


def swapped(row: Row) -> Row:
    a, b = row["phrases"][:2]
    row["question"] = row["question"].replace(a, "\0").replace(b, a).replace("\0", b)
    return row


def about_the_third(row: Row) -> Row:
    """'Nearer to b than to c' said of b and c exchanged, with all their columns; the answer stays."""
    (a, b, c), (x, y, z) = row["instances"], row["phrases"]
    row |= {"instances": [a, c, b], "phrases": [x, z, y]}
    row["question"] = row["question"].replace(y, "\0").replace(z, y).replace("\0", z)
    return evidence(row, lambda told: [told[of].append(told[of].pop(1)) for of in ("bbox", "refer")])


def no(row: Row) -> Row:
    row["answer"] = {"Yes": "No", "No": "Yes"}[row["answer"]]
    return row


def other_object(row: Row, proven: Proven) -> Row:
    """A pose row of another object in the same image."""
    return next(one for one in proven.of(row) if one["task"] == "pose" and one["instances"] != row["instances"])


def another_instance(row: Row, proven: Proven) -> Row:
    row["instances"][0] = other_object(row, proven)["instances"][0]
    return row


def stale_pose(row: Row, proven: Proven) -> Row:
    other = proven.another(row)
    return row | {name: other[name] for name in ("answer", "answer_points", "evidence")}


def stale_world(row: Row, proven: Proven) -> Row:
    return row | {"T_world_cam": proven.another(row, "layout")["T_world_cam"]}


def moved_world(row: Row, T: np.ndarray) -> Row:
    return row | {"T_world_cam": (T @ np.reshape(row["T_world_cam"], (4, 4))).ravel().tolist()}


def shifted_up(metres: float) -> np.ndarray:
    T = np.eye(4)
    T[2, 3] = metres
    return T


def stale_camera(row: Row) -> Row:
    """Points projected by another focal length: K of the row tells the same wrong story."""
    K = np.reshape(row["camera_K"], (3, 3)) * np.array([[1.05], [1.05], [1]])
    told = json.loads(row["evidence"])
    signs = np.array(
        [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]
    )
    corners = place(np.array(told["T_cam_box"]), signs * np.array(told["size_m"]) / 2)
    return points(row | {"camera_K": K.ravel().tolist()}, lambda _: project(K, corners))


def stacked(row: Row) -> Row:
    """Two objects that stand side by side, called one above the other."""
    row["question"] = f"Is the {row['phrases'][0]} above the {row['phrases'][1]}?"
    row["subtask"] = "above"
    return evidence(row, lambda told: told.update(relation="above", seen_from="world"))


def mirrored(p: np.ndarray) -> np.ndarray:
    return p[[0, 3, 2, 1, 4, 7, 6, 5]]


def pose(row: Row) -> bool:
    return row["task"] == "pose"


def asks(*subtasks: str) -> Callable[[Row], bool]:
    return lambda row: row["subtask"] in subtasks


def ordinal(row: Row) -> bool:
    return pose(row) and re.match("leftmost|rightmost", row["phrases"][0]) is not None


def ranked(row: Row) -> bool:
    return pose(row) and row["phrases"][0].startswith("leftmost")


LANDMARK = re.compile(r" (left of|right of|in front of|behind|on) the ")


def landmark(row: Row) -> bool:
    return pose(row) and LANDMARK.search(row["phrases"][0]) is not None


def other_relation(words: str) -> str:
    other = {
        "left of": "right of",
        "right of": "left of",
        "in front of": "behind",
        "behind": "in front of",
        "on": "behind",
    }
    return LANDMARK.sub(lambda match: f" {other[match[1]]} the ", words)


def unlike(row: Row, proven: Proven) -> str:
    """What another object of the picture is called, neither the row's nor its landmark."""
    said = row["phrases"][0]
    names = {one["phrases"][0] for one in proven.of(row) if one["task"] == "pose"}
    return min(name for name in names if name not in said and not said.startswith(name) and "most" not in name)


def two_orders(row: Row) -> bool:
    return pose(row) and len(json.loads(row["evidence"])["accept_orders"]) == 2


def clear(row: Row) -> bool:
    return pose(row) and len(json.loads(row["evidence"])["accept_orders"]) == 1


ENDS = ("leftmost", "rightmost", "foremost", "hindmost", "closest", "farthest")
"""Of three objects."""
KINDS: dict[str, tuple[Callable[[Row], bool], Callable[[Row, Proven], Row], str]] = {
    # what: (rows that can have it, how it is planted, the claim under which it has to be found)
    "left is right": (asks("left"), lambda r, _: word(r, "right", "to the right of"), "relation: right"),
    "front is behind": (asks("front"), lambda r, _: word(r, "behind", "behind"), "relation: behind"),
    "closer is farther": (asks("closer"), lambda r, _: word(r, "farther", "farther from"), "relation: farther"),
    "facing left is right": (
        asks("facing_left"),
        lambda r, _: word(r, "facing_right", "right"),
        "relation: facing_right",
    ),
    "yes is no": (asks("left", "right", "front", "behind"), lambda r, _: no(r), "relation: (left|right|front|behind)"),
    "yes is no of depth": (asks("closer", "farther"), lambda r, _: no(r), "relation: (closer|farther)"),
    "yes is no of stacks": (asks("above", "below"), lambda r, _: no(r), "relation: (above|below)"),
    "yes is no of facing": (asks("facing_left", "facing_right"), lambda r, _: no(r), "relation: facing_(left|right)"),
    "yes is no of heights": (asks("higher", "lower"), lambda r, _: no(r), "relation: (higher|lower)"),
    "higher is lower": (asks("higher"), lambda r, _: word(r, "lower", "lower"), "relation: lower"),
    **{f"yes is no of the {end}": (asks(end), lambda r, _: no(r), f"relation: {end}") for end in (*ENDS, "between")},
    **{
        f"{end} is {other}": (
            asks(end),
            lambda r, _, other=other, says=says: word(r, other, says),
            f"relation: {other}",
        )
        for end, other, says in (
            ("leftmost", "rightmost", "to the right of"),
            ("foremost", "hindmost", "behind"),
            ("closest", "farthest", "farther from"),
        )
    },
    "yes is no of distances": (
        asks("nearer", "farther_from"),
        lambda r, _: no(r),
        "relation: (nearer|farther_from)",
    ),
    "nearer is farther": (
        asks("nearer"),
        lambda r, _: word(r, "farther_from", "farther from"),
        "relation: farther_from",
    ),
    "nearer to the other": (asks("nearer"), lambda r, _: about_the_third(r), "relation: nearer"),
    "above without contact": (asks("left"), lambda r, _: stacked(r), "relation: above"),
    "margin overstated": (
        asks("left", "front", "closer", "leftmost", "between"),
        lambda r, _: evidence(r, lambda told: told.update(margin_m=told["margin_m"] + 0.001)),
        "relation: margin",
    ),
    "seen from elsewhere": (
        asks("left"),
        lambda r, _: evidence(r, lambda told: told.update(seen_from="world")),
        "relation: evidence",
    ),
    "corners begin at the front right": (
        pose,
        lambda r, _: points(r, lambda p: p[[1, 2, 3, 0, 5, 6, 7, 4]]),
        "pose: corner order",
    ),
    "top face first": (pose, lambda r, _: points(r, lambda p: np.roll(p, 4, 0)), "pose: corner order"),
    "corners clockwise": (pose, lambda r, _: points(r, mirrored), "pose: corner order"),
    "u and v exchanged": (pose, lambda r, _: points(r, lambda p: p[:, ::-1]), "pose: corners"),
    "v from the bottom": (pose, lambda r, _: points(r, lambda p: np.array([0, 479]) + p * [1, -1]), "pose: corners"),
    "corners from 0 to 1": (pose, lambda r, _: points(r, lambda p: p / [640, 480]), "pose: corners"),
    "corners from 0 to 1000": (pose, lambda r, _: points(r, lambda p: p / [0.64, 0.48]), "pose: corners"),
    "corners a pixel aside": (pose, lambda r, _: points(r, lambda p: p + [0.7, 0]), "pose: corners"),
    "seven corners": (pose, lambda r, _: points(r, lambda p: p[:7]), "pose: corners"),
    "millimetres for metres": (
        pose,
        lambda r, _: evidence(r, lambda told: [line.__setitem__(3, line[3] * 1000) for line in told["T_cam_box"][:3]]),
        "pose: T_cam_box",
    ),
    "size scaled": (
        pose,
        lambda r, _: evidence(r, lambda told: told.update(size_m=[1.01 * s for s in told["size_m"]])),
        "pose: size_m",
    ),
    "box of another object": (
        pose,
        lambda r, p: r | {"evidence": other_object(r, p)["evidence"]},
        "pose: (size_m|T_cam_box)",
    ),
    "box that cuts the object": (
        pose,
        lambda r, _: evidence(r, lambda told: told.update(size_m=[0.8 * s for s in told["size_m"]])),
        "pose: box encloses the object",
    ),
    "pose of another image": (pose, stale_pose, "pose: corners"),
    "K of another camera": (pose, lambda r, _: stale_camera(r), "row: camera_K"),
    "points by K of another camera": (pose, lambda r, _: stale_camera(r), "pose: corners"),
    "an order too many": (
        clear,
        lambda r, _: evidence(r, lambda told: told["accept_orders"].append([1, 2, 3, 0, 5, 6, 7, 4])),
        "pose: accept_orders",
    ),
    "an order too few": (
        two_orders,
        lambda r, _: evidence(r, lambda told: told["accept_orders"].pop()),
        "pose: accept_orders",
    ),
    "round about nothing": (
        pose,
        lambda r, _: evidence(r, lambda told: told.update(round_axis=0 if told["round_axis"] is None else None)),
        "pose: round_axis",
    ),
    "visibility overstated": (
        pose,
        lambda r, _: evidence(r, lambda told: told.update(visib_fract=told["visib_fract"] - 0.08)),
        "pose: visib_fract",
    ),
    "world of another image": (asks("front", "cuboid"), stale_world, "world: T_world_obj is constant"),
    "world under the support": (pose, lambda r, _: moved_world(r, shifted_up(0.05)), "world: something rests on z = 0"),
    "objects under the support": (pose, lambda r, _: moved_world(r, shifted_up(-0.05)), "world: above the support"),
    "support where depth has none": (
        pose,
        lambda r, _: moved_world(r, shifted_up(0.03)),
        "world: depth shows the support",
    ),
    "wrong instance": (pose, another_instance, "name: means the object"),
    "pose of the wrong instance": (pose, another_instance, "pose: corners"),
    "instance that is not there": (pose, lambda r, _: r | {"instances": [99]}, "row: instances"),
    "ambiguous name": (
        ordinal,
        lambda r, _: phrase(r, 0, r["phrases"][0].split(" ", 1)[1]),
        "name: means the object",
    ),
    "wrong ordinal": (
        ordinal,
        lambda r, _: phrase(r, 0, other_end(r["phrases"][0])),
        "name: means the object",
    ),
    "wrong rank": (
        ranked,
        lambda r, _: phrase(r, 0, r["phrases"][0].replace("leftmost", "second", 1) + " from the left"),
        "name: means the object",
    ),
    "wrong side of a landmark": (
        landmark,
        lambda r, _: phrase(r, 0, other_relation(r["phrases"][0])),
        "name: means the object",
    ),
    "wrong landmark": (
        landmark,
        lambda r, p: phrase(r, 0, re.sub(r" the .+", " the " + unlike(r, p), r["phrases"][0])),
        "name: (means the object|logical form)",
    ),
    "landmark that is not there": (
        landmark,
        lambda r, _: phrase(r, 0, re.sub(r" the .+", " the blue elephant", r["phrases"][0])),
        "name: means the object",
    ),
    "logical form of another place": (
        ordinal,
        lambda r, _: evidence(r, lambda told: told["refer"][0].update(ordinal=["right", 9])),
        "name: logical form",
    ),
    "logical form without its landmark": (
        landmark,
        lambda r, _: evidence(r, lambda told: told["refer"][0].pop("relation")),
        "name: logical form",
    ),
    "no logical form": (pose, lambda r, _: evidence(r, lambda told: told.pop("refer")), "name: as documented"),
    "wording that nobody listed": (
        asks("left", "closer", "cuboid"),
        lambda r, _: r | {"question": "Well then: " + r["question"]},
        "name: wording",
    ),
    "wording of another subtask": (
        pose,
        lambda r, p: r | {"question": f"Mark the {r['phrases'][0]}."},
        "name: wording",
    ),
    "wrong name": (pose, lambda r, p: phrase(r, 0, other_object(r, p)["phrases"][0]), "name: means the object"),
    "name of nothing": (pose, lambda r, _: phrase(r, 0, "blue elephant"), "name: means the object"),
    "name not in the question": (
        pose,
        lambda r, _: r | {"question": r["question"].replace(r["phrases"][0], "thing")},
        "name: in the question",
    ),
    "phrases exchanged": (
        asks("left", "closer"),
        lambda r, _: r | {"phrases": r["phrases"][::-1]},
        "name: means the object",
    ),
    "names exchanged in the question": (asks("left", "closer", "front"), lambda r, _: swapped(r), "name: slots"),
    "names of three exchanged in the question": (
        asks(*ENDS, "between", "higher", "nearer", "farther_from"),
        lambda r, _: swapped(r),
        "name: slots",
    ),
    "other relation in the question": (
        asks("left"),
        lambda r, _: r | {"question": r["question"].replace("left", "right")},
        "name: relation in the question",
    ),
    "picture of another image": (pose, lambda r, p: r | {"image": p.another(r)["image"]}, "row: image"),
    "image size": (pose, lambda r, _: r | {"width": 1280}, "row: image size"),
    "answer says other points": (pose, lambda r, _: points(r, lambda p: p + 2, text=False), "row: answer text"),
    "answer is no word": (asks("left"), lambda r, _: r | {"answer": "Maybe"}, "row: answer"),
    "points outside": (pose, lambda r, _: points(r, lambda p: p - [1000, 0]), "row: answer on image"),
    "box in the picture": (
        asks("left"),
        lambda r, _: evidence(r, lambda told: told["bbox"][0].__setitem__(0, told["bbox"][0][0] - 5)),
        "row: bbox",
    ),
    "layout of another scene": (pose, lambda r, _: r | {"layout": "000099-0"}, "row: layout"),
    "image that is not there": (pose, lambda r, _: r | {"frame_id": 999}, "row: frame"),
    "evidence cut short": (pose, lambda r, _: r | {"evidence": r["evidence"][:-5]}, "row: as documented"),
    "evidence without its box": (
        pose,
        lambda r, _: evidence(r, lambda told: told.pop("T_cam_box")),
        "pose: as documented",
    ),
    "task that nobody knows": (asks("left"), lambda r, _: r | {"task": "smell"}, "row: task"),
}


def spread(proven: Proven, fits: Callable[[Row], bool], n: int = 4) -> Iterator[Row]:
    """Some rows that fit, from all over the data."""
    rows = [row for image in proven.images for row in image if fits(row)]
    assert rows, "there is no such row: nothing would be tested"
    yield from (copy.deepcopy(rows[i]) for i in np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int))


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_error_is_found(proven: Proven, kind: str) -> None:
    fits, plant, claim = KINDS[kind]
    for row in spread(proven, fits):
        planted = plant(row, proven)
        planted["id"] = content_id(planted)
        claims = proven.claims([planted])
        assert any(re.fullmatch(claim, found) for found in claims), (row["id"], claims)


def test_a_stale_id_is_found(proven: Proven) -> None:
    for row in spread(proven, lambda _: True):
        assert proven.claims([row | {"id": row["id"][::-1]}]) == {"row: id"}


def test_an_object_below_the_threshold_of_visibility_is_found(proven: Proven) -> None:
    for row in spread(proven, pose):
        shown = json.loads(row["evidence"])["visib_fract"]
        config = {
            **proven.prover.manifest["config"],
            "ask": {**proven.prover.manifest["config"]["ask"], "min_visib": shown + 0.01},
        }
        assert proven.claims([row], config=config) == {"row: visible"}


def test_rows_that_contradict_one_another_are_found(proven: Proven) -> None:
    """Two rows of one image, each right by itself but for the word of the other."""
    for row in spread(proven, asks("left", "front", "closer", "higher", "nearer", *ENDS), 12):
        assert any(claim.endswith("has no circle") for claim in proven.claims([row, no(copy.deepcopy(row))]))


def test_a_circle_of_three_is_a_contradiction() -> None:
    chain = [Fact("left", pair, str(pair)) for pair in ((0, 1), (1, 2), (0, 2))]
    assert list(contradictions(chain)) == []
    ((row_id, wrong),) = contradictions([*chain, Fact("left", (2, 0), "bad")])
    assert (row_id, wrong.claim) == ("bad", "relation: left has no circle")


def test_silhouettes_are_the_masks_of_the_dataset(proven: Proven, crowded: Path) -> None:
    """The crowded layouts' masks are exact: rays through pixels see the same."""
    from PIL import Image

    frame = proven.prover.bop.frame(1, 0)
    sight = Sight(frame)
    for i in range(len(sight)):
        mask = np.asarray(Image.open(crowded / f"train/000001/mask_visib/000000_{i:06d}.png")) > 0
        seen = np.zeros_like(mask)
        v, u = np.nonzero(sight[i].visible)
        seen[v + sight[i].top, u + sight[i].left] = True
        assert (mask ^ seen).sum() <= 0.01 * mask.sum()
