// One topic: what it is, its records, and what can be done to it.
import { ask, query, token, topicPath, usePoll } from "./api.js";
import { useState } from "./hooks.js";
import { amend, cannot, go, href, server, use } from "./state.js";
import { Raw, check, stringify } from "./exact.js";
import { Act, Confirm, Curl, Dialog, Facts, Field, Moment, Page, html, show, toast, useFilter } from "./ui.js";
import { ago, bytes, num, perSecond, plural } from "./format.js";
import { ConfigForm, asJSON, changes, sayClamped, sayWarnings, wrongFields } from "./config.js";
import { Tail } from "./tail.js";
import { Jobs } from "./queues.js";

export function Topic({ part: name, query: q }) {
  use(server);
  const state = usePoll((signal) => ask("GET", topicPath(name) + "?touch=false", { signal }), 5000, [name]);
  const row = usePoll(async (signal) => (await ask("GET", "v0/topics" + query({ prefix: name, page_size: 1 }), { signal })).topics.find((r) => r.topic === name), 5000, [name]);
  const routers = usePoll(async (signal) => {
    const [from, to] = [await ask("GET", "v0/routers" + query({ source: name, page_size: 20 }), { signal }), await ask("GET", "v0/routers" + query({ dest: name, page_size: 20 }), { signal })];
    return { to: from.routers, from: to.routers };
  }, 15000, [name]);
  const t = state.data, live = !q.from && !q.ts && q.live !== "no";
  const links = (list, end) => list?.length ? list.map((r, i) => html`${i ? ", " : ""}<a href=${href(["topics", r[end]])}>${r[end]}</a>`) : "—";
  const tools = t && html`<span class="faint">${t.type} · ${t.config.durability}</span>`;
  const jobs = t?.type === "queue" && q.view !== "records";
  return html`<${Page} title=${name} tools=${tools} poll=${state} command=${{ path: topicPath(name) }}>
    ${t && html`<${Facts} of=${[["seqs", t.head_seq ? `${num(t.earliest_seq)}–${num(t.head_seq)}` : "none yet"], ["records", num(t.count)], ["size", bytes(t.bytes)], ["readers", num(t.subscribers)],
      ["writes", perSecond(row.data?.write_rate)], ["reads", perSecond(row.data?.read_rate)], ["last write", ago(t.last_write_ts)], ["priority", num(t.effective_priority)],
      ["reads from", links(routers.data?.from, "source")], ["routes to", links(routers.data?.to, "dest")]]} />
    <div class="tools">${t.type === "queue" && html`<button type="button" aria-pressed=${jobs} onClick=${() => amend({ view: "" })}>Jobs</button>
        <button type="button" aria-pressed=${!jobs} onClick=${() => amend({ view: "records" })}>Records</button>`}
      ${!jobs && html`<${Filters} q=${q} set=${amend} />`}<span class="grow" />
      <button type="button" onClick=${() => show((close) => html`<${Config} topic=${t} close=${close} done=${() => state.reload()} />`)}>Config</button>
      <${Act} off=${cannot("write")} onClick=${() => show((close) => html`<${Write} topic=${name} queue=${t.type === "queue"} close=${close} done=${() => state.reload()} />`)}>Write<//>
      <${Act} off=${cannot("delete")} danger onClick=${() => show((close) => html`<${DeleteRecords} topic=${name} tag=${q.tag} close=${close} done=${() => state.reload()} />`)}>Delete records…<//>
      <${Act} off=${cannot("delete")} danger onClick=${() => show((close) => html`<${DeleteTopic} topic=${t} routers=${routers.data} close=${close} />`)}>Delete topic…<//></div>
    ${jobs ? html`<${Jobs} queue=${name} query=${q} />` : html`<${Tail} key=${name} topic=${name} query=${q} live=${live} setLive=${(on) => amend(on ? { from: "", ts: "", live: "" } : { live: "no" })}
      move=${(from) => amend({ from: from < 1n ? "1" : String(from), ts: "" })} />`}`}<//>`;
}

