"""The benchmark as a task of inspect_ai: `inspect eval bopask/core -T data=OUT --model PROVIDER/MODEL`.

    Sample       a row: its question, its id, and the columns that say what it is about
    ask          the picture, and the question in the words of the model's dialect; the reply is kept as it comes
    headline     the reply parsed in that dialect, and the headline score of the row's task

Found by inspect through the entry point `inspect_ai` of this package. `bopask eval` runs the same task.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, Content, ContentImage, ContentText
from inspect_ai.scorer import Score, Scorer, Target, grouped, mean, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from bopask.bench.dataset import DataSet
from bopask.bench.dialects import COMMON, Dialect, Status, ask_in, dialect_for, dialect_named, read
from bopask.bench.scores import HEADLINE, SCORES, WITHOUT_SCENE
from bopask.bench.scoring import READ, reply_of
from bopask.errors import InputError

FORMATS = ("native", "common")
__all__ = ["Asking", "core", "task_of"]


@dataclass(frozen=True)
class Asking:
    """How a model is asked."""

    dialect: str = ""
    """'': what is known of the model."""
    format: str = "native"
    """'native': in the model's own dialect. 'common': every model in the same one."""
    blind: bool = False
    """Without the picture."""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise InputError(f"--format {self.format}", "is not known", f"Choose one of: {', '.join(FORMATS)}")
        if self.format == "common" and self.dialect not in ("", COMMON):
            raise InputError("--dialect", f"is {self.dialect}; the common format is {COMMON}", "Leave one of them out")

    def dialect_of(self, model: str) -> Dialect:
        """Raises InputError where it is neither declared nor known."""
        if self.format == "common":
            return dialect_named(COMMON)
        return dialect_named(self.dialect) if self.dialect else dialect_for(model)


@task
def core(
    data: str = "", bop: str = "", dialect: str = "", format: str = "native", blind: bool = False, only: str = ""
) -> Task:
    """Questions of a data set folder.

    Args:
        data: the folder, as `bopask select` or `generate` wrote it.
        bop: the BOP folder; by default where the rows were made from.
        dialect: how the model writes points; by default what is known of it.
        format: 'native' or 'common'.
        blind: leave the picture out.
        only: this one of the six tasks.
    """
    if not data:
        raise InputError(
            "-T data", "is not given", "Give a data set folder, as in: inspect eval bopask/core -T data=OUT"
        )
    found = DataSet(Path(data), Path(bop) if bop else None)
    rows = (row for row in found.rows((*READ, "question", "image")) if only in ("", row["task"]))
    return task_of(found, rows, Asking(dialect, format, blind))


def task_of(
    data: DataSet,
    rows: Iterable[Mapping[str, Any]],
    asking: Asking,
    keep: Callable[[str, str], object] = lambda id, reply: None,
) -> Task:
    """The task over some rows; `keep` is given each id and reply as it comes."""
    by_id = {str(row["id"]): row for row in rows}
    samples = [
        Sample(input=str(row["question"]), target=str(row["answer"]), id=id, metadata=_about(row))
        for id, row in by_id.items()
    ]
    return Task(
        dataset=MemoryDataset(samples, name=data.out.name),
        solver=_ask(data, by_id, asking, keep),
        scorer=_headline(data, by_id, asking),
    )


def _about(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("dataset", "scene_id", "frame_id", "task", "subtask")}


def prompt(row: Mapping[str, Any], dialect: Dialect) -> str:
    """A row's question as a model of that dialect is asked it."""
    size = int(row["width"]), int(row["height"])
    return ask_in(str(row["question"]), dialect.instruction(row["task"], row["subtask"], *size))


def _ask(
    data: DataSet, by_id: Mapping[str, Mapping[str, Any]], asking: Asking, keep: Callable[[str, str], object]
) -> Solver:
    @solver(name="ask")  # without arguments: inspect writes those into its log
    def ask() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            row = by_id[str(state.sample_id)]
            content: list[Content] = [ContentText(text=prompt(row, asking.dialect_of(str(state.model))))]
            if not asking.blind:
                content.insert(0, ContentImage(image=_image(data, row)))
            state.messages = [ChatMessageUser(content=content)]
            state = await generate(state)
            keep(str(state.sample_id), state.output.completion)
            return state

        return solve

    return ask()


def _image(data: DataSet, row: Mapping[str, Any]) -> str:
    """A data URI, made when it is sent: the samples hold no pictures, nor does the log."""
    picture = data.picture(row)
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"


def _headline(data: DataSet, by_id: Mapping[str, Mapping[str, Any]], asking: Asking) -> Scorer:
    truths = data.truths()
    rules = HEADLINE if data.bop_root else WITHOUT_SCENE

    @scorer(metrics=[grouped(mean(), "task", all=False)], name="headline")
    def headline() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            row, text = by_id[str(state.sample_id)], state.output.completion
            size = int(row["width"]), int(row["height"])
            parsed = read(text, row["task"], *size, asking.dialect_of(str(state.model)))
            rule = SCORES[row["task"]][rules[row["task"]]]
            found = rule.one(truths.of(row), reply_of(parsed))
            said = None if parsed.status is Status.OK else f"not parsed: {parsed.status}"
            value = float("nan") if found.value is None else found.value
            return Score(value=value, answer=text, explanation=said, metadata={"score": rule.name, **found.detail})

        return score

    return headline()
