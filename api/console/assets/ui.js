// What pages are made of: tables, panels, dialogs, strips.
import { h } from "./preact.js";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "./hooks.js";
import htm from "./htm.js";
import { Problem, ask } from "./api.js";
import { cell, link, may, use, utc } from "./state.js";
import { bytes, clock, curl, num, percent, span } from "./format.js";

export const html = htm.bind(h);

// copy puts text on the clipboard. Over plain http there is no
// navigator.clipboard, and the older way may be refused.
export async function copy(text, what) {
  let ok = false;
  try {
    if (navigator.clipboard) { await navigator.clipboard.writeText(text); ok = true; }
  } catch { /* the older way */ }
  if (!ok) {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "offscreen";
    const top = document.querySelector("dialog[open]") ?? document.body, focus = document.activeElement;
    top.append(area);
    area.select();
    try { ok = document.execCommand("copy"); } catch { ok = false; }
    area.remove();
    focus?.focus?.();
  }
  if (ok) toast(what + " copied");
  else show((close) => html`<${Dialog} title=${"Copy " + what} close=${close}>
    <p>The browser does not let this page use the clipboard. Select the text and copy it.</p>
    <textarea readonly rows="6" class="mono" value=${text}></textarea><//>`);
}

export const Curl = ({ method = "GET", path, body, confirm }) => html`<button type="button" class="quiet"
  title="Copy this as a curl command; the key is $TOPIC_KEY" onClick=${() => copy(curl(method, path, body, confirm), "curl command")}>curl</button>`;

// Toasts say what the server did.
const toasts = cell([]);
export function toast(text, bad = false) {
  const t = { text, bad };
  toasts.set([...toasts.get().slice(-2), t]);
  setTimeout(() => toasts.set(toasts.get().filter((x) => x !== t)), bad ? 12000 : 6000);
}
export const Toasts = () => html`<div class="toasts" role="status" aria-live="polite">
  ${use(toasts).map((t) => html`<p class=${t.bad ? "bad" : ""}>${t.text}</p>`)}</div>`;

// One dialog at a time is over the page.
const shown = cell(null);
export const show = (render) => shown.set(render);
export function Dialogs() {
  const render = use(shown);
  return render && html`<div key=${render}>${render(() => shown.set(null))}</div>`;
}

export function Dialog({ title, close, children, wide }) {
  const ref = useRef();
  useEffect(() => {
    const d = ref.current, before = document.activeElement;
    d.showModal();
    (d.querySelector("[autofocus]") ?? d.querySelector("button, input, textarea"))?.focus();
    return () => { if (before?.isConnected) before.focus(); };
  }, []);
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-label=${title} onCancel=${(e) => { e.preventDefault(); close(); }}>
    <header><h2>${title}</h2><button type="button" class="quiet" onClick=${close} aria-label="Close">Close</button></header>
    ${children}</dialog>`;
}

// Confirm asks before an act: its button says the verb, and focus is on Cancel.
// If typed is given, the user types it first. command is its request, for curl.
export function Confirm({ title, verb, typed, act, command, close, children, blocked, danger = true }) {
  const [text, setText] = useState(""), [busy, setBusy] = useState(false), [problem, setProblem] = useState("");
  async function run(e) {
    e.preventDefault();
    if (blocked || busy || typed && text !== typed) return;
    setBusy(true);
    setProblem("");
    try {
      const said = await act();
      close();
      if (said) toast(said);
    } catch (err) {
      setProblem(err.message);
      setBusy(false);
    }
  }
  return html`<${Dialog} title=${title} close=${close}><form onSubmit=${run}>
    ${children}
    ${typed && html`<label>Type <b class="mono">${typed}</b> to go on
      <input class="mono" value=${text} onInput=${(e) => setText(e.target.value)} autocomplete="off" spellcheck=${false} /></label>`}
    ${problem && html`<p class="bad" role="alert">${problem}</p>`}
    <footer>${command && html`<${Curl} ...${command} /><span class="grow" />`}<button type="button" autofocus onClick=${close}>Cancel</button>
      <button class=${danger ? "danger" : "primary"} disabled=${busy || blocked || typed && text !== typed}>${busy ? "Working…" : verb}</button></footer>
  </form><//>`;
}

// Act is a button that is disabled, with the reason, when the key or the server
// does not allow it.
export function Act({ off, danger, children, ...rest }) {
  return html`<button type="button" class=${danger ? "danger quiet" : ""} ...${rest} title=${off || rest.title}
    aria-disabled=${off ? "true" : undefined} onClick=${(e) => off ? toast(off, true) : rest.onClick(e)}>${children}</button>`;
}

