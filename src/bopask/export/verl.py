"""verl's parquet: one row a prompt, with what a reward needs to judge the reply.

https://github.com/volcengine/verl/blob/main/examples/data_preprocess/geo3k.py and
https://verl.readthedocs.io/en/latest/preparation/prepare_data.html: data_source, prompt, images, ability, reward_model,
extra_info. A picture is {bytes, path} as Hugging Face's Image stores it, or {image: path} where it is only named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bopask.export.place import Item, Place

COLUMNS = (
    "dataset", "split", "scene_id", "frame_id", "sensor", "camera_K", "T_world_cam", "layout", "instances",
    "evidence", "licence",
)  # fmt: skip
"""Of a row, beyond what every format reads: all of it goes to extra_info."""
_TEXT = pa.string()
_ROWS = 1024
"""Rows of a row group, at most..."""
_BYTES = 32 << 20
"""...and bytes of its pictures: until they are on the disk, every row has its own copy."""
_EXTRA = pa.struct(
    [
        ("split", _TEXT), ("index", pa.int64()), ("id", _TEXT), ("question", _TEXT), ("answer", _TEXT),
        ("task", _TEXT), ("subtask", _TEXT), ("answer_points", pa.list_(pa.list_(pa.float32()))),
        ("width", pa.int32()), ("height", pa.int32()), ("camera_K", pa.list_(pa.float64())),
        ("T_world_cam", pa.list_(pa.float64())), ("instances", pa.list_(pa.int32())), ("phrases", pa.list_(_TEXT)),
        ("dataset", _TEXT), ("bop_split", _TEXT), ("scene_id", pa.int32()), ("frame_id", pa.int32()),
        ("sensor", _TEXT), ("layout", _TEXT), ("licence", _TEXT), ("image", _TEXT), ("evidence", _TEXT),
    ]
)  # fmt: skip


def schema(inside: bool) -> pa.Schema:
    """`inside`: the pictures' bytes are in the rows."""
    picture = [("bytes", pa.binary()), ("path", _TEXT)] if inside else [("image", _TEXT)]
    return pa.schema(
        [
            ("data_source", _TEXT),
            ("prompt", pa.list_(pa.struct([("role", _TEXT), ("content", _TEXT)]))),
            ("images", pa.list_(pa.struct(picture))),
            ("ability", _TEXT),
            ("reward_model", pa.struct([("style", _TEXT), ("ground_truth", _TEXT)])),
            ("extra_info", _EXTRA),
        ]
    )


def verl(place: Place, items: Iterator[Item]) -> None:
    """One parquet file, or shards; a row group is an image, or a few thousand rows, so that memory is bounded."""
    inside = place.files.mode == "copy"
    known = schema(inside)
    writer: Any = None
    try:
        for start, chunk in _chunks(place, items, inside):
            if writer is None or (place.shard_rows and start % place.shard_rows == 0):
                if writer is not None:
                    writer.close()
                writer = _open(place, start, known, inside)
            writer.write_table(_table(place, chunk, start, known))
        writer = writer or _open(place, 0, known, inside)
    finally:
        if writer is not None:
            writer.close()


def _chunks(place: Place, items: Iterator[Item], inside: bool) -> Iterator[tuple[int, list[Item]]]:
    """Items in pieces that share a picture, fit into memory and end where a shard ends; and the first one's number."""
    chunk: list[Item] = []
    start, most = 0, _ROWS
    for n, item in enumerate(items):
        other = bool(chunk) and inside and chunk[-1].row["image"] != item.row["image"]
        if chunk and (other or len(chunk) >= most or (place.shard_rows and n % place.shard_rows == 0)):
            yield start, chunk
            chunk, start = [], n
        if inside and not chunk:
            most = min(_ROWS, max(1, _BYTES // len(place.files.content(item.row, item.carried))))
        chunk.append(item)
    if chunk:
        yield start, chunk


def _open(place: Place, start: int, known: pa.Schema, inside: bool) -> Any:
    number = f"-{start // place.shard_rows:05d}" if place.shard_rows else ""
    repeated = ["images.list.element.bytes", "images.list.element.path"] if inside else ["images.list.element.image"]
    columns = ["data_source", "ability", "extra_info.camera_K.list.element", "extra_info.T_world_cam.list.element"]
    return pq.ParquetWriter(
        place.folder / f"{place.split}{number}.parquet",
        known,
        compression="zstd",
        use_dictionary=[*repeated, *columns],
        dictionary_pagesize_limit=64 << 20,  # a picture is stored once a row group, whatever its size
    )


def _table(place: Place, items: list[Item], start: int, known: pa.Schema) -> pa.Table:
    """Column by column: five times as fast as from records."""
    rows = [item.row for item in items]
    said = [{"role": "user", "content": f"<image>\n{item.question}"} for item in items]
    answers = pa.array([item.answer for item in items], _TEXT)
    style = pa.array(["rule"] * len(items), _TEXT)
    columns = [
        pa.array([f"bopask/{row['task']}" for row in rows], _TEXT),
        pa.array([[one] for one in said], known.field("prompt").type),
        _images(place, items, known.field("images").type),
        pa.array([row["task"] for row in rows], _TEXT),
        pa.StructArray.from_arrays([style, answers], fields=list(known.field("reward_model").type)),
        _extra(place, items, start),
    ]
    return pa.Table.from_arrays(columns, schema=known)


def _images(place: Place, items: list[Item], kind: pa.DataType) -> pa.Array:
    """One picture a row. Inside, the items share one, which is made an Arrow value once."""
    if place.files.mode == "copy":
        row = items[0].row
        one = pa.array([[{"bytes": place.files.content(row, items[0].carried), "path": row["image"]}]], kind)
        return one.take(pa.array([0] * len(items)))
    return pa.array([[{"image": place.absolute(place.picture(item))}] for item in items], kind)


def _extra(place: Place, items: list[Item], start: int) -> pa.Array:
    """The rows, in the words that were written."""
    changed = {
        "split": [place.split] * len(items),
        "index": range(start, start + len(items)),
        "bop_split": [item.row["split"] for item in items],
        "question": [item.question for item in items],
        "answer": [item.answer for item in items],
    }
    columns = [
        pa.array(changed[f.name] if f.name in changed else [item.row[f.name] for item in items], f.type) for f in _EXTRA
    ]
    return pa.StructArray.from_arrays(columns, fields=list(_EXTRA))
