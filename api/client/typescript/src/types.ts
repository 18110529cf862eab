// Written by scripts/types.js from the OpenAPI document. Do not edit.

/** A predicate on a record's tag: `"x"` is the whole tag, `"x*"` what it begins with; or as an array with an operator. A `Glob` has one `*`, at its end. Untagged records never match. */
export type Match = string | string[];

/** When a write is acknowledged: published in memory only, queued for the log, written to the log's file, or synced. */
export type Durability = "ephemeral" | "memory" | "disk" | "fsync";

export type TopicType = "log" | "queue";

export type JobState = "ready" | "blocked" | "delayed" | "in_flight" | "dead";

/** A topic's config as a client sends it. */
export interface ConfigRequest {
  /** Immutable. */
  type?: TopicType;
  /** A record expires when it is older; 0 is off. */
  ttl_ms?: number;
  /** Most live records; 0 is off. */
  cap_records?: number;
  /** Most live payload bytes; 0 is off. */
  cap_bytes?: number;
  /** What a full topic does with a write. */
  discard?: "old" | "reject";
  /** Shorthand where `durability` is absent: true is fsync, false disk. */
  durable?: boolean;
  durability?: Durability;
  /** Delivery priority, clamped to [-1000, 1000]; null is automatic. */
  priority?: number | null;
  /** Without `priority`: 500, halved every 30 s since the last read. */
  auto_priority?: boolean;
  /** May a write make this topic. */
  auto_create?: boolean;
  /** How long an idempotency key is remembered, at most 86400000 (a day): more is lowered to it. */
  idempotency_window_ms?: number;
  /** False turns the filtering by node off. */
  dedupe_node?: boolean;
  /** Queue: default lease, clamped to [100, 86400000]. */
  lease_ms?: number;
  /** Queue: cohort window, clamped to [0, 5000]. */
  claim_jitter_ms?: number;
  /** Queue: deliveries before a job is dead; 0 is off. */
  max_deliveries?: number;
  /** Queue: the topic that dead jobs move to; another one. */
  dead_letter?: string | null;
  /** Queue: are lease events logged. */
  leases_durable?: boolean;
  /** Queue: how long a job waits after its first failed delivery, and twice as long after each further one; 0 is off. Clamped to [0, 86400000]. */
  retry_backoff_ms?: number;
  /** Queue: the longest back-off. Clamped to [0, 86400000]. */
  retry_backoff_max_ms?: number;
  /** Queue: how many jobs of a group may be in flight at a time; at least 1. */
  group_concurrency?: number;
  /** Queue: no job is delivered; writes and acks go on. */
  paused?: boolean;
}

/** A topic's config, complete. */
export interface Config {
  /** Immutable. */
  type: TopicType;
  /** A record expires when it is older; 0 is off. */
  ttl_ms: number;
  /** Most live records; 0 is off. */
  cap_records: number;
  /** Most live payload bytes; 0 is off. */
  cap_bytes: number;
  /** What a full topic does with a write. */
  discard: "old" | "reject";
  /** Shorthand where `durability` is absent: true is fsync, false disk. */
  durable: boolean;
  durability: Durability;
  /** Delivery priority, clamped to [-1000, 1000]; null is automatic. */
  priority: number | null;
  /** Without `priority`: 500, halved every 30 s since the last read. */
  auto_priority: boolean;
  /** May a write make this topic. */
  auto_create: boolean;
  /** How long an idempotency key is remembered, at most 86400000 (a day): more is lowered to it. */
  idempotency_window_ms: number;
  /** False turns the filtering by node off. */
  dedupe_node: boolean;
  /** Queue: default lease, clamped to [100, 86400000]. */
  lease_ms: number;
  /** Queue: cohort window, clamped to [0, 5000]. */
  claim_jitter_ms: number;
  /** Queue: deliveries before a job is dead; 0 is off. */
  max_deliveries: number;
  /** Queue: the topic that dead jobs move to; another one. */
  dead_letter: string | null;
  /** Queue: are lease events logged. */
  leases_durable: boolean;
  /** Queue: how long a job waits after its first failed delivery, and twice as long after each further one; 0 is off. Clamped to [0, 86400000]. */
  retry_backoff_ms: number;
  /** Queue: the longest back-off. Clamped to [0, 86400000]. */
  retry_backoff_max_ms: number;
  /** Queue: how many jobs of a group may be in flight at a time; at least 1. */
  group_concurrency: number;
  /** Queue: no job is delivered; writes and acks go on. */
  paused: boolean;
}

export interface Configured {
  topic: string;
  created: boolean;
  config: Config;
}

