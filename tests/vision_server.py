"""A vision model that knows the answers, behind tests/chat_server.py: it speaks a dialect, and is as bad as wanted.

It knows a row by the picture and the question it is sent, so a right score needs the right picture, the whole
question and the right reading of the reply.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chat_server import Said

from bopask.bench.baselines import exact
from bopask.bench.dataset import DataSet
from bopask.bench.dialects import Dialect, dialect_named
from bopask.bench.inspect_task import prompt

BABBLE = "The object is somewhere on the table, I believe."


def shown(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Oracle:
    """Answers what it is asked. Every `busy`-th new question gets a 429 first, and so on; 0: never."""

    data: DataSet
    dialect: str
    busy: int = 0
    broken: int = 0
    """A body that is no completion."""
    babbling: int = 0
    """A reply without an answer: it stays so."""
    slow: int = 0
    """Never answers the first time."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests, by row."""
    answered: Counter[str] = field(default_factory=Counter)
    """Replies, by row."""

    def __post_init__(self) -> None:
        self.rows = {self._key(row): row for row in self.data.rows()}
        self.order: dict[str, int] = {}

    @property
    def speaks(self) -> Dialect:
        return exact(dialect_named(self.dialect))

    def _key(self, row: Mapping[str, Any]) -> tuple[str, str]:
        return shown(self.data.picture(row).data), prompt(row, dialect_named(self.dialect))

    def __call__(self, body: dict[str, Any], earlier: int) -> Said:
        row = self.rows[self._seen(body)]
        number = self.order.setdefault(row["id"], len(self.order) + 1)
        self.asked[row["id"]] += 1
        if self.asked[row["id"]] == 1:
            if self.busy and number % self.busy == 0:
                return Said(status=429, raw=b'{"error": {"message": "slow down"}}', headers={"retry-after": "0"})
            if self.broken and number % self.broken == 1:
                return Said(raw=b'{"choices": "none"}')
            if self.slow and number % self.slow == 2:
                return Said(wait=True)
        self.answered[row["id"]] += 1
        return Said(BABBLE if self.babbles(row["id"]) else self.reply(row))

    def babbles(self, id: str) -> bool:
        return bool(self.babbling) and int(id, 16) % self.babbling == 0

    def reply(self, row: Mapping[str, Any]) -> str:
        answer = row["answer_points"] if row["answer_points"] else row["answer"] == "Yes"
        return self.speaks.write(answer, row["task"], row["width"], row["height"])

    def _seen(self, body: Mapping[str, Any]) -> tuple[str, str]:
        parts = body["messages"][-1]["content"]
        image = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        text = next(part["text"] for part in parts if part["type"] == "text")
        assert len(body["messages"]) == 1, json.dumps(body)[:300]
        return shown(base64.b64decode(image.partition(",")[2])), text
