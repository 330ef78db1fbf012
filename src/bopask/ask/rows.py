"""Rows: the columns of Asked become the dataset's table. One place knows the schema of a row."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from bopask.arrays import Array
from bopask.ask import text
from bopask.ask.asked import Asked
from bopask.ask.block import Block

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("dataset", pa.string()),
        ("split", pa.string()),
        ("scene_id", pa.int32()),
        ("frame_id", pa.int32()),
        ("sensor", pa.string()),
        ("task", pa.string()),
        ("subtask", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("answer_points", pa.list_(pa.list_(pa.float32(), 2))),
        ("image", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("camera_K", pa.list_(pa.float64(), 9)),
        ("T_world_cam", pa.list_(pa.float64(), 16)),
        ("layout", pa.string()),
        ("instances", pa.list_(pa.int32())),
        ("phrases", pa.list_(pa.string())),
        ("evidence", pa.string()),
        ("licence", pa.string()),
    ]
)
"""A row. Pixels of the original image; K and T_world_cam row-major, metres (docs/formats.md)."""


@dataclass(frozen=True)
class Origin:
    """What all rows of a run share."""

    dataset: str
    split: str
    licence: str


def to_table(
    block: Block,
    asked: Mapping[str, Sequence[Asked]],
    origin: Origin,
    images: Sequence[str],
    rng: np.random.Generator,
    wordings: dict[str, Counter[str]] | None = None,
) -> pa.Table:
    """The block's rows, ordered by frame: all questions of an image stand together.

    Args:
        asked: columns by task.
        images: image path of each frame of the block ('' where there is none).
        rng: draws the wordings.
        wordings: rows by subtask and wording; those of this table are added.
    """
    wordings = {} if wordings is None else wordings
    parts = [_part(block, task, one, rng, wordings) for task, many in asked.items() for one in many if len(one)]
    if not parts:
        return SCHEMA.empty_table()
    frame = np.concatenate([p.frame for p in parts])
    order = np.argsort(frame, kind="stable")
    frame = frame[order]
    columns = {name: _gather([p.columns[name] for p in parts], order) for name in parts[0].columns}
    columns |= _frame_columns(block, origin, images, frame)
    columns["id"] = content_ids(columns)
    return pa.table([columns[f.name] for f in SCHEMA], schema=SCHEMA)


@dataclass(frozen=True)
class _Part:
    frame: Array
    columns: dict[str, pa.Array]


def _part(block: Block, task: str, asked: Asked, rng: np.random.Generator, wordings: dict[str, Counter[str]]) -> _Part:
    rows = len(asked)
    if asked.yes is None:
        template = rng.integers(0, len(asked.templates), rows)
        answer = asked.answer
    else:  # the two rows of a pair share their wording
        template = np.repeat(rng.integers(0, len(asked.templates), rows // 2), 2)
        answer = text.coded(["No", "Yes"], asked.yes.astype(np.int8))
    used, times = np.unique(template, return_counts=True)
    counted = {asked.templates[t]: n for t, n in zip(used.tolist(), times.tolist(), strict=True)}
    wordings.setdefault(asked.subtask, Counter()).update(counted)
    slots = np.stack([block.layout.arrangement.slots[f] for f in block.frames])
    instances = np.take_along_axis(slots[asked.frame], asked.instances, 1)
    k = instances.shape[1]
    return _Part(
        asked.frame,
        {
            "task": pa.array([task]).take(pa.array(np.zeros(rows, np.int8))),
            "subtask": pa.array([asked.subtask]).take(pa.array(np.zeros(rows, np.int8))),
            "question": question(block, asked, template),
            "answer": answer,
            "answer_points": _points(asked.points, rows),
            "instances": pa.ListArray.from_arrays(
                pa.array(np.arange(rows + 1, dtype=np.int32) * k), pa.array(instances.ravel().astype(np.int32))
            ),
            "phrases": _phrases(block, asked),
            "evidence": text.with_field(asked.evidence, "refer", _refer(block, asked)),
        },
    )


def question(block: Block, asked: Asked, template: Array) -> text.Text:
    """Question text: each distinct (wording, names, image size) is written once, then taken by its rows."""
    size = block.size[asked.frame].astype(np.int64)
    named = block.phrase[asked.frame[:, None], asked.instances[:, :NAMED]]
    key = np.concatenate([template[:, None], named, size], 1)
    distinct, inverse = np.unique(key, axis=0, return_inverse=True)
    texts = []
    for t, *phrases, width, height in distinct.tolist():
        names = {slot: block.phrases[p] for slot, p in zip("abc", phrases, strict=False)}
        texts.append(asked.templates[t].format(**names, width=width, height=height))
    return text.coded(texts, inverse.reshape(-1))


NAMED = 3
"""Objects that a wording can name: its slots {a}, {b} and {c}."""


def _phrases(block: Block, asked: Asked) -> pa.Array:
    """What each row calls the objects that its wording can name."""
    named = block.phrase[asked.frame[:, None], asked.instances[:, :NAMED]]
    spoken = pa.array(block.phrases, pa.string()).take(pa.array(named.ravel(), mask=named.ravel() < 0))
    return pa.ListArray.from_arrays(pa.array(np.arange(len(named) + 1, dtype=np.int32) * named.shape[1]), spoken)


def _refer(block: Block, asked: Asked) -> text.Text:
    """What each of a row's phrases means: JSON list of logical forms, null for an object without a phrase."""
    forms = [orjson.dumps(form.json()).decode() for form in block.forms] + ["null"]
    named = block.phrase[asked.frame[:, None], asked.instances[:, :NAMED]]
    return text.bracket([text.coded(forms, np.where(codes < 0, len(forms) - 1, codes)) for codes in named.T])


