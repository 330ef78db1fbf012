"""The review page without a browser: what people say is kept, folded, undone, exported; foreign text does nothing."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from review_server import full, serving
from view_rows import CORNERS, told, write_out

pytest.importorskip("starlette", reason="the extra `review` is not installed")
from starlette.testclient import TestClient

from bopask.ask.grasp import answer_text
from bopask.ask.identity import row_id
from bopask.ask.rows import SCHEMA
from bopask.cli import main, parser
from bopask.errors import InputError, OutputError
from bopask.nouns import Description
from bopask.review import export as exporting
from bopask.review.agreement import ALL, agreements, cohen_kappa, report, text
from bopask.review.answers import text_of
from bopask.review.app import Desk, application
from bopask.review.events import Conflict, Events, store_of
from bopask.review.export import Request, decide, export
from bopask.review.guard import COOKIE, CSP, HEADER, Pass, is_loopback, pass_for
from bopask.review.judgement import Refused, read_judgement, read_name, read_opinion
from bopask.review.layers import asked
from bopask.review.pictures import confined, picture
from bopask.review.standing import Event, Mark, Standing
from bopask.review.table import read_table
from bopask.store.dataset import read_manifest

GRASP = [[300.2, 200.4], [280.0, 210.0], [320.0, 190.0], [275.0, 180.0], [315.0, 160.0]]
EVIL = "<img src=x onerror=alert(1)>'; DROP TABLE event; --\u202e\\..\\..\\"
SECRETS = ("4711", "bbox", "instances", "phrases", "evidence", "waypoints", "subtask")


# -- a small data set and its page ------------------------------------------------------------------------------------
def many() -> list[dict[str, Any]]:
    rows = [
        full("spatial", subtask=s, answer=a, frame_id=f)
        for f in range(3)
        for s in ("left", "right")
        for a in ("Yes", "No")
    ]
    rows += [full("pose", CORNERS + f, subtask="cuboid", frame_id=f, instances=[0]) for f in range(3)]
    rows += [full("grasp", GRASP, subtask="parallel_jaw", frame_id=1, instances=[0])]
    rows += [full("trajectory", [[9.5, 8.5], [30, 40.0], [60, 60]], subtask="carry", frame_id=2)]
    boxes = json.dumps({"bbox": [[4711, 1, 5000, 9], [1, 1, 9, 9]], "order": [1], "reasons": ["blocks_grasp"]})
    return [*rows, full("rearrangement", [[47.11, 5.0], [8, 9]], subtask="all", frame_id=2, evidence=boxes)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    counts = {"rows": 18, "frames": 3, "layouts": 1}
    layouts = [{"key": "000001-0", "frames": 3, "objects": [1, 2], "world": None}]
    names = told({"1": ["red mug", "red cup"], "7": ["blue can"]})
    return write_out(
        tmp_path / "out", many(), row_group=5, fingerprint="abc", counts=counts, layouts=layouts, names=names,
        licence="CC BY 4.0", bopask="0", skips={},
    )  # fmt: skip


@pytest.fixture
def events(out: Path) -> Iterator[Events]:
    opened = Events(store_of(out, None))
    yield opened
    opened.close()


class Page:
    """A browser tab without the browser: knows the page's secret, names its writes."""

    def __init__(self, out: Path, events: Events, annotator: str = "Ann", bop: Path | None = None) -> None:
        self.must, self.annotator, self.writes = Pass(frozenset({"localhost"})), annotator, 0
        desk = Desk(read_table(out), events, read_manifest(out), bop)
        self.client = TestClient(application(desk, self.must), base_url="http://localhost:8765")

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, params={"annotator": self.annotator, **query})

    def post(self, path: str, body: Any, **headers: str) -> Any:
        sent = {HEADER: self.must.secret, "content-type": "application/json", **headers}
        return self.client.post(path, content=orjson.dumps(body), headers=sent)

    def next(self, **query: Any) -> Any:
        return self.get("/api/next", **query).json()

    def say(self, subject: str, after: Any, seen: int, kind: str = "row", **fields: Any) -> Any:
        self.writes += 1
        request = f"{self.annotator}-request-{self.writes}"
        body = {"request": request, "annotator": self.annotator, "kind": kind, "subject": subject, "after": after}
        return self.post("/api/record", {**body, "seen": seen, **fields})

    def undo(self, undoes: int) -> Any:
        self.writes += 1
        request = f"{self.annotator}-request-{self.writes}"
        return self.post("/api/undo", {"request": request, "annotator": self.annotator, "undoes": undoes})


@pytest.fixture
def page(out: Path, events: Events) -> Page:
    return Page(out, events)


# -- the fold ---------------------------------------------------------------------------------------------------------
STEPS = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from("xyz"), st.sampled_from(["accept", "reject", "undo", "redo"])),
    max_size=30,
)


