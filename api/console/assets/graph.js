// The graph around a topic, laid out in layers.
import { ask, query, usePoll } from "./api.js";
import { href } from "./state.js";
import { State, html } from "./ui.js";
import { num, rate } from "./format.js";
import { blocked } from "./routers.js";

const limit = 200, wide = 170, high = 26, gapX = 110, gapY = 14;

// near loads the routers at most two steps from a topic.
async function near(topic, signal) {
  const edges = new Map(), layer = new Map([[topic, 0]]);
  let front = [topic];
  for (let step = 0; step < 2 && layer.size < limit; step++) {
    const next = [];
    for (const t of front.slice(0, 12)) {
      for (const [end, other, by] of [["source", "dest", 1], ["dest", "source", -1]]) {
        const got = await ask("GET", "v0/routers" + query({ [end]: t, page_size: 50 }), { signal });
        for (const r of got.routers) {
          edges.set(r.router, r);
          if (!layer.has(r[other]) && layer.size < limit) {
            layer.set(r[other], layer.get(t) + by);
            next.push(r[other]);
          }
        }
      }
    }
    front = next;
  }
  return { edges: [...edges.values()].filter((r) => layer.has(r.source) && layer.has(r.dest)), layer };
}

function layout({ layer, edges }) {
  const first = Math.min(...layer.values()), columns = new Map();
  for (const [t, l] of [...layer].sort(([a], [b]) => a < b ? -1 : 1)) {
    const c = columns.get(l - first) ?? [];
    c.push(t);
    columns.set(l - first, c);
  }
  const rows = Math.max(...[...columns.values()].map((c) => c.length)), height = rows * (high + gapY) + 40, at = new Map();
  // Each column in the order of what it is joined to on its left.
  for (const l of [...columns.keys()].sort((a, b) => a - b)) {
    const c = columns.get(l);
    const weight = (t) => {
      const ys = edges.flatMap((e) => [[e.source, e.dest], [e.dest, e.source]]).filter(([a, b]) => a === t && at.has(b) && at.get(b).l === l - 1).map(([, b]) => at.get(b).y);
      return ys.length ? ys.reduce((a, b) => a + b, 0) / ys.length : 0;
    };
    c.sort((a, b) => weight(a) - weight(b));
    c.forEach((t, i) => at.set(t, { l, x: 10 + l * (wide + gapX), y: (height - c.length * (high + gapY)) / 2 + i * (high + gapY) + 6 }));
  }
  return { at, width: (Math.max(...columns.keys()) + 1) * (wide + gapX) - gapX + 20, height };
}

// line is the way of an edge; one that goes back, or to itself, passes below.
function line(a, b) {
  const x1 = a.x + wide, y1 = a.y + high / 2, x2 = b.x, y2 = b.y + high / 2;
  if (b.l > a.l) return { d: `M${x1} ${y1}C${x1 + gapX / 2} ${y1} ${x2 - gapX / 2} ${y2} ${x2 - 6} ${y2}`, x: x2 - 12, y: y2 > y1 ? y2 + 14 : y2 - 5 };
  const low = Math.max(a.y, b.y) + high + 12;
  return { d: `M${x1} ${y1}C${x1 + 34} ${low + 8} ${x2 - 34} ${low + 8} ${x2 - 6} ${y2}`, x: x2 - 12, y: y2 - 5 };
}

const cut = (t) => t.length > 21 ? t.slice(0, 20) + "…" : t;

export function Graph({ topic }) {
  const got = usePoll((signal) => near(topic, signal), 10000, [topic]);
  if (!got.data) return html`<${State} poll=${got} />`;
  const { edges, layer } = got.data, { at, width, height } = layout(got.data);
  const text = edges.map((e) => `${e.source} to ${e.dest}${blocked(e) ? ", blocked" : ""}`).join("; ");
  return html`<div class="graph" tabindex="0" role="region" aria-label="Graph of routers"><svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="group" aria-label=${text}>
    <defs><marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:var(--p6);stroke:none" /></marker></defs>
    ${edges.map((e) => {
      const l = line(at.get(e.source), at.get(e.dest));
      return html`<g key=${e.router} class=${"edge" + (blocked(e) ? " blocked" : "")}><path d=${l.d} stroke-width=${Math.min(1.2 + Math.log10(1 + Number(e.forwarded_rate ?? 0)), 5)} marker-end="url(#arrow)" />
        <text x=${l.x} y=${l.y} text-anchor="end">${blocked(e) ? `■ lag ${num(e.lag)}` : e.forwarded_rate === undefined ? `lag ${num(e.lag)}` : rate(e.forwarded_rate) + "/s"}</text></g>`;
    })}
    ${[...layer.keys()].map((t) => {
      const p = at.get(t);
      return html`<a key=${t} href=${href(["topics", t])} class=${t === topic ? "here" : ""}><title>${t}</title><rect x=${p.x} y=${p.y} width=${wide} height=${high} rx="3" /><text x=${p.x + 8} y=${p.y + 17}>${cut(t)}</text></a>`;
    })}</svg></div>`;
}
