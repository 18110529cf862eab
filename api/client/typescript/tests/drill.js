// Writes, watches and works while the server is killed, and prints what it knows.
//
// usage: node drill.js URL
//
// Each line of the output is a JSON object with one of these: written (a topic, seqs
// and data, acknowledged), seen (records of a watch), lost (a tombstone), begun, done
// and back (jobs: given to a handler, acked, returned to the queue). When the first
// line of the input comes, nothing more is written, and {"quiet": true} is printed.
// When the input ends, the worker and the watch are stopped.

import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "topics-client";

const [log, queue, writers, batch, lease] = ["drill-log", "drill-queue", 3, 5, 1000];

const client = new Client(process.argv[2], { retryFor: 60_000 });
const print = (line) => process.stdout.write(JSON.stringify(line) + "\n");
let quiet = false;

// Appends batches, each with a key, one after the other.
async function write(topic, writer) {
  for (let number = 0; !quiet; number += batch) {
    await sleep(5);
    const data = Array.from({ length: batch }, (_, n) => `${topic}-${writer}-${number + n}`);
    const records = data.map((d, n) => (topic === queue ? { data: d, group: `group-${n}`, priority: number % 3 } : { data: d }));
    const { seqs } = await client.append(topic, records, { idempotency_key: data[0] });
    print({ written: { topic, seqs, data } });
  }
}

async function watch(signal) {
  const onLoss = ({ gap_from, gap_to, reason }) => print({ lost: { from: gap_from, to: gap_to, reason } });
  for await (const event of client.watch({ topics: { [log]: { from_seq: 0 } }, onLoss, signal })) {
    if (event.type === "records") print({ seen: event.records.map((r) => ({ seq: r.$seq, data: r.data })) });
  }
}

async function handle(job, signal) {
  print({ begun: { seq: job.$seq, data: job.data, lease: job.lease_id } });
  // Some take longer than a lease.
  await sleep(job.$seq % 50 === 25 ? lease * 1.5 : 5, undefined, { signal });
  if (job.$seq % 10 === 0 && job.deliveries === 1) throw new Error("every tenth job fails the first time");
}

function ended({ job, error, unbegun, lost, failure }) {
  if (unbegun) return;
  const end = { seq: job.$seq, data: job.data, why: lost ?? String(failure ?? error ?? "") };
  print(error === undefined && !lost && !failure ? { done: end } : { back: end });
}

const stop = new AbortController();
const failed = (error) => {
  print({ error: String(error) });
  process.exit(1);
};
const writing = [write(queue, 0), ...Array.from({ length: writers }, (_, n) => write(log, n))];
const others = [
  watch(stop.signal),
  client.work(queue, handle, { parallel: 6, ahead: 2, lease_ms: lease, signal: stop.signal, ended }),
];
for (const promise of [...writing, ...others]) promise.catch(failed);
const input = createInterface({ input: process.stdin });
const end = once(input, "close");
await once(input, "line");
quiet = true;
await Promise.all(writing);
print({ quiet: true });
await end;
stop.abort();
await Promise.all(others);
