// Queues, and the jobs of one. Looking claims nothing.
import { ask, query, topicPath, usePoll } from "./api.js";
import { useEffect, useReducer, useState } from "./hooks.js";
import { amend, cannot, href, now, server, use } from "./state.js";
import { Act, Confirm, Filter, Page, Select, State, Table, html, show } from "./ui.js";
import { Payload } from "./tail.js";
import { clock, num, plural, rate, span, visible } from "./format.js";

const old = 60000;
const columns = [
  { title: "queue", mono: true, cell: (r) => html`<a href=${href(["topics", r.topic])}>${r.topic}</a>` },
  { title: "ready", right: true, cell: (r) => num(r.queue?.ready) }, { title: "blocked", right: true, minor: true, cell: (r) => num(r.queue?.blocked) },
  { title: "in flight", right: true, minor: true, cell: (r) => num(r.queue?.in_flight) }, { title: "delayed", right: true, minor: true, cell: (r) => num(r.queue?.delayed) },
  { title: "dead", right: true, minor: true, cell: (r) => r.queue?.dead_lettered ? html`<a class="bad" href=${href(["dead"], { queue: r.topic })}>${num(r.queue.dead_lettered)}</a>` : "0" },
  { title: "oldest ready", right: true, cell: (r) => r.queue?.ready ? html`<span class=${r.queue.oldest_ready_ms > old ? "warn" : ""}>${r.queue.oldest_ready_ms > old ? "⚠ " : ""}${span(r.queue.oldest_ready_ms)}</span>` : "—" },
  { title: "claims/s", right: true, minor: true, cell: (r) => rate(r.claim_rate ?? r.queue?.claim_rate) }, { title: "acks/s", right: true, minor: true, cell: (r) => rate(r.ack_rate ?? r.queue?.ack_rate) },
  { title: "nacks/s", right: true, minor: true, cell: (r) => rate(r.nack_rate ?? r.queue?.nack_rate) },
];

export function Queues({ query: q }) {
  const asked = { type: "queue", contains: q.contains, page_size: 200, cursor: q.cursor }, path = "v0/topics" + query(asked);
  const list = usePoll((signal) => ask("GET", path, { signal }), 5000, [path]);
  const rows = (list.data?.topics ?? []).filter((r) => r.type === "queue");
  return html`<${Page} title="Queues" poll=${list} command=${{ path }}>
    <div class="tools"><${Filter} type="search" placeholder="name contains…" aria-label="Name contains" value=${q.contains} set=${(contains) => amend({ contains, cursor: "" })} />
      <span class="faint" aria-live="polite">${list.data?.total !== undefined ? plural(list.data.total, "queue") : ""}</span><span class="grow" /><${Pages} query=${q} next=${list.data?.next_cursor} /></div>
    ${list.data && html`<${Table} label="Queues" columns=${columns} rows=${rows} keyOf=${(r) => r.topic} empty=${q.contains ? "no queue matches" : html`no queues yet: make a topic whose type is queue, <a href="#/new">New topic</a>`} />`}<//>`;
}

// Pages goes through a list by its cursors; the way back is the browser's.
export const Pages = ({ query: q, next, name = "cursor" }) => (q[name] || next) ? html`<button type="button" data-previous disabled=${!q[name]} onClick=${() => history.length > 1 ? history.back() : amend({ [name]: "" })}>previous [</button>
  <button type="button" data-next disabled=${!next} onClick=${() => { const a = location.hash.replace(/^#\/?/, "").split("?"); location.hash = href(a[0].split("/").map(decodeURIComponent), { ...q, [name]: next }); }}>next ]</button>` : null;

const states = [["ready", "ready"], ["blocked", "blocked"], ["in_flight", "in flight"], ["delayed", "delayed"], ["dead", "dead"]];

function Left({ until }) {
  const [, tick] = useReducer((n) => n + 1, 0);
  useEffect(() => { const t = setInterval(tick, 1000); return () => clearInterval(t); }, []);
  const left = Number(until) - now();
  return html`<span class=${left < 0 ? "warn" : ""} title=${clock(until)}>${left < 0 ? "over" : span(left)}</span>`;
}

