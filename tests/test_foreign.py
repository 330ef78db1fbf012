"""Benchmarks of others: rows of the documented schema are read, and scored as their authors score them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bopask.errors import InputError
from bopask.foreign.noun import Foreign, Picture
from bopask.foreign.rules import RULES, chosen, in_polygon
from bopask.foreign.sets import SETS, read


def png(size: tuple[int, int] = (40, 20), on: tuple[int, int, int, int] | None = None) -> bytes:
    """A gray picture, or a mask that is white in the box u0, v0, u1, v1."""
    pixels = np.full((size[1], size[0]), 0 if on else 90, np.uint8)
    if on:
        pixels[on[1] : on[3], on[0] : on[2]] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def put(path: Path, content: Any) -> Path:
    """Writes bytes, JSON, JSON lines or parquet, by what it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(content), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(one) + "\n" for one in content))
    else:
        path.write_text(json.dumps(content))
    return path


HUB = {"bytes": png(), "path": "a.png"}


def bopask_row(kind: str, subkind: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": "<image>What is asked?"},
            {"role": "assistant", "content": answer},
        ],
        "images": ["images/scene_000001_frame_000002.png"],
        "depths": ["depth_maps/scene_000001_frame_000002.png"],
        "masks": ["masks/scene_000001_frame_000002_target_5_mask.png"],
        "question_type": kind,
        "question_subtype": subkind,
    }


def bopask(root: Path) -> list[Path]:
    put(root / "images" / "scene_000001_frame_000002.png", png())
    put(root / "masks" / "scene_000001_frame_000002_target_5_mask.png", png(on=(3, 4, 9, 8)))
    grasp = ", ".join(f"{name}: [{n}, {n + 1}]" for n, name in enumerate(("Grasp center", "Left finger base")))
    rows = [bopask_row("grasp", "2dplane", grasp), bopask_row("trajectory", "2d", "[(1, 2), (3.5, 4)]")]
    lab = [bopask_row("depth_relative", "closer", "Yes"), bopask_row("spatial_reasoning", "relative_position", "no.")]
    return [put(root / "core" / "bopask-test-ycbv.json", rows), put(root / "lab" / "bopask-test-home.json", lab)]


def robospatial(root: Path) -> list[Path]:
    put(root / "images" / "img_context_0.png", png())
    put(root / "images" / "mask_context_0.png", png(on=(4, 4, 9, 9)))
    shared = {"img": "images/img_context_0.png", "depth_image": None, "mask": None}
    where = {"category": "context", "question": "Where? Answer with points between 0 and 1.", **shared}
    yes = {"category": "compatibility", "question": "Can it fit?", "answer": "Yes", **shared}
    polygon = {**where, "answer": "[(0.1, 0.2), (0.3, 0.2), (0.3, 0.5)]", "mask": "images/mask_context_0.png"}
    return [put(root / "annotations.json", [polygon, yes])]


def cv_bench(root: Path) -> list[Path]:
    row = {
        "idx": 7, "type": "3D", "task": "Depth", "image": HUB, "question": "Which is closer?",
        "choices": ["cup", "box"], "answer": "(B)", "prompt": "Which is closer? (A) cup (B) box",
        "filename": "3D/depth/a.png", "source": "Omni3D",
        "source_dataset": "ARKit", "source_filename": "b.png", "target_class": None, "target_size": None, "bbox": None,
    }  # fmt: skip
    return [put(root / "test_3d.parquet", [row])]


def spatial_bench(root: Path) -> list[Path]:
    put(root / "size" / "a.png", png())
    row = {"image": "size/a.png", "question": "Which is larger? (A) or (B)"}
    pair = [{**row, "answer": "Yes", "id": "existence_1"}, {**row, "answer": "No", "id": "existence_2"}]
    files = {
        "existence": pair,
        "reach": pair,
        "counting": [{**row, "answer": "4", "id": 0}],
        "positional": [{**row, "answer": "B"}],
    }
    return [put(root / f"{name}.json", rows) for name, rows in files.items()]


def blink(root: Path) -> list[Path]:
    row = {
        "idx": "val_Relative_Depth_1", "question": "Which point is closer?", "sub_task": "Relative_Depth",
        "image_1": HUB, "image_2": None, "image_3": None, "image_4": None, "choices": ["A is closer", "B is closer"],
        "answer": "(A)",
        "prompt": "Which point is closer?\n(A) A is closer\n(B) B is closer",
    }  # fmt: skip
    hidden = {**row, "idx": "val_Relative_Depth_2", "answer": "hidden"}
    return [put(root / "Relative_Depth" / "val-00000-of-00001.parquet", [row, hidden])]


