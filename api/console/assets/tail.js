// The live tail: it pulls with diff, jumps over what comes faster than anyone
// reads, and says what it jumped over.
import { ask, query, topicPath } from "./api.js";
import { useEffect, useReducer, useRef, useState } from "./hooks.js";
import { announcePoll, hidden, href, paused, tabs, use, utc } from "./state.js";
import { Raw, pretty } from "./exact.js";
import { Curl, Table, copy, html } from "./ui.js";
import { ago, bytes, clock, num, visible } from "./format.js";

const most = { rows: 2000, bytes: 16 << 20 }, behind = 500, page = 50, preview = 64 << 10;

const textOf = (r) => r.data instanceof Raw ? r.data.text : r.data_preview ?? "";
const sizeOf = (r) => r.data_bytes ?? new Blob([textOf(r)]).size;

// Tail follows from the cursor in its ref. A reader who scrolls away, or whose
// pointer rests in the table, is not overtaken.
function useTail(topic, { from, ts, tag, node, live }) {
  const [, again] = useReducer((n) => n + 1, 0);
  const s = useRef({ rows: [], head: 0, cursor: null, error: null, weight: 0, more: 0, caughtUp: false }).current;
  const inside = useRef(false);
  useEffect(() => {
    Object.assign(s, { rows: [], cursor: null, error: null, weight: 0, more: 0, caughtUp: false });
    again();
  }, [topic, from, ts, tag, node]);
  useEffect(() => {
    const cut = new AbortController();
    let stopped = false, wake = () => {};
    const rest = (ms) => new Promise((done) => { const t = setTimeout(done, ms); wake = () => { clearTimeout(t); done(); }; });
    const awake = hidden.follow(() => wake()), onPause = paused.follow(() => wake());
    async function run() {
      let failures = 0;
      while (!stopped) {
        const started = Date.now();
        if (s.cursor !== null && (hidden.get() || paused.get() || inside.current && s.more > 200 || live && scrollY > 400)) { await rest(1000); continue; }
        try {
          await step(s, topic, { from, ts, tag, node, live, signal: cut.signal });
          failures = 0;
          s.error = null;
        } catch (e) {
          if (stopped) return;
          failures++;
          s.error = e;
        }
        if (!inside.current) s.more = 0;
        again();
        if (!live && !s.error) return;
        const polite = tabs.get() >= 4 ? 1000 : 250;
        await rest(failures ? Math.max(Math.min(1000 * 2 ** (failures - 1), 15000), (s.error?.wait ?? 0) * 1000) : Math.max(polite - (Date.now() - started), 0));
      }
    }
    run();
    return () => { stopped = true; cut.abort(); wake(); awake(); onPause(); };
  }, [topic, from, ts, tag, node, live]);
  return [s, inside];
}

async function step(s, topic, { from, ts, tag, node, live, signal }) {
  const first = s.cursor === null;
  if (first) {
    const state = await ask("GET", topicPath(topic) + "?touch=false", { signal });
    s.head = state.head_seq;
    const start = BigInt(state.head_seq) - BigInt(page);
    s.cursor = from ? BigInt(from) - 1n : start > 0n ? start : 0n;
  }
  const long = live && !first && tabs.get() < 4;
  if (long) announcePoll();
  const body = { from_seq: s.cursor < 0 ? 0n : BigInt(s.cursor), limit: page, max_batch_bytes: 262144, wait_ms: long ? 10000 : 0, touch: false, preview_bytes: preview, include_tags: true, include_meta: true,
    match: tag || undefined, node: node || undefined, from_ts: first && ts ? Number(ts) : undefined };
  if (body.from_ts !== undefined) delete body.from_seq;
  const got = await ask("POST", topicPath(topic, "/diff"), { body, signal, long });
  const rows = [];
  if (got.tombstone) rows.push({ lost: got.tombstone, key: "lost " + got.tombstone.gap_from });
  for (const r of got.records) rows.push({ record: r, key: "r" + r.$seq, size: Math.min(sizeOf(r), preview) + 200 });
  s.cursor = BigInt(got.next_from_seq);
  s.head = got.head_seq;
  s.caughtUp = got.caught_up;
  const lag = BigInt(got.head_seq) - s.cursor;
  if (live && lag > BigInt(behind)) {
    const to = BigInt(got.head_seq) - BigInt(page);
    rows.push({ skipped: to - s.cursor, from: s.cursor + 1n, to, key: "gap " + s.cursor });
    s.cursor = to;
  }
  s.more += rows.length;
  rows.reverse();
  s.rows = [...rows, ...s.rows];
  s.weight += rows.reduce((a, r) => a + (r.size ?? 0), 0);
  while (s.rows.length > most.rows || s.weight > most.bytes && s.rows.length > 1) s.weight -= s.rows.pop().size ?? 0;
}

