"""The report and the rows it is made of: true to the shards, self-contained, nothing unescaped."""

from __future__ import annotations

import base64
import io
import json
import re
from collections import Counter
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from view_rows import CORNERS, real_rows, row, write_out

from bopask.bop.folder import open_bop
from bopask.errors import InputError
from bopask.geometry.camera import project
from bopask.store.dataset import bop_root_of
from bopask.view.report import encode, explain, find_row, row_image, sample_rows, write_report
from bopask.view.sample import survey

EVIL = "Is <script>alert('x')</script> left of \"><img src=x onerror=alert(1)> & 'it'?"


def many_rows() -> list[dict[str, Any]]:
    rows = [
        row("spatial", subtask=subtask, answer=answer, scene_id=scene, frame_id=frame, instances=[frame % 3, 1])
        for scene in range(4)
        for frame in range(6)
        for subtask in ("left", "right", "front")
        for answer in ("Yes", "No")
    ]
    rows += [row("pose", CORNERS + f, scene_id=7, frame_id=f, instances=[f % 2]) for f in range(20)]
    rows += [row("rearrangement", [[9.0, 9.0]], scene_id=7, question=EVIL, instances=[3, 1])]
    return rows


@pytest.fixture
def out(tmp_path: Path) -> Path:
    rows = many_rows()
    skips = {"spatial": {"within_margin": 5, "never_heard_of": 2, "zero": 0}, "<b>stage</b>": {"<i>odd</i>": 1}}
    layouts = [
        {"key": "000007-0", "frames": 20, "objects": [1, 2], "world": None},
        {"key": "000001-0", "frames": 6, "objects": 3, "world": {"source": "depth", "confidence": 0.9, "note": "a<b"}},
    ]
    return write_out(
        tmp_path / "out", rows, shards=3, counts={"rows": len(rows), "frames": 44, "layouts": 2}, skips=skips,
        layouts=layouts, config={"tasks": ["</pre><script>"]}, inputs={"a/scene_gt.json": "ab" * 32}, source="../bop",
        bopask="0.1.0",
    )  # fmt: skip