/** Of a queue, its jobs by state: `ready`, `blocked`, `delayed` and `in_flight` together are `count`. */
export interface QueueCounts {
  /** What a claim could take now. */
  ready: number;
  /** Those that wait for an older job of their group. */
  blocked: number;
  /** Those that are leased. */
  in_flight: number;
  /** Those that wait for their time, or in back-off. */
  delayed: number;
  /** Those that moved to the dead-letter topic since the queue was made. */
  dead_lettered: number;
  /** Those here that the dead-letter topic could not take. */
  dead_letter_blocked: number;
  /** Those that a cap or the ttl took, in whatever state. */
  lost: number;
  /** How long the longest-ready job has been ready; 0 if none is. */
  oldest_ready_ms: number;
}

export interface TopicState {
  topic: string;
  type: TopicType;
  /** The last record's; 0 when never written. */
  head_seq: number;
  /** The first live record's; `head_seq+1` when there is none. */
  earliest_seq: number;
  next_seq: number;
  /** Live records. */
  count: number;
  /** Their payload. */
  bytes: number;
  config: Config;
  effective_priority: number;
  /** Null if never. */
  last_write_ts: number | null;
  /** Null if never. */
  last_read_ts: number | null;
  /** Subscriptions of watch sessions and WebSockets that cover the topic, by its name or a prefix. */
  subscribers: number;
  queue?: QueueCounts;
}

export interface TopicsQuery {
  /** Only names that begin with this. */
  prefix?: string;
  /** Only topics whose names have this in them. */
  contains?: string;
  /** Only logs, or only queues. */
  type?: TopicType;
  /** Only topics of this durability. */
  class?: Durability;
  /** What the list is sorted by. Equals are sorted by name. */
  sort?: "name" | "bytes" | "records" | "write_rate" | "last_write";
  /** The least first or the greatest; by default `asc` of names and `desc` of all else. */
  order?: "asc" | "desc";
}

export interface ListedTopic {
  topic: string;
  type: TopicType;
  head_seq: number;
  earliest_seq: number;
  count: number;
  bytes: number;
  durable: boolean;
  durability: Durability;
  effective_priority: number;
  /** Records written in a second, on average over the last minute. */
  write_rate: number;
  /** Their payload bytes. */
  write_bytes_rate: number;
  /** Records that reads brought in a second, on average over the last minute; those that one read brought for many subscribers count once. */
  read_rate: number;
  /** Unix ms; null if never. */
  last_write_ts: number | null;
  /** Subscriptions of watch sessions and WebSockets that cover the topic, by its name or a prefix. */
  subscribers: number;
  caps: {
    cap_records: number;
    cap_bytes: number;
    ttl_ms: number;
    discard: "old" | "reject";
  };
  queue?: QueueCounts;
  /** Queue: jobs claimed in a second, on average over the last minute. */
  claim_rate?: number;
  /** Queue: jobs acked. */
  ack_rate?: number;
  /** Queue: jobs nacked. */
  nack_rate?: number;
}

export interface TopicDeletion {
  topic: string;
  /** False if it was not there. */
  deleted: boolean;
  /** The routers that went with it, as far as the key sees them. */
  routers_removed: string[];
}

export interface Entry {
  /** Any JSON. It is kept as it is written. */
  data?: unknown;
  meta?: { [name: string]: unknown } | null;
  tag?: string | null;
  node?: string | null;
  /** Queue: no one gets the job before this time is over. Less than 0 is 0. */
  delay_ms?: number;
  /** Queue: no one gets the job before this time; `delay_ms` excludes it. At most ten years ahead. */
  not_before?: number;
  /** Queue: jobs of a group are delivered one after the other, in their order. */
  group?: string | null;
  /** Queue: while a job with this key is live, nothing is appended for another, which is answered with the seq of the first. */
  unique_key?: string | null;
  /** Queue: higher ones are delivered first. Clamped to [-100, 100]. */
  priority?: number | null;
}

export interface WriteRequest {
  records: Entry[];
  /** For the records that name none. */
  node?: string | null;
  /** A repeat within the topic's window is answered with the first one's `seqs` and `deduped_seqs`, and appends nothing. */
  idempotency_key?: string | null;
  /** May this write make the topic. */
  create?: boolean | null;
  /** For the topic if this write makes it. Needs the scope admin. */
  config?: ConfigRequest | null;
  /** Append only if the head is this. */
  expected_head_seq?: number | null;
  /** Wait for room instead of being throttled. */
  disable_backpressure?: boolean | null;
}

/** The body of a write, and its topic. */
export type Write = WriteRequest & {
  topic: string;
};

export interface Written {
  topic: string;
  first_seq: number;
  last_seq: number;
  /** One for each record. */
  seqs?: number[];
  /** Queue: those of `seqs` that live jobs with the same unique keys have, and for which nothing was appended. */
  deduped_seqs?: number[];
  head_seq: number;
  /** Records in this write. */
  count: number;
  /** This write made the topic. */
  created: boolean;
  /** They had been written before. */
  deduped: boolean;
}

