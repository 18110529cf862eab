// The list of topics, and the form of one to be made.
import { ask, query, topicPath, usePoll } from "./api.js";
import { useEffect, useRef, useState } from "./hooks.js";
import { amend, cannot, go, href, use, server } from "./state.js";
import { Act, Curl, Field, Filter, Page, Select, Table, html, toast } from "./ui.js";
import { ago, bytes, curl, num, rate, span } from "./format.js";
import { ConfigForm, asJSON, changes, sayClamped, sayWarnings, wrongFields } from "./config.js";

const kept = 5000; // rows in memory
const types = [["", "all"], ["log", "log"], ["queue", "queue"]];
const classes = [["", "all"], ["fsync", "fsync"], ["disk", "disk"], ["memory", "memory"], ["ephemeral", "ephemeral"]];

export const caps = (c) => !c ? "?" : [c.cap_records > 0 && num(c.cap_records), c.cap_bytes > 0 && bytes(c.cap_bytes), c.ttl_ms > 0 && span(c.ttl_ms)].filter(Boolean).join(" · ") || "—";

const columns = [
  { title: "name", mono: true, sort: "name", first: "asc", cell: (r) => html`<a href=${href(["topics", r.topic])}>${r.topic}</a>` },
  { title: "type", minor: true, cell: (r) => r.type }, { title: "class", minor: true, cell: (r) => r.durability },
  { title: "records", right: true, minor: true, sort: "records", cell: (r) => num(r.count) },
  { title: "bytes", right: true, minor: true, sort: "bytes", cell: (r) => bytes(r.bytes) },
  { title: "write/s", right: true, sort: "write_rate", cell: (r) => rate(r.write_rate) },
  { title: "bytes/s", right: true, minor: true, cell: (r) => bytes(r.write_bytes_rate) },
  { title: "read/s", right: true, minor: true, cell: (r) => rate(r.read_rate) },
  { title: "readers", right: true, minor: true, cell: (r) => num(r.subscribers) },
  { title: "last write", right: true, minor: true, sort: "last_write", cell: (r) => ago(r.last_write_ts) },
  { title: "caps", minor: true, cell: (r) => caps(r.caps) },
];

export function Topics({ query: q }) {
  use(server);
  const by = q.sort || "name", order = q.order || (by === "name" ? "asc" : "desc");
  const asked = { contains: q.contains, type: q.type, class: q.class, sort: by, order, page_size: 200 };
  const path = "v0/topics" + query(asked);
  const [rest, setRest] = useState({ path: "", rows: [], cursor: "" });
  const loading = useRef(false);
  const first = usePoll((signal) => ask("GET", path, { signal }), 5000, [path]);
  const mine = rest.path === path ? rest : { rows: [], cursor: first.data?.next_cursor };
  useEffect(() => { setRest({ path: "", rows: [], cursor: "" }); }, [path]);
  const have = new Set(), rows = [];
  for (const r of [...(first.data?.topics ?? []), ...mine.rows]) if (!have.has(r.topic)) { have.add(r.topic); rows.push(r); }
  async function more() {
    const cursor = mine.cursor ?? first.data?.next_cursor;
    if (loading.current || first.stale || !cursor || rows.length >= kept) return;
    loading.current = true;
    try {
      const page = await ask("GET", "v0/topics" + query({ ...asked, cursor }));
      setRest({ path, rows: [...mine.rows, ...page.topics], cursor: page.next_cursor ?? "" });
    } catch (e) { toast(e.message, true); }
    loading.current = false;
  }
  const sort = { by, order, set: (s, o) => amend({ sort: s === "name" ? "" : s, order: o }) };
  const total = first.data?.total, filtered = q.contains || q.type || q.class;
  const empty = filtered ? "no topic matches" : html`no topics yet. The first write makes one: <pre class="shell">${curl("POST", "v0/topics/orders", '{"records":[{"data":{"id":1}}]}')}</pre>`;
  return html`<${Page} title="Topics" poll=${first} command=${{ path }}>
    <div class="tools" role="search"><${Filter} type="search" placeholder="name contains…" aria-label="Name contains" value=${q.contains} set=${(contains) => amend({ contains })} />
      <${Select} label="type" value=${q.type || ""} of=${types} set=${(type) => amend({ type })} />
      <${Select} label="class" value=${q.class || ""} of=${classes} set=${(c) => amend({ class: c })} />
      <span class="faint" aria-live="polite">${num(total)} ${filtered ? "match" : "topics"}${rows.length >= kept ? `, the first ${num(kept)} are here: search for others` : ""}</span>
      <span class="grow" /><${Act} off=${cannot("admin-write")} onClick=${() => go(["new"])}>New topic<//></div>
    ${first.data && html`<${Table} label="Topics" columns=${columns} rows=${rows} keyOf=${(r) => r.topic} sort=${sort} tall total=${total} more=${more} empty=${empty} />`}<//>`;
}

export function NewTopic() {
  use(server);
  const [name, setName] = useState(""), [config, setConfig] = useState({}), [problem, setProblem] = useState("");
  const off = cannot("admin-write");
  async function make(e) {
    e.preventDefault();
    try {
      const wanted = changes(config), done = await ask("PUT", topicPath(name), { body: wanted });
      toast(`topic ${name} ${done.created ? "made" : "was there already: its config is replaced"}${sayClamped(wanted, done)}${sayWarnings(done)}`);
      go(["topics", name]);
    } catch (err) { setProblem(err.message); }
  }
  return html`<${Page} title="New topic"><form class="fields" onSubmit=${make}>
    <${Field} label="name" hint="It cannot be changed."><input class="mono" required value=${name} onInput=${(e) => setName(e.target.value)} autocomplete="off" spellcheck=${false} /><//>
    <${ConfigForm} was=${{}} config=${config} set=${setConfig} fresh />
    ${problem && html`<p class="note bad" role="alert">${problem}</p>`}${off && html`<p class="note warn">${off}</p>`}
    <div class="tools"><button class="primary" disabled=${!!off || !name || wrongFields(config).length > 0}>Make the topic</button><a href="#/topics">Cancel</a><${Curl} method="PUT" path=${topicPath(name || "NAME")} body=${asJSON(config)} /></div></form><//>`;
}