def ref_spatial(root: Path) -> list[Path]:
    put(root / "Placement" / "image" / "0.png", png())
    put(root / "Placement" / "mask" / "0.png", png(on=(10, 5, 20, 10)))
    row = {
        "id": 0, "object": "the free space", "prompt": "Please point out the free space.", "suffix": "Use tuples.",
        "rgb_path": "image/0.png", "mask_path": "mask/0.png", "category": "placement", "step": 3,
    }  # fmt: skip
    return [put(root / "Placement" / "question.json", [row])]


def emb_spatial(root: Path) -> list[Path]:
    row = {
        "data_source": "mp3d", "scene_id": "x", "question_id": "mp3d_57", "question": "Which is the nearest?",
        "relation": "close", "image": base64.b64encode(png()).decode(), "answer_options": ["door", "cabinet", "table"],
        "answer": 2, "objects": [{"name": "door", "bbox": [1, 2, 3, 4]}],
    }  # fmt: skip
    return [put(root / "embspatial_bench.json", [row])]


MAKERS: dict[str, Callable[[Path], list[Path]]] = {
    "bopask": bopask, "robospatial_home": robospatial, "cv_bench": cv_bench, "spatial_bench": spatial_bench,
    "blink": blink, "ref_spatial": ref_spatial, "emb_spatial": emb_spatial,
}  # fmt: skip


def rows_of(name: str, root: Path) -> list[Foreign]:
    MAKERS[name](root)
    return list(read(name, root))


@pytest.mark.parametrize("name", SETS)
def test_rows_of_the_documented_schema_are_read(name: str, tmp_path: Path) -> None:
    rows = rows_of(name, tmp_path)
    assert rows and len({row.id for row in rows}) == len(rows)
    for row in rows:
        assert row.benchmark == name and row.question and row.rule in {*RULES, "bopask"}
        assert row.images and all(image.size() == (40, 20) for image in row.images)
        assert all(mask.mask().any() for mask in row.masks)
        assert row.kind != "choice" or row.truth is None or 0 <= row.truth < len(row.options)


@pytest.mark.parametrize("name", SETS)
def test_a_missing_field_is_named(name: str, tmp_path: Path) -> None:
    for file in MAKERS[name](tmp_path):
        rows = pq.read_table(file).to_pylist() if file.suffix == ".parquet" else json.loads(file.read_text())
        field = "answer" if "answer" in rows[0] else "messages" if "messages" in rows[0] else "prompt"
        put(file, [{key: value for key, value in row.items() if key != field} for row in rows])
        with pytest.raises(InputError, match=rf"{file.name}: record 0 has no field '{field}'.*Download"):
            list(read(name, file))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', b"[1]", b"\xff\xfe"])
def test_a_broken_file_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    file = MAKERS[name](tmp_path)[0]
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read(name, file))
    assert caught.value.path == str(file)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for name in SETS:
        with pytest.raises(InputError, match="is not there"):
            read(name, tmp_path / "nowhere")
        with pytest.raises(InputError, match=r"has no .*Download"):
            list(read(name, tmp_path))
    with pytest.raises(InputError, match="Choose from bopask"):
        read("vqa", tmp_path)
    bopask(tmp_path)
    (tmp_path / "images" / "scene_000001_frame_000002.png").unlink()
    with pytest.raises(InputError, match=r"frame_000002\.png: the image that bopask-test-ycbv.json names"):
        list(read("bopask", tmp_path))


@pytest.mark.parametrize("inner", ["../secret.png", "/etc/passwd"])
def test_no_path_leaves_the_folder(inner: str, tmp_path: Path) -> None:
    file = robospatial(tmp_path)[0]
    put(file, [{**row, "img": inner} for row in json.loads(file.read_text())])
    with pytest.raises(InputError, match="outside its folder"):
        list(read("robospatial_home", tmp_path))


# What became of the rows