// explain is what a problem means to an operator.
export function explain(e) {
  if (e.status === 404 && e.code === "not_found") return "this server has no such list or report: it is older than this page, or newer";
  if (e.status === 403) return may(/scope ([a-z-]+)/.exec(e.message)?.[1] ?? "all") || e.message;
  if (e.status === 429) return `${e.message}; asking again in ${e.wait || 1} s`;
  if (e.status === 401) return "the server wants a key";
  return e.message;
}

// State is how old what a panel shows is, and why there is no more.
export function State({ poll }) {
  use(utc);
  const [late, setLate] = useState(false);
  useEffect(() => { const t = setTimeout(() => setLate(true), 200); return () => clearTimeout(t); }, []);
  if (poll.error) {
    return html`<p class=${"note " + ({ 403: "faint", 503: "warn" }[poll.error.status] ?? "bad")} role="status">${explain(poll.error)}
      ${poll.data && html`<span class="faint"> · shown is what was true at ${clock(poll.at, false)}</span>`}</p>`;
  }
  if (!poll.data && late) return html`<div class="skeleton" aria-label="loading"><i /><i /><i /><i /></div>`;
  return null;
}
export function AsOf({ poll }) {
  use(utc);
  return poll.at ? html`<span class="faint asof">as of ${clock(poll.at, false)}</span>` : null;
}

export function Page({ title, tools, poll, command, children }) {
  useEffect(() => { document.title = title + " · topics"; }, [title]);
  use(link);
  return html`<section class="page"><header class="head"><h1>${title}</h1>${tools}
    <span class="grow" />${poll && html`<${AsOf} poll=${poll} />`}${command && html`<${Curl} ...${command} />`}</header>
    ${poll && html`<${State} poll=${poll} />`}
    <div class=${poll?.error && poll.data ? "stale" : ""}>${children}</div></section>`;
}

export const Panel = ({ title, tools, children, id }) => html`<section class="panel" id=${id} aria-label=${title}>
  <header><h2>${title}</h2><span class="grow" />${tools}</header>${children}</section>`;

// Facts are names with values in a row.
export const Facts = ({ of }) => html`<dl class="facts">${of.filter(Boolean).map(([name, value, state]) =>
  html`<div class=${state ?? ""}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

export function Bar({ part, label, state = "" }) {
  const x = Math.min(Math.max(part || 0, 0), 1);
  return html`<div class=${"bar " + state} role="progressbar" aria-label=${label} aria-valuenow=${Math.round(x * 100)}
    aria-valuemin="0" aria-valuemax="100"><i style=${`width:${x * 100}%`} /></div>`;
}

// useFrozen keeps the order of rows while the reader is in the table. It
// returns the rows, how many wait, and what lets them in.
function useFrozen(rows, keyOf, inside) {
  const order = useRef([]);
  const [, again] = useReducer((n) => n + 1, 0);
  if (!inside.current || order.current.length === 0) {
    order.current = rows.map(keyOf);
    return { rows, waiting: 0 };
  }
  const by = new Map(rows.map((r) => [keyOf(r), r]));
  const kept = order.current.filter((k) => by.has(k)), have = new Set(kept);
  return {
    rows: kept.map((k) => by.get(k)),
    waiting: rows.filter((r) => !have.has(keyOf(r))).length,
    letIn: () => { order.current = []; again(); },
  };
}

const rowHeight = 25;

