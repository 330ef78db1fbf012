"""The review page in a real headless browser: a person judges, fixes, undoes, answers; the server is killed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from review_server import full, serving, with_pictures
from view_rows import CORNERS, told, write_out

from bopask.bench.lab import Lab, lab
from bopask.cli import main
from bopask.review.events import Events, store_of

CHROMIUM = os.environ.get("BOPASK_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `dev`)")
if not CHROMIUM:
    pytest.skip(
        "no Chromium is installed: apt-get install -y chromium, or set BOPASK_CHROMIUM", allow_module_level=True
    )
pytest.importorskip("uvicorn", reason="the extra `review` is not installed")

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGS += ["--disable-component-update", "--disable-sync"]
EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'; DROP TABLE event; --'
expect = sync_api.expect


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield running
        running.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return with_pictures(tmp_path)


@pytest.fixture
def address(out: Path) -> Iterator[str]:
    with serving(out) as (address, _):
        yield address


def opened(browser: Any, address: str, annotator: str, context: Any = None) -> Any:
    """A tab in which a person has said who they are. What goes wrong in it is kept in `errors`, requests in `asked`."""
    context = context or browser.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.errors, tab.asked = [], []
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.on("dialog", lambda dialog: tab.errors.append(dialog.message))
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.goto(address + "/")
    tab.fill("#name", annotator)
    tab.press("#name", "Enter")
    expect(tab.locator("#panel .chip.task")).to_be_visible()
    return tab


def clean(tab: Any, address: str) -> bool:
    """Nothing failed in the tab, and it spoke to nobody but the server."""
    return not tab.errors and all(url.startswith((address + "/", "data:")) for url in tab.asked)


def said(out: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What stands in the store, read by another process than the server: by kind and annotator."""
    events = Events(store_of(out, None))
    found = {
        (subject, name): dict(mark.after)
        for kind in ("row", "reply", "object")
        for subject, marks in events.standing.said(kind)
        for name, mark in marks.items()
        if mark.after
    }
    events.close()
    return found


def id_of(tab: Any) -> str:
    return str(tab.locator("#panel > .id").inner_text().split()[-1])


def handle(tab: Any, index: int) -> tuple[float, float]:
    """Where a point of the answer is on the screen."""
    box = tab.locator(f'.handle[data-index="{index}"]').bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(tab: Any, start: tuple[float, float], by: tuple[float, float]) -> None:
    tab.mouse.move(*start)
    tab.mouse.down()
    tab.mouse.move(start[0] + by[0] / 2, start[1] + by[1] / 2)
    tab.mouse.move(start[0] + by[0], start[1] + by[1])
    tab.mouse.up()


def test_judge_go_on_undo_redo_and_reload(browser: Any, address: str, out: Path) -> None:
    tab = opened(browser, address, "Ann")
    first = id_of(tab)
    expect(tab.locator("#undo")).to_be_disabled()
    tab.fill("#comment", "hugs it")
    tab.click("#accept")
    expect(tab.locator("#place")).to_have_text("2 of 6")
    expect(tab.locator("#done")).to_have_text("1 of 6 judged")
    assert said(out)[first, "Ann"] == {"verdict": "accept", "doubt": False, "comment": "hugs it"}
    tab.keyboard.press("r")
    expect(tab.locator("#place")).to_have_text("3 of 6")
    third = id_of(tab)
    tab.reload()
    expect(tab.locator("#place")).to_have_text("3 of 6")
    assert id_of(tab) == third
    tab.click("#undo")
    expect(tab.locator("#place")).to_have_text("2 of 6")
    expect(tab.locator("#mine")).to_have_count(0)
    tab.keyboard.press("u")
    expect(tab.locator("#place")).to_have_text("1 of 6")
    expect(tab.locator("#undo")).to_be_disabled()
    assert said(out) == {}
    tab.keyboard.press("Shift+U")
    expect(tab.locator("#mine")).to_have_text("you accepted this")
    assert said(out)[first, "Ann"]["comment"] == "hugs it"
    tab.select_option("#verdict", "unseen")
    expect(tab.locator("#place")).to_have_text("1 of 5")
    assert clean(tab, address)