export interface ReadRequest {
  /** The cursor: the last seq that is known. */
  from_seq?: number | null;
  /** In the place of `from_seq`: begin with the first record whose `$ts` is this time (Unix ms) or later. The answer has the seq before it as `from_seq`. If no earlier record is left, it is 0, and a tombstone says what was lost. */
  from_ts?: number | null;
  /** Most records; lowered to the server's limit. */
  limit?: number | null;
  /** Most payload bytes; lowered to 8 MiB. One record always comes. */
  max_batch_bytes?: number | null;
  /** Wait so long for something; lowered to 30000. */
  wait_ms?: number | null;
  include_tags?: boolean | null;
  include_meta?: boolean | null;
  /** Of data with more bytes, show only so many, as `data_preview` beside `data_bytes`; lowered to 65536, and 0 is off. */
  preview_bytes?: number | null;
  /** False: the read changes neither the topic's priority nor its rates. */
  touch?: boolean | null;
  /** Leave out records that come from these nodes. */
  node?: string | string[] | null;
  /** Only records whose tag matches. */
  match?: Match | null;
}

export interface Record {
  $seq: number;
  $ts: number;
  $node?: string;
  /** With include_tags. */
  $tag?: string;
  $group?: string;
  $unique_key?: string;
  $priority?: number;
  /** As it was written; always there, unless a watch left it out or it is longer than `preview_bytes`. */
  data?: unknown;
  /** The beginning of the text of `data`, which has more than `preview_bytes`, up to a whole character. */
  data_preview?: string;
  /** The bytes of `data`, beside `data_preview`. */
  data_bytes?: number;
  /** With include_meta. */
  meta?: { [name: string]: unknown };
}

export interface Tombstone {
  topic: string;
  /** `from_seq_too_old` stands for what was evicted before the stream began. */
  reason: "cap" | "ttl" | "mixed" | "recreated" | "source_trim" | "crash" | "corrupt" | "from_seq_too_old";
  gap_from: number;
  gap_to: number;
  /** The size of the gap. */
  missed_estimate?: number;
  /** So many seqs of the gap are known to have been given to records, deleted ones included; 0 when it is not known of any. */
  missed_at_least?: number;
  earliest_seq: number;
  head_seq: number;
}

export interface Batch {
  topic: string;
  records: Record[];
  /** With `from_ts`, the seq after which the read began. */
  from_seq?: number;
  /** The last seq examined; the next `from_seq`. */
  next_from_seq: number;
  head_seq: number;
  earliest_seq: number;
  caught_up: boolean;
  tombstone: {
    gap_from: number;
    gap_to: number;
    reason: "cap" | "ttl" | "mixed" | "recreated" | "source_trim" | "crash" | "corrupt";
    /** The size of the gap. */
    missed_estimate: number;
    /** So many seqs of the gap are known to have been given to records, deleted ones included; 0 when it is not known of any. */
    missed_at_least: number;
    earliest_seq: number;
    head_seq: number;
  } | null;
  /** Seqs from `next_from_seq` to the head. */
  lag: number;
}

export interface DeleteRequest {
  /** Those below, and not this one. */
  before_seq?: number | null;
  match?: Match | null;
  /** Change nothing, and answer what would go. */
  dry_run?: boolean | null;
}

export interface RecordsDeletion {
  topic: string;
  /** Records that this call took away. */
  deleted: number;
  earliest_seq: number;
  head_seq: number;
  count: number;
  bytes: number;
}

export interface Preview {
  topic: string;
  dry_run: true;
  /** Records that would go. */
  count: number;
  /** Their payload bytes. */
  bytes: number;
  head_seq: number;
  /** Of a topic: the routers that would go with it, as far as the key sees them. */
  routers_removed?: string[];
}

export interface Start {
  /** The last seq that is known. */
  from_seq?: number | null;
  /** In the place of both others, begin with the first record at this time (Unix ms) or later. */
  from_ts?: number | null;
  /** Begin at the head, whatever `from_seq`. */
  tail?: boolean | null;
}

/** At least one topic or prefix. */
export interface WatchRequest {
  topics?: { [name: string]: Start | null } | null;
  prefixes?: { [name: string]: Start | null } | null;
  /** Leave out records that come from these nodes. */
  node?: string | string[] | null;
  match?: Match | null;
  /** Most records of an event. */
  limit?: number | null;
  /** Most payload bytes of an event. */
  max_batch_bytes?: number | null;
  /** Clamped to [1000, 60000]. */
  heartbeat_ms?: number | null;
  include_meta?: boolean | null;
  include_tags?: boolean | null;
  include_data?: boolean | null;
  /** Of data with more bytes, show only so many, as `data_preview` beside `data_bytes`; lowered to 65536, and 0 is off. */
  preview_bytes?: number | null;
  /** False: following changes neither the topics' priorities nor their rates. */
  touch?: boolean | null;
  /** `strong` delivers only what is synced to disk. */
  consistency?: "eventual" | "strong" | null;
}

