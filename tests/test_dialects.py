"""Dialects: what is written is read again, what is read was written, and what cannot be read says why."""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bopask.ask import grasp, pose, rearrangement, trajectory
from bopask.bench.dialects import (
    CHOICES,
    COMMON,
    COUNTS,
    DIALECTS,
    Dialect,
    Parsed,
    Status,
    ask_in,
    dialect_for,
    dialect_named,
    guess_dialect,
    plain,
    read,
)
from bopask.bench.dialects.frames import fitted, smart_resize
from bopask.bench.dialects.scan import scan
from bopask.errors import InputError

REPLIES = [json.loads(line) for line in (Path(__file__).parent / "data" / "replies.jsonl").read_text().splitlines()]
WIDTH, HEIGHT = 640, 480
WHOLE = re.compile(r"(?<![0-9.])[-+.0-9](?:[-+.0-9]|(?<=[0-9])[eE](?=[-+0-9]))*")
"""Digits, points and signs as far as they reach: '.4.5' is one, and no number."""


@st.composite
def answers(draw: st.DrawFn, task: str) -> tuple[int, int, list[tuple[float, float]]]:
    """Width, height and points anywhere on an image, its very edges included."""
    width, height = draw(st.integers(40, 4000)), draw(st.integers(40, 4000))
    least, most = COUNTS[task]
    u, v = (st.floats(-0.5, side - 0.5, allow_nan=False) for side in (width, height))
    return width, height, draw(st.lists(st.tuples(u, v), min_size=least, max_size=min(most, 12)))


@pytest.mark.parametrize("task", COUNTS)
@pytest.mark.parametrize("name", DIALECTS)
@given(data=st.data())
def test_what_is_written_is_read_again(name: str, task: str, data: st.DataObject) -> None:
    dialect = DIALECTS[name]
    width, height, points = data.draw(answers(task))
    text = dialect.write(points, task, width, height)
    parsed = dialect.parse(text, task, width, height)
    assert parsed.ok and parsed.points is not None, (text, parsed)
    axes = dialect.frame.axes(width, height)
    step = [0.5 * 10.0**-dialect.frame.decimals / axis.gain + 1e-6 for axis in axes]
    assert (np.abs(parsed.points - points) <= step).all()
    # A second time nothing is rounded any more, so long as the first rounding did not step over the edge.
    inside = np.clip(parsed.points, -0.5, (width - 0.5, height - 0.5)).tolist()
    assert dialect.parse(dialect.write(inside, task, width, height), task, width, height).ok


def nothing_plain(*_: object) -> None:
    return None


@pytest.mark.parametrize("task", COUNTS)
@pytest.mark.parametrize("name", DIALECTS)
@given(data=st.data())
def test_the_short_way_reads_what_the_scan_reads(name: str, task: str, data: st.DataObject) -> None:
    """What is read by one pattern, and texts with an accident, are read the same without it."""
    dialect = DIALECTS[name]
    width, height, points = data.draw(answers(task))
    text = dialect.write(points, task, width, height)
    text = text.replace(" ", data.draw(st.sampled_from([" ", "", "\n  "]))) if "<" not in text else text
    text = data.draw(
        st.sampled_from(["{}", "I'd say: {}, so it's free.", "\n{} ", "at -{}", "the grasp center, {}"])
    ).replace("{}", text)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(PIECES)) + text[at + data.draw(st.integers(0, 3)) :]
    short = dialect.parse(text, task, width, height)
    with pytest.MonkeyPatch.context() as patch:
        for way in ("points", "boxes", "objects", "tag"):
            patch.setattr(plain, way, nothing_plain)
        long = dialect.parse(text, task, width, height)
    assert (short.status, short.written, short.notes) == (long.status, long.written, long.notes), text
    assert short.points is long.points is None or np.array_equal(short.points, long.points), text


