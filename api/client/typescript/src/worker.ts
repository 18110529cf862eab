import { ApiError, Reject, Retry, Unstarted } from "./errors.js";
import { Held, Task } from "./held.js";
import { Attempts, resumable, sleep } from "./retry.js";
import { fault, type Message, parse } from "./sse.js";
import { type Call, topicPath, type Transport } from "./transport.js";
import type { Acked, Extended, Job, LostEvent, Nacked, NackRequest, TopicState } from "./types.js";

/**
 * Does a job. If it returns the job is acked; if it throws the job goes back. Retry,
 * Reject and Unstarted say how. The signal is aborted with LeaseLost when another
 * worker may have the job, and with Stopped when the worker was stopped and the time
 * to finish is over.
 */
export type Handler = (job: Job, signal: AbortSignal) => Promise<void> | void;

/** How a job ended for this worker. */
export interface Ended {
  job: Job;
  /** What the handler threw. */
  error?: unknown;
  /** No handler had the job. */
  unbegun: boolean;
  /** Why the outcome does not count: the lease was lost before the queue learned of it. */
  lost?: string;
  /** Why the queue may not have learned of the outcome. */
  failure?: unknown;
}

/** Options of a worker. All of them may be left out. */
export interface WorkOptions {
  /** Who takes the jobs. It must not be shared with another worker that runs at the same time. By default random. */
  node?: string;
  /** How many handlers run at the same time; by default 1. */
  parallel?: number;
  /** How many more jobs are held, so that the next one is here when a handler ends. */
  ahead?: number;
  /** How long the queue waits for a sign of life of this worker; by default the queue's own. Leases are extended as long as a handler runs. */
  lease_ms?: number;
  /** Stops the worker. */
  signal?: AbortSignal;
  /** How long handlers may go on after that, in ms; by default 30 s. */
  stopAfter?: number;
  /** Called after each job. */
  ended?: (ended: Ended) => void;
}

// How long the queue may take to learn of outcomes after the time for handlers to
// finish is over, in ms.
const settleGrace = 5000;
// The server's bounds of a lease.
const [shortestLease, longestLease] = [100, 86_400_000];
// The longest reason of a dead letter, in bytes.
const maxReason = 1024;
// How many leases one call extends.
const extendBatch = 100;
// How often the server sends a sign of life, in ms.
const heartbeat = 15_000;

/** Names jobs and who holds them. */
export function holding(node: string, jobs: readonly Job[]): { node: string; seqs: number[]; lease_ids: string[] } {
  return { node, seqs: jobs.map((job) => job.$seq), lease_ids: jobs.map((job) => job.lease_id) };
}

/** One run of a worker. */
export class Worker {
  readonly #transport: Transport;
  readonly #queue: string;
  readonly #handler: Handler;
  readonly #o: WorkOptions;
  readonly #node: string;
  readonly #parallel: number;
  readonly #end = new AbortController(); // of the stream and the extensions
  readonly #held: Held;
  #lease = 0; // in ms
  #renew = new AbortController(); // asks for an extension of all leases

  constructor(transport: Transport, queue: string, handler: Handler, options: WorkOptions) {
    const { node, parallel = 1, ahead = 0 } = options;
    if (parallel < 1 || ahead < 0) throw new RangeError("parallel must be at least 1, and ahead not negative");
    this.#transport = transport;
    this.#queue = queue;
    this.#handler = handler;
    this.#o = options;
    this.#node = node ?? `worker-${crypto.randomUUID()}`;
    this.#parallel = parallel;
    this.#held = new Held(parallel, (task) => this.#handle(task));
  }

