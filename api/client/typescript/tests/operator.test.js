// The calls of operators, with a real server at TOPICS_TEST_URL.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { ApiError, Client } from "topics-client";

const url = process.env.TOPICS_TEST_URL;
const c = url ? new Client(url, { retryFor: 20_000 }) : undefined;

async function refused(code, promise) {
  const error = await promise.then(() => assert.fail(`no ${code}`), (error) => error);
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.code, code);
}

// Looks until there is something, and returns it.
async function until(look) {
  for (;;) {
    const found = await look();
    if (found) return found;
    await sleep(10);
  }
}

describe("operators", { skip: !url && "TOPICS_TEST_URL is not set" }, () => {
  test("the server", async () => {
    await c.waitReady(20_000);
    const { key_id, prefixes, keys_required, scopes } = await c.whoami();
    assert.deepEqual([key_id, prefixes, keys_required, scopes.includes("admin-write")], ["anonymous", [], false, true]);
    const alive = await c.health();
    const { phase, version, checks } = await c.checks();
    assert.deepEqual([alive.status, phase, version], ["ok", "ready", alive.version]);
    assert.match(checks.log.status, /^(healthy|degraded|unhealthy)$/);
    await c.append("op.stats", [{ data: 1 }]);
    const stats = await c.stats({ prefix: "op.stats" });
    assert.deepEqual([stats.phase, stats.within.prefixes, Object.keys(stats.rates)], ["ready", ["op.stats"], ["1s", "60s"]]);
    assert.ok(stats.topics.topics >= 0 && stats.wal.fsyncs >= 0 && stats.queues.ready >= 0 && stats.memory.goroutines > 0);
    const history = await c.history({ span: "1m", step: "10s" });
    assert.deepEqual([history.step_ms, history.fsync.counts.length], [10_000, history.times.length]);
    for (const values of Object.values(history.series)) assert.equal(values.length, history.times.length);
    await refused("invalid_request", c.history({ step: "1s" }));
  });

  test("requests", async () => {
    await c.append("op.requests", [{ data: 1 }]);
    const poll = refused("request_cancelled", c.read("op.requests", { from_seq: 1, wait_ms: 20_000 }));
    const waits = await until(async () => {
      const { requests } = await c.requests({ limit: 1000 });
      return requests.find((r) => r.topic === "op.requests" && r.waiting);
    });
    assert.deepEqual([waits.method, waits.key_id, waits.you], ["POST", "anonymous", true]);
    assert.equal((await c.cancelRequest(waits.id)).cancelled, true);
    await poll;
    const { requests, total } = await c.requests();
    const own = requests.find((r) => r.route.endsWith("/v0/admin/requests"));
    assert.deepEqual([own.topic, own.waiting, total >= 1], [undefined, false, true]);
    assert.deepEqual((await c.requests({ offset: 1000 })).requests, []);
    await refused("not_found", c.cancelRequest(own.id));
  });

  test("sessions", async () => {
    const topic = "op.sessions";
    await c.append(topic, [{ data: 1 }]);
    const events = c.watch({ topics: { [topic]: {} } });
    await events.next();
    const { sessions } = await c.sessions({ topic });
    const [{ id, kind, transport, key, topics }] = sessions;
    assert.deepEqual([sessions.length, kind, transport, key, topics[0].topic], [1, "watch", "sse", "anonymous", topic]);
    assert.equal((await c.sessions({ prefix: topic, key: "anonymous" })).total, 1);
    assert.deepEqual((await c.sessions({ topic, key: "other" })).sessions, []);
    await c.closeSession(id);
    await refused("session_closed", (async () => { for await (const _ of events); })());
    await until(async () => (await c.sessions({ topic })).total === 0);
    await refused("not_found", c.closeSession(id));
  });

  test("maintenance", async () => {
    const { seqs } = await c.append("op.maintenance", [{ data: 1 }, { data: 2 }]);
    await c.deleteRecords("op.maintenance", { before_seq: seqs[1] });
    const { checkpoint, start_lsn } = await c.checkpoint();
    assert.ok(checkpoint > 0 && (await c.checkpoint()).start_lsn >= start_lsn);
    const ended = (state) => state.state !== "running" && state;
    assert.match((await c.startVerify()).state, /^(running|done)$/);
    const verified = await until(async () => ended(await c.verifyState()));
    assert.deepEqual([verified.state, verified.progress, verified.error], ["done", 1, undefined]);
    assert.equal(verified.result.damages_total, 0);
    assert.match((await c.startErasure()).state, /^(running|done)$/);
    const erased = await until(async () => ended(await c.erasureState()));
    assert.deepEqual([erased.state, erased.error, erased.result.checkpoint >= checkpoint], ["done", undefined, true]);
    assert.ok(erased.result.first_file && erased.result.elsewhere.backups_begun_before);
  });

  test("backups", async () => {
    const copy = await fetch(`${url}/v0/admin/backup`, { method: "POST", headers: { "X-Confirm": "true" } });
    assert.ok((await copy.arrayBuffer()).byteLength > 0);
    const [{ outcome, verified_at, through_ts, finished_at }] = await until(async () => {
      const { backups } = await c.backups();
      return backups.length && backups;
    });
    assert.deepEqual([outcome, verified_at, (await c.backups()).last_good_at], ["good", null, finished_at]);
    const noted = await c.backupVerified(through_ts);
    assert.equal(noted.through_ts, through_ts);
    assert.equal((await c.backups()).backups[0].verified_at, noted.verified_at);
    await refused("not_found", c.backupVerified(1));
  });

  test("audit", async () => {
    await c.putTopic("op.audit");
    const { entries } = await c.audit({ limit: 1000 });
    const { key, route, outcome } = entries.find((e) => e.target === "op.audit");
    assert.deepEqual([key, route, outcome], ["anonymous", "PUT /v0/topics/:topic", "ok"]);
  });
});
