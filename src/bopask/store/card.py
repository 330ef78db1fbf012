"""The dataset card: a README.md whose header makes `load_dataset(OUT, split=…)` work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bopask.store.files import atomic

CARD = """---
pretty_name: {dataset} {split} (bopask)
license: other
task_categories: [visual-question-answering]
tags: [robotics, 6d-pose, bop, spatial-reasoning, grasping]
configs:
- config_name: default
  data_files:
  - split: {hub_split}
    path: data/*.parquet
---
# {dataset}, {split}: questions about acting on objects

{rows:,} questions about {frames:,} images in {layouts:,} layouts, made by bopask {version} from BOP ground truth.

```python
from datasets import load_dataset
rows = load_dataset("path/to/this/folder", split="{hub_split}")
```

| task | rows | subtasks |
|---|---:|---|
{table}

Answer points are pixels of the original image; pixel (0, 0) is the centre of the top-left pixel. `image` is a path
relative to the BOP folder{embedded}. `manifest.json` holds the configuration, versions, input hashes, counts and every
skip by reason; `report.html` shows answers drawn on images. Licence of the images and poses: {licence}.
"""


def hub_split(split: str) -> str:
    """The Hugging Face split of a BOP split: 'train_real' and 'train_pbr' are 'train', 'val' is 'validation'."""
    for prefix, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        if split.startswith(prefix):
            return name
    return "train"


def card(manifest: Mapping[str, Any], embedded: bool) -> str:
    counts = manifest["counts"]
    table = "\n".join(
        f"| {task} | {of['rows']:,} | {', '.join(f'{name} {n:,}' for name, n in of['subtasks'].items())} |"
        for task, of in counts["tasks"].items()
    )
    return CARD.format(
        dataset=manifest["dataset"],
        split=manifest["split"],
        hub_split=hub_split(manifest["split"]),
        rows=counts["rows"],
        frames=counts["frames"],
        layouts=counts["layouts"],
        version=manifest["bopask"],
        table=table,
        embedded=", and the picture itself is in the row" if embedded else "",
        licence=manifest["licence"],
    )


def write_card(folder: Path, manifest: Mapping[str, Any], embedded: bool) -> None:
    """README.md of a data set folder; what its manifest does not say is left empty."""
    known = {"dataset": "", "split": "", "bopask": "", "licence": ""} | dict(manifest)
    with atomic(folder / "README.md") as partial:
        partial.write_text(card(known, embedded), encoding="utf-8")
