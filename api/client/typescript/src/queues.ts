import { UnexpectedAnswer } from "./errors.js";
import { type Call, type ClientOptions, topicPath, Transport } from "./transport.js";
import type {
  Acked,
  Claimed,
  ClaimRequest,
  DeadLetter,
  DeadLettersDone,
  DeadLettersQuery,
  Extended,
  ExtendRequest,
  Job,
  JobState,
  ListedJob,
  Nacked,
  NackRequest,
  Promoted,
  PurgeQuery,
  RedriveRequest,
  Released,
  Write,
} from "./types.js";
import { type Handler, holding, Worker, type WorkOptions } from "./worker.js";

// How much longer than others calls may take that go through many dead letters, in ms.
const redriveWait = 600_000;

type Held = "node" | "seqs" | "lease_ids";

/**
 * Calls on queues.
 *
 * Those on jobs that are held name them with their leases, and may be repeated: what a
 * call does not change, because the lease is over or the job has ended, is in the
 * answer's skipped.
 */
export class QueueClient {
  /** @internal */
  protected readonly transport: Transport;

  constructor(url: string, options: ClientOptions = {}) {
    this.transport = new Transport(url, options);
  }

  protected ask<T extends object>(call: Call, field: string): Promise<T> {
    return this.transport.ask<T>(call, field);
  }

  /** Yields the entries of a list, page by page. */
  protected async *pages<T>(name: string, path: string, query: object): AsyncGenerator<T> {
    for (let cursor: unknown; ; ) {
      const page = await this.ask<{ [name: string]: unknown }>({ method: "GET", path, query: { ...query, cursor } }, name);
      const entries = page[name];
      if (!Array.isArray(entries)) throw new UnexpectedAnswer(`${path} has no list of ${name}`);
      yield* entries as T[];
      cursor = page["next_cursor"];
      if (!cursor) return;
    }
  }

  /**
   * Takes jobs. Each is held by the node until it is acked or nacked, or its lease is
   * over. A claim is retried after any failure: jobs that a lost answer had are
   * delivered again when their leases are over.
   */
  claim(queue: string, node: string, request: Omit<ClaimRequest, "node"> & { signal?: AbortSignal } = {}): Promise<Claimed> {
    const { signal, ...rest } = request;
    const wait = rest.wait_ms ?? 0;
    return this.ask({ method: "POST", path: topicPath(queue, "claim"), body: { node, ...rest }, wait, signal }, "claimed");
  }

  /**
   * Ends jobs: they are done. The writes of then, at most 10, are made in the same
   * step: either the jobs end and all of them are made, or nothing happens. If no job
   * ends that is an ApiError with the code nothing_acked; after a retry it may mean
   * that an earlier attempt did all of it.
   */
  ack(queue: string, node: string, jobs: readonly Job[], request: { then?: readonly Write[] } = {}): Promise<Acked> {
    return this.ask({ method: "POST", path: topicPath(queue, "ack"), body: { ...holding(node, jobs), ...request } }, "acked");
  }

  /** Gives jobs back, to be delivered again, or as dead letters. */
  nack(queue: string, node: string, jobs: readonly Job[], request: Omit<NackRequest, Held> = {}): Promise<Nacked> {
    return this.ask({ method: "POST", path: topicPath(queue, "nack"), body: { ...holding(node, jobs), ...request } }, "nacked");
  }

  /** Makes the leases end a time from now, which may be earlier than they would. */
  extend(queue: string, node: string, jobs: readonly Job[], request: Omit<ExtendRequest, Held> = {}): Promise<Extended> {
    return this.ask({ method: "POST", path: topicPath(queue, "extend"), body: { ...holding(node, jobs), ...request } }, "extended");
  }

  /** Makes delayed jobs due now, also those that wait after a failure. */
  promote(queue: string, seqs: readonly number[]): Promise<Promoted> {
    return this.ask({ method: "POST", path: topicPath(queue, "promote"), body: { seqs } }, "promoted");
  }

  /** Takes jobs away from who holds them. It needs the scope of an administrator, and is not retried after a failure whose outcome is unknown. */
  release(queue: string, seqs: readonly number[]): Promise<Released> {
    const path = topicPath(queue, "release");
    return this.ask({ method: "POST", path, body: { seqs }, confirm: true, repeatable: false }, "released");
  }

  /** Yields the jobs in a state, in order of seq. */
  jobs(queue: string, state: JobState): AsyncGenerator<ListedJob> {
    return this.pages("jobs", topicPath(queue, "jobs"), { state, limit: 1000 });
  }

  /** Yields who holds which job until when, with the leases. It needs the scope of an administrator. */
  inFlight(queue: string): AsyncGenerator<ListedJob> {
    return this.pages("jobs", topicPath(queue, "inflight"), { limit: 1000 });
  }

  /** Yields the dead letters of a queue, in order of seq. */
  deadLetters(queue: string, query: Omit<DeadLettersQuery, "limit"> = {}): AsyncGenerator<DeadLetter> {
    return this.pages("dead_letters", topicPath(queue, "dead-letters"), { ...query, limit: 1000 });
  }

  /** Puts dead letters back into their queue, each as a new job at its end. With dry_run it changes nothing, and counts those that are meant. */
  redrive(queue: string, request: RedriveRequest = {}): Promise<DeadLettersDone> {
    // With a limit, a repeat would take the next ones.
    const repeatable = request.limit === undefined;
    const path = topicPath(queue, "redrive");
    return this.ask({ method: "POST", path, body: request, wait: redriveWait, repeatable, confirm: true }, "count");
  }

  /**
   * Deletes dead letters for good. It is not retried after a failure whose outcome is
   * unknown, because others may have died meanwhile. With dry_run it changes nothing,
   * and counts those that are meant.
   */
  purgeDeadLetters(queue: string, query: PurgeQuery = {}): Promise<DeadLettersDone> {
    const path = topicPath(queue, "dead-letters");
    return this.ask({ method: "DELETE", path, query, wait: redriveWait, repeatable: false, confirm: true }, "count");
  }

  /** Deletes one dead letter for good. */
  deleteDeadLetter(queue: string, seq: number): Promise<DeadLettersDone> {
    const path = topicPath(queue, "dead-letters", String(seq));
    return this.ask({ method: "DELETE", path, repeatable: false, confirm: true }, "count");
  }

  /**
   * Has the handler do the jobs of a queue, which the server pushes over a stream. The
   * stream is opened again when it breaks and when the server restarts, for as long as
   * the client retries.
   *
   * A job is delivered at least once. While a handler runs its lease is extended; if the
   * lease is lost all the same, nothing that the handler does counts.
   *
   * When the signal is aborted, jobs that were not begun go back, and handlers may
   * finish for stopAfter. Then their signals are aborted, and what they leave goes back
   * uncounted. The promise is resolved when all handlers have ended, or rejected with
   * the error that retries could not resolve.
   */
  work(queue: string, handler: Handler, options: WorkOptions = {}): Promise<void> {
    return new Worker(this.transport, queue, handler, options).run();
  }
}
