// Plots on canvas: lines and a heat map of latencies, with one cursor for all,
// and sparks.
import { useEffect, useRef } from "./hooks.js";
import { cell, theme, use, utc } from "./state.js";
import { html } from "./ui.js";
import { clock, micros } from "./format.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const edge = { left: 62, right: 6, top: 6, bottom: 18 };

// cursor is the time under the pointer, in ms; null if it is over no plot.
const cursor = cell(null);

function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const c = getComputedStyle(probe).color;
  probe.remove();
  return c;
}

// nearest is the index of the sample at a time; the last one without a time.
function nearest(times, at) {
  if (at === null || times.length < 2) return times.length - 1;
  const step = (times.at(-1) - times[0]) / (times.length - 1);
  return Math.min(Math.max(Math.round((at - times[0]) / step), 0), times.length - 1);
}

// steps are round numbers from 0 to most, four or so.
function steps(most) {
  const rough = most / 4, power = 10 ** Math.floor(Math.log10(rough)), unit = [1, 2, 5, 10].find((n) => n * power >= rough) * power;
  return Array.from({ length: Math.floor(most / unit) + 1 }, (_, i) => i * unit);
}

// Canvas draws with draw(g, width, height) whenever its size, the colours or
// deps change, and moves the cursor.
function Canvas({ times, draw, deps, label }) {
  const ref = useRef();
  const t = use(theme), z = use(utc), at = use(cursor);
  useEffect(() => {
    const c = ref.current;
    const paint = () => {
      const scale = devicePixelRatio || 1, w = c.clientWidth, high = c.clientHeight, g = c.getContext("2d");
      c.width = w * scale;
      c.height = high * scale;
      g.scale(scale, scale);
      g.font = "11px system-ui, sans-serif";
      const x = (i) => edge.left + (w - edge.left - edge.right) * (times.length > 1 ? i / (times.length - 1) : 1);
      draw(g, x, w, high);
      g.fillStyle = colour("soft");
      g.textAlign = "center";
      const every = Math.max(1, Math.ceil(times.length / Math.max(2, Math.floor(w / 110))));
      for (let i = Math.floor(every / 2); i < times.length; i += every) g.fillText(clock(times[i], false).slice(-8, -3), x(i), high - 4);
      if (at === null) return;
      g.fillStyle = colour("strong");
      g.fillRect(x(nearest(times, at)), edge.top, 1, high - edge.top - edge.bottom);
    };
    paint();
    const size = new ResizeObserver(paint);
    size.observe(c);
    dark.addEventListener("change", paint);
    return () => { size.disconnect(); dark.removeEventListener("change", paint); };
  }, [times, t, z, at, ...deps]);
  function move(e) {
    const r = ref.current.getBoundingClientRect(), part = (e.clientX - r.left - edge.left) / (r.width - edge.left - edge.right);
    if (times.length > 1) cursor.set(times[nearest(times, times[0] + part * (times.at(-1) - times[0]))]);
  }
  return html`<canvas class="plot" ref=${ref} role="img" aria-label=${label} onPointerMove=${move} onPointerLeave=${() => cursor.set(null)} />`;
}