def fold(steps: Any) -> tuple[Standing, list[Event]]:
    """Does the steps that can be done; what else is in them is passed over."""
    standing, log = Standing(), []
    for annotator, subject, what in steps:
        seq = len(log) + 1
        if what in ("undo", "redo"):
            undoes = standing.undoable(annotator) if what == "undo" else standing.redoable(annotator)
            if not undoes:
                continue
            kind, about, before = standing.inverse(undoes)
            event = Event(seq, "now", annotator, kind, about, before, undoes)
        else:
            event = Event(seq, "now", annotator, "row", subject, {"verdict": what, "nth": seq})
        log.append(event)
        standing.add(event)
    return standing, log


def state(standing: Standing) -> dict[Any, Any]:
    """What stands, without who did what when."""
    return {k: {name: m.after for name, m in marks.items() if m.after} for k, marks in standing.marks.items()}


@given(STEPS, st.integers(0, 30))
def test_replaying_the_events_gives_the_state_wherever_one_stopped(steps: Any, stop: int) -> None:
    standing, log = fold(steps)
    again = Standing()
    for event in log[:stop]:
        again.add(event)
    for event in log[again.last :]:
        again.add(event)
    assert again == standing


@given(STEPS, st.sampled_from("AB"))
def test_undo_gives_back_what_was_before_and_undoing_the_undo_what_was_after(steps: Any, annotator: str) -> None:
    before, _ = fold(steps)
    after, _ = fold([*steps, (annotator, "x", "accept")])
    undone, _ = fold([*steps, (annotator, "x", "accept"), (annotator, "x", "undo")])
    redone, _ = fold([*steps, (annotator, "x", "accept"), (annotator, "x", "undo"), (annotator, "x", "redo")])
    assert {k: v for k, v in state(undone).items() if v} == {k: v for k, v in state(before).items() if v}
    assert state(redone) == state(after)
    assert undone.undoable(annotator) == before.undoable(annotator)


@given(STEPS)
def test_undoing_everything_leaves_nothing_of_that_person_and_all_of_the_other(steps: Any) -> None:
    standing, _ = fold([*steps, *[("A", "x", "undo")] * (len(steps) + 1)])
    only_b = {k: {n: m for n, m in marks.items() if n == "B"} for k, marks in state(fold(steps)[0]).items()}
    assert not standing.undoable("A")
    assert {k: v for k, v in state(standing).items() if v} == {k: v for k, v in only_b.items() if v}


# -- the store --------------------------------------------------------------------------------------------------------
def test_what_was_recorded_is_there_after_another_process_opens_the_store(events: Events) -> None:
    events.record("request-1", "Ann", "row", "x", {"verdict": "accept", "comment": EVIL}, 0)
    other = Events(events.path)  # the first one is still open: as after kill -9, nothing was closed
    assert other.standing == events.standing
    assert other.standing.of("row", "x")["Ann"].after == {"verdict": "accept", "comment": EVIL}
    other.close()


def test_the_store_is_durable_and_only_ever_added_to(events: Events) -> None:
    events.record("request-1", "Ann", "row", "x", {"verdict": "accept"}, 0)
    assert events._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert events._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    for change in ("UPDATE event SET annotator = 'Bo'", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
            events._db.execute(change)


def test_a_write_that_arrives_twice_counts_once(events: Events) -> None:
    first, _ = events.record("request-1", "Ann", "row", "x", {"verdict": "accept"}, 0)
    again, _ = events.record("request-1", "Ann", "row", "x", {"verdict": "accept"}, 0)
    assert first == again
    assert len(events.history("row", "x")) == 1
    undone = events.undo("request-2", "Ann", first.seq)
    assert events.undo("request-2", "Ann", first.seq) == undone
    assert len(events.history("row", "x")) == 2


def test_two_stores_on_one_file_see_each_other_and_refuse_what_one_has_not_seen(events: Events) -> None:
    other = Events(events.path)
    first, _ = events.record("request-1", "Ann", "row", "x", {"verdict": "accept"}, 0)
    with pytest.raises(Conflict):
        other.record("request-2", "Ann", "row", "x", {"verdict": "reject"}, 0)
    _, since = other.record("request-3", "Bo", "row", "x", {"verdict": "reject"}, 0)
    assert since == ("Ann",)
    assert events.catch_up() == other.standing
    assert {n: m.after["verdict"] for n, m in events.standing.of("row", "x").items()} == {
        "Ann": "accept",
        "Bo": "reject",
    }
    with pytest.raises(Conflict):
        events.undo("request-4", "Bo", first.seq)
    other.close()


def test_a_store_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "review.sqlite").write_bytes(b"not a database, by any reading of it" * 40)
    with pytest.raises(OutputError, match="cannot be used"):
        Events(tmp_path / "review.sqlite")


