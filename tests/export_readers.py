"""Readers of every export, written from the public documentation of its format and from nothing of bopask.

Each gives what a trainer or benchmark would see of a row: question, answer, picture (bytes), points (px).
"""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import yaml

csv.field_size_limit(1 << 28)


class Seen(NamedTuple):
    question: str
    answer: str
    picture: bytes
    points: list[list[float]]


def points(answer: str) -> list[list[float]]:
    return [[float(u), float(v)] for u, v in re.findall(r"\[(-?[\d.]+), (-?[\d.]+)\]", answer)]


def seen(question: str, answer: str, picture: bytes) -> Seen:
    return Seen(question, answer, picture, points(answer))


def untagged(text: str) -> str:
    """Trainers put the picture where the one tag is."""
    assert text.count("<image>") == 1 and text.startswith("<image>")
    return text.removeprefix("<image>").removeprefix("\n")


def vila(dest: Path) -> Iterator[Seen]:
    """VILA: a registry of datasets, each a list of conversations and a folder of media."""
    for name, entry in yaml.safe_load((dest / "vila.yaml").read_text()).items():
        assert re.fullmatch(r"\w+", name) and entry["_target_"] == "llava.data.LLaVADataset"
        for one in json.loads((dest / entry["data_path"]).read_bytes()):
            human, gpt = one["conversations"]
            assert (human["from"], gpt["from"]) == ("human", "gpt") and "<image>" not in gpt["value"]
            picture = dest / entry["media_dir"] / one["image"]
            yield seen(untagged(human["value"]), gpt["value"], picture.read_bytes())


def qwen(dest: Path) -> Iterator[Seen]:
    """qwen-vl-finetune: annotation_path and data_path."""
    for file in sorted(dest.glob("train*.json")):
        for one in json.loads(file.read_bytes()):
            said = {turn["from"]: turn["value"] for turn in one["conversations"]}
            yield seen(untagged(said["human"]), said["gpt"], (dest / one["image"]).read_bytes())


def llama_factory(dest: Path) -> Iterator[Seen]:
    for entry in json.loads((dest / "dataset_info.json").read_bytes()).values():
        tags, columns = entry["tags"], entry["columns"]
        assert entry["formatting"] == "sharegpt"
        for line in (dest / entry["file_name"]).read_text("utf-8").splitlines():
            one = json.loads(line)
            user, assistant = one[columns["messages"]]
            assert (user[tags["role_tag"]], assistant[tags["role_tag"]]) == (tags["user_tag"], tags["assistant_tag"])
            (image,) = one[columns["images"]]
            said = user[tags["content_tag"]], assistant[tags["content_tag"]]
            yield seen(untagged(said[0]), said[1], (dest / image).read_bytes())


def trl(dest: Path) -> Iterator[Seen]:
    for file in sorted(dest.glob("train*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            one = json.loads(line)
            ((user,), (assistant,)) = one["prompt"], one["completion"]
            assert (user["role"], assistant["role"]) == ("user", "assistant")
            assert [part["type"] for part in user["content"]] == ["image", "text"]
            assert isinstance(one["truth"], str) and one["task"] == json.loads(one["truth"])["task"]
            (image,) = one["images"]
            yield seen(user["content"][1]["text"], assistant["content"][0]["text"], (dest / image).read_bytes())


def swift(dest: Path) -> Iterator[Seen]:
    """ms-swift fills `<ref-object>` and `<bbox>` one after the other; here with pixels, as for qwen2.5-vl."""
    for file in sorted(dest.glob("train*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            one = json.loads(line)
            user, assistant = (message["content"] for message in one["messages"])
            objects = one.get("objects", {"ref": [], "bbox": [], "bbox_type": "real"})
            assert objects["bbox_type"] == "real"
            assert user.count("<ref-object>") == len(objects["ref"]) and assistant.count("<bbox>") == len(
                objects["bbox"]
            )
            for ref in objects["ref"]:
                user = user.replace("<ref-object>", ref, 1)
            for box in objects["bbox"]:
                assistant = assistant.replace("<bbox>", str([round(x) for x in box]), 1)
            (image,) = one["images"]
            said = seen(untagged(user), assistant, (dest / image).read_bytes())
            yield said._replace(points=objects["bbox"])


def verl(dest: Path) -> Iterator[Seen]:
    for file in sorted(dest.glob("train*.parquet")):
        for one in pq.read_table(file).to_pylist():
            assert set(one) == {"data_source", "prompt", "images", "ability", "reward_model", "extra_info"}
            ((message,), (image,)) = one["prompt"], one["images"]
            assert message["role"] == "user" and one["reward_model"]["style"] == "rule"
            data = image["bytes"] if "bytes" in image else (dest / image["image"]).read_bytes()
            said = seen(untagged(message["content"]), one["reward_model"]["ground_truth"], data)
            yield said._replace(points=one["extra_info"]["answer_points"] or [])


def lmms(dest: Path) -> Iterator[Seen]:
    config = lmms_config(dest)
    for name in config["dataset_kwargs"]["data_files"][config["test_split"]]:
        for line in (dest / name).read_text("utf-8").splitlines():
            one = json.loads(line)
            yield seen(one["question"], one[config["doc_to_target"]], (dest / one["image"]).read_bytes())


def lmms_config(dest: Path) -> dict[str, Any]:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))
    (file,) = dest.glob("*.yaml")
    return dict(yaml.load(file.read_text(), Loader))


def vlmeval(dest: Path) -> Iterator[Seen]:
    """An `image` of at most 64 characters is the index of the row that holds it."""
    (file,) = dest.glob("*.tsv")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    held = {row["index"]: row["image"] for row in rows}
    assert len(held) == len(rows)
    for row in rows:
        image = row["image"] if len(row["image"]) > 64 else held[row["image"]]
        yield seen(row["question"], row["answer"], base64.b64decode(image, validate=True))


def released(dest: Path) -> Iterator[Seen]:
    files = sorted(dest.glob("core/bopask-test-*.json"))
    rows = [row for file in files for row in json.loads(file.read_bytes())]
    for file in sorted(dest.glob("bopask-*-train*.jsonl")):
        rows += [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for row in rows:
        user, assistant = row["messages"]
        (image,) = row["images"]
        yield seen(untagged(user["content"]), assistant["content"], (dest / image).read_bytes())


READERS = {
    "llava": (vila, qwen), "messages": (llama_factory,), "trl": (trl,), "swift": (swift,), "verl": (verl,),
    "lmms": (lmms,), "vlmeval": (vlmeval,), "bopask": (released,),
}  # fmt: skip
