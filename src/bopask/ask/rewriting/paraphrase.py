"""Paraphrases: wordings go to a language model with examples, and what passes the validator comes back.

The prompt is the paper's: the task's type, the objects as slots, in-context examples. One request gives several
paraphrases of one wording, which serve thousands of rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bopask.ask.rewriting.validate import faults
from bopask.ask.rewriting.wording import SLOTS, Wording, wording_of
from bopask.models.ask import Answer, Asker, Request
from bopask.rng import rng_for

PROMPT = """You rewrite questions of a robot vision data set in natural, varied English.

Task type: {task}
{objects}

Rules: keep the meaning exactly. Keep {slots} as written, each after the word "the", never as a possessive. Keep the \
words that state the relation and whose point of view is meant. Keep numbers. A yes/no question stays a yes/no \
question. Do not mention any other object, do not negate, do not say how to answer. One or two plain sentences each.

Other ways in which this is asked:
{examples}

Write {n} different paraphrases of:
{body}

Reply with JSON: {{"paraphrases": ["…"]}}"""
TASKS: Mapping[str, str] = {
    "cuboid": "pose: the corners of the cuboid around an object",
    "parallel_jaw": "grasp: how a parallel gripper takes an object without touching others",
    "carry": "trajectory: a collision-free path of one object to just above another",
    "first": "rearrangement: the one object that must be moved first before another can be grasped",
    "all": "rearrangement: all objects that must be moved before another can be grasped",
    "any": "rearrangement: one object, of several possible, whose removal makes another graspable",
    "set": "rearrangement: a smallest set of objects whose removal makes another graspable",
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"paraphrases": {"type": "array", "items": {"type": "string"}}},
    "required": ["paraphrases"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Judged:
    """What became of the paraphrases of one wording."""

    accepted: tuple[str, ...]
    """Bodies with slots."""
    rejected: Mapping[str, int]
    """By the first reason found."""


@dataclass(frozen=True)
class Asking:
    """A wording to rewrite. `phrases` fill its slots in the prompt; () sends the slots themselves."""

    subtask: str
    template: str
    phrases: tuple[str, ...] = ()

    @property
    def wording(self) -> Wording:
        return wording_of(self.template)


@dataclass(frozen=True)
class Paraphraser:
    """Asks for `n` paraphrases of each wording, showing `examples` others of its subtask."""

    asker: Asker
    n: int = 6
    examples: int = 4
    seed: int = 0

    def paraphrase(
        self,
        askings: Sequence[Asking],
        templates: Mapping[str, Sequence[str]],
        nouns: Sequence[str],
        done: Callable[[int, Answer[Judged]], None] = lambda index, answer: None,
    ) -> list[Answer[Judged]]:
        """What came of each wording.

        Args:
            templates: those of each subtask, to draw examples from.
            nouns: names of objects that a paraphrase may not bring in.
        Raises:
            ModelError: the model does not work; what it said until then is kept.
        """
        requests = [Request(self.prompt(a, templates[a.subtask]), self.check(a, nouns), None, SCHEMA) for a in askings]
        return self.asker.ask_each(requests, done)

    def prompt(self, asking: Asking, others: Sequence[str]) -> str:
        wording = asking.wording
        names = dict(zip(SLOTS, asking.phrases, strict=False)) or {slot: f"{{{slot}}}" for slot in SLOTS}
        rest = sorted(set(others) - {asking.template})
        order = rng_for(self.seed, "examples", f"{asking.subtask}/{asking.template}").permutation(len(rest))
        shown = [wording_of(rest[i]).body.format(**names) for i in order[: self.examples]]
        slots = [names[slot] for slot in wording.slots]
        return PROMPT.format(
            task=TASKS.get(asking.subtask, f"yes/no question about a relation between objects ({asking.subtask})"),
            objects="\n".join(
                f"Object {slot.upper()}: {name}" for slot, name in zip(wording.slots, slots, strict=True)
            ),
            slots=" and ".join(slots),
            examples="\n".join(f"- {example}" for example in shown) or "- (none)",
            n=self.n,
            body=wording.body.format(**names),
        )

    def check(self, asking: Asking, nouns: Sequence[str]) -> Callable[[Any], Judged]:
        """Judges a reply; one of which nothing can be used is sent back."""

        def judge(reply: Any) -> Judged:
            said = reply.get("paraphrases") if isinstance(reply, dict) else None
            if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
                raise ValueError('the reply has no "paraphrases", a list of texts')
            judged = judge_all([with_slots(one, asking.phrases) for one in said[: self.n]], asking, nouns)
            if not judged.accepted:
                raise ValueError(f"no paraphrase keeps to the rules ({', '.join(judged.rejected) or 'none given'})")
            return judged

        return judge


def judge_all(said: Sequence[str], asking: Asking, nouns: Sequence[str]) -> Judged:
    """Those that pass, and of the others the first thing that is wrong with each."""
    accepted: list[str] = []
    rejected: Counter[str] = Counter()
    for one in said:
        one = one.strip().replace("’", "'")
        wrong = next(faults(one, asking.wording, asking.subtask, nouns), "")
        if not wrong and one in (asking.wording.body, *accepted):
            wrong = "repeated"
        if wrong:
            rejected[wrong] += 1
        else:
            accepted.append(one)
    return Judged(tuple(accepted), dict(rejected))


def with_slots(said: str, phrases: Sequence[str]) -> str:
    """Phrases, verbatim, become their slots: the longest first, for one may lie within another."""
    numbered = sorted(zip(SLOTS, phrases, strict=False), key=lambda pair: -len(pair[1]))
    for slot, phrase in numbered:
        said = re.sub(rf"\b([Tt]he) {re.escape(phrase)}(?!\w)", rf"\1 {{{slot}}}", said)
    return said
