// The frame: the status line, the pages, the key, and the keyboard.
import { render } from "./preact.js";
import { useEffect, useReducer, useState } from "./hooks.js";
import { ask, identify, noteVersion } from "./api.js";
import { address, asking, go, hidden, href, key, link, now, paused, readOnly, server, shortcuts, skew, theme, upgraded, use, utc, who } from "./state.js";
import { Bar, Dialog, Dialogs, Progress, Toasts, html, show } from "./ui.js";
import { clock, micros, num, percent, plural, span, zone } from "./format.js";
import { Overview } from "./overview.js";
import { NewTopic, Topics } from "./topics.js";
import { Topic } from "./topic.js";
import { Queues } from "./queues.js";
import { DeadLetters } from "./dead.js";
import { Routers } from "./routers.js";
import { Sessions } from "./sessions.js";
import { Recovery } from "./recovery.js";
import { Drill } from "./drill.js";

const pages = [
  ["overview", "Overview", "o", Overview], ["topics", "Topics", "t", Topics], ["queues", "Queues", "q", Queues],
  ["dead", "Dead letters", "d", DeadLetters], ["routers", "Routers", "r", Routers], ["sessions", "Sessions", "s", Sessions],
  ["recovery", "Recovery", "b", Recovery], ["drill", "Drill", "x", Drill],
];

// Polls what the status line shows: health in every phase, stats, which the
// server makes once a second however many ask, and the metrics now and then.
async function look(round) {
  const before = server.get(), next = { ...before };
  const health = await ask("GET", "health", { probe: true });
  next.health = health;
  next.at = Date.now();
  noteVersion(health.version);
  next.ready = null;
  if (health.phase !== "ready") {
    try { await ask("GET", "v0/ready"); } catch (e) { next.ready = e.detail?.replay_progress !== undefined ? e.detail : null; }
  }
  const refused = (e) => e?.status === 401 || e?.status === 403;
  const again = round === 0;
  if (again || !refused(next.statsProblem)) {
    try {
      next.stats = await ask("GET", "v0/admin/stats");
      next.statsProblem = null;
    } catch (e) { next.statsProblem = e; }
  }
  if (again || !refused(next.metricsProblem) && (round % 6 === 0 || next.statsProblem)) {
    try {
      next.metrics = await ask("GET", "v0/metrics");
      next.metricsProblem = null;
    } catch (e) { next.metricsProblem = e; }
  }
  server.set(next);
}

function useServer() {
  useEffect(() => {
    let timer = 0, round = 0, failures = 0, stopped = false;
    async function again() {
      clearTimeout(timer);
      if (stopped || hidden.get()) return;
      try {
        await look(round++);
        failures = 0;
      } catch (e) {
        failures++;
        if (e.status) server.set({ ...server.get(), problem: e });
      }
      const calm = paused.get() || address.get().path[0] && address.get().path[0] !== "overview";
      const every = server.get().health?.phase === "ready" && calm ? 5000 : 1000;
      timer = setTimeout(again, failures ? Math.min(1000 * 2 ** (failures - 1), 15000) : every);
    }
    again();
    identify();
    const stop = [hidden.follow(again), key.follow(() => { round = 0; identify(); again(); })];
    return () => { stopped = true; clearTimeout(timer); stop.forEach((f) => f()); };
  }, []);
}

function useTick(ms) {
  const [, tick] = useReducer((n) => n + 1, 0);
  useEffect(() => { const t = setInterval(() => { if (!hidden.get()) tick(); }, ms); return () => clearInterval(t); }, [ms]);
}

function Top() {
  const s = use(server), k = use(key), w = use(who), p = use(paused), gone = use(link).failing;
  use(utc);
  useTick(1000);
  const phase = s.health?.phase, wal = s.stats?.wal ?? s.metrics?.wal;
  const state = gone ? ["bad", "unreachable"] : !s.health ? ["faint", "connecting"] : phase !== "ready" ? [phase === "failed" ? "bad" : "warn", phase]
    : readOnly() ? ["bad", "read-only"] : s.health.status === "healthy" ? ["good", "ready"] : [s.health.status === "degraded" ? "warn" : "bad", s.health.status];
  const disk = s.metrics?.disk_size_bytes ? 1 - s.metrics.disk_free_bytes / s.metrics.disk_size_bytes : null;
  return html`<header class="top">
    <a href="#/overview" class="name"><b>topics</b>${s.health ? ` · ${s.health.node_id} ${s.health.version}` : ""}</a>
    <span class=${"word " + state[0]}>${state[1]}</span>
    ${p && html`<span class="warn">paused: Space goes on</span>`}
    <span class="faint wide">wal ${micros(wal?.fsync_p99_us)} p99</span>
    <span class="faint wide">disk ${percent(disk)}</span>
    <span class="faint wide">${clock(now(), false)} ${zone()}</span>
    <span class="grow" />
    <${Search} />
    <button type="button" class="quiet" onClick=${() => asking.set("chosen")}>${k ? `key ${w?.key_id ?? "?"}` : w?.keys_required === false ? "no keys" : "set a key"} ▾</button>
  </header>`;
}

