// The overview: how the server is, and how it came to be so.
import { ask, query, usePoll } from "./api.js";
import { amend, href, server, use } from "./state.js";
import { Facts, Page, Panel, Select, State, Table, html } from "./ui.js";
import { ago, bytes, clock, micros, moment, num, percent, perSecond, rate, span } from "./format.js";
import { Heat, Lines, Spark } from "./plots.js";

const spans = [["5m", "5 min"], ["15m", "15 min"], ["1h", "1 h"]];
const shareNames = ["cache", "requests", "ephemeral", "streams", "log_queue", "keys"];
const last = (v) => v?.length ? v.at(-1) : undefined;

export function Overview({ query: q }) {
  const s = use(server);
  const past = usePoll((signal) => ask("GET", "v0/admin/history" + query({ span: q.span || "15m" }), { signal }), 5000, [q.span]);
  const recovery = usePoll((signal) => ask("GET", "v0/recovery", { signal }), 30000);
  const busy = usePoll((signal) => ask("GET", "v0/topics" + query({ sort: "write_rate", page_size: 8 }), { signal }), 5000);
  const audit = usePoll((signal) => ask("GET", "v0/admin/audit?limit=6&reads=false", { signal }), 10000);
  const h = s.health, stats = s.stats, wal = stats?.wal ?? s.metrics?.wal ?? {}, series = past.data?.series ?? {};
  const shown = { data: stats ?? h, error: s.statsProblem, at: s.at };
  const rates = stats?.rates?.["1s"] ?? {};
  const big = [["appends", rates.appends, "appends_per_s"], ["deliveries", rates.deliveries, "deliveries_per_s"], ["reads", rates.reads, "reads_per_s"], ["claims", rates.claims, "claims_per_s"],
    ["requests", rates.requests, "requests_per_s"], ["errors", rates.errors, "errors_per_s"]];
  return html`<${Page} title="Overview" poll=${shown} command=${{ path: "v0/admin/stats" }}>
    <${Checks} health=${h} recovery=${recovery.data} />
    <dl class="facts big">${big.map(([name, v, of]) => html`<div><dt>${name}</dt><dd>${perSecond(v ?? last(series[of]))}<${Spark} values=${series[of]} /></dd></div>`)}</dl>
    <${Past} past=${past} span=${q.span || "15m"} wal=${wal} />
    <div class="columns">
      <${Memory} series=${series} stats=${stats} />
      <${Panel} title="Log and disk"><${Facts} of=${[
        ["unsynced", bytes(wal.unsynced_bytes ?? stats?.unsynced_bytes)], ["sync under way", span(wal.sync_in_flight_ms), wal.sync_in_flight_ms > 1000 && "warn"], ["queue", num(wal.queue_depth)],
        ["router lag", num(last(series.router_lag))], ["pressure", percent(s.metrics?.pressure)], ["log", bytes(stats?.storage?.wal_size_bytes)], ["segments", bytes(stats?.storage?.segment_bytes)],
        ["disk free", s.metrics?.disk_size_bytes ? `${bytes(s.metrics.disk_free_bytes)} of ${bytes(s.metrics.disk_size_bytes)}` : "?"],
        ["connections", stats ? `${num(stats.connections.open)} of ${num(stats.connections.max)}` : "?"], ["streams", num(stats?.connections?.streams)], ["sockets", num(stats?.connections?.sockets)]]} /><//>
    </div>
    <div class="columns">
      <${Panel} title="Busiest topics" tools=${html`<a href=${href(["topics"], { sort: "write_rate" })}>all topics</a>`}><${State} poll=${busy} />
        ${busy.data && html`<${Table} label="Busiest topics" keyOf=${(r) => r.topic} rows=${busy.data.topics} empty="no topics yet" columns=${[
          { title: "name", mono: true, cell: (r) => html`<a href=${href(["topics", r.topic])}>${r.topic}</a>` },
          { title: "write/s", right: true, cell: (r) => rate(r.write_rate) }, { title: "bytes/s", right: true, minor: true, cell: (r) => bytes(r.write_bytes_rate) },
          { title: "read/s", right: true, minor: true, cell: (r) => rate(r.read_rate) }, { title: "records", right: true, minor: true, cell: (r) => num(r.count) }]} />`}<//>
      <${Panel} title="Last audit lines"><${State} poll=${audit} />
        ${audit.data && html`<${Table} label="Audit" keyOf=${(r) => r.ts + r.remote + r.route} rows=${audit.data.entries} empty="none yet" columns=${[
          { title: "time", mono: true, cell: (r) => clock(r.ts, false) }, { title: "key", minor: true, cell: (r) => r.key }, { title: "call", mono: true, cell: (r) => r.route.replace(/:\w+/, r.target ?? "") },
          { title: "outcome", cell: (r) => html`<span class=${r.outcome === "ok" ? "" : "warn"}>${r.outcome}</span>` }]} />`}<//>
    </div><//>`;
}

