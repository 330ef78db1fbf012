"""`bopask rewrite`: nothing bad gets in, nothing is lost, a second run asks nothing."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from chat_server import Said, Served, first_text, serving

from bopask.ask import depth, facing, grasp, nearer, pose, rearrangement, spatial, superlatives, trajectory
from bopask.ask.rewriting.nouns import known_nouns
from bopask.ask.rewriting.paraphrase import Asking, Paraphraser, judge_all, with_slots
from bopask.ask.rewriting.rewrite import Rewrite, rewrite
from bopask.ask.rewriting.validate import faults
from bopask.ask.rewriting.wording import Wording, template_of, wording_of
from bopask.cli import main
from bopask.errors import InputError
from bopask.models.ask import Asker, ModelError

pytest.importorskip("inspect_ai", reason="the extra 'words' is not installed")

FAMILIES = {
    "cuboid": pose.TEMPLATES,
    "parallel_jaw": grasp.TEMPLATES,
    "carry": trajectory.TEMPLATES,
    "first": rearrangement.FIRST,
    "all": rearrangement.ALL,
    "any": rearrangement.ANY,
    "set": rearrangement.SET,
    **spatial.WORDS,
    "closer": depth.CLOSER,
    "farther": depth.FARTHER,
    **{f"facing_{side}": tuple(t.format(side=side) for t in facing.TEMPLATES) for side in ("left", "right")},
    "higher": spatial.HIGHER,
    "lower": spatial.LOWER,
    **superlatives.WORDS,
    "between": superlatives.BETWEEN,
    **nearer.WORDS,
}
OTHER = {"left": "right", "front": "behind", "above": "below", "closer": "farther", "facing_left": "facing_right",
         "higher": "lower", "leftmost": "rightmost", "foremost": "hindmost", "closest": "farthest",
         "nearer": "farther_from", "between": "leftmost",
         "first": "all", "any": "all", "set": "all", "cuboid": "parallel_jaw", "carry": "first"}  # fmt: skip
NOUNS = known_nouns(["green apple", "tea box"])
IS_LEFT = Wording("Is the {a} to the left of the {b} from the camera's point of view?", "")


def bodies(subtask: str) -> list[str]:
    return [wording_of(template).body for template in FAMILIES[subtask]]


# The validator


@pytest.mark.parametrize("subtask", FAMILIES)
def test_people_who_ask_the_same_are_mostly_let_through(subtask: str) -> None:
    """Every hand-written wording as a paraphrase of every other of its subtask."""
    judged = [judge_all(bodies(subtask), Asking(subtask, t), NOUNS) for t in FAMILIES[subtask]]
    n = len(FAMILIES[subtask])
    assert sum(len(one.accepted) for one in judged) >= 0.75 * n * (n - 1)


@pytest.mark.parametrize("pair", [*OTHER.items(), *((b, a) for a, b in OTHER.items())], ids=str)
def test_what_asks_something_else_is_not_let_through(pair: tuple[str, str]) -> None:
    ours, theirs = pair
    for template in FAMILIES[ours]:
        assert judge_all(bodies(theirs), Asking(ours, template), NOUNS).accepted == ()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Is the {a} to the right of the {b} from the camera's point of view?", "relation"),
        ("Is the {b} to the left of the {a} from the camera's point of view?", "roles"),
        ("Is the {a} to the left of the {b}?", "frame"),
        ("Is the {a} to the left of it from the camera's point of view?", "slots"),
        ("Is the {a} to the left of the red mug, seen by the camera, and of the {b}?", "new_object"),
        ("On the table, is the {a} to the left of the {b} as the camera sees it?", "new_object"),
        ("Isn't the {a} to the left of the {b} from the camera's point of view?", "negation"),
        ("Is the {a} to the left of the {b} or to its right in the camera's view?", "other_relation"),
        ("Which of them is to the left, the {a} to the left of the {b} for the camera?", "question_form"),
        ("Tell the camera whether the {a} is to the left of the {b}.", "question_form"),
        ("Is a {a} to the left of the {b} from the camera's point of view?", "article"),
        ("Is the {a}'s place to the left of the {b} from the camera's point of view?", "article"),
        ("Is the {a} 20 cm to the left of the {b} from the camera's point of view?", "numbers"),
        ("Is the {a} to the left of the {b} from the camera's view? Answer yes or no?", "format"),
        ("Is the {a} to the left\nof the {b} from the camera's point of view?", "markup"),
        ("**Is** the {a} to the left of the {b} from the camera's point of view?", "markup"),
        ("Is the {a} to the left of the {b} from the camera's {c} point of view?", "slots"),
        ("Is the {a} to the left of the {b} from the camera's {0} point of view?", "markup"),
        ("is the {a} to the left of the {b} from the camera's point of view?", "not_a_sentence"),
        ("Is the {a} to the left of the {b} from the camera's point of view? " + "Really, is it so? " * 9, "length"),
        ("", "length"),
    ],
)
def test_a_lie_is_seen(said: str, reason: str) -> None:
    assert reason in set(faults(said, IS_LEFT, "left", NOUNS))


def test_numbers_of_the_format_may_be_said_and_those_of_the_body_stay() -> None:
    wording = Wording("Outline the {a} with its 3D box.", pose.ORDER)
    assert list(faults("Where are the eight corners of the 3D box around the {a}?", wording, "cuboid", NOUNS)) == []
    assert "numbers" in set(faults("Where are the six corners of the box around the {a}?", wording, "cuboid", NOUNS))
    assert "numbers" in set(faults("Box the {a}.", Wording("Box the {a} in 640 px.", pose.ORDER), "cuboid", NOUNS))


def test_phrases_become_slots_verbatim() -> None:
    said = "Is the mug behind the bowl closer to the camera than the bowl?"
    assert with_slots(said, ("mug behind the bowl", "bowl")) == "Is the {a} closer to the camera than the {b}?"
    assert with_slots("Can the can be seen?", ("can",)) == "Can the {a} be seen?"
    filled = pose.TEMPLATES[3].format(a="mug behind the bowl", width=640, height=480)
    assert template_of(filled, ["mug behind the bowl"], 640, 480, pose.TEMPLATES) == pose.TEMPLATES[3]
    assert template_of(filled, ["mug"], 640, 480, pose.TEMPLATES) is None


# The data set


@pytest.fixture(scope="module")
def made(crowded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    command = ["generate", str(crowded), "--split", "train", "--scenes", "2", "--tasks", "pose,spatial,depth"]
    assert main([*command, "--out", str(out)]) == 0
    return out


def rows_of(out: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(sorted((out / "data").glob("*.parquet"))).to_pylist())


def job(made: Path, out: Path, url: str, *, per_row: bool = False, timeout_s: float = 20.0, n: int = 3) -> Rewrite:
    async def at_once(seconds: float) -> None: ...

    asker = Asker("m", url, cache=out.parent / "cache", tries=2, retries=3, timeout_s=timeout_s, sleep=at_once)
    return Rewrite(made, out, Paraphraser(asker, n, examples=4), per_row)


def prompted(reply: Callable[[str, int], Said]) -> AbstractContextManager[Served]:
    """A server whose replies depend on the prompt alone."""
    return serving(lambda body, number: reply(first_text(body["messages"]), number))


def honest(prompt: str, number: int = 0) -> Said:
    """Says the question as the examples in the prompt do."""
    examples = re.findall(r"^- (.+)$", prompt, re.M)
    return Said(json.dumps({"paraphrases": examples}))


def lying(prompt: str, number: int = 0) -> Said:
    """Turns left into right, drops objects, adds others and markup."""
    body = prompt.split("paraphrases of:\n")[1].split("\n")[0]
    lies = [re.sub(r"the \{[ab]\}", "the bowl", body), f"{body} <b>Now.</b>", "Is the red mug here?"]
    return Said(json.dumps({"paraphrases": lies}))


@pytest.mark.parametrize("per_row", [False, True])
def test_a_rewritten_set_is_proved_balanced_and_asked_for_once(
    made: Path, crowded: Path, tmp_path: Path, per_row: bool
) -> None:
    with prompted(honest) as server:
        told = rewrite(job(made, tmp_path / "new", server.url, per_row=per_row))
        asked = len(server.prompts)
        assert told is not None and asked == told.asked >= told.wordings > 50
        assert rewrite(job(made, tmp_path / "new", server.url, per_row=per_row)) is None
        again = rewrite(job(made, tmp_path / "again", server.url, per_row=per_row))
        assert again is not None and (again.asked, len(server.prompts)) == (0, asked)
    old, new = rows_of(made), rows_of(tmp_path / "new")
    changed = [a["question"] != b["question"] for a, b in zip(old, new, strict=True)]
    assert sum(changed) > 0.5 * len(old)
    same = ("answer", "answer_points", "instances", "phrases", "evidence", "frame_id")
    assert all(a[name] == b[name] for a, b in zip(old, new, strict=True) for name in same)
    assert len({row["id"] for row in new}) == len(new)
    balance: Counter[tuple[str, str]] = Counter()
    for row in (row for row in new if row["answer_points"] is None):
        wording = re.sub("|".join(map(re.escape, sorted(row["phrases"], key=len, reverse=True))), "X", row["question"])
        balance[row["subtask"], wording] += 1 if row["answer"] == "Yes" else -1
    assert set(balance.values()) == {0}
    manifest = json.loads((tmp_path / "new" / "manifest.json").read_text())
    assert manifest["rewriting"]["rows"] == {name: told.rows[name] for name in ("rewritten", "kept")}
    assert sum(sum(of.values()) for of in manifest["counts"]["wordings"].values()) == len(new)
    assert main(["verify", str(tmp_path / "new"), "--bop", str(crowded), "--all"]) == 0
    assert rows_of(tmp_path / "again") == new


def test_of_a_liar_nothing_gets_in_and_all_is_counted(made: Path, tmp_path: Path) -> None:
    with prompted(lying) as server:
        told = rewrite(job(made, tmp_path / "new", server.url))
        asked = len(server.prompts)
        assert told is not None and told.accepted == 0 and asked == 2 * told.wordings  # each lie is sent back once
        assert sum(told.unanswered.values()) == told.wordings
        assert rows_of(tmp_path / "new") == rows_of(made)
        assert rewrite(job(made, tmp_path / "again", server.url)) is not None
        assert len(server.prompts) == asked


def garbled(number: int) -> Said:
    return [
        Said("I would rather not."),
        Said('{"paraphrases": "one"}'),
        Said('{"paraphrases": [1, 2]}'),
        Said("{" * 500),
        Said(json.dumps({"paraphrases": ["x" * 5000, "\x00\x01", "Is the {a} {a} {a} {b}?"]})),
    ][number % 5]


def test_malformed_replies_are_turned_down(made: Path, tmp_path: Path) -> None:
    with prompted(lambda prompt, number: garbled(number)) as server:
        told = rewrite(job(made, tmp_path / "new", server.url))
    assert told is not None and told.accepted == 0
    assert rows_of(tmp_path / "new") == rows_of(made)


@pytest.mark.parametrize(
    "trouble",
    [
        Said(status=429, raw=b'{"error": {"message": "slow down"}}', headers={"retry-after": "1"}),
        Said(status=503, raw=b"<html>busy</html>"),
        Said(raw=b"this is no completion"),
        Said(wait=True),
    ],
    ids=["429", "503", "no completion", "slow"],
)
def test_trouble_on_the_way_is_tried_again(made: Path, tmp_path: Path, trouble: Said) -> None:
    def reply(prompt: str, number: int) -> Said:
        return trouble if number % 40 == 3 else honest(prompt)

    with prompted(reply) as server:
        told = rewrite(job(made, tmp_path / "new", server.url, timeout_s=2.0))
        assert told is not None and len(server.prompts) > told.asked
    assert told.rows["rewritten"] > 0.5 * len(rows_of(made))


def test_a_run_that_breaks_off_goes_on_where_it_stopped(made: Path, tmp_path: Path) -> None:
    def dies(prompt: str, number: int) -> Said:
        return honest(prompt) if number < 30 else Said(status=500, raw=b"{}")

    with prompted(dies) as server, pytest.raises(ModelError):
        rewrite(job(made, tmp_path / "new", server.url))
    assert not (tmp_path / "new").exists()
    kept = len(list((tmp_path / "cache").glob("*.json")))
    assert 20 <= kept <= 30
    with prompted(honest) as server:
        resumed = job(made, tmp_path / "new", server.url)
        told = rewrite(resumed)
        assert told is not None and told.asked == len(server.prompts)
    assert len(rows_of(tmp_path / "new")) == len(rows_of(made))


def test_examples_are_of_the_same_subtask_and_none_is_the_question(made: Path, tmp_path: Path) -> None:
    paraphraser = job(made, tmp_path / "new", "").paraphraser
    prompt = paraphraser.prompt(Asking("left", FAMILIES["left"][0]), FAMILIES["left"])
    examples = re.findall(r"^- (.+)$", prompt, re.M)
    assert len(examples) == 4 and set(examples) < set(FAMILIES["left"][1:])
    named = paraphraser.prompt(Asking("left", FAMILIES["left"][0], ("red mug", "bowl")), FAMILIES["left"])
    assert "Object A: red mug\nObject B: bowl" in named and "{a}" not in named


def spoil(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(out: Path) -> None:
        manifest = json.loads((out / "manifest.json").read_text())
        change(manifest)
        (out / "manifest.json").write_text(json.dumps(manifest))

    return apply


@pytest.mark.parametrize(
    "change",
    [
        spoil(lambda m: m["counts"].pop("wordings")),
        spoil(lambda m: m.update(rewriting={})),
        lambda out: (out / "manifest.json").write_text("{"),
        lambda out: (out / "manifest.json").unlink(),
    ],
)
def test_what_cannot_be_rewritten_is_said(made: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    import shutil

    spoilt = Path(shutil.copytree(made, tmp_path / "out"))
    change(spoilt)
    with pytest.raises(InputError):
        rewrite(job(spoilt, tmp_path / "new", "http://127.0.0.1:9/v1"))


def test_the_command_line(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite", str(made), "--out", str(made), "--vlm", "m"]) == 2
    assert main(["rewrite", str(made), "--out", str(tmp_path / "x"), "--vlm", "m", "--paraphrases", "0"]) == 2
    with prompted(honest) as server:
        command = ["rewrite", str(made), "--out", str(tmp_path / "new"), "--vlm", "m", "--vlm-url", server.url]
        assert main(command) == 0
        assert "questions rewritten" in capsys.readouterr().out
        assert main(command) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert "Rewritten" in (tmp_path / "new" / "report.html").read_text()
