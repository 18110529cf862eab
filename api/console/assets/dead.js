// Dead letters: what died and why, and what to do with it. One row or all that
// match go through the same act.
import { ask, query, topicPath, usePoll } from "./api.js";
import { stringify } from "./exact.js";
import { useEffect, useState } from "./hooks.js";
import { amend, cannot, server, use } from "./state.js";
import { Act, Bar, Confirm, Moment, Page, Select, State, Table, html, show, useFilter } from "./ui.js";
import { Pages } from "./queues.js";
import { Payload } from "./tail.js";
import { clock, num, plural, visible } from "./format.js";

// boundOf is the seq below which the dead letters of a queue died before a time.
async function boundOf(queue, before, signal) {
  if (!before) return undefined;
  const dead = (await ask("GET", topicPath(queue) + "?touch=false", { signal })).config.dead_letter;
  if (!dead) return undefined;
  const got = await ask("POST", topicPath(dead, "/diff"), { body: { from_ts: Number(before), limit: 1, touch: false, preview_bytes: 1 }, signal });
  return got.records[0]?.$seq ?? BigInt(got.head_seq) + 1n;
}

const batch = 500; // of one call, so that there is progress and it can stop

export function DeadLetters({ query: q }) {
  use(server);
  const queues = usePoll((signal) => ask("GET", "v0/topics?type=queue&page_size=500", { signal }), 15000);
  const names = (queues.data?.topics ?? []).filter((t) => t.type === "queue");
  const queue = q.queue || (names.find((t) => t.queue?.dead_lettered) ?? names[0])?.topic || "";
  const asked = { match: q.tag, reason: q.reason, limit: 200, cursor: q.cursor }, path = topicPath(queue, "/dead-letters") + query(asked);
  const list = usePoll(async (signal) => {
    if (!queue) return null;
    const before = await boundOf(queue, q.before, signal);
    return { ...await ask("GET", topicPath(queue, "/dead-letters") + query({ ...asked, before_seq: before }), { signal }), before };
  }, 5000, [path, q.before]);
  const [chosen, setChosen] = useState(() => new Set());
  useEffect(() => setChosen(new Set()), [path, q.before]);
  const tag = useFilter(q.tag, (t) => amend({ tag: t, cursor: "" }), 300), reason = useFilter(q.reason, (r) => amend({ reason: r, cursor: "" }), 300);
  const rows = list.data?.dead_letters ?? [], topic = list.data?.dead_letter;
  const toggle = (seq) => setChosen((c) => { const n = new Set(c); n.delete(seq) || n.add(seq); return n; });
  const act = (verb, seqs) => show((close) => html`<${Bulk} verb=${verb} queue=${queue} dead=${topic} seqs=${seqs} filter=${{ match: q.tag || undefined, reason: q.reason || undefined, before_seq: list.data?.before }} close=${close} done=${() => { setChosen(new Set()); list.reload(); }} />`);
  const all = names.find((t) => t.topic === queue)?.queue?.dead_lettered;
  const columns = [
    { title: html`<span class="offscreen">chosen</span>`, cell: (d) => html`<input type="checkbox" aria-label=${"choose " + d.$seq} checked=${chosen.has(d.$seq)} onChange=${() => toggle(d.$seq)} />` },
    { title: "seq", right: true, mono: true, cell: (d, open, is) => html`<button type="button" class="quiet mono" aria-expanded=${is} onClick=${open}>${num(d.$seq)}</button>` },
    { title: "died", mono: true, minor: true, cell: (d) => clock(d.$ts) }, { title: "reason", cell: (d) => visible(d.reason) }, { title: "was seq", right: true, mono: true, minor: true, cell: (d) => num(d.source_seq) },
    { title: "deliveries", right: true, minor: true, cell: (d) => num(d.deliveries) }, { title: "tag", mono: true, minor: true, cell: (d) => d.$tag ? visible(d.$tag) : "—" },
    { title: "data", mono: true, wide: true, minor: true, cell: (d) => visible((d.data?.text ?? "").slice(0, 300)) },
    { title: "", right: true, minor: true, cell: (d) => html`<${Act} class="quiet" off=${cannot("admin-write")} onClick=${() => act("Replay", [d.$seq])}>replay<//> <${Act} class="quiet danger" off=${cannot("delete")} onClick=${() => act("Purge", [d.$seq])}>purge<//>` },
  ];
  const some = [...chosen];
  return html`<${Page} title="Dead letters" poll=${list} command=${{ path }}>
    <div class="tools"><${Select} label="queue" value=${queue} of=${names.map((t) => [t.topic, `${t.topic}${t.queue?.dead_lettered ? ` (${num(t.queue.dead_lettered)})` : ""}`])} set=${(v) => amend({ queue: v, cursor: "" })} />
      <label class="inline">tag <input size="10" class="mono" placeholder="m-*" ...${tag} /></label><label class="inline">reason <input size="14" ...${reason} /></label>
      <label class="inline">died before <${Moment} value=${q.before} set=${(before) => amend({ before, cursor: "" })} /></label></div>
    <div class="tools"><span class="faint" aria-live="polite">${all !== undefined ? num(all) + " dead in all" : ""}${some.length ? ` · ${num(some.length)} chosen` : ""}</span>
      ${rows.length > 0 && html`<button type="button" onClick=${() => setChosen(some.length === rows.length ? new Set() : new Set(rows.map((d) => d.$seq)))}>${some.length === rows.length ? "Choose none" : `Choose the ${num(rows.length)} here`}</button>`}
      <span class="grow" /><${Pages} query=${q} next=${list.data?.next_cursor} />
      <${Act} off=${cannot("admin-write") || !rows.length && "there is nothing to replay"} onClick=${() => act("Replay", some.length ? some : null)}>${some.length ? `Replay ${num(some.length)}…` : "Replay all that match…"}<//>
      <${Act} danger off=${cannot("delete") || !rows.length && "there is nothing to purge"} onClick=${() => act("Purge", some.length ? some : null)}>${some.length ? `Purge ${num(some.length)}…` : "Purge all that match…"}<//></div>
    ${queues.error && html`<${State} poll=${queues} />`}
    ${list.data && html`<${Table} label=${"Dead letters of " + queue} columns=${columns} rows=${rows} keyOf=${(d) => String(d.$seq)}
      empty=${topic === null ? "this queue keeps no dead letters: its config names no topic for them (dead_letter)" : q.tag || q.reason || q.before ? "no dead letter matches" : "none: no job of this queue has died"}
      detail=${(d) => html`<p class="tools"><span class="faint">from</span> <span class="mono">${queue}</span> <span class="faint">as seq</span> ${num(d.source_seq)} <span class="faint">in</span> <span class="mono">${topic}</span></p><${Payload} topic=${topic} record=${d} />`} />`}
    ${!queue && queues.data && html`<p class="faint">no queues yet</p>`}<//>`;
}