export interface WatchSession {
  wid: string;
  stream_url: string;
  session_ttl_ms: number;
  topics: { [name: string]: {
    from_seq: number;
    head_seq: number;
    earliest_seq: number;
  } };
  /** Where the session begins, as an event's `id` would say it. A client that sends it as `Last-Event-ID` with its first stream loses nothing if that breaks before anything has come. */
  last_event_id?: string;
}

export interface RecordEvent {
  topic: string;
  records: Record[];
  /** The cursor before. */
  from_seq: number;
  /** The cursor after. */
  to_seq: number;
  head_seq: number;
}

/** Everything up to the head has been sent. On every transition to that. */
export interface CaughtUpEvent {
  topic: string;
  head_seq: number;
}

/** The topic is gone. If it is made again, its records follow from the first. */
export interface TopicDeletedEvent {
  topic: string;
  head_seq: number;
  reason: string;
}

/** With a topic: it cannot be followed, and the others go on. Without: the stream ends. The code is an HTTP status, 503 on drain: connect again. */
export interface ErrorEvent {
  code: number;
  /** As `error.code` of an answer, or `stream_taken_over`, `session_closed`. */
  error: string;
  message: string;
  topic?: string;
  detail?: { [name: string]: unknown };
  /** When to try again, where that is known. */
  retry_after_ms?: number;
}

export interface RouterRequest {
  source: string;
  /** Another topic than the source. */
  dest: string;
  /** Copies keep the node. */
  preserve_node?: boolean | null;
  /** Copies keep the tag. */
  preserve_tag?: boolean | null;
  /** Make the ends that are missing; false: `404`. */
  create_dest?: boolean | null;
  /** Copy only records whose tag matches; null is all. */
  filter?: Match | null;
  /** May the router close a cycle. A record is forwarded at most 16 times and never twice into the same topic. */
  allow_cycle?: boolean | null;
  guarantee?: "at_least_once" | "exactly_once" | null;
}

export interface RouterPut {
  router: string;
  source: string;
  dest: string;
  preserve_node: boolean;
  preserve_tag: boolean;
  create_dest: boolean;
  /** As an array, whatever it was sent as; null is none. */
  filter: string[] | null;
  allow_cycle: boolean;
  guarantee: "at_least_once" | "exactly_once";
  created: boolean;
}

export interface RoutersQuery {
  /** Only names that begin with this. */
  prefix?: string;
  /** Only those that copy from this topic. */
  source?: string;
  /** Only those that copy into this topic. */
  dest?: string;
  /** What the list is sorted by. Equals are sorted by name. */
  sort?: "name" | "lag";
  /** The least first or the greatest; by default `asc` of names and `desc` of the lag. */
  order?: "asc" | "desc";
}

export interface RouterState {
  router: string;
  source: string;
  dest: string;
  preserve_node: boolean;
  preserve_tag: boolean;
  create_dest: boolean;
  /** As an array, whatever it was sent as; null is none. */
  filter: string[] | null;
  allow_cycle: boolean;
  guarantee: "at_least_once" | "exactly_once";
  /** Records forwarded so far. */
  forwarded_total: number;
  /** Seqs of the source that the router has not come to. */
  lag: number;
  /** Records forwarded in a second, on average over the last minute. */
  forwarded_rate: number;
  /** Blocked, the router waits for room, at its destination or on the disk, and goes on when there is some; stopped, it has an error that does not pass by itself, and tries again once a second. */
  state: "ok" | "blocked" | "stopped";
  /** Why the state is not ok; absent if it is. */
  reason?: string;
  /** The same as `reason`. */
  blocked?: string;
}

export interface RouterDeletion {
  router: string;
  /** False if it was not there. */
  deleted: boolean;
}

/** A job that was delivered. */
export interface Job {
  $seq: number;
  lease_id: string;
  /** The last moment of the lease. */
  deadline: number;
  /** How often it was delivered, this time included. */
  deliveries: number;
  $ts: number;
  /** Who wrote it. */
  $node?: string;
  $tag?: string;
  $group?: string;
  $unique_key?: string;
  $priority?: number;
  /** As it was written. */
  data: unknown;
  meta?: { [name: string]: unknown };
}

export interface ClaimRequest {
  node: string;
  /** Most jobs, clamped to [1, the server's limit]. */
  max?: number | null;
  /** How long the node has them; 0 is the queue's, else clamped to [100, 86400000]. */
  lease_ms?: number | null;
  /** Wait so long for the first; lowered to 30000. */
  wait_ms?: number | null;
}

