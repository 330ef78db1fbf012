"""`bopask export`: every row comes back through a reader of the format, and an export is whole or absent."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import sys
import types
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_readers import READERS, Seen, lmms_config
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny import OBJECTS, box, write_tiny_bop

from bopask.ask import grasp, rearrangement, trajectory
from bopask.ask.identity import row_id
from bopask.ask.rows import SCHEMA
from bopask.bench.dialects import CHOICES, DIALECTS
from bopask.bop.folder import open_bop
from bopask.cli import main
from bopask.errors import InputError, OutputError
from bopask.export.formats import FORMATS
from bopask.export.released import mask_name
from bopask.export.run import Request, export
from bopask.foreign.sets import read as read_foreign
from bopask.store.embed import embedded, embedded_schema

HANDS = ("Grasp center", "Left finger base", "Right finger base", "Left finger tip", "Right finger tip")


def pointing(base: Mapping[str, Any], task: str, subtask: str, template: str, n: int) -> dict[str, Any]:
    """A row of a task whose priors take long to make: real wording, made-up points."""
    points = [[100.25 + 31 * k, 80.5 + 17.75 * k] for k in range(n)]
    rounded = [f"[{round(u)}, {round(v)}]" for u, v in points]
    listed = [f"{name}: {at}" for name, at in zip(HANDS, rounded, strict=False)]
    phrases = ["red mug", "blue can next to the red mug"]
    row = {
        **base, "task": task, "subtask": subtask, "answer_points": points, "phrases": phrases, "instances": [0, 1],
        "question": template.format(a=phrases[0], b=phrases[1], c="box", width=base["width"], height=base["height"]),
        "answer": ", ".join(listed) if task == "grasp" else f"[{', '.join(rounded)}]",
    }  # fmt: skip
    return {**row, "id": row_id(row)}


def write_set(out: Path, rows: list[dict[str, Any]], bop: Path | None, embed: bool = False, **more: Any) -> Path:
    """A data set folder of these rows, two shards."""
    (out / "data").mkdir(parents=True)
    half = len(rows) // 2
    for n, part in enumerate((rows[:half], rows[half:])):
        table, schema = pa.Table.from_pylist(part, SCHEMA), SCHEMA
        if embed:
            assert bop is not None
            table, schema = pa.concat_tables(embedded(iter([table]), bop)), embedded_schema(SCHEMA)
        pq.write_table(table.cast(schema), out / "data" / f"train-{n:06d}.parquet", row_group_size=500)
    tasks = {row["task"]: {} for row in rows}
    source = os.path.relpath(bop, out) if bop else ""
    about = {"dataset": "Tiny set", "split": "train", "fingerprint": "f", "source": source, "counts": {"tasks": tasks}}
    (out / "manifest.json").write_text(json.dumps({**about, **more}))
    return out


@pytest.fixture(scope="module")
def sample(crowded: Path) -> Path:
    """A small folder whose second scene has rows of every task and pictures."""
    return crowded


@pytest.fixture(scope="module")
def rows(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Rows of a small folder, and one of each task whose priors take long."""
    out = tmp_path_factory.mktemp("made") / "out"
    command = ["generate", str(sample), "--split", "train", "--scenes", "2", "--tasks", "pose,spatial,depth"]
    assert main([*command, "--out", str(out)]) == 0
    made = pq.read_table(sorted((out / "data").glob("*.parquet"))).to_pylist()
    last = made[-1]
    more = [pointing(last, "grasp", "parallel_jaw", template, 5) for template in grasp.TEMPLATES]
    more += [pointing(last, "trajectory", "carry", template, 4) for template in trajectory.TEMPLATES]
    for subtask, templates, n in (("first", rearrangement.FIRST, 1), ("all", rearrangement.ALL, 3)):
        more += [pointing(last, "rearrangement", subtask, template, n) for template in templates]
    return made + more