def test_nothing_is_written_into_the_bop_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="inside the BOP folder"):
        store_of(tmp_path / "bop" / "out", tmp_path / "bop")
    assert store_of(tmp_path / "out", tmp_path / "bop") == tmp_path / "out.review" / "review.sqlite"


def test_what_was_acknowledged_before_kill_9_is_there(out: Path, tmp_path: Path) -> None:
    id = many()[0]["id"]
    acknowledged: list[int] = []
    enough = threading.Event()

    def judge(address: str) -> None:
        with httpx.Client(base_url=address) as client:
            headers = {HEADER: client.get("/api/session").json()["secret"], "content-type": "application/json"}
            try:
                for n in range(10_000):
                    said = {
                        "annotator": "Ann",
                        "kind": "row",
                        "subject": id,
                        "after": {"comment": str(n)},
                        "seen": 10_000,
                    }
                    body = orjson.dumps({**said, "request": f"request-{n}"})
                    acknowledged.append(client.post("/api/record", content=body, headers=headers).json()["seq"])
                    if len(acknowledged) == 50:
                        enough.set()
            except httpx.TransportError:  # the server is gone, in the middle of a write
                pass

    with serving(out) as (address, process):
        judging = threading.Thread(target=judge, args=(address,))
        judging.start()
        assert enough.wait(60)
        process.kill()
        judging.join()
    events = Events(store_of(out, None))
    kept = [event.seq for event in events.history("row", id)]
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1  # what was written, and not yet acknowledged, may be there too
    events.close()


def test_people_may_read_while_others_write(out: Path, events: Events) -> None:
    """The fold that a reader goes over does not change under it."""
    ids = [r["id"] for r in many()]
    page, seen = Page(out, events, "Bo"), []
    reading = threading.Thread(target=lambda: seen.append(page.next(verdict="unseen")))
    with events.lock:
        reading.start()  # it waits, and so sees what is written before the lock is given back
        events.record("request-1", "Bo", "row", ids[0], {"verdict": "accept"}, 0)
    reading.join()
    assert (seen[0]["done"], seen[0]["row"]["id"]) == (1, ids[1])


# -- agreement --------------------------------------------------------------------------------------------------------
def test_kappa_of_known_tables() -> None:
    cohen = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen_kappa(cohen) == pytest.approx(0.4)  # p_o = .7, p_e = .5
    worse = [("yes", "yes")] * 45 + [("yes", "no")] * 15 + [("no", "yes")] * 25 + [("no", "no")] * 15
    assert cohen_kappa(worse) == pytest.approx(0.1304, abs=5e-5)  # p_o = .60, p_e = .54
    better = [("yes", "yes")] * 25 + [("yes", "no")] * 35 + [("no", "yes")] * 5 + [("no", "no")] * 35
    assert cohen_kappa(better) == pytest.approx(0.2593, abs=5e-5)  # p_o = .60, p_e = .46
    assert cohen_kappa([("a", "b"), ("b", "a")]) == pytest.approx(-1.0)
    assert cohen_kappa([("a", "a")] * 3) is None
    assert cohen_kappa([]) is None


PAIRS = st.lists(st.tuples(st.sampled_from("arf"), st.sampled_from("arf")), min_size=1, max_size=40)


@given(PAIRS)
def test_kappa_is_symmetric_at_most_one_and_one_only_for_full_agreement(pairs: Any) -> None:
    kappa = cohen_kappa(pairs)
    assert kappa == cohen_kappa([(b, a) for a, b in pairs])
    assert kappa is None or (-1 <= kappa <= 1 and (kappa == 1) == all(a == b for a, b in pairs))
    rename = {"a": 1, "r": 2, "f": 3}
    assert kappa == cohen_kappa([(rename[a], rename[b]) for a, b in pairs])


def test_agreement_is_counted_over_what_both_judged_by_task(events: Events) -> None:
    said = {"x": ("accept", "accept"), "y": ("accept", "reject"), "z": ("reject", "reject"), "only": ("accept", None)}
    for subject, verdicts in said.items():
        for name, verdict in zip(("Ann", "Bo"), verdicts, strict=True):
            if verdict:
                events.record(f"{subject}-{name}-request", name, "row", subject, {"verdict": verdict}, 9)
    tasks = {"x": "pose", "y": "pose", "z": "grasp", "only": "pose"}
    found = {one.task: one for one in agreements(events.standing, "row", tasks.get)}
    assert {task: one.n for task, one in found.items()} == {"grasp": 1, "pose": 2, ALL: 3}
    assert found[ALL].kappa == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    table = text(report(events.standing, tasks.get))
    assert "0.400" in table
    assert [line.split()[:3] for line in table.splitlines() if line.startswith("Ann")] == [["Ann", "3", "1"]]
    assert text(report(Standing(), tasks.get)) == "Nobody has judged anything yet."


