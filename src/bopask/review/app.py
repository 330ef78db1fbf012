"""The routes of the page. Reads are GET and change nothing; there are two writes: record, and undo."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bopask.errors import BopaskError
from bopask.nouns import Description
from bopask.review import agreement, objects
from bopask.review.choice import Choice
from bopask.review.events import Conflict, Events
from bopask.review.guard import Guard, Pass
from bopask.review.judgement import Refused, read_judgement, read_name, read_opinion, read_reply
from bopask.review.layers import asked, shown
from bopask.review.pictures import picture
from bopask.review.standing import Event, Mark
from bopask.review.table import Table
from bopask.view.words import TASKS

PAGE = {"/": ("index.html", "text/html"), "/review.js": ("review.js", "text/javascript")}
PAGE |= {
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/draw.js": ("draw.js", "text/javascript"),
    "/review.css": ("review.css", "text/css"),
}


class Json(Response):
    """NaN is null, as in any JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


@dataclass(frozen=True)
class Desk:
    """What the page is about: a data set, its pictures, and the events."""

    table: Table
    events: Events
    manifest: Mapping[str, Any]
    bop_root: Path | None
    annotator: str = ""
    """Whom the page proposes."""

    @cached_property
    def descriptions(self) -> dict[int, Description]:
        return objects.descriptions(self.manifest, self.bop_root)

    @cached_property
    def sightings(self) -> dict[int, list[objects.Sighting]]:
        return objects.sightings(self.table, str(self.manifest.get("split", "")), self.bop_root)

    @cached_property
    def stamp(self) -> str:
        """Names the pictures of this data set in addresses: another one's are never taken out of a browser's cache."""
        return hashlib.blake2b(
            orjson.dumps([self.manifest.get("fingerprint"), len(self.table)]), digest_size=6
        ).hexdigest()

    def row(self, id: str) -> dict[str, Any]:
        position = self.table.position(id)
        if position is None:
            raise HTTPException(404, "There is no such row.")
        return self.table.row(position)

    def picture_of(self, frame: int) -> str:
        return f"/picture?of={self.stamp}-{frame}"

    # -- reads ---------------------------------------------------------------------------------------------------

    def session(self, request: Request, must: Pass) -> dict[str, Any]:
        columns = self.table.columns
        kinds = zip(columns["task"].codes.tolist(), columns["subtask"].codes.tolist(), strict=True)
        subtasks: dict[str, list[str]] = {}
        for task, subtask in sorted(set(kinds)):
            subtasks.setdefault(columns["task"].values[task], []).append(columns["subtask"].values[subtask])
        return {
            "secret": must.secret,
            "name": " · ".join(str(self.manifest[key]) for key in ("dataset", "split") if self.manifest.get(key)),
            "rows": len(self.table),
            "tasks": self.table.facet("task"),
            "subtasks": subtasks,
            "datasets": self.table.facet("dataset"),
            "words": {name: {"title": words.title, "look": words.look} for name, words in TASKS.items()},
            "annotators": self.events.catch_up().annotators,
            "annotator": self.annotator,
        }

    def next(self, request: Request) -> dict[str, Any]:
        """The row after, before or (by=0) with an id, under the filters."""
        asked_for = request.query_params
        choice = Choice.of(asked_for)
        start = self.table.position(asked_for.get("from", ""))
        by = {"-1": -1, "0": 0}.get(asked_for.get("by", ""), 1)
        found = choice.step(self.table, self.events.catch_up(), start, by if start is not None else 1)
        position = found.pop("position")
        return found | {
            "row": None if position is None else self.view(position, choice),
            **self.steps(choice.annotator),
        }

    def view(self, position: int, choice: Choice) -> dict[str, Any]:
        """A row for one person. In answer mode: without its answer, and without what others say of it."""
        row = self.table.row(position)
        seen = asked(row) if choice.mode == "answer" else shown(row)
        frame = int(self.table.frame[position])
        return seen | {"picture": self.picture_of(frame), **self.said(choice.kind, row["id"], choice.annotator)}

    def said(self, kind: str, subject: str, annotator: str) -> dict[str, Any]:
        """What stands of a subject. What others say is shown to those who have said something themselves."""
        marks = self.events.catch_up().of(kind, subject)
        mine = marks[annotator].after if annotator in marks else None
        others = {name: mark for name, mark in marks.items() if name != annotator and mark.after is not None}
        open = mine is not None and kind != "reply"
        history = [event for event in self.events.history(kind, subject) if open or event.annotator == annotator]
        return {
            "version": self.events.standing.version(kind, subject),
            "mine": mine,
            "others": [_other(name, mark) for name, mark in sorted(others.items())] if open else [],
            "hidden": 0 if open or kind == "reply" else len(others),
            "history": [_line(event) for event in history],
        }

    def steps(self, annotator: str) -> dict[str, Any]:
        standing = self.events.standing
        return {"undo": standing.undoable(annotator), "redo": standing.redoable(annotator)}

    def objects(self, request: Request) -> dict[str, Any]:
        annotator = request.query_params.get("annotator", "")
        ids = sorted({*self.descriptions, *self.sightings})  # once: it may take seconds, in which others go on
        with self.events.lock:
            return {"objects": [self.object(obj_id, annotator) for obj_id in ids], **self.steps(annotator)}

    def object(self, obj_id: int, annotator: str) -> dict[str, Any]:
        views = [
            {"picture": self.picture_of(s.frame), "bbox": s.bbox, "size": self._size(s.frame)}
            for s in self.sightings.get(obj_id, [])
        ]
        description = asdict(self.descriptions.get(obj_id, Description("", status="unverified")))
        return {
            "obj_id": obj_id, "description": description, "views": views,
            **self.said("object", str(obj_id), annotator),
        }  # fmt: skip

    def _size(self, frame: int) -> tuple[int, int]:
        row = self.table.row(int(self.table.frame_row[frame]))
        return row["width"], row["height"]

    def report(self, request: Request) -> dict[str, Any]:
        return agreement.report(self.events.catch_up(), self.table.task_of)

    def picture(self, request: Request) -> Response:
        stamp, _, number = request.query_params.get("of", "").rpartition("-")
        if stamp != self.stamp or not number.isdecimal() or int(number) >= len(self.table.frame_row):
            raise HTTPException(404, "There is no such picture.")
        found = self._bytes(int(self.table.frame_row[int(number)]))
        if found is None:
            raise HTTPException(404, "The folder has no such picture.")
        return Response(found[0], media_type=found[1], headers={"cache-control": "private, max-age=86400, immutable"})

    @cached_property
    def _bytes(self) -> Callable[[int], tuple[bytes, str] | None]:
        def read(position: int) -> tuple[bytes, str] | None:
            return picture(self.table.row(position), self.table.picture(position), self.bop_root)

        return lru_cache(maxsize=16)(read)

    # -- writes --------------------------------------------------------------------------------------------------

    def record(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Adds what a person says of a row, a description or, in answer mode, as an answer."""
        annotator, kind, subject = read_name(body.get("annotator")), str(body.get("kind")), str(body.get("subject"))
        after, seen = body.get("after"), body.get("seen")
        if not isinstance(seen, int):
            raise Refused("The write does not say what it has seen.")
        content = None if after is None else self._content(kind, subject, annotator, after)
        event, since = self.events.record(_request(body), annotator, kind, subject, content, seen)
        return self._written(event) | {"since": since}

    def _content(self, kind: str, subject: str, annotator: str, after: Any) -> dict[str, Any] | None:
        if not isinstance(after, Mapping):
            raise Refused("A judgement is an object.")
        if kind == "object":
            known = subject.isdecimal() and int(subject) in {*self.descriptions, *self.sightings}
            if not known:
                raise HTTPException(404, "There is no such object.")
            return read_opinion(after, self.descriptions.get(int(subject), Description("", status="unverified")))
        row = self.row(subject)
        if kind == "row":
            return read_judgement(after, row)
        if kind != "reply":
            raise Refused("There is no such kind of judgement.")
        if annotator in self.events.catch_up().of("row", subject):
            raise Refused("You have judged this row, so you have seen its answer.")
        return read_reply(after, row)

    def undo(self, body: Mapping[str, Any]) -> dict[str, Any]:
        undoes = body.get("undoes")
        if not isinstance(undoes, int):
            raise Refused("The write does not say what it undoes.")
        return self._written(self.events.undo(_request(body), read_name(body.get("annotator")), undoes))

    def _written(self, event: Event) -> dict[str, Any]:
        said = self.said(event.kind, event.subject, event.annotator)
        return {"seq": event.seq, "kind": event.kind, "subject": event.subject, **said, **self.steps(event.annotator)}


def _request(body: Mapping[str, Any]) -> str:
    request = body.get("request")
    if not isinstance(request, str) or not 8 <= len(request) <= 80:
        raise Refused("The write has no name of its own.")
    return request


def _other(name: str, mark: Mark) -> dict[str, Any]:
    return {"annotator": name, "at": mark.at, "after": mark.after}


def _line(event: Event) -> dict[str, Any]:
    after = event.after or {}
    word = after.get("verdict") or ("answer" if "reply" in after else "note" if after else "nothing")
    return {
        "seq": event.seq, "at": event.at, "annotator": event.annotator, "said": word, "undoes": event.undoes,
        "comment": after.get("comment", ""), "doubt": bool(after.get("doubt")),
    }  # fmt: skip


def application(desk: Desk, must: Pass) -> Starlette:
    """The page as an ASGI application."""
    folder = files("bopask") / "data" / "review"
    static = {path: ((folder / name).read_bytes(), media) for path, (name, media) in PAGE.items()}

    def page(request: Request) -> Response:
        data, media = static[request.url.path]
        return Response(data, media_type=f"{media}; charset=utf-8", headers={"cache-control": "no-cache"})

    def read(answer: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Response]:
        def reply(request: Request) -> Response:
            with desk.events.lock:
                return Json(answer(request))

        return reply

    def write(change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
        def locked(body: Mapping[str, Any]) -> dict[str, Any]:
            with desk.events.lock:
                return change(body)

        async def reply(request: Request) -> Response:
            try:
                body = orjson.loads(await request.body())
            except orjson.JSONDecodeError:
                body = None
            if not isinstance(body, dict):
                return Json({"error": "A write is a JSON object."}, 400)
            return Json(await run_in_threadpool(locked, body))

        return reply

    routes = [
        *(Route(path, page) for path in PAGE),
        Route("/api/session", read(lambda request: desk.session(request, must))),
        Route("/api/next", read(desk.next)),
        Route("/api/objects", lambda request: Json(desk.objects(request))),
        Route("/api/report", read(desk.report)),
        Route("/picture", desk.picture),
        Route("/api/record", write(desk.record), methods=["POST"]),
        Route("/api/undo", write(desk.undo), methods=["POST"]),
    ]
    handlers = {Refused: _told(422), Conflict: _told(409), BopaskError: _told(422), HTTPException: _told(0)}
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(Guard, must=must)])


def _told(status: int) -> Any:
    def reply(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return Json({"error": error.detail}, error.status_code)
        return Json({"error": str(error)}, status)

    return reply
