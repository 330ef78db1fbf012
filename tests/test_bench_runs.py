"""Replies made elsewhere, baselines, selections and the report: `bopask score`, `baseline`, `select`, `report`."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_reading import headlines

from bopask.bench.baselines import Baseline, baseline
from bopask.bench.dataset import DataSet
from bopask.bench.difficulty import difficulty, thirds
from bopask.bench.intervals import interval
from bopask.bench.replies import Journal, journal, line_of, read_lines, read_replies
from bopask.bench.scores import HEADLINE, SCORES, WITHOUT_SCENE
from bopask.bench.scoring import Scoring, score_replies
from bopask.bench.select import Light, Selection, evenly, scenes_of, select, share_out
from bopask.board.published import CORE
from bopask.board.report import write_board
from bopask.cli import main
from bopask.errors import InputError, OutputError

EVIL = "<script>alert('x')</script>|\"><img src=x onerror=alert(1)> & 'it'"


@pytest.fixture(scope="module")
def data(asked: Path, crowded: Path) -> DataSet:
    return DataSet(asked, crowded)


def made(data: DataSet, kind: str, folder: Path, **more: Any) -> dict[str, Any]:
    """A baseline, scored."""
    name = kind.replace(":", "-")
    baseline(Baseline(data.out, kind, folder / f"{name}.jsonl"))
    return score_replies(Scoring(data.out, folder / f"{name}.jsonl", folder / name, data.given, **more))


def written(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


# Baselines


def test_the_oracle_is_perfect_under_every_score(data: DataSet, tmp_path: Path) -> None:
    told = made(data, "oracle", tmp_path)
    assert set(told["tasks"]) == set(SCORES)
    assert headlines(told) == {task: pytest.approx(1.0, abs=1e-6) for task in SCORES}
    for task, of in told["tasks"].items():
        assert of["failed"] == {}
        for name, mean in of["scores"].items():
            rule = SCORES[task][name]
            if task == "rearrangement" and name == "chamfer_spatialcli":
                assert mean["value"] == pytest.approx(1.0, abs=1e-6)
            elif mean["n"] and name != "box_iou_depth":
                assert mean["value"] == pytest.approx(
                    rule.best, abs=1e-3 * max(1.0, rule.high if rule.high < 1e3 else 1)
                )


def test_the_oracle_needs_no_meshes_for_what_is_scored_without(data: DataSet, tmp_path: Path) -> None:
    baseline(Baseline(data.out, "oracle", tmp_path / "oracle.jsonl"))
    folder = tmp_path / "moved"
    (folder / "data").mkdir(parents=True)
    for path in data.shards:
        (folder / "data" / path.name).write_bytes(path.read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**data.manifest, "source": ""}))
    told = score_replies(Scoring(folder, tmp_path / "oracle.jsonl", tmp_path / "run"))
    assert told["scene"] is False
    assert {task: of["headline"] for task, of in told["tasks"].items()} == dict(WITHOUT_SCENE)
    for task, of in told["tasks"].items():
        assert of["scores"][of["headline"]]["value"] == pytest.approx(SCORES[task][of["headline"]].best, abs=1e-3)


def test_noise_costs_more_the_more_there_is(data: DataSet, tmp_path: Path) -> None:
    curve = [headlines(made(data, f"noise:{sigma}", tmp_path)) for sigma in (0, 4, 16, 64)]
    for task in ("pose", "grasp", "trajectory"):
        values = [of[task] for of in curve]
        assert values == sorted(values, reverse=True), task
        assert values[0] == pytest.approx(1.0, abs=1e-6)
        assert values[-1] < 0.2
    assert curve[-1]["spatial"] == 1.0  # noise moves points; a verdict has none


def test_what_knows_nothing_is_worth_little(data: DataSet, tmp_path: Path) -> None:
    for kind in ("random", "centre", "most-frequent", "copy"):
        told = made(data, kind, tmp_path)
        values = headlines(told)
        assert told["counts"]["status"] == {"ok": told["counts"]["rows"]}, kind
        assert all(values[task] < 0.1 for task in ("pose", "grasp", "trajectory")), kind
        assert all(0.35 < values[task] < 0.65 for task in ("spatial", "depth")), kind


def test_a_baseline_speaks_any_dialect_and_unknown_kinds_are_refused(data: DataSet, tmp_path: Path) -> None:
    for dialect in ("gemini", "qwen2.5-vl"):
        baseline(Baseline(data.out, "oracle", tmp_path / "a.jsonl", dialect))
        told = score_replies(Scoring(data.out, tmp_path / "a.jsonl", tmp_path / dialect, data.given))
        assert told["dialect"] == dialect
        assert min(headlines(told).values()) == pytest.approx(1.0, abs=1e-3)
    for kind in ("oracel", "noise", "noise:-1", "noise:x", "copy:3"):
        with pytest.raises(InputError, match="--kind"):
            baseline(Baseline(data.out, kind, tmp_path / "b.jsonl"))


# Replies


def test_unknown_repeated_contradicting_and_missing_are_told_apart(data: DataSet, tmp_path: Path) -> None:
    rows = [row for row in data.rows() if row["task"] == "depth"]
    (a, b, c), rest = rows[:3], len(list(data.rows())) - 3
    wrong = {"Yes": "No", "No": "Yes"}
    lines = [
        {"id": a["id"], "reply": a["answer"]},
        {"id": a["id"], "reply": a["answer"]},
        {"id": b["id"], "reply": b["answer"]},
        {"id": b["id"], "reply": wrong[b["answer"]]},
        {"id": "nowhere", "reply": "Yes"},
        {"id": c["id"], "reply": None, "error": "timeout"},
    ]
    replies = written(tmp_path / "r.jsonl", lines)
    told = score_replies(Scoring(data.out, replies, tmp_path / "run", data.given, dialect="bopask"))
    counts = told["counts"]
    assert (counts["replies"], counts["not_answered"]) == (2, rest + 1)
    assert (counts["unknown_id"], counts["repeated"], counts["contradicted"]) == (1, 1, 1)
    assert counts["errors"] == {"timeout": 1}
    depth = told["tasks"]["depth"]
    assert depth["failed"] == {"not_answered": len(rows) - 2}
    assert depth["scores"]["binary_success"]["value"] == pytest.approx(2 / len(rows))
    assert depth["scores"]["binary_success"]["of_parsed"] == 1.0
    only = score_replies(
        Scoring(data.out, replies, tmp_path / "only", data.given, dialect="bopask", answered_only=True)
    )
    assert only["counts"]["rows"] == 2
    assert headlines(only) == {"depth": 1.0}


def test_several_people_may_answer_a_row(data: DataSet, tmp_path: Path) -> None:
    row = next(row for row in data.rows() if row["task"] == "depth")
    wrong = "No" if row["answer"] == "Yes" else "Yes"
    lines = [
        {"id": row["id"], "reply": reply, "annotator": who} for who, reply in (("ann", row["answer"]), ("bob", wrong))
    ]
    replies = written(tmp_path / "human.jsonl", lines)
    told = score_replies(Scoring(data.out, replies, tmp_path / "run", data.given, answered_only=True))
    assert (told["model"], told["dialect"]) == ("human", "bopask")
    assert headlines(told) == {"depth": 0.5}
    table = pq.read_table(tmp_path / "run" / "scores.parquet").to_pylist()
    assert [row["annotator"] for row in table] == ["ann", "bob"]


def test_failures_are_counted_by_kind_and_score_worst(data: DataSet, tmp_path: Path) -> None:
    row = next(row for row in data.rows() if row["task"] == "grasp")
    said = {"truncated": "[[1, 2], [3,", "out_of_range": "[[9000, 1], [1, 2], [1, 2], [1, 2], [1, 2]]", "empty": " ",
            "wrong_count": "[[1, 2]]", "refusal": "I cannot see it."}  # fmt: skip
    for status, reply in said.items():
        replies = written(tmp_path / "r.jsonl", [{"id": row["id"], "reply": reply}])
        run = tmp_path / status
        told = score_replies(
            Scoring(data.out, replies, run, data.given, dialect="bopask", model="x", answered_only=True)
        )
        assert told["tasks"]["grasp"]["failed"] == {status: 1}
        assert told["tasks"]["grasp"]["scores"]["nce_paper"]["value"] == "inf"
        assert told["tasks"]["grasp"]["scores"]["grasp_physical"]["value"] == 0.0


def test_a_dialect_is_declared_or_guessing_is_flagged(data: DataSet, tmp_path: Path) -> None:
    row = next(row for row in data.rows() if row["task"] == "depth")
    replies = written(tmp_path / "mystery.jsonl", [{"id": row["id"], "reply": row["answer"]}])
    with pytest.raises(InputError, match="--dialect"):
        score_replies(Scoring(data.out, replies, tmp_path / "run", data.given))
    told = score_replies(Scoring(data.out, replies, tmp_path / "run", data.given, guess=True))
    assert (told["guessed"], told["dialect"]) == (True, "")
    assert "guessed" in write_board([tmp_path / "run"], tmp_path / "r.html")
    assert main(["score", str(data.out), str(replies), "--guess", "--bop", "nowhere"]) == 2


def test_the_same_replies_give_the_same_bytes_and_other_runs_are_not_replaced(data: DataSet, tmp_path: Path) -> None:
    made(data, "copy", tmp_path)
    first = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    made(data, "copy", tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()} == first
    assert set(first) == {"scores.parquet", "run.json", "replies.jsonl"}
    assert str(tmp_path) not in first["run.json"].decode()
    baseline(Baseline(data.out, "centre", tmp_path / "centre.jsonl"))
    job = Scoring(data.out, tmp_path / "centre.jsonl", tmp_path / "copy", data.given)
    with pytest.raises(OutputError, match="another run"):
        score_replies(job)
    with pytest.raises(OutputError, match="files of others"):
        score_replies(Scoring(data.out, tmp_path / "centre.jsonl", tmp_path, data.given))


@pytest.mark.parametrize("line", ["[]", "{}", '{"id": 3, "reply": ""}', '{"id": "a"}', '{"id": "a", "reply": 3}', "{"])
def test_what_is_no_reply_names_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(f'{{"id": "a", "reply": ""}}\n\n{line}\n')
    with pytest.raises(InputError, match="line 3"):
        read_replies(path, {"a"})


@given(st.lists(st.text(), max_size=8))
def test_a_journal_reads_back_what_was_said(tmp_path_factory: pytest.TempPathFactory, replies: list[str]) -> None:
    path = tmp_path_factory.mktemp("journal") / "r.jsonl"
    with journal(path) as kept:
        for k, reply in enumerate(replies):
            kept.add({"id": str(k), "reply": reply})
    assert [said["reply"] for said in read_lines(path)] == replies
    with path.open("ab") as file:
        file.write(line_of({"id": "x", "reply": "cut"}).encode()[:-3])
    with journal(path):
        pass
    assert [said["reply"] for said in read_lines(path)] == replies


def test_surrogates_survive_and_two_runs_do_not_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with journal(path) as kept:
        kept.add({"id": "a", "reply": "\ud800 é"})
        with pytest.raises(InputError, match="another run"):
            Journal(path)
    assert next(read_lines(path))["reply"] == "\ud800 é"


# Intervals


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(0), 0
    for trial in range(200):
        images = np.repeat(np.arange(60), 4)
        values = (rng.random(60)[images] < 0.3).astype(float)  # four questions an image, right or wrong together
        low, high = interval(values, images.tolist(), trial) or (0, 0)
        held += low <= 0.3 <= high
    assert 0.9 <= held / 200 <= 0.99


def test_an_interval_of_the_endless_and_of_one_image() -> None:
    assert interval(np.array([1.0, 2.0]), ["a", "a"]) is None
    assert interval(np.array([]), []) is None
    low, high = interval(np.array([1.0] * 99 + [np.inf]), list(range(100))) or (0, 0)
    assert (low, high) == (1.0, np.inf)


# Selections


def test_a_selection_is_spread_and_proved(data: DataSet, tmp_path: Path) -> None:
    core = tmp_path / "core"
    assert main(["select", str(data.out), "--out", str(core), "--n", "60"]) == 0
    rows = list(DataSet(core).rows())
    tasks = Counter(row["task"] for row in rows)
    assert len(rows) == 60
    full = {task: n for task, n in tasks.items() if n != tasks["rearrangement"]}
    assert max(full.values()) - min(full.values()) <= 1
    third = thirds(data.rows())
    for task in ("spatial", "depth"):
        of = [row for row in rows if row["task"] == task]
        assert abs(sum(row["answer"] == "Yes" for row in of) * 2 - len(of)) <= 2
        assert max(Counter(third[row["id"]][1] for row in of).values()) <= len(of) / 2
    assert len({row["frame_id"] for row in rows}) == 5
    assert main(["verify", str(core), "--all"]) == 0
    again = {path.name: path.read_bytes() for path in (core / "data").iterdir()}
    assert main(["select", str(data.out), "--out", str(core), "--n", "60", "--overwrite"]) == 0
    assert {path.name: path.read_bytes() for path in (core / "data").iterdir()} == again


def test_no_scene_of_a_training_set_is_selected(data: DataSet, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no scene that is not trained on"):
        select(Selection(data.out, tmp_path / "core", apart_from=(data.out,)))
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    (other / "manifest.json").write_text("{}")
    table = pq.read_table(data.shards[0], columns=["dataset", "split", "scene_id"]).to_pylist()
    pq.write_table(pa.Table.from_pylist([{**row, "scene_id": 7} for row in table]), other / "data" / "a.parquet")
    told = select(Selection(data.out, tmp_path / "core", 12, apart_from=(other,)))
    assert not scenes_of(DataSet(tmp_path / "core")) & scenes_of(DataSet(other))
    assert told.shared == 0


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 200))
def test_shares_are_even_as_far_as_there_is_enough(sizes: dict[str, int], n: int) -> None:
    shares = evenly(sizes, n)
    assert sum(shares.values()) == min(n, sum(sizes.values()))
    assert all(shares[name] <= sizes[name] for name in sizes)
    short = [shares[name] for name in sizes if shares[name] < sizes[name]]
    if short:
        assert max(short) - min(short) <= 1
        assert all(shares[name] <= max(short) for name in sizes)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 5)), max_size=60),
    st.integers(0, 40),
)
def test_sharing_out_takes_each_row_once(kinds: list[tuple[str, str, int]], n: int) -> None:
    rows = [
        Light(str(k), (task, sub, "", ""), ("d", "s", 1), (frame,), k) for k, (task, sub, frame) in enumerate(kinds)
    ]
    chosen = share_out(rows, n)
    assert len({row.id for row in chosen}) == len(chosen) == min(n, len(rows))


def test_difficulty_is_a_number_of_the_evidence(data: DataSet) -> None:
    rows = list(data.rows())
    assert all(difficulty(row) is not None for row in rows)
    assert difficulty({**rows[0], "evidence": "{}"}) is None
    assert difficulty({**rows[0], "task": "foreign"}) is None
    margins = [json.loads(row["evidence"])["margin_m"] for row in rows if row["task"] == "depth"]
    hard = [thirds(rows)[row["id"]][1] for row in rows if row["task"] == "depth"]
    assert {"easy", "middle", "hard"} == set(hard)
    assert hard[margins.index(max(margins))] == "easy"
    assert hard[margins.index(min(margins))] == "hard"


# The report


class Links(HTMLParser):
    """Everything that an element would fetch or lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "iframe", "object", "embed", "link", "base")
        assert not any(name.startswith("on") for name, _ in attrs)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]


