"""The dialects by name, and which model speaks which. Sources of every line: docs/dialects.md."""

from __future__ import annotations

import re
from dataclasses import replace

from bopask.ask.grasp import NAMES as GRASP_LABELS
from bopask.bench.dialects.dialect import Dialect
from bopask.bench.dialects.forms import Boxes, Lists, Objects, Tags
from bopask.bench.dialects.frames import FittedPixels, Pixels, Share, SmartPixels
from bopask.bench.dialects.parsed import Parsed
from bopask.errors import InputError

SQUARE = Lists("[", "]")
ROUND = Lists()
LABELLED = "Write " + ", ".join(f"{name}: [x, y]" for name in GRASP_LABELS)
IN_PIXELS = "in pixels of the {width}x{height} image, where [0, 0] is its top-left pixel"
IN_UNITS = (
    "The coordinates should be between 0 and 1, indicating the normalized pixel locations of the points in the image."
)
TUPLES = (
    "Your answer should be formatted as a list of tuples, i.e. [(x1, y1), (x2, y2), ...], where each tuple contains the"
    " x and y coordinates of a point. "
)
PIXEL_LIST = Dialect(
    "pixels", SQUARE, Pixels(), f"Write [[x, y], [x, y], ...] {IN_PIXELS}.", how_grasp=f"{LABELLED}, {IN_PIXELS}."
)
CLAUDE = replace(PIXEL_LIST, name="claude", frame=FittedPixels())
QWEN_JSON = (
    "Point to each of them and report the point coordinates in JSON format like this:"
    ' [{"point_2d": [x, y], "label": "..."}, ...]'
)

_ALL = (
    replace(PIXEL_LIST, name="bopask"),
    Dialect("unit", ROUND, Share(1, 3), TUPLES + IN_UNITS, how_grasp=f"{LABELLED}. {IN_UNITS}"),
    Dialect(
        "molmo",
        Tags(),
        Share(100, 1),
        'Point to each of them, as <points x1="..." y1="..." x2="..." y2="..." alt="...">...</points> in percent of the'
        " image's width and height.",
    ),
    Dialect(
        "qwen2-vl",
        Boxes("<|box_start|>", "<|box_end|>", Lists(outer=False, labelled=False)),
        Share(1000, 0),
        "Write every point as (x,y), as in (221,423),(569,886), with integers from 0 to 1000, relative to the image's"
        " width and height.",
    ),
    Dialect(
        "qwen2.5-vl",
        Objects("point_2d", "bbox_2d", plain=True),
        SmartPixels(),
        f"{QWEN_JSON}, in absolute pixel coordinates.",
    ),
    Dialect(
        "qwen3-vl",
        Objects("point_2d", "bbox_2d", plain=True),
        Share(1000, 0),
        f"{QWEN_JSON}, in relative coordinates from 0 to 1000.",
    ),
    Dialect(
        "gemini",
        Objects("point", "box_2d", swapped=True),
        Share(1000, 0),
        'The answer should follow the json format: [{"point": [y, x], "label": "..."}, ...]. The points are in [y, x]'
        " format normalized to 0-1000.",
    ),
    Dialect(
        "internvl",
        Boxes("<box>", "</box>", replace(SQUARE, labelled=False), tokens=True),
        Share(1000, 0),
        "Write <box>[[x1, y1, x2, y2], ...]</box> with integers from 0 to 1000, relative to the image's width and"
        " height: for each point the smallest box round it.",
    ),
    Dialect("roborefer", replace(ROUND, labelled=False), Share(1, 3), TUPLES + IN_UNITS),
    CLAUDE,
    replace(CLAUDE, name="claude-high", frame=FittedPixels(2576, 4784)),
    PIXEL_LIST,
)
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}
"""Every dialect by its name, which is what `--dialect` takes."""
COMMON = "unit"
"""The one that every model is asked in when models are compared in a common format."""

MODELS: tuple[tuple[str, str], ...] = (
    (r"bop-?ask|^human$", "bopask"),
    (r"robo-?(?:refer|point)", "roborefer"),
    (r"molmo(?!-?2)", "molmo"),
    (r"qwen-?3(?:\.\d)?-?vl", "qwen3-vl"),
    (r"qwen-?2\.5-?vl", "qwen2.5-vl"),
    (r"qwen-?2-?vl", "qwen2-vl"),
    (r"gemini", "gemini"),
    (r"intern-?vl", "internvl"),
    (r"n?vila|llava|spacellava", "unit"),
    (r"claude-(?:[a-z]+-)?(?:4[-.][7-9]|[5-9])(?![0-9])", "claude-high"),
    (r"claude", "claude"),
    (r"\bgpt-|\bo[134](?:-|$)|chatgpt", "pixels"),
)
"""Patterns in model names, the first that is found decides. Names are compared in lower case, with '_' as '-'."""


def dialect_for(model: str) -> Dialect:
    """The dialect of a model, by its name: 'openai/gpt-5', 'vllm/Qwen/Qwen2.5-VL-3B-Instruct'.

    Raises:
        InputError: no pattern fits; a dialect is declared, never guessed.
    """
    name = model.lower().replace("_", "-")
    for pattern, dialect in MODELS:
        if re.search(pattern, name):
            return DIALECTS[dialect]
    known = ", ".join(DIALECTS)
    raise InputError(model, "how this model writes points is not known", f"Say it with --dialect, one of: {known}")


def dialect_named(name: str) -> Dialect:
    """The dialect that `--dialect` names.

    Raises:
        InputError: there is none of that name.
    """
    if name not in DIALECTS:
        raise InputError(name, "there is no such dialect", f"Choose with --dialect one of: {', '.join(DIALECTS)}")
    return DIALECTS[name]


def read(reply: str, task: str, width: int, height: int, dialect: Dialect | None = None, guess: bool = False) -> Parsed:
    """A reply in the declared dialect; with `guess`, in whichever one it looks like, which the notes say.

    Raises:
        InputError: no dialect is declared and none may be guessed.
    """
    if guess:
        looked = guess_dialect(reply)
        parsed = looked.parse(reply, task, width, height)
        return replace(parsed, notes=(f"guessed:{looked.name}", *parsed.notes))
    if dialect is None:
        raise InputError("reply", "no dialect is declared", "Say it with --dialect, or let it be guessed with --guess")
    return dialect.parse(reply, task, width, height)


def guess_dialect(reply: str) -> Dialect:
    """What a reply looks like. For a look at foreign replies; scores of guessed dialects are not comparable."""
    signs = (
        (r"<points?\s", "molmo"),
        (r"<box>", "internvl"),
        (r"<\|box_start\|>", "qwen2-vl"),
        (r"[\"'](?:point|box_2d)[\"'] {0,4}:", "gemini"),
        (r"[\"'](?:point_2d|bbox_2d)[\"'] {0,4}:[^\]]{0,40}[0-9]{4}", "qwen2.5-vl"),
        (r"[\"'](?:point_2d|bbox_2d)[\"'] {0,4}:", "qwen3-vl"),
        (r"^\([0-9]{1,4},[0-9]{1,4}\)(?:,\(|$)", "qwen2-vl"),
        (r"[\[(] {0,4}(?:0?\.[0-9]|[01](?:\.0{0,9})? {0,4},)", "unit"),
    )
    return DIALECTS[next((name for pattern, name in signs if re.search(pattern, reply)), "pixels")]
