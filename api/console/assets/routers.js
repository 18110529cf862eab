// Routers: the table, and the neighbourhood of a topic as a graph.
import { ask, query, usePoll } from "./api.js";
import { stringify } from "./exact.js";
import { amend, cannot, href, server, use } from "./state.js";
import { Act, Confirm, Dialog, Field, Page, Panel, Select, Table, html, show, toast, useFilter } from "./ui.js";
import { useState } from "./hooks.js";
import { Pages } from "./queues.js";
import { Graph } from "./graph.js";
import { num, rate } from "./format.js";

export const blocked = (r) => r.state ? r.state !== "ok" : !!r.blocked;
const why = (r) => r.reason || r.blocked || "";

export function Routers({ query: q }) {
  use(server);
  const by = q.sort || "name", path = "v0/routers" + query({ sort: by === "name" ? "" : by, source: q.source, dest: q.dest, page_size: 200, cursor: q.cursor });
  const list = usePoll((signal) => ask("GET", path, { signal }), 3000, [path]);
  const source = useFilter(q.source, (v) => amend({ source: v, cursor: "" }), 300), dest = useFilter(q.dest, (v) => amend({ dest: v, cursor: "" }), 300);
  const rows = list.data?.routers ?? [], off = cannot("delete");
  const about = q.topic || (rows.find(blocked) ?? rows[0])?.source;
  const remove = (r) => show((close) => html`<${Confirm} title=${`Delete router ${r.router}`} verb="Delete the router" close=${close} typed=${r.router} command=${{ method: "DELETE", path: "v0/routers/" + encodeURIComponent(r.router) }} act=${async () => {
    await ask("DELETE", "v0/routers/" + encodeURIComponent(r.router));
    list.reload();
    return `router ${r.router} deleted`;
  }}><p>Delete <b class="mono">${r.router}</b>: nothing is forwarded from <b class="mono">${r.source}</b> to <b class="mono">${r.dest}</b> any more.</p>
    <p>${Number(r.lag) ? `${num(r.lag)} records that wait are not forwarded. ` : ""}If it is made again, it begins at the head: records written meanwhile are not forwarded.</p><//>`);
  const columns = [
    { title: "source → dest", mono: true, cell: (r) => html`<a href=${href(["topics", r.source])}>${r.source}</a> → <a href=${href(["topics", r.dest])}>${r.dest}</a>` },
    { title: "router", mono: true, minor: true, cell: (r) => r.router }, { title: "filter", mono: true, minor: true, cell: (r) => filterOf(r.filter) },
    { title: "guarantee", minor: true, cell: (r) => r.guarantee }, { title: "lag", right: true, sort: "lag", cell: (r) => html`<span class=${Number(r.lag) > 1000 ? "warn" : ""}>${num(r.lag)}</span>` },
    { title: "forwarded", right: true, minor: true, cell: (r) => num(r.forwarded_total) }, { title: "per second", right: true, minor: true, cell: (r) => rate(r.forwarded_rate) },
    { title: "state", cell: (r) => blocked(r) ? html`<span class="bad">■ ${r.state ?? "blocked"}${why(r) ? ": " + why(r) : ""}</span>` : html`<span class="good">ok</span>` },
    { title: "", right: true, minor: true, cell: (r) => html`<button type="button" class="quiet" onClick=${() => amend({ topic: r.source })}>graph</button> <${Act} class="quiet danger" off=${off} onClick=${() => remove(r)}>delete…<//>` },
  ];
  return html`<${Page} title="Routers" poll=${list} command=${{ path }}>
    <div class="tools"><label class="inline">source <input size="12" class="mono" ...${source} /></label><label class="inline">dest <input size="12" class="mono" ...${dest} /></label>
      <${Select} label="sort" value=${by} of=${[["name", "name"], ["lag", "lag"]]} set=${(s) => amend({ sort: s === "name" ? "" : s, cursor: "" })} />
      <span class="grow" /><${Pages} query=${q} next=${list.data?.next_cursor} /><${Act} off=${cannot("admin-write")} onClick=${() => show((close) => html`<${NewRouter} close=${close} done=${() => list.reload()} />`)}>New router<//></div>
    ${list.data && html`<${Table} label="Routers" columns=${columns} rows=${rows} keyOf=${(r) => r.router} sort=${{ by: q.sort, order: "desc", set: (s) => amend({ sort: q.sort === s ? "" : s, cursor: "" }) }}
      empty=${q.source || q.dest ? "no router matches" : "no routers yet"} />`}
    ${about && rows.length > 0 && html`<${Panel} title=${"Around " + about} tools=${html`<span class="faint">two steps, at most 200 topics; the width is the rate</span>`}><${Graph} topic=${about} /><//>`}<//>`;
}

export const filterOf = (f) => !f ? "—" : f[0] === "tag" && f[1] === "Glob" ? f[2] : f.map((x) => typeof x === "string" ? x : stringify(x)).join(" ");

function NewRouter({ close, done }) {
  const [f, set] = useState({ router: "", source: "", dest: "", match: "" }), [problem, setProblem] = useState("");
  const field = (name, hint) => html`<${Field} label=${name} hint=${hint}><input class="mono" value=${f[name]} onInput=${(e) => set({ ...f, [name]: e.target.value })} spellcheck=${false} /><//>`;
  async function make(e) {
    e.preventDefault();
    try {
      const r = await ask("PUT", "v0/routers/" + encodeURIComponent(f.router), { body: { source: f.source, dest: f.dest, filter: f.match ? ["tag", "Glob", f.match] : undefined } });
      close();
      toast(`router ${f.router} ${r.created ? "made" : "replaced"}; it forwards ${r.guarantee.replaceAll("_", " ")}, from the head on`);
      done();
    } catch (err) { setProblem(err.message); }
  }
  return html`<${Dialog} title="New router" close=${close}><form onSubmit=${make}>${field("router", "Its name.")}${field("source")}${field("dest", "It is made if it is not there.")}${field("match", "Forward only records with such a tag: order-*. Empty: all.")}
    ${problem && html`<p class="bad" role="alert">${problem}</p>`}<footer><button type="button" onClick=${close}>Cancel</button><button class="primary" disabled=${!f.router || !f.source || !f.dest}>Make the router</button></footer></form><//>`;
}
