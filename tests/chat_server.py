"""A model on the loopback: an OpenAI-style chat server that answers as a test tells it, and counts what it is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    """Never answers, until the test is over: the client has to give up."""


@dataclass
class Served:
    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """The requests, in order."""

    @property
    def prompts(self) -> list[str]:
        """The first message of each request."""
        return [first_text(body["messages"]) for body in self.bodies]


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    """Connections that wait to be taken: five, the default, make a busy client wait for seconds."""


@contextmanager
def serving(reply: Callable[[dict[str, Any], int], Said]) -> Iterator[Served]:
    """Serves `reply(request, number of earlier requests)` until the block ends."""
    served = Served("")
    over, lock = threading.Event(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                served.bodies.append(body)
                said = reply(body, len(served.bodies) - 1)
            if said.wait:
                over.wait()
                return
            content = said.raw if said.raw is not None else json.dumps(completion(said.text)).encode()
            self.send_response(said.status)
            for name, value in {"Content-Type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield served
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