def test_released_bop_ask(tmp_path: Path) -> None:
    rows = rows_of("bopask", tmp_path)
    assert [(row.task, row.subtask, row.kind, row.truth, row.group) for row in rows] == [
        ("grasp", "2dplane", "points", ((0.0, 1.0), (1.0, 2.0)), "bopask-test-ycbv"),
        ("trajectory", "2d", "points", ((1.0, 2.0), (3.5, 4.0)), "bopask-test-ycbv"),
        ("depth", "closer", "yes_no", True, "bopask-test-home"),
        ("spatial", "relative_position", "yes_no", False, "bopask-test-home"),
    ]
    assert rows[0].question == "What is asked?" and rows[0].id == "bopask-test-ycbv:0"
    assert rows[0].masks[0].mask().sum() == 24
    with pytest.raises(InputError, match=r"depth_maps.*cannot be read"):  # looked for only where it is wanted
        rows[0].depths[0].read()
    train = put(tmp_path / "bopask-ycbv-train.jsonl", [bopask_row("pose", "2dbbox", "[(1, 2), (3, 4)]")] * 2)
    assert [row.task for row in read("bopask", train)] == ["pose", "pose"]
    put(train, [bopask_row("sorting", "x", "Yes")])
    with pytest.raises(InputError, match="unknown question_type 'sorting'"):
        list(read("bopask", train))


def test_the_forms_a_benchmark_comes_in(tmp_path: Path) -> None:
    """The hub's parquet beside files on disk."""
    polygon = "[(0.1, 0.2), (0.3, 0.2), (0.3, 0.5)]"
    row = {"category": "context", "question": "Where?", "answer": polygon, "img": HUB, "depth_image": HUB, "mask": HUB}
    put(tmp_path / "robo" / "data" / "context-00000-of-00001.parquet", [row])
    (one,) = read("robospatial_home", tmp_path / "robo")
    assert one.truth == ((0.1, 0.2), (0.3, 0.2), (0.3, 0.5)) and one.masks and one.depths
    ref = {"id": 3, "image": HUB, "mask": HUB, "object": "cup", "prompt": "Point.", "suffix": "Tuples.", "step": 2}
    put(tmp_path / "ref" / "data" / "location-00000-of-00001.parquet", [ref])
    (one,) = read("ref_spatial", tmp_path / "ref")
    assert (one.id, one.group, one.question) == ("location:3", "location", "Point. Tuples.")
    (made,) = cv_bench(tmp_path / "cv")
    (record,) = pq.read_table(made, columns=[c for c in pq.read_schema(made).names if c != "image"]).to_pylist()
    put(tmp_path / "raw" / "test_3d.jsonl", [record])
    put(tmp_path / "raw" / "img" / "3D" / "depth" / "a.png", png())
    (one,) = read("cv_bench", tmp_path / "raw")
    assert one.images[0].size() == (40, 20) and one.truth == 1


# Scores


def row(rule: str, kind: str = "choice", truth: Any = 1, **fields: Any) -> Foreign:
    made = {"options": ("cup", "the box"), "images": (Picture(Path("x"), png()),)} | fields
    return Foreign("1", rule, "t", "", "?", kind=kind, truth=truth, rule=rule, **made)


@pytest.mark.parametrize(
    ("reply", "value"),
    [("(0.2, 0.25)", 1), ("[0.2,0.25]", 1), ("[(0.2, 0.25), (0.9, 0.9)]", 1), ("[(0.9, 0.9), (0.2, 0.25)]", 0),
     ("0.2, 0.25", 0), ("", 0), ("[0.9, 0.9] or (0.2, 0.25)", 1), ("(200, 250)", 0)],
)  # fmt: skip
def test_robospatial_takes_the_first_point(reply: str, value: float) -> None:
    square = ((0.1, 0.1), (0.3, 0.1), (0.3, 0.4), (0.1, 0.4))
    assert RULES["robospatial_home"].score(row("r", "polygon", square), reply) == value


def test_robospatial_verdicts_begin_the_reply() -> None:
    score = RULES["robospatial_home"].score
    said = {"Yes, it can": (1, 0), "no.": (0, 1), "I say yes": (0, 0), "": (0, 0), "nothing fits": (0, 1)}
    for reply, (yes, no) in said.items():
        assert (score(row("r", "yes_no", True), reply), score(row("r", "yes_no", False), reply)) == (yes, no)


@given(st.integers(3, 9), st.floats(0, 1), st.floats(0, 1), st.integers(0, 100))
def test_the_polygon_test_is_a_half_plane_test_on_convex_ones(n: int, x: float, y: float, seed: int) -> None:
    angle = np.sort(np.random.default_rng(seed).uniform(0, 2 * np.pi, n))
    corners = np.stack([0.5 + 0.4 * np.cos(angle), 0.5 + 0.4 * np.sin(angle)], 1)
    edge = np.roll(corners, -1, 0) - corners
    side = edge[:, 0] * (y - corners[:, 1]) - edge[:, 1] * (x - corners[:, 0])
    if np.abs(side).min() > 1e-9:
        assert in_polygon((x, y), [tuple(c) for c in corners.tolist()]) == bool((side > 0).all())