function Checks({ health, recovery }) {
  if (!health) return null;
  const all = Object.entries(health.checks ?? {}), bad = all.filter(([, c]) => c.status !== "healthy");
  const start = recovery && html`<span>started ${recovery.power_lost ? "after a power loss" : recovery.clean_shutdown ? "after a clean stop" : recovery.bytes ? "after a kill" : "afresh"}: replayed ${
    bytes(recovery.bytes)} in ${span(recovery.duration_ms)}, ${ago(moment(recovery.finished))} <a href="#/recovery">recovery</a></span>`;
  return html`<div class="tools"><span><span class="faint">up</span> ${span(health.uptime_seconds * 1000)}</span>${start}<span class="grow" /><span class="faint">checks</span>${bad.length === 0 ? html`<span class="good">all ${all.length} healthy</span>` : html`<span>${all.length - bad.length} of ${all.length} healthy</span>`}
      ${bad.map(([name, c]) => html`<span class=${c.status === "unhealthy" ? "bad" : "warn"}><b>${name}</b> ${c.status}: ${c.reason}</span>`)}</div>`;
}

function Past({ past, span: chosen, wal }) {
  const tools = html`<${Select} label="last" value=${chosen} of=${spans} set=${(v) => amend({ span: v })} />`;
  const d = past.data;
  if (!d) return html`<${Panel} title="The last while" tools=${tools}><${State} poll=${past} /><//>`;
  const times = d.times, s = d.series, some = (of) => of.filter(([, v]) => v);
  return html`<div class="columns">
    <${Panel} title="Records per second" tools=${tools}><${Lines} label="Records per second" times=${times} format=${rate}
      series=${some([["appends", s.appends_per_s], ["deliveries", s.deliveries_per_s], ["reads", s.reads_per_s]])} /><//>
    <${Panel} title="Requests and jobs per second"><${Lines} label="Requests and jobs per second" times=${times} format=${rate}
      series=${some([["requests", s.requests_per_s], ["claims", s.claims_per_s], ["acks", s.acks_per_s], ["errors", s.errors_per_s]])} /><//>
    <${Panel} title="fsync: how many took how long" tools=${html`<span class="faint">now p50 ${micros(wal.fsync_p50_us)} · p99 ${micros(wal.fsync_p99_us)}</span>`}>
      ${d.fsync ? html`<${Heat} label="Heat map of fsync latencies" of="syncs" times=${times} bounds=${d.fsync.bounds_us} counts=${d.fsync.counts} />` : html`<p class="faint">none yet</p>`}<//>
    <${Panel} title="fsync p50 and p99"><${Lines} label="fsync latency" times=${times} format=${micros} series=${some([["p50", s.fsync_p50_us, 2], ["p99", s.fsync_p99_us, 3]])} /><//>
    </div>`;
}

function Memory({ series, stats }) {
  const used = last(series.memory_used_bytes) ?? stats?.memory?.total_bytes, limit = last(series.memory_limit_bytes) ?? stats?.memory?.limit_bytes;
  const shares = shareNames.map((n) => [n.replace("_", " "), last(series[`memory_${n}_bytes`])]).filter(([, v]) => v !== undefined && v !== null);
  const whole = Math.max(1, shares.reduce((a, [, v]) => a + v, 0));
  return html`<${Panel} title="Memory"><${Facts} of=${[["in use", `${bytes(used)} of ${bytes(limit)}`, used > 0.9 * limit && "warn"], ["requests", bytes(stats?.memory?.inflight_bytes)], ["goroutines", num(stats?.memory?.goroutines)]]} />
    ${shares.length > 0 && html`<div class="shares" aria-hidden="true">${shares.map(([, v], i) => html`<i class=${"c" + (i + 1)} style=${`width:${v / whole * 100}%`} />`)}</div>
    <p class="legend">${shares.map(([n, v], i) => html`<span><i class=${"key-of c" + (i + 1)} />${n} <b>${bytes(v)}</b></span>`)}</p>`}<//>`;
}
