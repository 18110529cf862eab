"""The client."""

from __future__ import annotations

import ssl
import time
from typing import Callable, Optional

from ._decode import parse
from ._http import Call, Transport
from ._operator import OperatorCalls
from ._queues import QueueCalls
from ._retry import Attempts, Policy, resumable
from ._routers import RouterCalls
from ._topics import TopicCalls
from .errors import TopicsError


class Client(TopicCalls, RouterCalls, QueueCalls, OperatorCalls):
    """A client of one server. It may be used by many threads, and keeps connections.

    retry_for is how long, in seconds, a request is retried after its first failure;
    0 raises every failure at once. It should be shorter than the topics'
    idempotency_window_ms (by default two minutes): after that the server no longer
    knows an idempotency key. Only requests that are safe to repeat are retried.
    retrying is called with each failure that will be retried. timeout is for how
    long, in seconds, the server may be silent, in addition to the time that a long
    poll asks it to wait. tls is for https."""

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        retry_for: float = 0.0,
        retrying: Optional[Callable[[TopicsError], None]] = None,
        timeout: float = 30.0,
        tls: Optional[ssl.SSLContext] = None,
    ) -> None:
        super().__init__(Transport(url, key, timeout, tls), Policy(retry_for, retrying))

    def close(self) -> None:
        """Closes idle connections."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self) -> None:
        """Raises an ApiError unless the server accepts traffic. It is not retried."""
        parse(self._transport.request(Call("GET", "/v0/ready")))

    def wait_ready(self, seconds: float) -> None:
        """Waits until the server accepts traffic, or raises the last failure."""
        attempts = Attempts(Policy(seconds))
        while True:
            try:
                return self.ready()
            except TopicsError as error:
                time.sleep(attempts.failed(error, resumable(error)))
