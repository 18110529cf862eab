"""What a worker is made of: its options, the leases that handlers see, outcomes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Callable, Optional

from .errors import LeaseLost, TopicsError
from .jobs import Job


@dataclass(frozen=True)
class Ended:
    """How a job ended for this worker."""

    job: Job
    #: What the handler raised; None if it returned, or was not begun.
    error: Optional[BaseException] = None
    #: No handler had the job.
    unbegun: bool = False
    #: Why the outcome does not count: the lease was lost before the queue learned of it.
    lost: str = ""
    #: Why the queue may not have learned of the outcome.
    failure: Optional[TopicsError] = None


@dataclass(frozen=True)
class WorkOptions:
    """Options of a worker."""

    #: Who takes the jobs. It must not be shared with another worker that runs at the
    #: same time. By default the host's name, the process id and random letters.
    node: str = ""
    #: How many handlers run at the same time, each in a thread of its own.
    parallel: int = 1
    #: How many more jobs are held, so that the next one is here when a handler ends.
    ahead: int = 0
    #: How long the queue waits for a sign of life of this worker; 0 is the queue's own
    #: lease_ms. Leases are extended as long as a handler runs.
    lease_ms: int = 0
    #: How long handlers may go on after stop, in seconds.
    stop_after: float = 30.0
    #: Called after each job, in the thread of its handler.
    ended: Optional[Callable[[Ended], None]] = None


class Lease:
    """What a handler may ask about the lease of its job."""

    def __init__(self, seq: int, until: float) -> None:
        self._seq = seq
        self._until = until  # time.monotonic() until which it holds for certain
        self._over = threading.Event()
        self._error: Optional[TopicsError] = None

    def check(self) -> None:
        """Raises LeaseLost if another worker may have the job, and Stopped if the worker
        was stopped and the time to finish is over. Long handlers call it often."""
        if self._over.is_set() and self._error is not None:
            raise self._error
        if time.monotonic() > self._until:
            raise LeaseLost(self._seq, "expired")

    def wait(self, seconds: float) -> None:
        """Sleeps, and raises what check does, as soon as it would."""
        end = time.monotonic() + seconds
        while True:
            self.check()
            now = time.monotonic()
            if now >= end:
                return
            self._over.wait(min(end, self._until + 0.001) - now)

    def _end(self, error: TopicsError) -> None:
        if self._error is None:
            self._error = error
        self._over.set()


Handler = Callable[[Job, Lease], None]
"""Does a job. If it returns the job is acked; if it raises the job goes back. Retry,
Reject and Unstarted say how."""


class Task:
    """A job and what the worker knows of its lease. The worker's lock guards it."""

    def __init__(self, job: Job, until: float) -> None:
        self.job = job
        self.lease = Lease(job.seq, until)
        self.lost = ""
        # From when the stream breaks until an extension shows that the lease holds.
        self.doubt = False
        self.settling = False  # the outcome is on its way
