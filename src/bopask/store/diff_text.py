"""A `Difference`, in lines for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from bopask.store.diff import Difference, Rows

ENTRIES, SCENES = 20, 10
"""Lines of the manifest, and scenes, that are told; the rest is counted."""
WIDTH = 60
"""Letters of a value; what is longer is cut where the two begin to differ."""


def text(found: Difference) -> str:
    if not found:
        return f"The same: {found.same:,} rows."
    return "\n".join([f"{found.same:,} rows are the same", *_lines(found)])


def _lines(found: Difference) -> Iterator[str]:
    for kind in ("added", "removed", "changed"):
        yield from _rows(kind, getattr(found, kind), found.by_column if kind == "changed" else Counter())
    yield from (f"column {name}: {_pair(*of)}" for name, of in found.columns.items())
    yield from (f"{name}: {kind}" for name, kind in found.files.items())
    if found.manifest:
        yield f"manifest.json: {len(found.manifest):,} entries differ"
        entries = list(found.manifest.items())
        yield from (f"  {path}: {_pair(*of)}" for path, of in entries[:ENTRIES])
        if len(entries) > ENTRIES:
            yield f"  and {len(entries) - ENTRIES:,} more: --json"


def _rows(kind: str, rows: Rows, by_column: Mapping[str, int]) -> Iterator[str]:
    if not rows.number:
        return
    yield f"{rows.number:,} rows {kind}"
    told = {"tasks": rows.by_task, "scenes": rows.by_scene, "columns": by_column}
    for what, counts in told.items():
        first = [f"{name} {n:,}" for name, n in list(counts.items())[:SCENES]]
        more = [f"and {len(counts) - SCENES:,} more: --json"] if len(counts) > SCENES else []
        if counts:
            yield f"  {what}: {', '.join(first + more)}"
    for row in rows.examples:
        yield f"  {row['id']} {row['split']}/{row['scene_id']:06d}/{row.get('frame_id', '')} {row['task']}"
        if "from_to" in row:
            yield from (f"    {path}: {_pair(*of)}" for path, of in row["from_to"].items())
        else:
            yield f"    {row.get('question', '')} {row.get('answer', '')}"


def _pair(a: Any, b: Any) -> str:
    """'a -> b', both short; where nothing is, '-'."""
    old, new = ("-" if value is None else value if isinstance(value, str) else json.dumps(value) for value in (a, b))
    start = next((k for k, (x, y) in enumerate(zip(old, new, strict=False)) if x != y), 0)
    start = 0 if max(len(old), len(new)) <= WIDTH else max(0, start - WIDTH // 2)
    return " -> ".join(
        ("…" if start else "") + one[start : start + WIDTH] + ("…" if len(one) > start + WIDTH else "")
        for one in (old, new)
    )
