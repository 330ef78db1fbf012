"""A language model that is asked until its answer passes a check, whoever serves it: inspect_ai's model layer.

Knows providers, retries, structured output and a cache of raw replies; knows nothing of what is asked. A reply that
fails the check goes back to the model with the complaint. Replies are kept by content as they come, so that a killed
run loses none and a second run asks nothing; what was kept is checked anew: a stricter check is never got round.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bopask.errors import InputError, MissingExtra
from bopask.store.files import key_of, write_json

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, Model

T = TypeVar("T")
LONGEST_WAIT_S = 60.0
LONGEST_REPLY = 20_000
"""Characters kept of a reply: one that rambles on fails its check, and need not fill the disk."""


class ModelError(InputError):
    """The model cannot be reached, is unknown or refuses: the user's to mend, unlike a reply that fails its check."""


@dataclass(frozen=True)
class Request(Generic[T]):
    """One question to a model, and what its answer has to be."""

    prompt: str
    check: Callable[[Any], T]
    """Of the parsed JSON where there is a schema, else of the text: the value, or ValueError with the complaint."""
    image_png: bytes | None = None
    schema: Mapping[str, Any] | None = None
    """JSON schema of an object; providers with structured output are held to it."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What became of a request: `value`, or None and the reason why every reply was turned down."""

    value: T | None
    reason: str = ""
    asked: int = 0
    """Replies fetched just now; 0 where all were kept from before."""


@dataclass(frozen=True)
class Asker:
    """One model. `model` is inspect_ai's name for it, as 'openai/gpt-4o' or 'anthropic/claude-sonnet-4-0'; with
    `base_url` it is the server's own name for it."""

    model: str
    base_url: str = ""
    """Of any OpenAI-style server, up to and without /chat/completions; '' for the provider's own."""
    api_key_env: str = "OPENAI_API_KEY"
    """For `base_url`: the environment variable that holds its key. Providers have their own variables."""
    cache: Path | None = field(default=None, repr=False)
    """Folder of replies, one file a request; None keeps nothing."""
    tries: int = 3
    """Replies to a request before it is given up."""
    temperature: float = 0.0
    retries: int = 5
    """More attempts after a 429, a 5xx, a broken or a slow connection, waiting 1, 2, 4, … s or as the server asks."""
    timeout_s: float = 120.0
    connections: int = 4
    """Requests in flight at once."""
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False, compare=False)

    def ask(
        self,
        prompt: str,
        image_png: bytes | None = None,
        schema: Mapping[str, Any] | None = None,
        check: Callable[[Any], T] = lambda reply: reply,
    ) -> Answer[T]:
        """The answer to one question.

        Raises:
            ModelError: the model does not work, after the retries.
            MissingExtra: inspect_ai is not installed.
        """
        return self.ask_each([Request(prompt, check, image_png, schema)])[0]

    def ask_each(
        self, requests: Sequence[Request[T]], done: Callable[[int, Answer[T]], object] = lambda index, answer: None
    ) -> list[Answer[T]]:
        """The answers in order, several asked at once; `done` is told of each as it comes. Raises as `ask` does."""
        answers: list[Answer[T] | None] = [self._kept(request) for request in requests]
        for index, answer in enumerate(answers):
            if answer is not None:
                done(index, answer)
        if None in answers:
            asyncio.run(self._ask_missing(requests, answers, done))
        return [answer for answer in answers if answer is not None]

    async def _ask_missing(
        self, requests: Sequence[Request[T]], answers: list[Answer[T] | None], done: Callable[[int, Answer[T]], object]
    ) -> None:
        turn = asyncio.Semaphore(self.connections)
        async with self._open() as model:

            async def one(index: int) -> None:
                async with turn:
                    answer = answers[index] = await self._converse(model, requests[index])
                    done(index, answer)

            try:
                async with asyncio.TaskGroup() as group:
                    for index in (i for i, answer in enumerate(answers) if answer is None):
                        group.create_task(one(index))
            except BaseExceptionGroup as errors:  # the first tells why; the others were cancelled or say the same
                raise errors.exceptions[0] from None

    def _open(self) -> Model:
        return open_model(
            self.model,
            self.base_url,
            self.api_key_env,
            temperature=self.temperature,
            max_retries=0,
            max_connections=self.connections,
        )

    async def _converse(self, model: Model, request: Request[T]) -> Answer[T]:
        """Asks, and asks again with the complaint, until a reply passes or the tries are used up."""
        replies = self._replies(request)
        before = len(replies)
        while (answer := _judged(request, replies, self.tries)) is None:
            replies.append((await self._generate(model, request, replies))[:LONGEST_REPLY])
            if self.cache:
                write_json(self._file(request), {"model": self.model, "replies": replies})
        return Answer(answer.value, answer.reason, len(replies) - before)

    async def _generate(self, model: Model, request: Request[T], replies: Sequence[str]) -> str:
        """One reply. Failures of the way there are tried again; what inspect_ai says cannot be helped is not."""
        from inspect_ai.model import GenerateConfig

        config = GenerateConfig(response_schema=_response_schema(request.schema)) if request.schema else None
        messages = _messages(request, replies)
        for attempt in range(self.retries + 1):
            try:
                async with asyncio.timeout(self.timeout_s):
                    output = await model.generate(messages, config=config or GenerateConfig())
                return output.completion
            except Exception as raised:
                error = _cause(raised)
                worth, wait = _retry(model, error, min(2.0**attempt, LONGEST_WAIT_S))
                if not worth or attempt == self.retries:
                    fix = "Check the server's address, the model's name and the key; what was answered is kept"
                    wrong = f"does not answer, {attempt + 1} times ({_line(error)})"
                    raise ModelError(self.model, wrong, fix) from error
            await self.sleep(wait)
        raise AssertionError("unreachable")

    def _file(self, request: Request[T]) -> Path:
        image = hashlib.sha256(request.image_png).hexdigest() if request.image_png else ""
        key = key_of(self.model, self.base_url, self.temperature, request.prompt, image, request.schema)
        return (self.cache or Path()) / f"{key}.json"

    def _replies(self, request: Request[T]) -> list[str]:
        """The replies kept of a request; [] where there are none or the file is damaged."""
        try:
            replies = json.loads(self._file(request).read_text(encoding="utf-8"))["replies"] if self.cache else []
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return replies if isinstance(replies, list) and all(isinstance(reply, str) for reply in replies) else []

    def _kept(self, request: Request[T]) -> Answer[T] | None:
        return _judged(request, self._replies(request), self.tries)


