"""`bopask describe` and the asker below it, against a server that is slow, broken, refusing and lying."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from chat_server import Said, Served, serving
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("inspect_ai", reason="the extra 'words' is not installed")

from bopask.ask.names import UNPLAIN, load_names
from bopask.bop.models import Models
from bopask.cli import main
from bopask.describe import FIELDS, PROMPT, Request, checked, describe, differences, told_apart
from bopask.errors import InputError
from bopask.models.ask import Asker, ModelError
from bopask.models.ask import Request as Asking
from bopask.nouns import Description

GOOD: dict[str, Any] = {
    "name": "red mug",
    "synonyms": ["red cup"],
    "category": "mug",
    "colors": ["red", "white"],
    "shape": "cylinder with a handle",
    "material": "ceramic",
    "use": "drink from",
    "printed": "",
}


SIDE = 24
"""Pixels of a view: what the server is shown is not looked at here."""


async def at_once(seconds: float) -> None:
    """In place of waiting."""


def asker(url: str, cache: Path | None = None, **settings: Any) -> Asker:
    return Asker("m", url, cache=cache, sleep=at_once, **settings)


def said(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


@pytest.fixture
def two_models(crowded: Path, tmp_path: Path) -> Path:
    """The first two models of the crowded layouts."""
    folder = tmp_path / "set" / "models"
    folder.mkdir(parents=True)
    for name in ("obj_000001.ply", "obj_000002.ply"):
        (folder / name).write_bytes((crowded / "models" / name).read_bytes())
    return folder


def run(models: Path, url: str, **settings: Any):
    out = models / "names.json"
    return describe(Request(models, out, (asker(url, models.parent / "cache", **settings),), side=SIDE)), json.loads(
        out.read_text()
    )


def chat(answer: Callable[[int, dict[str, Any]], Any]) -> AbstractContextManager[Served]:
    """A server that answers the n-th request with a text, an HTTP status, raw bytes, or as `Said`."""

    def reply(body: dict[str, Any], n: int) -> Said:
        match answer(n, body):
            case int(status):
                return Said(status=status, raw=b'{"error": {"message": "no"}}')
            case bytes(raw):
                return Said(raw=raw)
            case Said() as said:
                return said
            case text:
                return Said(text)

    return serving(reply)


# The asker: whatever the way does, every reply is kept and checked.


@pytest.mark.parametrize(
    "trouble",
    [429, 500, 503, Said(wait=True), b"<html>busy</html>", b"{", b'{"choices": []}'],
    ids=["429", "500", "503", "slow", "html", "cut", "empty"],
)
def test_what_the_way_spoils_is_asked_again(trouble: Any) -> None:
    with chat(lambda n, body: trouble if n < 2 else "yes") as server:
        answer = asker(server.url, timeout_s=0.5 if isinstance(trouble, Said) else 20).ask("Is it?")
    assert (answer.value, answer.asked, len(server.bodies)) == ("yes", 1, 3)


def test_a_server_that_never_answers_or_refuses_is_an_error_and_what_came_before_is_kept(tmp_path: Path) -> None:
    with chat(lambda n, body: "first" if n == 0 else 429) as server:
        ask = asker(server.url, tmp_path, connections=1, retries=2)
        with pytest.raises(ModelError, match="3 times"):
            ask.ask_each([Asking("a", str), Asking("b", str)])
        assert ask.ask("a", check=str).value == "first"
        assert len(server.bodies) == 4
    with chat(lambda n, body: 401) as server, pytest.raises(ModelError, match="does not answer, 1 times"):
        asker(server.url).ask("a")


def test_a_reply_that_fails_the_check_goes_back_with_the_complaint(tmp_path: Path) -> None:
    def check(value: Any) -> str:
        if value["x"] != "good":
            raise ValueError("x must be good")
        return "fine"

    replies = ["not json", '{"x": "bad"}', 'Sure:\n```json\n{"x": "good"}\n```']
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    with chat(lambda n, body: replies[n]) as server:
        answer = asker(server.url, tmp_path).ask("Is it?", b"\x89PNG", schema, check)
    assert (answer.value, answer.asked) == ("fine", 3)
    first, _, third = (body["messages"] for body in server.bodies)
    assert first[0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert [m["role"] for m in third] == ["user", "assistant", "user", "assistant", "user"]
    assert "x must be good" in str(third[-1]["content"])
    assert server.bodies[0]["response_format"]["json_schema"]["schema"]["properties"] == schema["properties"]


def test_kept_replies_are_checked_anew(tmp_path: Path) -> None:
    def strict(value: str) -> str:
        raise ValueError("nothing is good enough")

    with chat(lambda n, body: "fine") as server:
        ask = asker(server.url, tmp_path)
        assert ask.ask("a").value == "fine"
        assert ask.ask("a").asked == 0
        refused = ask.ask("a", check=strict)
        assert (refused.value, refused.reason, refused.asked) == (None, "nothing is good enough", 2)
        assert ask.ask("a", check=strict).asked == 0
        assert ask.ask("a").value == "fine"
        assert len(server.bodies) == 3


def test_answers_do_not_depend_on_how_many_are_asked_at_once() -> None:
    requests = [Asking(str(k), str) for k in range(12)]
    with chat(lambda n, body: "to " + str(body["messages"][0]["content"])) as server:
        alone, many = (asker(server.url, connections=n).ask_each(requests) for n in (1, 5))
    assert [a.value for a in alone] == [a.value for a in many]
    assert all(str(k) in str(a.value) for k, a in enumerate(alone))


def test_an_unknown_provider_is_the_users_to_mend() -> None:
    with pytest.raises(ModelError, match="cannot be used"):
        Asker("nobody/nothing").ask("a")


def test_nothing_is_written_to_the_home_folder(two_models: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    env = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    env = {name: value for name, value in env.items() if not name.startswith("XDG_")}
    command = ["describe", str(two_models), "--out", str(tmp_path / "n.json"), "--vlm", "m", "--vlm-url"]
    with chat(lambda n, body: said()) as server:
        code = f"from bopask.cli import main; raise SystemExit(main({[*command, server.url]!r}))"
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
    assert {path.name for path in tmp_path.iterdir()} == {"home", "n.json", "n.json.cache", "set"}


# Describe: nothing bad gets in, nothing is lost, a second run asks nothing.

BAD: dict[str, Any] = {
    "not json": "It is a mug.",
    "a list": "[]",
    "nothing": "",
    "a key is missing": json.dumps({k: v for k, v in GOOD.items() if k != "colors"}),
    "a key too many": said(status="verified"),
    "markup": said(name="<b>mug</b>"),
    "script": said(printed="<script>alert(1)</script>"),
    "slot": said(name="mug {a}"),
    "control": said(material="cer\u0000amic"),
    "newline": said(name="red\nmug"),
    "right-to-left": said(printed="gum\u202edaer"),
    "overlong": said(name="mug " * 50),
    "long word": said(name="m" * 50),
    "sql": said(name="mug'; drop table names; --"),
    "path": said(name="../../etc/passwd"),
    "place": said(name="leftmost mug"),
    "colour": said(colors=["crimson"]),
    "number": said(name=7),
    "synonyms": said(synonyms="red cup"),
    "many": said(synonyms=[f"cup {k}" for k in range(99)]),
    "empty name": said(name=""),
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
def test_a_bad_reply_never_gets_in_and_a_good_one_after_it_does(two_models: Path, reply: str) -> None:
    with chat(lambda n, body: reply) as server:
        outcome, written = run(two_models, server.url)
        assert outcome.described == 0 and set(outcome.refused) == {1, 2}
        assert len(server.bodies) == 6
        assert all(
            e["name"] == "" and e["problem"] and e["status"] == "unverified" for e in written["objects"].values()
        )
        assert load_names({}, two_models, trust=True).of(1) == ()
        assert run(two_models, server.url)[0].asked == 0
        assert len(server.bodies) == 6
    names = iter(["red mug", "white bowl"])
    with chat(lambda n, body: reply if len(body["messages"]) == 1 else said(name=next(names), synonyms=[])) as server:
        outcome, written = run(two_models, server.url, connections=1)
    assert (outcome.described, outcome.asked) == (2, 4)
    assert [e["name"] for e in written["objects"].values()] == ["red mug", "white bowl"]


def test_what_is_described_is_used_once_reviewed_or_trusted(two_models: Path) -> None:
    names = iter(["red mug", "white bowl"])
    with chat(lambda n, body: said(name=next(names), synonyms=[])) as server:
        outcome, written = run(two_models, server.url, connections=1)
    assert (outcome.described, outcome.refused, outcome.asked) == (2, {}, 2)
    assert written["objects"]["1"]["source"] == "m"
    assert load_names({}, two_models).of(1) == ()
    assert load_names({}, two_models, trust=True).of(1) == ("red mug",)
    written["objects"]["1"]["status"] = "verified"
    written["objects"]["1"]["name"] = "my own mug"
    (two_models / "names.json").write_text(json.dumps(written))
    assert load_names({}, two_models).of(1) == ("my own mug",)
    with chat(lambda n, body: said(name="something else")) as server:
        outcome, again = run(two_models, server.url, temperature=1.0)
    assert (outcome.kept, len(server.bodies)) == (1, 1)
    assert again["objects"]["1"] == written["objects"]["1"]


def test_a_second_run_asks_nothing_and_writes_the_same(two_models: Path) -> None:
    with chat(lambda n, body: said()) as server:
        first = run(two_models, server.url)
        bytes_then = (two_models / "names.json").read_bytes()
        second = run(two_models, server.url)
        assert len(server.bodies) == 2
    assert (first[0].asked, second[0].asked) == (2, 0)
    assert (two_models / "names.json").read_bytes() == bytes_then


def test_a_killed_run_goes_on_where_it_stopped(two_models: Path) -> None:
    later: list[Any] = [401]
    with chat(lambda n, body: said() if n == 0 else later[-1]) as server:
        with pytest.raises(ModelError):
            run(two_models, server.url, connections=1)
        assert not (two_models / "names.json").exists()
        later.append(said(name="white bowl", synonyms=[]))
        outcome, written = run(two_models, server.url, connections=1)
    assert outcome.asked == 1
    assert [e["name"] for e in written["objects"].values()] == ["red mug", "white bowl"]


def test_two_objects_of_one_name_are_told_apart_or_left_without(two_models: Path) -> None:
    with chat(lambda n, body: said()) as server:
        outcome, written = run(two_models, server.url)
    assert sorted(e["name"] for e in written["objects"].values()) == ["", "red red mug"] or set(outcome.refused)
    names = [e["name"] for e in written["objects"].values() if e["name"]]
    assert len(names) == len(set(names))
    load_names({}, two_models, trust=True)  # two objects that share a name would be an error


def test_two_models_are_asked_and_where_they_differ_is_flagged(two_models: Path, tmp_path: Path) -> None:
    def answer(n: int, body: dict[str, Any]) -> str:
        return said() if body["model"] == "m" else said(name="tin pail", synonyms=[], colors=["blue"], material="tin")

    with chat(answer) as server:
        askers = (asker(server.url, tmp_path), Asker("other", server.url, cache=tmp_path, sleep=at_once))
        outcome = describe(Request(two_models, tmp_path / "n.json", askers, limit=1, side=SIDE))
        assert describe(Request(two_models, tmp_path / "n.json", askers, limit=1, side=SIDE)).asked == 0
        with pytest.raises(InputError, match="same model"):
            describe(Request(two_models, tmp_path / "n.json", askers[:1] * 2))
    assert outcome.disagree == {1: ("colors", "material", "name")}
    told = json.loads((tmp_path / "n.json").read_text())["objects"]["1"]
    assert told["name"] == "red mug" and told["others"]["other"]["name"] == "tin pail"
    assert "differ in colors, material, name" in outcome.text()


def test_the_command_line(two_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "names.json"
    with chat(lambda n, body: said()) as server:
        command = [
            "describe",
            str(two_models),
            "--out",
            str(out),
            "--vlm",
            "m",
            "--vlm-url",
            server.url,
            "--limit",
            "1",
        ]
        assert main(command) == 0
    assert "1 objects described" in capsys.readouterr().out
    assert main(["describe", str(tmp_path), "--out", str(out), "--vlm", "m"]) == 2
    assert main([*command[:-1], "0"]) == 2
    out.write_text("[]")
    assert main(command) == 2
    assert "names file" in capsys.readouterr().err


# Laws of the check.

TEXTS = st.text(max_size=60) | st.sampled_from(["<b>", "{a}", "red mug", "the mug", "a\u0000b", "x" * 99, "'; --"])
REPLIES = st.fixed_dictionaries(
    {name: st.lists(TEXTS, max_size=4) if spec["type"] == "array" else TEXTS for name, spec in FIELDS.items()}
)


@given(REPLIES)
def test_whatever_is_said_only_plain_words_pass(reply: dict[str, Any]) -> None:
    try:
        told = checked(reply)
    except ValueError:
        return
    texts = [told.name, *told.synonyms, told.category, *told.colors, told.shape, told.material, told.use, told.printed]
    assert not any(UNPLAIN.search(text) for text in texts)
    assert all(len(text) <= 40 and text == text.lower() for text in (told.name, *told.synonyms))
    assert checked({**GOOD, "name": told.name}).name == told.name


def test_an_article_and_capitals_are_dropped() -> None:
    assert checked({**GOOD, "name": "The Red Mug."}).name == "red mug"
    assert checked({**GOOD, "printed": "Master Chef 100%"}).printed == "Master Chef 100%"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from("abcd"), max_size=3)), max_size=5))
def test_after_striking_no_two_objects_share_a_name(said: list[tuple[str, list[str]]]) -> None:
    entries = {
        k: {"name": name, "synonyms": synonyms, "colors": ["red"][: k % 2]} for k, (name, synonyms) in enumerate(said)
    }
    told_apart(entries, ["d"])
    left = [phrase for e in entries.values() for phrase in (e["name"], *e["synonyms"]) if phrase]
    assert len(left) == len(set(left)) and "d" not in left
    assert all(e["name"] or "problem" in e for e in entries.values())


def test_descriptions_that_share_words_do_not_contradict() -> None:
    one = Description("red mug", ("cup",), "mug", ("red",), material="ceramic", printed="ACME coffee")
    assert differences(one, Description("cup", (), "coffee mug", ("white", "red"), printed="acme")) == []
    assert differences(one, Description("pail", (), "bucket", ("blue",))) == ["name", "colors", "category"]


def test_the_prompt_asks_for_every_field() -> None:
    assert all(name in PROMPT for name in FIELDS)


def test_the_sheet_shows_the_texture(ycbv_mini: Path) -> None:
    import io

    import numpy as np
    from PIL import Image

    from bopask.bop.skin import read_skin
    from bopask.view.turntable import sheet

    png = sheet(read_skin(Models(ycbv_mini / "models")[5]), side=48)
    picture = np.asarray(Image.open(io.BytesIO(png)), int)
    assert picture.shape == (96, 192, 3)
    red, green, blue = picture[(picture < 250).any(-1)].mean(0)
    assert red > green > blue + 50  # a mustard bottle is yellow