def test_a_point_is_fixed_by_dragging(browser: Any, address: str, out: Path) -> None:
    tab = opened(browser, address, "Ann")
    id = id_of(tab)
    scale = tab.evaluate(
        "() => { const s = document.querySelector('#picture'); return s.viewBox.baseVal.width / s.clientWidth }"
    )
    drag(tab, handle(tab, 4), (30, -21))
    expect(tab.locator("#changes")).to_contain_text("top front left by")
    expect(tab.locator("#accept")).to_be_disabled()
    other = opened(browser, address, "Bo")
    with other.expect_response("**/api/record"):
        other.keyboard.press("a")
    tab.reload()  # what is not saved survives, whatever others say meanwhile
    expect(tab.locator("#changes")).to_contain_text("top front left by")
    tab.keyboard.press("f")
    expect(tab.locator("#place")).to_have_text("2 of 6")
    fix = said(out).pop((id, "Ann"))
    moved = [CORNERS[4, 0] + 30 * scale, CORNERS[4, 1] - 21 * scale]
    assert fix["points"][4] == pytest.approx(moved, abs=0.02)
    assert [p for i, p in enumerate(fix["points"]) if i != 4] == [list(p) for i, p in enumerate(CORNERS) if i != 4]
    assert f"[{round(moved[0])}, {round(moved[1])}]" in fix["answer"]
    tab.click("#previous")
    expect(tab.locator("#mine")).to_have_text("you fixed this")
    tab.click("#undo")
    expect(tab.locator("#mine")).to_have_count(0)
    expect(tab.locator("#answer")).to_have_value(re.compile(rf"\[{CORNERS[4, 0]:.0f}, {CORNERS[4, 1]:.0f}\]"))
    assert list(said(out)) == [(id, "Bo")]
    assert clean(tab, address)


def test_points_are_moved_by_keys_added_and_removed_and_text_is_edited(browser: Any, address: str, out: Path) -> None:
    tab = opened(browser, address, "Ann")
    tab.select_option("#task", "trajectory")
    expect(tab.locator("#panel .chip.task")).to_have_text("Trajectory")
    id = id_of(tab)
    tab.locator('.handle[data-index="1"]').focus()
    tab.keyboard.press("Shift+ArrowRight")
    tab.keyboard.press("ArrowUp")
    expect(tab.locator("#answer")).to_have_value("[[100, 200], [210, 99], [330, 250]]")
    (u, v), (s, t) = handle(tab, 1), handle(tab, 2)
    tab.mouse.dblclick((u + s) / 2, (v + t) / 2)
    expect(tab.locator(".handle")).to_have_count(4)
    tab.locator('.handle[data-index="1"]').focus()
    tab.keyboard.press("Delete")
    expect(tab.locator(".handle")).to_have_count(3)
    tab.fill("#answer", "[[100, 200], [150, 60], [330, 250]]")
    tab.fill("#question", "How is it carried?")
    tab.click("#fix")
    expect(tab.locator("#mine")).to_have_text("you fixed this")
    fix = said(out)[id, "Ann"]
    assert (fix["question"], fix["points"]) == ("How is it carried?", [[100, 200], [150, 60], [330, 250]])
    assert clean(tab, address)


def test_a_doubt_and_a_comment_are_kept_without_a_verdict(browser: Any, address: str, out: Path) -> None:
    tab = opened(browser, address, "Ann")
    id = id_of(tab)
    tab.keyboard.press("d")
    expect(tab.locator("#panel .chip.doubt")).to_be_visible()
    tab.fill("#comment", "which one?")
    tab.click("#remark button")
    expect(tab.locator("#remark")).to_be_hidden()
    assert said(out)[id, "Ann"] == {"verdict": None, "doubt": True, "comment": "which one?"}
    tab.check("#doubted")
    expect(tab.locator("#place")).to_have_text("1 of 1")
    assert clean(tab, address)


def test_layers_zoom_and_pan(browser: Any, address: str) -> None:
    tab = opened(browser, address, "Ann")
    tab.select_option("#task", "depth")
    expect(tab.locator("#badge")).to_have_text("No")
    drawn = tab.locator("#picture .ink polyline")
    expect(drawn).to_have_count(2)
    tab.keyboard.press("1")
    expect(drawn).to_have_count(0)
    tab.keyboard.press("2")
    expect(tab.locator("#badge")).to_be_hidden()
    view = "() => document.querySelector('#picture').getAttribute('viewBox').split(' ').map(Number)"
    before = tab.evaluate(view)
    tab.mouse.move(400, 400)
    tab.mouse.wheel(0, -300)
    tab.wait_for_function(f"w => ({view})()[2] < w", arg=before[2])
    near = tab.evaluate(view)
    drag(tab, (400, 400), (50, 0))
    assert tab.evaluate(view)[0] == pytest.approx(
        near[0] - 50 * near[2] / tab.locator("#picture").bounding_box()["width"]
    )
    tab.keyboard.press("0")
    assert tab.evaluate(view) == pytest.approx(before)
    assert clean(tab, address)


