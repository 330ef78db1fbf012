"""'No grasp is free' is a claim about a set of grasps: that set, written out so that anyone can try each of them again.

One parquet file a layout, one row a grasp possible alone of every instance that is blocked or has to wait for others
(docs/formats.md says how to redo them). Knows no image and no question.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bopask.arrays import Array
from bopask.nouns import Layout, Priors
from bopask.priors.blocking import transitive
from bopask.priors.grasps.gripper import Gripper
from bopask.priors.grasps.in_scene import InScene, Tried
from bopask.store.files import atomic, to_json

SCHEMA = pa.schema(
    [
        ("target", pa.int32()),
        ("obj_id", pa.int32()),
        ("T_obj_grasp", pa.list_(pa.float64(), 16)),
        ("width_m", pa.float64()),
        ("opening_m", pa.float64()),
        ("hits", pa.list_(pa.int32())),
    ]
)


def targets(priors: Priors) -> list[int]:
    """The instances about which something is claimed: blocked ones, and ones that must wait for what rests on them."""
    blocked = {i for i, grasps in enumerate(priors.grasps) if grasps.state == "blocked"}
    return sorted(blocked | set(priors.rearrangements))


def candidates(
    tried: Mapping[int, Tried],
    priors: Priors,
    gripper: Gripper,
    config: InScene = InScene(),  # noqa: B008
) -> dict[str, Array]:
    """All targets' grasps, best first: `target` (g), `T_obj_grasp` (g 4 4), `width`, `opening` (g, m), `hits` (g N)."""
    parts = []
    for i in targets(priors):
        grasps, hits = tried[i]
        opening = config.sampler.opening(grasps.width, gripper)
        parts.append((np.full(len(hits), i), grasps.T_obj_grasp, grasps.width, opening, hits))
    names = ("target", "T_obj_grasp", "width", "opening", "hits")
    return {name: np.concatenate(columns) for name, columns in zip(names, zip(*parts, strict=True), strict=True)}


def write_candidates(
    path: Path,
    found: Mapping[str, Array],
    layout: Layout,
    priors: Priors,
    gripper: Gripper,
    config: InScene = InScene(),  # noqa: B008
) -> None:
    """The file, whole or absent; its metadata `layout` says where everything stands and what a check has to know."""
    below = transitive(priors.rests_on)
    about = {
        "key": layout.key,
        "obj_ids": layout.obj_ids.tolist(),
        "T_world_obj": np.round(layout.T_world_obj, 9).tolist(),
        "gripper": gripper.name,
        "back_m": config.back,
        "scrape_m": config.scrape,
        "sink_m": config.sink,
        "stands_on": np.argwhere(priors.stands_on).tolist(),
        "leans_on": np.argwhere(priors.leans_on).tolist(),
        "targets": {
            str(i): {"state": priors.grasps[i].state, "supports": np.flatnonzero(below[i]).tolist()}
            for i in targets(priors)
        },
    }
    table = to_table(found, layout).replace_schema_metadata({"layout": to_json(about)})
    with atomic(path) as partial:
        pq.write_table(table, partial, compression="zstd", use_dictionary=["target", "obj_id", "hits.list.element"])


def to_table(found: Mapping[str, Array], layout: Layout) -> pa.Table:
    target, hits = found["target"], found["hits"]
    ends = np.concatenate([[0], np.cumsum(hits.sum(1))]).astype(np.int32)
    T = pa.array(np.ascontiguousarray(found["T_obj_grasp"]).reshape(-1))
    columns = [
        pa.array(target.astype(np.int32)),
        pa.array(layout.obj_ids[target].astype(np.int32)),
        pa.FixedSizeListArray.from_arrays(T, 16),
        pa.array(found["width"]),
        pa.array(found["opening"]),
        pa.ListArray.from_arrays(pa.array(ends), pa.array(np.nonzero(hits)[1].astype(np.int32))),
    ]
    return pa.table(columns, schema=SCHEMA)
