import { LeaseLost, Stopped } from "./errors.js";
import type { Job } from "./types.js";

/** A job and what the worker knows of its lease. */
export class Task {
  readonly end = new AbortController();
  /** Why the lease is lost; empty if it is not. */
  lost = "";
  /** Set from when the stream breaks until an extension shows that the lease holds. */
  doubt = false;
  /** The outcome is on its way. */
  settling = false;
  #expiry: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly job: Job) {}

  /** Calls expire in so many ms, at which the lease is no longer certain. */
  holds(ms: number, expire: () => void): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(expire, ms);
  }

  forget(): void {
    clearTimeout(this.#expiry);
  }
}

/** The jobs that a worker holds, and which of them handlers have. */
export class Held {
  readonly #byLease = new Map<string, Task>(); // until the queue has learned of the outcome
  #waiting: Task[] = []; // those of them that were not begun, in order of arrival
  readonly #busy = new Set<number>(); // seqs that a handler has
  #active = 0; // handlers, and ends of their jobs
  #idle: (() => void) | undefined; // called when there are none
  stopping = false; // no handler is begun any more
  over = false; // the handlers were interrupted

  constructor(
    readonly parallel: number,
    readonly start: (task: Task) => Promise<void>,
  ) {}

  add(task: Task): void {
    this.#byLease.set(task.job.lease_id, task);
    this.#waiting.push(task);
    this.#begin();
  }

  /**
   * Begins as many jobs as may be. A job whose lease is in doubt waits, and so does
   * one that an earlier handler still has, having lost its lease.
   */
  #begin(): void {
    if (this.stopping) return;
    const left: Task[] = [];
    for (const task of this.#waiting) {
      if (this.#busy.size >= this.parallel || task.doubt || this.#busy.has(task.job.$seq)) {
        left.push(task);
        continue;
      }
      this.#busy.add(task.job.$seq);
      this.#active++;
      void this.start(task);
    }
    this.#waiting = left;
  }

  /** Is called when a handler has ended. Unless its lease is lost by then, it cannot be lost any more: the outcome is on its way. */
  handled(task: Task): void {
    this.#busy.delete(task.job.$seq);
    task.settling = !task.lost;
    this.#begin();
  }

  /** Is called when the queue has learned of the outcome, or will not. */
  ended(task: Task): void {
    task.forget();
    this.#byLease.delete(task.job.lease_id);
    if (--this.#active === 0) this.#idle?.();
  }

  /** Ends a job whose lease is lost, unless its outcome is on its way. It returns the job if it was not begun. */
  lose(lease: string, reason: string): Job | undefined {
    const task = this.#byLease.get(lease);
    if (!task || task.settling || task.lost) return undefined;
    task.lost = reason;
    task.forget();
    task.end.abort(new LeaseLost(task.job.$seq, reason));
    const at = this.#waiting.indexOf(task);
    if (at < 0) return undefined;
    this.#waiting.splice(at, 1);
    this.#byLease.delete(lease);
    return task.job;
  }

  /**
   * Returns the jobs whose leases are to be kept, one for each seq: of one that was
   * delivered again while its outcome was on its way, the later.
   */
  tasks(): Task[] {
    const bySeq = new Map<number, Task>();
    for (const task of this.#byLease.values()) {
      const other = bySeq.get(task.job.$seq);
      if (!task.lost && (!other || other.settling)) bySeq.set(task.job.$seq, task);
    }
    return [...bySeq.values()];
  }

  /** Lets nothing begin that is held now, until its lease was extended. */
  doubt(): void {
    for (const task of this.#byLease.values()) task.doubt = true;
  }

  /** Is called when leases were extended, but for those of some seqs. */
  extended(tasks: Task[], skipped: object): Task[] {
    const kept = tasks.filter((task) => !(task.job.$seq in skipped));
    for (const task of kept) task.doubt = false;
    this.#begin();
    return kept.filter((task) => !task.lost && this.#byLease.has(task.job.lease_id));
  }

  /** Takes out the jobs that were not begun. */
  unbegun(): Job[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const task of waiting) {
      task.forget();
      this.#byLease.delete(task.job.lease_id);
    }
    return waiting.map((task) => task.job);
  }

  /** Ends the signals of the handlers. */
  interrupt(): void {
    this.over = true;
    for (const task of this.#byLease.values()) task.end.abort(new Stopped());
  }

  /** Waits until all handlers have ended. */
  idle(): Promise<void> {
    return this.#active === 0 ? Promise.resolve() : new Promise((resolve) => (this.#idle = resolve));
  }
}
