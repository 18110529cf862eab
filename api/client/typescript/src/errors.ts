import type { Tombstone } from "./types.js";

/** What this package throws. */
export class TopicsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An answer of the server other than a success. */
export class ApiError extends TopicsError {
  constructor(
    readonly status: number,
    /** Stable, in snake_case; empty if the answer is not one of the server's own. */
    readonly code: string,
    readonly reason: string,
    readonly detail: { [name: string]: unknown } = {},
    /** How long the server asked to wait, in ms; may be 0. */
    readonly retryAfter = 0,
  ) {
    super(`server answered ${status}${code && " " + code}: ${reason}`);
  }
}

/**
 * The connection failed, or there was no answer in time; the cause says why. If the
 * request was a write, it may have been made.
 */
export class NoAnswer extends TopicsError {}

/** A success that is not what the server answers, but another program. */
export class UnexpectedAnswer extends TopicsError {}

/**
 * A reader came to records that are lost. Nothing after them was skipped: a
 * subscription goes on after them when it is asked for its next event, and a read
 * with the cursor tombstone.gap_to.
 */
export class RecordsLost extends TopicsError {
  constructor(readonly tombstone: Tombstone) {
    const { topic, gap_from, gap_to, reason } = tombstone;
    super(`topic "${topic}": records ${gap_from} to ${gap_to} are lost: ${reason}`);
  }
}

/**
 * The lease of a job is over: another worker may have the job, and the outcome of
 * this handler does not count.
 */
export class LeaseLost extends TopicsError {
  constructor(
    readonly seq: number,
    /** expired, released or gone. */
    readonly reason: string,
  ) {
    super(`the lease of job ${seq} is lost: ${reason}`);
  }
}

/** The worker was stopped, and the time for handlers to finish is over. */
export class Stopped extends TopicsError {
  constructor() {
    super("the worker was stopped");
  }
}

/** A handler throws it to have its job delivered again after a delay, in place of the queue's back-off. */
export class Retry extends TopicsError {
  constructor(
    readonly delay_ms: number,
    reason = "to be tried again",
  ) {
    super(reason);
  }
}

/** A handler throws it to move its job to the dead letters, whatever the number of deliveries. */
export class Reject extends TopicsError {
  constructor(readonly reason = "") {
    super(reason || "rejected");
  }
}

/** A handler throws it to give its job back without having begun it: the delivery does not count. */
export class Unstarted extends TopicsError {}
