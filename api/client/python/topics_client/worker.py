"""A worker that does the jobs of a queue."""

from __future__ import annotations

import logging
import os
import queue as queues
import secrets
import socket
import threading
import time
from typing import Dict, Optional, Sequence, Type, TypeVar

from ._caller import Caller, parameters, topic_path
from ._decode import decode
from ._held import Held
from ._holding import settle
from ._http import Call, Stream, Transport
from ._retry import Attempts, Policy, resumable
from ._sse import Message, fault
from .errors import ApiError, LeaseLost, Reject, Retry, Stopped, TopicsError, Unstarted
from .jobs import Acked, Extended, Job, Nacked, Settled
from .types import TopicState
from .work import Ended, Handler, Task, WorkOptions

log = logging.getLogger("topics_client")
S = TypeVar("S", bound=Settled)

# How long the queue may take, in seconds, to learn of outcomes after the time for
# handlers to finish is over.
SETTLE_GRACE = 5.0
# The server's bounds of a lease.
SHORTEST_LEASE_MS, LONGEST_LEASE_MS = 100, 86_400_000
# The longest reason of a dead letter, in bytes.
MAX_REASON = 1024
# How many leases one call extends.
EXTEND_BATCH = 100
# How often the server sends a sign of life, in seconds.
HEARTBEAT = 15.0


