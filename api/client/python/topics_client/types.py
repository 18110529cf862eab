"""What goes over the wire, with the names of the OpenAPI document.

Requests are dictionaries, of which every key may be left out. Answers are frozen
objects; their attributes have the names of the document without the leading $.
Times are Unix ms, sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Literal, Mapping, Optional, Sequence, TypedDict, Union


Match = Union[str, Sequence[str]]
"""A predicate on a tag: "x" is the whole tag, "x*" what it begins with."""


class ConfigRequest(TypedDict, total=False):
    """A topic's config as a client sends it."""

    type: Literal["log", "queue"]
    ttl_ms: int
    cap_records: int
    cap_bytes: int
    discard: Literal["old", "reject"]
    durable: bool
    durability: Literal["ephemeral", "memory", "disk", "fsync"]
    priority: Optional[int]
    auto_priority: bool
    auto_create: bool
    idempotency_window_ms: int
    dedupe_node: bool
    lease_ms: int
    claim_jitter_ms: int
    max_deliveries: int
    dead_letter: Optional[str]
    leases_durable: bool
    retry_backoff_ms: int
    retry_backoff_max_ms: int
    group_concurrency: int
    paused: bool


class Entry(TypedDict, total=False):
    """A record to append. What stands after meta is for the jobs of a queue."""

    data: Any
    tag: Optional[str]
    node: Optional[str]
    meta: Optional[Mapping[str, Any]]
    delay_ms: int
    not_before: int
    group: Optional[str]
    unique_key: Optional[str]
    priority: Optional[int]


class Write(TypedDict, total=False):
    """A write that is made together with an ack."""

    topic: str
    records: Sequence[Entry]
    node: Optional[str]
    idempotency_key: Optional[str]
    create: Optional[bool]
    config: Optional[ConfigRequest]
    expected_head_seq: Optional[int]
    disable_backpressure: Optional[bool]


class Start(TypedDict, total=False):
    """Where to begin in a topic: after a seq, at a time, or at the end."""

    from_seq: Optional[int]
    from_ts: Optional[int]
    tail: Optional[bool]


class RouterRequest(TypedDict, total=False):
    """A router as a client sends it; source and dest are required."""

    source: str
    dest: str
    preserve_node: Optional[bool]
    preserve_tag: Optional[bool]
    create_dest: Optional[bool]
    filter: Optional[Match]
    allow_cycle: Optional[bool]
    guarantee: Optional[Literal["at_least_once", "exactly_once"]]


@dataclass(frozen=True)
class Config:
    """A topic's config, complete."""

    type: str
    ttl_ms: int
    cap_records: int
    cap_bytes: int
    discard: str
    durable: bool
    durability: str
    priority: Optional[int]
    auto_priority: bool
    auto_create: bool
    idempotency_window_ms: int
    dedupe_node: bool
    lease_ms: int
    claim_jitter_ms: int
    max_deliveries: int
    dead_letter: Optional[str]
    leases_durable: bool
    retry_backoff_ms: int
    retry_backoff_max_ms: int
    group_concurrency: int
    paused: bool


@dataclass(frozen=True)
class Configured:
    """The answer to a change of a config."""

    topic: str
    created: bool
    config: Config


@dataclass(frozen=True)
class QueueCounts:
    """Of a queue, its jobs by state: ready, blocked, delayed and in_flight together
    are the topic's count."""

    ready: int
    blocked: int
    in_flight: int
    delayed: int
    dead_lettered: int
    dead_letter_blocked: int
    lost: int
    oldest_ready_ms: int


@dataclass(frozen=True)
class TopicState:
    """The state of a topic."""

    topic: str
    type: str
    head_seq: int
    earliest_seq: int
    next_seq: int
    count: int
    bytes: int
    config: Config
    effective_priority: int
    last_write_ts: Optional[int]
    last_read_ts: Optional[int]
    subscribers: int
    queue: Optional[QueueCounts] = None


@dataclass(frozen=True)
class Caps:
    """What bounds a topic; 0 is off."""

    cap_records: int
    cap_bytes: int
    ttl_ms: int
    discard: str