// Lines draws series of [name, values, colour]. What is not known is a gap.
export function Lines({ times, series, format, label }) {
  const at = use(cursor), values = series.map(([, v]) => v);
  function draw(g, x, w, high) {
    const most = Math.max(1e-9, ...values.flat().filter((v) => v !== null)) * 1.08 || 1, low = high - edge.bottom;
    const y = (v) => low - v / most * (low - edge.top);
    const soft = colour("soft"), line = colour("line");
    g.textAlign = "right";
    for (const v of steps(most)) {
      g.fillStyle = line;
      g.fillRect(edge.left, Math.round(y(v)), w - edge.left - edge.right, 1);
      g.fillStyle = soft;
      if (most > 1e-8 || v === 0) g.fillText(format(v), edge.left - 6, y(v) + 4);
    }
    series.forEach(([, vs, nth], n) => {
      g.strokeStyle = colour("p" + (nth ?? n + 1));
      g.lineWidth = 1.4;
      g.lineJoin = "round";
      g.beginPath();
      let pen = false;
      vs.forEach((v, i) => {
        if (v !== null) g[pen ? "lineTo" : "moveTo"](x(i), y(v));
        pen = v !== null;
      });
      g.stroke();
    });
  }
  if (!values.flat().some((v) => v !== null)) return html`<p class="nothing">no samples yet: one comes every 5 s</p>`;
  const i = nearest(times, at);
  return html`<figure><${Canvas} times=${times} draw=${draw} deps=${values} label=${label} />
    <figcaption class="legend">${series.map(([name, v, nth], n) => html`<span><i class=${"key-of c" + (nth ?? n + 1)} />${name} <b>${v[i] === null ? "?" : format(v[i])}</b></span>`)}
      ${at !== null && html`<span>at ${clock(times[i], false)}</span>`}</figcaption></figure>`;
}

// Heat draws how many of something took how long: latency upwards, darker for more.
export function Heat({ times, bounds, counts, label, of }) {
  const at = use(cursor), row = counts[nearest(times, at)] ?? [];
  const total = row.reduce((a, n) => a + (n ?? 0), 0), slowest = row.findLastIndex((n) => n > 0);
  function draw(g, x, w, high) {
    const used = row.length || bounds.length + 1, seen = (i) => counts.some((r) => r?.[i] > 0);
    const filled = Array.from({ length: used }, (_, i) => i).filter(seen);
    const low = Math.max((filled[0] ?? 0) - 1, 0), top = Math.min((filled.at(-1) ?? 8) + 2, used), rows = Math.max(top - low, 1);
    const floor = high - edge.bottom, tall = (floor - edge.top) / rows, wide = (w - edge.left - edge.right) / Math.max(times.length, 1);
    const most = Math.max(1, ...counts.flatMap((r) => r ?? []));
    g.fillStyle = colour("p1");
    counts.forEach((r, i) => r?.slice(low, top).forEach((n, y) => {
      if (!n) return;
      g.globalAlpha = 0.2 + 0.8 * Math.log(1 + n) / Math.log(1 + most);
      g.fillRect(edge.left + i * wide, floor - (y + 1) * tall, Math.max(wide, 1) + 0.4, tall - 0.5);
    }));
    g.globalAlpha = 1;
    g.fillStyle = colour("soft");
    g.textAlign = "right";
    for (let y = 0, every = Math.ceil(rows / 6); y < rows; y += every) {
      if (bounds[low + y] !== undefined) g.fillText(micros(bounds[low + y]), edge.left - 6, floor - (y + 1) * tall + 4);
    }
  }
  if (!counts.flat().some((n) => n > 0)) return html`<p class="nothing">none in this time</p>`;
  return html`<figure><${Canvas} times=${times} draw=${draw} deps=${[counts]} label=${label} />
    <figcaption class="legend"><span><i class="key-of c1" />${of} <b>${total}</b></span>${slowest >= 0 && html`<span>slowest ${bounds[slowest] === undefined ? "beyond " + micros(bounds.at(-1)) : "within " + micros(bounds[slowest])}</span>`}
      ${at !== null && html`<span>at ${clock(at, false)}</span>`}</figcaption></figure>`;
}

export function Spark({ values }) {
  const v = (values ?? []).slice(-60).map((x) => x ?? 0), most = Math.max(...v, 1e-9);
  if (v.length < 2) return null;
  const d = v.map((y, i) => `${i ? "L" : "M"}${(i / (v.length - 1) * 60).toFixed(1)} ${(15 - y / most * 13).toFixed(1)}`).join("");
  return html`<svg class="spark" width="60" height="16" aria-hidden="true"><path d=${d} /></svg>`;
}