function Search() {
  const [text, setText] = useState("");
  function find(e) {
    e.preventDefault();
    if (text) go(["topics"], { contains: text });
    setText("");
  }
  return html`<form role="search" onSubmit=${find}><input id="search" type="search" placeholder="/ find a topic" aria-label="Find a topic" value=${text}
    onInput=${(e) => setText(e.target.value)} autocomplete="off" spellcheck=${false} /></form>`;
}

function Nav() {
  const a = use(address), s = use(server);
  const here = a.path[0] ?? "overview";
  const t = s.stats?.topics ?? s.metrics ?? {};
  const counts = { routers: t.routers_blocked ? `${num(t.routers_blocked)} blocked` : "", dead: s.metrics?.queues?.dead_lettered ? num(s.metrics.queues.dead_lettered) : "" };
  return html`<nav aria-label="Pages">${pages.map(([name, title]) => html`<a href=${"#/" + name} aria-current=${name === here ? "page" : undefined}>${title}${
    counts[name] && html`<span class="count">${counts[name]}</span>`}</a>`)}</nav>`;
}

function Strips() {
  const s = use(server), l = use(link), off = use(skew), fresh = use(upgraded);
  useTick(1000);
  const phase = s.health?.phase, out = [];
  if (l.failing) out.push(html`<div class="strip bad" role="alert">unreachable: the last answer came ${l.at ? span(Date.now() - l.at) + " ago" : "never"}. What you see is old.</div>`);
  if (phase === "replaying" || phase === "starting") out.push(html`<div class="strip" role="status"><b>replaying the log</b>
    <${Bar} part=${s.ready?.replay_progress} label="replay" /><${Progress} of=${s.ready && { ...s.ready, progress: s.ready.replay_progress }} />
    <span>Data routes answer when it is through.</span></div>`);
  if (phase === "failed") out.push(html`<div class="strip bad" role="alert"><b>recovery failed</b> ${s.ready ? "" : ""}No data is served. See <a href="#/recovery">Recovery</a>.</div>`);
  if (phase === "draining" || phase === "stopped") out.push(html`<div class="strip" role="status"><b>${phase}</b> The server is going down; this page asks every 5 s.</div>`);
  if (phase === "ready" && readOnly()) out.push(html`<div class="strip bad" role="alert"><b>read-only</b> The log takes no writes: ${readOnly()}. Reads go on; restart the server when the disk is well.</div>`);
  if (off) out.push(html`<div class="strip">This machine's clock is ${span(Math.abs(off))} ${off > 0 ? "behind" : "ahead of"} the server's. Times are the server's.</div>`);
  if (fresh) out.push(html`<div class="strip">The server was upgraded. <button type="button" onClick=${() => location.reload()}>Reload the page</button></div>`);
  if (s.problem?.status === 421) out.push(html`<div class="strip bad" role="alert">${s.problem.message}</div>`);
  return out;
}

// KeyDialog is over the page, which keeps its state.
function KeyDialog() {
  const why = use(asking), w = use(who);
  const [text, setText] = useState("");
  if (!why) return null;
  const close = () => { asking.set(""); setText(""); };
  function save(e) {
    e.preventDefault();
    key.set(text.trim());
    close();
  }
  return html`<${Dialog} title="API key" close=${close}><form onSubmit=${save}>
    ${why !== "chosen" && html`<p class="bad" role="alert">${why}</p>`}
    ${w && key.get() && html`<p>Now: <b>${w.key_id}</b>, ${(w.scopes ?? []).join(", ")}${w.prefixes?.length ? ", on topics that begin with " + w.prefixes.join(", ") : ""}.</p>`}
    <label>Key <input type="password" autofocus autocomplete="off" class="mono" style="width:100%" value=${text} onInput=${(e) => setText(e.target.value)} /></label>
    <p class="faint">It stays in this browser's tabs and is sent to this server only. Closing them forgets it.</p>
    <footer><button type="button" onClick=${() => { key.set(""); who.set(null); close(); identify(); }}>Forget the key</button>
      <button type="button" onClick=${close}>Cancel</button><button class="primary">Use this key</button></footer></form><//>`;
}

