import { ApiError, NoAnswer } from "./errors.js";

// The pauses between attempts double. Each is shortened by a random amount of up to
// half, so that the clients of a server that restarts do not all return at once. In ms.
const firstPause = 50;
const longestPause = 2000;

export interface Policy {
  /** How long a request is retried after its first failure, in ms. */
  retryFor: number;
  retrying?: ((error: unknown) => void) | undefined;
}

/** The attempts at one thing. */
export class Attempts {
  #failures = 0;
  #deadline = 0; // set on the first failure

  constructor(readonly policy: Policy) {}

  /** The next failure is the first again. */
  succeeded(): void {
    this.#failures = this.#deadline = 0;
  }

  /** Returns how long to wait before the next attempt, or throws the error if there is to be none. */
  failed(error: unknown, again: boolean): number {
    if (this.policy.retryFor <= 0 || !again) throw error;
    const now = performance.now();
    this.#deadline ||= now + this.policy.retryFor;
    if (now >= this.#deadline) throw error;
    this.policy.retrying?.(error);
    let pause = Math.min(firstPause * 2 ** this.#failures++, longestPause);
    pause -= (Math.random() * pause) / 2;
    if (error instanceof ApiError) pause = Math.max(pause, error.retryAfter);
    return Math.min(pause, this.#deadline - now);
  }
}

/**
 * Reports whether another attempt at a request makes sense. A 429, or the 503 of a
 * server that is starting or stopping, means that nothing was done. After any other
 * 503, a proxy's 502 or 504, or a broken connection the outcome is unknown, and only
 * a repeatable request may be sent again.
 */
export function retryable(error: unknown, repeatable: boolean): boolean {
  if (error instanceof NoAnswer) return repeatable && !hopeless(error);
  if (!(error instanceof ApiError)) return false;
  switch (error.status) {
    case 429:
      return true;
    case 502:
    case 504:
      return repeatable;
    case 503:
      return repeatable || error.code === "not_ready" || error.code === "shutting_down";
  }
  return false;
}

/** Reports whether a stream that ended so can be opened again. Reading is always safe to repeat. */
export function resumable(error: unknown): boolean {
  if (error instanceof ApiError) return [408, 429, 502, 503, 504].includes(error.status);
  return error instanceof NoAnswer && !hopeless(error);
}

/** Reports whether waiting cannot help: the certificate is not trusted, or the server does not speak TLS. */
function hopeless(error: NoAnswer): boolean {
  let cause: unknown = error.cause;
  while (cause instanceof Error) {
    const code = (cause as { code?: unknown }).code;
    if (typeof code === "string" && /CERT|SELF_SIGNED|ERR_TLS_|ERR_SSL_/.test(code)) return true;
    cause = cause.cause;
  }
  return false;
}

/** Waits, or until the signal is aborted, which is no error. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}