# -- what may be said -------------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.floats(0, 639), st.floats(0, 479)), min_size=5, max_size=5))
def test_answers_are_written_as_generation_writes_them(points: Any) -> None:
    assert text_of("grasp", points) == answer_text(np.array([points]))[0].as_py()


def test_an_id_is_the_hash_that_generation_gives() -> None:
    import pyarrow as pa

    from bopask.ask.identity import content_ids

    rows = [*many(), full("spatial", question=EVIL)]
    table = pa.Table.from_pylist(rows, SCHEMA)
    assert content_ids({name: table[name].combine_chunks() for name in SCHEMA.names}).to_pylist() == [
        row_id(r) for r in rows
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"points": CORNERS[:7].tolist()}, "8 points"),
        ({"points": [[9_999.0, 1.0], *CORNERS[1:].tolist()]}, "outside the image"),
        ({"points": [[float("nan"), 1.0], *CORNERS[1:].tolist()]}, "list of"),
        ({"points": "all"}, "list of"),
        ({"points": CORNERS.tolist(), "question": " "}, "empty"),
        ({"points": CORNERS.tolist(), "question": "x" * 5_000}, "text of at most"),
        ({"points": CORNERS.tolist()}, "Nothing is changed"),
        ({"verdict": "drop table"}, "verdict is"),
    ],
)
def test_a_fix_that_is_none_is_refused(change: dict[str, Any], why: str) -> None:
    pose = full("pose", CORNERS)
    with pytest.raises(Refused, match=why):
        read_judgement({"verdict": "fix", "question": pose["question"], **change}, pose)


def test_a_fix_of_points_writes_the_answer_and_one_of_a_fact_says_yes_or_no() -> None:
    moved = CORNERS + [0.4, 3.0]
    pose = full("pose", CORNERS)
    said = read_judgement(
        {"verdict": "fix", "question": pose["question"], "answer": "made up", "points": moved.tolist()}, pose
    )
    assert said is not None
    assert said["answer"] == text_of("pose", moved.tolist())
    fact = full("spatial", answer="Yes")
    assert (read_judgement({"verdict": "fix", "question": "Is it?", "answer": "No"}, fact) or {})["answer"] == "No"
    with pytest.raises(Refused, match="Yes or No"):
        read_judgement({"verdict": "fix", "question": "Is it?", "answer": "Maybe"}, fact)
    assert read_judgement({"verdict": None, "comment": "  "}, fact) is None


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 61, "\x00", "\u202eevil", 7, None])
def test_names_of_people_are_one_short_line(name: Any) -> None:
    with pytest.raises(Refused):
        read_name(name)


def test_a_description_is_fixed_in_plain_words() -> None:
    mug = Description("mug", ("cup",), source="a list")
    fixed = read_opinion({"verdict": "fix", "description": {"name": " red mug ", "synonyms": ["cup", "cup", " "]}}, mug)
    assert fixed is not None
    assert (fixed["description"]["name"], fixed["description"]["synonyms"]) == ("red mug", ("cup",))
    for words in (
        {"name": ""},
        {"name": "{a}"},
        {"name": "mug", "synonyms": ["cup"]},
        {"name": "x", "synonyms": "cup"},
    ):
        with pytest.raises(Refused):
            read_opinion({"verdict": "fix", "description": words}, mug)


# -- the page's routes ------------------------------------------------------------------------------------------------
def test_going_forward_sees_every_row_once_and_back_again_the_same(page: Page) -> None:
    for order in ("", "mixed"):
        seen, found = [], page.next(order=order)
        while found["row"]:
            seen.append(found["row"]["id"])
            assert found["place"] == len(seen)
            found = page.next(order=order, **{"from": seen[-1]})
        assert sorted(seen) == sorted(r["id"] for r in many())
        back = [seen[-1]]
        while (found := page.next(order=order, by=-1, **{"from": back[-1]}))["row"]:
            back.append(found["row"]["id"])
        assert back == seen[::-1]


