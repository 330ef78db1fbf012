"""The released BOP-Ask files: `core/bopask-test-*.json`, `lab/bopask-test-home.json`, `bopask-*-train.jsonl`.

A row: messages (a user whose text starts with `<image>`, an assistant), images, depths, masks (paths relative to the
dataset's root), question_type, question_subtype (https://arxiv.org/abs/2511.16857 and the files' readers). Points are
pixels of the image, as (u, v). Our own export of this layout has the key `bopask` besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bopask.errors import InputError
from bopask.foreign.noun import FIX, Foreign, Picture
from bopask.foreign.records import found, later, picture, records

FIELDS = ("messages", "images", "question_type", "question_subtype")
TASKS: Mapping[str, str] = {
    "pose": "pose",
    "grasp": "grasp",
    "trajectory": "trajectory",
    "object_rearrangement": "rearrangement",
    "spatial_reasoning": "spatial",
    "depth_relative": "depth",
}
"""Our task of each question_type."""
_PAIR = re.compile(r"[\[(]\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*[\])]")


def read(path: Path) -> Iterator[Foreign]:
    """Rows of a file, or of every core and lab file of the dataset's root (of its training files where it has none).

    Raises:
        InputError: a file or an image is missing, or a row is not as documented.
    """
    for file in _files(path):
        root = file.parent.parent if file.parent.name in ("core", "lab") else file.parent
        for n, record in enumerate(records(file, FIELDS)):
            yield _row(record, root, file, f"{file.stem}:{n}")


def _files(path: Path) -> list[Path]:
    tests = [file for folder in ("core", "lab") for file in sorted((path / folder).glob("bopask-test-*.json"))]
    return tests or found(path, "core/bopask-test-*.json", "bopask-*-train.jsonl")


def _row(record: Mapping[str, Any], root: Path, file: Path, where: str) -> Foreign:
    kind = record["question_type"]
    if kind not in TASKS:
        raise InputError(file, f"{where}: unknown question_type {kind!r}", f"Known are {', '.join(TASKS)}")
    question, answer = _said(record["messages"], file, where)
    lists = {name: record.get(name) or [] for name in ("images", "depths", "masks")}
    how, truth = answer_of(answer)
    return Foreign(
        id=(record.get("bopask") or {}).get("id") or where,
        benchmark="bopask",
        task=TASKS[kind],
        subtask=record["question_subtype"],
        question=question,
        images=tuple(picture(inner, root, file) for inner in lists["images"]),
        kind=how,
        truth=truth,
        rule="bopask",
        masks=_later(lists["masks"], root, file),
        depths=_later(lists["depths"], root, file),
        group=file.stem,
        extra={"answer": answer, **(record.get("bopask") or {})},
    )


def _later(inner: list[str], root: Path, file: Path) -> tuple[Picture, ...]:
    return tuple(later(one, root, file) for one in inner)


def _said(messages: Any, file: Path, where: str) -> tuple[str, str]:
    """The question without its image tag, and the answer."""
    try:
        said = {message["role"]: message["content"].strip() for message in messages}
        question, answer = said["user"], said["assistant"]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(file, f"{where}: messages are no user's and assistant's text", FIX) from error
    if not question.startswith("<image>"):
        raise InputError(file, f"{where}: the question does not start with <image>", FIX)
    return question.removeprefix("<image>").strip(), answer


def answer_of(answer: str) -> tuple[str, Any]:
    """Kind and truth of an answer text: a verdict, else its pairs of numbers, else the text."""
    verdict = answer.lower().rstrip(".")
    if verdict in ("yes", "no"):
        return "yes_no", verdict == "yes"
    points = tuple((float(u), float(v)) for u, v in _PAIR.findall(answer))
    return ("points", points) if points else ("text", answer)
