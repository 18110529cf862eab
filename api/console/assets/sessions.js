// Who follows, and which requests are under way.
import { ask, query, usePoll } from "./api.js";
import { amend, cannot, href, server, use } from "./state.js";
import { Act, Confirm, Filter, Page, Panel, State, Table, html, show } from "./ui.js";
import { ago, bytes, clock, num, plural, span } from "./format.js";

const page = 200;

function Follows({ r }) {
  if (!Array.isArray(r.topics)) return html`${num(r.topics)}${r.prefixes ? `, ${plural(r.prefixes, "prefix", "prefixes")}` : ""}`;
  const some = r.topics.slice(0, 3);
  return html`${some.map((t) => html`<span class="item"><a href=${href(["topics", t.topic])}>${t.topic}</a> ${t.cursor !== undefined ? num(t.cursor) : ""}${t.lag !== undefined ? html` <span class=${Number(t.lag) > 1000 ? "warn" : "faint"}>lag ${num(t.lag)}</span>` : ""} </span>`)}${r.topics.length > 3 ? `and ${num(r.topics.length - 3)} more` : ""}`;
}

export function Sessions({ query: q }) {
  use(server);
  const offset = Number(q.offset) || 0, from = Number(q.requests) || 0, path = "v0/admin/sessions" + query({ limit: page, offset: offset || "", key: q.key, topic: q.topic, prefix: q.prefix });
  const list = usePoll((signal) => ask("GET", path, { signal }), 5000, [path]);
  const requests = usePoll((signal) => ask("GET", "v0/admin/requests" + query({ limit: page, offset: from || "" }), { signal }), 3000, [from]);
  const narrow = (name, size) => html`<label class="inline">${name} <${Filter} size=${size} class="mono" value=${q[name]} set=${(v) => amend({ [name]: v, offset: "" })} rest=${300} /></label>`;
  const off = cannot("admin-write", false), total = list.data?.total ?? 0;
  const end = (r) => show((close) => html`<${Confirm} title="Close a session" verb="Close 1 session" close=${close} command=${{ method: "POST", path: `v0/admin/sessions/${encodeURIComponent(r.id)}/close`, confirm: true }} act=${async () => {
    await ask("POST", `v0/admin/sessions/${encodeURIComponent(r.id)}/close`, { confirm: true });
    list.reload();
    return "the session is closed";
  }}><p>Close the ${r.kind} session of key <b>${r.key}</b>${r.remote ? html` from <b class="mono">${r.remote}</b>` : ""}.</p><p>The client resumes from its cursor; without a session it starts anew.</p><//>`);
  const cancel = (r) => show((close) => html`<${Confirm} title="Cancel a request" verb="Cancel 1 request" close=${close} command=${{ method: "POST", path: `v0/admin/requests/${encodeURIComponent(r.id)}/cancel`, confirm: true }} act=${async () => {
    const done = await ask("POST", `v0/admin/requests/${encodeURIComponent(r.id)}/cancel`, { confirm: true });
    requests.reload();
    return done.cancelled ? "the request is cancelled" : "it had ended";
  }}><p>Cancel <b class="mono">${r.method} ${r.route}</b> of key <b>${r.key_id}</b>, under way for ${span(r.age_ms)}.</p><p>Its client gets an error. A write that has its place in the log is not taken back.</p><//>`);
  const columns = [
    { title: "kind", cell: (r) => r.kind + (r.transport && r.transport !== "none" && r.transport !== r.kind ? ` · ${r.transport}` : "") }, { title: "key", cell: (r) => r.key }, { title: "from", mono: true, minor: true, cell: (r) => r.remote ?? "?" },
    { title: "topics", mono: true, minor: true, cell: (r) => html`<${Follows} r=${r} />` }, { title: "opened", right: true, minor: true, cell: (r) => html`<span title=${clock(r.opened_ts)}>${ago(r.opened_ts)}</span>` },
    { title: "idle", right: true, minor: true, cell: (r) => r.idle_ms !== undefined ? span(r.idle_ms) : r.streaming ? "streams" : "no stream" },
    { title: "sent", right: true, minor: true, cell: (r) => bytes(r.sent_bytes) }, { title: "received", right: true, minor: true, cell: (r) => bytes(r.received_bytes) },
    { title: "", right: true, cell: (r) => html`<${Act} class="quiet danger" off=${off} onClick=${() => end(r)}>Close…<//>` },
  ];
  const calls = [
    { title: "request", mono: true, cell: (r) => `${r.method} ${r.route}` }, { title: "topic", mono: true, minor: true, cell: (r) => r.topic ? html`<a href=${href(["topics", r.topic])}>${r.topic}</a>` : "—" },
    { title: "key", minor: true, cell: (r) => r.you ? html`${r.key_id} <b>(you)</b>` : r.key_id }, { title: "from", mono: true, minor: true, cell: (r) => r.remote },
    { title: "for", right: true, cell: (r) => span(r.age_ms) }, { title: "", cell: (r) => r.waiting ? html`<span class="faint">waits</span>` : "works" },
    { title: "", right: true, cell: (r) => r.you ? null : html`<${Act} class="quiet danger" off=${off} onClick=${() => cancel(r)}>Cancel…<//>` },
  ];
  return html`<${Page} title="Sessions and requests" poll=${list} command=${{ path }}>
    <div class="tools">${narrow("key", 10)}${narrow("topic", 12)}${narrow("prefix", 10)}
      <span class="faint" aria-live="polite">${list.data ? plural(total, "session") : ""}</span><span class="faint">Addresses of clients that come through a proxy are the proxy's.</span><span class="grow" />
      ${(offset > 0 || total > offset + page) && html`<button type="button" data-previous disabled=${!offset} onClick=${() => amend({ offset: Math.max(offset - page, 0) || "" })}>previous [</button>
      <button type="button" data-next disabled=${total <= offset + page} onClick=${() => amend({ offset: offset + page })}>next ]</button>`}</div>
    ${list.data && html`<${Table} label="Sessions" columns=${columns} rows=${list.data.sessions} keyOf=${(r) => r.id} empty=${q.key || q.topic || q.prefix ? "no session matches" : "none: nothing follows a topic now"} />`}
    <${Panel} title=${`Requests under way${requests.data ? ` · ${num(requests.data.total)}` : ""}`} tools=${(from > 0 || requests.data?.total > page) && html`
      <button type="button" disabled=${!from} onClick=${() => amend({ requests: Math.max(from - page, 0) || "" })}>previous</button>
      <button type="button" disabled=${!(requests.data?.total > from + page)} onClick=${() => amend({ requests: from + page })}>next</button>`}><${State} poll=${requests} />
      ${requests.data && html`<${Table} label="Requests under way" columns=${calls} rows=${requests.data.requests} keyOf=${(r) => r.id} empty="none at this moment" />`}<//><//>`;
}