def test_what_has_no_answer_yet_is_given_one_point_by_point(browser: Any, tmp_path: Path) -> None:
    photos = Path(__file__).parent.parent / "src/bopask/data/sample/train/000000/rgb"
    (questions := tmp_path / "questions.jsonl").write_text(
        '{"image": "000000.jpg", "task": "grasp", "question": "How would you grasp the nearest thing?"}', "utf-8"
    )
    lab(Lab(photos, questions, out := tmp_path / "out"))
    with serving(out) as (address, _):
        tab = opened(browser, address, "Ann")
        expect(tab.locator("#given")).to_contain_text("Grasp center (1 of 5)")
        expect(tab.locator("#accept")).to_be_disabled()
        for n, (x, y) in enumerate([(400, 300), (350, 330), (450, 330), (350, 390), (450, 390), (460, 400)], 1):
            tab.mouse.click(x, y)
            expect(tab.locator(".handle")).to_have_count(min(n, 5))
        tab.keyboard.press("Backspace")
        expect(tab.locator(".handle")).to_have_count(4)
        tab.mouse.click(440, 380)
        drag(tab, handle(tab, 4), (12, 8))
        if shown := os.environ.get("BOPASK_SHOTS"):
            tab.screenshot(path=f"{shown}/lab.png")
        with tab.expect_response("**/api/record"):
            tab.click("#fix")
        assert not tab.errors
    assert main(["review", "export", str(out), "--out", str(tmp_path / "verified")]) == 0
    (found,) = pq.read_table(tmp_path / "verified" / "data").to_pylist()
    assert len(found["answer_points"]) == 5
    assert re.fullmatch(r"Grasp center: \[\d+, \d+\], .*Right finger tip: \[\d+, \d+\]", found["answer"])


def test_answer_mode_hides_the_truth_and_keeps_replies(browser: Any, address: str, out: Path, tmp_path: Path) -> None:
    tab = opened(browser, address, "Ann")
    tab.click("[data-mode=answer]")
    expect(tab.locator("#send")).to_be_visible()
    bodies: list[str] = []
    tab.on("response", lambda reply: bodies.append(reply.text()) if "/api/" in reply.url else None)
    tab.reload()
    tab.select_option("#task", "grasp")
    expect(tab.locator("#given")).to_contain_text("Grasp center (1 of 5)")
    assert tab.locator(".handle").count() == 0
    for n, (x, y) in enumerate([(400, 300), (350, 330), (450, 330), (350, 390), (450, 390)], 1):
        tab.mouse.click(x, y)
        expect(tab.locator(".handle")).to_have_count(n)
    drag(tab, handle(tab, 4), (12, 8))
    grasp = id_of(tab)
    with tab.expect_response("**/api/record"):
        tab.keyboard.press("Enter")
    tab.select_option("#task", "depth")
    expect(tab.locator(".choice")).to_be_visible()
    expect(tab.locator("#badge")).to_be_hidden()
    depth = id_of(tab)
    tab.keyboard.press("y")
    expect(tab.locator("#badge")).to_have_text("Yes")
    with tab.expect_response("**/api/record"):
        tab.click("#send")
    expect(tab.locator("#done")).to_have_text("1 of 1 answered")
    assert bodies and not [body for body in bodies if "bbox" in body or "[300, 200]" in body or "evidence" in body]
    assert main(["review", "export", str(out), "--out", str(tmp_path / "verified")]) == 0
    replies = {r["id"]: r for r in map(json.loads, (tmp_path / "verified" / "replies.jsonl").read_text().splitlines())}
    assert replies[depth] == {"id": depth, "reply": "Yes", "annotator": "Ann"}
    assert re.fullmatch(r"Grasp center: \[\d+, \d+\], .*Right finger tip: \[\d+, \d+\]", replies[grasp]["reply"])
    assert clean(tab, address)


