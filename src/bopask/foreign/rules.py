"""How the authors of each benchmark score it: a number 0..1 a row, and the totals that they report.

A mean over nothing is None. Where a rule leaves open how a reply is read, what was chosen is said here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

from bopask.foreign.noun import Foreign, Pair

Scored: TypeAlias = Sequence[tuple[Foreign, float]]
Totals: TypeAlias = dict[str, float | None]


@dataclass(frozen=True)
class Rule:
    """Scores a reply, and sums rows up."""

    score: Callable[[Foreign, str], float]
    total: Callable[[Scored], Totals]
    source: str


def mean(values: Iterable[float | None]) -> float | None:
    """None where there is nothing, or where one part of it is missing."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return fmean(known) if known and len(known) == len(listed) else None


def by_group(scored: Scored) -> Totals:
    """The mean of all rows, and of each group."""
    groups: dict[str, list[float]] = {}
    for row, value in scored:
        groups.setdefault(row.group, []).append(value)
    return {"accuracy": mean(v for _, v in scored), **{g: mean(v) for g, v in sorted(groups.items()) if g}}


def robospatial(row: Foreign, reply: str) -> float:
    """Yes or no: the reply begins with it. Points: the first pair in (), or else in [], lies in the polygon."""
    text = reply.strip().lower()
    if row.kind == "yes_no":
        return float(text.startswith("yes" if row.truth else "no"))
    number = r"\s*(\d+\.?\d*)\s*"
    match = re.search(rf"\({number},{number}\)", reply) or re.search(rf"\[{number},{number}\]", reply)
    return float(match is not None and in_polygon((float(match[1]), float(match[2])), row.truth))


def in_polygon(point: Pair, polygon: Sequence[Pair]) -> bool:
    """Even-odd rule: a ray to the right of the point meets the outline an odd number of times."""
    x, y = point
    inside = False
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (x1 - x0) * (y - y0) / (y1 - y0):
            inside = not inside
    return inside


def chosen(reply: str, options: Sequence[str]) -> int | None:
    """Which option a reply takes: a letter alone, a letter in brackets or before '.', ':' or ')', or an option's text.

    A choice of ours: the authors compare letters, and read them from long replies with another language model (BLINK)
    or not at all. A reply that names two different letters, or none, chooses nothing.
    """
    text = reply.strip().removeprefix("<answer>").removesuffix("</answer>").strip()
    last = chr(64 + len(options))
    if re.fullmatch(rf"\(?[A-{last}]\)?[.:]?", text):
        return ord(re.sub(r"[^A-Z]", "", text)) - 65
    letters = {m[1] or m[2] for m in re.finditer(rf"\(([A-{last}])\)|(?:^|[\s\"'])([A-{last}])[.:)]", text)}
    if len(letters) == 1:
        return ord(letters.pop()) - 65
    said = [n for n, option in enumerate(options) if text.lower().rstrip(".") == option.lower().rstrip(".")]
    return said[0] if not letters and len(said) == 1 else None


def right_choice(row: Foreign, reply: str) -> float:
    """1 where the right option is taken."""
    return float(row.truth is not None and chosen(reply, row.options) == row.truth)


def cv_bench_total(scored: Scored) -> Totals:
    """½ (½ (ADE20K + COCO) + Omni3D) over the accuracies of the three sources."""
    of = by_group(scored)
    flat = mean([of.get("ADE20K"), of.get("COCO")])
    return {**of, "2D": flat, "3D": of.get("Omni3D"), "accuracy": mean([flat, of.get("Omni3D")])}


def spatial_bench(row: Foreign, reply: str) -> float:
    """The truth occurs in the reply as it is written; of counts 1 − |said − true| / true, which may be below 0."""
    if row.kind != "count":
        return float(str(row.truth) in reply)
    try:
        return 1 - abs(int(reply) - row.truth) / row.truth
    except ValueError:  # their code stops here; a reply that is no number is as far off as 0
        return 0.0


def spatial_bench_total(scored: Scored) -> Totals:
    """By file. Existence: the share of pairs of which both are right. Reach and size: of three points a pair, one for
    each right row and one for both. Counting: the mean, in which a wild guess costs more than 1. Positional: the mean.
    """
    of: dict[str, list[tuple[str, float]]] = {}
    for row, value in scored:
        of.setdefault(row.group, []).append((row.pair, value))
    totals: Totals = {}
    for group, rows in sorted(of.items()):
        pairs: dict[str, list[float]] = {}
        for pair, value in rows:
            pairs.setdefault(pair, []).append(value)
        whole = [pair for pair in pairs.values() if len(pair) == 2]
        both = mean(float(min(pair) == 1) for pair in whole)
        if group == "existence":
            totals[group] = both
        elif group in ("reach", "size"):
            single = mean(value for pair in whole for value in pair)
            totals[group] = None if single is None or both is None else (2 * single + both) / 3
        else:
            totals[group] = mean(value for _, value in rows)
    return totals


def ref_spatial(row: Foreign, reply: str) -> float:
    """Share of the reply's points that lie on the mask; 0 where there are none.

    Pairs in (): where a number has a decimal point they are shares of width and height, else pixels; cut to whole ones.
    Four numbers in () are a box in shares, and each of its pixels a point. (Their reader of models that answer in 0..1;
    a reply that it fails on is left out of their mean, and 0 here.)
    """
    mask = row.masks[0].mask()
    height, width = mask.shape
    hits, points = 0, 0
    for match in re.finditer(r"\(([-+]?\d+\.?\d*(?:,\s*[-+]?\d+\.?\d*)*)\)", reply):
        said = match[1].split(",")
        numbers = [min(max(float(number), -1e6), 1e6) for number in said]  # far outside is outside
        if len(said) == 2:
            scales = (width, height) if "." in match[1] else (1, 1)
            u, v = (int(x * k) for x, k in zip(numbers, scales, strict=True))
            points += 1
            hits += bool(0 <= u < width and 0 <= v < height and mask[v, u])
        elif len(said) == 4:
            u0, v0, u1, v1 = (int(x * k) for x, k in zip(numbers, (width, height) * 2, strict=True))
            points += max(u1 - u0, 0) * max(v1 - v0, 0)
            hits += int(mask[max(v0, 0) : max(v1, 0), max(u0, 0) : max(u1, 0)].sum())
    return hits / points if points else 0.0


RULES: Mapping[str, Rule] = {
    "robospatial_home": Rule(
        robospatial, by_group, "https://github.com/chanhee-luke/RoboSpatial-Eval/blob/main/evaluation.py"
    ),
    "cv_bench": Rule(right_choice, cv_bench_total, "https://huggingface.co/datasets/nyu-visionx/CV-Bench"),
    "spatial_bench": Rule(
        spatial_bench,
        spatial_bench_total,
        "https://github.com/BAAI-DCAI/SpatialBot/blob/main/bunny/eval/eval_spatialbench.py",
    ),
    "blink": Rule(right_choice, by_group, "https://github.com/zeyofu/BLINK_Benchmark/blob/main/eval/evaluate.py"),
    "ref_spatial": Rule(
        ref_spatial, by_group, "https://github.com/Zhoues/RoboRefer/blob/main/Evaluation/summarize_acc.py"
    ),
    "emb_spatial": Rule(right_choice, by_group, "https://github.com/mengfeidu/EmbSpatial-Bench"),
}
"""Rules by the name that rows carry."""
