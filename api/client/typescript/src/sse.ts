import { ApiError, NoAnswer, UnexpectedAnswer } from "./errors.js";
import type { ErrorEvent } from "./types.js";

// In UTF-16 units. Far above what the server sends; it keeps another program at its
// address from filling the memory.
const maxMessage = 256 << 20;

/** One event of a stream. */
export interface Message {
  event: string;
  /** The last id in the stream, possibly from an earlier message. */
  id: string;
  data: string;
}

/** Parses text/event-stream, piece by piece. */
export class Parser {
  #rest = ""; // a line whose end has not arrived
  #event = "";
  #data: string[] = [];
  #size = 0;

  constructor(private id: string) {}

  /** Returns the messages that are complete with the next piece, and null for each comment. */
  take(piece: string): (Message | null)[] {
    const [first = "", ...following] = piece.split("\n");
    this.#rest += first;
    if (this.#rest.length > maxMessage) throw new NoAnswer(`line is longer than ${maxMessage}`);
    if (!following.length) return [];
    const lines = [this.#rest, ...following];
    this.#rest = lines.pop() ?? "";
    const messages: (Message | null)[] = [];
    for (const line of lines) {
      const message = this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  #line(line: string): Message | null | undefined {
    if (line === "") {
      const message = this.#data.length ? { event: this.#event, id: this.id, data: this.#data.join("\n") } : undefined;
      this.#event = ""; // an event without data is discarded
      this.#data = [];
      this.#size = 0;
      return message;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
    else if (name === "data") {
      this.#size += value.length;
      if (this.#size > maxMessage) throw new NoAnswer(`message is longer than ${maxMessage}`);
      this.#data.push(value);
    }
    // retry is for EventSource: the pauses of this package grow and are randomized.
    return undefined;
  }
}

/** Returns the JSON object of a text. */
export function parse<T extends object>(text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UnexpectedAnswer("answer is not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UnexpectedAnswer("answer is not a JSON object");
  }
  return value as T;
}

/** Returns the error that an event of that name describes. */
export function fault(data: string): ApiError {
  const e = parse<ErrorEvent>(data);
  const detail: { [name: string]: unknown } = { ...(e.detail as object | undefined) };
  if (e.topic) detail["topic"] = e.topic;
  return new ApiError(e.code, e.error, e.message, detail, e.retry_after_ms ?? 0);
}