function Filters({ q, set }) {
  const seq = useFilter(q.from, (v) => set({ from: v.replace(/\D/g, ""), ts: "" }), 400), tag = useFilter(q.tag, (tag) => set({ tag }), 400);
  const contains = useFilter(q.contains, (contains) => set({ contains })), not = useFilter(q.not, (not) => set({ not }), 400);
  return html`<div class="filters"><label class="inline">from seq <input size="9" inputmode="numeric" class="mono" ...${seq} /></label>
    <label class="inline">or time <${Moment} value=${q.ts} set=${(ts) => set({ ts, from: "" })} /></label>
    <label class="inline">tag <input size="9" class="mono" placeholder="order-*" ...${tag} spellcheck=${false} /></label>
    <label class="inline">contains <input size="9" ...${contains} spellcheck=${false} /></label>
    <label class="inline">node not <input size="7" class="mono" ...${not} spellcheck=${false} /></label></div>`;
}

function Write({ topic, queue, close, done }) {
  const [data, setData] = useState('{\n  \n}'), [meta, setMeta] = useState(""), [tag, setTag] = useState(""), [node, setNode] = useState("");
  const [problem, setProblem] = useState(""), [busy, setBusy] = useState(false), [once] = useState(token);
  let wrong = "";
  try { check(data); } catch (e) { wrong = e.message; }
  try { if (meta) check(meta); } catch (e) { wrong = wrong || "meta: " + e.message; }
  const body = () => ({ create: false, idempotency_key: once, node: node || undefined, records: [{ data: new Raw(data), meta: meta ? new Raw(meta) : undefined, tag: tag || undefined }] });
  async function send(e) {
    e.preventDefault();
    if (wrong || busy) return;
    setBusy(true);
    try {
      const got = await ask("POST", topicPath(topic), { body: body() });
      close();
      toast(`written as seq ${num(got.last_seq)}${got.deduped ? " already before" : ""}${sayWarnings(got)}`);
      done();
    } catch (err) { setProblem(err.message); setBusy(false); }
  }
  return html`<${Dialog} title=${"Write to " + topic} close=${close} wide><form onSubmit=${send}>
    <label>data<textarea class="mono" rows="10" autofocus spellcheck=${false} value=${data} onInput=${(e) => setData(e.target.value)} aria-invalid=${!!wrong} /></label>
    <p class=${wrong ? "bad" : "good"} role="status">${wrong || "It is JSON, and is written as it stands here."}</p>
    <${Field} label="tag"><input class="mono" value=${tag} onInput=${(e) => setTag(e.target.value)} /><//><${Field} label="node"><input class="mono" value=${node} onInput=${(e) => setNode(e.target.value)} /><//>
    <${Field} label="meta" hint="A JSON object, or nothing."><input class="mono" value=${meta} onInput=${(e) => setMeta(e.target.value)} /><//>
    ${problem && html`<p class="bad" role="alert">${problem}. Sending again writes it once at most.</p>`}
    <footer><${Curl} method="POST" path=${topicPath(topic)} body=${`{"records":[{"data":${data}}]}`} /><span class="grow" /><button type="button" onClick=${close}>Cancel</button>
      <button class="primary" disabled=${!!wrong || busy}>${queue ? "Write 1 job" : "Write 1 record"}</button></footer></form><//>`;
}