class Page(HTMLParser):
    """Every element with its attributes, and the text."""

    VOID = frozenset({"meta", "img", "input", "br", "th"})  # a th is closed by the next one

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_well_formed_and_fetches_nothing(out: Path) -> None:
    html = write_report(out, None, seed=0).read_text("utf-8")
    page = Page(html)
    assert page.open == []
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/")
        if tag == "a":
            assert (attributes["href"] or "").startswith("#")
    assert not re.search(r"https?://|@import|url\(", html)
    policy = [a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy and "default-src 'none'" in str(policy[0])


def test_text_of_the_data_is_escaped_everywhere(out: Path) -> None:
    page = Page(write_report(out, None, seed=0).read_text("utf-8"))
    assert EVIL in "".join(page.words)  # read back as text ...
    assert not [a for t, a in page.elements if t == "img" and a.get("src") == "x"]  # ... never as an element
    assert "<b>stage</b>" in page.words and "<i>odd</i>" in page.words and "a<b" in page.words
    assert any("</pre><script>" in words for words in page.words)
    assert any(a.get("alt", "").startswith(EVIL) for t, a in page.elements if t == "img")


def test_the_page_tells_counts_skips_and_worlds(out: Path) -> None:
    words = " ".join(Page(write_report(out, None, seed=0).read_text("utf-8")).words)
    assert "165" in words and "72" in words  # rows in all; yes and no of 'spatial'
    assert explain("within_margin") in words and "Never heard of." in words
    assert "000007-0" in words and "No source was sure of up." in words
    assert "not whole" not in words


def test_a_manifest_that_disagrees_with_the_shards_is_said(tmp_path: Path) -> None:
    out = write_out(tmp_path, [row("pose", CORNERS)], shards=1, counts={"rows": 2})
    assert "The manifest states 2 rows" in write_report(out, None, seed=0).read_text("utf-8")


def test_a_bare_manifest_is_enough(tmp_path: Path) -> None:
    out = write_out(tmp_path, many_rows())
    (out / "manifest.json").write_text("{}")
    assert len(Page(write_report(out, None, seed=0).read_text("utf-8")).elements) > 100


def test_same_files_and_seed_give_the_same_bytes(out: Path) -> None:
    first = write_report(out, None, seed=1).read_bytes()
    assert write_report(out, None, seed=1).read_bytes() == first
    assert write_report(out, None, seed=2).read_bytes() != first


def test_the_sample_is_spread(out: Path) -> None:
    rows = sample_rows(out, 6, 0)
    assert rows == sample_rows(out, 6, 0)
    assert len({r["id"] for r in rows}) == len(rows)
    spatial = [r for r in rows if r["task"] == "spatial"]
    assert Counter(r["subtask"] for r in spatial) == {"left": 2, "right": 2, "front": 2}
    assert Counter(r["answer"] for r in spatial) == {"Yes": 3, "No": 3}
    assert len({r["scene_id"] for r in spatial}) == 4
    pose = [r for r in rows if r["task"] == "pose"]
    assert len(pose) == 6 == len({r["frame_id"] for r in pose})
    assert Counter(r["instances"][0] for r in pose) == {0: 3, 1: 3}
    assert sum(r["task"] == "rearrangement" for r in rows) == 1


def test_the_survey_counts_every_row(out: Path) -> None:
    rows, found = many_rows(), survey(out, 0, keep=2)
    verdicts = {"Yes": "yes", "No": "no"}
    assert found.counts == Counter((r["task"], r["subtask"], verdicts.get(r["answer"], "")) for r in rows)
    assert {task: len(texts) for task, texts in found.questions.items()} == {
        task: len({r["question"] for r in rows if r["task"] == task}) for task in ("spatial", "pose", "rearrangement")
    }
    assert max(map(len, found.places.values())) == 2


def test_of_too_many_row_groups_some_are_read_and_the_manifest_counts(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = survey(out, 0, most=100)
    assert some.rows == len(many_rows()) > sum(some.counts.values()) > 0 and not some.whole
    manifest = json.loads((out / "manifest.json").read_text())
    told = {task: {"rows": 1234, "subtasks": {"told": 1234}} for task, _, _ in survey(out, 0).counts}
    (out / "manifest.json").write_text(json.dumps(manifest | {"counts": {**manifest["counts"], "tasks": told}}))
    assert "1,234" not in write_report(out, None, seed=0).read_text("utf-8")
    monkeypatch.setattr("bopask.view.report.survey", partial(survey, most=100))
    assert "1,234" in write_report(out, None, seed=0).read_text("utf-8")


def test_every_row_is_found_by_its_id(out: Path) -> None:
    for made in many_rows()[::11]:
        assert find_row(out, made["id"]) == made


def test_an_unknown_id_is_said(out: Path) -> None:
    with pytest.raises(InputError, match="no row with the id 'feed'"):
        find_row(out, "feed")


@pytest.mark.parametrize("broken", ["nothing", "no manifest", "manifest", "list", "shard"])
def test_broken_folders_are_named(out: Path, broken: str) -> None:
    if broken == "nothing":
        for path in (out / "data").iterdir():
            path.unlink()
    elif broken == "no manifest":
        (out / "manifest.json").unlink()
    elif broken == "shard":
        shard = out / "data" / "train-00001.parquet"
        shard.write_bytes(shard.read_bytes()[:-50])
    else:
        (out / "manifest.json").write_text({"manifest": "{", "list": "[]"}[broken])
    with pytest.raises(InputError):
        write_report(out, None, seed=0)
    assert not (out / "report.html").exists()


def test_the_image_of_a_row(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    (tmp_path / "rgb.png").write_bytes(buffer.getvalue())
    embedded = row_image({"image": {"bytes": buffer.getvalue(), "path": None}}, None)
    beside = row_image({"image": "rgb.png"}, tmp_path)
    assert embedded is not None and beside is not None
    assert (embedded == pixels).all() and (beside == pixels).all()
    for image in ("", None, {"bytes": None, "path": ""}, "gone.png"):
        assert row_image({"image": image}, tmp_path) is None
    assert row_image({"image": "rgb.png"}, None) is None


@pytest.mark.parametrize("path", ["../secret.png", "/etc/secret.png", "rgb/../../secret.png"])
def test_an_image_path_cannot_leave_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="leaves the BOP folder"):
        row_image({"image": path}, tmp_path)


def test_an_undecodable_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "rgb.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"rgb\.png"):
        row_image({"image": "rgb.png"}, tmp_path)


def test_pictures_stay_small() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8))
    assert len(encode(noise, 20_000)) <= 20_000


def test_the_bop_folder_is_remembered(out: Path) -> None:
    assert bop_root_of(out) is None
    (out.parent / "bop").mkdir()
    assert bop_root_of(out) == (out.parent / "bop").resolve()


def test_real_answers_on_real_images(ycbv_mini: Path, tmp_path: Path) -> None:
    out = write_out(tmp_path, list(real_rows(ycbv_mini)), row_group=100)
    page = Page(write_report(out, ycbv_mini, per_task=2, seed=0).read_text("utf-8"))
    images = [str(a["src"]).split(",", 1)[1] for t, a in page.elements if t == "img"]
    assert len(images) == 12
    for image in images:
        data = base64.b64decode(image)
        assert len(data) <= 70_000
        assert np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).std() > 20  # a photo, not the empty sheet


def test_a_folder_without_images_is_drawn_from_its_poses(tmp_path: Path) -> None:
    from tiny import write_tiny_bop

    root = write_tiny_bop(tmp_path / "set", images=False, depth=False, masks=False)
    frame = open_bop(root).read_scene("train", 0).frames[0]
    row = {"split": "train", "scene_id": 0, "frame_id": 0, "sensor": "", "image": "", "instances": [0, 2]}
    picture = row_image(row, root)
    assert picture is not None and picture.shape == (120, 160, 3)
    pixels = project(frame.camera.K, frame.T_cam_obj[:, :3, 3])
    at = [picture[round(v), round(u)].astype(int) for u, v in pixels]
    assert at[0][2] > at[0][0] + 20 and at[2][0] > at[2][2] + 20  # blue for the first, amber for the second
    assert abs(at[1] - at[1].mean()).max() < 10  # gray for what is not asked about
    assert row_image({**row, "frame_id": 99}, root) is None
    assert row_image(row, tmp_path / "nowhere") is None
