"""Conversations for trainers: LLaVA JSON, ShareGPT/messages, TRL's vision chats, ms-swift with `objects`.

All four are a question with the picture before it and an answer; they differ in names, in where the picture is said to
be, and in who knows how points are written. The picture's tag is `<image>`, a line of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from bopask.bench.rewards import truth_of
from bopask.export.place import Item, Place
from bopask.store.files import write_json


def llava(place: Place, items: Iterator[Item]) -> None:
    """LLaVA's JSON list, and VILA's yaml that registers each of its files.

    Read by qwen-vl-finetune (https://github.com/QwenLM/Qwen3-VL/blob/main/qwen-vl-finetune/README.md) and VILA
    (https://github.com/NVlabs/VILA/blob/main/llava/data/dataset_impl/llava.py). One `<image>` a question.
    """
    names = place.json_list(place.split, ({"id": i.row["id"], **_llava(place, i)} for i in items))
    place.text("vila.yaml", "".join(_vila(place, n, name) for n, name in enumerate(names)))


def _llava(place: Place, item: Item) -> dict[str, Any]:
    said = [("human", f"<image>\n{item.question}"), ("gpt", item.answer)]
    return {"image": place.picture(item), "conversations": [{"from": who, "value": what} for who, what in said]}


def _vila(place: Place, n: int, file: str) -> str:
    """One entry of VILA's registry (https://github.com/NVlabs/VILA/blob/main/llava/data/registry/datasets/)."""
    name = place.name + (f"_{n:05d}" if place.shard_rows else "")
    return (
        f"{name}:\n    _target_: llava.data.LLaVADataset\n    data_path: {json.dumps(place.absolute(file))}\n"
        f"    media_dir: {json.dumps(place.at or '.')}\n"
    )


def messages(place: Place, items: Iterator[Item]) -> None:
    """OpenAI-style messages with `images`, and LLaMA-Factory's dataset_info.json.

    https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md; relative images are found from its `media_dir`.
    """
    names = place.jsonl(place.split, (_messages(place, i, f"<image>{i.question}") for i in items))
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    columns = {"messages": "messages", "images": "images"}
    info = {
        place.name + (f"_{n:05d}" if place.shard_rows else ""): {
            "file_name": name, "formatting": "sharegpt", "columns": columns, "tags": tags
        }
        for n, name in enumerate(names)
    }  # fmt: skip
    write_json(place.folder / "dataset_info.json", info)


def _messages(place: Place, item: Item, question: str, answer: str = "") -> dict[str, Any]:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer or item.answer}]
    return {"id": item.row["id"], "messages": said, "images": [place.picture(item)]}


def trl(place: Place, items: Iterator[Item]) -> None:
    """TRL's conversational prompt and completion with pictures, and the truth that `bopask.bench.rewards` reads.

    https://huggingface.co/docs/trl/dataset_formats; cast `images` to a list of datasets.Image to have them decoded.
    SFT trains on the completion; GRPO asks the prompt and hands `truth` and `task` to the reward.
    """
    place.jsonl(place.split, (_parts(place, item) for item in items))


def _parts(place: Place, item: Item) -> dict[str, Any]:
    """Every part has both keys: one schema for the whole file."""
    user = [{"type": "image", "text": None}, {"type": "text", "text": item.question}]
    return {
        "id": item.row["id"],
        "prompt": [{"role": "user", "content": user}],
        "completion": [{"role": "assistant", "content": [{"type": "text", "text": item.answer}]}],
        "images": [place.absolute(place.picture(item))],
        "task": item.row["task"],
        "truth": truth_of(item.row),
    }


def swift(place: Place, items: Iterator[Item]) -> None:
    """ms-swift's standard format; points as `objects`, which it rewrites in the convention of the model it trains.

    https://github.com/modelscope/ms-swift/blob/main/docs/source_en/Customization/Custom-dataset.md (Grounding).
    """
    place.jsonl(place.split, (_swift(place, item) for item in items))


def _swift(place: Place, item: Item) -> dict[str, Any]:
    grounded = _grounded(item) if not place.dialect else None
    if grounded is None:
        if item.row["answer_points"] is not None:
            place.notes["points_without_objects"] += 1
        record = _messages(place, item, f"<image>{item.question}")
    else:
        question, answer, ref = grounded
        record = _messages(place, item, f"<image>{question}", answer)
        record["objects"] = {"ref": ref, "bbox": [_pixel(p) for p in item.row["answer_points"]], "bbox_type": "real"}
    record["images"] = [place.absolute(path) for path in record["images"]]
    return record


def _pixel(point: list[float]) -> list[float]:
    """Float32 pixels in their shortest decimals: cut to two, some would round to another pixel than the answer."""
    return [float(str(np.float32(x))) for x in point]


_PAIR = re.compile(r"\[-?\d+, -?\d+\]")


def _grounded(item: Item) -> tuple[str, str, list[str]] | None:
    """Question and answer with placeholders, and what `<ref-object>` stands for; None where there are no points.

    The question no longer says pixels or the image's size: ms-swift may write thousandths, and one sample must not
    say two conventions.
    """
    points = item.row["answer_points"]
    if points is None or len(_PAIR.findall(item.answer)) != len(points):
        return None
    question, sizes = re.subn(r"(,?) in the \d+x\d+ image", r"\1 in the image", item.question)
    question = re.sub(r"\bpixels\b", "points", re.sub(r"\bpixel (coordinates?|positions?)\b", r"\1", question))
    if sizes != 1 or "pixel" in question:
        return None
    phrases = sorted({p for p in item.row["phrases"] if p}, key=lambda p: (-len(p), p))
    ref: list[str] = []

    def name(match: re.Match[str]) -> str:
        ref.append(match[0])
        return "<ref-object>"

    if phrases:
        question = re.sub("|".join(rf"\b{re.escape(p)}\b" for p in phrases), name, question)
    return question, _PAIR.sub("<bbox>", item.answer), ref
