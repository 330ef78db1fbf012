"""The process behind `bopask review OUT`: opens data and store, prints the address, serves until stopped."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bopask.errors import InputError, MissingExtra
from bopask.review.events import Events, store_of
from bopask.review.guard import Pass, pass_for
from bopask.review.table import read_table
from bopask.store.dataset import bop_root_or, read_manifest


@dataclass(frozen=True)
class Request:
    """What to review, and where to serve the page."""

    out: Path
    bop: Path | None = None
    """None: where the manifest says that the data came from."""
    host: str = "127.0.0.1"
    port: int = 8765
    """0: any that is free."""
    annotator: str = ""


def serve(request: Request) -> None:
    """Serves until interrupted.

    Raises:
        InputError: OUT is no data set, or the address cannot be had.
        MissingExtra: the web framework is not installed.
    """
    try:
        import uvicorn

        from bopask.review.app import Desk, application
    except ImportError as error:
        raise MissingExtra("starlette or uvicorn", "review") from error
    root = bop_root_or(request.bop, request.out)
    table, events = read_table(request.out), Events(store_of(request.out, root))
    desk = Desk(table, events, read_manifest(request.out), root, request.annotator)
    must = pass_for(request.host, [socket.gethostname().lower()])
    listening = listen(request.host, request.port)
    print(f"{len(table):,} rows; what you say is kept in {events.path}", flush=True)
    print(f"Review: {address(listening, request.host, must)}   (stop with Ctrl-C)", flush=True)
    config: dict[str, Any] = {"log_level": "warning", "access_log": False, "ws": "none", "lifespan": "off"}
    uvicorn.Server(uvicorn.Config(application(desk, must), server_header=False, **config)).run(sockets=[listening])
    events.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        InputError: the address cannot be had.
    """
    try:
        family, kind, proto, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen()  # before the address is printed: whoever opens it at once waits instead of failing
    except OSError as error:
        raise InputError(
            f"{host}:{port}", f"cannot be served on ({error.strerror or error})", "Give another --port"
        ) from error
    return listening


def address(listening: socket.socket, host: str, must: Pass) -> str:
    """What to open in a browser."""
    shown = socket.gethostname() if not must.hosts else f"[{host}]" if ":" in host else host
    token = f"/?token={must.token}" if must.token else "/"
    return f"http://{shown}:{listening.getsockname()[1]}{token}"
