"""How far people agree: Cohen's kappa, and the tables of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from bopask.review.judgement import VERDICTS
from bopask.review.standing import Standing

ALL = "all"


@dataclass(frozen=True)
class Agreement:
    """Of two annotators, over the subjects that both judged."""

    task: str
    first: str
    second: str
    n: int
    share: float
    """Subjects on which they say the same."""
    kappa: float | None
    """None where chance alone would make them agree always: both said one and the same of everything."""


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """(p_o - p_e) / (1 - p_e): agreement beyond what the two raters' own shares would give by chance.

    J. Cohen, A coefficient of agreement for nominal scales, 1960. None for no pairs, or where p_e is 1.
    """
    n = len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[label] * second[label] for label in first)  # n² p_e, in whole numbers
    if n == 0 or chance == n * n:
        return None
    same = sum(a == b for a, b in pairs)
    return (same * n - chance) / (n * n - chance)


def agreements(standing: Standing, kind: str, task_of: Callable[[str], str | None]) -> list[Agreement]:
    """Of each two annotators who share subjects, by task, and over all tasks where there are several."""
    pairs: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for subject, verdicts in verdicts_of(standing, kind):
        if (task := task_of(subject)) is None:
            continue
        for a, b in combinations(sorted(verdicts), 2):
            for group in dict.fromkeys((task, ALL)):
                pairs.setdefault((group, a, b), []).append((verdicts[a], verdicts[b]))
    return [
        Agreement(task, a, b, len(said), sum(x == y for x, y in said) / len(said), cohen_kappa(said))
        for (task, a, b), said in sorted(pairs.items(), key=lambda item: (item[0][1:], item[0][0] == ALL, item[0][0]))
    ]


def verdicts_of(standing: Standing, kind: str) -> Iterable[tuple[str, dict[str, str]]]:
    """Subjects with the verdicts on them, by annotator."""
    for subject, marks in standing.said(kind):
        verdicts = {name: str(m.after["verdict"]) for name, m in marks.items() if m.after and m.after.get("verdict")}
        if verdicts:
            yield subject, verdicts


def counts(standing: Standing, task_of: Callable[[str], str | None]) -> dict[str, dict[str, int]]:
    """By annotator: rows by verdict, doubts, replies, and descriptions judged. Rows of other data sets do not count."""
    found: dict[str, Counter[str]] = {}
    for kind in ("row", "object", "reply"):
        for subject, marks in standing.said(kind):
            if kind != "object" and task_of(subject) is None:
                continue
            for name, mark in marks.items():
                after = mark.after or {}
                word = {"row": after.get("verdict"), "object": "objects", "reply": "replies"}[kind]
                found.setdefault(name, Counter()).update({word: 1} if word else {})
                found[name].update({"doubt": 1} if after.get("doubt") else {})
    return {name: {word: of[word] for word in COUNTED} for name, of in sorted(found.items())}


COUNTED = (*VERDICTS, "doubt", "objects", "replies")


def report(standing: Standing, task_of: Callable[[str], str | None]) -> dict[str, Any]:
    """For the page."""
    return {
        "counts": counts(standing, task_of),
        "rows": [asdict(one) for one in agreements(standing, "row", task_of)],
        "objects": [asdict(one) for one in agreements(standing, "object", lambda _: "names") if one.task != ALL],
    }


def text(made: Mapping[str, Any]) -> str:
    """For the terminal."""
    wide = max([len(name) for name in made["counts"]] + [9])
    lines = [f"{'annotator':<{wide}}  " + "  ".join(f"{word:>7}" for word in COUNTED)]
    for name, of in made["counts"].items():
        lines.append(f"{name:<{wide}}  " + "  ".join(f"{of[word]:>7,}" for word in COUNTED))
    if not made["counts"]:
        return "Nobody has judged anything yet."
    shared = [*made["rows"], *made["objects"]]
    if not shared:
        return "\n".join([*lines, "", "No two annotators have judged the same row."])
    lines += ["", f"{'task':<14}  {'first':<{wide}}  {'second':<{wide}}  {'shared':>7}  {'same':>6}  {'kappa':>6}"]
    for one in shared:
        kappa = "     -" if one["kappa"] is None else f"{one['kappa']:6.3f}"
        people = f"{one['first']:<{wide}}  {one['second']:<{wide}}"
        lines.append(f"{one['task']:<14}  {people}  {one['n']:>7,}  {one['share']:6.1%}  {kappa}")
    return "\n".join(lines)