  /** Works until it is stopped, or an error that retries cannot resolve, which it throws. */
  async run(): Promise<void> {
    const { signal, lease_ms } = this.#o;
    this.#lease = Math.min(Math.max(lease_ms || (await this.#queueLease()), shortestLease), longestLease);
    const stopped = new Promise<"stopped">((resolve) => {
      if (signal?.aborted) resolve("stopped");
      signal?.addEventListener("abort", () => resolve("stopped"), { signal: this.#end.signal });
    });
    const kept = this.#keep();
    const received = this.#receive();
    try {
      const end = await Promise.race([stopped, received]);
      await this.#finish(end === "stopped");
    } catch (error) {
      await this.#finish(false);
      throw error;
    } finally {
      this.#end.abort();
      this.#renew.abort();
      await Promise.allSettled([kept, received]);
    }
  }

  async #queueLease(): Promise<number> {
    const call: Call = { method: "GET", path: topicPath(this.#queue), query: { touch: false } };
    return (await this.#transport.ask<TopicState>(call, "config")).config.lease_ms;
  }

  async #finish(reachable: boolean): Promise<void> {
    this.#held.stopping = true;
    await this.#giveBack(this.#held.unbegun(), reachable);
    const patience = setTimeout(() => this.#held.interrupt(), this.#o.stopAfter ?? 30_000);
    await this.#held.idle();
    clearTimeout(patience);
  }

  /** Returns jobs to the queue, and asks for no others. */
  async #giveBack(jobs: Job[], reachable = true): Promise<void> {
    let failure: unknown;
    if (reachable) {
      try {
        await this.#settle<Nacked>("nack", "nacked", jobs, { unstarted: true, leaving: true }, settleGrace);
      } catch (error) {
        failure = error;
      }
    }
    for (const job of jobs) this.#report({ job, unbegun: true, failure });
  }

  #settle<T extends object>(verb: string, field: string, jobs: Job[], how: object, limit?: number): Promise<T> {
    const body = { ...holding(this.#node, jobs), ...how };
    return this.#transport.ask<T>({ method: "POST", path: topicPath(this.#queue, verb), body, limit }, field);
  }

  /** Takes a job that the server has delivered. An earlier lease of it is over: calls name jobs by their seqs, so the two must not both be held. */
  #accept(job: Job): void {
    for (const other of this.#held.tasks()) {
      if (other.job.$seq === job.$seq) this.#lose(other.job.lease_id, "expired");
    }
    const task = new Task(job);
    task.holds(this.#lease, () => this.#lose(job.lease_id, "expired"));
    this.#held.add(task);
    // If it was on its way when the server learned that this worker stops.
    if (this.#held.stopping) void this.#giveBack(this.#held.unbegun());
  }

  async #handle(task: Task): Promise<void> {
    const ended: Ended = { job: task.job, unbegun: false };
    let failed = false;
    try {
      await this.#handler(task.job, task.end.signal);
    } catch (error) {
      failed = true;
      ended.error = error ?? new Error("the handler threw nothing");
    }
    this.#held.handled(task);
    const over = this.#held.over;
    if (task.lost) {
      ended.lost = task.lost;
    } else {
      try {
        const limit = over ? settleGrace : undefined;
        const done = failed
          ? await this.#settle<Nacked>("nack", "nacked", [task.job], returnOf(ended.error, over), limit)
          : await this.#settle<Acked>("ack", "acked", [task.job], {}, limit);
        const why = done.reasons[task.job.$seq];
        if (why) ended.lost = why;
      } catch (error) {
        ended.failure = error;
      }
    }
    this.#report(ended);
    this.#held.ended(task);
  }

  #report(ended: Ended): void {
    try {
      this.#o.ended?.(ended);
    } catch (error) {
      console.error(`topics: ended failed for job ${ended.job.$seq}:`, error);
    }
  }

  #lose(lease: string, reason: string): void {
    const job = this.#held.lose(lease, reason);
    if (job) this.#report({ job, unbegun: true, lost: reason });
  }

  /** Keeps the leases until the worker ends. */
  async #keep(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await sleep(this.#lease / 3, this.#renew.signal);
      if (this.#renew.signal.aborted) this.#renew = new AbortController();
      const tasks = this.#held.tasks();
      for (let i = 0; i < tasks.length && !this.#end.signal.aborted; i += extendBatch) {
        await this.#extend(tasks.slice(i, i + extendBatch));
      }
    }
  }

  /** Extends leases. An attempt that fails is made again a third of a lease later; meanwhile the leases may end. */
  async #extend(tasks: Task[]): Promise<void> {
    const jobs = tasks.map((task) => task.job);
    const asked = performance.now();
    let done: Extended;
    try {
      done = await this.#settle("extend", "extended", jobs, { lease_ms: this.#lease }, (this.#lease * 2) / 3);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        for (const job of jobs) this.#lose(job.lease_id, "gone");
      }
      return;
    }
    for (const task of this.#held.extended(tasks, done.reasons)) {
      task.holds(asked + this.#lease - performance.now(), () => this.#lose(task.job.lease_id, "expired"));
    }
    for (const job of jobs) {
      const why = done.reasons[job.$seq] ?? "held";
      if (why !== "held") this.#lose(job.lease_id, why); // held: another call on it is under way
    }
  }

  /** Receives jobs until the worker ends, or a failure that retries cannot resolve, which it throws. */
  async #receive(): Promise<void> {
    const attempts = new Attempts(this.#transport.policy);
    const query = { node: this.#node, max: this.#parallel + (this.#o.ahead ?? 0), lease_ms: this.#lease };
    const { signal } = this.#end;
    const call: Call = { method: "GET", path: topicPath(this.#queue, "work"), query, signal };
    for (;;) {
      try {
        let opened = false;
        for await (const message of this.#transport.stream(call, heartbeat + this.#transport.timeout)) {
          if (opened) attempts.succeeded();
          opened = true;
          if (message) this.#take(message);
        }
      } catch (error) {
        if (signal.aborted) return;
        // The server releases what a stream holds when it notices, but a restarted server
        // may still have the leases.
        this.#held.doubt();
        this.#renew.abort();
        await sleep(attempts.failed(error, resumable(error)), signal);
        if (this.#held.stopping) return; // there is nothing more to receive
      }
    }
  }

  #take({ event, data }: Message): void {
    switch (event) {
      case "job":
        return this.#accept(parse<Job>(data));
      case "lost": {
        const lost = parse<LostEvent>(data);
        return this.#lose(lost.lease_id, lost.reason);
      }
      case "topic-deleted":
        for (const task of this.#held.tasks()) this.#lose(task.job.lease_id, "gone");
        throw new ApiError(404, "topic_not_found", `queue "${this.#queue}" was deleted`);
      case "error":
        throw fault(data);
    }
  }
}

/** Returns how a job goes back whose handler threw. One that was interrupted did not fail. */
function returnOf(error: unknown, interrupted: boolean): Partial<NackRequest> {
  if (error instanceof Retry) return { delay_ms: error.delay_ms };
  if (error instanceof Reject) return error.reason ? { dead: true, reason: cut(error.reason) } : { dead: true };
  return error instanceof Unstarted || interrupted ? { unstarted: true } : {};
}

/** Returns the beginning of a text, at most maxReason bytes of whole characters. */
function cut(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxReason));
  return text.slice(0, read);
}