@pytest.mark.parametrize(
    "wrap", ["<think>No, (1, 2).</think>{}", "<answer>{}</answer>", "Here:\n```json\n{}\n```", "{}\n"]
)
@pytest.mark.parametrize("name", DIALECTS)
def test_wrappers_change_nothing(name: str, wrap: str) -> None:
    dialect = DIALECTS[name]
    for task, (least, _) in COUNTS.items():
        text = dialect.write([(10.0 * i + 5, 7.0 * i + 3) for i in range(least)], task, WIDTH, HEIGHT)
        bare, wrapped = (dialect.parse(t, task, WIDTH, HEIGHT) for t in (text, wrap.replace("{}", text)))
        assert bare.ok and wrapped.ok and np.array_equal(bare.points, wrapped.points)
    for verdict in (True, False):
        assert (
            dialect.parse(wrap.replace("{}", dialect.write(verdict, "depth", 1, 1)), "depth", 1, 1).verdict is verdict
        )


@pytest.mark.parametrize("name", DIALECTS)
@given(data=st.data())
def test_a_reply_that_stops_anywhere_is_never_ok_with_a_number_cut_in_two(name: str, data: st.DataObject) -> None:
    """Of every prefix: what is read, if anything, is a beginning of the whole answer."""
    dialect = DIALECTS[name]
    task = data.draw(st.sampled_from(["trajectory", "rearrangement"]))
    width, height, points = data.draw(answers(task))
    text = dialect.write(points, task, width, height)
    whole = dialect.parse(text, task, width, height)
    cut = dialect.parse(text[: data.draw(st.integers(0, len(text)))], task, width, height)
    assert cut.written == whole.written[: len(cut.written)]


@pytest.mark.parametrize("row", REPLIES, ids=lambda row: f"{row['dialect']}-{row['task']}-{row['reply'][:24]!r}")
def test_corpus(row: dict) -> None:
    parsed = DIALECTS[row["dialect"]].parse(row["reply"], row["task"], WIDTH, HEIGHT)
    assert (str(parsed.status), parsed.verdict) == (row["status"], row["verdict"]), (parsed, row["why"])
    assert (parsed.points is None) == (row["points"] is None), parsed
    if parsed.points is not None:
        assert parsed.points.shape == (len(row["points"]), 2)
        assert np.abs(parsed.points - row["points"]).max() < 1e-3


def test_the_corpus_is_large_and_has_every_kind_of_failure() -> None:
    assert len({(row["dialect"], row["task"], row["reply"]) for row in REPLIES}) == len(REPLIES) >= 200
    assert {row["status"] for row in REPLIES} == {str(status) for status in Status}
    assert {row["dialect"] for row in REPLIES} == set(DIALECTS)
    assert min(Counter(row["status"] for row in REPLIES).values()) >= 5


PIECES = (
    *("[", "]", "(", ")", "{", "}", ",", ", ", " ", "\n", ": ", ". ", '"', "'", "[[", "]]", "), (", "], ["),
    *(
        "0.5",
        "1",
        "320",
        "24",
        "999",
        "1500",
        "-3",
        "1e309",
        "NaN",
        "inf",
        "9" * 30,
        "１２",
        "٣",
        "0,5",
        "38%",
        "1e2",
        "007",
    ),
    *("[10, 20]", "(0.1, 0.2)", "(221,423)", "[1, 2, 3]", "[100, 200, 300, 400]", "[[1,2],[3,4]]", "[NaN, 3]"),
    *('"point_2d": ', '"point": ', '"bbox_2d": ', '"box_2d": ', '"label": "mug"', '{"point_2d": [5, 6], "label": "a"}'),
    *(
        '{"point": [5, 6], "label": "(7, 8)"}',
        '<point x="38.1" y="42.8" alt="mug">',
        '<points x1="1" y1="2" x2="3" y2="4">',
    ),
    *(
        "<points ",
        'x1="5"',
        'y1="6"',
        "</point>",
        "<box>",
        "</box>",
        "<|box_start|>",
        "<|box_end|>",
        "<think>",
        "</think>",
    ),
    *(
        "<answer>",
        "</answer>",
        "```",
        "```json\n",
        "<|im_end|>",
        "\x00",
        "\u2028",
        "🙂",
        "é",
        "mug",
        "Answer: ",
        "Yes",
        "no",
    ),
    *(
        "Grasp center: ",
        "Left finger base: ",
        "Right finger base: ",
        "Left finger tip: ",
        "Right finger tip: ",
        "I cannot",
    ),
)


