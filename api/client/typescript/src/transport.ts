import { ApiError, NoAnswer, TopicsError, UnexpectedAnswer } from "./errors.js";
import { Attempts, type Policy, retryable, sleep } from "./retry.js";
import { type Message, parse, Parser } from "./sse.js";

/** One request to the server. */
export interface Call {
  method: string;
  path: string;
  query?: object | undefined;
  body?: object | undefined;
  /** How long the server may wait before it answers, in ms. */
  wait?: number | undefined;
  /** Repeating the call after an unknown outcome is harmless, unless this is false. */
  repeatable?: boolean;
  /** Sets X-Confirm, which calls of administrators require. */
  confirm?: boolean;
  /** Last-Event-ID of a resumed stream. */
  lastID?: string;
  /** All attempts together end after so many ms. */
  limit?: number | undefined;
  /** A 503 that has the field of the answer is no refusal, but a report that was asked for. */
  report?: boolean;
  signal?: AbortSignal | undefined;
}

/** Options of a client. All of them may be left out. */
export interface ClientOptions {
  /** The API key, sent with every request. */
  key?: string;
  /**
   * How long a request is retried after its first failure, in ms; 0 throws every
   * failure at once. It should be shorter than the topics' idempotency_window_ms (by
   * default two minutes): after that the server no longer knows an idempotency key.
   */
  retryFor?: number;
  /** Called with each failure that will be retried. */
  retrying?: (error: unknown) => void;
  /** How long one attempt may take, in ms, in addition to the time that a long poll asks the server to wait; by default 30 s. */
  timeout?: number;
  /** Called with what an answer warns of; by default it goes to console.warn. */
  warned?: (warning: string) => void;
  /** What sends the requests; by default the global fetch. */
  fetch?: typeof fetch;
}

/** Sends requests to one server. */
export class Transport {
  readonly timeout: number;
  readonly policy: Policy;
  readonly #base: string;
  readonly #key: string;
  readonly #fetch: typeof fetch;
  readonly #warned: (warning: string) => void;

  constructor(url: string, options: ClientOptions) {
    const { key = "", retryFor = 0, retrying, timeout = 30_000, warned, fetch: send } = options;
    if (!/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(url)) throw new TypeError(`server address "${url}" must be http://host:port`);
    if (!/^[!-~]*$/.test(key)) throw new TypeError("the API key may contain only visible ASCII characters");
    this.#base = url.replace(/\/+$/, "");
    this.#key = key;
    this.policy = { retryFor, retrying };
    this.timeout = timeout;
    this.#warned = warned ?? ((warning) => console.warn(`topics: ${warning}`));
    this.#fetch = send ?? ((input, init) => fetch(input, init));
  }

  /** Sends the call, with retries, and returns its success, which has the field. */
  async ask<T extends object>(call: Call, field: string): Promise<T> {
    const attempts = new Attempts(this.policy);
    const end = performance.now() + (call.limit ?? Infinity);
    for (;;) {
      let pause: number;
      try {
        return await this.once<T>(call, field, end - performance.now());
      } catch (error) {
        call.signal?.throwIfAborted();
        pause = attempts.failed(error, retryable(error, call.repeatable ?? true));
        if (performance.now() + pause >= end) throw error;
      }
      await sleep(pause, call.signal);
      call.signal?.throwIfAborted();
    }
  }

  /** Sends the call once. */
  async once<T extends object>(call: Call, field: string, limit = Infinity): Promise<T> {
    const within = Math.max(1, Math.min(this.timeout + (call.wait ?? 0), limit));
    const clock = new Clock(call, `no answer within ${Math.round(within)} ms`);
    clock.start(within);
    let text: string;
    try {
      const answer = await this.#send(call, clock.signal, {});
      text = await answer.text();
      const report = call.report && answer.status === 503 && has(text, field);
      if (!answer.ok && !report) throw refusal(answer, text);
    } catch (error) {
      throw clock.failure(error);
    } finally {
      clock.end();
    }
    const answer = parse<T & { warnings?: string[] }>(text);
    if (!(field in answer)) throw new UnexpectedAnswer(`${call.method} ${call.path}: the answer has no ${field}`);
    for (const warning of answer.warnings ?? []) this.#warned(`${call.method} ${call.path}: ${warning}`);
    return answer;
  }