class Worker:
    """Does the jobs of a queue, which the server pushes over a stream. The stream is
    opened again when it breaks and when the server restarts, for as long as the
    client retries.

    A job is delivered at least once. While a handler runs its lease is extended; if
    the lease is lost all the same, nothing that the handler does counts."""

    def __init__(
        self, transport: Transport, policy: Policy, queue: str, handler: Handler, options: WorkOptions
    ) -> None:
        if options.parallel < 1 or options.ahead < 0:
            raise ValueError("parallel must be at least 1, and ahead not negative")
        self._transport, self._policy, self._queue, self._handler, self._o = transport, policy, queue, handler, options
        self.node = options.node or f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._lease = 0.0  # seconds
        # What ends run: an error, or None for stop. It may be used in signal handlers.
        self._ends: "queues.SimpleQueue[Optional[TopicsError]]" = queues.SimpleQueue()
        self._renew = threading.Event()  # asks for an extension of all leases
        self._closed = threading.Event()
        self._held = Held(options.parallel, self._start)
        self._mu = threading.Lock()  # guards _stream and its closing
        self._stream: Optional[Stream] = None

    def stop(self) -> None:
        """Makes run end: it takes no further jobs, gives back those that were not begun,
        and waits for the handlers. It may be called by signal handlers."""
        self._ends.put(None)

    def run(self) -> None:
        """Works until stop is called, or an error that retries cannot resolve, which it
        raises. It runs once."""
        self._lease = min(max(self._o.lease_ms or self._queue_lease(), SHORTEST_LEASE_MS), LONGEST_LEASE_MS) / 1000
        threads = [threading.Thread(target=target, daemon=True) for target in (self._receive, self._keep)]
        for thread in threads:
            thread.start()
        error: Optional[TopicsError] = None
        try:
            error = self._ends.get()
        finally:
            try:
                self._finish(reachable=error is None)
            finally:
                self._close()
                for thread in threads:
                    thread.join()
        if error is not None:
            raise error

    def _queue_lease(self) -> int:
        call = Call("GET", topic_path(self._queue), parameters(touch=False))
        return Caller(self._transport, self._policy)._call(TopicState, call).config.lease_ms

    def _close(self) -> None:
        self._closed.set()
        self._renew.set()
        with self._mu:
            if self._stream is not None:
                self._stream.close()

    def _finish(self, reachable: bool) -> None:
        self._held.stop()
        self._give_back(self._held.unbegun(), reachable)
        self._held.wait(self._o.stop_after)
        self._held.interrupt()
        self._held.wait()

    def _give_back(self, jobs: Sequence[Job], reachable: bool = True) -> None:
        """Returns jobs to the queue, and asks for no others."""
        failure: Optional[TopicsError] = None
        if reachable:
            try:
                self._settle(Nacked, "nack", jobs, SETTLE_GRACE, unstarted=True, leaving=True)
            except TopicsError as error:
                failure = error
        for job in jobs:
            self._report(Ended(job, unbegun=True, failure=failure))

    def _settle(self, kind: Type[S], verb: str, jobs: Sequence[Job], limit: Optional[float], **fields: object) -> S:
        call = settle(self._queue, verb, self.node, jobs, **fields)
        call.limit = limit
        return Caller(self._transport, self._policy)._call(kind, call)

    def _accept(self, job: Job) -> None:
        """Takes a job that the server has delivered. An earlier lease of it is over:
        calls name jobs by their seqs, so the two must not both be held."""
        for task in self._held.tasks():
            if task.job.seq == job.seq:
                self._lose(task.job.lease_id, "expired")
        if not self._held.add(Task(job, time.monotonic() + self._lease)):
            # It was on its way when the server learned that this worker stops.
            self._give_back(self._held.unbegun())

    def _start(self, task: Task) -> None:
        threading.Thread(target=self._handle, args=(task,), daemon=True).start()

    def _handle(self, task: Task) -> None:
        error: Optional[BaseException] = None
        failure: Optional[TopicsError] = None
        try:
            self._handler(task.job, task.lease)
        except BaseException as raised:  # whatever it is, the job goes back
            error = raised
        lost, over = self._held.handled(task)
        try:
            if not lost:
                lost = self._conclude(task.job, error, over)
        except TopicsError as raised:
            failure = raised
        finally:
            self._report(Ended(task.job, error, lost=lost, failure=failure))
            self._held.ended(task)

    def _conclude(self, job: Job, error: Optional[BaseException], over: bool) -> str:
        """Acks or nacks a job. It returns why the lease was lost, if it was."""
        limit = SETTLE_GRACE if over else None
        if error is None:
            done: Settled = self._settle(Acked, "ack", [job], limit)
        else:
            done = self._settle(Nacked, "nack", [job], limit, **_return(error, over))
        return done.reasons.get(job.seq, "") if done.skipped else ""

    def _report(self, ended: Ended) -> None:
        if self._o.ended is None:
            return
        try:
            self._o.ended(ended)
        except Exception:
            log.exception("WorkOptions.ended failed for job %d", ended.job.seq)

    def _lose(self, lease_id: str, reason: str) -> None:
        job = self._held.lose(lease_id, reason)
        if job is not None:
            self._report(Ended(job, unbegun=True, lost=reason))

    def _keep(self) -> None:
        """Keeps the leases until the worker ends."""
        due = time.monotonic() + self._lease / 3
        while not self._closed.is_set():
            tasks = self._held.tasks()
            wake = min([due] + [task.lease._until for task in tasks])
            self._renew.wait(max(0.0, wake - time.monotonic()))
            asked, now = self._renew.is_set(), time.monotonic()
            self._renew.clear()
            for task in tasks:
                if task.lease._until < now:
                    self._lose(task.job.lease_id, "expired")
            if asked or now >= due:
                due = now + self._lease / 3
                tasks = self._held.tasks()
                for i in range(0, len(tasks), EXTEND_BATCH):
                    self._extend(tasks[i : i + EXTEND_BATCH])

    def _extend(self, tasks: Sequence[Task]) -> None:
        """Extends leases. An attempt that fails is made again a third of a lease later;
        meanwhile the leases may end."""
        asked = time.monotonic()
        lease_ms = round(self._lease * 1000)
        try:
            done = self._settle(Extended, "extend", [t.job for t in tasks], self._lease * 2 / 3, lease_ms=lease_ms)
        except TopicsError as error:
            if isinstance(error, ApiError) and error.status == 404:
                for task in tasks:
                    self._lose(task.job.lease_id, "gone")
            return
        self._held.extended(tasks, done.reasons, asked + self._lease)
        for task in tasks:
            why = done.reasons.get(task.job.seq, "held")
            if why != "held":  # another call on it is under way
                self._lose(task.job.lease_id, why)

    def _receive(self) -> None:
        """Receives jobs until the worker ends, or a failure that retries cannot resolve."""
        attempts = Attempts(self._policy)
        while not self._closed.is_set():
            try:
                self._listen(attempts)
            except TopicsError as error:
                if self._closed.is_set():
                    return
                self._doubt()
                try:
                    pause = attempts.failed(error, resumable(error))
                except TopicsError as final:
                    self._ends.put(final)
                    return
                self._closed.wait(pause)
                if self._held.stopping():
                    return  # there is nothing more to receive

    def _listen(self, attempts: Attempts) -> None:
        query = parameters(
            node=self.node, max=self._o.parallel + self._o.ahead, lease_ms=round(self._lease * 1000)
        )
        stream = Stream(
            self._transport, Call("GET", topic_path(self._queue, "work"), query), HEARTBEAT + self._transport.timeout
        )
        with self._mu:
            if self._closed.is_set():
                return
            self._stream = stream
        opened = False
        for message in stream:
            if opened:
                attempts.succeeded()
            opened = True
            if message is not None:
                self._take(message)

    def _take(self, message: Message) -> None:
        if message.event == "job":
            self._accept(decode(Job, message.json()))
        elif message.event == "lost":
            lost = message.json()
            self._lose(str(lost.get("lease_id")), str(lost.get("reason")))
        elif message.event == "topic-deleted":
            for task in self._held.tasks():
                self._lose(task.job.lease_id, "gone")
            raise ApiError(404, "topic_not_found", f"queue {self._queue!r} was deleted")
        elif message.event == "error":
            raise fault(message.json())

    def _doubt(self) -> None:
        """Is called when the stream has broken. The server releases what a stream holds
        when it notices, but a restarted server may still have the leases."""
        self._held.doubt()
        self._renew.set()


def _return(error: BaseException, interrupted: bool) -> Dict[str, object]:
    """Returns how a job goes back whose handler raised. One that was interrupted did
    not fail."""
    if isinstance(error, Retry):
        return {"delay_ms": error.delay_ms}
    if isinstance(error, Reject):
        return {"dead": True, "reason": error.reason.encode()[:MAX_REASON].decode(errors="ignore") or None}
    if isinstance(error, Unstarted) or interrupted:
        return {"unstarted": True}
    return {}