export interface Claimed {
  topic: string;
  claimed: Job[];
  /** Of `claimed`. */
  count: number;
  /** What a claim could take now. */
  ready: number;
}

export interface Acked {
  topic: string;
  /** How many jobs ended. */
  acked: number;
  /** The other seqs, in the order of the request, each once. */
  skipped: number[];
  reasons: { [name: string]: "gone" | "expired" | "held" | "unknown" };
  ready: number;
  in_flight: number;
  /** What the writes answer, in their order. */
  then?: {
    topic: string;
    first_seq: number;
    last_seq: number;
    seqs: number[];
    deduped_seqs?: number[];
    head_seq: number;
    count: number;
    created: boolean;
    deduped: boolean;
  }[];
}

export interface NackRequest {
  node: string;
  seqs: number[];
  lease_ids?: string[] | null;
  /** In the place of the back-off, 0 included; clamped to [0, 86400000]. */
  delay_ms?: number | null;
  /** Move the jobs to the dead-letter topic now. */
  dead?: boolean | null;
  /** Of `dead`; `rejected` without one. */
  reason?: string | null;
  /** The jobs were not begun: the delivery does not count, and there is no back-off. */
  unstarted?: boolean | null;
  /** The node is about to end its streams: they are given no further jobs, and what they hold when they end goes back uncounted. */
  leaving?: boolean | null;
}

export interface Nacked {
  topic: string;
  /** How many jobs were given back. */
  nacked: number;
  /** The other seqs, in the order of the request, each once. */
  skipped: number[];
  reasons: { [name: string]: "gone" | "expired" | "held" | "unknown" };
  ready: number;
  in_flight: number;
}

export interface ExtendRequest {
  node: string;
  seqs: number[];
  lease_ids?: string[] | null;
  /** As in a claim. */
  lease_ms?: number | null;
}

export interface Extended {
  topic: string;
  /** How many leases have another deadline. */
  extended: number;
  /** The other seqs, in the order of the request, each once. */
  skipped: number[];
  reasons: { [name: string]: "gone" | "expired" | "held" | "unknown" };
  /** The new ones, by seq. */
  deadlines: { [name: string]: number };
  ready: number;
  in_flight: number;
}

export interface Promoted {
  topic: string;
  /** How many jobs are due now that were not. */
  promoted: number;
  /** The other seqs, in the order of the request, each once. */
  skipped: number[];
  reasons: { [name: string]: "gone" | "expired" | "held" | "unknown" };
  ready: number;
  in_flight: number;
}

export interface Released {
  topic: string;
  /** How many leases were taken away. */
  released: number;
  /** The other seqs, in the order of the request, each once. */
  skipped: number[];
  reasons: { [name: string]: "gone" | "expired" | "held" | "unknown" };
  ready: number;
  in_flight: number;
}

/** The stream no longer holds a job. `expired`: the lease was over. `released`: it was taken away. `gone`: the job ended. */
export interface LostEvent {
  topic: string;
  $seq: number;
  lease_id: string;
  reason: "expired" | "released" | "gone";
}

export interface ListedJob {
  /** Of a dead one: its seq in the dead-letter topic. */
  $seq: number;
  state: JobState;
  deliveries: number;
  $group?: string;
  $unique_key?: string;
  $priority?: number;
  /** In flight: who has it. */
  node?: string;
  /** In flight: only for administrators. */
  lease_id?: string;
  /** In flight: the last moment of the lease. */
  deadline?: number;
  /** Delayed: when it is due. */
  due?: number;
  /** Ready or blocked: since when. */
  since?: number;
  /** Dead: its seq in the queue. */
  source_seq?: number;
  /** Dead: why. */
  reason?: string;
}

export interface DeadLettersQuery {
  /** Only those whose tag matches. */
  match?: string;
  /** Only those that died for this reason. */
  reason?: string;
  /** Only those below this seq. */
  before_seq?: number;
  /** More than 1000 is lowered. */
  limit?: number;
}

export interface DeadLetter {
  /** In the dead-letter topic. */
  $seq: number;
  /** In the queue. */
  source_seq: number;
  deliveries: number;
  /** `max_deliveries`, `rejected`, or what the worker gave. */
  reason: string;
  $ts: number;
  $node?: string;
  $tag?: string;
  $group?: string;
  $unique_key?: string;
  $priority?: number;
  /** As it was written. */
  data: unknown;
  meta?: { [name: string]: unknown };
}

export interface PurgeQuery {
  /** Only those whose tag matches. */
  match?: string;
  /** Only those that died for this reason. */
  reason?: string;
  /** Only those below this seq. */
  before_seq?: number;
  /** Change nothing, and answer what would go. Where there is no dry run, asking for one is an error, and nothing is done. */
  dry_run?: boolean;
  /** Most dead letters that go; there is no limit without it. */
  limit?: number;
}

