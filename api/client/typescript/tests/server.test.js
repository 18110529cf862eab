// Every method, with a real server at TOPICS_TEST_URL.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { ApiError, Client, LeaseLost, RecordsLost, Reject, Retry, Stopped, Unstarted } from "topics-client";

const url = process.env.TOPICS_TEST_URL;
const c = url ? new Client(url, { retryFor: 20_000 }) : undefined;

let tests = 0;
// A test with a name of its own for its topics.
function each(title, body) {
  const name = `ts${tests++}`;
  test(title, () => body(name));
}

async function all(iterable) {
  const list = [];
  for await (const item of iterable) list.push(item);
  return list;
}

async function value(subscription) {
  const { done, value } = await subscription.next();
  assert.equal(done, false);
  return value;
}

async function until(subscription, type) {
  for (;;) {
    const event = await value(subscription);
    if (event.type === type) return event;
  }
}

async function refused(code, promise) {
  const error = await promise.then(() => assert.fail(`no ${code}`), (error) => error);
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.code, code);
  return error;
}

describe("with a server", { skip: !url && "TOPICS_TEST_URL is not set" }, () => {
  each("topics", async (name) => {
    await c.waitReady(20_000);
    const a = `${name}.a`;
    const made = await c.putTopic(a, { durability: "fsync", priority: 7, cap_records: 10 });
    assert.ok(made.created);
    assert.deepEqual([made.config.durability, made.config.priority, made.config.type], ["fsync", 7, "log"]);
    const { config } = await c.patchTopic(a, { priority: null, ttl_ms: 60_000 });
    assert.deepEqual([config.priority, config.ttl_ms, config.cap_records], [null, 60_000, 10]);
    await c.putTopic(`${name}.b`);
    assert.deepEqual((await all(c.topics({ prefix: name }))).map((t) => t.topic), [a, `${name}.b`]);
    assert.deepEqual((await all(c.topics({ prefix: name, class: "fsync" }))).map((t) => t.topic), [a]);
    await c.append(a, [{ data: 1 }]);
    const state = await c.topic(a);
    assert.deepEqual([state.head_seq, state.queue], [1, undefined]);
    await refused("topic_not_empty", c.deleteTopic(a, { if_empty: true }));
    assert.equal((await c.deleteTopic(a)).deleted, true);
    assert.equal((await c.deleteTopic(a)).deleted, false);
    assert.equal((await refused("topic_not_found", c.topic(a))).detail.topic, a);
    await refused("invalid_request", c.putTopic("not a name"));
    await refused("invalid_request", c.putTopic(a, { tttl_ms: 1 })); // no unknown name is ignored
  });

  each("append and read", async (name) => {
    const records = [{ data: { n: 1, s: "ä\n" }, tag: "x", node: "n1", meta: { k: "v" } }, { data: null }];
    const written = await c.append(name, records, { idempotency_key: "k", config: { durability: "fsync" } });
    assert.deepEqual([written.seqs, written.created, written.deduped], [[1, 2], true, false]);
    const again = await c.append(name, records, { idempotency_key: "k" });
    assert.deepEqual([again.seqs, again.deduped], [[1, 2], true]);
    assert.equal((await c.append(name, [{ data: 3 }], { expected_head_seq: 2, return_seqs: false })).seqs, undefined);
    assert.equal((await refused("seq_mismatch", c.append(name, [{ data: 4 }], { expected_head_seq: 2 }))).status, 409);
    await refused("topic_not_found", c.append(`${name}.none`, [{ data: 1 }], { create: false }));
    let batch = await c.read(name, { include_tags: true, limit: 2 });
    const [first] = batch.records;
    assert.deepEqual([first.$seq, first.data, first.$tag, first.$node, first.meta], [1, records[0].data, "x", "n1", { k: "v" }]);
    assert.deepEqual([batch.records[1].data, batch.caught_up], [null, false]);
    batch = await c.read(name, { from_seq: batch.next_from_seq });
    assert.deepEqual([batch.records.map((r) => r.data), batch.caught_up], [[3], true]);
    assert.deepEqual((await c.read(name, { match: "x" })).records.map((r) => r.$seq), [1]);
    assert.deepEqual((await c.read(name, { node: ["n1"] })).records.map((r) => r.$seq), [2, 3]);
    assert.equal((await c.read(name, { from_ts: first.$ts })).from_seq, 0);
    const poll = c.read(name, { from_seq: 3, wait_ms: 20_000 });
    await c.append(name, [{ data: "late" }]);
    assert.deepEqual((await poll).records.map((r) => r.data), ["late"]);
    const stop = new AbortController();
    const stopped = c.read(name, { from_seq: 4, wait_ms: 20_000, signal: stop.signal });
    stop.abort();
    await assert.rejects(stopped, { name: "AbortError" });
    assert.deepEqual([(await c.previewRecords(name, { match: "x" })).count, (await c.previewTopic(name)).count], [1, 4]);
    assert.equal((await c.deleteRecords(name, { match: "x" })).deleted, 1);
    assert.equal((await c.deleteRecords(name, { before_seq: 4 })).deleted, 2);
  });

  each("losses cannot be overlooked", async (name) => {
    await c.putTopic(name, { cap_records: 2 });
    for (let n = 0; n < 5; n++) await c.append(name, [{ data: n }]);
    const lost = [];
    const onLoss = (tombstone) => lost.push(tombstone);
    const error = await c.read(name).catch((error) => error);
    assert.ok(error instanceof RecordsLost);
    const { topic, gap_from, gap_to, reason } = error.tombstone;
    assert.deepEqual([topic, gap_from, gap_to, reason], [name, 1, 3, "cap"]);
    assert.deepEqual((await c.read(name, { from_seq: gap_to })).records.map((r) => r.$seq), [4, 5]);
    assert.deepEqual((await c.read(name, { onLoss })).records.map((r) => r.$seq), [4, 5]);
    const topics = { [name]: { from_seq: 0 } };
    for (const events of [c.watch({ topics }), c.follow(name)]) {
      await assert.rejects(events.next(), RecordsLost);
      assert.deepEqual((await value(events)).records.map((r) => r.$seq), [4, 5]);
      assert.equal((await value(events)).type, "caught-up");
      events.close();
    }
    for (const events of [c.watch({ topics, onLoss }), c.follow(name, { onLoss })]) {
      for await (const event of events) {
        assert.equal(event.type, "records");
        break;
      }
    }
    assert.deepEqual(lost.map((t) => [t.topic, t.gap_from, t.gap_to]), Array(3).fill([name, 1, 3]));
  });

  each("watch", async (name) => {
    const a = `${name}.a`;
    await c.append(a, [0, 1, 2].map((data) => ({ data, tag: "x" })));
    const events = c.watch({ topics: { [a]: { from_seq: 1 } }, prefixes: { [name]: {} }, include_tags: true });
    let got = await value(events);
    assert.deepEqual([got.records.map((r) => r.$seq), got.records[0].$tag], [[2, 3], "x"]);
    assert.equal((await value(events)).type, "caught-up");
    await c.append(`${name}.b`, [{ data: "of the prefix" }]);
    got = await until(events, "records");
    assert.deepEqual([got.topic, got.records[0].data], [`${name}.b`, "of the prefix"]);
    await c.deleteTopic(a);
    assert.equal((await until(events, "topic-deleted")).topic, a);
    events.close();
    assert.deepEqual(await all(events), []);
    await refused("topic_not_found", c.watch({ topics: { [`${name}.none`]: {} } }).next());
    const waiting = c.watch({ prefixes: { [name]: { tail: true } }, signal: AbortSignal.timeout(200) });
    assert.deepEqual((await all(waiting)).filter((e) => e.type === "records"), []);
  });

  each("routers", async (name) => {
    const made = await c.putRouter(name, { source: `${name}.a`, dest: `${name}.b`, filter: "x*" });
    assert.ok(made.created);
    assert.deepEqual(made.filter, ["tag", "Glob", "x*"]);
    await c.append(`${name}.a`, [{ data: 1, tag: "x1" }, { data: 2 }]);
    assert.deepEqual((await c.read(`${name}.b`, { wait_ms: 20_000 })).records.map((r) => r.data), [1]);
    assert.deepEqual((await all(c.routers({ prefix: name }))).map((r) => r.router), [name]);
    const { state, source } = await c.router(name);
    assert.deepEqual([state, source], ["ok", `${name}.a`]);
    await refused("router_cycle", c.putRouter(`${name}2`, { source: `${name}.b`, dest: `${name}.a` }));
    assert.ok((await c.deleteRouter(name)).deleted);
    await refused("router_not_found", c.router(name));
  });

  each("jobs", async (q) => {
    await c.putTopic(q, { type: "queue", dead_letter: `${q}.dead` });
    await c.append(q, [0, 1, 2, 3].map((n) => ({ data: n, group: `g${n}`, priority: n % 2 })));
    const twin = { data: "u", unique_key: "u" };
    const twins = await c.append(q, [twin, { ...twin, delay_ms: 60_000 }]);
    assert.deepEqual([twins.seqs, twins.deduped_seqs], [[5, 5], [5]]);
    const { claimed, ready } = await c.claim(q, "w", { max: 4, lease_ms: 60_000 });
    assert.deepEqual([claimed.map((j) => j.data), ready], [[1, 3, 0, 2], 1]);
    assert.deepEqual([claimed[0].$group, claimed[0].$priority, claimed[0].deliveries], ["g1", 1, 1]);
    const { deadlines } = await c.extend(q, "w", claimed, { lease_ms: 70_000 });
    assert.deepEqual(Object.keys(deadlines), ["1", "2", "3", "4"]);
    const then = [{ topic: `${q}.then`, records: [{ data: "next" }] }];
    const done = await c.ack(q, "w", claimed.slice(0, 1), { then });
    assert.deepEqual([done.acked, done.then[0].seqs], [1, [1]]);
    const again = await c.ack(q, "w", claimed.slice(0, 1));
    assert.deepEqual([again.acked, again.skipped, again.reasons], [0, [2], { 2: "gone" }]);
    await refused("nothing_acked", c.ack(q, "w", claimed.slice(0, 1), { then }));
    assert.equal((await c.nack(q, "w", claimed.slice(1, 2), { delay_ms: 60_000 })).nacked, 1);
    assert.deepEqual((await all(c.jobs(q, "delayed"))).map((j) => j.$seq), [4]);
    assert.equal((await c.promote(q, [4])).promoted, 1);
    assert.deepEqual((await all(c.inFlight(q))).map((j) => j.lease_id), claimed.slice(2).map((j) => j.lease_id));
    assert.equal((await c.release(q, [1])).released, 1);
    assert.equal((await c.nack(q, "w", claimed.slice(3), { dead: true, reason: "no" })).nacked, 1);
    assert.equal((await c.topic(q)).queue.dead_lettered, 1);
    await refused("not_a_queue", c.claim(`${q}.then`, "w"));
  });

  each("dead letters", async (q) => {
    await c.putTopic(q, { type: "queue", dead_letter: `${q}.dead` });
    await c.append(q, [0, 1, 2, 3].map((n) => ({ data: n, tag: `t${n}` })));
    await c.nack(q, "w", (await c.claim(q, "w", { max: 4 })).claimed, { dead: true, reason: "no" });
    const dead = await all(c.deadLetters(q));
    assert.deepEqual(dead.map((d) => [d.data, d.source_seq, d.reason, d.deliveries]), [0, 1, 2, 3].map((n) => [n, n + 1, "no", 1]));
    assert.deepEqual((await all(c.deadLetters(q, { match: "t2" }))).map((d) => d.data), [2]);
    const back = await c.redrive(q, { seqs: [dead[0].$seq] });
    assert.deepEqual([back.count, back.left], [1, 3]);
    assert.equal((await c.deleteDeadLetter(q, dead[1].$seq)).count, 1);
    assert.equal((await c.purgeDeadLetters(q, { dry_run: true })).count, 2);
    assert.equal((await c.redrive(q, { dry_run: true })).count, 2);
    assert.equal((await c.purgeDeadLetters(q, { reason: "no", limit: 1 })).count, 1);
    assert.equal((await c.redrive(q)).count, 1);
    const { claimed } = await c.claim(q, "w", { max: 9 });
    assert.deepEqual(claimed.map((j) => j.data).sort(), [0, 3]);
  });

  // Works until so many jobs have ended, and returns how.
  async function work(q, handler, count, options) {
    const stop = new AbortController();
    const list = [];
    const ended = (end) => {
      if (list.push(end) === count) stop.abort();
    };
    await c.work(q, handler, { ended, signal: stop.signal, ...options });
    return list;
  }

  // Waits until the lease of a job ends later than when it was delivered.
  async function extended(q, job, signal) {
    for (;;) {
      const held = (await all(c.inFlight(q))).find((j) => j.$seq === job.$seq);
      if (held.deadline > job.deadline) return;
      await sleep(50, undefined, { signal });
    }
  }

  each("worker", async (q) => {
    await c.putTopic(q, { type: "queue", dead_letter: `${q}.dead` });
    await c.append(q, ["long", "retry", "reject", "unstarted", "fail", "ok"].map((data) => ({ data })));
    const attempts = {};
    const first = { retry: new Retry(50), unstarted: new Unstarted("not now"), fail: new Error("x") };
    const handle = async (job, signal) => {
      attempts[job.data] = (attempts[job.data] ?? 0) + 1;
      if (job.data === "long") await extended(q, job, signal);
      if (job.data === "reject") throw new Reject("never " + "ä".repeat(1000));
      if (first[job.data] && attempts[job.data] === 1) throw first[job.data];
    };
    const ended = await work(q, handle, 9, { parallel: 2, lease_ms: 6000 });
    assert.deepEqual(attempts, { long: 1, retry: 2, reject: 1, unstarted: 2, fail: 2, ok: 1 });
    assert.deepEqual(ended.filter((e) => e.lost || e.failure || e.unbegun), []);
    assert.equal(ended.find((e) => !e.error && e.job.data === "unstarted").job.deliveries, 1);
    assert.equal((await c.topic(q)).count, 0);
    const [dead] = await all(c.deadLetters(q));
    assert.ok(dead.reason.startsWith("never ää") && Buffer.byteLength(dead.reason) <= 1024);
  });

  each("a worker loses a lease", async (q) => {
    await c.putTopic(q, { type: "queue" });
    await c.append(q, [{ data: 1 }]);
    const thrown = [];
    const handle = async (job, signal) => {
      if (thrown.length) return;
      await c.release(q, [job.$seq]);
      await sleep(30_000, undefined, { signal }).catch(() => thrown.push(signal.reason));
    };
    const ended = await work(q, handle, 2);
    assert.ok(thrown[0] instanceof LeaseLost);
    assert.equal(thrown[0].reason, "released");
    assert.deepEqual(ended.map((e) => e.lost), ["released", undefined]);
    assert.equal((await c.topic(q)).count, 0);
  });

  each("a worker stops", async (q) => {
    await c.putTopic(q, { type: "queue" });
    await c.append(q, [0, 1, 2].map((data) => ({ data })));
    const stop = new AbortController();
    const ended = [];
    let begun;
    const first = new Promise((resolve) => (begun = resolve));
    const handle = (_, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
        begun();
      });
    const working = c.work(q, handle, { ahead: 1, stopAfter: 100, signal: stop.signal, ended: (e) => ended.push(e) });
    await first;
    while ((await c.topic(q)).queue.in_flight !== 2) await sleep(10);
    stop.abort();
    await working;
    // The one ahead may be on its way here, and goes back without having come.
    assert.deepEqual(ended.filter((e) => !e.unbegun).map((e) => e.error instanceof Stopped), [true]);
    const { ready, in_flight } = (await c.topic(q)).queue;
    assert.deepEqual([ready, in_flight], [3, 0]);
    const { claimed } = await c.claim(q, "w", { max: 3 });
    assert.deepEqual(claimed.map((j) => j.deliveries), [1, 1, 1]); // nothing counted
  });

  each("a worker's queue goes", async (q) => {
    await c.putTopic(q, { type: "queue" });
    const working = refused("topic_not_found", c.work(q, () => {}));
    await c.deleteTopic(q);
    await working;
  });
});