def spoilt(text: str, rng: random.Random) -> str:
    """A reply with up to three accidents: something left out, put in, or said twice."""
    for _ in range(rng.randrange(4)):
        i = rng.randrange(len(text) + 1)
        j = min(len(text), i + rng.randrange(8))
        text = text[:i] + rng.choice(("", rng.choice(PIECES), 2 * text[i:j])) + text[j:]
    return text


def fuzz(seed: int, count: int) -> Counter[tuple[str, str]]:
    """Random and spoilt texts through random dialects: how often each outcome came, every OK checked."""
    rng, outcomes = random.Random(seed), Counter[tuple[str, str]]()
    dialects, tasks = list(DIALECTS.values()), (*COUNTS, *CHOICES)
    points = [[(rng.uniform(0, 639), rng.uniform(0, 479)) for _ in range(8)] for _ in range(20)]
    counts = {"pose": 8, "grasp": 5, "trajectory": 4, "rearrangement": 1}
    replies = [(d, t, d.write(p[: counts[t]], t, WIDTH, HEIGHT)) for d in dialects for t in COUNTS for p in points]
    verdicts = ("Yes.", "**No**", "The answer is yes", "No, it is not.", "<answer>Yes</answer>")
    replies += [(d, t, text) for d in dialects for t in CHOICES for text in verdicts]
    dialect, task = dialects[0], tasks[0]
    for _ in range(count):
        if rng.random() < 0.5:
            dialect, task, text = rng.choice(replies)
            text = spoilt(text, rng)
        else:
            text = "".join(rng.choices(PIECES, k=rng.randrange(14)))
        if rng.random() < 0.1:
            text = "".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(0xD7FF)))) for _ in range(30)) + text
        if rng.random() < 0.7:  # most of the written ones are foreign to the dialect that reads them
            dialect, task = rng.choice(dialects), rng.choice(tasks)
        parsed = dialect.parse(text, task, WIDTH, HEIGHT)
        check(parsed, dialect, task, text)
        outcomes["points" if task in COUNTS else "choice", str(parsed.status)] += 1
    return outcomes


def literals(text: str) -> set[float]:
    """The numbers of a text that touch no other: of '.4.5, 240' only 240."""
    found = set()
    for run in WHOLE.findall(text):
        with contextlib.suppress(ValueError):
            found.add(float(run.rstrip("-+")))
    return found


def check(parsed: Parsed, dialect: Dialect, task: str, text: str) -> None:
    """No silent misread: the numbers stand in the text, are possible, and are what the points come from."""
    if task in CHOICES:
        assert parsed.points is None and (parsed.verdict is not None) == parsed.ok, text
        assert parsed.verdict is None or ("yes" if parsed.verdict else "no") in text.lower(), text
        return
    assert parsed.verdict is None and (parsed.points is not None or not parsed.ok), text
    if parsed.points is None:
        return
    assert parsed.status in (Status.OK, Status.WRONG_COUNT, Status.TRUNCATED), text
    assert set(parsed.written) <= literals(text), (text, parsed)
    assert COUNTS[task][0] <= len(parsed.points) <= COUNTS[task][1] or not parsed.ok, text
    across, down = dialect.frame.axes(WIDTH, HEIGHT)
    written = np.array(parsed.written).reshape(-1, 2)
    assert (written >= 0).all() and (written <= (across.top, down.top)).all(), text
    if "box_centre" not in parsed.notes:
        again = parsed.points * (across.gain, down.gain) + (across.offset, down.offset)
        assert np.allclose(again, written, atol=1e-9), (text, parsed)


def test_fuzz() -> None:
    outcomes = fuzz(0, 20_000)
    assert {status for kind, status in outcomes if kind == "points"} == {str(status) for status in Status}


