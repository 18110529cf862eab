"""Calls with retries."""

from __future__ import annotations

import json
import logging
import time
import urllib.parse
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Type, TypeVar

from ._decode import decode, parse
from ._http import Call, Transport
from ._retry import Attempts, Policy, retryable
from .errors import TopicsError, UnexpectedAnswer

T = TypeVar("T")
log = logging.getLogger("topics_client")

# How many entries of a list are requested at a time.
PAGE = "1000"


class Caller:
    """What the kinds of calls have in common."""

    def __init__(self, transport: Transport, policy: Policy) -> None:
        self._transport = transport
        self._policy = policy

    def _call(self, kind: Type[T], call: Call) -> T:
        """Sends the call, with retries, and decodes a success."""
        return decode(kind, self._ask(call))

    def _ask(self, call: Call) -> Dict[str, Any]:
        answer = parse(self._send(call))
        for warning in answer.get("warnings") or ():
            log.warning("%s %s: %s", call.method, call.path, warning)
        return answer

    def _send(self, call: Call) -> bytes:
        attempts = Attempts(self._policy)
        end = None if call.limit is None else time.monotonic() + call.limit
        while True:
            left = None if end is None else end - time.monotonic()
            try:
                return self._transport.request(call, left)
            except TopicsError as error:
                pause = attempts.failed(error, retryable(error, call.repeatable))
                if end is not None and time.monotonic() + pause >= end:
                    raise
            time.sleep(pause)

    def _pages(self, name: str, path: str, query: Mapping[str, str], each: Callable[[Any], T]) -> Iterator[T]:
        """Yields the entries of a list, page by page."""
        query = dict(query)
        while True:
            answer = self._ask(Call("GET", path, query))
            if not isinstance(answer.get(name), list):
                raise UnexpectedAnswer(f"{path} has no {name}")
            for entry in answer[name]:
                yield each(entry)
            cursor = answer.get("next_cursor")
            if not cursor:
                return
            query["cursor"] = str(cursor)


def encode(**fields: Any) -> bytes:
    """Returns the fields that are not None as JSON."""
    return json.dumps({k: v for k, v in fields.items() if v is not None}, allow_nan=False).encode()


def parameters(**fields: Any) -> Dict[str, str]:
    """Returns the fields that are not None as a query."""
    return {k: text(v) for k, v in fields.items() if v is not None}


def text(value: Any) -> str:
    """Returns a value as a query has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    return json.dumps(value)


def quote(name: str) -> str:
    """Returns a name as a segment of a path."""
    return urllib.parse.quote(name, safe="")


def topic_path(topic: str, *below: str) -> str:
    return "/".join(("/v0/topics", quote(topic), *below))


def wait_of(wait_ms: Optional[int]) -> float:
    return (wait_ms or 0) / 1000
