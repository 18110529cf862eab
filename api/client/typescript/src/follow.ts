import { ApiError, RecordsLost } from "./errors.js";
import { Attempts, resumable, sleep } from "./retry.js";
import { fault, type Message, parse } from "./sse.js";
import type { Call, Transport } from "./transport.js";
import type {
  Batch,
  CaughtUpEvent,
  Record as StoredRecord,
  RecordEvent,
  Start,
  Tombstone,
  TopicDeletedEvent,
  WatchRequest,
  WatchSession,
} from "./types.js";

/** The next records of a topic: at least one, in order of seq. Each is delivered once. Reading on from to_seq skips nothing. */
export interface Records extends RecordEvent {
  type: "records";
}

/** All records up to the head have been delivered. */
export interface CaughtUp extends CaughtUpEvent {
  type: "caught-up";
}

/** The topic is gone. If it is made again, its records follow. */
export interface TopicDeleted extends TopicDeletedEvent {
  type: "topic-deleted";
}

/** What happened to a topic that is followed. Losses are no events: they are thrown as RecordsLost, or passed to onLoss. */
export type Event = Records | CaughtUp | TopicDeleted;

type Happening = Event | ({ type: "tombstone" } & Tombstone);

export interface FollowOptions {
  /** Called with each tombstone, in order with the records, in place of throwing it as RecordsLost. */
  onLoss?: (tombstone: Tombstone) => void;
  /** Ends the subscription, without an error. */
  signal?: AbortSignal;
}

/**
 * An endless iterator over events, in order. Each record comes once.
 *
 * Where records are lost, onLoss is called with the tombstone; without it next throws
 * RecordsLost, and the next event is what follows the gap: another loop over the same
 * subscription goes on. Any other error ends it. Leaving a loop with break ends it too.
 */
export class Subscription implements AsyncIterableIterator<Event> {
  readonly #end = new AbortController();
  readonly #events: AsyncGenerator<Happening>;
  readonly #onLoss: FollowOptions["onLoss"];

