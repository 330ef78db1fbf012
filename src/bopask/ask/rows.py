"""Rows: what was chosen of Asked becomes the dataset's table. One place knows the schema of a row.

Text is kept as dictionary arrays: what is said of a fact is written once, however many rows say it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np
import orjson
import pyarrow as pa
from jaxtyping import Int

from bopask.arrays import Array
from bopask.ask import identity, text
from bopask.ask.block import Block
from bopask.ask.budget import Chosen
from bopask.nouns import Frame

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
_CODED = pa.dictionary(pa.int32(), pa.string())
CODED_SCHEMA = pa.schema(
    [
        (f.name, _CODED) if f.type == pa.string() and f.name not in ("id", "question", "evidence") else f
        for f in SCHEMA.set(SCHEMA.get_field_index("phrases"), pa.field("phrases", pa.list_(_CODED)))
    ]
)
"""The same as `to_table` makes it: files and their readers know nothing of it (store/shards.py)."""
NAMED = 3
"""Objects that a wording can name: its slots {a}, {b} and {c}."""
_SLOT = re.compile(r"\{([abc])\}")


@dataclass(frozen=True)
class Origin:
    """What all rows of a run share."""

    dataset: str
    split: str
    licence: str


def to_table(block: Block, chosen: Sequence[Chosen], origin: Origin, images: Sequence[str]) -> pa.Table:
    """The block's rows, ordered by frame: all questions of an image stand together.

    Args:
        images: image path of each frame of the block ('' where there is none).
    """
    chosen = [one for one in chosen if len(one.fact)]
    if not chosen:
        return CODED_SCHEMA.empty_table()
    rows = _Rows(block, chosen)
    columns = _frame_columns(block, origin, images, rows.frame)
    columns |= {
        "task": text.coded([one.task for one in chosen], rows.kind),
        "subtask": text.coded([one.asked.subtask for one in chosen], rows.kind),
        "question": rows.question,
        "answer": rows.answer,
        "answer_points": rows.answer_points,
        "instances": rows.instances,
        "phrases": rows.phrases,
        "evidence": rows.evidence,
    }
    pictures = ["\x1f".join(map(str, (origin.dataset, origin.split, *frame.key))) for frame in _frames(block)]
    columns["id"] = identity.joined(
        {
            "picture": text.coded(pictures, rows.frame),
            "kind": text.coded([f"{one.task}\x1f{one.asked.subtask}" for one in chosen], rows.kind),
            "question": columns["question"],
            "answer": columns["answer"],
        }
    )
    return pa.table([columns[f.name] for f in CODED_SCHEMA], schema=CODED_SCHEMA)


class _Rows:
    """R rows of the F facts that were chosen: everything of a fact is made once, and taken by its rows."""

    def __init__(self, block: Block, chosen: Sequence[Chosen]) -> None:
        self.block = block
        is_asked = [np.zeros(len(one.asked), bool) for one in chosen]
        for some, one in zip(is_asked, chosen, strict=True):
            some[one.fact] = True
        self.facts = [(one.asked, np.flatnonzero(some)) for some, one in zip(is_asked, chosen, strict=True)]
        """Those of each Asked that some row asks."""
        first = np.cumsum([0, *map(len, is_asked)])
        fact = np.concatenate([one.fact + start for one, start in zip(chosen, first[:-1], strict=True)])
        frame = np.concatenate([one.asked.frame[one.fact] for one in chosen])
        order = np.argsort(frame.astype(np.uint16), kind="stable")  # 16 bits are sorted by counting
        self.frame, self.fact = frame[order], (np.cumsum(np.concatenate(is_asked)) - 1)[fact[order]]
        self.kind = np.repeat(np.arange(len(chosen)), [len(one.fact) for one in chosen])[order]
        """Which of the Asked a row is of."""
        self.template = np.concatenate([one.template for one in chosen])[order]

    @cached_property
    def named(self) -> Int[Array, "F 3"]:
        """The phrases of a fact's objects; -1 for what has none, -2 where it has no such object."""
        parts = []
        for asked, kept in self.facts:
            objects = asked.instances[kept, :NAMED]
            codes = self.block.phrase[asked.frame[kept][:, None], objects]
            parts.append(np.pad(codes, ((0, 0), (0, NAMED - codes.shape[1])), constant_values=-2))
        return np.concatenate(parts)

    @cached_property
    def question(self) -> text.Text:
        """Wordings are taken apart at their slots, and put together around the phrases."""
        sizes, size = np.unique(self.block.size.astype(int), axis=0, return_inverse=True)
        wordings = [words for asked, _ in self.facts for words in asked.templates]
        first = np.cumsum([0, *(len(asked.templates) for asked, _ in self.facts)])
        parts = [_parts(words, *of) for of, words in product(sizes.tolist(), wordings)]
        wording = (size.reshape(-1)[self.frame] * len(wordings) + first[self.kind] + self.template).astype(np.int32)
        phrases = [*self.block.phrases, ""]
        spoken = np.where(self.named < 0, len(phrases) - 1, self.named).astype(np.int32)
        named = np.pad(spoken, ((0, 0), (0, 1)), constant_values=len(phrases) - 1).ravel()
        begins = self.fact * (NAMED + 1)
        pieces = []
        for k in range(max(map(len, parts))):
            if k % 2 == 0:
                pieces.append(text.take([part[k] if k < len(part) else "" for part in parts], wording))
            else:
                slot = np.array(["abc".index(part[k]) if k < len(part) else NAMED for part in parts])
                pieces.append(text.take(phrases, named[begins + slot[wording]]))
        return text.join(*pieces)

    @cached_property
    def answer(self) -> text.Coded:
        said, codes = [pa.array(["No", "Yes"])], []
        for asked, kept in self.facts:
            if asked.points is None:
                assert asked.yes is not None
                codes.append(asked.yes[kept].astype(np.int64))
            else:
                codes.append(np.arange(len(kept)) + sum(map(len, said)))
                said.append(asked.answer(asked.points[kept]))
        return text.coded(pa.concat_arrays(said), np.concatenate(codes)[self.fact])

    @cached_property
    def evidence(self) -> text.Text:
        """The facts' own evidence, and what each of their phrases means: logical forms, null where there is none."""
        proofs = pa.concat_arrays([asked.evidence(kept) for asked, kept in self.facts])
        forms = [orjson.dumps(form.json()).decode() for form in self.block.forms] + ["null"]
        none, first = len(forms) - 1, np.where(self.named[:, 0] < 0, len(forms) - 1, self.named[:, 0])
        more = [", " + form for form in forms] + [""]
        others = [np.select([of == -2, of == -1], [none + 1, none], of) for of in self.named[:, 1:].T]
        refer = [text.take(forms, first), *(text.take(more, other) for other in others)]
        return text.take(text.join(proofs, ', "refer": [', *refer, "]}"), self.fact)

    @cached_property
    def phrases(self) -> pa.Array:
        """What each row calls the objects that its wording can name."""
        named = self.named[self.fact]
        there = named > -2
        spoken = text.coded(self.block.phrases, pa.array(named[there], mask=named[there] < 0))
        return pa.ListArray.from_arrays(np.append(0, there.sum(1).cumsum()).astype(np.int32), spoken)

    @cached_property
    def instances(self) -> pa.Array:
        """The objects of each fact, by their rows in scene_gt."""
        slots = np.stack([self.block.layout.arrangement.slots[f] for f in self.block.frames])
        lists = [np.take_along_axis(slots[asked.frame[kept]], asked.instances[kept], 1) for asked, kept in self.facts]
        offsets, objects = self.listed(lists)
        return pa.ListArray.from_arrays(offsets, pa.array(objects.astype(np.int32)))

    @cached_property
    def answer_points(self) -> pa.Array:
        none = np.zeros((len(self.block.frames), 0, 2))
        lists = [none[asked.frame[kept]] if asked.points is None else asked.points[kept] for asked, kept in self.facts]
        offsets, points = self.listed(lists)
        pairs = pa.FixedSizeListArray.from_arrays(pa.array(points.astype(np.float32).ravel()), 2)
        return pa.ListArray.from_arrays(offsets, pairs, mask=pa.array(np.diff(offsets) == 0))

    def listed(self, lists: Sequence[Array]) -> tuple[Int[Array, "R+1"], Array]:
        """Where each row's list begins, and all of them one after another.

        Args:
            lists: of each Asked, an array (f, k, …): k items a fact.
        """
        lengths = np.concatenate([np.full(len(of), of.shape[1]) for of in lists])
        flat = np.concatenate([of.reshape(-1, *of.shape[2:]) for of in lists])
        starts, mine = (np.cumsum(lengths) - lengths)[self.fact], lengths[self.fact]
        offsets = np.append(0, np.cumsum(mine)).astype(np.int32)
        return offsets, flat[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], mine)]


