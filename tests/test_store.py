"""Files are whole or absent; caches are transparent; the output folder guards what it holds."""

from __future__ import annotations

import os

import numpy as np
import pytest

from bopask.errors import BopaskError, InputError, OutputError
from bopask.rng import rng_for, seed_for
from bopask.run.local import LocalExecutor
from bopask.store.cache import Cache
from bopask.store.card import hub_split
from bopask.store.files import atomic, key_of, write_json
from bopask.store.output import Output


def test_a_failed_write_leaves_nothing(tmp_path):
    target = tmp_path / "a.txt"
    with pytest.raises(RuntimeError), atomic(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic(target) as partial:
        partial.write_text("whole")
    assert target.read_text() == "whole"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unwritable_place_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_json(tmp_path / "file" / "x.json", {})


def test_keys_follow_content():
    assert key_of(1, {"a": 2, "b": 3}) == key_of(1, {"b": 3, "a": 2})
    assert key_of(1) != key_of(2)


def test_the_cache_gives_back_what_was_made(tmp_path):
    cache = Cache(tmp_path)
    made = []

    def make():
        made.append(1)
        return {"x": np.arange(3.0)}

    for _ in range(2):
        assert cache.arrays("k", "1", make)["x"].tolist() == [0, 1, 2]
    assert len(made) == 1
    (tmp_path / "k" / "1.npz").write_bytes(b"truncated")
    assert cache.arrays("k", "1", make)["x"].tolist() == [0, 1, 2]
    assert len(made) == 2
    assert cache.text("t", "1", lambda: b"a") == cache.text("t", "1", lambda: b"b") == b"a"
    assert Cache(None).text("t", "1", lambda: b"c") == b"c"


def test_output_folder_resumes_its_own_run_and_guards_others(tmp_path):
    out = tmp_path / "out"
    run = Output(out, "mine")
    run.open(overwrite=False)
    run.finish("000001", {"rows": 3})
    again = Output(out, "mine")
    again.open(overwrite=False)
    assert again.finished("000001") == {"rows": 3}
    assert again.finished("000002") is None
    with pytest.raises(OutputError, match="another run"):
        Output(out, "other").open(overwrite=False)
    Output(out, "other").open(overwrite=True)
    assert Output(out, "other").finished("000001") is None


def test_foreign_files_are_never_deleted(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="files of others"):
        Output(tmp_path, "mine").open(overwrite=True)
    assert (tmp_path / "thesis.tex").exists()
    with pytest.raises(OutputError, match="is a file"):
        Output(tmp_path / "thesis.tex", "mine").open(overwrite=True)


def double(x: int) -> int:
    if x == 13:
        raise InputError("thirteen", "is unlucky", "Use another")
    if x == 99:
        os._exit(1)
    return 2 * x


@pytest.mark.parametrize("workers", [1, 2])
def test_executors_give_every_result(workers):
    assert sorted(LocalExecutor(workers).run(double, range(5))) == [0, 2, 4, 6, 8]
    with pytest.raises(InputError, match="unlucky"):
        list(LocalExecutor(workers).run(double, [1, 13]))


def test_a_dead_worker_is_a_clear_error():
    with pytest.raises(BopaskError, match="run the same command again"):
        list(LocalExecutor(2).run(double, [1, 99]))


def test_seeds_depend_on_their_key_alone():
    assert rng_for(0, "a", 1).random() == rng_for(0, "a", 1).random()
    assert len({seed_for(s, stage, k) for s in range(3) for stage in "ab" for k in range(3)}) == 18


def test_hub_splits():
    names = [hub_split(s) for s in ("train_real", "train_pbr", "val", "test_bop19", "onboarding")]
    assert names == ["train", "train", "validation", "test", "train"]
