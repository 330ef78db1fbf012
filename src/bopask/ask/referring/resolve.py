"""The resolver: which objects a form may mean, from the form alone. It knows nothing of how the form was found.

A reader may or may not count what is barely visible, and may see either order where places are within the margin: an
object may be meant if some such reading means it. A phrase is good where just one may be meant.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.ask.referring.form import Form
from bopask.ask.referring.seen import BARELY, CLEARLY, Seen
from bopask.ask.referring.terms import Noun, Terms

LARGER = 1.25
"""One object is called larger when it is longer by this factor."""


def resolve(form: Form, seen: Seen, terms: Terms) -> Bool[Array, "F N"]:
    """[f, i]: object i may be what the form means in frame f."""
    sure, may = terms.covers(Noun(form.name, form.attribute))
    counted, possible = sure & (seen.visib >= BARELY), may & (seen.visib > 0)
    if form.relation:
        kind, landmark = form.relation
        marks = resolve(landmark, seen, terms)
        mark, frames = marks.argmax(1), np.arange(len(marks))
        clear = (marks.sum(1) == 1) & (seen.visib[frames, mark] >= CLEARLY)
        if kind not in seen.relations:
            return np.zeros_like(possible)
        holds, denied = (of[frames, :, mark] for of in seen.relations[kind])
        other = np.arange(possible.shape[1]) != mark[:, None]
        counted, possible = counted & holds & clear[:, None], possible & ~denied & clear[:, None] & other
    if form.ordinal is None:
        return possible
    side, rank = form.ordinal
    lead = leads(side, seen)  # [f, j, i]: by how much j comes before i
    fewest = (counted[:, :, None] & (lead >= 0)).sum(1)
    most = (possible[:, :, None] & ~(lead.swapaxes(1, 2) >= 0)).sum(1) - possible  # i itself is not before i
    return possible & (fewest < rank) & (rank <= most + 1)


def leads(side: str, seen: Seen) -> Float[Array, "F N N"]:
    """[f, j, i]: what is left over of the margin by which j comes before i from a side; negative: not surely."""
    match side:
        case "left" | "right" | "top" | "bottom":
            axis, sign = (0 if side in ("left", "right") else 1), (1 if side in ("left", "top") else -1)
            whole, part = (sign * of[..., axis] for of in (seen.middle, seen.visible))
            return np.minimum(ahead(whole), ahead(part)) - seen.margin_px
        case "near" | "far":
            middle, near, far = np.moveaxis(seen.distance, -1, 0)
            gap = np.minimum(near[:, None, :] - middle[:, :, None], middle[:, None, :] - far[:, :, None])
            return (gap if side == "near" else gap.swapaxes(1, 2)) - seen.margin
        case _:
            ratio = ahead(np.log(seen.length)[None]) * (-1 if side == "large" else 1) - np.log(LARGER)
            return np.broadcast_to(ratio, (len(seen.visib), *ratio.shape[1:]))


def ahead(places: Float[Array, "F N"]) -> Float[Array, "F N N"]:
    """[f, j, i]: places of i beyond those of j."""
    return places[:, None, :] - places[:, :, None]
