"""Referring phrases: words that name exactly one object of a picture, or none.

An object whose name is its own in the layout is called by it. Where several visible objects share a name, position in
the picture tells them apart ('leftmost', 'second … from the left', 'topmost'); where positions are within the margin,
or one of them is barely visible, no phrase is given and nothing is asked about them in that frame.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bopask.arrays import Array
from bopask.ask.names import Names
from bopask.nouns import View

BARELY = 0.1
"""Below this visible share, a reader may or may not count an object: it makes counting doubtful."""
ORDINALS = ("", "second ", "third ", "fourth ", "fifth ", "sixth ", "seventh ", "eighth ", "ninth ", "tenth ")


def refer(
    obj_ids: Int[Array, "N"], names: Names, view: View, margin_px: float, rng: np.random.Generator
) -> tuple[tuple[str, ...], Int[Array, "F N"]]:
    """Phrases without article, and for each frame and object the index of its phrase (-1: none).

    Synonyms are drawn a frame and an object id, so that one picture's questions speak of 'the tin' throughout.
    """
    F, N = view.visib_fract.shape
    phrases: dict[str, int] = {}
    code = np.full((F, N), -1)
    for obj_id in sorted(set(obj_ids.tolist())):
        called = names.of(obj_id)
        draw = rng.integers(0, max(len(called), 1), F)  # drawn also when unused: one stream a layout
        group = np.flatnonzero(obj_ids == obj_id)
        for s, name in enumerate(called):
            chosen = np.flatnonzero(draw == s)
            if len(group) == 1:
                code[chosen, group[0]] = phrases.setdefault(name, len(phrases))
                continue
            view_of_group = (view.visib_fract[np.ix_(chosen, group)], view.bbox[np.ix_(chosen, group)])
            for words, frames, members in positions(*view_of_group, margin_px):
                phrase = words.format(name=name)
                code[chosen[frames], group[members]] = phrases.setdefault(phrase, len(phrases))
    return tuple(phrases), code


def positions(
    visib: Float[Array, "F n"], bbox: Float[Array, "F n 4"], margin_px: float
) -> list[tuple[str, Array, Array]]:
    """(words, frames, members): where position tells members of a group of look-alikes apart."""
    seen = visib > 0
    sure = ~((visib > 0) & (visib < BARELY)).any(1)
    count = seen.sum(1)
    out: list[tuple[str, Array, Array]] = []

    def say(words: str, which: Array) -> None:
        frames, members = np.nonzero(which)
        out.append((words, frames, members))

    say("{name}", seen & (sure & (count == 1))[:, None])
    center = np.where(seen[..., None], np.nan_to_num((bbox[..., :2] + bbox[..., 2:]) / 2), np.inf)
    undecided = sure & (count > 1)
    for axis, first, last, side in ((0, "leftmost", "rightmost", "left"), (1, "topmost", "lowest", "top")):
        ordered, rank = np.sort(center[..., axis], 1), np.argsort(np.argsort(center[..., axis], 1), 1)
        with np.errstate(invalid="ignore"):
            gaps = np.diff(ordered, axis=1)
        apart = undecided & (np.where(np.isfinite(gaps), gaps, np.inf) >= margin_px).all(1)
        for position in range(int(count.max(initial=0))):
            here = seen & (rank == position) & apart[:, None]
            ends = here & (position == count - 1)[:, None]
            say(f"{last} {{name}}", ends)
            if position == 0:
                say(f"{first} {{name}}", here & ~ends)
            elif position < len(ORDINALS):
                say(f"{ORDINALS[position]}{{name}} from the {side}", here & ~ends)
        undecided &= ~apart
    return out