def test_the_report_stands_alone_and_names_are_text(data: DataSet, tmp_path: Path) -> None:
    made(data, "noise:8", tmp_path)
    rows = [row for row in data.rows() if row["task"] in ("depth", "grasp")]
    lines = [{"id": row["id"], "reply": f"{row['answer']}\n{EVIL}" if row["task"] == "depth" else EVIL} for row in rows]
    job = Scoring(
        data.out, written(tmp_path / "evil.jsonl", lines), tmp_path / "evil", data.given, dialect="bopask", model=EVIL
    )
    score_replies(job)
    page = tmp_path / "report.html"
    tables = write_board([tmp_path / "noise-8", tmp_path / "evil"], page, shown=1)
    html = page.read_text("utf-8")
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "<img src=x" not in html
    assert html.count("data:image/webp;base64,") >= 8
    assert all(not where or where.startswith(("data:", "#")) for where in Links(html).found)
    assert not re.search(r"url\(|@import", html)
    assert "&lt;script&gt;" in html
    assert "<script" not in tables
    assert "not parsed" in html
    assert all(name in html and name in tables for name in CORE)
    assert "As published" in html
    first = page.read_bytes()
    write_board([tmp_path / "noise-8", tmp_path / "evil"], page, shown=1)
    assert page.read_bytes() == first