def test_filters_show_what_they_say(page: Page, out: Path, events: Events) -> None:
    rows = {r["id"]: r for r in many()}

    def listed(**query: Any) -> set[str]:
        found, ids = page.next(**query), set()
        while found["row"]:
            ids.add(found["row"]["id"])
            found = page.next(**query, **{"from": found["row"]["id"]})
        return ids

    assert listed(task="pose") == {i for i, r in rows.items() if r["task"] == "pose"}
    assert listed(task="spatial", subtask="left") == {i for i, r in rows.items() if r["subtask"] == "left"}
    assert listed(dataset="demo") == set(rows)
    assert listed(dataset=EVIL) == set()
    a, b, c = [i for i, r in rows.items() if r["task"] == "pose"]
    page.say(a, {"verdict": "accept"}, 0)
    page.say(b, {"verdict": "reject", "doubt": True}, 0)
    Page(out, events, "Bo").say(b, {"verdict": "accept"}, 9)
    assert listed(task="pose", verdict="unseen") == {c}
    assert listed(verdict="accept") == {a}
    assert listed(verdict="disputed") == {b}
    assert listed(doubt="yes") == {b}
    assert (page.next(task="pose")["done"], page.next(task="pose")["total"]) == (2, 3)


def test_a_judgement_survives_and_others_are_shown_only_after_ones_own(page: Page, out: Path, events: Events) -> None:
    id = page.next()["row"]["id"]
    said = page.say(id, {"verdict": "accept", "comment": "fine"}, 0).json()
    assert (said["mine"]["verdict"], said["version"], said["undo"]) == ("accept", said["seq"], said["seq"])
    bo = Page(out, events, "Bo")
    seen = bo.next()["row"]
    assert (seen["hidden"], seen["others"], seen["history"], seen["mine"]) == (1, [], [], None)
    assert "fine" not in json.dumps(seen)
    assert bo.say(id, {"verdict": "reject"}, seen["version"]).json()["others"][0]["after"]["comment"] == "fine"


def test_the_page_says_who_judged_meanwhile_and_overwrites_nothing(page: Page, out: Path, events: Events) -> None:
    id, tab = page.next()["row"]["id"], Page(out, events, "Ann")
    tab.writes = 100
    page.say(id, {"verdict": "accept"}, 0)
    refused = tab.say(id, {"verdict": "reject"}, 0)
    assert (refused.status_code, "another tab" in refused.json()["error"]) == (409, True)
    assert page.next(by=0, **{"from": id})["row"]["mine"]["verdict"] == "accept"
    assert Page(out, events, "Bo").say(id, {"verdict": "reject"}, 0).json()["since"] == ["Ann"]


def test_undo_and_redo_over_the_wire(page: Page) -> None:
    id = page.next()["row"]["id"]
    done = page.say(id, {"verdict": "accept"}, 0).json()
    undone = page.undo(done["undo"]).json()
    assert (undone["mine"], undone["undo"], undone["subject"]) == (None, 0, id)
    assert page.undo(undone["redo"]).json()["mine"]["verdict"] == "accept"
    assert page.undo(done["undo"]).status_code == 409


def test_answer_mode_never_sends_the_answer(page: Page) -> None:
    for r in many():
        reply = page.get("/api/next", mode="answer", by=0, **{"from": r["id"]})
        sent = reply.json()["row"]
        assert sent["id"] == r["id"]
        assert not [word for word in SECRETS if word in json.dumps(sent)]
        assert not {"answer", "points", "boxes", "ways", "grasps"} & set(sent)
        if r["answer_points"]:
            assert r["answer"] not in reply.text
    yes, no = (asked(full("spatial", answer=a, question="Is it?")) for a in ("Yes", "No"))
    assert {**yes, "id": ""} == {**no, "id": ""}


def test_a_reply_is_kept_in_the_rows_own_words_and_not_after_the_truth_was_seen(
    page: Page, out: Path, events: Events
) -> None:
    grasp = next(r for r in many() if r["task"] == "grasp")
    said = page.say(grasp["id"], {"points": GRASP}, 0, kind="reply").json()
    assert said["mine"]["reply"] == grasp["answer"]
    assert page.next(mode="answer", verdict="unseen", task="grasp")["row"] is None
    pose = next(r for r in many() if r["task"] == "pose")
    page.say(pose["id"], {"verdict": "reject"}, 0)
    refused = page.say(pose["id"], {"points": CORNERS.tolist()}, 0, kind="reply")
    assert (refused.status_code, "seen its answer" in refused.json()["error"]) == (422, True)
    assert page.next(mode="answer", task="pose", **{"from": pose["id"], "by": -1})["row"] is None
    assert Page(out, events, "Bo").say(pose["id"], {"points": CORNERS[:3].tolist()}, 0, kind="reply").status_code == 422


def test_descriptions_are_judged_like_rows(page: Page, events: Events, out: Path) -> None:
    found = {o["obj_id"]: o for o in page.get("/api/objects").json()["objects"]}
    assert (found[1]["description"]["name"], found[7]["description"]["name"]) == ("red mug", "blue can")
    assert page.say("1", {"verdict": "accept"}, 0, kind="object").json()["mine"]["description"]["name"] == "red mug"
    assert page.say("8", {"verdict": "accept"}, 0, kind="object").status_code == 404
    assert page.say("../1", {"verdict": "accept"}, 0, kind="object").status_code == 404
    assert page.get("/api/report").json()["counts"]["Ann"]["objects"] == 1


