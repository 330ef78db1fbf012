"""A set of one's own photos: made, answered on the page, exported, and scored as any other."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from PIL import Image
from starlette.testclient import TestClient

from bopask.ask.identity import row_id
from bopask.bench.dataset import DataSet
from bopask.bench.lab import ORIENTATION, Lab, lab
from bopask.cli import main
from bopask.errors import InputError
from bopask.review.app import Desk, application
from bopask.review.events import Events, store_of
from bopask.review.guard import HEADER, Pass
from bopask.review.judgement import Refused, read_judgement
from bopask.review.table import read_table
from bopask.store.dataset import read_manifest

SAMPLE = Path(__file__).parent.parent / "src/bopask/data/sample/train/000000/rgb"
GRASP = [[300, 200.0], [280, 210], [320, 190], [275, 180], [315, 160]]
ASKED = [
    {"image": "desk/a.jpg", "task": "grasp", "question": "How would you grasp the mug?", "phrases": ["mug"]},
    {"image": "turned.jpg", "task": "spatial", "question": "Is the mug left of the can?", "subtask": "left"},
    {"image": "desk/a.jpg", "task": "trajectory", "question": "Carry the mug to the bowl."},
]


@pytest.fixture
def job(tmp_path: Path) -> Lab:
    """Two photos, one of them taken with the camera on its side."""
    (photos := tmp_path / "photos" / "desk").mkdir(parents=True)
    (photos / "a.jpg").write_bytes((SAMPLE / "000000.jpg").read_bytes())
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.open(SAMPLE / "000001.jpg").save(photos.parent / "turned.jpg", exif=exif)
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n\n".join(map(json.dumps, ASKED)), "utf-8")
    return Lab(photos.parent, questions, tmp_path / "lab")


def fix(out: Path, answers: list[dict[str, Any]]) -> None:
    """One person draws or chooses the answer of every row, on the page."""
    must, events = Pass(frozenset({"localhost"})), Events(store_of(out, None))
    desk = Desk(read_table(out), events, read_manifest(out), None)
    client = TestClient(application(desk, must), base_url="http://localhost:8765")
    headers = {HEADER: must.secret, "content-type": "application/json"}
    for i, (row, answer) in enumerate(zip(DataSet(out).rows(), answers, strict=True)):
        after = {"verdict": "fix", "question": row["question"], **answer}
        body = {"annotator": "Ann", "kind": "row", "subject": row["id"], "seen": 0, "request": f"request-{i}"}
        told = client.post("/api/record", content=orjson.dumps(body | {"after": after}), headers=headers)
        assert told.status_code == 200, told.text
    events.close()


def test_photos_become_rows_without_answers_that_carry_their_pictures(job: Lab) -> None:
    assert lab(job).rows == len(ASKED)
    rows = pq.read_table(job.out / "data").to_pylist()
    assert [(r["task"], r["subtask"], r["question"], r["phrases"]) for r in rows] == [
        (a["task"], a.get("subtask", "lab"), a["question"], a.get("phrases", [])) for a in ASKED
    ]
    assert all(r["id"] == row_id(r) and r["answer"] == "" and r["answer_points"] is None for r in rows)
    assert [r["frame_id"] for r in rows] == [0, 1, 0]
    assert rows[0]["image"]["bytes"] == (job.photos / "desk/a.jpg").read_bytes()
    for row in rows:
        said = json.loads(row["evidence"])["photo_sha256"]
        assert said == hashlib.sha256(row["image"]["bytes"]).hexdigest()


def test_a_photo_that_was_taken_sideways_is_turned_upright_without_loss(job: Lab) -> None:
    lab(job)
    data = DataSet(job.out)
    row = list(data.rows())[1]
    with Image.open(job.photos / "turned.jpg") as lying:
        assert (row["width"], row["height"]) == (lying.height, lying.width)
        upright = np.asarray(lying.convert("RGB").rotate(-90, expand=True))
    picture = data.picture(row)
    (job.out / "seen").write_bytes(picture.data)
    assert picture.mime == "image/png"
    assert np.array_equal(np.asarray(Image.open(job.out / "seen")), upright)


def test_what_people_answered_is_a_benchmark_that_the_oracle_solves(
    job: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab(job)
    fix(job.out, [{"points": GRASP}, {"answer": "Yes"}, {"points": [[10, 20], [30, 40], [70, 60]]}])
    verified, replies, run = (str(tmp_path / name) for name in ("verified", "replies.jsonl", "run"))
    assert main(["review", "export", str(job.out), "--out", verified]) == 0
    found = list(DataSet(Path(verified)).rows())
    assert [r["answer_points"] for r in found] == [GRASP, None, [[10, 20], [30, 40], [70, 60]]]
    assert main(["baseline", verified, "--kind", "oracle", "--out", replies]) == 0
    assert main(["score", verified, replies, "--out", run]) == 0
    told = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    for line in (["grasp", "mace_set", "100"], ["trajectory", "distance_px", "0"], ["spatial", "binary_success", "1"]):
        assert line in told


def test_what_has_no_answer_cannot_be_accepted(job: Lab) -> None:
    lab(job)
    row = next(iter(DataSet(job.out).rows()))
    with pytest.raises(Refused, match="no answer yet"):
        read_judgement({"verdict": "accept"}, row)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("[1, 2]", "no JSON object|not a JSON object"),
        ('{"image": "desk/a.jpg", "task": "grasp"}', "no 'question'"),
        ('{"image": "desk/a.jpg", "task": "poetry", "question": "Why?"}', "'poetry', which is none of pose"),
        ('{"image": "desk/a.jpg", "task": "grasp", "question": "How?", "answr": "x"}', "'answr', which means nothing"),
        ('{"image": "desk/a.jpg", "task": "grasp", "question": "How?", "phrases": "mug"}', "no list of texts"),
        ('{"image": "b.jpg", "task": "grasp", "question": "How?"}', "no picture"),
        ('{"image": "../questions.jsonl", "task": "grasp", "question": "How?"}', "leaves the"),
        (json.dumps(ASKED[0]), "asks what line 1 asks"),
    ],
)
def test_a_line_that_asks_nothing_is_told_and_nothing_is_written(job: Lab, line: str, wrong: str) -> None:
    with job.questions.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(InputError, match=wrong):
        lab(job)
    assert not job.out.exists()


def test_the_same_photos_and_questions_give_the_same_bytes(job: Lab, tmp_path: Path) -> None:
    again = Lab(job.photos, job.questions, tmp_path / "again")
    lab(job), lab(again)
    written = [
        [(f.relative_to(one), f.read_bytes()) for f in sorted(one.rglob("*")) if f.is_file()]
        for one in (job.out, again.out)
    ]
    assert written[0] == written[1]
