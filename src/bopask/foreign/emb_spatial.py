"""EmbSpatial-Bench: https://github.com/mengfeidu/EmbSpatial-Bench (embspatial_bench.json)

Fields: data_source, scene_id, question_id, question, relation, image (base64), answer_options, answer (index), objects
(name, and bbox as x, y, width, height px). The authors' wording of choices for generation is not documented: ours is
BLINK's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bopask.foreign.noun import Foreign, from_base64
from bopask.foreign.records import choice, found, lettered, records

FIELDS = ("question_id", "question", "relation", "image", "answer_options", "answer")


def read(path: Path) -> Iterator[Foreign]:
    """Rows of embspatial_bench.json; relation is the row's group.

    Raises:
        InputError: the file or a field is missing, an image is not base64, or an answer is none of the options.
    """
    for file in found(path, "embspatial_bench.json", "embspatial_bench.jsonl"):
        for record in records(file, FIELDS):
            options = tuple(record["answer_options"])
            yield Foreign(
                id=record["question_id"],
                benchmark="emb_spatial",
                task=record["relation"],
                subtask=record.get("data_source", ""),
                question=lettered(record["question"], options),
                images=(from_base64(record["image"], file),),
                kind="choice",
                truth=choice(record["answer"], options, file, record["question_id"]),
                rule="emb_spatial",
                options=options,
                group=record["relation"],
                extra={"objects": record.get("objects", [])},
            )