@pytest.mark.parametrize(
    "body", [[], None, {}, {"annotator": "Ann"}, {"annotator": "Ann", "kind": "row", "subject": 3}]
)
def test_a_write_that_is_none_is_refused_and_leaves_nothing(page: Page, events: Events, body: Any) -> None:
    for path in ("/api/record", "/api/undo"):
        assert 400 <= page.post(path, body).status_code < 500
    assert (
        page.client.post(
            "/api/record", content=b"{", headers={HEADER: page.must.secret, "content-type": "application/json"}
        ).status_code
        == 400
    )
    assert events.catch_up().last == 0


# -- who may ask, who may write ---------------------------------------------------------------------------------------
def test_no_write_without_the_pages_secret(page: Page, events: Events) -> None:
    id = page.next()["row"]["id"]
    body = {
        "request": "request-of-another",
        "annotator": "Eve",
        "kind": "row",
        "subject": id,
        "after": {"verdict": "reject"},
        "seen": 0,
    }
    for headers in (
        {HEADER: ""},
        {HEADER: "guess"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"content-type": "text/plain"},
    ):
        assert page.post("/api/record", body, **headers).status_code in (403, 415)
        assert page.post("/api/undo", body, **headers).status_code in (403, 415)
    assert page.post("/api/record", {**body, "after": {"comment": "x" * (2 << 20)}}).status_code == 413
    assert events.catch_up().last == 0
    assert page.post("/api/record", body, origin="http://localhost:8765").status_code == 200
    for path in ("/api/record", "/api/undo"):
        assert page.get(path).status_code == 405


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8765", "127.0.0.1.evil.example", "", "[::2]:8765"]
)
def test_under_another_name_nothing_is_served(page: Page, host: str) -> None:
    for path in ("/", "/api/session", "/picture"):
        reply = page.client.get(path, headers={"host": host})
        assert reply.status_code == 421
        assert page.must.secret not in reply.text


def test_beyond_loopback_the_token_is_needed(out: Path, events: Events) -> None:
    assert [is_loopback(h) for h in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.0.4", "box")] == [
        True
    ] * 3 + [False] * 3
    assert (pass_for("127.0.0.1").token, pass_for("0.0.0.0").hosts) == ("", frozenset())
    must = pass_for("192.168.0.4", ["box"])
    client = TestClient(application(Desk(read_table(out), events, {}, None), must), base_url="http://box:8765")
    for path in ("/", "/review.js", "/api/session", "/api/next", "/picture"):
        assert client.get(path).status_code == 401
    assert client.get("/?token=wrong").status_code == 401
    assert client.post("/api/record", headers={HEADER: must.secret}, json={}).status_code == 401
    enter = client.get("/", params={"token": must.token}, follow_redirects=False)
    assert (enter.status_code, enter.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in enter.headers["set-cookie"].split(";")}
    assert client.get("/api/session", headers={"cookie": f"{COOKIE}={must.token}"}).json()["secret"] == must.secret