  /**
   * Opens a stream and yields its messages, and null for each other sign of life, the
   * opening included. It ends only with an error; a silence of so many ms is one.
   */
  async *stream(call: Call, silence: number): AsyncGenerator<Message | null, never> {
    const clock = new Clock(call, `silent for ${silence} ms`);
    try {
      const headers: { [name: string]: string } = { Accept: "text/event-stream" };
      if (call.lastID) headers["Last-Event-ID"] = call.lastID;
      clock.start(this.timeout);
      const answer = await this.#send(call, clock.signal, headers);
      if (answer.status !== 200) throw refusal(answer, await answer.text());
      if (!answer.body || !answer.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        throw new UnexpectedAnswer(`${call.path} is not a stream of events`);
      }
      clock.stop();
      yield null;
      const reader = answer.body.getReader();
      const text = new TextDecoder();
      const parser = new Parser(call.lastID ?? "");
      for (;;) {
        clock.start(silence);
        const { done, value } = await reader.read();
        clock.stop();
        if (done) throw new NoAnswer(`${call.method} ${call.path}: the stream ended`);
        yield* parser.take(text.decode(value, { stream: true }));
      }
    } catch (error) {
      throw clock.failure(error);
    } finally {
      clock.end();
      clock.abort(); // ends the connection, if it is there
    }
  }

  #send(call: Call, signal: AbortSignal, headers: { [name: string]: string }): Promise<Response> {
    // A name that the server does not know is a mistake: X-Strict makes it an error.
    headers["X-Strict"] = "true";
    if (this.#key) headers["Authorization"] = `Bearer ${this.#key}`;
    if (call.body) headers["Content-Type"] = "application/json";
    if (call.confirm) headers["X-Confirm"] = "true";
    // A redirect could turn a write into a read, and is not followed.
    const init: RequestInit = { method: call.method, headers, signal, redirect: "manual", cache: "no-store" };
    if (call.body) init.body = JSON.stringify(call.body);
    return this.#fetch(this.#base + call.path + text(call.query), init);
  }
}

/** Bounds the time of a request. Its signal is also aborted with the call's. */
class Clock {
  readonly #own = new AbortController();
  readonly signal = this.#own.signal;
  readonly #call: Call;
  readonly #words: string;
  readonly #stop = () => this.#own.abort(this.#call.signal?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(call: Call, words: string) {
    this.#call = call;
    this.#words = words;
    if (call.signal?.aborted) this.#stop();
    call.signal?.addEventListener("abort", this.#stop);
  }

  start(ms: number): void {
    this.#timer = setTimeout(() => this.#own.abort(new NoAnswer(`${this.#name}: ${this.#words}`)), ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.stop();
    this.#call.signal?.removeEventListener("abort", this.#stop);
  }

  abort(): void {
    this.#own.abort();
  }

  /** Returns what the request throws that failed with an error. */
  failure(error: unknown): unknown {
    if (error instanceof TopicsError) return error;
    if (this.signal.aborted) return this.signal.reason;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const words = cause instanceof Error ? cause.message : String(cause);
    return new NoAnswer(`${this.#name}: ${words}`, { cause: error });
  }

  get #name(): string {
    return `${this.#call.method} ${this.#call.path}`;
  }
}

/** Reports whether a body is a JSON object with a field. */
function has(body: string, field: string): boolean {
  try {
    return field in parse(body);
  } catch {
    return false;
  }
}

/** Returns the error of an answer. */
function refusal(answer: Response, body: string): ApiError {
  const wait = answer.headers.get("Retry-After") ?? "";
  const retryAfter = /^\d+$/.test(wait) ? Number(wait) * 1000 : 0;
  try {
    const { error } = JSON.parse(body);
    if (typeof error.code === "string" && error.code) {
      return new ApiError(answer.status, error.code, String(error.message), error.detail ?? {}, retryAfter);
    }
  } catch {
    // of a proxy
  }
  const to = answer.headers.get("Location");
  return new ApiError(answer.status, "", answer.statusText + (to ? `, to ${to}` : ""), {}, retryAfter);
}

/** Returns the values that are set as a query. */
function text(query: object | undefined): string {
  const set = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null) continue;
    set.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  const all = set.toString();
  return all && "?" + all;
}

export function topicPath(topic: string, ...below: string[]): string {
  return ["/v0/topics", encodeURIComponent(topic), ...below].join("/");
}

export function routerPath(router: string): string {
  return "/v0/routers/" + encodeURIComponent(router);
}
