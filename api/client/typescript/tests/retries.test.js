// What is retried, with a server that answers by a script.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { ApiError, Client, NoAnswer, UnexpectedAnswer } from "topics-client";

const written = { topic: "a", first_seq: 1, last_seq: 1, seqs: [1], head_seq: 1, count: 1, created: false, deduped: false };

function answer(status, body, ...headers) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return [`HTTP/1.1 ${status} X`, `Content-Length: ${Buffer.byteLength(text)}`, "Connection: close", ...headers, "", text].join("\r\n");
}

const problem = (status, code, ...headers) => answer(status, { error: { code, message: "m" } }, ...headers);
const stream = (...messages) => ["HTTP/1.1 200 X", "Content-Type: text/event-stream", "", messages.join("")].join("\r\n");
const event = (name, data, id) => `event: ${name}\r\nid: ${id}\r\ndata: ${JSON.stringify(data)}\r\n\r\n`;
const ok = answer(200, written);
const broken = ""; // the connection is closed without an answer

// Starts a server that gives each request the next answer, on a connection of its own.
async function script(t, ...answers) {
  const requests = [];
  const server = createServer((connection) => {
    let text = "";
    connection.on("error", () => {});
    connection.on("data", (piece) => {
      text += piece;
      const [head, ...body] = text.split("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (!body.length || Buffer.byteLength(body.join("\r\n\r\n")) < length) return;
      requests.push({ head, body: body.join("\r\n\r\n") });
      connection.end(answers.shift() ?? broken);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, requests };
}

// Appends with these answers, and returns what came of it and how many requests that took.
async function append(t, key, answers, options = {}) {
  const { url, requests } = await script(t, ...answers);
  const client = new Client(url, { retryFor: 20_000, ...options });
  const [result] = await Promise.allSettled([client.append("a", [{ data: 1 }], { idempotency_key: key })]);
  return { error: result.reason, took: requests.length };
}

test("refusals are retried", async (t) => {
  for (const refusal of [problem(429, "throttled"), problem(503, "not_ready"), problem(503, "shutting_down")]) {
    assert.deepEqual(await append(t, undefined, [refusal, ok]), { error: undefined, took: 2 });
  }
});

test("unknown outcomes need a key", async (t) => {
  for (const [unknown, kind] of [
    [broken, NoAnswer],
    [ok.slice(0, -1), NoAnswer],
    [problem(503, "storage_unavailable"), ApiError],
    [answer(502, "bad gateway"), ApiError],
    [answer(504, "late"), ApiError],
  ]) {
    const { error, took } = await append(t, undefined, [unknown, ok]);
    assert.ok(error instanceof kind, String(error));
    assert.equal(took, 1);
    assert.deepEqual(await append(t, "k", [unknown, unknown, ok]), { error: undefined, took: 3 });
  }
});

test("others are not retried", async (t) => {
  for (const final of [problem(400, "invalid_request"), problem(500, "internal"), problem(507, "insufficient_storage")]) {
    const { error, took } = await append(t, "k", [final, ok]);
    assert.ok(error instanceof ApiError);
    assert.equal(took, 1);
  }
});

test("another program's answer is no success", async (t) => {
  for (const body of ["welcome", "[]", "{}", '"x"']) {
    const { error } = await append(t, "k", [answer(200, body)]);
    assert.ok(error instanceof UnexpectedAnswer, String(error));
  }
});

test("an unhealthy report is no refusal", async (t) => {
  const report = { status: "unhealthy", checks: { log: { status: "unhealthy", reason: "why" } } };
  const { url } = await script(t, answer(503, report));
  assert.deepEqual((await new Client(url).checks()).checks.log, { status: "unhealthy", reason: "why" });
  for (const refusal of [problem(503, "shutting_down"), answer(503, "of a proxy"), answer(500, report)]) {
    await assert.rejects(new Client((await script(t, refusal)).url).checks(), ApiError);
  }
  // What has a report may still be a call that has none.
  await assert.rejects(new Client((await script(t, answer(503, { rates: {} }))).url).stats(), ApiError);
});

test("redirects are not followed", async (t) => {
  const { error } = await append(t, "k", [answer(307, "", "Location: /elsewhere")]);
  assert.match(String(error), /307.*to \/elsewhere/);
});

test("Retry-After, and the end of the retries", async (t) => {
  const seen = [];
  const began = performance.now();
  await append(t, undefined, [problem(429, "throttled", "Retry-After: 1"), ok], { retrying: (error) => seen.push(error) });
  assert.ok(performance.now() - began >= 999);
  assert.equal(seen[0].retryAfter, 1000);
  const busy = problem(429, "throttled", "Retry-After: 60");
  assert.equal((await append(t, undefined, [busy, busy], { retryFor: 100 })).took, 2); // the last pause ends with retryFor
  assert.equal((await append(t, undefined, [busy, ok], { retryFor: 0 })).took, 1);
});

test("a silent server, and none", async (t) => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const url = `http://127.0.0.1:${silent.address().port}`;
  await assert.rejects(new Client(url, { timeout: 100 }).topic("a"), /no answer within 100 ms/);
  silent.close();
  await assert.rejects(new Client("http://127.0.0.1:1", { retryFor: 200 }).topic("a"), NoAnswer);
});

test("addresses", () => {
  for (const url of ["127.0.0.1:4000", "ftp://x", "http://x/?q", "http://"]) assert.throws(() => new Client(url), TypeError);
  assert.throws(() => new Client("http://x", { key: "a b" }), TypeError);
});

test("a watch resumes", async (t) => {
  const session = (wid, from_seq) => {
    const topics = { a: { from_seq, head_seq: 9, earliest_seq: 1 } };
    return answer(201, { wid, stream_url: "/", session_ttl_ms: 1, topics, last_event_id: "i0" });
  };
  const records = (...seqs) => {
    const list = seqs.map((s) => ({ $seq: s, $ts: 1, data: s }));
    return event("record", { topic: "a", records: list, from_seq: seqs[0] - 1, to_seq: seqs.at(-1), head_seq: 9 }, `i${seqs.at(-1)}`);
  };
  const { url, requests } = await script(
    t,
    session("w1", 0),
    stream(": hb 1\r\n", records(1, 2), records(3).slice(0, -9)), // cut in the middle of an event
    problem(503, "shutting_down"),
    stream(records(2, 3), event("error", { code: 503, error: "shutting_down", message: "m" }, "i3")),
    problem(404, "not_found"), // a restart has forgotten the session
    session("w2", 3),
    stream(records(3, 4), event("caught-up", { topic: "a", head_seq: 4 }, "i4"), event("later", {}, "i4")),
    problem(403, "forbidden"),
  );
  const got = [];
  await assert.rejects(
    async () => {
      for await (const e of new Client(url, { retryFor: 20_000 }).watch({ topics: { a: { from_seq: 0 } } })) got.push(e);
    },
    { code: "forbidden" },
  );
  assert.deepEqual(got.flatMap((e) => e.records ?? []).map((r) => r.$seq), [1, 2, 3, 4]);
  assert.equal(got.at(-1).type, "caught-up");
  const ids = requests.map(({ head }) => /last-event-id: (\S+)/i.exec(head)?.[1]);
  assert.deepEqual(ids.slice(1, 5), ["i0", "i2", "i2", "i3"]);
  assert.deepEqual(JSON.parse(requests[5].body).topics, { a: { from_seq: 3 } });
});
