"""The jobs that a worker holds."""

from __future__ import annotations

import threading
from typing import Callable, Collection, Dict, List, Optional, Sequence, Set, Tuple

from .errors import LeaseLost, Stopped
from .jobs import Job
from .work import Task


class Held:
    """The jobs that a worker holds, and which of them handlers have. It is safe for
    concurrent use. start is called to begin a job, and must not block."""

    def __init__(self, parallel: int, start: Callable[[Task], None]) -> None:
        self._parallel, self._start = parallel, start
        self._mu = threading.Condition()  # guards all below; notified when a handler ends
        self._by_lease: Dict[str, Task] = {}  # until the queue has learned of the outcome
        self._waiting: List[Task] = []  # those of them that were not begun, in order of arrival
        self._busy: Set[int] = set()  # seqs that a handler has
        self._active = 0  # handlers, and ends of their jobs
        self._stopping = False  # no handler is begun any more
        self._over = False  # the handlers were interrupted

    def add(self, task: Task) -> bool:
        """Adds a job, and reports whether it will be begun."""
        with self._mu:
            self._by_lease[task.job.lease_id] = task
            self._waiting.append(task)
            self._begin()
            return not self._stopping

    def _begin(self) -> None:
        """Begins as many jobs as may be; _mu is held. A job whose lease is in doubt waits,
        and so does one that an earlier handler still has, having lost its lease."""
        if self._stopping:
            return
        left = []
        for task in self._waiting:
            if len(self._busy) >= self._parallel or task.doubt or task.job.seq in self._busy:
                left.append(task)
                continue
            self._busy.add(task.job.seq)
            self._active += 1
            self._start(task)
        self._waiting = left

    def handled(self, task: Task) -> Tuple[str, bool]:
        """Is called when a handler has returned. It returns why the lease is lost, if it
        is, and whether the handlers were interrupted. If it is not lost, it cannot be
        lost any more: the outcome is on its way."""
        with self._mu:
            self._busy.discard(task.job.seq)
            task.settling = not task.lost
            self._begin()
            return task.lost, self._over

    def ended(self, task: Task) -> None:
        """Is called when the queue has learned of the outcome, or will not."""
        with self._mu:
            self._by_lease.pop(task.job.lease_id, None)
            self._active -= 1
            self._mu.notify_all()

    def lose(self, lease_id: str, reason: str) -> Optional[Job]:
        """Ends a job whose lease is lost, unless its outcome is on its way. It returns
        the job if it was not begun."""
        with self._mu:
            task = self._by_lease.get(lease_id)
            if task is None or task.settling or task.lost:
                return None
            task.lost = reason
            task.lease._end(LeaseLost(task.job.seq, reason))
            if task not in self._waiting:
                return None
            self._waiting.remove(task)
            del self._by_lease[lease_id]
            return task.job

    def tasks(self) -> List[Task]:
        """Returns the jobs whose leases are to be kept, one for each seq: of one that was
        delivered again while its outcome was on its way, the later."""
        by_seq: Dict[int, Task] = {}
        with self._mu:
            for task in self._by_lease.values():
                other = by_seq.get(task.job.seq)
                if not task.lost and (other is None or other.settling):
                    by_seq[task.job.seq] = task
        return list(by_seq.values())

    def doubt(self) -> None:
        """Lets nothing begin that is held now, until its lease was extended."""
        with self._mu:
            for task in self._by_lease.values():
                task.doubt = True

    def extended(self, tasks: Sequence[Task], skipped: Collection[int], until: float) -> None:
        """Is called when leases were extended, but for those of some seqs."""
        with self._mu:
            for task in tasks:
                if task.job.seq not in skipped:
                    task.doubt = False
                    if not task.lost:
                        task.lease._until = until
            self._begin()

    def unbegun(self) -> List[Job]:
        """Takes out the jobs that were not begun."""
        with self._mu:
            jobs = [task.job for task in self._waiting]
            for job in jobs:
                del self._by_lease[job.lease_id]
            self._waiting = []
            return jobs

    def stop(self) -> None:
        """Begins no job any more."""
        with self._mu:
            self._stopping = True

    def stopping(self) -> bool:
        with self._mu:
            return self._stopping

    def interrupt(self) -> None:
        """Ends the leases that the handlers see."""
        with self._mu:
            self._over = True
            for task in self._by_lease.values():
                task.lease._end(Stopped("the worker was stopped"))

    def wait(self, seconds: Optional[float] = None) -> None:
        """Waits until all handlers have ended, or for so long."""
        with self._mu:
            self._mu.wait_for(lambda: self._active == 0, seconds)
