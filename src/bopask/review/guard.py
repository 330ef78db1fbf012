"""Who may ask and who may write. Plain ASGI, before every route.

- Only under a host name of ours: a page of another site that has its name point here (DNS rebinding) gets nothing.
- Beyond loopback only with the token, which is in the printed address and then in a cookie.
- No write without the page's own secret in a header: another site can neither read it nor send such a header.
- Every reply forbids the browser to run, load or frame anything that is not ours.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE, HEADER = "bopask_review", "x-bopask-review"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
LARGE = 1 << 20
"""Bytes of a write, at most."""
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True)
class Pass:
    """What a request must show."""

    hosts: frozenset[str]
    """Names in the Host header, without port; empty: any, because the token is asked for."""
    token: str = ""
    """'' on loopback."""
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))


def pass_for(host: str, names: Iterable[str] = ()) -> Pass:
    """Loopback needs no token; any other address does, and a wildcard one is known by no name."""
    if is_loopback(host):
        return Pass(frozenset(LOOPBACK))
    wild = host in ("", "0.0.0.0", "::")
    bracketed = f"[{host}]" if ":" in host else host
    hosts = frozenset() if wild else frozenset({*LOOPBACK, bracketed, *names})
    return Pass(hosts, secrets.token_urlsafe(24))


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Guard:
    app: ASGIApp
    must: Pass

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self.refused(Request(scope))
        await (refused or self.app)(scope, receive, sealed)

    def refused(self, request: Request) -> Response | None:
        """The reply to a request that does not show what it must; None lets it through."""
        host = _name_of(request.headers.get("host", ""))
        if self.must.hosts and host not in self.must.hosts:
            return _no(421, "This is not the address of this page.")
        if self.must.token and not _same(request.cookies.get(COOKIE, ""), self.must.token):
            if request.method == "GET" and _same(request.query_params.get("token", ""), self.must.token):
                enter = RedirectResponse("/", 303)
                enter.set_cookie(COOKIE, self.must.token, httponly=True, samesite="strict", path="/")
                return enter
            return _no(401, "Open the address with the token that `bopask review` printed.")
        return None if request.method in ("GET", "HEAD") else self._may_not_write(request.headers)

    def _may_not_write(self, headers: Headers) -> Response | None:
        if not _same(headers.get(HEADER, ""), self.must.secret):
            return _no(403, "The page is of an earlier start of the server.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
            return _no(403, "Another site may not write here.")
        if not headers.get("content-type", "").startswith("application/json"):
            return _no(415, "A write is JSON.")
        length = headers.get("content-length", "")
        return _no(413, "That is too long.") if not length.isdecimal() or int(length) > LARGE else None


def _name_of(host: str) -> str:
    """A Host header without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _no(status: int, why: Any) -> Response:
    return JSONResponse({"error": why}, status)