// Bulk replays or purges seqs, or all that match a filter and were there when it
// counted them. It can stop, and is safe to repeat.
function Bulk({ verb, queue, dead, seqs, filter, close, done }) {
  const [count, setCount] = useState(0), [stop] = useState({ now: false }), replay = verb === "Replay";
  const { match, reason, before_seq } = filter;
  const send = (more, signal) => replay ? ask("POST", topicPath(queue, "/redrive"), { body: { match, reason, before_seq, ...more }, confirm: true, signal })
    : ask("DELETE", topicPath(queue, "/dead-letters") + query({ match, reason, before_seq, ...more }), { confirm: true, signal });
  const found = usePoll((signal) => seqs ? null : send({ dry_run: true }, signal), 0);
  const end = found.data ? BigInt(found.data.head_seq) + 1n : null, bound = end !== null && before_seq < end ? before_seq : end;
  const meant = [match && `tag ${match}`, reason && `reason ${reason}`, before_seq && `seq below ${num(before_seq)}`].filter(Boolean).join(" and ");
  const objects = seqs || found.data ? plural(seqs ? seqs.length : found.data.count, "dead letter") : "them";
  const command = replay ? { method: "POST", path: topicPath(queue, "/redrive"), body: stringify(seqs ? { seqs } : { match, reason, before_seq: bound ?? before_seq }), confirm: true }
    : { method: "DELETE", path: seqs ? topicPath(queue, "/dead-letters/" + seqs[0]) : topicPath(queue, "/dead-letters") + query({ match, reason, before_seq: bound ?? before_seq }), confirm: true };
  async function act() {
    let gone = 0, left = 0;
    const note = (r) => { gone += r.count; left = r.left; setCount(gone); };
    if (seqs) {
      for (let i = 0; i < seqs.length && !stop.now; i += replay ? batch : 1) {
        note(replay ? await ask("POST", topicPath(queue, "/redrive"), { body: { seqs: seqs.slice(i, i + batch) }, confirm: true })
          : await ask("DELETE", topicPath(queue, "/dead-letters/" + seqs[i]), { confirm: true }));
      }
    } else {
      for (let n = batch; n > 0 && !stop.now;) {
        const r = await send({ before_seq: bound, limit: batch });
        note(r);
        n = r.count < batch ? 0 : r.count;
      }
    }
    done();
    return `${plural(gone, "dead letter")} ${replay ? "replayed" : "purged"}${stop.now ? ", then stopped" : ""}; ${num(left)} left in ${dead}`;
  }
  const [going, setGoing] = useState(false);
  return html`<${Confirm} title=${`${verb} dead letters of ${queue}`} verb=${`${verb} ${objects}`} danger=${!replay} typed=${!replay && !seqs ? queue : ""} close=${close} command=${command} blocked=${!seqs && !found.data?.count}
    act=${() => { setGoing(true); return act().finally(() => setGoing(false)); }}>
    ${found.error && html`<p class="bad" role="alert">${found.error.message}</p>`}
    <p>${verb} ${found.data || seqs ? html`<b>${objects}</b> of <b class="mono">${dead}</b>` : "…"}${!seqs && meant ? html`: ${meant}` : ""}${bound !== null ? html`, up to seq <b>${num(BigInt(bound) - 1n)}</b>. What dies later stays.` : "."}</p>
    <p>${replay ? `They go back into ${queue} with their deliveries at 0.` : "They are deleted. It cannot be undone."}</p>
    ${going && html`<p role="status"><${Bar} label="done" part=${count / (seqs ? seqs.length : found.data.count || 1)} /> ${num(count)} done <button type="button" onClick=${() => { stop.now = true; }}>Stop</button></p>`}<//>`;
}