@pytest.mark.parametrize(
    ("reply", "option"),
    [("(B)", 1), ("B", 1), ("B.", 1), ("B. the box", 1), ("The answer is (A).", 0), ("<answer>B</answer>", 1),
     ("the box", 1), ("The Box.", 1), ("(A) or (B)", None), ("I cannot tell.", None), ("", None), ("C", None),
     ("A box is closer", None)],
)  # fmt: skip
def test_which_option_a_reply_takes(reply: str, option: int | None) -> None:
    assert chosen(reply, ("cup", "the box")) == option


def test_a_hidden_truth_is_never_met(tmp_path: Path) -> None:
    known, hidden = rows_of("blink", tmp_path)
    assert RULES["blink"].score(known, "(A) A is closer") == 1 and hidden.truth is None
    assert all(RULES["blink"].score(hidden, reply) == 0 for reply in ("(A)", "", "hidden"))


def test_cv_bench_weighs_its_sources() -> None:
    rows = [row("cv_bench", group=source) for source in ("ADE20K", "ADE20K", "COCO", "Omni3D", "Omni3D")]
    totals = RULES["cv_bench"].total(list(zip(rows, [1, 0, 1, 0, 0], strict=True)))
    assert (totals["ADE20K"], totals["2D"], totals["3D"], totals["accuracy"]) == (0.5, 0.75, 0.0, 0.375)
    assert RULES["cv_bench"].total([(rows[0], 1.0)])["accuracy"] is None  # a source is missing
    assert RULES["cv_bench"].total([])["accuracy"] is None


def test_spatial_bench_by_hand(tmp_path: Path) -> None:
    rule = RULES["spatial_bench"]
    rows = {(one.task, one.id): one for one in rows_of("spatial_bench", tmp_path)}
    count = rows["counting", "counting:0"]
    assert [rule.score(count, reply) for reply in ("4", "3", "12", "four")] == [1, 0.75, -1, 0]
    pairs = [one for one in rows.values() if one.pair]
    assert len({one.pair for one in pairs}) == 2
    scored = [(one, rule.score(one, "Yes")) for one in pairs]
    assert rule.total(scored) == {"existence": 0.0, "reach": pytest.approx(1 / 3)}
    scored = [(one, rule.score(one, one.truth)) for one in pairs]
    assert rule.total(scored) == {"existence": 1.0, "reach": 1.0}
    assert rule.total([(rows["positional", "positional:0"], 1.0)]) == {"positional": 1.0}


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("(0.3, 0.3)", 1.0),  # (12, 6) of a 40x20 image: on the mask 10..19, 5..9
        ("[(0.3, 0.3), (0.9, 0.9)]", 0.5),
        ("(12, 6)", 1.0),  # whole numbers are pixels
        ("(1.5, 0.3) (0.3, 0.3)", 0.5),  # outside counts as a miss
        ("(0.25, 0.25, 0.5, 0.5)", 1.0),
        ("(0.25, 0.0, 0.5, 0.5)", 0.5),
        ("(-1.0, -1.0, 2.0, 2.0)", 50 / (120 * 60)),
        ("(0.5, 0.5, 0.25, 0.25)", 0.0),
        ("0.3, 0.3", 0.0),
        ("(" + "9" * 400 + ", 1)", 0.0),
    ],
)
def test_ref_spatial_by_hand(reply: str, value: float, tmp_path: Path) -> None:
    (one,) = rows_of("ref_spatial", tmp_path)
    assert RULES["ref_spatial"].score(one, reply) == pytest.approx(value)


@given(st.text(st.characters(codec="utf-8")) | st.text("()[],.0123456789- ABCDyesno", max_size=60))
def test_no_reply_breaks_a_rule(reply: str) -> None:
    square = ((0.1, 0.1), (0.3, 0.1), (0.3, 0.4))
    mask = {"masks": (Picture(Path("m"), png(on=(1, 1, 5, 5))),)}
    rows = {
        "robospatial_home": row("r", "polygon", square), "ref_spatial": row("r", "mask", None, **mask),
        "spatial_bench": row("r", "text", "Yes"), "cv_bench": row("r"), "blink": row("r"), "emb_spatial": row("r"),
    }  # fmt: skip
    assert set(rows) == set(RULES)
    assert all(0 <= RULES[name].score(one, reply) <= 1 for name, one in rows.items())
    assert RULES["spatial_bench"].score(row("r", "count", 3), reply) <= 1
