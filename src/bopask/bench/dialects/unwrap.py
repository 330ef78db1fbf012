"""What is packed round an answer: thoughts, answer tags, code fences, end-of-text tokens.

Everything here searches with `str.find` or with patterns without nested repetition: linear in the length of the reply.
"""

from __future__ import annotations

import re
from typing import NamedTuple

THOUGHT = re.compile(r"<(/?)(?:think|thinking|thought|thoughts|reasoning)>", re.I)
ANSWER = re.compile(r"<(/?)answer>", re.I)
END = re.compile(r"<\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end|eos)\|>|</s>|<s>|<eos>|<end_of_turn>")


class Unwrapped(NamedTuple):
    """The answer's own text, what was noticed on the way, and whether the reply stops inside its thoughts."""

    text: str
    notes: tuple[str, ...] = ()
    unfinished: bool = False
    rivals: tuple[str, ...] = ()
    """Further answers, in tags of their own, that say something else than `text`."""


def unwrap(reply: str) -> Unwrapped:
    """The answer inside its wrappers, from the outside in: thoughts, answer tags, one code fence."""
    if "<" not in reply and "`" not in reply:  # nearly all replies of models that were told a format
        return Unwrapped(reply)
    text = END.sub(" ", reply) if "<|" in reply or "s>" in reply or "_turn>" in reply else reply
    text, unfinished = _after_thoughts(text)
    if unfinished:
        return Unwrapped("", ("unfinished_thoughts",), True)
    text, rivals, notes = _inside_answer(text)
    text, fence = _inside_fence(text)
    return Unwrapped(text, notes + fence, False, rivals)


def _after_thoughts(text: str) -> tuple[str, bool]:
    """What follows the last thoughts. Chat templates may open them in the prompt, so a lone closing tag counts."""
    end, opened = 0, False
    for tag in THOUGHT.finditer(text):
        opened = not tag[1]
        end = end if opened else tag.end()
    return text[end:], opened


def _inside_answer(text: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The inside of the last <answer>, and those of others that differ; the whole text where there is none."""
    answers, start = list[str](), -1
    for tag in ANSWER.finditer(text):
        if not tag[1]:
            start = tag.end()
        elif start >= 0:
            answers.append(text[start : tag.start()])
            start = -1
    if start >= 0:
        return text[start:], _others(answers, text[start:]), ("unclosed_answer",)
    if not answers:
        return text, (), ()
    return answers[-1], _others(answers[:-1], answers[-1]), ()


def _others(answers: list[str], chosen: str) -> tuple[str, ...]:
    words = chosen.split()
    return tuple({a for a in answers if a.split() != words and a.strip()})


def _inside_fence(text: str) -> tuple[str, tuple[str, ...]]:
    """The inside of the only code fence; the whole text where there is none, or where there are several."""
    first = text.find("```")
    if first < 0 or text.count("```") > 2:
        return text, ()
    second = text.find("```", first + 3)
    inside = text[first + 3 : second] if second >= 0 else text[first + 3 :]
    line, newline, rest = inside.partition("\n")
    inside = rest if newline and (line.strip().isalnum() or not line.strip()) else inside
    if not inside.strip():
        return text, ()
    return inside, () if second >= 0 else ("unclosed_fence",)
