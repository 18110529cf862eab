"""The errors of this package. All of them are TopicsErrors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

if TYPE_CHECKING:
    from .types import Tombstone


class TopicsError(Exception):
    """What this package raises."""


class ApiError(TopicsError):
    """An answer of the server other than a success."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        detail: Optional[Dict[str, Any]] = None,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(f"server answered {status} {code}: {message}" if code else f"server answered {status}: {message}")
        self.status = status
        #: Stable, in snake_case; empty if the answer is not one of the server's own.
        self.code = code
        self.message = message
        self.detail: Dict[str, Any] = detail or {}
        #: How long the server asked to wait, in seconds; may be 0.
        self.retry_after = retry_after


class NoAnswer(TopicsError):
    """The connection failed, or there was no answer in time. Its cause says why.

    If the request was a write, it may have been made."""


class UnexpectedAnswer(TopicsError):
    """A success that is not what the server answers, but another program."""


class RecordsLost(TopicsError):
    """A reader came to records that are lost. Nothing after them was skipped: a
    watch goes on after them when it is asked for its next event, and a read
    with the cursor tombstone.gap_to."""

    def __init__(self, tombstone: Tombstone) -> None:
        super().__init__(
            f"topic {tombstone.topic!r}: records {tombstone.gap_from} to {tombstone.gap_to} are lost: {tombstone.reason}"
        )
        self.tombstone = tombstone


class LeaseLost(TopicsError):
    """The lease of a job is over: another worker may have the job, and the
    outcome of this handler does not count."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(f"the lease of job {seq} is lost: {reason}")
        self.seq = seq
        #: expired, released or gone.
        self.reason = reason


class Stopped(TopicsError):
    """The worker was stopped, and the time for handlers to finish is over."""


class Retry(TopicsError):
    """A handler raises it to have its job delivered again after a delay, in place
    of the queue's back-off."""

    def __init__(self, delay_ms: int, reason: str = "") -> None:
        super().__init__(reason or "to be tried again")
        self.delay_ms = delay_ms


class Reject(TopicsError):
    """A handler raises it to move its job to the dead letters, whatever the number
    of deliveries."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "rejected")
        self.reason = reason


class Unstarted(TopicsError):
    """A handler raises it to give its job back without having begun it: the
    delivery does not count."""