def test_every_reply_forbids_what_is_not_ours(page: Page) -> None:
    for path in ("/", "/review.js", "/draw.js", "/review.css", "/icon.svg", "/api/session", "/nothing"):
        reply = page.client.get(path)
        assert (reply.headers["content-security-policy"], reply.headers["x-content-type-options"]) == (CSP, "nosniff")
    html = page.client.get("/").text
    assert "http:" not in html and "https:" not in html and "<script>" not in html and "style=" not in html
    for script in ("/review.js", "/draw.js"):
        source = page.client.get(script).text
        assert not [
            word for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(") if word in source
        ]


# -- pictures ---------------------------------------------------------------------------------------------------------
def test_pictures_come_out_of_the_bop_folder_only(tmp_path: Path) -> None:
    root, outside = tmp_path / "bop", tmp_path / "secret.png"
    root.mkdir()
    Image.new("RGB", (4, 3), "red").save(outside)
    Image.new("RGB", (4, 3), "green").save(root / "a.png")
    (root / "link.png").symlink_to(outside)
    (root / "inner.png").symlink_to(root / "a.png")
    (root / "notes.txt").write_text("not a picture")
    assert confined(root, "a.png") == root / "a.png"
    assert confined(root, "inner.png") == root / "a.png"
    assert confined(root, "none.png") is None
    for inner in ("../secret.png", str(outside), "link.png", "x/../../secret.png", "a\0.png", "a" * 5_000):
        with pytest.raises(InputError):
            confined(root, inner)
    with pytest.raises(InputError):
        picture({"image": "notes.txt"}, None, root)
    assert (picture({"image": "a.png"}, None, root) or (b"",))[0] == (root / "a.png").read_bytes()


def test_pictures_are_served_from_the_row_or_the_folder(tmp_path: Path) -> None:
    bop = tmp_path / "bop"
    bop.mkdir()
    Image.new("RGB", (8, 6), "green").save(bop / "a.png")
    Image.fromarray(np.full((6, 8), 40_000, np.uint16)).save(bop / "b.tif")
    rows = [full("spatial", frame_id=1, image="a.png"), full("spatial", frame_id=2, image="b.tif")]
    rows += [full("spatial", frame_id=3, image="../../etc/passwd"), full("spatial", frame_id=4, image="gone.png")]
    out = write_out(tmp_path / "out", rows)
    events = Events(store_of(out, bop))
    page = Page(out, events, bop=bop)
    got = [page.client.get(page.next(by=0, **{"from": r["id"]})["row"]["picture"]) for r in rows]
    assert [reply.status_code for reply in got] == [200, 200, 422, 404]
    assert [reply.headers["content-type"] for reply in got[:2]] == ["image/png", "image/png"]
    assert "immutable" in got[0].headers["cache-control"]
    for of in ("x-0", "-1", "", "../../etc/passwd", "--1"):
        assert page.client.get("/picture", params={"of": of}).status_code == 404
    embedded = [{**r, "image": {"bytes": (bop / "a.png").read_bytes(), "path": "a.png"}} for r in rows[:1]]
    page = Page(write_out(tmp_path / "embedded", embedded, shards=1), events)
    sent = page.next()["row"]
    assert page.client.get(sent["picture"]).content == (bop / "a.png").read_bytes()
    assert "bytes" not in json.dumps(sent)
    events.close()


# -- injection --------------------------------------------------------------------------------------------------------
def test_names_texts_and_ids_of_any_kind_are_only_text(tmp_path: Path) -> None:
    rows = [
        full("spatial", question=EVIL, dataset=EVIL, layout=EVIL, evidence=json.dumps({EVIL: EVIL}), phrases=[EVIL])
    ]
    rows[0]["id"] = EVIL
    out = write_out(tmp_path / "out", rows, names=told({"1": [EVIL, EVIL]}))
    events = Events(store_of(out, None))
    page = Page(out, events, EVIL.replace("\u202e", "")[:60])
    sent = page.next()
    assert (sent["row"]["id"], sent["row"]["question"], sent["row"]["evidence"]) == (
        EVIL,
        EVIL,
        [[EVIL, json.dumps(EVIL, ensure_ascii=False)]],
    )
    said = page.say(EVIL, {"verdict": "accept", "comment": EVIL}, 0).json()
    assert (said["mine"]["comment"], said["subject"]) == (EVIL, EVIL)
    assert page.next(dataset=EVIL)["open"] == 1
    assert page.next(task="' OR 1=1 --")["open"] == 0
    assert events._db.execute("SELECT count(*) FROM event").fetchone() == (1,)
    assert page.client.get("/api/next").headers["content-type"] == "application/json"
    events.close()


# -- export -----------------------------------------------------------------------------------------------------------
def mark(verdict: str | None, doubt: bool = False, **fields: Any) -> Mark:
    return Mark(1, "2026-01-02T03:04:05+00:00", {"verdict": verdict, "doubt": doubt, "comment": "", **fields})


FIX = {"question": "Q?", "answer": "No", "points": None}


@pytest.mark.parametrize(
    ("said", "votes", "reason"),
    [
        ([mark("accept")], 1, ""),
        ([mark("accept")], 2, "too_few_votes"),
        ([mark("accept"), mark("accept")], 2, ""),
        ([mark("accept"), mark("reject")], 1, "disputed"),
        ([mark("reject")], 1, "rejected"),
        ([mark("accept"), mark("fix", **FIX)], 1, "disputed"),
        ([mark("fix", **FIX), mark("fix", **FIX)], 2, ""),
        ([mark("fix", **FIX), mark("fix", **{**FIX, "answer": "Yes"})], 1, "disputed"),
        ([mark("accept", doubt=True)], 1, "doubted"),
        ([mark("accept"), mark(None, doubt=True)], 1, "doubted"),
        ([mark(None, doubt=True)], 1, "not_judged"),
        ([], 1, "not_judged"),
    ],
)  # fmt: skip
def test_a_row_is_taken_when_all_who_voted_want_one_thing(said: list[Mark], votes: int, reason: str) -> None:
    marks = {f"person {i}": one for i, one in enumerate(said)}
    assert decide(marks, votes, False).reason == reason


def test_the_export_holds_exactly_what_was_verified(page: Page, out: Path, events: Events, tmp_path: Path) -> None:
    rows = many()
    facts, pose = [r for r in rows if r["task"] == "spatial"], next(r for r in rows if r["task"] == "pose")
    moved = [[u, v + 2.25] for u, v in pose["answer_points"]]
    page.say(facts[0]["id"], {"verdict": "accept"}, 0)
    page.say(facts[1]["id"], {"verdict": "reject", "comment": "no"}, 0)
    page.say(facts[2]["id"], {"verdict": "fix", "question": "Is it really?", "answer": "No"}, 0)
    page.say(pose["id"], {"verdict": "fix", "question": pose["question"], "points": moved}, 0)
    page.say("1", {"verdict": "accept"}, 0, kind="object")
    page.say("7", {"verdict": "reject"}, 0, kind="object")
    page.say(facts[4]["id"], {"answer": "Yes"}, 0, kind="reply")
    done = export(Request(out, verified := tmp_path / "verified"))
    table = pq.read_table(verified / "data")
    assert table.schema.equals(pq.read_table(out / "data").schema)
    found = table.to_pylist()
    assert all(r["id"] == row_id(r) for r in found)
    assert [r["id"] for r in found if r["id"] in {x["id"] for x in rows}] == [facts[0]["id"]]
    assert found[0] == pq.read_table(out / "data").to_pylist()[0]
    assert [(r["question"], r["answer"]) for r in found[1:2]] == [("Is it really?", "No")]
    assert found[2]["answer_points"] == moved
    assert found[2]["answer"] == text_of("pose", moved)
    assert json.loads(found[2]["evidence"])["fixed"] == {"from": pose["id"], "by": ["Ann"]}
    manifest, review = (json.loads((verified / f"{name}.json").read_text()) for name in ("manifest", "review"))
    assert manifest["counts"] == {
        "rows": 3, "frames": 1, "layouts": 1,
        "tasks": {
            "pose": {"rows": 1, "subtasks": {"cuboid": 1}},
            "spatial": {"rows": 2, "subtasks": {"left": 1, "right": 1}, "yes": 1, "no": 1},
        },
    }  # fmt: skip
    assert review["left_out"] == {"not_judged": len(rows) - 4, "rejected": 1}
    assert [r.get("fixed_from") for r in review["rows"]] == [None, facts[2]["id"], pose["id"]]
    assert {said["annotator"] for r in review["rows"] for said in r["said"]} == {"Ann"}
    names = json.loads((verified / "names.json").read_text())
    assert {k: (v["name"], v["status"]) for k, v in names.items()} == {"1": ("red mug", "verified")}
    assert [json.loads(line) for line in (verified / "replies.jsonl").read_text().splitlines()] == [
        {"id": facts[4]["id"], "reply": "Yes", "annotator": "Ann"}
    ]
    assert (done.tally.rows, done.names, done.replies, (verified / "report.html").exists()) == (3, 1, 1, True)
    before = {p.name: p.read_bytes() for p in verified.rglob("*") if p.is_file()}
    export(Request(out, verified, overwrite=True))
    assert {p.name: p.read_bytes() for p in verified.rglob("*") if p.is_file()} == before


def test_an_export_overwrites_nothing_of_others(page: Page, out: Path, tmp_path: Path) -> None:
    page.say(many()[0]["id"], {"verdict": "accept"}, 0)
    (tmp_path / "verified").mkdir()
    (tmp_path / "verified" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="holds files of others"):
        export(Request(out, tmp_path / "verified", overwrite=True))


def test_two_objects_are_not_given_one_name(page: Page, out: Path, tmp_path: Path) -> None:
    page.say("1", {"verdict": "accept"}, 0, kind="object")
    page.say("7", {"verdict": "fix", "description": {"name": "can", "synonyms": ["Red Cup"]}}, 0, kind="object")
    with pytest.raises(InputError, match="Red Cup"):
        export(Request(out, tmp_path / "verified"))
    assert not (tmp_path / "verified").exists()


# -- the command line -------------------------------------------------------------------------------------------------
def test_the_command_line(page: Page, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "report", str(out)]) == 0
    assert capsys.readouterr().out.startswith("Nobody has judged")
    page.say(many()[0]["id"], {"verdict": "accept"}, 0)
    assert main(["review", "report", str(out)]) == 0
    assert "Ann" in capsys.readouterr().out
    assert main(["review", "export", str(out), "--out", str(tmp_path / "verified")]) == 0
    assert "1 rows verified" in capsys.readouterr().out
    assert main(["review", "export", str(out), "--out", str(tmp_path / "verified"), "--votes", "0"]) == 2
    assert main(["review", "report", str(tmp_path)]) == 2
    assert parser().parse_args(["review", "page", "x", "--port", "1"]).port == 1
    assert main(["review", str(tmp_path / "nothing")]) == 2
    assert exporting.summary(exporting.Outcome()).startswith("0 rows verified")