function Help({ close }) {
  const rows = [["/", "find a topic"], ["j k", "next, previous row"], ["Enter", "open the row"], ["Esc", "close, or leave a field"], ["[ ]", "previous, next page of a list"],
    ["Space", "pause and go on"], ["u", "local time or UTC"], ["?", "these keys"], ...pages.map(([, title, k]) => [`g ${k}`, title])];
  return html`<${Dialog} title="Keys" close=${close}><dl class="keys">${rows.map(([k, what]) => html`<dt>${k.split(" ").map((x) => html`<kbd>${x}</kbd> `)}</dt><dd>${what}</dd>`)}</dl>
    <label><input type="checkbox" checked=${use(shortcuts)} onChange=${(e) => shortcuts.set(e.target.checked)} />Keys of one letter are on</label><//>`;
}
const help = () => show((close) => html`<${Help} close=${close} />`);

const themes = [["", "system"], ["light", "light"], ["dark", "dark"]];
function Bottom() {
  const t = use(theme), z = use(utc), keys = use(shortcuts), s = use(server);
  useEffect(() => { document.documentElement.dataset.theme = t; }, [t]);
  const next = themes[(themes.findIndex(([v]) => v === t) + 1) % 3];
  return html`<footer class="bottom"><button type="button" class="quiet" onClick=${help}>${keys ? "? keys" : "keys are off"}</button>
    <button type="button" class="quiet" onClick=${() => theme.set(next[0])}>◐ ${themes.find(([v]) => v === t)[1]}</button>
    <button type="button" class="quiet" aria-pressed=${z} onClick=${() => utc.set(!z)}>${z ? "UTC" : "local time"}</button>
    <span class="grow" />${s.health && html`<span>up ${span(s.health.uptime_seconds * 1000)}</span>`}
    ${s.stats?.phase === "ready" && html`<span>${plural(s.stats.topics.topics, "topic")}</span>`}<a href=${new URL("licences.txt", import.meta.url).href}>licences</a></footer>`;
}

// The keys of one letter do nothing that cannot be undone.
let after = "";
function press(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
  const typing = e.target.closest("input, textarea, select, [contenteditable]");
  if (e.key === "Escape" && typing) { typing.blur(); return; }
  if (typing || !shortcuts.get()) return;
  const rows = [...document.querySelectorAll("main tr[data-row]")];
  const at = rows.indexOf(document.activeElement.closest?.("tr[data-row]"));
  const click = (selector) => document.querySelector(selector)?.click();
  const page = after === "g" && pages.find(([, , k]) => k === e.key);
  after = e.key === "g" ? "g" : "";
  if (page) go([page[0]]);
  else if (e.key === "/") document.getElementById("search").focus();
  else if (e.key === "j" || e.key === "k") rows[Math.min(Math.max(at + (e.key === "j" ? 1 : -1), 0), rows.length - 1)]?.focus();
  else if (e.key === "Enter" && document.activeElement === rows[at]) rows[at].querySelector("a, button")?.click();
  else if (e.key === "[" || e.key === "]") click(e.key === "[" ? "[data-previous]" : "[data-next]");
  else if (e.key === "u") utc.set(!utc.get());
  else if (e.key === "?") help();
  else if (e.key === " " && !e.target.closest("button, a, summary")) paused.set(!paused.get());
  else return;
  e.preventDefault();
}
addEventListener("keydown", press);

function App() {
  useServer();
  const a = use(address);
  const name = a.path[0] ?? "overview", part = a.path[1];
  let View = pages.find(([n]) => n === name)?.[3];
  if (name === "topics" && part) View = Topic;
  if (name === "new") View = NewTopic;
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>Skip to the page</a>
    <${Top} /><${Nav} /><${Strips} />
    <main id="main" tabindex="-1">${View ? html`<${View} key=${name + "/" + (part ?? "")} part=${part} query=${a.query} />` : html`<h1>No page “${name}”</h1>`}</main>
    <${Bottom} /><${Toasts} /><${Dialogs} /><${KeyDialog} />`;
}
render(html`<${App} />`, document.body);