export interface RedriveRequest {
  /** Seqs of dead letters; without it all that match. */
  seqs?: number[] | null;
  /** Only those whose tag matches. */
  match?: Match | null;
  /** Only those that died for this reason. */
  reason?: string | null;
  /** Only those below this seq. */
  before_seq?: number | null;
  /** Most dead letters; 0 is no limit. */
  limit?: number | null;
  /** Most dead letters per second; 0 is no limit. */
  rate?: number | null;
  /** Change nothing, and answer which are meant. */
  dry_run?: boolean | null;
}

export interface DeadLettersDone {
  topic: string;
  /** It was a dry run, and nothing was done. */
  dry_run?: true;
  /** How many dead letters went; in a dry run, would go. */
  count: number;
  /** Of a replay of one: the seq of the new job. */
  seqs?: number[];
  /** Those that stay, the first 1000. */
  skipped: number[];
  /** Why, for each of `skipped`, by seq. */
  reasons: { [name: string]: string };
  /** Records that the dead-letter topic still has. */
  left: number;
  /** Of a dry run: the head of the dead-letter topic. */
  head_seq?: number;
}

export interface Identity {
  /** The key's id; never a part of the secret. `anonymous` where there are no keys. */
  key_id: string;
  scopes: ("read" | "write" | "delete" | "admin-read" | "admin-write")[];
  /** What the names begin with that the key sees. Empty for all names. */
  prefixes: string[];
  /** The server has keys. */
  keys_required: boolean;
}

export interface Alive {
  status: "ok";
  version: string;
  uptime_ms: number;
}

export interface Check {
  status: "healthy" | "degraded" | "unhealthy";
  reason?: string;
}

export interface HealthReport {
  status: "healthy" | "degraded" | "unhealthy";
  /** Why /ready is 503. */
  reason?: string;
  /** When the checks ran. */
  timestamp: string;
  version: string;
  node_id: string;
  uptime_seconds: number;
  phase: "starting" | "replaying" | "ready" | "draining" | "stopped" | "failed";
  checks: { [name: string]: Check };
  total_shards: number;
  active_shards: number;
  shards: {
    id: number;
    status: "healthy" | "degraded" | "unhealthy";
    /** Always true. */
    is_leader: boolean;
    /** How often the server has been started on its data; 0 before it is ready. */
    raft_term: number;
    /** What is synced. */
    commit_index: number;
    /** What of it is applied to the indexes. */
    last_applied: number;
  }[];
}

/** In a second. `null` is unknown. */
export interface Rates {
  /** Records that were written. */
  appends: number | null;
  /** Reads that were answered. */
  reads: number | null;
  /** Records that were read, streamed or delivered as jobs. */
  deliveries: number | null;
  /** Jobs that were claimed. */
  claims: number | null;
  /** Jobs that were acked. */
  acks: number | null;
  /** Requests and WebSocket commands that were answered. */
  requests: number | null;
  /** Those of them that were refused, with a status from 400 on. */
  errors: number | null;
}

/** The topics within prefixes. */
export interface Within {
  prefixes: string[];
  topics: number;
  queue_topics: number;
  records_live: number;
  bytes_live: number;
  queue_ready: number;
  queue_in_flight: number;
  queue_delayed: number;
  /** There are more than about 10,000 topics; only those were counted. */
  truncated: boolean;
}

