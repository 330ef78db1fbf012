"""`bopask report RUN …`: one self-contained page, and the tables as markdown beside it.

No script, nothing fetched, pictures inside; the page's content security policy forbids the rest. Everything that came
from a model or a file is escaped by `text`. The same runs and seed give the same bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from bopask import __version__
from bopask.bench.scores import SCORES
from bopask.board.examples import Example, drawn, examples
from bopask.board.figures import PARTS, Cell, between, cell, failures, headline_of, parts, short, tasks_of
from bopask.board.markdown import markdown
from bopask.board.published import COLUMNS, CORE, NOTE
from bopask.board.runs import Entry, read_runs
from bopask.store.files import atomic
from bopask.view.report import encode, text

SHOWN = 2
"""Best and worst replies that are drawn of each task and entry."""
DRAWN = 240
"""Examples on a page at most."""


def write_board(runs: Sequence[Path], page: Path, seed: int = 0, shown: int = SHOWN) -> str:
    """Writes the page and, beside it, its tables as .md; returns the latter.

    Raises:
        InputError: a folder holds no finished run.
        OutputError: the page cannot be written.
    """
    entries = read_runs(runs)
    tasks = tasks_of(entries)
    shown = max(0, min(shown, DRAWN // max(1, 2 * len(entries) * len(tasks))))
    body = "\n".join(
        [
            _header(entries),
            _headlines(entries, tasks, seed),
            _paper(entries, seed),
            _failures(entries, tasks),
            _all_scores(entries, tasks, seed),
            _breakdown(entries, tasks, seed),
            _examples(entries, tasks, shown, seed),
            _asked(entries),
            f"<footer>Written by bopask {text(__version__)}. Formulas: docs/scores.md.</footer>",
        ]
    )
    frame = Template((files("bopask") / "data" / "report" / "page.html").read_text("utf-8"))
    tables = markdown(entries, seed)
    for path, content in ((page, frame.substitute(title="Benchmark · bopask", body=body)), (_beside(page), tables)):
        with atomic(path) as partial:
            partial.write_text(content, "utf-8")
    return tables


def _beside(page: Path) -> Path:
    return page.with_suffix(".md") if page.suffix != ".md" else page.with_suffix(".tables.md")


def _header(entries: Sequence[Entry]) -> str:
    asked = {tuple(run.told["data"]["fingerprint"] for run in entry.runs) for entry in entries}
    rows = max(entry.table.num_rows for entry in entries)
    facts = (("models", len(entries)), ("replies", sum(e.table.num_rows for e in entries)), ("of one model", rows))
    cells = "".join(f"<div><dt>{name}</dt><dd>{n:,}</dd></div>" for name, n in facts)
    notes = []
    if len(asked) > 1:
        notes.append("Not all of these were asked the same data sets: compare with care.")
    counts = {entry.table.num_rows for entry in entries}
    if len(asked) == 1 and len(counts) > 1:
        notes.append("Not all of these were asked the same number of questions: compare with care.")
    if any(run.told["guessed"] for entry in entries for run in entry.runs):
        notes.append("Where the dialect was guessed, a reply may have been misread: such figures are for a first look.")
    if not all(entry.scene for entry in entries):
        notes.append("A run was scored without its BOP folder: the headlines are those that need no meshes.")
    said = "".join(f"<p class=note>{note}</p>" for note in notes)
    return (
        "<header><div class=mark>bopask</div><h1>Benchmark</h1><p class=lead>What models answer to questions about "
        f"acting on objects, and what it is worth.</p><dl class=facts>{cells}</dl>{said}</header>"
    )


def _headlines(entries: Sequence[Entry], tasks: Sequence[str], seed: int) -> str:
    heads = "".join(f"<th class=n>{text(t)}<br><small>{text(_told(t, headline_of(entries, t)))}</small>" for t in tasks)
    lines = []
    for entry in entries:
        cells = [cell(entry, entry.of(task=task), headline_of(entries, task), seed) for task in tasks]
        lines.append(f"<td class=k>{text(entry.label)}</td>{''.join(map(_td, cells))}")
    return (
        "<h2 id=headlines>Headline scores</h2><p class=soft>The mean, its 95 % bootstrap interval over images, and n. "
        "A reply without an answer counts as the worst value.</p>" + _table(f"<th>Model{heads}", lines)
    )


def _told(task: str, score: str) -> str:
    """A score with its unit and which way is better."""
    rule = SCORES[task][score]
    return f"{score}{', ' + rule.unit if rule.unit not in ('', 'share') else ''} {'↑' if rule.higher_better else '↓'}"


def _td(of: Cell) -> str:
    if of.value is None:
        return "<td class=n>–</td>"
    failed = f"<br><small>{of.failed:,} not parsed</small>" if of.failed else ""
    range_ = f"<br><small>{between(of)}</small>" if of.between else ""
    return f"<td class=n><b>{short(of.value)}</b>{range_}<br><small>n = {of.n:,}</small>{failed}</td>"


def _with_parsed(of: Cell, factor: float = 1.0) -> str:
    """A mean, and without the failures: where the worst value is infinite, only that says how good the others are."""
    parsed = f"<br><small>of the parsed {short(of.of_parsed, factor)}</small>" if of.failed else ""
    return f"<td class=n><b>{short(of.value, factor)}</b><br><small>{between(of, factor)}</small>{parsed}</td>"


def _paper(entries: Sequence[Entry], seed: int) -> str:
    heads = "".join(f"<th class=n>{text(column.title)}" for column in COLUMNS)
    lines = []
    for entry in entries:
        cells = [cell(entry, entry.of(task=c.task), c.score, seed) for c in COLUMNS]
        shown = "".join(_with_parsed(of, c.factor) for of, c in zip(cells, COLUMNS, strict=True))
        lines.append(f"<td class=k>{text(entry.label)}</td>{shown}")
    for name, row in CORE.items():
        lines.append(f"<td class=k>{text(name)} *</td>" + "".join(f"<td class=n>{short(v)}</td>" for v in row))
    return (
        "<h2 id=paper>Beside the paper</h2><p class=soft>The paper’s own scores, computed as docs/scores.md says; "
        f"below them (*) its table. {text(NOTE)}</p>" + _table(f"<th>Model{heads}", lines)
    )


def _failures(entries: Sequence[Entry], tasks: Sequence[str]) -> str:
    kinds = sorted({kind for entry in entries for task in tasks for kind in failures(entry, task)})
    heads = "".join(f"<th class=n>{text(kind)}" for kind in kinds)
    lines = []
    for entry in entries:
        for task in tasks:
            found = failures(entry, task)
            if found:
                n = int(entry.of(task=task).sum())
                cells = "".join(f"<td class=n>{found[kind] or ''}</td>" for kind in kinds)
                lines.append(f"<td class=k>{text(entry.label)}</td><td>{text(task)}</td><td class=n>{n:,}</td>{cells}")
    said = "Told apart from wrong answers; docs/dialects.md says what each means." if lines else "There are none."
    table = _table(f"<th>Model<th>Task<th class=n>n{heads}", lines)
    return f"<h2 id=failures>Replies without an answer</h2><p class=soft>{said}</p>{table}"


def _all_scores(entries: Sequence[Entry], tasks: Sequence[str], seed: int) -> str:
    made = ["<h2 id=scores>Every score</h2>"]
    for task in tasks:
        heads = "".join(f"<th class=n>{text(entry.label)}" for entry in entries)
        lines = []
        for score in SCORES[task]:
            cells = [cell(entry, entry.of(task=task), score, seed) for entry in entries]
            if any(of.n for of in cells):
                shown = "".join(map(_with_parsed, cells))
                lines.append(f"<td class=k>{text(_told(task, score))}</td>{shown}")
        made.append(f"<details><summary>{text(task)}</summary>{_table(f'<th>Score{heads}', lines)}</details>")
    return "".join(made)


def _breakdown(entries: Sequence[Entry], tasks: Sequence[str], seed: int) -> str:
    made = [
        "<h2 id=parts>By subtask, data set and difficulty</h2><p class=soft>The headline score. Difficulty: thirds "
        "of a number from the evidence, within each subtask (docs/benchmark.md).</p>"
    ]
    heads = "".join(f"<th class=n>{text(entry.label)}" for entry in entries)
    for task in tasks:
        score, lines = headline_of(entries, task), []
        for column, title in PARTS:
            for value in parts(entries, task, column):
                cells = [cell(e, e.of(task=task, **{column: value}), score, seed) for e in entries]
                shown = "".join(map(_td, cells))
                lines.append(f"<td class=k>{title}</td><td class=k>{text(value)}</td>{shown}")
        if lines:
            table = _table(f"<th>Part<th>{heads}", lines)
            made.append(f"<details><summary>{text(task)}: {text(_told(task, score))}</summary>{table}</details>")
    return "".join(made)


def _examples(entries: Sequence[Entry], tasks: Sequence[str], count: int, seed: int) -> str:
    if not count:
        return ""
    made = [
        "<h2 id=examples>Best and worst replies</h2><p class=soft>On the left the row’s own answer, on the right the "
        "reply. Other answers may be right as well.</p>"
    ]
    for entry in entries:
        for task in tasks:
            score = headline_of(entries, task)
            figures = "".join(_figure(e, _told(task, score)) for e in examples(entry, task, score, count, seed))
            if figures:
                made.append(f"<h3>{text(entry.label)}: {text(task)}</h3><div class=gallery>{figures}</div>")
    return "".join(made)


def _figure(example: Example, score: str) -> str:
    said, found = example.said, drawn(example)
    if found is None:
        picture, question = "<p class=soft>The data set is no longer where it was.</p>", ""
    else:
        row, image = found
        data, question = base64.b64encode(encode(image)).decode(), str(row["question"])
        picture = (
            f"<label><input type=checkbox aria-label='Enlarge'><img src='data:image/webp;base64,{data}' "
            f"width={image.width} height={image.height} style='aspect-ratio:auto' loading=lazy "
            f"alt='{text(question)}'></label>"
        )
    kind = "yes" if example.kind == "best" else "no"
    return (
        f"<figure>{picture}<figcaption><div class=q>{text(question)}</div>"
        f"<div class=a>Right: {text(said['truth'])}<br>Reply: {text(str(said['reply'])[:600])}</div>"
        f"<div class=id>{text(said['subtask'])} · {text(said['id'])}<span class='badge {kind}'>"
        f"{example.kind}: {text(score)} {short(example.value)}</span></div></figcaption></figure>"
    )


def _asked(entries: Sequence[Entry]) -> str:
    lines = []
    for entry in entries:
        for run in entry.runs:
            told, counts, data = run.told, run.told["counts"], run.told["data"]
            lines.append(
                f"<td class=k>{text(entry.label)}</td><td>{text(data['dataset'])} {text(data['split'])}</td>"
                f"<td>{'guessed' if told['guessed'] else text(told['dialect'])}</td>"
                f"<td>{text(told.get('format', 'replies made elsewhere'))}</td>"
                f"<td class=n>{counts['rows']:,}</td><td class=n>{counts['not_answered']:,}</td>"
                f"<td class=n>{counts['unknown_id']:,}</td>"
                f"<td class=n>{counts['repeated'] + counts['contradicted']:,}</td>"
            )
    heads = (
        "<th>Model<th>Data set<th>Dialect<th>Asked in<th class=n>Rows<th class=n>Not answered<th class=n>Unknown ids"
        "<th class=n>Repeated"
    )
    return "<h2 id=asked>How they were asked</h2>" + _table(heads, lines)


def _table(heads: str, lines: Iterable[str]) -> str:
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f"<div class=scroll><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>" if rows else ""
    )