@lru_cache(maxsize=4096)
def _parts(words: str, width: int, height: int) -> list[str]:
    """A wording for images of a size (px), taken apart: text, slot, text, …"""
    return _SLOT.split(words.replace("{width}", str(width)).replace("{height}", str(height)))


def _frames(block: Block) -> list[Frame]:
    return [block.layout.arrangement.frames[f] for f in block.frames]


def _frame_columns(block: Block, origin: Origin, images: Sequence[str], frame: Int[Array, "R"]) -> dict[str, pa.Array]:
    """Columns that depend on the frame alone."""
    keys, shared = [f.key for f in _frames(block)], np.zeros(len(frame), np.int32)
    world = None if block.layout.world is None else block.T_world_cam.reshape(-1, 16)[frame]
    return {
        "dataset": text.coded([origin.dataset], shared),
        "split": text.coded([origin.split], shared),
        "scene_id": pa.array(np.array([k.scene_id for k in keys], np.int32)[frame]),
        "frame_id": pa.array(np.array([k.frame_id for k in keys], np.int32)[frame]),
        "sensor": text.coded([k.sensor for k in keys], frame),
        "image": text.coded(images, frame),
        "width": pa.array(block.size[frame, 0].astype(np.int32)),
        "height": pa.array(block.size[frame, 1].astype(np.int32)),
        "camera_K": pa.FixedSizeListArray.from_arrays(pa.array(block.K[frame].ravel()), 9),
        "T_world_cam": pa.nulls(len(frame), pa.list_(pa.float64(), 16))
        if world is None
        else pa.FixedSizeListArray.from_arrays(pa.array(world.ravel()), 16),
        "layout": text.coded([block.layout.key], shared),
        "licence": text.coded([origin.licence], shared),
    }