@pytest.mark.slow
def test_fuzz_a_million() -> None:
    outcomes = fuzz(1, 1_000_000)
    assert outcomes["points", "ok"] > 50_000 and outcomes["choice", "ok"] > 10_000


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "(",
        "[(",
        "[1",
        "(1, ",
        "[1, 2",
        "[1,2],",
        "1",
        " ",
        "<",
        "<point ",
        "<points x1=",
        "x",
        'a="',
        "a='",
        "<box>",
        "`",
    ]
    + [
        "<|box_start|>",
        "<answer>",
        "<think>",
        '"point_2d": ',
        "yes",
        "no. ",
        "answer: ",
        "finger ",
        "*",
        "\n",
        "[1," + " " * 50,
    ]
    + ["[1, 2" + " " * 50 + "x]", "grasp center [1, 2] ", "(] ", "[) ", "wait, "],
)
def test_long_replies_take_linear_time(unit: str) -> None:
    """A hundred thousand characters of what makes a pattern try again; a quadratic one takes minutes."""
    text = unit * (100_000 // len(unit))
    for dialect in DIALECTS.values():
        for task in ("grasp", "depth"):
            assert dialect.parse(text, task, WIDTH, HEIGHT).status in Status


@pytest.mark.parametrize("name", DIALECTS)
def test_points_off_the_image_cannot_be_written(name: str) -> None:
    for point in ((-40.0, 10.0), (10.0, -40.0), (WIDTH + 40.0, 10.0), (10.0, HEIGHT + 40.0), (math.nan, 1.0)):
        with pytest.raises(ValueError):
            DIALECTS[name].write([point], "rearrangement", WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="8 to 8"):
        DIALECTS[name].write([(1.0, 2.0)], "pose", WIDTH, HEIGHT)


def test_the_sizes_that_models_see_are_the_published_ones() -> None:
    limits = (28, 56 * 56, 16384 * 28 * 28)
    assert smart_resize(480, 640, *limits) == (476, 644)
    assert smart_resize(1080, 1920, *limits) == (1092, 1932)
    assert smart_resize(20, 20, *limits) == (56, 56)
    assert smart_resize(1080, 1920, 28, 56 * 56, 1280 * 28 * 28) == (728, 1316)
    with pytest.raises(ValueError, match="refuses"):
        smart_resize(10, 2010, *limits)
    # https://platform.claude.com/docs/en/build-with-claude/vision-coordinates
    assert fitted(1075, 1520, 1568, 1568) == (924, 1307)
    assert fitted(1920, 1080, 1568, 1568) == (1456, 819)
    assert fitted(640, 480, 1568, 1568) == (640, 480)


@given(st.integers(28, 5000), st.integers(28, 5000))
def test_smart_resize_obeys_its_own_rules(height: int, width: int) -> None:
    h, w = smart_resize(height, width, 28, 56 * 56, 1280 * 28 * 28)
    assert h % 28 == w % 28 == 0 and 56 * 56 <= h * w <= 1280 * 28 * 28


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai/gpt-5", "pixels"),
        ("openai/o3", "pixels"),
        ("google/gemini-robotics-er-1.5-preview", "gemini"),
        ("anthropic/claude-sonnet-4-5", "claude"),
        ("anthropic/claude-3-7-sonnet-20250219", "claude"),
        ("anthropic/claude-opus-4-20250514", "claude"),
        ("anthropic/claude-opus-4-7", "claude-high"),
        ("vllm/Qwen/Qwen2-VL-7B-Instruct", "qwen2-vl"),
        ("vllm/Qwen/Qwen2.5-VL-3B-Instruct", "qwen2.5-vl"),
        ("vllm/Qwen/Qwen3-VL-8B-Instruct", "qwen3-vl"),
        ("hf/allenai/Molmo-72B-0924", "molmo"),
        ("OpenGVLab/InternVL3_5-8B", "internvl"),
        ("Zhoues/RoboRefer-2B-SFT", "roborefer"),
        ("wentao-yuan/robopoint-v1-vicuna-v1.5-13b", "roborefer"),
        ("Efficient-Large-Model/NVILA-15B", "unit"),
        ("runs/bopask-qwen2.5-vl-sft", "bopask"),
    ],
)
def test_models_are_known_by_name(model: str, name: str) -> None:
    assert dialect_for(model).name == name


