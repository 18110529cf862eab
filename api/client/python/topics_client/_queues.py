"""Calls on queues."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence

from ._caller import PAGE, Caller, encode, parameters, topic_path, wait_of
from ._decode import decode
from ._http import Call
from ._holding import settle
from .jobs import (
    Acked,
    Claimed,
    DeadLetter,
    DeadLettersDone,
    Extended,
    Job,
    ListedJob,
    Nacked,
    Promoted,
    Released,
)
from .types import Match, Write
from .work import Handler, WorkOptions
from .worker import Worker

# How much longer than others calls may take that go through many dead letters.
REDRIVE_WAIT = 600.0

Jobs = Sequence[Job]


class QueueCalls(Caller):
    """Calls on queues.

    Those on jobs that are held name them with their leases, and may be repeated:
    what a call does not change, because the lease is over or the job has ended, is
    in the answer's skipped."""

    def claim(
        self,
        queue: str,
        node: str,
        *,
        max: Optional[int] = None,
        lease_ms: Optional[int] = None,
        wait_ms: Optional[int] = None,
    ) -> Claimed:
        """Takes jobs. Each is held by the node until it is acked or nacked, or its lease
        is over. A claim is retried after any failure: jobs that a lost answer had are
        delivered again when their leases are over."""
        body = encode(node=node, max=max, lease_ms=lease_ms, wait_ms=wait_ms)
        return self._call(Claimed, Call("POST", topic_path(queue, "claim"), body=body, wait=wait_of(wait_ms)))

    def ack(self, queue: str, node: str, jobs: Jobs, *, then: Optional[Sequence[Write]] = None) -> Acked:
        """Ends jobs: they are done. The writes of then, at most 10, are made in the same
        step: either the jobs end and all of them are made, or nothing happens. If no
        job ends that is an ApiError with the code nothing_acked; after a retry it may
        mean that an earlier attempt did all of it."""
        return self._call(Acked, settle(queue, "ack", node, jobs, then=then))

    def nack(
        self,
        queue: str,
        node: str,
        jobs: Jobs,
        *,
        delay_ms: Optional[int] = None,
        dead: Optional[bool] = None,
        reason: Optional[str] = None,
        unstarted: Optional[bool] = None,
        leaving: Optional[bool] = None,
    ) -> Nacked:
        """Gives jobs back, to be delivered again: after delay_ms in place of the queue's
        back-off, or never if they are dead. unstarted: they were not begun, and the
        delivery does not count. leaving: the node is about to end its streams."""
        how = {"delay_ms": delay_ms, "dead": dead, "reason": reason, "unstarted": unstarted, "leaving": leaving}
        return self._call(Nacked, settle(queue, "nack", node, jobs, **how))

    def extend(self, queue: str, node: str, jobs: Jobs, *, lease_ms: Optional[int] = None) -> Extended:
        """Makes the leases end a time from now, which may be earlier than they would."""
        return self._call(Extended, settle(queue, "extend", node, jobs, lease_ms=lease_ms))

    def promote(self, queue: str, seqs: Sequence[int]) -> Promoted:
        """Makes delayed jobs due now, also those that wait after a failure."""
        return self._call(Promoted, Call("POST", topic_path(queue, "promote"), body=encode(seqs=list(seqs))))

    def release(self, queue: str, seqs: Sequence[int]) -> Released:
        """Takes jobs away from who holds them. It needs the scope of an administrator,
        and is not retried after a failure whose outcome is unknown."""
        call = Call("POST", topic_path(queue, "release"), body=encode(seqs=list(seqs)), repeatable=False)
        call.confirm = True
        return self._call(Released, call)

    def jobs(self, queue: str, state: str) -> Iterator[ListedJob]:
        """Yields the jobs in a state, in order of seq: ready, blocked, delayed,
        in_flight or dead."""
        query = parameters(state=state, limit=PAGE)
        return self._pages("jobs", topic_path(queue, "jobs"), query, lambda e: decode(ListedJob, e))

    def in_flight(self, queue: str) -> Iterator[ListedJob]:
        """Yields who holds which job until when, with the leases. It needs the scope of
        an administrator."""
        return self._pages("jobs", topic_path(queue, "inflight"), {"limit": PAGE}, lambda e: decode(ListedJob, e))

    def dead_letters(
        self,
        queue: str,
        *,
        match: Optional[Match] = None,
        reason: Optional[str] = None,
        before_seq: Optional[int] = None,
    ) -> Iterator[DeadLetter]:
        """Yields the dead letters of a queue, in order of seq."""
        query = parameters(match=match, reason=reason, before_seq=before_seq, limit=PAGE)
        return self._pages("dead_letters", topic_path(queue, "dead-letters"), query, lambda e: decode(DeadLetter, e))

    def redrive(
        self,
        queue: str,
        *,
        seqs: Optional[Sequence[int]] = None,
        match: Optional[Match] = None,
        reason: Optional[str] = None,
        before_seq: Optional[int] = None,
        limit: Optional[int] = None,
        rate: Optional[int] = None,
        dry_run: Optional[bool] = None,
    ) -> DeadLettersDone:
        """Puts dead letters back into their queue, each as a new job at its end. With
        dry_run it changes nothing, and counts those that are meant."""
        what = {"seqs": seqs, "match": match, "reason": reason, "before_seq": before_seq}
        body = encode(**what, limit=limit, rate=rate, dry_run=dry_run)
        # With a limit, a repeat would take the next ones.
        call = Call("POST", topic_path(queue, "redrive"), body=body, wait=REDRIVE_WAIT, repeatable=limit is None)
        call.confirm = True
        return self._call(DeadLettersDone, call)

    def purge_dead_letters(
        self,
        queue: str,
        *,
        match: Optional[Match] = None,
        reason: Optional[str] = None,
        before_seq: Optional[int] = None,
        limit: Optional[int] = None,
        dry_run: Optional[bool] = None,
    ) -> DeadLettersDone:
        """Deletes dead letters for good. It is not retried after a failure whose outcome
        is unknown, because others may have died meanwhile. With dry_run it changes
        nothing, and counts those that are meant."""
        query = parameters(match=match, reason=reason, before_seq=before_seq, limit=limit, dry_run=dry_run)
        call = Call("DELETE", topic_path(queue, "dead-letters"), query, wait=REDRIVE_WAIT, repeatable=False)
        call.confirm = True
        return self._call(DeadLettersDone, call)

    def delete_dead_letter(self, queue: str, seq: int) -> DeadLettersDone:
        """Deletes one dead letter for good."""
        call = Call("DELETE", topic_path(queue, "dead-letters", str(seq)), confirm=True, repeatable=False)
        return self._call(DeadLettersDone, call)

    def worker(self, queue: str, handler: Handler, options: Optional[WorkOptions] = None) -> Worker:
        """Returns a worker that has the handler do the jobs of a queue."""
        return Worker(self._transport, self._policy, queue, handler, options or WorkOptions())