def open_model(model: str, base_url: str = "", api_key_env: str = "OPENAI_API_KEY", **config: Any) -> Model:
    """inspect_ai's model: a provider's, or with `base_url` that of any OpenAI-style server.

    Args:
        config: fields of inspect_ai's GenerateConfig. Retries are its own; the client below it makes none.
    Raises:
        ModelError: it cannot be used: no such provider, no key.
        MissingExtra: inspect_ai is not installed.
    """
    try:
        from inspect_ai.model import GenerateConfig, get_model
    except ImportError as error:
        raise MissingExtra("inspect_ai", "words") from error
    try:
        if not base_url:
            return get_model(model, config=GenerateConfig(**config), memoize=False)
        key = os.environ.get(api_key_env) or "none"  # local servers want no key, the client wants one
        return get_model(
            f"openai-api/server/{model}",
            config=GenerateConfig(**config),
            base_url=base_url,
            api_key=key,
            memoize=False,
            max_retries=0,
            stream=False,
        )
    except Exception as error:  # each provider complains of a missing key or package in its own way
        fix = "Write PROVIDER/MODEL as inspect_ai does, with the provider's key in the environment"
        raise ModelError(model, f"cannot be used ({_line(error)})", fix) from error


def _judged(request: Request[T], replies: Sequence[str], tries: int) -> Answer[T] | None:
    """The first reply that passes; a refusal once there are enough that do not; None when another is wanted."""
    reason = ""
    for reply in replies:
        try:
            return Answer(request.check(parsed(reply) if request.schema else reply))
        except ValueError as complaint:
            reason = _line(complaint)
    return Answer(None, reason) if len(replies) >= tries else None


def parsed(reply: str) -> Any:
    """The JSON object of a reply, in a code fence or among words or not.

    Raises:
        ValueError: there is none.
    """
    start, end = reply.find("{"), reply.rfind("}")
    try:
        return json.loads(reply[start : end + 1] if start >= 0 else reply)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the reply is not a JSON object ({_line(error)})") from error


def _messages(request: Request[T], replies: Sequence[str]) -> list[ChatMessage]:
    """The question, then each reply with the complaint about it."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, Content, ContentImage, ContentText

    content: list[Content] = [ContentText(text=request.prompt)]
    if request.image_png:
        content.append(ContentImage(image="data:image/png;base64," + base64.b64encode(request.image_png).decode()))
    messages: list[ChatMessage] = [ChatMessageUser(content=content)]
    for reply in replies:
        refused = _judged(request, [reply], 1)
        complaint = f"This cannot be used: {refused.reason if refused else ''}. Answer the question again, all of it."
        messages += [ChatMessageAssistant(content=reply or "(nothing)"), ChatMessageUser(content=complaint)]
    return messages


def _response_schema(schema: Mapping[str, Any]) -> Any:
    from inspect_ai.model import ResponseSchema
    from inspect_ai.util import JSONSchema

    return ResponseSchema(name="answer", json_schema=JSONSchema.model_validate(schema), strict=True)


def _cause(error: BaseException) -> BaseException:
    """What lies under tenacity's RetryError."""
    last = getattr(error, "last_attempt", None)
    return (last.exception() or error) if last is not None else error


def _retry(model: Model, error: BaseException, wait: float) -> tuple[bool, float]:
    """Whether another attempt may help, and how long to wait for it (s): a status is judged by the provider, and what
    has none (a timeout, a broken connection, a body that is no completion) may be a moment's fault."""
    decision = model.api.should_retry(error) if isinstance(error, Exception) else False
    asked = getattr(decision, "retry_after", None)
    worth = bool(decision) or not hasattr(error, "status_code")
    return worth, min(float(wait if asked is None else asked), LONGEST_WAIT_S)


def _line(error: BaseException) -> str:
    """An error in one line of at most 200 characters."""
    return " ".join(f"{error}".split())[:200] or type(error).__name__
