"""`bopask lab`: one's own photos and questions as a data set that people answer on the review page.

    QUESTIONS.jsonl    {"image": "desk/1.jpg", "task": "grasp", "question": "How would you grasp the red mug?"}
                       a line each; also "subtask" (lab where not given) and "phrases", names that the question uses

The rows carry their pictures and no answer. On the page somebody draws or chooses each (*Fix*), another accepts or
rejects it, and `bopask review export` writes those that people agree on: a benchmark that eval and score take. Nothing
here is proved, for photos have no poses; only scores that look at points and at yes or no apply. Paper: BOP-Ask-lab.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image, ImageOps

from bopask import __version__
from bopask.ask.identity import row_id
from bopask.ask.rows import SCHEMA
from bopask.ask.tasks import TASKS
from bopask.errors import InputError
from bopask.job import Tally
from bopask.store.card import write_card
from bopask.store.dataset import picture_path
from bopask.store.embed import embedded_schema
from bopask.store.files import key_of, write_json
from bopask.store.output import Output
from bopask.store.shards import write_shard

ORIENTATION = 0x0112
"""The EXIF tag by which cameras turn a picture."""
KNOWN = frozenset({"image", "task", "question", "subtask", "phrases"})


@dataclass(frozen=True)
class Lab:
    """What to make; equal ones give equal bytes."""

    photos: Path
    """Folder that the questions' images lie in."""
    questions: Path
    out: Path
    name: str = "lab"
    """Of the data set."""
    licence: str = "the photographer's"
    overwrite: bool = False


@dataclass(frozen=True)
class Photo:
    """A picture as it is seen: turned upright."""

    data: bytes
    width: int
    height: int


def lab(job: Lab) -> Tally:
    """Writes the data set, a row a question in their order.

    Raises:
        InputError: a line or a picture cannot be read, or two lines ask the same.
        OutputError: the folder holds something else.
    """
    photos, frames = dict[str, Photo](), dict[str, int]()
    rows, asked = list[dict[str, Any]](), dict[str, int]()
    for number, question in read_questions(job.questions):
        image = question["image"]
        photos[image] = photos.get(image) or read_photo(job, image, number)
        frame = frames.setdefault(image, len(frames))
        row = row_of(job, question, photos[image], frame)
        if (before := asked.setdefault(row["id"], number)) != number:
            raise InputError(f"{job.questions}, line {number}", f"asks what line {before} asks", "Leave one out")
        rows.append(row)
    if not rows:
        raise InputError(job.questions, "asks nothing", 'Write lines as {"image": …, "task": …, "question": …}')
    output = Output(
        job.out, key_of("lab", __version__, job.name, job.licence, [row["id"] for row in rows], list(photos))
    )
    output.open(job.overwrite)
    schema = embedded_schema(SCHEMA)
    write_shard(job.out / "data" / "lab-000000.parquet", (pa.Table.from_pylist([row], schema) for row in rows), schema)
    tally = Tally(frames=len(photos))
    for row in rows:
        tally.count(row)
    _finish(job, output, tally)
    return tally


def read_questions(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers, from 1, and questions; empty lines are left out.

    Raises:
        InputError: a line is none.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "Give a text file, one question a line") from error
    for number, line in enumerate(lines, 1):
        if line.strip() and (wrong := _wrong(question := _json(line))):
            raise InputError(f"{path}, line {number}", wrong, "docs/benchmark.md shows a line")
        if line.strip():
            yield number, question


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _wrong(question: Any) -> str:
    """What is wrong with a line; '' when nothing is."""
    if not isinstance(question, dict):
        return "is not a JSON object"
    for name in ("image", "task", "question"):
        if not isinstance(question.get(name), str) or not question[name].strip():
            return f"has no {name!r}"
    if question["task"] not in TASKS:
        return f"asks for {question['task']!r}, which is none of {', '.join(TASKS)}"
    if unknown := sorted(question.keys() - KNOWN):
        return f"says {unknown[0]!r}, which means nothing here"
    phrases = question.get("phrases", [])
    if not isinstance(phrases, list) or not all(isinstance(phrase, str) for phrase in phrases):
        return "has phrases that are no list of texts"
    return "" if isinstance(question.get("subtask", "lab"), str) else "has a subtask that is no text"


def read_photo(job: Lab, image: str, number: int) -> Photo:
    """A picture by its path in the folder; one that its EXIF data turn is written anew, upright, without loss.

    Raises:
        InputError: there is none, or it is no picture.
    """
    path = job.photos / picture_path(image)
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            kept = picture.format in ("JPEG", "PNG") and picture.getexif().get(ORIENTATION, 1) == 1
            upright = ImageOps.exif_transpose(picture)
            if kept:
                return Photo(data, *upright.size)
            buffer = io.BytesIO()
            upright.convert("RGB").save(buffer, "PNG")
            return Photo(buffer.getvalue(), *upright.size)
    except (OSError, Image.DecompressionBombError) as error:
        fix = "Images are named by their path in the folder of photos"
        raise InputError(f"{job.questions}, line {number}", f"{path} is no picture ({error})", fix) from error


def row_of(job: Lab, question: Mapping[str, Any], photo: Photo, frame: int) -> dict[str, Any]:
    """A row as docs/formats.md has it: without camera, poses and answer."""
    row: dict[str, Any] = {
        "dataset": job.name, "split": "test", "scene_id": 0, "frame_id": frame, "sensor": "",
        "task": question["task"], "subtask": question.get("subtask", "lab"), "question": question["question"],
        "answer": "", "answer_points": None, "image": question["image"], "width": photo.width, "height": photo.height,
        "camera_K": None, "T_world_cam": None, "layout": f"{frame:06d}-0", "instances": [],
        "phrases": question.get("phrases", []), "licence": job.licence,
        "evidence": json.dumps({"photo_sha256": hashlib.sha256(photo.data).hexdigest()}),
    }  # fmt: skip
    suffix = Path(question["image"]).suffix
    named = question["image"] if photo.data[:4] != b"\x89PNG" else question["image"].removesuffix(suffix) + ".png"
    return row | {"id": row_id(row), "image": {"bytes": photo.data, "path": named}}


def _finish(job: Lab, output: Output, tally: Tally) -> None:
    """The manifest and the card."""
    made = {
        "bopask": __version__, "dataset": job.name, "split": "test", "licence": job.licence, "source": "",
        "fingerprint": output.fingerprint, "counts": tally.counts(), "layouts": [],
    }  # fmt: skip
    write_card(job.out, made, True)
    write_json(job.out / "manifest.json", made)
    output.close()
