"""Which failures are retried, and when."""

from __future__ import annotations

import random
import ssl
import time
from dataclasses import dataclass
from typing import Callable, Optional

from .errors import ApiError, NoAnswer, TopicsError

# The pauses between attempts double. Each is shortened by a random amount of up to
# half, so that the clients of a server that restarts do not all return at once.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0


@dataclass(frozen=True)
class Policy:
    """How long a request is retried after its first failure, in seconds."""

    retry_for: float
    retrying: Optional[Callable[[TopicsError], None]] = None


class Attempts:
    """The attempts at one thing."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.succeeded()

    def succeeded(self) -> None:
        """The next failure is the first again."""
        self._failures = 0
        self._deadline: Optional[float] = None

    def failed(self, error: TopicsError, again: bool) -> float:
        """Returns how long to wait before the next attempt, or raises the error if
        there is to be none."""
        if self._policy.retry_for <= 0 or not again:
            raise error
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._policy.retry_for
        if now >= self._deadline:
            raise error
        if self._policy.retrying is not None:
            self._policy.retrying(error)
        pause = min(FIRST_PAUSE * (1 << min(self._failures, 10)), LONGEST_PAUSE)
        pause -= random.uniform(0, pause / 2)
        if isinstance(error, ApiError):
            pause = max(pause, error.retry_after)
        self._failures += 1
        return max(0.0, min(pause, self._deadline - now))


def retryable(error: TopicsError, repeatable: bool) -> bool:
    """Reports whether another attempt at a request makes sense. A 429, or the 503 of
    a server that is starting or stopping, means that nothing was done. After any
    other 503, a proxy's 502 or 504, or a broken connection the outcome is unknown,
    and only a repeatable request may be sent again."""
    if isinstance(error, NoAnswer):
        return repeatable and not _hopeless(error)
    if not isinstance(error, ApiError):
        return False
    if error.status == 429:
        return True
    if error.status in (502, 504):
        return repeatable
    if error.status == 503:
        return repeatable or error.code in ("not_ready", "shutting_down")
    return False


def resumable(error: TopicsError) -> bool:
    """Reports whether a stream that ended so can be opened again. Reading is always
    safe to repeat."""
    if isinstance(error, ApiError):
        return error.status in (408, 429, 502, 503, 504)
    return isinstance(error, NoAnswer) and not _hopeless(error)


def _hopeless(error: NoAnswer) -> bool:
    """The certificate is not trusted, or the server does not speak TLS."""
    cause = error.__cause__
    return isinstance(cause, ssl.SSLCertVerificationError) or (
        isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
    )
