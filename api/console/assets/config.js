// The config of a topic as a form. Only what was changed is sent.
import { stringify } from "./exact.js";
import { Field, html } from "./ui.js";

// Each field: name, kind, hint, and whether it is of queues only.
const fields = [
  ["type", ["log", "queue"], "It cannot be changed afterwards.", "new"],
  ["durability", ["fsync", "disk", "memory", "ephemeral"], "What an acknowledged write survives: fsync a power cut, disk a kill; memory may lose a tail, ephemeral all."],
  ["ttl_ms", "number", "A record expires when it is older. 0 is off."],
  ["cap_records", "number", "Most live records. 0 is off."],
  ["cap_bytes", "number", "Most live payload bytes. 0 is off."],
  ["discard", ["old", "reject"], "What a full topic does: evict the oldest, or refuse the write."],
  ["priority", "number or none", "Delivery priority from -1000 to 1000. Empty is automatic."],
  ["auto_priority", "bool", "Without a priority: 500, halved every 30 s since the last read."],
  ["auto_create", "bool", "A write may make this topic."],
  ["idempotency_window_ms", "number", "How long a write's key is known, a day at most."],
  ["dedupe_node", "bool", "A reader does not get what it wrote itself, by its node."],
  ["paused", "bool", "Hands out no jobs.", "queue"],
  ["lease_ms", "number", "How long a worker has a job.", "queue"],
  ["claim_jitter_ms", "number", "Spreads claims that wait.", "queue"],
  ["max_deliveries", "number", "A job that was delivered so often becomes a dead letter. 0 is off.", "queue"],
  ["dead_letter", "text or none", "The topic of its dead letters.", "queue"],
  ["leases_durable", "bool", "Leases survive a kill.", "queue"],
  ["retry_backoff_ms", "number", "How long a job rests after its first nack.", "queue"],
  ["retry_backoff_max_ms", "number", "At most.", "queue"],
  ["group_concurrency", "number", "Jobs of one group at a time.", "queue"],
];

// read turns what was typed into a value: numbers stay exact.
export function read(kind, text) {
  if (kind === "bool" || Array.isArray(kind)) return text;
  if (kind.endsWith("or none") && text === "") return null;
  if (kind.startsWith("text")) return text;
  if (!/^-?\d+$/.test(text)) throw new Error("a whole number");
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : BigInt(text);
}

const text = (v) => v === null || v === undefined ? "" : String(v);

// changes is the fields of a form that differ from what there was.
export function changes(form, was = {}) {
  const out = {};
  for (const [name, kind] of fields) {
    if (!(name in form)) continue;
    const v = read(kind, form[name]);
    if (v !== was[name]) out[name] = v;
  }
  return out;
}

// sayClamped names the fields that the server has put within their bounds.
export function sayClamped(wanted, answer) {
  const other = Object.keys(wanted).filter((name) => typeof wanted[name] !== "object" && answer.config && String(answer.config[name]) !== String(wanted[name]));
  return other.map((name) => `; ${name} is ${text(answer.config[name])}, the nearest to ${text(wanted[name])} that it may be`).join("");
}

// asJSON is the body of a form, for a command line.
export function asJSON(form, was) {
  try { return stringify(changes(form, was)); } catch { return "{}"; }
}

export const sayWarnings = (answer) => answer.warnings?.length ? `; the server warns: ${answer.warnings.join("; ")}` : "";

export function ConfigForm({ was, config, set, fresh }) {
  const type = config.type ?? was.type ?? "log";
  return fields.filter(([, , , only]) => only !== "queue" || type === "queue").filter(([, , , only]) => only !== "new" || fresh).map(([name, kind, hint]) => {
    const value = name in config ? config[name] : was[name];
    const put = (v) => set({ ...config, [name]: v });
    let wrong = "";
    try { if (name in config) read(kind, config[name]); } catch (e) { wrong = e.message; }
    const differs = name in config && !wrong && !fresh && text(config[name]) !== text(was[name]);
    const input = kind === "bool" ? html`<span><input type="checkbox" checked=${value ?? ["auto_priority", "auto_create", "dedupe_node"].includes(name)} onChange=${(e) => put(e.target.checked)} />${value ?? ["auto_priority", "auto_create", "dedupe_node"].includes(name) ? "yes" : "no"}</span>`
      : Array.isArray(kind) ? html`<select onChange=${(e) => put(e.target.value)}>${kind.map((o) => html`<option value=${o} selected=${o === (value ?? (name === "durability" ? "disk" : kind[0]))}>${o}</option>`)}</select>`
      : html`<input class=${"mono" + (differs ? " changed" : "")} inputmode=${kind.startsWith("number") ? "numeric" : undefined} placeholder=${kind.endsWith("none") ? "none" : "default"} value=${text(value)} onInput=${(e) => put(e.target.value)} aria-invalid=${!!wrong} />`;
    return html`<${Field} label=${name} hint=${wrong ? `It must be ${wrong}.` : differs ? `was ${text(was[name]) || "none"}. ${hint}` : hint}>${input}<//>`;
  });
}
export const wrongFields = (config) => fields.filter(([name, kind]) => {
  if (!(name in config)) return false;
  try { read(kind, config[name]); return false; } catch { return true; }
}).map(([name]) => name);
