"""A phrase names one object of the picture, or is not given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import box_model

from bopask.ask.names import Names, load_names
from bopask.ask.referring import ORDINALS, refer
from bopask.errors import InputError
from bopask.nouns import View

NAMES = Names({1: ("can of soup", "soup tin"), 2: ("mug",), 3: ()}, "test")


def resolve(phrase: str, centers: np.ndarray, seen: np.ndarray) -> list[int]:
    """A reader's understanding of a phrase among look-alikes, written apart from the generator."""
    visible = np.flatnonzero(seen)
    by = {axis: visible[np.argsort(centers[visible, axis])] for axis in (0, 1)}
    words = phrase.split()
    if words[0] in ("leftmost", "topmost"):
        return [by[words[0] == "topmost"][0]]
    if words[0] in ("rightmost", "lowest"):
        return [by[words[0] == "lowest"][-1]]
    if words[-3:-1] == ["from", "the"]:
        rank = [o.strip() for o in ORDINALS].index(words[0])
        return [by[words[-1] == "top"][rank]]
    return list(visible)


@given(st.integers(0, 10_000), st.integers(2, 10))
def test_every_phrase_resolves_to_its_object(seed, n):
    rng = np.random.default_rng(seed)
    F = 8
    centers = rng.integers(0, 60, (F, n, 2)) * 10.0
    visib = rng.choice([0.0, 0.05, 0.5, 1.0], (F, n), p=[0.2, 0.05, 0.3, 0.45])
    view = View(visib, np.concatenate([centers - 8, centers + 8], -1), centers)
    phrases, code = refer(np.ones(n, int), NAMES, view, 6.0, rng)
    for f in range(F):
        given_here = [phrases[c] for c in code[f] if c >= 0]
        assert len(given_here) == len(set(given_here))
        for i in np.flatnonzero(code[f] >= 0):
            assert resolve(phrases[code[f, i]], centers[f], visib[f] > 0) == [i]


def test_look_alikes_within_the_margin_get_no_phrase():
    center = np.array([[[100.0, 100], [103, 103], [300, 300]]])
    view = View(np.ones((1, 3)), np.concatenate([center - 8, center + 8], -1), center)
    _, code = refer(np.array([1, 1, 1]), NAMES, view, 6.0, np.random.default_rng(0))
    assert (code == -1).all()


def test_a_barely_visible_twin_makes_counting_doubtful():
    center = np.array([[[100.0, 100], [300, 300]]])
    view = View(np.array([[1.0, 0.05]]), np.concatenate([center - 8, center + 8], -1), center)
    _, code = refer(np.array([1, 1]), NAMES, view, 6.0, np.random.default_rng(0))
    assert (code == -1).all()


def test_an_only_one_is_called_by_name_and_a_nameless_one_not_at_all():
    center = np.array([[[100.0, 100], [300, 300], [200, 200]]])
    view = View(np.ones((1, 3)), np.concatenate([center - 8, center + 8], -1), center)
    phrases, code = refer(np.array([1, 2, 3]), NAMES, view, 6.0, np.random.default_rng(0))
    assert phrases[code[0, 0]] in NAMES.of(1)
    assert phrases[code[0, 1]] == "mug"
    assert code[0, 2] == -1


def test_synonyms_are_used_and_stay_the_same_within_a_picture():
    F = 64
    center = np.tile(np.array([[[100.0, 100], [300, 300]]]), (F, 1, 1))
    view = View(np.ones((F, 2)), np.concatenate([center - 8, center + 8], -1), center)
    phrases, code = refer(np.array([1, 1]), NAMES, view, 6.0, np.random.default_rng(0))
    used = {tuple(phrases[c].split(maxsplit=1)[1] for c in row) for row in code}
    assert used == {("can of soup", "can of soup"), ("soup tin", "soup tin")}


def test_two_objects_may_not_share_a_name(tmp_path):
    file = tmp_path / "names.json"
    file.write_text('{"1": {"name": "mug"}, "2": {"name": "cup", "synonyms": ["Mug"]}}')
    with pytest.raises(InputError, match="share the name"):
        load_names({}, None, file)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"1": {"title": "mug"}}', '{"x": "mug"}', '{"1": "a {slot}"}', '{"1": ""}']
)
def test_bad_names_files_are_refused(tmp_path, text):
    file = tmp_path / "names.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"names\.json"):
        load_names({}, None, file)


def test_a_missing_names_file_is_an_error_but_a_missing_names_json_is_not(tmp_path):
    with pytest.raises(InputError):
        load_names({}, None, tmp_path / "absent.json")
    assert load_names({99: box_model(99, [0.1] * 3)}, tmp_path).source == "none"


def test_shipped_names_are_refused_for_models_of_another_size():
    impostor = {1: box_model(1, [0.5, 0.5, 0.5])}
    assert load_names(impostor, None).of(1) == ()
