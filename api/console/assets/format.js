// Numbers, sizes, times and texts as the pages show them.
import { now, utc } from "./state.js";

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const missing = (v) => v === null || v === undefined || Number.isNaN(v);

// num is an exact integer with groups; ? if it is not known.
export const num = (v) => missing(v) ? "?" : grouped.format(v);

export function bytes(v) {
  if (missing(v)) return "?";
  let n = Number(v), unit = 0;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  while (n >= 1024 && unit < 5) { n /= 1024; unit++; }
  return (unit && n < 100 ? n.toFixed(1) : Math.round(n)) + "\u00a0" + units[unit];
}

export function rate(v) {
  if (missing(v)) return "?";
  const n = Number(v);
  return n === 0 ? "0" : n < 10 ? n.toFixed(1) : num(Math.round(n));
}
export const perSecond = (v) => rate(v) + "/s";

// span is a duration in ms, in the two units that matter.
export function span(ms) {
  if (missing(ms)) return "?";
  const n = Math.max(Number(ms), 0), s = Math.floor(n / 1000);
  if (n < 1000) return (n < 10 && n % 1 ? n.toFixed(1) : Math.round(n)) + "\u00a0ms";
  if (n < 10000) return (n / 1000).toFixed(1) + "\u00a0s";
  if (s < 60) return s + "\u00a0s";
  if (s < 3600) return Math.floor(s / 60) + "\u00a0min " + (s % 60) + "\u00a0s";
  if (s < 86400) return Math.floor(s / 3600) + "\u00a0h " + Math.floor(s % 3600 / 60) + "\u00a0min";
  return Math.floor(s / 86400) + "\u00a0d " + Math.floor(s % 86400 / 3600) + "\u00a0h";
}
export const micros = (us) => missing(us) ? "?" : us < 1000 ? Math.round(us) + "\u00a0µs" : (us / 1000).toFixed(us < 100000 ? 1 : 0) + "\u00a0ms";
export const percent = (x) => missing(x) ? "?" : (x * 100 >= 10 || x === 0 ? Math.round(x * 100) : (x * 100).toFixed(1)) + "\u00a0%";

const two = (n, width = 2) => String(n).padStart(width, "0");

// clock is a time of day, in UTC or local as the user chose.
export function clock(ms, exact = true) {
  if (missing(ms)) return "?";
  const d = new Date(Number(ms));
  const part = (name) => utc.get() ? d["getUTC" + name]() : d["get" + name]();
  const time = `${two(part("Hours"))}:${two(part("Minutes"))}:${two(part("Seconds"))}` + (exact ? "." + two(d.getMilliseconds(), 3) : "");
  return Math.abs(now() - d) < 12 * 3600e3 ? time : `${part("FullYear")}-${two(part("Month") + 1)}-${two(part("Date"))} ${time}`;
}
export function zone() {
  if (utc.get()) return "UTC";
  const m = -new Date().getTimezoneOffset();
  return (m < 0 ? "-" : "+") + two(Math.floor(Math.abs(m) / 60)) + ":" + two(Math.abs(m) % 60);
}
export const ago = (ms) => ms === undefined ? "?" : missing(ms) ? "never" : span(now() - Number(ms)) + " ago";
export const moment = (text) => text ? Date.parse(text) : null;

// visible makes control and bidirectional characters visible, and cuts lines
// that are too long for a browser to lay out.
export function visible(text) {
  const shown = text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (c) => "\\u" + two(c.charCodeAt(0).toString(16), 4));
  return shown.length <= 10000 ? shown : shown.replace(/[^\n]{10000}/g, "$&\n");
}

const quote = (s) => "'" + String(s).replaceAll("'", "'\\''") + "'";

// curl is the command line of a request. The key stays in the shell.
export function curl(method, path, body, confirm) {
  const url = new URL(path, document.baseURI).href.replace(/#.*/, "");
  return ["curl -sS", method === "GET" ? "" : "-X " + method, "-H \"Authorization: Bearer $TOPIC_KEY\"",
    confirm ? "-H 'X-Confirm: true'" : "", body === undefined ? "" : "-H 'Content-Type: application/json' -d " + quote(body),
    quote(url)].filter(Boolean).join(" ");
}

export const plural = (n, one, many = one + "s") => `${num(n)} ${Number(n) === 1 ? one : many}`;
