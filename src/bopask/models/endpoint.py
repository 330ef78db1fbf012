"""A vision-language model behind an OpenAI-style chat endpoint: text and one image in, text out.

Knows HTTP, retries and a cache; knows nothing of what is asked. Works with any server that speaks
POST <base_url>/chat/completions (OpenAI, vLLM, llama.cpp, …): https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bopask.errors import InputError, MissingExtra
from bopask.store.files import key_of, write_json

LONGEST_WAIT_S = 60.0


class EndpointError(InputError):
    """The endpoint cannot be reached, refuses, or answers something else than a completion."""


@dataclass(frozen=True)
class ChatEndpoint:
    """One model of one server. Answers are cached by content, so that a rerun asks nothing."""

    base_url: str
    """Up to and without /chat/completions, as 'http://127.0.0.1:8000/v1'."""
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; none is sent when it is empty, as local servers like it."""
    timeout_s: float = 120.0
    retries: int = 5
    """More tries after the first, on 429, 5xx and broken connections, waiting 1, 2, 4, … s or as the server asks."""
    cache: Path | None = field(default=None, repr=False)
    """Folder of answers, one file a question; None asks every time."""
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False, compare=False)

    def ask(self, text: str, image_png: bytes) -> str:
        """The model's answer to a text and a PNG image, at temperature 0.

        Raises:
            EndpointError: unreachable, refused, or not a completion, after the retries.
            MissingExtra: httpx is not installed.
        """
        image = "data:image/png;base64," + base64.b64encode(image_png).decode()
        content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": image}}]
        body = {"model": self.model, "temperature": 0, "messages": [{"role": "user", "content": content}]}
        file = self._cache_file(body)
        if file and (kept := _read(file)) is not None:
            return kept
        answer = self._post(body)
        if file:
            write_json(file, {"answer": answer})
        return answer

    @property
    def url(self) -> str:
        return self.base_url.rstrip("/") + "/chat/completions"

    def _cache_file(self, body: dict[str, Any]) -> Path | None:
        return self.cache / f"{key_of(self.url, body)}.json" if self.cache else None

    def _post(self, body: dict[str, Any]) -> str:
        try:
            import httpx
        except ImportError as error:
            raise MissingExtra("httpx", "vlm") from error
        key = os.environ.get(self.api_key_env, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        wrong = ""
        with httpx.Client(timeout=self.timeout_s, headers=headers) as client:
            for attempt in range(self.retries + 1):
                wait = min(2.0**attempt, LONGEST_WAIT_S)
                try:
                    response = client.post(self.url, json=body)
                except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                    raise EndpointError(self.url, f"not a URL ({error})", "Give the base URL as http(s)://…") from error
                except httpx.TransportError as error:
                    wrong = f"cannot be reached ({type(error).__name__}: {error})"
                else:
                    if response.status_code == 200:
                        return self._text_of(response.content)
                    wrong = f"answered HTTP {response.status_code}: {response.text[:200]!r}"
                    if response.status_code != 429 and response.status_code < 500:
                        raise EndpointError(self.url, wrong, self._fix_of(response.status_code))
                    wait = min(_seconds(response.headers.get("Retry-After"), wait), LONGEST_WAIT_S)
                if attempt < self.retries:
                    self.sleep(wait)
        raise EndpointError(self.url, f"{wrong}, {self.retries + 1} times", "Check that the server runs, or try later")

    def _fix_of(self, status: int) -> str:
        if status in (401, 403):
            return f"Put a valid key into the environment variable {self.api_key_env}"
        return f"Check the base URL, and that the server knows a model '{self.model}' that sees images"

    def _text_of(self, content: bytes) -> str:
        try:
            text = json.loads(content)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str):
            wrong = f"the answer is not an OpenAI-style chat completion: {content[:200]!r}"
            raise EndpointError(self.url, wrong, "Check that the base URL is that of a chat server")
        return text


def _seconds(header: str | None, otherwise: float) -> float:
    """Retry-After in seconds; its other form, a date, is not worth a clock."""
    try:
        return max(0.0, float(header or ""))
    except ValueError:
        return otherwise


def _read(file: Path) -> str | None:
    try:
        answer = json.loads(file.read_text(encoding="utf-8"))["answer"]
    except (OSError, ValueError, KeyError, TypeError):  # absent, or damaged: ask again
        return None
    return answer if isinstance(answer, str) else None