@pytest.mark.parametrize("model", ["acme/eyes-9b", "allenai/Molmo2-8B", "Qwen/Qwen2.5-7B", "mockllm/model", ""])
def test_unknown_models_are_not_guessed(model: str) -> None:
    with pytest.raises(InputError, match="--dialect"):
        dialect_for(model)
    with pytest.raises(InputError, match="--dialect"):
        dialect_named(model)


def test_letters_whose_lower_case_is_longer_do_not_move_the_labels() -> None:
    text = "İİİ Left finger base: [3, 4], Grasp center: [1, 2], Right finger base: [5, 6], Left finger tip: [7, 8],"
    parsed = DIALECTS["pixels"].parse(f"{text} Right finger tip: [9, 9]", "grasp", WIDTH, HEIGHT)
    assert parsed.written == (1, 2, 3, 4, 5, 6, 7, 8, 9, 9)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_guess_is_flagged(name: str) -> None:
    text = DIALECTS[name].write([(100.0, 200.0), (300.0, 400.0)], "trajectory", WIDTH, HEIGHT)
    parsed = read(text, "trajectory", WIDTH, HEIGHT, guess=True)
    assert parsed.ok and parsed.notes[0] == f"guessed:{guess_dialect(text).name}"
    with pytest.raises(InputError, match="--guess"):
        read(text, "trajectory", WIDTH, HEIGHT)
    assert not any(note.startswith("guessed") for note in read(text, "trajectory", WIDTH, HEIGHT, DIALECTS[name]).notes)


@pytest.mark.parametrize("name", DIALECTS)
def test_instructions_replace_the_format_of_the_question(name: str) -> None:
    templates = {
        ("pose", "cuboid"): pose.TEMPLATES,
        ("grasp", "parallel_jaw"): grasp.TEMPLATES,
        ("trajectory", "carry"): trajectory.TEMPLATES,
        ("rearrangement", "first"): rearrangement.FIRST,
    }
    for (task, subtask), all_of_them in templates.items():
        told = DIALECTS[name].instruction(task, subtask, WIDTH, HEIGHT)
        assert "{" not in told.replace('{"point', "") and told.endswith(".")
        for template in all_of_them:
            question = template.format(a="red mug", b="blue bowl", width=WIDTH, height=HEIGHT)
            asked = ask_in(question, told)
            assert asked.count("Answer with") == 1 and "Your answer should be five" not in asked
            assert asked.endswith(told) and "red mug" in asked.removesuffix(told)
    assert (
        ask_in("Is it left?", DIALECTS[name].instruction("depth", "closer", 1, 1))
        == "Is it left? Answer with Yes or No."
    )


@pytest.mark.parametrize("name", DIALECTS)
def test_an_instruction_said_back_is_no_answer(name: str) -> None:
    dialect = DIALECTS[name]
    for task in COUNTS:
        parsed = dialect.parse(dialect.instruction(task, "all", WIDTH, HEIGHT), task, WIDTH, HEIGHT)
        assert not parsed.ok or task in ("rearrangement", "trajectory"), parsed


def test_the_common_format_is_one_of_the_table() -> None:
    assert DIALECTS[COMMON].name == "unit"
    assert all(name == dialect.name for name, dialect in DIALECTS.items())
    page = (Path(__file__).resolve().parents[1] / "docs" / "dialects.md").read_text()
    assert all(f"| `{name}` |" in page for name in DIALECTS)
    assert all(f"| `{status}` |" in page for status in Status)


@given(st.text(alphabet="[]()12, ", max_size=40))
def test_points_are_found_where_they_stand(text: str) -> None:
    for group in (group for group in scan(text).groups if group.values):
        assert text[group.start] in "[(" and text[group.end - 1] in "])"
        assert all(repr(int(x)) in text[group.start : group.end] for x in group.values)