@dataclass(frozen=True)
class ListedTopic:
    """A topic as a list has it. Rates are per second, over the last minute."""

    topic: str
    type: str
    head_seq: int
    earliest_seq: int
    count: int
    bytes: int
    durable: bool
    durability: str
    effective_priority: int
    write_rate: float
    write_bytes_rate: float
    read_rate: float
    last_write_ts: Optional[int]
    subscribers: int
    caps: Caps
    queue: Optional[QueueCounts] = None
    claim_rate: Optional[float] = None
    ack_rate: Optional[float] = None
    nack_rate: Optional[float] = None


@dataclass(frozen=True)
class TopicDeletion:
    """The answer to the deletion of a topic."""

    topic: str
    deleted: bool
    routers_removed: List[str]


@dataclass(frozen=True)
class Written:
    """The answer to a write."""

    topic: str
    first_seq: int
    last_seq: int
    head_seq: int
    count: int
    created: bool
    deduped: bool
    seqs: List[int] = field(default_factory=list)
    #: Those of seqs that live jobs with the same unique keys have; for them nothing
    #: was appended.
    deduped_seqs: List[int] = field(default_factory=list)


@dataclass(frozen=True)
class Record:
    """A record as the server delivered it."""

    seq: int
    ts: int
    node: Optional[str] = None
    tag: Optional[str] = None
    group: Optional[str] = None
    unique_key: Optional[str] = None
    priority: Optional[int] = None
    data: Any = None
    #: In place of data that is longer than preview_bytes: its beginning, and its length.
    data_preview: Optional[str] = None
    data_bytes: Optional[int] = None
    meta: Optional[Dict[str, Any]] = None


@dataclass(frozen=True)
class Tombstone:
    """Records that a reader would have had and that are lost: gap_from to gap_to."""

    topic: str
    gap_from: int
    gap_to: int
    reason: str
    earliest_seq: int
    head_seq: int
    missed_estimate: Optional[int] = None
    missed_at_least: Optional[int] = None


@dataclass(frozen=True)
class Batch:
    """The answer to a read."""

    topic: str
    records: List[Record]
    #: The last seq examined: from_seq of the next read.
    next_from_seq: int
    head_seq: int
    earliest_seq: int
    caught_up: bool
    tombstone: Optional[Tombstone]
    lag: int
    from_seq: Optional[int] = None


@dataclass(frozen=True)
class RecordsDeletion:
    """The answer to a deletion of records."""

    topic: str
    deleted: int
    earliest_seq: int
    head_seq: int
    count: int
    bytes: int


@dataclass(frozen=True)
class Preview:
    """What a deletion would take. One with before_seq one above this head_seq takes no
    more than that."""

    topic: str
    dry_run: bool
    count: int
    bytes: int
    head_seq: int
    #: Of a topic: the routers that would go with it, as far as the key sees them.
    routers_removed: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class Records:
    """An event: the next records of a topic, at least one, in order of seq. Each is
    delivered once."""

    topic: str
    records: List[Record]
    from_seq: int
    #: The last seq examined. Reading on from it skips nothing.
    to_seq: int
    head_seq: int


@dataclass(frozen=True)
class CaughtUp:
    """An event: all records up to the head have been delivered."""

    topic: str
    head_seq: int


@dataclass(frozen=True)
class TopicDeleted:
    """An event: the topic is gone. If it is made again, its records follow."""

    topic: str
    head_seq: int
    reason: str


Event = Union[Records, CaughtUp, TopicDeleted]
"""What happened to a topic that is followed. Losses are no events: they are raised
as RecordsLost, or passed to on_loss."""


@dataclass(frozen=True)
class Router:
    """A router."""

    router: str
    source: str
    dest: str
    preserve_node: bool
    preserve_tag: bool
    create_dest: bool
    filter: Optional[List[str]]
    allow_cycle: bool
    guarantee: str


@dataclass(frozen=True)
class RouterPut(Router):
    """The answer to a change of a router."""

    created: bool


@dataclass(frozen=True)
class RouterState(Router):
    """A router and its progress."""

    forwarded_total: int
    lag: int
    forwarded_rate: float
    state: str
    reason: Optional[str] = None
    blocked: Optional[str] = None


@dataclass(frozen=True)
class RouterDeletion:
    """The answer to the deletion of a router."""

    router: str
    deleted: bool
