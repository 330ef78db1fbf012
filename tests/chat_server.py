"""An OpenAI-style chat server in this process: answers as it is told, counts what it is asked, and never sleeps."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG = object()
"""A reply that never comes: the client has to give up."""


@dataclass
class Chat:
    """`answer(n, body)` gives the n-th request's reply: a text, an HTTP status, raw bytes, or HANG."""

    answer: Callable[[int, dict[str, Any]], Any]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def chat(answer: Callable[[int, dict[str, Any]], Any]) -> Iterator[Chat]:
    talk = Chat(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with talk.lock:
                talk.bodies.append(body)
                reply = talk.answer(len(talk.bodies) - 1, body)
            if reply is HANG:
                talk.released.wait()
                return
            status, content = 200, reply
            if isinstance(reply, int):
                status, content = reply, b'{"error": {"message": "no"}}'
            elif isinstance(reply, str):
                content = json.dumps(completion(reply)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    talk.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield talk
    finally:
        talk.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def completion(text: str) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
