import { follow, type FollowOptions, Subscription, Watch } from "./follow.js";
import { RecordsLost, UnexpectedAnswer } from "./errors.js";
import { OperatorClient } from "./operator.js";
import { Attempts, resumable, sleep } from "./retry.js";
import { routerPath, topicPath } from "./transport.js";
import type {
  Batch,
  ConfigRequest,
  Configured,
  DeleteRequest,
  Entry,
  ListedTopic,
  Preview,
  ReadRequest,
  RecordsDeletion,
  RouterDeletion,
  RouterPut,
  RouterRequest,
  RoutersQuery,
  RouterState,
  TopicDeletion,
  TopicsQuery,
  TopicState,
  WatchRequest,
  WriteRequest,
  Written,
} from "./types.js";

export interface AppendOptions extends Omit<WriteRequest, "records"> {
  /** False leaves seqs out of the answer. */
  return_seqs?: boolean;
  signal?: AbortSignal;
}

/** A client of one server. */
export class Client extends OperatorClient {
  /** Creates a topic, or replaces its config: what is left out is the default. */
  putTopic(topic: string, config: ConfigRequest = {}): Promise<Configured> {
    return this.ask({ method: "PUT", path: topicPath(topic), body: config }, "config");
  }

  /** Changes parts of a topic's config. It does not create the topic. */
  patchTopic(topic: string, changes: ConfigRequest): Promise<Configured> {
    return this.ask({ method: "PATCH", path: topicPath(topic), body: changes }, "config");
  }

  /** Returns a topic's state. */
  topic(topic: string, query: { touch?: boolean } = { touch: false }): Promise<TopicState> {
    return this.ask({ method: "GET", path: topicPath(topic), query }, "head_seq");
  }

  /** Yields topics, sorted by name unless sort says otherwise. */
  topics(query: TopicsQuery = {}): AsyncGenerator<ListedTopic> {
    return this.pages("topics", "/v0/topics", { ...query, page_size: 1000 });
  }

  /** Deletes a topic; deleting an absent one is no error. After a retry, deleted may be false although an earlier attempt deleted the topic. */
  deleteTopic(topic: string, query: { if_empty?: boolean } = {}): Promise<TopicDeletion> {
    return this.ask({ method: "DELETE", path: topicPath(topic), query }, "deleted");
  }

  /** Returns what deleteTopic would take, and changes nothing. */
  previewTopic(topic: string): Promise<Preview> {
    return this.ask({ method: "DELETE", path: topicPath(topic), query: { dry_run: true } }, "dry_run");
  }

  /**
   * Appends records: all of them or none.
   *
   * A write that the server refused without starting it (429, or 503 while it starts
   * or stops) is retried. After a failure whose outcome is unknown, only a write with
   * an idempotency key is: it is appended once.
   */
  append(topic: string, records: readonly Entry[], options: AppendOptions = {}): Promise<Written> {
    const { return_seqs, signal, ...write } = options;
    const repeatable = !!write.idempotency_key;
    const body = { ...write, records };
    return this.ask({ method: "POST", path: topicPath(topic), query: { return_seqs }, body, repeatable, signal }, "first_seq");
  }

  /**
   * Returns the records after from_seq; the next read begins at next_from_seq. With
   * wait_ms it is a long poll.
   *
   * If records are lost, onLoss is called with the tombstone, and the records that
   * follow are returned. Without it RecordsLost is thrown: to go on, read from its
   * tombstone.gap_to.
   */
  async read(topic: string, request: ReadRequest & FollowOptions = {}): Promise<Batch> {
    const { onLoss, signal, ...body } = request;
    const batch = await this.#read(topic, body, signal);
    if (batch.tombstone) {
      const tombstone = { topic, ...batch.tombstone };
      if (!onLoss) throw new RecordsLost(tombstone);
      onLoss(tombstone);
    }
    return batch;
  }

  async #read(topic: string, body: ReadRequest, signal: AbortSignal | undefined): Promise<Batch> {
    const wait = body.wait_ms ?? 0;
    const batch = await this.ask<Batch>({ method: "POST", path: topicPath(topic, "diff"), body, wait, signal }, "next_from_seq");
    if (!Array.isArray(batch.records)) throw new UnexpectedAnswer("a read was answered without records");
    return batch;
  }

  /** Follows one topic by long polls, for networks that do not pass streams. */
  follow(topic: string, request: Omit<ReadRequest, "wait_ms" | "from_ts"> & FollowOptions = {}): Subscription {
    const { onLoss, signal, from_seq, ...rest } = request;
    return new Subscription(
      (end) => follow(topic, from_seq ?? 0, (from_seq, wait_ms) => this.#read(topic, { ...rest, from_seq, wait_ms }, end)),
      { onLoss, signal },
    );
  }

  /**
   * Follows topics, and all whose names begin with one of the prefixes, over one
   * stream. When the stream breaks, is silent for longer than its heartbeat allows, or
   * the server drains or restarts, it is resumed, for as long as the client retries. A
   * topic that was deleted meanwhile is a topic-deleted event, and is followed again
   * only if a prefix covers it. An error of one topic ends the watch, and its detail
   * has the topic.
   */
  watch(request: WatchRequest & FollowOptions): Subscription {
    const { onLoss, signal, ...what } = request;
    return new Subscription((end) => new Watch(this.transport, what).run(end), { onLoss, signal });
  }

  /**
   * Deletes records for good: those below a seq, those whose tags match, or with both,
   * those of which both is true. It is not retried after a failure whose outcome is
   * unknown: the head may have moved, and a repeat would delete more.
   */
  deleteRecords(topic: string, which: Omit<DeleteRequest, "dry_run">): Promise<RecordsDeletion> {
    return this.ask({ method: "POST", path: topicPath(topic, "delete"), body: which, repeatable: false }, "deleted");
  }

  /** Returns what deleteRecords would take, and changes nothing. */
  previewRecords(topic: string, which: Omit<DeleteRequest, "dry_run">): Promise<Preview> {
    return this.ask({ method: "POST", path: topicPath(topic, "delete"), body: { ...which, dry_run: true } }, "dry_run");
  }

  /** Creates or replaces a router, which copies the records of one topic into another. */
  putRouter(router: string, settings: RouterRequest): Promise<RouterPut> {
    return this.ask({ method: "PUT", path: routerPath(router), body: settings }, "created");
  }

  /** Returns a router and its progress. */
  router(router: string): Promise<RouterState> {
    return this.ask({ method: "GET", path: routerPath(router) }, "forwarded_total");
  }

  /** Yields routers, sorted by name unless sort says otherwise. */
  routers(query: RoutersQuery = {}): AsyncGenerator<RouterState> {
    return this.pages("routers", "/v0/routers", { ...query, page_size: 1000 });
  }

  /** Deletes a router; what it forwarded stays. */
  deleteRouter(router: string): Promise<RouterDeletion> {
    return this.ask({ method: "DELETE", path: routerPath(router) }, "deleted");
  }

  /** Throws an ApiError unless the server accepts traffic. It is not retried. */
  async ready(): Promise<void> {
    await this.transport.once({ method: "GET", path: "/v0/ready" }, "status");
  }

  /** Waits until the server accepts traffic, for at most so many ms, and throws the last failure. */
  async waitReady(ms: number): Promise<void> {
    const attempts = new Attempts({ retryFor: ms });
    for (;;) {
      try {
        return await this.ready();
      } catch (error) {
        await sleep(attempts.failed(error, resumable(error)));
      }
    }
  }
}
