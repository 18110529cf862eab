// What all pages share: cells that components follow, the address, the user's
// choices, and the clock of the server.
import { useEffect, useReducer, useRef } from "./hooks.js";

// cell is a value that components follow with use.
export function cell(value) {
  const followers = new Set();
  return {
    get: () => value,
    set(next) {
      if (next === value) return;
      value = next;
      for (const f of [...followers]) f();
    },
    follow(f) {
      followers.add(f);
      return () => followers.delete(f);
    },
  };
}

// use returns a cell's value and renders the component again when it changes.
export function use(c) {
  const [, again] = useReducer((n) => n + 1, 0);
  useEffect(() => c.follow(() => again()), [c]);
  return c.get();
}

function kept(area, name, fallback) {
  let value = fallback, storage = null;
  try { storage = globalThis[area]; value = JSON.parse(storage.getItem("topics." + name)) ?? fallback; } catch { /* not ours, or not allowed */ }
  const c = cell(value);
  c.follow(() => {
    try { storage.setItem("topics." + name, JSON.stringify(c.get())); } catch { /* it lives as long as the page */ }
  });
  return c;
}

export const utc = kept("localStorage", "utc", false);
export const theme = kept("localStorage", "theme", ""); // "", "light", "dark"
export const shortcuts = kept("localStorage", "shortcuts", true);
export const key = kept("sessionStorage", "key", "");
// forecast is what the page of drills said of the next start.
export const forecast = kept("localStorage", "forecast", null);
export const paused = cell(false);
export const hidden = cell(document.hidden);
document.addEventListener("visibilitychange", () => hidden.set(document.hidden));

// link is how the last request went.
export const link = cell({ at: 0, failing: null, since: 0 });
// skew is how far the server's clock is ahead of this machine's, in ms.
export const skew = cell(0);
export const now = () => Date.now() + skew.get();

// who is the key in use: {key_id, scopes, prefixes, keys_required}, or null
// while it is not known.
export const who = cell(null);
// asking is whether the dialog for the key is open, and why.
export const asking = cell("");
// server is what the frame knows of the server.
export const server = cell({ health: null, ready: null, stats: null, metrics: null, at: 0 });
export const upgraded = cell(false);

// may returns an empty string if the key has a scope, and otherwise why not.
export function may(scope) {
  const w = who.get();
  const has = w?.scopes ?? ["all"];
  if (!w || !w.keys_required && w.keys_required !== undefined) return "";
  const covers = has.includes("all") || has.includes(scope) || scope.startsWith("admin-") && has.includes("admin");
  return covers ? "" : `your key ${w.key_id} has ${has.join(", ") || "no scope"}; this needs ${scope}`;
}

// readOnly is why the log takes no writes, or an empty string.
export function readOnly() {
  const s = server.get();
  const check = s.health?.checks?.log;
  if (check && check.status === "unhealthy") return check.reason || "the log has failed";
  return s.stats?.wal?.read_only ? "the log has failed" : "";
}

// cannot is why an action is off: no scope, a server that does not serve, or a
// log that takes no writes.
export function cannot(scope, writes = true) {
  const phase = server.get().health?.phase;
  if (phase && phase !== "ready" && phase !== "draining") return `the server is ${phase}`;
  return may(scope) || (writes && readOnly() && "the log takes no writes: " + readOnly()) || "";
}

// The address: #/page/part?name=value. Every part is encoded.
function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const decode = (s) => { try { return decodeURIComponent(s); } catch { return s; } };
  return { path: path.split("/").filter(Boolean).map(decode), query: Object.fromEntries(new URLSearchParams(query)) };
}
export const address = cell(read());
addEventListener("hashchange", () => address.set(read()));

export function href(path, query = {}) {
  const given = Object.entries(query).filter(([, v]) => v !== "" && v !== undefined && v !== null);
  const q = new URLSearchParams(given).toString();
  return "#/" + path.map(encodeURIComponent).join("/") + (q ? "?" + q : "");
}

// amend changes the query of the address without a step in the history.
export function amend(query) {
  const a = read();
  const next = href(a.path, { ...a.query, ...query });
  if (next === location.hash) return;
  history.replaceState(null, "", next);
  address.set(read());
}

export const go = (path, query) => { location.hash = href(path, query); };

// useLatest is a reference that always has the value of the last rendering.
export function useLatest(value) {
  const r = useRef(value);
  r.current = value;
  return r;
}

// Shares the key with the tabs of the same browser, which it is not stored for.
const channel = globalThis.BroadcastChannel ? new BroadcastChannel("topics") : null;
export const tabs = cell(0); // how many others poll long
const me = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("");
const others = new Map();
if (channel) {
  channel.onmessage = ({ data }) => {
    if (data.ask === "key" && key.get()) channel.postMessage({ key: key.get() });
    if (data.key && !key.get()) key.set(data.key);
    if (data.polls) {
      others.set(data.polls, Date.now());
      for (const [id, at] of others) if (Date.now() - at > 20000) others.delete(id);
      tabs.set([...others.keys()].filter((id) => id < me).length);
    }
  };
  if (!key.get()) channel.postMessage({ ask: "key" });
}
export const announcePoll = () => channel?.postMessage({ polls: me });