export interface Stats {
  version: string;
  node_id: string;
  timestamp: string;
  uptime_ms: number;
  phase: "starting" | "replaying" | "ready" | "draining" | "stopped" | "failed";
  health: "healthy" | "degraded" | "unhealthy";
  topics: {
    topics?: number;
    topics_ephemeral?: number;
    topics_memory?: number;
    topics_disk?: number;
    topics_fsync?: number;
    queue_topics?: number;
    records_live?: number;
    bytes_live?: number;
    ephemeral_bytes?: number;
    idempotency?: {
      keys: number;
      bytes: number;
      refused: number;
    };
    appended_records?: number;
    appended_bytes?: number;
    delivered_records?: number;
    delivered_bytes?: number;
    evicted?: {
      cap: number;
      ttl: number;
    };
    records_deleted?: number;
    damaged_pages?: number;
    tombstones?: { [name: string]: number };
  };
  queues: {
    ready: number;
    blocked: number;
    delayed: number;
    leases_in_flight: number;
    dead_letter_blocked: number;
    claimed: number;
    acked: number;
    nacked: number;
    extended: number;
    released: number;
    promoted: number;
    expired: number;
    dead_lettered: number;
    lost: number;
  };
  wal: {
    fsyncs: number;
    frames: number;
    batches: number;
    bytes_written: number;
    rotations?: number;
    queue_depth: number;
    queue_depth_peak?: number;
    submit_full_total?: number;
    read_only: 0 | 1;
    disk_full?: 0 | 1;
    unsynced_bytes?: number;
    fsync_count?: number;
    fsync_micros_total?: number;
    fsync_p50_us?: number;
    fsync_p99_us?: number;
    fsync_latency_us?: {
      /** A pattern. */
      route?: string;
      method?: string;
      code?: string;
      count: number;
      sum: number;
      buckets: {
        /** The upper bound, `+Inf` last. */
        le: string;
        /** How many values were at most that. */
        count: number;
      }[];
    };
    /** Frames that one sync made durable together. */
    group_frames?: {
      /** A pattern. */
      route?: string;
      method?: string;
      code?: string;
      count: number;
      sum: number;
      buckets: {
        /** The upper bound, `+Inf` last. */
        le: string;
        /** How many values were at most that. */
        count: number;
      }[];
    };
  };
  storage: {
    checkpoints?: number;
    checkpoint_failures?: number;
    checkpoint_duration_seconds?: number;
    checkpoint_age_seconds?: number;
    replay_bytes?: number;
    wal_files?: number;
    wal_size_bytes?: number;
    wal_files_released?: number;
    wal_files_recycled?: number;
    segments?: number;
    cold_segments?: number;
    segment_bytes?: number;
    cold_segment_bytes?: number;
    segment_index_bytes?: number;
    segment_records?: number;
    merges?: number;
    merge_read_bytes?: number;
    merge_written_bytes?: number;
    reclaimed_bytes?: number;
    relocations?: number;
    cache_hits?: number;
    disk_reads_in_flight?: number;
    disk_reads_waiting?: number;
    cache_misses?: number;
    cache_bytes?: number;
    work_bytes?: number;
    work_max_bytes?: number;
    archived_files?: number;
    archive_waiting_files?: number;
    archive_waiting_bytes?: number;
    reserve_missing?: number;
    archive_failures?: number;
    verify_runs?: number;
    verify_damaged?: number;
    verify_age_seconds?: number;
    damaged_reads?: number;
    storage_failing?: number;
    /** Of the last attempt; empty if it worked. */
    last_error?: string;
  };
  connections: { [name: string]: number };
  /** In bytes, but for `goroutines`. */
  memory: { [name: string]: number };
  rates: {
    "1s": Rates;
    "60s": Rates;
  };
  /** Of the log, that a start at this moment would replay; `null` until recovery is through. */
  replay_bytes: number | null;
  /** Of the log, that a power cut at this moment would lose; likewise. */
  unsynced_bytes: number | null;
  within?: Within;
}

export interface HistoryQuery {
  /** How far to go back; a multiple of 5s from 5s to 1h. */
  span?: string;
  /** Length of a step; a multiple of 5s, at most the span. */
  step?: string;
}

export interface History {
  step_ms: number;
  /** When each step ended. The first and the last one may be shorter than the others. */
  times: number[];
  /** By name, a value for each step. `queue_dead` is the jobs that became dead letters since the start. */
  series: { [name: string]: (number | null)[] };
  fsync: {
    /** Upper bounds of the buckets. */
    bounds_us: number[];
    /** For each step, the syncs of the log in each bucket; the last bucket has those above all bounds. They are not cumulative. */
    counts: number[][];
  };
}

export interface PageQuery {
  /** More than 1000 is lowered. */
  limit?: number;
  offset?: number;
}

export interface Request {
  id: string;
  method: string;
  /** The pattern of its path. */
  route: string;
  /** The id of the key; never a part of the secret. */
  key_id: string;
  /** Address of the client. */
  remote: string;
  /** In the path, as it was sent; at most 256 bytes. */
  topic?: string;
  age_ms: number;
  /** For records or jobs, or it is a backup: it can be cancelled. */
  waiting: boolean;
  /** It is of the caller's key and comes from the same host. */
  you: boolean;
}

export interface RequestPage {
  requests: Request[];
  total: number;
}

export interface RequestCancellation {
  id: string;
  cancelled: boolean;
  /** Why it was not. */
  reason?: string;
}

export interface SessionsQuery {
  /** More than 1000 is lowered. */
  limit?: number;
  offset?: number;
  /** Only those of the key with this id. */
  key?: string;
  /** Only those that follow this topic. */
  topic?: string;
  /** Only those that follow a topic whose name begins with this. */
  prefix?: string;
}

export interface SessionTopic {
  topic: string;
  /** The last seq that was sent or passed over; a stream of jobs has none. */
  cursor?: number;
  /** Seqs between that and the head. */
  lag?: number;
}