def _points(points: Array | None, rows: int) -> pa.Array:
    kind = SCHEMA.field("answer_points").type
    if points is None:
        return pa.nulls(rows, kind)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(points.reshape(-1).astype(np.float32)), 2)
    offsets = np.arange(rows + 1, dtype=np.int32) * points.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), flat)


def _gather(parts: Sequence[pa.Array], order: Array) -> pa.Array:
    return pa.concat_arrays([p.combine_chunks() if isinstance(p, pa.ChunkedArray) else p for p in parts]).take(order)


def _frame_columns(block: Block, origin: Origin, images: Sequence[str], frame: Array) -> dict[str, pa.Array]:
    """Columns that depend on the frame alone: written once a frame, then taken."""
    frames = [block.layout.arrangement.frames[f] for f in block.frames]
    keys = [f.key for f in frames]
    world = None if block.layout.world is None else block.T_world_cam.reshape(-1, 16)
    columns = {
        "dataset": pa.array([origin.dataset] * len(frames)),
        "split": pa.array([origin.split] * len(frames)),
        "scene_id": pa.array([k.scene_id for k in keys], pa.int32()),
        "frame_id": pa.array([k.frame_id for k in keys], pa.int32()),
        "sensor": pa.array([k.sensor for k in keys]),
        "image": pa.array(list(images), pa.string()),
        "width": pa.array(block.size[:, 0].astype(np.int32)),
        "height": pa.array(block.size[:, 1].astype(np.int32)),
        "camera_K": pa.FixedSizeListArray.from_arrays(pa.array(block.K.reshape(-1)), 9),
        "T_world_cam": pa.nulls(len(frames), pa.list_(pa.float64(), 16))
        if world is None
        else pa.FixedSizeListArray.from_arrays(pa.array(world.reshape(-1)), 16),
        "layout": pa.array([block.layout.key] * len(frames)),
        "licence": pa.array([origin.licence] * len(frames)),
    }
    return {name: column.take(pa.array(frame)) for name, column in columns.items()}


_CONTENT = ("dataset", "split", "scene_id", "frame_id", "sensor", "task", "subtask", "question", "answer")
"""What an id is a hash of."""


def row_id(row: Mapping[str, Any]) -> str:
    """The id of one row by its content: `content_ids` of a table of one."""
    return hashlib.blake2b("\x1f".join(str(row[n]) for n in _CONTENT).encode(), digest_size=12).hexdigest()


def content_ids(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Content hashes of rows: what is asked of which picture, and the answer (BLAKE2b, 96 bits, hex)."""
    texts = [columns[n] if pa.types.is_string(columns[n].type) else columns[n].cast(pa.string()) for n in _CONTENT]
    content = pa.compute.binary_join_element_wise(*texts, "\x1f")
    buffer = memoryview(content.buffers()[2] or b"")
    offsets = np.frombuffer(content.buffers()[1], np.int32)[content.offset : content.offset + len(content) + 1].tolist()
    digests = [hashlib.blake2b(buffer[a:b], digest_size=12).hexdigest() for a, b in pairwise(offsets)]
    return pa.array(digests, pa.string())
