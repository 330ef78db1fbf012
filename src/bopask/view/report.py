"""report.html: one page that shows what a run made, what it left out and why, with answers drawn on real images.

Self-contained: no script, nothing fetched, images inside; a content security policy in the page forbids the rest.
Everything that came from data is escaped here, in `text`, and nowhere else. Same files and seed, same bytes.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from bopask.errors import InputError
from bopask.store.dataset import read_manifest
from bopask.store.files import atomic
from bopask.view.draw import draw_row
from bopask.view.proof import Proof, read_proof
from bopask.view.sample import Survey, find_row, row_image, rows_of, sample_rows, survey
from bopask.view.words import TASKS, Task, explain

__all__ = ["drawn_rows", "find_row", "row_image", "sample_rows", "write_report"]

Each = Callable[[Callable[[Any], str], Sequence[Any]], Iterable[str]]
_WIDTH, _BYTES = 760, 70_000
_MANY = 200
"""Rows of a table on the page; the rest is in manifest.json."""


def write_report(
    out: Path, bop_root: Path | None, *, per_task: int = 6, seed: int | None = None, each: Each = map
) -> Path:
    """Writes `out`/report.html from `out`/manifest.json and `out`/data/*.parquet.

    Args:
        bop_root: the BOP folder, for the images; None draws on an empty sheet.
        per_task: answers drawn for each task.
        seed: decides which; None: as generate drew them.
        each: `map`, or what does the same with other processes.
    Returns:
        The path of the page.
    Raises:
        InputError: the manifest or a shard is missing or broken. A damaged image is only noted.
    """
    manifest = read_manifest(out)
    found = survey(out, int(manifest.get("seed", 0)) if seed is None else seed)
    rows = rows_of(out, found, per_task)
    proof = read_proof(out, manifest.get("fingerprint"), (row["id"] for row in rows))
    figures = list(zip(rows, each(partial(_figure, bop_root=bop_root, proof=proof), rows), strict=True))
    body = "\n".join(
        [
            _header(manifest, found),
            _tasks(manifest, found, proof),
            "<h2 id=gallery>Answers, drawn</h2>",
            f"<p class=soft>{per_task} of each task at most, spread over subtasks, answers, scenes and objects. "
            "Click an image to enlarge it.</p>",
            *(_gallery(task, [drawn for row, drawn in figures if row["task"] == task]) for task in _order(found)),
            _language(manifest),
            _skips(manifest.get("skips") or {}),
            _worlds(manifest.get("layouts") or []),
            _made(manifest),
            f"<footer>Written by bopask {text(manifest.get('bopask', ''))}. To draw any other row: "
            "<code>bopask show OUT --id ID</code>.</footer>",
        ]
    )
    page = Template((files("bopask") / "data" / "report" / "page.html").read_text("utf-8"))
    with atomic(out / "report.html") as file:
        file.write_text(page.substitute(title=f"{_name(manifest)} · bopask", body=body), "utf-8")
    return out / "report.html"


def drawn_rows(out: Path, per_task: int = 6) -> list[dict[str, Any]]:
    """The rows that the report draws."""
    return sample_rows(out, per_task, int(read_manifest(out).get("seed", 0)))


def text(value: Any) -> str:
    """Anything, as HTML text or attribute value."""
    return html.escape(str(value), quote=True)


def _name(manifest: Mapping[str, Any]) -> str:
    return " · ".join(text(manifest[key]) for key in ("dataset", "split") if manifest.get(key)) or "A data set"


def _order(found: Survey) -> list[str]:
    """Tasks that have rows: the known ones first, in their order."""
    present = {task for task, _, _ in found.counts}
    return [t for t in TASKS if t in present] + sorted(present - set(TASKS))


def _header(manifest: Mapping[str, Any], found: Survey) -> str:
    counts, rows = manifest.get("counts") or {}, found.rows
    skipped = sum(int(n) for reasons in (manifest.get("skips") or {}).values() for n in reasons.values())
    facts = [
        ("questions", rows),
        ("images", counts.get("frames")),
        ("layouts", counts.get("layouts")),
        ("tasks", len(_order(found))),
        ("not asked", skipped),
    ]
    cells = "".join(f"<div><dt>{k}</dt><dd>{n:,}</dd></div>" for k, n in facts if isinstance(n, int))
    stated = counts.get("rows", rows)
    warning = f"<p class=note>The manifest states {text(stated)} rows, the shards hold {rows:,}: one is not whole.</p>"
    places = {
        "tasks": "Tasks",
        "gallery": "Answers",
        "language": "Language",
        "skips": "Not asked",
        "up": "Where up is",
        "made": "How",
    }
    links = "".join(f"<a href='#{anchor}'>{name}</a>" for anchor, name in places.items())
    return (
        f"<header><div class=mark>bopask</div><h1>{_name(manifest)}</h1>"
        "<p class=lead>Questions about acting on objects, made from 6D poses. Each answer is computed, checked, and "
        f"carries its evidence.</p><dl class=facts>{cells}</dl>{warning if stated != rows else ''}"
        f"<nav>{links}</nav></header>"
    )


@dataclass(frozen=True)
class _Counted:
    """A line of the table of tasks."""

    rows: int
    subtasks: Mapping[str, int]
    yes: int
    no: int
    distinct: int
    """Question texts."""


def _counted(task: str, manifest: Mapping[str, Any], found: Survey) -> _Counted:
    """Counted in the shards; where these were too many to read, as the manifest states it."""
    if not found.whole and (told := manifest.get("counts", {}).get("tasks", {}).get(task)):
        distinct = manifest.get("language", {}).get(task, {}).get("distinct_questions", 0)
        return _Counted(told["rows"], told["subtasks"], told.get("yes", 0), told.get("no", 0), distinct)
    subtasks: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    for (t, subtask, verdict), n in found.counts.items():
        if t == task:
            subtasks[subtask] += n
            verdicts[verdict] += n
    distinct = len(found.questions.get(task, ()))
    return _Counted(subtasks.total(), subtasks, verdicts["yes"], verdicts["no"], distinct)


def _tasks(manifest: Mapping[str, Any], found: Survey, proof: Proof) -> str:
    bars, lines = [], []
    for task in _order(found):
        of, colour = _counted(task, manifest, found), _colour(task)
        subs = "".join(
            f"<span class=sub>{text(s)}&nbsp;<small>{n:,}</small></span>" for s, n in sorted(of.subtasks.items())
        )
        bars.append(f"<i style='flex:{of.rows};background:{colour}' title='{text(task)}'></i>")
        lines.append(
            f"<tr><td class=k><span class=swatch style='background:{colour}'></span>{text(task)}</td>"
            f"<td class=n data-k=rows>{of.rows:,}</td><td class=n data-k=share>{of.rows / found.rows:.1%}</td>"
            f"<td>{subs}</td><td data-k='yes : no'>{_balance(of.yes, of.no)}</td>"
            f"<td class=n data-k='distinct questions'>{of.distinct:,}</td>"
            f"<td data-k=proved>{proof.of_task(task)}</td></tr>"
        )
    heads = "<th>Task<th class=n>Rows<th class=n>Share<th>Subtasks<th>Yes : no<th class=n>Distinct questions<th>Proved"
    return (
        f"<h2 id=tasks>Tasks</h2><div class=share>{''.join(bars)}</div><div class=scroll><table class=stack>"
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>{proof.note}"
    )


def _colour(task: str) -> str:
    return f"var(--{task})" if task in TASKS else "var(--soft)"


def _balance(yes: int, no: int) -> str:
    if not yes + no:
        return ""
    return f"<span class=meter><i style='width:{100 * yes / (yes + no):.1f}%'></i></span>{yes:,}&nbsp;:&nbsp;{no:,}"


def _gallery(task: str, figures: Sequence[str]) -> str:
    words = TASKS.get(task, Task(text(task).capitalize(), "The points of the answer, in order."))
    return (
        f"<section><h3>{words.title}</h3><p class=soft>{words.look}</p>"
        f"<div class=gallery>{''.join(figures)}</div></section>"
    )


def _figure(row: Mapping[str, Any], bop_root: Path | None, proof: Proof) -> str:
    damaged = ""
    try:
        image = row_image(row, bop_root)
    except InputError as error:  # one bad picture must not cost a run its report
        image, damaged = None, f"<div class=soft>{text(str(error))}</div>"
    width = image.shape[1] if image is not None else int(row["width"])
    picture = draw_row(row, image, scale=min(1.0, _WIDTH / width), caption=False, weight=1.4)
    data = base64.b64encode(encode(picture)).decode()
    question, answer = str(row["question"]), str(row["answer"]).strip()
    verdict = answer.lower().rstrip(".")
    shown = f"<b class={verdict}>{text(answer)}</b>" if verdict in ("yes", "no") else text(answer)
    frame = "/".join(text(x) for x in (f"{row['scene_id']:06d}", f"{row['frame_id']:06d}", row.get("sensor")) if x)
    return (
        f"<figure><label><input type=checkbox aria-label='Enlarge'><img src='data:image/webp;base64,{data}' "
        f"width={picture.width} height={picture.height} loading=lazy alt='{text(question)} {text(answer)}'></label>"
        f"<figcaption>{damaged}<div class=q>{_asked(question)}</div><div class=a>{shown}</div>"
        f"<details><summary>Evidence</summary><pre>{text(_evidence(row))}</pre></details>"
        f"<div class=id>{text(row['subtask'])} · {frame}<br>{text(row['id'])}{proof.of_row(row['id'])}</div>"
        "</figcaption></figure>"
    )


def _asked(question: str) -> str:
    """The question, and in lighter type what it says of the answer's format."""
    end = question.rfind("?") + 1 or question.find(". ") + 1 or len(question)
    return f"{text(question[:end])}<span>{text(question[end:])}</span>"


def _evidence(row: Mapping[str, Any]) -> str:
    """The evidence, a line a key; as it stands where it is no JSON object."""
    raw = str(row.get("evidence") or "none")
    try:
        items = dict(json.loads(raw))
    except (ValueError, TypeError):
        return raw
    return "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in items.items()) or "none"


def encode(picture: Image.Image, limit: int = _BYTES) -> bytes:
    """The picture as WebP of at most `limit` bytes: first quality gives way, then size."""
    for quality in (84, 74, 62, 48):
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=4)
        if buffer.tell() <= limit:
            return buffer.getvalue()
    return encode(picture.resize((max(picture.width * 3 // 4, 1), max(picture.height * 3 // 4, 1))), limit)


def _language(manifest: Mapping[str, Any]) -> str:
    """How varied the questions are, by task; which wordings there are; who said them in other words."""
    told, rewriting = manifest.get("language") or {}, manifest.get("rewriting")
    if not told:
        return ""
    lines = [
        f"<tr><td class=k>{text(task)}</td><td class=n data-k='distinct questions'>{of['distinct_questions']:,}</td>"
        + "".join(f"<td class=n data-k='distinct-{n}'>{of[f'distinct_{n}']:.3f}</td>" for n in (1, 2, 3))
        + f"<td class=n data-k=wordings>{of['wordings']:,}</td>"
        f"<td class=n data-k='commonest wording'>{of['commonest_wording']:.1%}</td></tr>"
        for task, of in told.items()
    ]
    heads = "<th>Task<th class=n>Distinct questions<th class=n>Distinct-1<th class=n>Distinct-2<th class=n>Distinct-3"
    wordings = [
        f"<tr><td class=k>{text(subtask)}</td><td class=n>{n / sum(of.values()):.1%}</td><td>{text(wording)}</td></tr>"
        for subtask, of in (manifest.get("counts") or {}).get("wordings", {}).items()
        for wording, n in sorted(of.items(), key=lambda item: (-item[1], item[0]))
    ]
    each = _table("<th>Subtask<th class=n>Share<th>Wording", wordings)
    return (
        "<h2 id=language>Language</h2><p class=soft>Distinct-n: different sequences of n words over all of them, each "
        f"different question counted once.</p>{_rewriting(rewriting)}"
        + _table(heads + "<th class=n>Wordings<th class=n>Commonest wording", lines)
        + f"<details><summary>Share of each wording</summary>{each}</details>"
    )


def _rewriting(told: Mapping[str, Any] | None) -> str:
    if not told:
        return ""
    turned_down = ", ".join(f"{text(reason)} {n:,}" for reason, n in sorted(told["rejected"].items())) or "none"
    return (
        f"<p>Rewritten by <code>{text(told['model'])}</code>: {told['rows']['rewritten']:,} questions, "
        f"{told['rows']['kept']:,} kept as they were. {told['accepted']:,} paraphrases of {told['wordings']:,} "
        f"wordings passed; turned down: {turned_down}.</p>"
    )


def _skips(skips: Mapping[str, Mapping[str, int]]) -> str:
    lines = [
        f"<tr><td class=k>{text(stage)}</td><td class=n>{int(n):,}</td><td><code>{text(reason)}</code></td>"
        f"<td>{text(explain(reason))}</td></tr>"
        for stage, reasons in skips.items()
        for reason, n in sorted(reasons.items(), key=lambda item: (-int(item[1]), item[0]))
        if n
    ]
    heads = "<th>Stage<th class=n>Count<th>Reason<th>What it means"
    said = "What is doubtful is not asked. Every such case is counted here." if lines else "Nothing was left out."
    return f"<h2 id=skips>What was not asked, and why</h2><p class=soft>{said}</p>" + _table(heads, lines)


def _table(heads: str, lines: Iterable[str]) -> str:
    lines = list(lines)
    if not lines:
        return ""
    more = f"<p class=soft>{len(lines) - _MANY:,} more are in manifest.json.</p>" if len(lines) > _MANY else ""
    rows = "".join(lines[:_MANY])
    return (
        f"<div class=scroll><table class=stack><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{more}"
    )


def _worlds(layouts: Sequence[Mapping[str, Any]]) -> str:
    """Where up is in each layout, the doubtful ones first."""

    def confidence(layout: Mapping[str, Any]) -> float:
        return float((layout.get("world") or {}).get("confidence") or 0)

    lines = []
    for layout in sorted(layouts, key=lambda one: (confidence(one), str(one.get("key")))):
        world = layout.get("world") or {"source": "none", "note": "No source was sure of up."}
        sure = min(max(confidence(layout), 0.0), 1.0)
        objects = layout.get("objects", "")
        lines.append(
            f"<tr><td class=k><code>{text(layout.get('key', ''))}</code></td>"
            f"<td class=n data-k=images>{text(layout.get('frames', ''))}</td>"
            f"<td class=n data-k=objects>{text(len(objects) if isinstance(objects, list) else objects)}</td>"
            f"<td data-k=source>{text(world.get('source', ''))}</td>"
            f"<td class=k><span class=sure><i style='width:{100 * sure:.0f}%'></i></span>{sure:.2f}</td>"
            f"<td>{text(world.get('note') or '')}</td></tr>"
        )
    known = sum(1 for layout in layouts if layout.get("world"))
    said = (
        f"Up is known in {known:,} of {len(layouts):,} layouts; the least certain come first."
        if layouts
        else "Not stated."
    )
    heads = "<th>Layout<th class=n>Images<th class=n>Objects<th>Source<th>Confidence<th>Note"
    table = _table(heads, lines)
    if len(lines) > 12:
        table = f"<details><summary>All layouts</summary>{table}</details>"
    return f"<h2 id=up>Where up is</h2><p class=soft>{said}</p>{table}"


def _made(manifest: Mapping[str, Any]) -> str:
    facts = {key: manifest[key] for key in ("bopask", "command", "seed", "source", "licence") if key in manifest}
    lines = "".join(f"<tr><td class=k>{text(k)}</td><td>{text(v)}</td></tr>" for k, v in facts.items())
    parts = [f"<h2 id=made>How it was made</h2><div class=scroll><table><tbody>{lines}</tbody></table></div>"]
    for key, title in (("config", "Configuration"), ("versions", "Versions"), ("inputs", "Inputs and their SHA-256")):
        value = manifest.get(key)
        if not value:
            continue
        shown = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True).splitlines()
        rest = [f"… {len(shown) - 600:,} more lines in manifest.json"] if len(shown) > 600 else []
        parts.append(
            f"<details><summary>{title}</summary><pre>{text(chr(10).join(shown[:600] + rest))}</pre></details>"
        )
    return "".join(parts)
