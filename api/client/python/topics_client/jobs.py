"""The types of queues, with the names of the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from .types import Written


@dataclass(frozen=True)
class Job:
    """A job that was delivered: its record, and the lease under which it is held."""

    seq: int
    lease_id: str
    #: The last moment of the lease, by the server's clock.
    deadline: int
    #: How often it was delivered, this time included.
    deliveries: int
    ts: int
    data: Any
    node: Optional[str] = None
    tag: Optional[str] = None
    group: Optional[str] = None
    unique_key: Optional[str] = None
    priority: Optional[int] = None
    meta: Optional[Dict[str, Any]] = None


@dataclass(frozen=True)
class Claimed:
    """The answer to a claim."""

    topic: str
    claimed: List[Job]
    count: int
    #: What a claim could take now.
    ready: int


@dataclass(frozen=True)
class Settled:
    """The answer to a call on jobs. What it did not change is in skipped, and why in
    reasons: gone, expired, held or unknown."""

    topic: str
    skipped: List[int]
    reasons: Dict[int, str]
    ready: int
    in_flight: int


@dataclass(frozen=True)
class Acked(Settled):
    """The answer to an ack."""

    acked: int
    #: What the writes of the ack answer, in their order.
    then: List[Written] = field(default_factory=list)


@dataclass(frozen=True)
class Nacked(Settled):
    """The answer to a nack."""

    nacked: int


@dataclass(frozen=True)
class Extended(Settled):
    """The answer to an extension of leases."""

    extended: int
    #: The new ones, by seq.
    deadlines: Dict[int, int]


@dataclass(frozen=True)
class Released(Settled):
    """The answer to a release."""

    released: int


@dataclass(frozen=True)
class Promoted(Settled):
    """The answer to a promotion."""

    promoted: int


@dataclass(frozen=True)
class ListedJob:
    """A job as a list has it. What its state has not is None."""

    seq: int
    state: str
    deliveries: int
    group: Optional[str] = None
    unique_key: Optional[str] = None
    priority: Optional[int] = None
    node: Optional[str] = None
    lease_id: Optional[str] = None
    deadline: Optional[int] = None
    due: Optional[int] = None
    since: Optional[int] = None
    source_seq: Optional[int] = None
    reason: Optional[str] = None


@dataclass(frozen=True)
class DeadLetter:
    """A job that was given up. Its seq is of the dead-letter topic."""

    seq: int
    source_seq: int
    deliveries: int
    #: max_deliveries, rejected, or what a worker gave.
    reason: str
    ts: int
    data: Any
    node: Optional[str] = None
    tag: Optional[str] = None
    group: Optional[str] = None
    unique_key: Optional[str] = None
    priority: Optional[int] = None
    meta: Optional[Dict[str, Any]] = None


@dataclass(frozen=True)
class DeadLettersDone:
    """What became of dead letters. Those that stay are in skipped."""

    topic: str
    count: int
    skipped: List[int]
    reasons: Dict[int, str]
    left: int
    seqs: List[int] = field(default_factory=list)
    #: True if nothing was done, and count is what would go.
    dry_run: Optional[bool] = None
    #: Of a dry run: the head of the dead-letter topic.
    head_seq: Optional[int] = None