// DeleteRecords shows what a tag or a seq hits before it is done, and then hits
// no more than that.
function DeleteRecords({ topic, tag, close, done }) {
  const [match, setMatch] = useState(tag ?? ""), [before, setBefore] = useState(""), [found, setFound] = useState(null), [problem, setProblem] = useState("");
  const what = { match: match || undefined, before_seq: before ? BigInt(before.replace(/\D/g, "") || 0) : undefined };
  const change = (set) => (e) => { set(e.target.value); setFound(null); };
  async function look(e) {
    e.preventDefault();
    try {
      setFound(await ask("POST", topicPath(topic, "/delete?strict=true"), { body: { ...what, dry_run: true } }));
      setProblem("");
    } catch (err) { setProblem(err.message); }
  }
  const bound = found && BigInt(found.head_seq) + 1n, upTo = what.before_seq && what.before_seq < bound ? what.before_seq : bound;
  async function act() {
    const gone = await ask("POST", topicPath(topic, "/delete"), { body: { match: what.match, before_seq: upTo } });
    done();
    return `${plural(gone.deleted, "record")} deleted`;
  }
  if (found) return html`<${Confirm} title=${`Delete records of ${topic}`} verb=${`Delete ${plural(found.count, "record")}`} act=${act} close=${close} blocked=${!found.count}
    command=${{ method: "POST", path: topicPath(topic, "/delete"), body: stringify({ match: what.match, before_seq: upTo }) }}>
    <p>Delete <b>${plural(found.count, "record")}</b>${found.bytes !== undefined ? `, ${bytes(found.bytes)},` : ""}${match && html` tagged <b class="mono">${match}</b>`} up to seq <b>${num(upTo - 1n)}</b>.</p>
    <p>What was written after this preview stays. Readers get no sign of it. It cannot be undone.</p><//>`;
  return html`<${Dialog} title=${`Delete records of ${topic}`} close=${close}><form onSubmit=${look}>
    <${Field} label="tag" hint="order-77* matches all that begin with order-77."><input class="mono" autofocus value=${match} onInput=${change(setMatch)} /><//>
    <${Field} label="below seq" hint="Only records before it. Empty: all that there are now."><input class="mono" inputmode="numeric" value=${before} onInput=${change(setBefore)} /><//>
    ${problem && html`<p class="bad" role="alert">${problem}</p>`}
    <footer><button type="button" onClick=${close}>Cancel</button><button class="primary" disabled=${!match && !before}>Count them</button></footer></form><//>`;
}

function DeleteTopic({ topic: t, routers, close }) {
  const names = [...(routers?.to ?? []), ...(routers?.from ?? [])].map((r) => r.router);
  async function act() {
    const done = await ask("DELETE", topicPath(t.topic));
    go(["topics"]);
    return `topic ${t.topic} deleted${done.routers_removed.length ? ", with " + plural(done.routers_removed.length, "router") : ""}`;
  }
  return html`<${Confirm} title=${"Delete topic " + t.topic} verb="Delete the topic" typed=${t.topic} act=${act} close=${close} command=${{ method: "DELETE", path: topicPath(t.topic) }}>
    <p>Delete topic <b class="mono">${t.topic}</b>: <b>${plural(t.count, "record")}</b>, ${bytes(t.bytes)}${names.length ? html`, and the routers <b class="mono">${names.join(", ")}</b>` : ""}.</p>
    <p>${t.subscribers ? `${plural(t.subscribers, "reader")} will hear that it is gone. ` : ""}It cannot be undone.</p><//>`;
}

function Config({ topic: t, close, done }) {
  const [form, setForm] = useState({}), [problem, setProblem] = useState("");
  const wrong = wrongFields(form), diff = wrong.length ? {} : changes(form, t.config), names = Object.keys(diff);
  const evicts = [];
  if (diff.cap_records > 0 && t.count > diff.cap_records) evicts.push(`evicts about ${plural(BigInt(t.count) - BigInt(diff.cap_records), "record")} now`);
  if (diff.cap_bytes > 0 && t.bytes > diff.cap_bytes) evicts.push(`evicts about ${bytes(BigInt(t.bytes) - BigInt(diff.cap_bytes))} now`);
  if (diff.ttl_ms > 0) evicts.push("expires what is older now");
  const off = cannot("admin-write");
  async function save(e) {
    e.preventDefault();
    try {
      const answer = await ask("PATCH", topicPath(t.topic), { body: diff });
      close();
      toast(`changed ${names.join(", ")}${sayClamped(diff, answer)}${sayWarnings(answer)}`);
      done();
    } catch (err) { setProblem(err.message); }
  }
  return html`<${Dialog} title=${"Config of " + t.topic} close=${close} wide><form onSubmit=${save}><${ConfigForm} was=${t.config} config=${form} set=${setForm} />
    ${evicts.length > 0 && html`<p class="note warn">${evicts.join("; ")}</p>`}${problem && html`<p class="bad" role="alert">${problem}</p>`}${off && html`<p class="note warn">${off}</p>`}
    <footer><${Curl} method="PATCH" path=${topicPath(t.topic)} body=${asJSON(form, t.config)} /><span class="grow" /><button type="button" onClick=${close}>Cancel</button>
      <button class="primary" disabled=${!!off || names.length === 0 || wrong.length > 0}>${names.length ? `Change ${names.join(", ")}` : "Nothing changed"}</button></footer></form><//>`;
}
