"""The reviewed YCB-V names: one phrase, one object; they fit the real models and only those."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bopask.ask.names import load_names
from bopask.bop import open_bop
from bopask.geometry.box import Box

FILE = Path(__file__).resolve().parents[1] / "src" / "bopask" / "data" / "names" / "ycbv.json"
OBJECTS = json.loads(FILE.read_text())["objects"]


def words_of(entry: dict) -> list[str]:
    return [entry["name"], *entry["synonyms"]]


def test_no_phrase_is_part_of_a_phrase_for_another_object() -> None:
    """'clamp' would fit both clamps: as words, no object's phrase is contained in another's."""
    for a, one in OBJECTS.items():
        for b, other in OBJECTS.items():
            for phrase in words_of(one) if a != b else ():
                for longer in words_of(other):
                    assert not set(phrase.split()) <= set(longer.split()), (phrase, longer)


@pytest.mark.parametrize("obj_id", OBJECTS)
def test_a_name_is_said_as_a_person_would(obj_id: str) -> None:
    entry = OBJECTS[obj_id]
    assert entry["status"] == "verified"
    assert 1 <= len(entry["synonyms"]) <= 3
    for phrase in words_of(entry):
        assert phrase == phrase.lower().strip()
        assert 1 <= len(phrase.split()) <= 4
        assert phrase.split()[0] not in {"a", "an", "the"}


def test_the_names_fit_the_real_models_and_no_others(ycbv_mini: Path) -> None:
    models = dict(open_bop(ycbv_mini).models())
    assert load_names(models, None).of(5)[0] == "mustard bottle"
    models[5] = replace(models[5], box=Box(models[5].box.T_ref_box, models[5].box.size * 1.2))
    assert load_names(models, None).of(5) == ()