export interface Session {
  id: string;
  kind: "watch" | "work" | "websocket";
  /** The id of the key; never a part of the secret. */
  key: string;
  opened_ts: number;
  /** Address of the client of its stream, or of who opened it. */
  remote: string;
  /** `none`: no stream is open. */
  transport: "sse" | "websocket" | "none";
  topics: SessionTopic[];
  topics_total: number;
  prefixes: number;
  /** Since the last event, message or request, heartbeats apart. */
  idle_ms: number;
  /** Of events and messages, without what the protocols add. */
  sent_bytes: number;
  /** Likewise. */
  received_bytes: number;
  /** A stream is open. */
  streaming: boolean;
  /** When a session without a stream is dropped. */
  idle_until_ts?: number;
}

export interface SessionPage {
  sessions: Session[];
  total: number;
}

export interface CheckpointReport {
  /** Its number. */
  checkpoint?: number;
  /** Nothing had been written since that one. */
  unchanged?: boolean;
  /** Where in the log a recovery would begin. */
  start_lsn?: number;
  topics?: number;
  segments_written?: number;
  /** That went from the log into segments. */
  records?: number;
  segment_bytes?: number;
  log_files_released?: number;
  duration_ms?: number;
}

export interface VerifyReport {
  started?: string;
  duration_ms?: number;
  manifests?: number;
  checkpoints?: number;
  segments?: number;
  log_files?: number;
  blocks?: number;
  pages?: number;
  /** In segments. */
  records?: number;
  /** Of the log. */
  frames?: number;
  bytes?: number;
  /** The first 1000 damaged places. */
  damages?: {
    file: string;
    offset: number;
    lsn?: number;
    /** Its id. */
    topic?: number;
    from?: number;
    to?: number;
    cause: string;
  }[];
  damages_total?: number;
}

export interface VerifyState {
  /** `idle`: there was none since the start. */
  state: "idle" | "running" | "done" | "failed";
  started_at?: string;
  /** 1 only when it is done. */
  progress: number;
  bytes_done: number;
  bytes_total: number;
  /** The report, as `POST` answers it. */
  result?: VerifyReport;
  /** Why it could not read everything. */
  error?: string;
}

/** What was deleted, evicted or expired before `started_at` is in no log file, checkpoint or segment. */
export interface ErasureReceipt {
  started_at?: string;
  finished_at?: string;
  duration_ms?: number;
  /** The oldest checkpoint that recovery may begin from. */
  checkpoint?: number;
  /** Where the oldest log file begins that is left. */
  first_lsn?: number;
  /** The name of that file. */
  first_file?: string;
  segments_checked?: number;
  /** Those with dead records and others. */
  segments_rewritten?: number;
  /** Those with nothing but dead records. */
  segments_removed?: number;
  /** From these segments; those that were only in the log are not counted. */
  records_erased?: number;
  /** Of the segments that were rewritten or removed. */
  bytes_read?: number;
  /** Of the segments in their place. */
  bytes_written?: number;
  /** What may still have them, and is the operator's. */
  elsewhere?: {
    /** Archived log files before that name; absent without an archive. */
    archive_files_before?: string;
    backups_begun_before: string;
  };
}

export interface ErasureState {
  /** `idle`: there was none since the start. */
  state: "idle" | "running" | "done" | "failed";
  started_at?: string;
  /** Of one that is running, or where it failed. */
  step?: "checkpoints" | "segments" | "files";
  segments_checked: number;
  /** 0 until it is known. */
  segments_total: number;
  /** What keeps files that are to be removed. */
  waits_for?: "backup" | "archive" | "disk";
  /** The receipt, as `POST` answers it. */
  result?: ErasureReceipt;
  /** Why it failed, or why the disk keeps a file. */
  error?: string;
}

export interface Backup {
  started_at: string;
  finished_at: string;
  /** Bytes that were sent. */
  bytes: number;
  /** Unix ms: what was acknowledged before is in the backup. 0 if it was not begun. */
  through_ts: number;
  /** good: all of it was sent. */
  outcome: "good" | "failed";
  /** When it was last reported as verified. */
  verified_at: string | null;
}

export interface Backups {
  backups: Backup[];
  /** When the last good backup ended. */
  last_good_at: string | null;
}

export interface BackupVerified {
  through_ts: number;
  verified_at: string;
}

export interface AuditEntry {
  /** When the call was answered, in Unix milliseconds. The entry of a repeated read was written up to a minute later. */
  ts: number;
  /** The key's id; `anonymous` without one. */
  key: string;
  /** Address of the client. */
  remote: string;
  /** Method and pattern. */
  route: string;
  /** The name in the path, else `server`; at most 256 bytes. */
  target: string;
  /** `ok`, or the error's code. */
  outcome: string;
  took_ms: number;
  /** Entries that were left out before this one: of callers without a known key, or of the same read. */
  suppressed?: number;
}

export interface AuditTrail {
  entries: AuditEntry[];
}