// Table is a table of which a phone shows the columns that are not minor, and
// the rest on tap. sort is {by, order, set}. tall makes it scroll in itself
// and draw only the rows that are seen; more loads what comes after them.
export function Table({ label, columns, rows: given, keyOf, sort, empty, tall, more, detail, total, insideRef, onLetIn }) {
  const own = useRef(false), inside = insideRef ?? own, box = useRef();
  const [top, setTop] = useState(0), [opened, setOpened] = useState(() => new Set()), [high, setHigh] = useState(600);
  const { rows, waiting, letIn } = useFrozen(given, keyOf, tall ? { current: false } : inside);
  useLayoutEffect(() => { if (tall && box.current) setHigh(box.current.clientHeight || 600); }, [tall, rows.length > 0]);
  const toggle = (k) => setOpened((o) => { const n = new Set(o); n.delete(k) || n.add(k); return n; });
  let from = 0, to = rows.length;
  if (tall && rows.length > 200) {
    from = Math.max(0, Math.floor(top / rowHeight) - 10);
    to = Math.min(rows.length, from + Math.ceil(high / rowHeight) + 20);
  }
  function scroll(e) {
    setTop(e.target.scrollTop);
  }
  useEffect(() => {
    const b = box.current;
    if (more && b.scrollTop > 0 && b.scrollTop + b.clientHeight > rows.length * rowHeight - 600) more();
  });
  const heads = columns.map((c) => {
    const on = sort && c.sort && sort.by === c.sort;
    const title = c.sort ? html`<button type="button" onClick=${() => sort.set(c.sort, on && sort.order === "desc" ? "asc" : on ? "desc" : c.first ?? "desc")}>
      ${c.title}<span aria-hidden="true">${on ? (sort.order === "asc" ? " ▲" : " ▼") : ""}</span></button>` : c.title;
    return html`<th scope="col" class=${style({ ...c, mono: false })} aria-sort=${on ? sort.order + "ending" : undefined}>${title}</th>`;
  });
  const minor = columns.filter((c) => c.minor);
  const width = columns.length + 1;
  return html`<div class=${"table " + (tall ? "tall" : "")} ref=${box} onScroll=${tall && scroll} tabindex=${tall ? 0 : undefined} role=${tall ? "region" : undefined}
    aria-label=${tall ? label : undefined}
    onPointerEnter=${() => { inside.current = true; }} onPointerLeave=${() => { inside.current = false; }}
    onFocusIn=${() => { inside.current = true; }} onFocusOut=${() => { inside.current = false; }}>
    ${waiting > 0 && html`<button type="button" class="pending" onClick=${() => { onLetIn?.(); letIn(); }}>${num(waiting)} new</button>`}
    <table aria-label=${label} aria-rowcount=${total}><thead><tr>${heads}<th class="phone"><span class="offscreen">more</span></th></tr></thead><tbody>
      ${from > 0 && html`<tr key="above" aria-hidden="true"><td colspan=${width} style=${`height:${from * rowHeight}px`} class="gap" /></tr>`}
      ${rows.slice(from, to).map((r) => {
        const k = keyOf(r), open = opened.has(k);
        const row = html`<tr key=${k} data-row tabindex="-1" class=${open ? "open" : ""}>
          ${columns.map((c) => html`<td class=${style(c)}>${c.cell(r, () => toggle(k), open)}</td>`)}
          <td class="phone"><button type="button" class="quiet" aria-expanded=${open} aria-label="more of this row" onClick=${() => toggle(k)}>⋯</button></td></tr>`;
        return open ? [row, html`<tr key=${k + " more"} class="detail"><td colspan=${width}>
          ${minor.length > 0 && html`<dl class="rest">${minor.map((c) => html`<div><dt>${c.title}</dt><dd>${c.cell(r, () => toggle(k), open)}</dd></div>`)}</dl>`}
          ${detail?.(r)}</td></tr>`] : row;
      })}
      ${to < rows.length && html`<tr key="below" aria-hidden="true"><td colspan=${width} style=${`height:${(rows.length - to) * rowHeight}px`} class="gap" /></tr>`}
      ${rows.length === 0 && empty && html`<tr key="empty"><td colspan=${width} class="empty">${empty}</td></tr>`}
    </tbody></table></div>`;
}
const style = (c) => [c.right && "right", c.minor && "minor", c.mono && "mono", c.wide && "wide"].filter(Boolean).join(" ");

export const Field = ({ label, hint, children }) => html`<label class="field"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}</label>`;

// useFilter is the text of an input that is passed on when its user rests.
export function useFilter(value, set, rest = 150) {
  const [text, setText] = useState(value ?? ""), timer = useRef(0), mine = useRef(value ?? "");
  useEffect(() => {
    if ((value ?? "") !== mine.current) { mine.current = value ?? ""; setText(mine.current); }
  }, [value]);
  return {
    value: text,
    onInput: (e) => {
      const t = e.target.value;
      setText(t);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => { mine.current = t; set(t); }, rest);
    },
  };
}

// Filter is such an input. What is typed renders nothing but itself.
export const Filter = ({ value, set, rest, ...attributes }) => html`<input ...${attributes} ...${useFilter(value, set, rest)} spellcheck=${false} />`;

// Moment is an input of a time, local or UTC as the user chose; its value is in ms.
export function Moment({ value, set, ...attributes }) {
  const z = use(utc), at = Number(value);
  const local = at ? new Date(at - (z ? 0 : new Date(at).getTimezoneOffset() * 60000)).toISOString().slice(0, 19) : "";
  return html`<input type="datetime-local" step="1" ...${attributes} value=${local} onChange=${(e) => set(String(Date.parse(e.target.value + (z ? "Z" : "")) || ""))} />`;
}

export const Select = ({ label, value, of, set }) => html`<label class="inline">${label}
  <select value=${value} onChange=${(e) => set(e.target.value)}>${of.map(([v, text]) => html`<option value=${v} selected=${v === value}>${text}</option>`)}</select></label>`;

// Progress is what a start has done.
export function Progress({ of }) {
  if (!of) return null;
  const left = of.eta_ms ?? of.estimated_remaining_ms;
  return html`<span>${percent(of.progress ?? 0)}${of.bytes_total ? `, ${bytes(of.bytes_done)} of ${bytes(of.bytes_total)}` : ""}${
    left > 0 ? `, about ${span(left)} left` : ""}</span>`;
}
export { Problem, ask };
