"""`bopask eval` against a vision server on the loopback: it speaks dialects, and is busy, broken, slow and babbling."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from chat_server import Said, first_text, serving
from vision_server import Oracle

from bopask.bench.dataset import DataSet
from bopask.bench.dialects import COMMON, dialect_named
from bopask.bench.evaluate import Evaluation, chosen, evaluate
from bopask.bench.inspect_task import Asking, prompt
from bopask.bench.replies import read_lines
from bopask.board.runs import read_run
from bopask.cli import main
from bopask.errors import InputError, OutputError
from bopask.models.ask import ModelError

MODELS = {"qwen2.5-vl": "Qwen/Qwen2.5-VL-3B-Instruct", "molmo": "allenai/Molmo-72B-0924", "gemini": "gemini-2.5-pro"}
SECONDS = 3
"""After which a slow reply is given up."""
REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def data(asked: Path, crowded: Path) -> DataSet:
    return DataSet(asked, crowded)


def job(data: DataSet, run: Path, url: str, model: str, **more: Any) -> Evaluation:
    return Evaluation(data.out, model, run, url, bop=data.given, connections=16, timeout_s=SECONDS, **more)


def check_scores(oracle: Oracle, told: dict[str, Any], run: Path) -> None:
    """One where the model answered, zero where it babbled, and the mean is that of these."""
    table = pq.read_table(run / "scores.parquet").to_pylist()
    for task, of in told["tasks"].items():
        rows = [row for row in table if row["task"] == task]
        babbled = [oracle.babbles(row["id"]) for row in rows]
        assert of["n"] == len(rows)
        assert of["failed"] == ({"no_points": sum(babbled)} if any(babbled) else {})
        values = [row[of["headline"]] for row in rows]
        assert values == pytest.approx([0.0 if babble else 1.0 for babble in babbled], abs=1e-4), task
        assert of["scores"][of["headline"]]["value"] == pytest.approx(sum(values) / len(values), abs=1e-8)


@pytest.mark.parametrize("dialect", MODELS)
def test_a_model_in_its_own_dialect_scores_what_it_is_worth(data: DataSet, tmp_path: Path, dialect: str) -> None:
    oracle = Oracle(data, dialect, busy=5, broken=11, babbling=7, slow=9)
    with serving(oracle) as served:
        told = evaluate(job(data, tmp_path / "run", served.url, MODELS[dialect], limit=21))
    assert told["dialect"] == dialect
    assert told["counts"]["rows"] == told["counts"]["replies"] == 21
    assert max(oracle.answered.values()) == 1
    assert len(served.bodies) > 21
    check_scores(oracle, told, tmp_path / "run")


@pytest.fixture(scope="module")
def core(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """688 questions about all of the embedded sample."""
    folder = tmp_path_factory.mktemp("core")
    out, core = folder / "out", folder / "core"
    assert main(["generate", str(sample), "--split", "train", "--out", str(out)]) == 0
    assert main(["select", str(out), "--out", str(core)]) == 0
    return DataSet(core, sample)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", MODELS)
def test_the_core_set_in_full(core: DataSet, tmp_path: Path, dialect: str) -> None:
    oracle = Oracle(core, dialect, busy=5, broken=31, babbling=10, slow=101)
    with serving(oracle) as served:
        told = evaluate(job(core, tmp_path / "run", served.url, MODELS[dialect]))
    assert told["counts"]["replies"] == 688
    assert max(oracle.answered.values()) == 1
    check_scores(oracle, told, tmp_path / "run")
    logs = sum(path.stat().st_size for path in (tmp_path / "run" / "logs").iterdir())
    assert logs < 688 * 8192


@pytest.mark.slow
def test_the_core_set_goes_on_where_it_was_killed(core: DataSet, tmp_path: Path) -> None:
    kill_and_go_on(Oracle(core, "gemini", busy=5, babbling=10), tmp_path / "run", 688, 300)


def test_a_killed_run_goes_on_and_asks_nothing_twice(data: DataSet, tmp_path: Path) -> None:
    kill_and_go_on(Oracle(data, "gemini", busy=12), tmp_path / "run", 40, 25)


def kill_and_go_on(oracle: Oracle, run: Path, limit: int, after: int) -> None:
    """Kills a run (−9) once it has `after` replies, and lets the same command go on."""
    data, enough, killed = oracle.data, threading.Event(), threading.Event()

    def reply(body: dict[str, Any], earlier: int) -> Said:
        if oracle.answered.total() >= after and not enough.is_set():
            oracle.asked.clear()  # what is asked from here on is not answered before the kill
            enough.set()
        if enough.is_set() and not killed.is_set():
            return Said(wait=True)
        return oracle(body, earlier)

    with serving(reply) as served:
        command = [
            sys.executable, "-m", "bopask.cli", "eval", str(data.out), "--model", "gemini-2.5-pro", "--vlm-url",
            served.url, "--bop", str(data.given), "--limit", str(limit), "--connections", "4", "--out", str(run),
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            assert enough.wait(600)
            deadline = time.monotonic() + 60
            while len((run / "replies.jsonl").read_bytes().splitlines()) < after and time.monotonic() < deadline:
                threading.Event().wait(0.05)
            os.kill(process.pid, signal.SIGKILL)
        with (run / "replies.jsonl").open("ab") as file:
            file.write(b'{"id": "cut in the mid')  # as a kill in the middle of a write leaves it
        kept = {said["id"] for said in read_lines_whole(run / "replies.jsonl")}
        assert kept == set(oracle.answered)
        killed.set()
        told = evaluate(Evaluation(data.out, "gemini-2.5-pro", run, served.url, data.given, limit=limit, connections=4))
    assert max(oracle.answered.values()) == 1
    assert oracle.answered.total() == told["counts"]["replies"] == limit
    check_scores(oracle, told, run)


def read_lines_whole(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_a_finished_run_asks_nothing_and_a_larger_limit_only_the_rest(data: DataSet, tmp_path: Path) -> None:
    oracle, run = Oracle(data, "gemini"), tmp_path / "run"
    with serving(oracle) as served:
        evaluate(job(data, run, served.url, "gemini-2.5-pro", limit=4))
        first = {p.name: p.read_bytes() for p in run.iterdir() if p.is_file()}
        evaluate(job(data, run, served.url, "gemini-2.5-pro", limit=4))
        assert {p.name: p.read_bytes() for p in run.iterdir() if p.is_file()} == first
        assert len(served.bodies) == 4
        told = evaluate(job(data, run, served.url, "gemini-2.5-pro", limit=7))
        assert len(served.bodies) == 7
        assert told["counts"]["rows"] == 7
        with pytest.raises(OutputError, match="another run"):
            evaluate(job(data, run, served.url, "gemini-2.5-pro", limit=7, format="common"))


def test_a_model_that_does_not_work_stops_the_run_and_keeps_what_there_is(data: DataSet, tmp_path: Path) -> None:
    oracle, run = Oracle(data, "gemini"), tmp_path / "run"

    def reply(body: dict[str, Any], earlier: int) -> Said:
        return oracle(body, earlier) if earlier < 5 else Said(status=401, raw=b'{"error": {"message": "no credit"}}')

    with serving(reply) as served, pytest.raises(ModelError, match="5 replies are kept"):
        evaluate(Evaluation(data.out, "gemini-2.5-pro", run, served.url, data.given, limit=20, connections=1))
    assert len(list(read_lines(run / "replies.jsonl"))) == 5
    with pytest.raises(InputError, match="no finished run"):
        read_run(run)


def test_a_question_that_stays_without_a_reply_is_a_failure_with_its_reason(data: DataSet, tmp_path: Path) -> None:
    oracle = Oracle(data, "gemini")
    rows = chosen(list(data.rows()), 12)
    bad = prompt(rows[0], dialect_named("gemini"))

    def reply(body: dict[str, Any], earlier: int) -> Said:
        if first_text(body["messages"]) == bad:
            return Said(status=400, raw=b'{"error": {"message": "content filter"}}')
        return oracle(body, earlier)

    with serving(reply) as served:
        told = evaluate(job(data, tmp_path / "run", served.url, "gemini-2.5-pro", limit=12))
    counts = told["counts"]
    assert (counts["replies"], counts["not_answered"]) == (11, 1)
    ((reason, n),) = counts["errors"].items()
    assert (reason[:15], "content filter" in reason, "\n" in reason, n) == ("BadRequestError", True, False, 1)
    assert told["tasks"][rows[0]["task"]]["failed"] == {"not_answered": 1}


def test_blind_sends_no_picture_and_common_asks_in_the_common_format(data: DataSet, tmp_path: Path) -> None:
    with serving(lambda body, earlier: Said("Yes")) as served:
        evaluate(job(data, tmp_path / "blind", served.url, "gemini-2.5-pro", limit=3, blind=True))
        assert all("image_url" not in json.dumps(body) for body in served.bodies)
        before = len(served.prompts)
        told = evaluate(job(data, tmp_path / "common", served.url, "gemini-2.5-pro", limit=6, format="common"))
    rows = chosen(list(data.rows()), 6)
    assert told["dialect"] == COMMON
    assert sorted(served.prompts[before:]) == sorted(prompt(row, dialect_named(COMMON)) for row in rows)


def test_a_limit_takes_the_tasks_in_turn(data: DataSet) -> None:
    rows = list(data.rows())
    counts = Counter(row["task"] for row in chosen(rows, 12))
    assert set(counts.values()) == {2}
    assert len(counts) == 6
    assert chosen(rows, None) == rows


def test_what_cannot_be_asked_is_said_before_anything_is_asked(data: DataSet, tmp_path: Path, asked: Path) -> None:
    with pytest.raises(InputError, match="--dialect"):
        evaluate(job(data, tmp_path / "run", "http://127.0.0.1:9/v1", "who-knows-9b"))
    with pytest.raises(InputError, match="Leave one of them out"):
        Asking("gemini", "common")
    assert main(["eval", str(asked), "--model", "gemini-2.5-pro", "--limit", "0"]) == 2


def test_inspect_finds_the_task_and_its_log_holds_no_picture(data: DataSet, tmp_path: Path) -> None:
    """`inspect eval bopask/core`, as a user runs it: through the entry point of the package that is installed."""
    site = tmp_path / "site-packages"  # inspect asks for the folder's name
    about = site / "bopask-9.dist-info"
    about.mkdir(parents=True)
    (site / "bopask").symlink_to(REPO / "src" / "bopask")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bopask\nVersion: 9\n")
    points = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["entry-points"]["inspect_ai"]
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (about / "entry_points.txt").write_text(f"[inspect_ai]\n{lines}")
    oracle = Oracle(data, "gemini")
    with serving(oracle) as served:
        command = [
            sys.executable, "-m", "inspect_ai", "eval", "bopask/core", "--model", "openai-api/server/gemini-2.5-pro",
            "--model-base-url", served.url, "-T", f"data={data.out}", "-T", f"bop={data.given}", "-T", "only=depth",
            "--limit", "3", "--log-dir", str(tmp_path / "logs"), "--log-format", "json", "--display", "none",
            "--no-log-images",
        ]  # fmt: skip
        env = {**os.environ, "PYTHONPATH": str(site), "SERVER_API_KEY": "none"}
        subprocess.run(command, check=True, env=env, cwd=tmp_path, capture_output=True, timeout=120)
    (log,) = (json.loads(path.read_bytes()) for path in (tmp_path / "logs").glob("*.json"))
    assert log["eval"]["task"] == "bopask/core"
    assert log["status"] == "success"
    metrics = {name: of["value"] for score in log["results"]["scores"] for name, of in score["metrics"].items()}
    assert metrics == {"depth": 1.0}
    (path,) = (tmp_path / "logs").glob("*.json")
    assert len(served.bodies[0]["messages"][0]["content"]) == 2
    assert path.stat().st_size < 60_000
