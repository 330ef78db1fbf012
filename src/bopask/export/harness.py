"""Folders for evaluation harnesses: a task of lmms-eval, a TSV and its class for VLMEvalKit.

Both carry the same small scoring code (data/export/score.py.txt): exact verdicts, and for points the symmetric mean
distance of two point sets as a score (docs/exports.md). It needs nothing of bopask, unless a dialect was asked for,
which bopask's own parser reads (data/export/in_dialect.py.txt). The scores that know masks, depth and sets of right
answers are bopask's own; the replies that the harnesses keep can be given to them.
"""

from __future__ import annotations

import base64
import csv
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from bopask.export.place import Item, Place
from bopask.store.files import to_json

_YAML = """task: "{name}"
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: !function utils.doc_to_text
doc_to_target: "answer"
process_results: !function utils.process_results
generation_kwargs:
  max_new_tokens: 1024
  temperature: 0
  do_sample: false
metric_list:
{metrics}lmms_eval_specific_kwargs:
  default:
    pre_prompt: ""
    post_prompt: ""
metadata:
  - version: 1.0
"""
_METRIC = """  - metric: bopask_{task}
    aggregation: !function utils.mean
    higher_is_better: true
"""


def lmms(place: Place, items: Iterator[Item]) -> None:
    """A task folder, run with `lmms_eval --include_path DEST --tasks NAME`.

    https://github.com/EvolvingLMMs-Lab/lmms-eval/blob/main/docs/task_guide.md. Pictures are found beside utils.py; the
    yaml names its data as `--at` says, else relative to where the harness is started.
    """
    tasks: dict[str, None] = {}

    def noted() -> Iterator[dict[str, Any]]:
        for item in items:
            tasks.setdefault(item.row["task"])
            yield {**_record(item), "image": place.picture(item)}

    names = place.jsonl("test", noted())
    data = to_json([place.absolute(name) for name in names]).decode()
    metrics = "".join(_METRIC.format(task=task) for task in sorted(tasks))
    place.text(f"{place.name}.yaml", _YAML.format(name=place.name, data=data, metrics=metrics))
    place.text("utils.py", code("lmms_utils", place.dialect).replace("TASKS = ()", f"TASKS = {tuple(sorted(tasks))!r}"))


def _record(item: Item) -> dict[str, Any]:
    names = ("id", "task", "subtask", "width", "height")
    return {**{n: item.row[n] for n in names}, "question": item.question, "answer": item.answer}


def vlmeval(place: Place, items: Iterator[Item]) -> None:
    """NAME.tsv with base64 pictures and the dataset class, for VLMEvalKit's $LMUData and vlmeval/dataset/.

    https://github.com/open-compass/VLMEvalKit/blob/main/docs/en/Development.md. Rows of one picture hold it once: the
    others hold the first one's `index` (vlmeval/dataset/image_base.py).
    """
    fields = ["index", "image", "question", "answer", "category", "l2-category", "width", "height", "id"]
    last, holder = "", 0
    with (place.folder / f"{place.name}.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, fields, delimiter="\t", lineterminator="\n")
        table.writeheader()
        for index, item in enumerate(items):
            record = _record(item)
            if item.row["image"] != last:
                last, holder = item.row["image"], index
                image = base64.b64encode(place.files.content(item.row, item.carried)).decode()
            else:
                image = str(holder)
            kinds = {"category": record.pop("task"), "l2-category": record.pop("subtask")}
            table.writerow({**record, **kinds, "index": index, "image": image})
    place.text(
        f"{place.name}.py", code("vlmeval_dataset", place.dialect).replace('NAME = ""', f'NAME = "{place.name}"')
    )


def code(name: str, dialect: str = "") -> str:
    """A file of data/export with the code in it that scores, and the one that reads replies."""
    folder = files("bopask") / "data" / "export"
    whole, score, reads = (
        (folder / f"{part}.py.txt").read_text("utf-8")
        for part in (name, "score", "in_dialect" if dialect else "own_words")
    )
    reads = reads.replace('DIALECT = ""', f"DIALECT = {dialect!r}")
    return whole.replace("# SCORE\n", f"{reads}\n\n{score}")