@pytest.fixture(scope="module")
def made(rows: list[dict[str, Any]], sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set") / "out", rows, sample)


def digest(folder: Path) -> str:
    """Of every file's name and content, links as what they say."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def assert_same(rows: list[dict[str, Any]], back: list[Seen], root: Path, loose: bool = False) -> None:
    """Question, answer, picture and points of every row, in order."""
    assert len(back) == len(rows)
    for row, one in zip(rows, back, strict=True):
        question = without_size(row) if loose else row["question"]
        assert (one.question, one.answer) == (question, row["answer"])
        assert one.picture == (root / row["image"]).read_bytes()
        true = row["answer_points"] or []
        assert len(one.points) == len(true)
        assert not true or np.abs(np.array(one.points) - np.array(true)).max() <= 0.5


def as_copied(back: list[Seen], rows: list[dict[str, Any]], root: Path) -> list[Seen]:
    """Copies of the released layout are PNG: their pixels stand for the file's bytes."""
    made = []
    for one, row in zip(back, rows, strict=True):
        file = root / row["image"]
        with Image.open(BytesIO(one.picture)) as png, Image.open(file) as image:
            assert png.format == "PNG" and png.tobytes() == image.convert("RGB").tobytes()
        made.append(one._replace(picture=file.read_bytes()))
    return made


def without_size(row: Mapping[str, Any]) -> str:
    """What ms-swift may not be told: pixels, and the size of the image."""
    if row["answer_points"] is None:
        return str(row["question"])
    bare = re.sub(r" in the \d+x\d+ image", " in the image", row["question"])
    return re.sub(r"\bpixels\b", "points", bare.replace("pixel coord", "coord").replace("pixel position", "position"))


@pytest.mark.parametrize("to", FORMATS)
def test_every_row_comes_back(made: Path, rows: list[dict[str, Any]], sample: Path, tmp_path: Path, to: str) -> None:
    outcome = export(Request(made, tmp_path / "x", to))
    assert outcome is not None and outcome.tasks.total() == len(rows) and not outcome.left_out and not outcome.notes
    for reader in READERS[to]:
        assert_same(rows, list(reader(tmp_path / "x")), sample, loose=to == "swift")
    told = json.loads((tmp_path / "x" / "export.json").read_bytes())
    assert told["rows"] == len(rows) and told["tasks"] == dict(outcome.tasks)


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_options_give_the_same_bytes(made: Path, tmp_path: Path, to: str) -> None:
    for name in ("x", "y"):
        assert main(["export", str(made), "--to", to, "--out", str(tmp_path / name), "--tasks", "pose,grasp"]) == 0
    assert digest(tmp_path / "x") == digest(tmp_path / "y")
    assert str(made.parent) not in (tmp_path / "x" / "export.json").read_text()


@pytest.mark.parametrize("to", [to for to, made in FORMATS.items() if len(made.modes) == 3])
@pytest.mark.parametrize("images", ["link", "copy", "reference"])
def test_pictures_are_found_wherever_they_are(
    made: Path, rows: list[dict[str, Any]], sample: Path, tmp_path: Path, to: str, images: str
) -> None:
    export(Request(made, tmp_path / "x", to, tasks=("pose",), images=images))
    wanted = [row for row in rows if row["task"] == "pose"]
    back = list(READERS[to][0](tmp_path / "x"))
    if to == "bopask" and images == "copy":  # always PNG: the pixels are the same
        back = as_copied(back, wanted, sample)
    assert_same(wanted, back, sample, loose=to == "swift")
    held = [p for p in (tmp_path / "x").rglob("*") if p.suffix in (".jpg", ".png")]
    assert {p.is_symlink() for p in held} <= {images == "link"} and (images != "reference" or not held)


@pytest.mark.parametrize("to", ["llava", "messages", "trl", "swift", "verl", "lmms", "bopask"])
def test_shards_are_the_whole_in_pieces(
    made: Path, rows: list[dict[str, Any]], sample: Path, tmp_path: Path, to: str
) -> None:
    export(Request(made, tmp_path / "x", to, shard_rows=100))
    files = [p.name for p in (tmp_path / "x").iterdir() if re.search(r"-\d{5}\.", p.name)]
    assert len(files) == -(-len(rows) // 100)
    assert_same(rows, list(READERS[to][0](tmp_path / "x")), sample, loose=to == "swift")


@pytest.mark.parametrize("to", FORMATS)
def test_pictures_in_the_rows_need_no_bop_folder(
    rows: list[dict[str, Any]], sample: Path, tmp_path: Path, to: str
) -> None:
    some = rows[:20] + rows[-4:]
    out = write_set(tmp_path / "out", some, sample, embed=True, source="gone")
    outcome = export(Request(out, tmp_path / "x", to))
    assert outcome is not None and set(outcome.notes) <= {"without_depth", "without_masks"}
    back = list(READERS[to][0](tmp_path / "x"))
    if to == "bopask":
        back = as_copied(back, some, sample)
    assert_same(some, back, sample, loose=to == "swift")


@pytest.mark.parametrize("to", FORMATS)
def test_nothing_is_left_of_an_export_that_fails(made: Path, sample: Path, tmp_path: Path, to: str) -> None:
    bop = tmp_path / "bop"
    (bop / "train").mkdir(parents=True)
    with pytest.raises(InputError, match=r"is not there|no split"):
        export(Request(made, tmp_path / "x", to, bop=bop))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bop"]


def test_a_folder_is_never_mixed(made: Path, tmp_path: Path) -> None:
    asked = Request(made, tmp_path / "x", "messages", tasks=("pose",))
    assert export(asked) is not None and export(asked) is None
    with pytest.raises(OutputError, match="another export"):
        export(replace(asked, to="llava"))
    assert export(replace(asked, to="llava", overwrite=True)) is not None
    assert not (tmp_path / "x" / "dataset_info.json").exists()
    (tmp_path / "x" / "mine.txt").touch()
    with pytest.raises(OutputError, match="files of others"):
        export(replace(asked, overwrite=True))
    assert (tmp_path / "x" / "mine.txt").exists() and (tmp_path / "x" / "train.json").exists()
    with pytest.raises(InputError, match="the data set itself"):
        export(replace(asked, dest=made))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": "coco"}, "unknown format"),
        ({"tasks": ("pose", "sorting")}, "'sorting' has no rows"),
        ({"images": "move"}, "Choose from link, copy, reference"),
        ({"to": "vlmeval", "images": "link"}, "not possible with vlmeval"),
        ({"to": "vlmeval", "shard_rows": 5}, "--shard-rows"),
        ({"to": "bopask", "dialect": "molmo"}, "readers read pixels"),
        ({"dialect": "klingon"}, "there is no such dialect"),
        ({"bop": Path("nowhere")}, "is no folder"),
        ({"out": Path("nowhere")}, "manifest.json"),
    ],
)
def test_options_that_do_not_fit_are_refused(made: Path, tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        export(replace(Request(made, tmp_path / "x", "llava"), **options))
    assert not (tmp_path / "x").exists()


def test_what_cannot_be_shown_is_left_out_and_counted(rows: list[dict[str, Any]], sample: Path, tmp_path: Path) -> None:
    odd = [{**rows[0], "image": ""}, {**rows[1], "question": "What is <image> doing?"}, rows[2]]
    outcome = export(Request(write_set(tmp_path / "out", odd, sample), tmp_path / "x", "llava"))
    assert outcome is not None and outcome.left_out == {"no_image": 1, "media_tag_in_text": 1}
    assert outcome.tasks.total() == 1 and "left out 1: no_image" in outcome.text()
    climbing = write_set(tmp_path / "evil", [{**rows[0], "image": "../../etc/passwd"}, rows[1]], sample)
    with pytest.raises(InputError, match="leaves the BOP folder"):
        export(Request(climbing, tmp_path / "y", "llava"))


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("to", [to for to, format in FORMATS.items() if not format.own_words])
def test_answers_in_a_dialect_are_read_back(
    made: Path, rows: list[dict[str, Any]], sample: Path, tmp_path: Path, to: str, name: str
) -> None:
    """Whatever the trainer, the evaluator reads what the model was taught, and the question asks for it."""
    dialect = DIALECTS[name]
    some = [row for row in rows if row["task"] not in CHOICES][-20:] + [r for r in rows if r["task"] in CHOICES][:4]
    out = write_set(tmp_path / "out", some, sample)
    assert main(["export", str(out), "--to", to, "--out", str(tmp_path / "x"), "--dialect", name]) == 0
    assert json.loads((tmp_path / "x" / "export.json").read_bytes())["options"]["dialect"] == name
    back = list(READERS[to][-1](tmp_path / "x"))
    assert len(back) == len(some)
    for row, one in zip(some, back, strict=True):
        size = row["width"], row["height"]
        told = dialect.instruction(row["task"], row["subtask"], *size)
        assert one.question.endswith(told) and one.question.count("Answer with") == 1
        parsed = dialect.parse(one.answer, row["task"], *size)
        assert parsed.ok, (one.answer, parsed)
        if row["task"] in CHOICES:
            assert parsed.verdict is (row["answer"] == "Yes")
            continue
        step = [10.0**-dialect.frame.decimals / axis.gain for axis in dialect.frame.axes(*size)]
        assert parsed.points is not None
        assert (np.abs(parsed.points - np.array(row["answer_points"])) <= 0.5 * np.array(step) + 1e-4).all()


def test_what_no_dialect_can_say_is_left_out(rows: list[dict[str, Any]], sample: Path, tmp_path: Path) -> None:
    outside = {**rows[-1], "answer_points": [[-40.0, 10.0]]}
    out = write_set(tmp_path / "out", [rows[0], outside], sample)
    outcome = export(Request(out, tmp_path / "x", "messages", dialect="gemini"))
    assert outcome is not None and outcome.left_out == {"outside_the_image": 1} and outcome.tasks.total() == 1
    assert export(Request(out, tmp_path / "y", "messages")).tasks.total() == 2


def test_swift_is_told_how_only_once(made: Path, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """In a dialect of ours, ms-swift is given no points of its own to write."""
    outcome = export(Request(made, tmp_path / "x", "swift", dialect="qwen2.5-vl"))
    assert outcome is not None
    assert outcome.notes["points_without_objects"] == sum(row["answer_points"] is not None for row in rows)
    assert "<bbox>" not in (tmp_path / "x" / "train.jsonl").read_text()


def test_paths_are_as_the_reader_will_find_them(made: Path, tmp_path: Path) -> None:
    for to, file in (("llava", "vila.yaml"), ("trl", "train.jsonl"), ("lmms", "bopask_tiny_set_train.yaml")):
        export(Request(made, tmp_path / to, to, tasks=("pose",), at="/data/set"))
        assert '"/data/set/' in (tmp_path / to / file).read_text()


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r<"), min_size=1).filter(str.strip)


@settings(max_examples=10)
@given(said=st.lists(st.tuples(TEXT, TEXT), min_size=2, max_size=4))
def test_any_text_survives(
    rows: list[dict[str, Any]], sample: Path, tmp_path_factory: pytest.TempPathFactory, said: Any
) -> None:
    given_rows = [{**rows[0], "question": q, "answer": a, "answer_points": None} for q, a in said]
    folder = tmp_path_factory.mktemp("text")
    out = write_set(folder / "out", given_rows, sample)
    for to in ("llava", "messages", "verl", "vlmeval"):
        export(Request(out, folder / to, to))
        back = [(one.question, one.answer) for one in READERS[to][-1](folder / to)]
        assert [(q.lstrip("\n"), a) for q, a in back] == [(q.lstrip("\n"), a) for q, a in said]


def test_datasets_decodes_the_vision_chats(made: Path, tmp_path: Path) -> None:
    """TRL: a JSONL of chats, its images cast to pictures."""
    datasets = pytest.importorskip("datasets")
    dest = tmp_path / "x"
    export(Request(made, dest, "trl", tasks=("pose",), at=str(dest)))
    found = datasets.load_dataset("json", data_files=str(dest / "train.jsonl"), split="train", cache_dir=str(tmp_path))
    found = found.cast_column("images", datasets.Sequence(datasets.Image()))
    (image,) = found[0]["images"]
    assert image.size == (640, 480) and found[0]["prompt"][0]["content"][0]["type"] == "image"


def test_verl_carries_the_whole_row(made: Path, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    export(Request(made, tmp_path / "x", "verl"))
    table = pq.read_table(tmp_path / "x" / "train.parquet").to_pylist()
    for row, one in zip(rows, table, strict=True):
        extra = one["extra_info"]
        names = {name: name for name in row} | {"split": "bop_split"}
        assert {name: extra[other] for name, other in names.items()} == row
    images = {row["image"]: len(one["images"][0]["bytes"]) for row, one in zip(rows, table, strict=True)}
    text = sum(len(row["question"]) + len(row["evidence"]) for row in rows)
    assert (tmp_path / "x" / "train.parquet").stat().st_size < 1.5 * sum(images.values()) + text


# The harnesses: what they would run, run


def module(path: Path, name: str, package: str | None = None) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    if package:
        made.__package__ = package
    spec.loader.exec_module(made)
    return made


def test_the_lmms_task_runs_and_scores(made: Path, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    export(Request(made, tmp_path / "x", "lmms"))
    config = lmms_config(tmp_path / "x")
    utils = module(tmp_path / "x" / "utils.py", "lmms_utils")
    text = (tmp_path / "x" / "bopask_tiny_set_train.yaml").read_text()
    assert all(callable(getattr(utils, name)) for name in re.findall(r"utils\.(\w+)", text))
    metrics = [metric["metric"] for metric in config["metric_list"]]
    assert metrics == sorted(f"bopask_{task}" for task in {row["task"] for row in rows})
    docs = [json.loads(line) for line in (tmp_path / "x" / "test.jsonl").read_text().splitlines()]
    (image,) = utils.doc_to_visual(docs[0])
    assert image.size == (docs[0]["width"], docs[0]["height"]) and image.mode == "RGB"
    assert utils.doc_to_text(docs[0], {"post_prompt": "!"}) == docs[0]["question"] + "!"
    for reply, value in ((lambda d: d["answer"], 1.0), (lambda d: "I cannot tell.", 0.0)):
        scored = [utils.process_results(doc, [reply(doc)]) for doc in docs]
        assert all(utils.mean([one[name] for one in scored]) == value for name in metrics)
    assert np.isnan(utils.mean([None]))


@pytest.mark.parametrize(
    ("reply", "answer", "value"),
    [
        ("yes, it is", "Yes", 1.0),
        ("<think>no, maybe yes</think><answer>No</answer>", "No", 1.0),
        ("It is, so yes.", "No", 0.0),
        ("Yes or no? Yes and no, both.", "No", 0.0),
        ("perhaps yes, perhaps no", "Yes", 0.0),
        ("[[64, 48]]", "[[64, 48]]", 1.0),
        ("(64, 48)", "[[64, 48]]", 1.0),
        ("[[112, 48]]", "[[64, 48]]", 0.5),  # 48 / 640 = half of 0.15
        ("[[640, 480]]", "[[0, 0]]", 0.0),
        ("[[64, 48], [64, 48]]", "[[64, 48]]", 1.0),
        ("none", "[[64, 48]]", 0.0),
    ],
)
def test_the_scoring_code_by_hand(made: Path, tmp_path: Path, reply: str, answer: str, value: float) -> None:
    from bopask.export.harness import code

    (tmp_path / "utils.py").write_text(code("lmms_utils"))
    task = "depth" if answer in ("Yes", "No") else "rearrangement"
    assert module(tmp_path / "utils.py", "by_hand").score(reply, answer, task, 640, 480) == pytest.approx(value)


@pytest.mark.parametrize("name", DIALECTS)
def test_the_scoring_code_reads_the_dialect_that_was_asked_for(
    rows: list[dict[str, Any]], sample: Path, tmp_path: Path, name: str
) -> None:
    """A harness scores answers in the dialect as right, the same in another's as nothing."""
    row = {**rows[-1], "answer_points": [[101.0, 50.0], [440.0, 300.0], [620.0, 20.0]]}
    out = write_set(tmp_path / "out", [row, rows[0]], sample)
    export(Request(out, tmp_path / "x", "lmms", dialect=name))
    utils = module(tmp_path / "x" / "utils.py", f"utils_{name.replace('.', '_')}")
    doc, *_ = (json.loads(line) for line in (tmp_path / "x" / "test.jsonl").read_text().splitlines())
    (value,) = [v for v in utils.process_results(doc, [doc["answer"]]).values() if v is not None]
    assert value == 1.0
    foreign = "<points>12 34</points>" if name != "molmo" else "[[1, 2], [3, 4]]"
    (value,) = [v for v in utils.process_results(doc, [foreign]).values() if v is not None]
    assert value == 0.0


def test_the_vlmeval_class_runs_and_scores(
    made: Path, rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: Any
) -> None:
    pandas = pytest.importorskip("pandas")
    export(Request(made, tmp_path / "x", "vlmeval"))

    class ImageBaseDataset:
        """What VLMEvalKit's base class does with a dataset."""

        def __init__(self, dataset: str) -> None:
            self.data = self.load_data(dataset)

        def load_data(self, dataset: str) -> Any:
            raise NotImplementedError

    smp = types.ModuleType("vlmeval.smp")
    smp.LMUDataRoot = lambda: str(tmp_path / "x")  # type: ignore[attr-defined]
    smp.load = lambda path: pandas.read_csv(path, sep="\t")  # type: ignore[attr-defined]
    base = types.ModuleType("vlmeval.dataset.image_base")
    base.ImageBaseDataset = ImageBaseDataset  # type: ignore[attr-defined]
    packages = {name: types.ModuleType(name) for name in ("vlmeval", "vlmeval.dataset")}
    for name, made_module in {**packages, "vlmeval.smp": smp, "vlmeval.dataset.image_base": base}.items():
        made_module.__path__ = []
        monkeypatch.setitem(sys.modules, name, made_module)
    (file,) = (tmp_path / "x").glob("*.py")
    bop_ask = module(file, "vlmeval.dataset.bopask_tiny", "vlmeval.dataset").BopAsk
    (name,) = bop_ask.DATASET_URL
    dataset = bop_ask(name)
    assert dataset.data["question"].tolist() == [row["question"] for row in rows]
    assert dataset.data["image"].map(len).gt(64).sum() == len({row["image"] for row in rows})
    replies = dataset.data.drop(columns="image").assign(prediction=dataset.data["answer"])
    replies.to_csv(tmp_path / "replies.tsv", sep="\t", index=False)
    result = dataset.evaluate(str(tmp_path / "replies.tsv"))
    assert {kind["score"] for kind in result.values()} == {1.0}
    assert result["pose"]["n"] == sum(row["task"] == "pose" for row in rows)
    assert json.loads((tmp_path / "replies_score.json").read_text()) == result


# The released layout


def test_the_released_layout_has_depth_masks_and_their_types(
    made: Path, rows: list[dict[str, Any]], sample: Path, tmp_path: Path
) -> None:
    export(Request(made, tmp_path / "x", "bopask"))
    back = list(read_foreign("bopask", tmp_path / "x"))
    assert [one.id for one in back] == [row["id"] for row in rows]
    for row, one in zip(rows, back, strict=True):
        assert (one.task, one.question, one.extra["answer"]) == (row["task"], row["question"], row["answer"])
        assert one.truth == (
            (row["answer"] == "Yes")
            if row["answer_points"] is None
            else tuple((float(round(u)), float(round(v))) for u, v in row["answer_points"])
        )
        assert one.images[0].size() == (row["width"], row["height"])
        frame = sample / row["split"] / f"{row['scene_id']:06d}"
        masks = [frame / "mask_visib" / f"{row['frame_id']:06d}_{i:06d}.png" for i in row["instances"]]
        assert [mask.read() for mask in one.masks] == [path.read_bytes() for path in masks]
        assert one.depths[0].read() == (frame / "depth" / f"{row['frame_id']:06d}.png").read_bytes()
        assert one.extra["camera_K"] == row["camera_K"] and one.extra["depth_scale"] > 0
    assert {(one.task, one.subtask) for one in back} >= {("pose", "2dbbox"), ("grasp", "2dplane"), ("depth", "closer")}


def test_two_instances_of_one_object_have_their_own_masks(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    twins = (*OBJECTS, box(2, (0.05, 0.05, 0.08), (-0.05, -0.06), name="tall box"))
    bop = write_tiny_bop(tmp_path / "bop", split="test", n_frames=1, objects=twins, sensors=("cam1", "cam2"))
    shared = {
        "dataset": "t", "split": "test", "scene_id": 0, "frame_id": 0, "width": 160, "height": 120,
        "instances": [1, 3, 0], "phrases": ["tall box", "tall box", "flat box"],
    }  # fmt: skip
    made_rows = [
        {**rows[0], **shared, "sensor": sensor, "image": f"test/000000/rgb_{sensor}/000000.png"}
        for sensor in ("cam1", "cam2")
    ]
    out = write_set(tmp_path / "out", made_rows, bop, split="test")
    export(Request(out, tmp_path / "x", "bopask"))
    (file,) = (tmp_path / "x" / "core").iterdir()
    assert file.name == "bopask-test-tiny_set.json"
    one, two = json.loads(file.read_bytes())
    stem = "masks/scene_000000_frame_000000_cam1_target_"
    assert one["masks"] == [f"{stem}2_1_mask.png", f"{stem}2_3_mask.png", f"{stem}1_mask.png"]
    assert not set(one["masks"] + one["images"] + one["depths"]) & set(two["masks"] + two["images"] + two["depths"])
    masks = [np.asarray(Image.open(tmp_path / "x" / name)) for name in one["masks"]]
    assert all(mask.any() for mask in masks) and not (masks[0] & masks[1]).any()
    (frame, _) = open_bop(bop).read_scene("test", 0).frames
    names = [mask_name({**made_rows[0]}, frame, i) for i in range(4)]
    assert len(set(names)) == 4


def test_odd_pictures_become_png(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    bop = write_tiny_bop(tmp_path / "bop", n_frames=1, image_ext="tif", image_kind="gray")
    row = {**rows[0], "scene_id": 0, "frame_id": 0, "split": "train", "image": "train/000000/gray/000000.tif"}
    out = write_set(tmp_path / "out", [row, row], bop)
    for to in ("messages", "verl", "bopask"):
        export(Request(out, tmp_path / to, to))
        assert all(one.picture.startswith(b"\x89PNG") for one in READERS[to][0](tmp_path / to))
    with Image.open(tmp_path / "messages" / "images" / "train" / "000000" / "gray" / "000000.png") as image:
        assert image.mode == "RGB" and image.size == (160, 120)
