"""What operators get to see of a server, with the names of the OpenAPI document. What
may get further names, such as the figures of the overview, is a dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional


@dataclass(frozen=True)
class Identity:
    """What a key may do. Without prefixes it sees all names."""

    key_id: str
    scopes: List[str]
    prefixes: List[str]
    keys_required: bool


@dataclass(frozen=True)
class Alive:
    """The answer of a process that serves requests, which it does during recovery too."""

    status: str
    version: str
    uptime_ms: int


@dataclass(frozen=True)
class Check:
    """What a check of the server's health found: healthy, degraded or unhealthy."""

    status: str
    reason: Optional[str] = None


@dataclass(frozen=True)
class HealthReport:
    """The checks of the server's health, by their names, and the worst of them."""

    status: str
    timestamp: str
    version: str
    node_id: str
    uptime_seconds: float
    phase: str
    checks: Dict[str, Check]
    total_shards: int
    active_shards: int
    shards: List[Dict[str, Any]]
    reason: Optional[str] = None


@dataclass(frozen=True)
class Rates:
    """What a server does in a second; None is unknown."""

    appends: Optional[float]
    reads: Optional[float]
    deliveries: Optional[float]
    claims: Optional[float]
    acks: Optional[float]
    requests: Optional[float]
    errors: Optional[float]


@dataclass(frozen=True)
class Within:
    """The topics within prefixes."""

    prefixes: List[str]
    topics: int
    queue_topics: int
    records_live: int
    bytes_live: int
    queue_ready: int
    queue_in_flight: int
    queue_delayed: int
    #: There are more topics than were counted.
    truncated: bool


@dataclass(frozen=True)
class Stats:
    """An overview of the server, which puts it together at most once a second."""

    version: str
    node_id: str
    timestamp: str
    uptime_ms: int
    phase: str
    health: str
    topics: Dict[str, Any]
    queues: Dict[str, int]
    wal: Dict[str, Any]
    storage: Dict[str, Any]
    connections: Dict[str, int]
    memory: Dict[str, int]
    #: Over the last second and the last minute: "1s" and "60s".
    rates: Dict[str, Rates]
    #: Of the log, that a start would replay now; None during recovery.
    replay_bytes: Optional[int]
    #: Of the log, that a power cut would lose now; None during recovery.
    unsynced_bytes: Optional[int]
    within: Optional[Within] = None


@dataclass(frozen=True)
class Syncs:
    """Syncs of the log by how long they took: for each step, how many in each bucket,
    and in the last one above all bounds."""

    bounds_us: List[float]
    counts: List[List[int]]


@dataclass(frozen=True)
class History:
    """What the server did in the last hour. times is when each step ended, and each of
    the series has a value for each step; None is unknown."""

    step_ms: int
    times: List[int]
    series: Dict[str, List[Optional[float]]]
    fsync: Syncs


@dataclass(frozen=True)
class Request:
    """A request in progress."""

    id: str
    method: str
    route: str
    key_id: str
    remote: str
    age_ms: float
    #: It can be cancelled.
    waiting: bool
    #: It is of the client's own key and host.
    you: bool
    topic: Optional[str] = None


@dataclass(frozen=True)
class RequestPage:
    """Requests in progress, the oldest first, and how many there are."""

    requests: List[Request]
    total: int


@dataclass(frozen=True)
class RequestCancellation:
    """Whether a request was cancelled, and the reason if not."""

    id: str
    cancelled: bool
    reason: Optional[str] = None


@dataclass(frozen=True)
class SessionTopic:
    """How far a session has got in a topic. A stream of jobs has no cursor."""

    topic: str
    cursor: Optional[int] = None
    lag: Optional[int] = None


@dataclass(frozen=True)
class Session:
    """A watch session, a stream of jobs or a WebSocket."""

    id: str
    kind: str
    key: str
    remote: str
    transport: str
    opened_ts: int
    #: The first 32 of topics_total.
    topics: List[SessionTopic]
    topics_total: int
    prefixes: int
    streaming: bool
    idle_ms: int
    sent_bytes: int
    received_bytes: int
    idle_until_ts: Optional[int] = None


@dataclass(frozen=True)
class SessionPage:
    """Sessions, the oldest first, and how many there are."""

    sessions: List[Session]
    total: int


@dataclass(frozen=True)
class CheckpointReport:
    """What a checkpoint did. It is durable."""

    checkpoint: int = 0
    unchanged: bool = False
    start_lsn: int = 0
    topics: int = 0
    segments_written: int = 0
    records: int = 0
    segment_bytes: int = 0
    log_files_released: int = 0
    duration_ms: float = 0.0


@dataclass(frozen=True)
class VerifyReport:
    """What a check of everything that is stored has read, and the damage it found, of
    which damages has the first 1000."""

    started: Optional[str] = None
    duration_ms: float = 0.0
    manifests: int = 0
    checkpoints: int = 0
    segments: int = 0
    log_files: int = 0
    blocks: int = 0
    pages: int = 0
    records: int = 0
    frames: int = 0
    bytes: int = 0
    damages: List[Dict[str, Any]] = field(default_factory=list)
    damages_total: int = 0


@dataclass(frozen=True)
class VerifyState:
    """How a check is doing: idle, running, done or failed."""

    state: str
    progress: float
    bytes_done: int
    bytes_total: int
    started_at: Optional[str] = None
    result: Optional[VerifyReport] = None
    error: Optional[str] = None


@dataclass(frozen=True)
class ErasedElsewhere:
    """What may still have erased records, and is not the server's."""

    backups_begun_before: str
    archive_files_before: Optional[str] = None


@dataclass(frozen=True)
class ErasureReceipt:
    """What an erasure did: what was deleted, evicted or expired before started_at is in
    no log file, checkpoint or segment any more."""

    started_at: Optional[str] = None
    finished_at: Optional[str] = None
    duration_ms: float = 0.0
    checkpoint: int = 0
    first_lsn: int = 0
    first_file: Optional[str] = None
    segments_checked: int = 0
    segments_rewritten: int = 0
    segments_removed: int = 0
    records_erased: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    elsewhere: Optional[ErasedElsewhere] = None


@dataclass(frozen=True)
class ErasureState:
    """How an erasure is doing: idle, running, done or failed."""

    state: str
    segments_checked: int
    segments_total: int
    started_at: Optional[str] = None
    step: Optional[str] = None
    #: backup or archive, if one of them keeps files that are to be removed.
    waits_for: Optional[str] = None
    result: Optional[ErasureReceipt] = None
    error: Optional[str] = None


@dataclass(frozen=True)
class Backup:
    """A backup that the server sent. What was acknowledged before through_ts is in it."""

    started_at: str
    finished_at: str
    bytes: int
    through_ts: int
    outcome: str
    verified_at: Optional[str]


@dataclass(frozen=True)
class Backups:
    """The last backups, and when the last good one ended."""

    backups: List[Backup]
    last_good_at: Optional[str]


@dataclass(frozen=True)
class BackupVerified:
    """The server has noted that a copy of a backup was checked."""

    through_ts: int
    verified_at: str


@dataclass(frozen=True)
class AuditEntry:
    """A call of an administrator, and its outcome: ok, or the code of the error."""

    ts: int
    key: str
    remote: str
    route: str
    target: str
    outcome: str
    took_ms: float
    suppressed: Optional[int] = None


@dataclass(frozen=True)
class AuditTrail:
    """Calls of administrators, the newest first."""

    entries: List[AuditEntry]
