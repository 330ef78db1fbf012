"""A model on the loopback: an OpenAI-style chat server whose replies a test writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple


class Said(NamedTuple):
    """A reply: its text (put into a completion) or, raw, the whole body."""

    text: str = ""
    status: int = 200
    raw: bytes | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    wait: bool = False
    """Never answers, until the test is over."""


class Served(NamedTuple):
    url: str
    prompts: list[str]
    """The last user message of each request, in order."""


@contextmanager
def serving(reply: Callable[[str, int], Said]) -> Iterator[Served]:
    """Serves `reply(prompt, number of earlier requests)` until the block ends."""
    prompts: list[str] = []
    over, lock = threading.Event(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                prompt, number = first_text(request["messages"]), len(prompts)
                prompts.append(prompt)
                said = reply(prompt, number)
            if said.wait:
                over.wait()
                return
            body = said.raw if said.raw is not None else json.dumps(completion(said.text)).encode()
            self.send_response(said.status)
            for name, value in {"Content-Type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_port}/v1", prompts)
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def first_text(messages: list[dict[str, Any]]) -> str:
    content = messages[0]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