def test_two_people_in_two_tabs(browser: Any, address: str, out: Path) -> None:
    ann, bo = opened(browser, address, "Ann"), opened(browser, address, "Bo")
    id = id_of(ann)
    assert id_of(bo) == id
    ann.fill("#comment", "a box")
    ann.click("#accept")
    expect(ann.locator("#place")).to_have_text("2 of 6")
    expect(bo.locator("#panel")).not_to_contain_text("a box")
    bo.click("#reject")
    expect(bo.locator("#status")).to_contain_text("Ann judged this row while you looked at it")
    expect(bo.locator("#others")).to_contain_text("Ann accepted")
    assert {name: after["verdict"] for (_, name), after in said(out).items()} == {"Ann": "accept", "Bo": "reject"}
    bo.click("[data-mode=report]")
    expect(bo.locator("#report")).to_contain_text("Cohen’s κ")
    bo.click("[data-mode=review]")
    bo.select_option("#verdict", "disputed")
    expect(bo.locator("#place")).to_have_text("1 of 1")
    assert clean(ann, address) and clean(bo, address)


def test_one_person_in_two_tabs_overwrites_nothing_unseen(browser: Any, address: str, out: Path) -> None:
    first = opened(browser, address, "Ann")
    second = opened(browser, address, "Ann", first.context)
    id = id_of(first)
    first.click("#accept")
    expect(first.locator("#place")).to_have_text("2 of 6")
    second.click("#reject")
    expect(second.locator("#conflict")).to_contain_text("You accepted this row in another tab meanwhile")
    assert said(out)[id, "Ann"]["verdict"] == "accept"
    second.get_by_text("Save mine over it").click()
    expect(second.locator("#mine")).to_have_text("you rejected this")
    assert said(out)[id, "Ann"]["verdict"] == "reject"


def test_the_server_is_killed_while_a_person_judges(browser: Any, out: Path) -> None:
    with serving(out) as (address, process):
        tab = opened(browser, address, "Ann")
        first = id_of(tab)
        tab.keyboard.press("a")
        expect(tab.locator("#place")).to_have_text("2 of 6")
        second = id_of(tab)
        process.kill()
        process.wait()
        tab.keyboard.press("r")
        expect(tab.locator("#status")).to_contain_text("Not saved yet")
        assert {id: after["verdict"] for (id, _), after in said(out).items()} == {first: "accept"}
    with serving(out, int(address.rpartition(":")[2])):
        expect(tab.locator("#place")).to_have_text("3 of 6", timeout=20_000)
        assert {id: after["verdict"] for (id, _), after in said(out).items()} == {first: "accept", second: "reject"}
        assert not tab.errors


def test_names_are_accepted_and_fixed(browser: Any, address: str, out: Path) -> None:
    tab = opened(browser, address, "Ann")
    tab.click("[data-mode=objects]")
    expect(tab.locator("#word-name")).to_have_value("red mug")
    expect(tab.locator("#name-fix")).to_be_disabled()
    tab.fill("#word-synonyms", "red cup, coffee mug")
    expect(tab.locator("#name-accept")).to_be_disabled()
    tab.click("#name-fix")
    expect(tab.locator("#list .chip")).to_have_text("fixed")
    assert said(out)["1", "Ann"]["description"]["synonyms"] == ["red cup", "coffee mug"]
    tab.keyboard.press("u")
    expect(tab.locator("#list .chip")).to_have_count(0)
    expect(tab.locator("#word-synonyms")).to_have_value("red cup")
    assert clean(tab, address)


def test_injected_markup_is_text(browser: Any, tmp_path: Path) -> None:
    hostile = {"question": EVIL, "dataset": EVIL, "layout": EVIL, "evidence": json.dumps({EVIL: EVIL})}
    rows = [full("spatial", **hostile), full("odd<b>", [[5.0, 5.0]], **hostile)]
    rows[0]["id"] = EVIL
    out = write_out(tmp_path / "out", rows, names=told({"1": [EVIL, EVIL]}), dataset=EVIL)
    with serving(out) as (address, _):
        tab = opened(browser, address, EVIL[:60])
        expect(tab.locator("#question")).to_have_value(EVIL)
        tab.fill("#comment", EVIL)
        tab.click("#reject")
        expect(tab.locator("#place")).to_have_text("2 of 2")
        other = opened(browser, address, EVIL[1:60])
        other.keyboard.press("a")
        expect(other.locator("#place")).to_have_text("2 of 2")
        for mode in ("objects", "report", "answer", "review"):
            other.click(f"[data-mode={mode}]")
            expect(other.locator(f"nav [data-mode={mode}]")).to_have_attribute("aria-current", "page")
        other.click("#previous")
        expect(other.locator("#others")).to_contain_text(EVIL)
        for page in (tab, other):
            assert page.evaluate("window.hacked") is None
            assert page.locator("body img, body script").count() == 0
            assert not [error for error in page.errors if "hacked" in error]
        assert said(out)[EVIL, EVIL[:60]]["comment"] == EVIL
