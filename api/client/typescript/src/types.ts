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
  records: Entry;
  /** For the records that name none. */
  node?: string | null;
  /** A repeat within the topic's window answers with the first one's seqs and appends nothing. */
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
  /** Only those whose tag matches: `x`, `x*`, or the JSON array. */
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
  /** Only those whose tag matches: `x`, `x*`, or the JSON array. */
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
