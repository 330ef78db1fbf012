"""What `bopask diff` tells: of a set and itself nothing, else exactly what was done, and turned round the reverse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import write_tiny_bop

from bopask.cli import main
from bopask.errors import InputError
from bopask.store import diff as diffs
from bopask.store.diff import Difference, diff, groups, ordinal, pairs
from bopask.store.diff_text import text
from bopask.store.rowhash import hashes_of


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("diff")
    folder = write_tiny_bop(root / "tiny", scene_ids=range(3), n_frames=2)
    assert generate(folder, root / "out") == 0
    return root / "out"


def generate(folder: Path, out: Path, *more: str) -> int:
    command = ["generate", str(folder), "--split", "train", "--out", str(out), "--tasks", "pose,depth,spatial", *more]
    return main(command)


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def rows_of(out: Path) -> list[dict]:
    return [row for shard in sorted((out / "data").iterdir()) for row in pq.read_table(shard).to_pylist()]


def write(out: Path, rows: list[dict], files: int = 1) -> None:
    """Rows into `files` shards, instead of those that are there; the schema stays."""
    shards = sorted((out / "data").iterdir())
    schema = pq.read_schema(shards[0])
    for shard in shards:
        shard.unlink()
    for k in range(files):
        pq.write_table(
            pa.Table.from_pylist(rows[k::files], schema), out / "data" / f"part-{k}.parquet", row_group_size=7
        )


def turned(found: Difference) -> Difference:
    """What the sets in the other order must give."""
    changed = diffs.Rows(**vars(found.changed))
    changed.examples = [row | {"from_to": {k: v[::-1] for k, v in row["from_to"].items()}} for row in changed.examples]
    return Difference(
        found.same, found.removed, found.added, changed, found.by_column,
        {k: v[::-1] for k, v in found.columns.items()}, {k: v[::-1] for k, v in found.manifest.items()},
        {k: {"added": "removed", "removed": "added"}.get(v, v) for k, v in found.files.items()},
    )  # fmt: skip


def test_a_set_does_not_differ_from_itself(made, copy):
    for other in (made, copy):
        found = diff(made, other)
        assert found == Difference(same=len(rows_of(made)))
        assert not found
        assert text(found).startswith("The same")


@pytest.mark.parametrize("passes", [1, 5])
def test_other_files_and_another_order_are_no_difference(made, copy, monkeypatch, passes):
    rows = rows_of(made)
    monkeypatch.setattr(diffs, "PASS", -(-2 * len(rows) // passes))
    Random(0).shuffle(rows)
    write(copy, rows, files=4)
    a, b = (sorted((out / "data").iterdir()) for out in (made, copy))
    assert [group.parts for group in groups(a, b)] == [passes]
    assert diff(made, copy) == Difference(same=len(rows))


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_exactly_what_was_done_is_told(made, copy, monkeypatch, seed, passes):
    """Rows taken out, put in twice, and edited in one column or two, in random places."""
    random, rows = Random(seed), rows_of(made)
    monkeypatch.setattr(diffs, "PASS", -(-2 * len(rows) // passes))
    chosen = random.sample(range(len(rows)), 21)
    gone, edited, twice = chosen[:8], chosen[8:17], chosen[17:]
    now = [dict(row) for row in rows]
    for k in edited:
        now[k]["answer_points"] = [[1.5, 2.5]]
        evidence = json.loads(now[k]["evidence"]) | {"added": True}
        now[k]["evidence"] = json.dumps(evidence) if k in edited[:4] else now[k]["evidence"]
    now = [row for k, row in enumerate(now) if k not in gone] + [dict(now[k]) for k in twice]
    random.shuffle(now)
    write(copy, now, files=2)
    found = diff(made, copy)
    assert found.same == len(rows) - 17
    assert (found.removed.number, found.added.number, found.changed.number) == (8, 4, 9)
    assert found.by_column == {"answer_points": 9, "evidence": 4}
    for kind, which in ((found.removed, gone), (found.added, twice), (found.changed, edited)):
        tasks = [rows[k]["task"] for k in which]
        assert kind.by_task == {task: tasks.count(task) for task in tasks}
        scenes = [f"train/{rows[k]['scene_id']:06d}" for k in which]
        assert kind.by_scene == {scene: scenes.count(scene) for scene in scenes}
        assert len(kind.examples) == 3
        assert {row["id"] for row in kind.examples} <= {rows[k]["id"] for k in which}
    before = {row["id"]: row for row in rows}
    for row in found.changed.examples:
        assert row["from_to"]["answer_points"] == [before[row["id"]]["answer_points"], [[1.5, 2.5]]]
        assert row["from_to"].get("evidence.added", [None, True]) == [None, True]
    assert diff(copy, made) == turned(found)


def test_the_command_tells_and_ends_with_one(made, copy, capsys):
    rows = rows_of(made)
    write(copy, [rows[0] | {"licence": "mine"}, *rows[2:]])
    manifest = json.loads((copy / "manifest.json").read_bytes())
    manifest["config"]["seed"] = 7
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert main(["diff", str(made), str(made)]) == 0
    capsys.readouterr()
    assert main(["diff", str(made), str(copy)]) == 1
    told = capsys.readouterr().out
    licence = "licence: see the dataset's own licence -> mine"
    for line in ("1 rows removed", "1 rows changed", "columns: licence 1", licence, "config.seed: 0 -> 7",
                 rows[0]["id"], rows[1]["id"]):  # fmt: skip
        assert line in told
    assert main(["diff", str(made), str(copy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["differs"] is True
    assert found["changed"]["number"] == 1
    assert found["manifest"] == {"config.seed": [0, 7]}


def test_another_seed_is_told_by_ids_and_configuration(made, tmp_path):
    assert generate(made.parent / "tiny", tmp_path / "other", "--seed", "1") == 0
    found = diff(made, tmp_path / "other")
    a, b = ({row["id"] for row in rows_of(out)} for out in (made, tmp_path / "other"))
    assert (found.removed.number, found.added.number) == (len(a - b), len(b - a))
    assert found.same + found.changed.number == len(a & b)
    assert found.manifest["seed"] == [0, 1]


def test_columns_candidates_and_pictures(made, copy):
    for shard in sorted((copy / "data").iterdir()):
        table = (
            pq.read_table(shard)
            .drop_columns(["phrases"])
            .append_column("extra", pa.nulls(pq.read_table(shard).num_rows))
        )
        pq.write_table(table, shard)
    (copy / "candidates").mkdir(exist_ok=True)
    (copy / "candidates" / "new.parquet").write_bytes(b"x")
    found = diff(made, copy)
    assert (found.changed.number, found.same) == (0, len(rows_of(made)))
    assert found.columns == {"phrases": ["list<element: string>", None], "extra": [None, "null"]}
    assert found.files == {"candidates/new.parquet": "added"}
    assert diff(copy, made) == turned(found)


def test_embedded_pictures_are_compared(made, tmp_path):
    folder = made.parent / "tiny"
    assert generate(folder, tmp_path / "a", "--embed-images") == 0
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    rows = rows_of(tmp_path / "a")
    rows[0]["image"]["bytes"] += b"!"
    write(tmp_path / "b", rows)
    found = diff(tmp_path / "a", tmp_path / "b")
    assert found.by_column == {"image": 1}
    assert list(found.changed.examples[0]["from_to"]) == ["image.bytes"]


def test_what_is_no_data_set_is_refused(made, copy, tmp_path):
    with pytest.raises(InputError, match=r"manifest\.json"):
        diff(made, tmp_path)
    write(copy, rows_of(made))
    shard = copy / "data" / "part-0.parquet"
    pq.write_table(pq.read_table(shard).drop_columns(["id"]), shard)
    for pair in ((made, copy), (copy, made)):
        with pytest.raises(InputError, match="copy: has rows without id"):
            diff(*pair)
    shard.write_bytes(b"PAR1")
    assert main(["diff", str(made), str(copy)]) == 2


# -- pairs and hashes


@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_pairs_are_as_many_as_two_multisets_share(a, b):
    i, j = pairs(np.array(a, np.uint64), np.array(b, np.uint64))
    assert [a[k] for k in i] == [b[k] for k in j]
    assert len(set(i.tolist())) == len(set(j.tolist())) == len(i)
    assert len(i) == sum(min(a.count(x), b.count(x)) for x in range(6))


@given(st.lists(st.integers(0, 3)))
def test_ordinal_counts_the_equal_before(codes):
    assert ordinal(np.array(codes, np.int64)).tolist() == [codes[:k].count(c) for k, c in enumerate(codes)]


REALS = st.sampled_from([0.0, 0.5, -1.0])
VALUES = {
    "words": (pa.string(), st.text()),
    "bytes": (pa.binary(), st.binary()),
    "whole": (pa.int32(), st.integers(-3, 3)),
    "real": (pa.float32(), REALS),
    "truth": (pa.bool_(), st.booleans()),
    "lists": (pa.list_(pa.int64()), st.lists(st.integers(0, 2))),
    "points": (pa.list_(pa.list_(pa.float32(), 2)), st.lists(st.tuples(REALS, REALS).map(list))),
    "names": (pa.list_(pa.string()), st.lists(st.sampled_from(["", "a", "b", "ab"]))),
    "picture": (pa.struct({"bytes": pa.binary(), "path": pa.string()}),
                st.fixed_dictionaries({"bytes": st.binary(max_size=1), "path": st.sampled_from(["", "a"])})),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_are_equal_where_their_hashes_are(name):
    kind, values = VALUES[name]

    @given(st.lists(values | st.none(), min_size=2, max_size=9), st.integers(0, 3))
    def law(given_values, cut):
        found = hashes_of(pa.chunked_array([pa.array(given_values, kind)]))
        for i, x in enumerate(given_values):
            for j, y in enumerate(given_values):
                assert (found[i] == found[j]) == (x == y)
        sliced = pa.array(given_values, kind).slice(cut)
        assert hashes_of(pa.chunked_array([sliced])).tolist() == found[cut:].tolist()
        if name == "words":
            coded = pa.chunked_array([pa.array(given_values, kind).dictionary_encode()])
            assert hashes_of(coded).tolist() == found.tolist()

    law()