export function Tail({ topic, query: q, live, setLive, move }) {
  use(utc);
  const [s, inside] = useTail(topic, { from: q.from, ts: q.ts, tag: q.tag, node: q.not, live });
  const rows = s.rows.filter((r) => !q.contains || !r.record || textOf(r.record).includes(q.contains));
  const oldest = s.rows.findLast((r) => r.record)?.record.$seq;
  const line = (r, what) => r.lost ? (what ? html`<span class="bad">${lost(r.lost)}</span>` : html`<b class="bad">■ tombstone</b>`)
    : r.skipped ? (what ? html`<span class="faint">${num(r.skipped)} skipped: they come faster than you read. <a href=${href(["topics", topic], { ...q, from: r.from, live: "no" })}>pause here</a></span>` : html`<span class="faint">⋯</span>`) : null;
  const columns = [
    { title: "seq", right: true, mono: true, cell: (r, toggle, open) => r.record ? html`<button type="button" class="quiet mono" aria-expanded=${open} onClick=${toggle}>${num(r.record.$seq)}</button>` : line(r) },
    { title: "time", mono: true, minor: true, cell: (r) => r.record && html`<span title=${ago(r.record.$ts)}>${clock(r.record.$ts)}</span>` },
    { title: "tag", mono: true, minor: true, cell: (r) => r.record?.$tag && visible(r.record.$tag) },
    { title: "node", mono: true, minor: true, cell: (r) => r.record?.$node && visible(r.record.$node) },
    { title: "bytes", right: true, minor: true, cell: (r) => r.record && bytes(sizeOf(r.record)) },
    { title: "data", mono: true, wide: true, cell: (r) => r.record ? visible(textOf(r.record).slice(0, 400)) : line(r, true) },
  ];
  return html`<div class="tools"><button type="button" aria-pressed=${live} onClick=${() => setLive(!live)}>${live ? "● Live" : "○ Live"}</button>
      <span class="faint" aria-live="off">${s.error ? "" : live ? (s.caughtUp ? "all that there is" : "catching up") : `${num(rows.length)} rows`}${q.contains ? ` · “contains” looks at the ${num(s.rows.length)} loaded rows only` : ""}</span>
      ${s.error && html`<span class="bad" role="status">${s.error.message}; shown is what came before</span>`}
      <span class="grow" />
      ${!live && html`<button type="button" data-previous disabled=${!oldest || BigInt(oldest) <= 1n} onClick=${() => move(BigInt(oldest) - BigInt(page))}>older [</button>
      <button type="button" data-next disabled=${s.caughtUp} onClick=${() => move(BigInt(s.cursor) + 1n)}>newer ]</button>`}
      <${Curl} method="POST" path=${topicPath(topic, "/diff")} body=${JSON.stringify({ from_seq: Number(s.cursor ?? 0), limit: page, match: q.tag || undefined, touch: false })} /></div>
    <${Table} label=${"Records of " + topic} columns=${columns} rows=${rows} keyOf=${(r) => r.key} insideRef=${inside} onLetIn=${() => { s.more = 0; }}
      empty=${s.cursor === null ? "" : q.tag || q.contains || q.from || q.ts ? "no record here matches" : "no record yet"} detail=${(r) => r.record && html`<${Payload} topic=${topic} record=${r.record} />`} />`;
}

const lost = (t) => `${num(t.gap_from)}–${num(t.gap_to)}, ${t.reason}: ${num(t.missed_estimate)} records lost before you read them`;

// Payload is a record in full. Pretty printing only moves white space.
export function Payload({ topic, record, path }) {
  const [mode, setMode] = useState("pretty"), [whole, setWhole] = useState(null);
  const r = whole ?? record, cut = r.data_preview !== undefined;
  const seq = record.$seq, text = textOf(r);
  async function all() {
    const got = await ask("POST", topicPath(topic, "/diff"), { body: { from_seq: BigInt(seq) - 1n, limit: 1, touch: false, include_tags: true, include_meta: true } });
    if (got.records[0]?.$seq === seq) setWhole(got.records[0]);
  }
  let shown = text;
  if (mode === "pretty" && !cut) try { shown = pretty(text); } catch { /* as it is */ }
  if (mode === "meta") shown = r.meta ? pretty(r.meta.text) : "no meta";
  const modes = ["pretty", "raw", ...(r.meta ? ["meta"] : [])];
  return html`<div class="tools">${modes.map((m) => html`<button type="button" aria-pressed=${mode === m} onClick=${() => setMode(m)}>${m}</button>`)}
      <button type="button" disabled=${cut} onClick=${() => copy(mode === "meta" ? r.meta.text : text, "payload as it is stored")}>copy</button>
      <${Curl} path=${path ?? topicPath(topic, "/diff") + query({ from_seq: BigInt(seq) - 1n, limit: 1 })} />
      ${cut && html`<span class="faint">the first ${bytes(preview)}</span><button type="button" onClick=${all}>show all ${bytes(r.data_bytes)}</button>`}</div>
    <pre class="data" tabindex="0" aria-label=${"Payload of " + seq}>${visible(shown)}</pre>`;
}