  constructor(run: (signal: AbortSignal) => AsyncGenerator<Happening>, options: FollowOptions) {
    this.#onLoss = options.onLoss;
    const { signal } = options;
    if (signal?.aborted) this.close();
    signal?.addEventListener("abort", () => this.close(), { signal: this.#end.signal });
    this.#events = run(this.#end.signal);
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    for (;;) {
      if (this.#end.signal.aborted) return { done: true, value: undefined };
      let result: IteratorResult<Happening>;
      try {
        result = await this.#events.next();
      } catch (error) {
        if (this.#end.signal.aborted) return { done: true, value: undefined };
        this.close();
        throw error;
      }
      if (result.done) return { done: true, value: undefined };
      const happening = result.value;
      if (happening.type !== "tombstone") return { done: false, value: happening };
      const { type: _, ...tombstone } = happening;
      if (!this.#onLoss) throw new RecordsLost(tombstone);
      this.#onLoss(tombstone);
    }
  }

  async return(): Promise<IteratorResult<Event, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  /** Ends the subscription, also while next waits. */
  close(): void {
    this.#end.abort();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

// How long one poll of follow waits at the server, which allows no more.
const followWait = 30_000;

/** Follows one topic by long polls. */
export async function* follow(
  topic: string,
  from: number,
  read: (from: number, wait: number) => Promise<Batch>,
): AsyncGenerator<Happening> {
  for (let atEnd = false; ; ) {
    const batch = await read(from, atEnd ? followWait : 0);
    // A poll that brought nothing has not left the end.
    const news = !atEnd || batch.next_from_seq !== from || batch.tombstone !== null;
    const { records, head_seq } = batch;
    if (batch.tombstone) yield { type: "tombstone", topic, ...batch.tombstone };
    if (records.length) yield { type: "records", topic, records, from_seq: from, to_seq: batch.next_from_seq, head_seq };
    from = batch.next_from_seq;
    atEnd = batch.caught_up;
    if (atEnd && news) yield { type: "caught-up", topic, head_seq };
  }
}

type Starts = { [topic: string]: Start | null };

/**
 * One watch: the server's session, which may replace earlier ones, and how far the
 * caller is. It is used by one iteration.
 */
export class Watch {
  /** The last seq accounted for of each known topic. */
  readonly #cursors = new Map<string, number>();
  readonly #topics: Starts;
  readonly #prefixes: Starts;
  readonly #options: WatchRequest;
  readonly #silence: number;
  #id = ""; // of the server's session
  // The last id that the stream gave, or where the session begins. It covers only what
  // has been delivered; the server may have sent more.
  #lastID = "";
  #opened = false; // the session may have had a stream
  #begun = false; // there has been a session before

  constructor(
    readonly transport: Transport,
    request: WatchRequest,
  ) {
    const { topics, prefixes, ...options } = request;
    this.#topics = topics ?? {};
    this.#prefixes = prefixes ?? {};
    this.#options = options;
    // The server's default, and its bounds.
    this.#silence = Math.min(Math.max(options.heartbeat_ms || 15_000, 1000), 60_000) + transport.timeout;
  }

  async *run(signal: AbortSignal): AsyncGenerator<Happening> {
    const attempts = new Attempts(this.transport.policy);
    while (!signal.aborted) {
      try {
        // Without the id of the last event the server would go on after what it has
        // sent, which may be more than what arrived.
        if (this.#id && (this.#lastID || !this.#opened)) {
          try {
            yield* this.#follow(attempts, signal);
          } catch (error) {
            if (!(error instanceof ApiError) || error.code !== "not_found") throw error;
            this.#id = ""; // the server has forgotten the session, for example by a restart
          }
        }
        yield* this.#create(signal);
        yield* this.#follow(attempts, signal);
      } catch (error) {
        if (signal.aborted) return;
        await sleep(attempts.failed(error, resumable(error)), signal);
      }
    }
  }

  /** Makes a session at the server that begins where this watch is. */
  async *#create(signal: AbortSignal): AsyncGenerator<Happening> {
    let topics = this.#topics;
    let prefixes = this.#prefixes;
    if (this.#begun) {
      // Topics that are gone are reported below. One of a prefix that is not known was
      // made after the last session, so it is read from its beginning.
      topics = Object.fromEntries([...this.#cursors].map(([topic, from_seq]) => [topic, { from_seq }]));
      prefixes = Object.fromEntries(Object.keys(prefixes).map((prefix) => [prefix, { from_seq: 0 }]));
    }
    const call: Call = { method: "POST", path: "/v0/watch", body: { ...this.#options, topics, prefixes }, signal };
    if (this.#begun) call.query = { lenient: true };
    const made = await this.transport.once<WatchSession>(call, "wid");
    this.#id = made.wid;
    this.#lastID = made.last_event_id ?? "";
    this.#opened = false;
    const gone = this.#begun ? [...this.#cursors].filter(([topic]) => !(topic in made.topics)) : [];
    this.#begun = true;
    for (const [topic, at] of Object.entries(made.topics)) {
      if (!this.#cursors.has(topic)) this.#cursors.set(topic, at.from_seq);
    }
    for (const [topic] of gone) this.#cursors.delete(topic);
    for (const [topic, head_seq] of gone) yield { type: "topic-deleted", topic, head_seq, reason: "deleted" };
  }

  /** Yields the events of the session's stream until it breaks, which is an error. */
  async *#follow(attempts: Attempts, signal: AbortSignal): AsyncGenerator<Happening> {
    const call: Call = { method: "GET", path: `/v0/watch/${this.#id}`, lastID: this.#lastID, signal };
    const before = this.#opened;
    this.#opened = true;
    let began = false;
    try {
      for await (const message of this.transport.stream(call, this.#silence)) {
        if (began) attempts.succeeded();
        began = true;
        if (!message) continue;
        const happening = this.#take(message);
        if (happening) yield happening;
        // Only now, because the id covers only what has been delivered.
        this.#lastID = message.id;
      }
    } catch (error) {
      // Refused by the server itself, and not by a proxy.
      if (!began && error instanceof ApiError && error.code) this.#opened = before;
      throw error;
    }
  }

  /** Returns the part of a message that was not delivered before. */
  #take({ event, data }: Message): Happening | undefined {
    switch (event) {
      case "record":
        return this.#records(parse<RecordEvent>(data));
      case "tombstone":
        return this.#tombstone(parse<Tombstone>(data));
      case "caught-up": {
        const caught = parse<CaughtUpEvent>(data);
        const at = this.#cursors.get(caught.topic);
        // The seqs in between were filtered out.
        if (at !== undefined) this.#cursors.set(caught.topic, Math.max(at, caught.head_seq));
        return { type: "caught-up", ...caught };
      }
      case "topic-deleted": {
        const deleted = parse<TopicDeletedEvent>(data);
        // If one of a prefix is made again, the prefix brings it back.
        if (deleted.topic in this.#topics) this.#cursors.set(deleted.topic, 0);
        else this.#cursors.delete(deleted.topic);
        return { type: "topic-deleted", ...deleted };
      }
      case "error":
        throw fault(data);
    }
    return undefined; // of a later server
  }

  #records(event: RecordEvent): Records | undefined {
    const at = this.#cursors.get(event.topic) ?? 0;
    const records: StoredRecord[] = event.records.filter((record) => record.$seq > at);
    this.#cursors.set(event.topic, Math.max(at, event.to_seq));
    if (!records.length) return undefined;
    return { type: "records", ...event, records, from_seq: Math.max(at, event.from_seq) };
  }

  #tombstone(lost: Tombstone): Happening | undefined {
    const at = this.#cursors.get(lost.topic) ?? 0;
    // A topic that was made again starts at 1: its gap may lie below the cursor.
    if (lost.reason !== "recreated") {
      if (lost.gap_to <= at) return undefined;
      lost = { ...lost, gap_from: Math.max(lost.gap_from, at + 1) };
    }
    this.#cursors.set(lost.topic, lost.gap_to);
    return { type: "tombstone", ...lost };
  }
}
