// Requests: the key, two at a time and one long poll, the server's clock, and
// what to do when the server does not answer.
import { parse, stringify } from "./exact.js";
import { useEffect, useReducer, useRef } from "./hooks.js";
import { asking, hidden, key, link, paused, server, skew, upgraded, useLatest, who } from "./state.js";

export class Problem extends Error {
  constructor(status, body, wait) {
    const e = body?.error ?? {};
    super(e.message || (status ? `the server answered ${status}` : "the server does not answer"));
    this.status = status;
    this.code = e.code ?? "";
    this.detail = e.detail;
    this.wait = wait; // seconds, of a 429 or 503
    this.body = body;
  }
}

let running = 0;
const waiting = [];
let quiet = 0; // no request before this moment: a 429 said so

async function turn(signal) {
  while (running >= 2) await new Promise((done) => waiting.push(done));
  running++;
  const left = quiet - Date.now();
  if (left > 0) await new Promise((done) => setTimeout(done, Math.min(left, 10000)));
  signal?.throwIfAborted();
}

function done() {
  running--;
  waiting.shift()?.();
}

// ask sends one request and answers its body. It throws a Problem.
export async function ask(method, path, { body, confirm, signal, long, probe } = {}) {
  if (!long) {
    try { await turn(signal); } catch (e) { done(); throw e; }
  }
  try {
    return await send(method, path, { body, confirm, signal, probe });
  } finally {
    if (!long) done();
  }
}

async function send(method, path, { body, confirm, signal, probe }) {
  const headers = { Accept: "application/json" }, secret = key.get();
  if (secret) headers.Authorization = "Bearer " + secret;
  if (confirm) headers["X-Confirm"] = "true";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer, text;
  try {
    const limit = AbortSignal.timeout(30000);
    answer = await fetch(path, {
      method, headers, cache: "no-store", body: body === undefined ? undefined : stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    text = await answer.text();
  } catch (e) {
    if (signal?.aborted) throw e;
    const l = link.get();
    link.set({ ...l, failing: "the server does not answer", since: l.since || Date.now() });
    throw new Problem(0);
  }
  heard(answer);
  let value = null;
  try { value = text ? parse(text) : null; } catch { throw new Problem(answer.status, { error: { message: "the answer is not JSON: is this the server, or a proxy?" } }); }
  if (answer.ok || probe && value && !value.error?.code?.startsWith("un")) return value;
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  if (answer.status === 429) quiet = Date.now() + Math.max(wait, 1) * 1000;
  if (answer.status === 401 && secret === key.get()) asking.set(secret ? "the server does not take this key" : "the server needs a key");
  throw new Problem(answer.status, value, wait);
}

// heard notes that the server answered, and its clock, which has whole seconds.
function heard(answer) {
  link.set({ at: Date.now(), failing: null, since: 0 });
  const date = Date.parse(answer.headers.get("Date") ?? "");
  const off = date + 500 - Date.now();
  if (Number.isFinite(off)) skew.set(Math.abs(off) > 2000 ? Math.round(off / 1000) * 1000 : 0);
}

let version = "";
export function noteVersion(v) {
  if (version && v && v !== version) upgraded.set(true);
  version = v || version;
}

// usePoll loads with get when the component is made, when deps change, and in
// ms after each answer. What it had stays while the server does not answer. It
// stops while the tab is hidden or the user pauses.
export function usePoll(get, ms, deps = []) {
  const [, again] = useReducer((n) => n + 1, 0);
  const state = useRef({ data: null, error: null, at: 0, stale: true, failures: 0 });
  const latest = useLatest(get), every = useLatest(ms);
  const s = state.current;
  useEffect(() => {
    const cut = new AbortController();
    let timer = 0, stopped = false, busy = false;
    s.stale = true; // what it has is of other deps
    s.error = null;
    async function load(forced) {
      clearTimeout(timer);
      if (busy || stopped) return;
      const rest = !forced && s.at && (hidden.get() || paused.get());
      if (!rest) {
        busy = true;
        try {
          const data = await latest.current(cut.signal);
          Object.assign(s, { data, error: null, at: Date.now(), failures: 0, stale: false });
        } catch (e) {
          if (stopped) return;
          Object.assign(s, { error: e, failures: s.failures + 1 });
        }
        busy = false;
        if (stopped) return;
        again();
      }
      const draining = server.get().health?.phase === "draining";
      const pause = s.error ? Math.min(1000 * 2 ** (s.failures - 1), 15000) : Math.max(every.current, draining ? 5000 : 0);
      // A key that is refused is not tried again: the next one wakes this.
      const refused = s.error?.status === 401 || s.error?.status === 403;
      if (every.current && !refused) timer = setTimeout(load, Math.max(pause, (s.error?.wait ?? 0) * 1000));
    }
    s.reload = () => load(true);
    load(true);
    const wake = hidden.follow(() => { if (!hidden.get()) load(); });
    const fresh = key.follow(() => load(true));
    return () => { stopped = true; cut.abort(); clearTimeout(timer); wake(); fresh(); };
  }, deps);
  return s;
}

export async function identify() {
  try {
    who.set(await ask("GET", "v0/whoami"));
  } catch (e) {
    if (e.status === 404) who.set({ key_id: key.get() ? "?" : "", scopes: ["all"], prefixes: [] });
    else if (e.status === 401) who.set(null);
  }
}

export const topicPath = (name, rest = "") => "v0/topics/" + encodeURIComponent(name) + rest;
export const query = (q) => {
  const p = new URLSearchParams(Object.entries(q).filter(([, v]) => v !== "" && v !== undefined && v !== null)).toString();
  return p ? "?" + p : "";
};
// token is an idempotency key: a retry of the same click writes once.
export const token = () => "console-" + Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("");