export function Jobs({ queue, query: q }) {
  use(server);
  const state = q.state || "ready";
  const path = topicPath(queue, "/jobs") + query({ state, limit: 200, cursor: q.cursor });
  const list = usePoll((signal) => ask("GET", path, { signal }), 3000, [path]);
  const release = (job) => show((close) => html`<${Release} queue=${queue} job=${job} close=${close} done=${() => list.reload()} />`);
  const promote = (job) => show((close) => html`<${Confirm} title=${`Promote job ${num(job.$seq)}`} verb="Make 1 job due now" danger=${false} close=${close} command=${{ method: "POST", path: topicPath(queue, "/promote"), body: `{"seqs":[${job.$seq}]}` }} act=${async () => {
    const done = await ask("POST", topicPath(queue, "/promote"), { body: { seqs: [job.$seq] } });
    list.reload();
    return done.promoted ? `job ${num(job.$seq)} is due now` : `nothing to do: ${Object.values(done.reasons ?? {})[0] ?? "it was due"}`;
  }}><p>Job <b>${num(job.$seq)}</b> is due in ${span(Number(job.due) - now())}. It becomes ready at once.</p><//>`);
  const flight = state === "in_flight";
  const columns = [
    { title: "seq", right: true, mono: true, cell: (j, toggle, open) => html`<button type="button" class="quiet mono" aria-expanded=${open} onClick=${toggle}>${num(j.$seq)}</button>` },
    flight && { title: "holder", mono: true, cell: (j) => visible(j.node ?? "?") }, flight && { title: "lease left", right: true, cell: (j) => html`<${Left} until=${j.deadline} />` },
    state === "delayed" && { title: "due in", right: true, cell: (j) => html`<${Left} until=${j.due} />` },
    (state === "ready" || state === "blocked") && { title: "waits since", right: true, cell: (j) => j.since ? span(now() - Number(j.since)) : "?" },
    state === "dead" && { title: "reason", cell: (j) => visible(j.reason ?? "") }, state === "dead" && { title: "was seq", right: true, mono: true, cell: (j) => num(j.source_seq) },
    { title: "deliveries", right: true, minor: true, cell: (j) => num(j.deliveries) },
    { title: "group", mono: true, minor: true, cell: (j) => j.$group ? html`${visible(j.$group)}${flight ? html` <span class="faint">holds it</span>` : ""}` : "—" },
    { title: "priority", right: true, minor: true, cell: (j) => num(j.$priority ?? 0) }, { title: "unique key", mono: true, minor: true, cell: (j) => j.$unique_key ? visible(j.$unique_key) : "—" },
    flight && { title: "", right: true, cell: (j) => html`<${Act} class="quiet danger" off=${cannot("admin-write")} onClick=${() => release(j)}>Release…<//>` },
    state === "delayed" && { title: "", right: true, cell: (j) => html`<${Act} class="quiet" off=${cannot("write")} onClick=${() => promote(j)}>Promote…<//>` },
  ].filter(Boolean);
  return html`<div class="tools"><${Select} label="state" value=${state} of=${states} set=${(s) => amend({ state: s, cursor: "" })} />
      ${state === "dead" && html`<a href=${href(["dead"], { queue })}>payloads, replay and purge</a>`}<span class="grow" /><${Pages} query=${q} next=${list.data?.next_cursor} /></div>
    <${State} poll=${list} />${list.data && html`<${Table} label=${`Jobs of ${queue}, ${state}`} columns=${columns} rows=${list.data.jobs} keyOf=${(j) => String(j.$seq)}
      empty=${`no job is ${state.replace("_", " ")}`} detail=${(j) => html`<${JobPayload} topic=${state === "dead" ? null : queue} seq=${j.$seq} />`} />`}`;
}

function JobPayload({ topic, seq }) {
  const got = usePoll(async (signal) => topic ? (await ask("POST", topicPath(topic, "/diff"), { body: { from_seq: BigInt(seq) - 1n, limit: 1, touch: false, include_tags: true, include_meta: true, preview_bytes: 65536 }, signal })).records.find((r) => r.$seq === seq) ?? {} : {}, 0, [topic, seq]);
  if (!topic) return html`<p class="faint">Its payload is on the page of dead letters.</p>`;
  if (got.error || !got.data) return html`<${State} poll=${got} />`;
  return got.data.$seq === undefined ? html`<p class="faint">It has gone meanwhile.</p>` : html`<${Payload} topic=${topic} record=${got.data} />`;
}

function Release({ queue, job, close, done }) {
  const [left] = useState(() => Number(job.deadline) - now());
  return html`<${Confirm} title=${`Release job ${num(job.$seq)}`} verb="Take 1 job back" close=${close} command=${{ method: "POST", path: topicPath(queue, "/release"), body: `{"seqs":[${job.$seq}]}`, confirm: true }} act=${async () => {
    const r = await ask("POST", topicPath(queue, "/release"), { body: { seqs: [job.$seq] }, confirm: true });
    done();
    return r.released ? `job ${num(job.$seq)} is ready again` : `nothing released: ${Object.values(r.reasons ?? {})[0] ?? "it was not in flight"}`;
  }}><p>Take job <b>${num(job.$seq)}</b> from worker <b class="mono">${job.node ?? "?"}</b>, ${left > 0 ? `${span(left)} left of its lease` : "whose lease is over"}.</p>
    <p>If ${job.node ?? "the worker"} is alive, the job may run twice.</p><//>`;
}