def test_the_report_says_the_figures_of_the_runs(data: DataSet, tmp_path: Path) -> None:
    told = made(data, "noise:8", tmp_path)
    tables = write_board([tmp_path / "noise-8"], tmp_path / "report.html", shown=0)
    line = next(line for line in tables.splitlines() if line.startswith("| baseline/noise:8"))
    for task, cell in zip(SCORES, line.split(" | ")[1:], strict=False):
        mean = told["tasks"][task]["scores"][HEADLINE[task]]
        assert float(cell.split()[0]) == pytest.approx(mean["value"], abs=5e-4)
        assert f"n={mean['n']}" in cell
    assert "data:image" not in (tmp_path / "report.html").read_text()


def test_runs_of_one_model_on_several_sets_are_pooled_and_on_the_same_told_apart(data: DataSet, tmp_path: Path) -> None:
    made(data, "centre", tmp_path)
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    for path in data.shards:
        (other / "data" / path.name).write_bytes(path.read_bytes())
    (other / "manifest.json").write_text(json.dumps({**data.manifest, "fingerprint": "other"}))
    score_replies(Scoring(other, tmp_path / "centre.jsonl", tmp_path / "b", data.given))
    both = write_board([tmp_path / "centre", tmp_path / "b"], tmp_path / "r.html", shown=0)
    n = sum(row["task"] == "pose" for row in data.rows())
    assert f"n={2 * n}" in both
    twice = write_board([tmp_path / "centre", tmp_path / "centre"], tmp_path / "r.html", shown=0)
    assert "baseline/centre &#35;2" in twice


def test_what_is_no_run_is_said(tmp_path: Path, data: DataSet) -> None:
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "r.html")]) == 2
    assert main(["report", str(tmp_path), "--examples", "-1"]) == 2
    assert main(["baseline", str(tmp_path), "--kind", "oracle", "--out", str(tmp_path / "r.jsonl")]) == 2
    assert main(["select", str(data.out), "--out", str(tmp_path / "core"), "--n", "0"]) == 2
