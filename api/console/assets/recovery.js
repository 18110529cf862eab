// The last start, what is on disk, the scrub and the backups.
import { ask, usePoll } from "./api.js";
import { stringify } from "./exact.js";
import { cannot, server, use } from "./state.js";
import { Act, Bar, Confirm, Curl, Facts, Page, Panel, State, Table, copy, html, show } from "./ui.js";
import { ago, bytes, clock, moment, num, percent, plural, span } from "./format.js";

const cause = (r) => r.power_lost ? "a power loss" : r.clean_shutdown ? "a clean stop" : r.bytes ? "a kill" : "nothing: the directory was new or empty";

export function Recovery() {
  const s = use(server);
  const report = usePoll((signal) => ask("GET", "v0/recovery", { signal }), 10000);
  const r = report.data, st = s.stats?.storage;
  return html`<${Page} title="Recovery and backups" poll=${report} command=${{ path: "v0/recovery" }}>
    ${r && html`<${Start} r=${r} />`}
    <div class="columns"><${Disk} st=${st} problem=${s.statsProblem} /><${Scrub} st=${st} /></div>
    <${Erasure} st=${st} />
    <${Backups} /><//>`;
}

function Start({ r }) {
  const whole = r.phases.reduce((a, p) => a + p.duration_ms, 0) || 1;
  return html`<${Panel} title=${`Last start, ${clock(moment(r.started), false)}`}>
    ${r.error && html`<p class="note bad" role="alert">recovery failed: ${r.error}</p>`}
    <${Facts} of=${[["after", cause(r), r.power_lost && "warn"], ["ready in", span(r.duration_ms)], ["replayed", bytes(r.bytes)], ["at", r.bytes_per_second ? bytes(r.bytes_per_second) + "/s" : "not measured"],
      ["records", num(r.records_replayed)], ["frames", num(r.frames_replayed)], ["files", num(r.files)], ["segments", num(r.segments ?? 0)],
      ["torn tail", r.bytes_truncated ? plural(r.bytes_truncated, "byte") : "none", r.bytes_truncated && "warn"], ["lost ranges", num(r.lost_ranges_total), r.lost_ranges_total && "bad"],
      r.checkpoint_fallback && ["checkpoint", "the one before: " + r.checkpoint_fallback, "warn"], r.manifest_fallback && ["manifest", r.manifest_fallback, "warn"]]} />
    <div class="shares" aria-hidden="true">${r.phases.map((p, i) => html`<i class=${"c" + (i % 6 + 1)} style=${`width:${p.duration_ms / whole * 100}%`} />`)}</div>
    <p class="legend">${r.phases.map((p, i) => html`<span><i class=${"key-of c" + (i % 6 + 1)} />${p.name} <b>${span(p.duration_ms)}</b></span>`)}</p>
    ${r.lost_ranges.length > 0 && html`<${Table} label="Lost ranges" keyOf=${(x, i) => x.topic + x.from_seq} rows=${r.lost_ranges} columns=${[
      { title: "topic", mono: true, cell: (x) => x.topic }, { title: "seqs", mono: true, cell: (x) => `${num(x.from_seq)}–${num(x.to_seq)}` }, { title: "reason", minor: true, cell: (x) => x.reason ?? x.cause ?? "" }]} />`}<//>`;
}

function Disk({ st, problem }) {
  const off = cannot("admin-write");
  const checkpoint = () => show((close) => html`<${Confirm} title="Take a checkpoint" verb="Take 1 checkpoint" danger=${false} close=${close} command=${{ method: "POST", path: "v0/admin/checkpoint", confirm: true }} act=${async () => {
    await ask("POST", "v0/admin/checkpoint", { confirm: true });
    return "the checkpoint is taken";
  }}><p>It moves records from the log to segments, so that the next start replays less. Writes go on meanwhile${st?.checkpoint_duration_seconds ? `; the last one took ${span(st.checkpoint_duration_seconds * 1000)}` : ""}.</p><//>`);
  return html`<${Panel} title="On disk" tools=${html`<${Act} off=${off} onClick=${checkpoint}>Checkpoint now<//><${Curl} method="POST" path="v0/admin/checkpoint" confirm />`}>
    ${!st ? html`<p class="faint">${problem ? problem.message : "…"}</p>` : html`<${Facts} of=${[["last checkpoint", st.checkpoints ? `${span(st.checkpoint_age_seconds * 1000)} ago, took ${span(st.checkpoint_duration_seconds * 1000)}` : "none since the start"],
      ["failed", num(st.checkpoint_failures), st.checkpoint_failures && "bad"], ["log", `${plural(st.wal_files, "file")}, ${bytes(st.wal_size_bytes)}`], ["segments", `${num(st.segments)}, ${bytes(st.segment_bytes)}`],
      ["cold", `${num(st.cold_segments)}, ${bytes(st.cold_segment_bytes)}`], ["archive waits", plural(st.archive_waiting_files, "file"), st.archive_failures && "warn"], ["damaged reads", num(st.damaged_reads), st.damaged_reads && "bad"],
      st.last_error && ["last error", st.last_error, "bad"]]} />`}<//>`;
}

function Scrub({ st }) {
  const verify = usePoll((signal) => ask("GET", "v0/admin/verify", { signal }), 2000);
  const v = verify.data, off = cannot("admin-write", false), running = v?.state === "running", all = (st?.segment_bytes ?? 0) + (st?.cold_segment_bytes ?? 0) + (st?.wal_size_bytes ?? 0);
  const start = () => show((close) => html`<${Confirm} title="Scrub" verb="Start 1 scrub" danger=${false} close=${close} command=${{ method: "POST", path: "v0/admin/verify?wait=false", confirm: true }} act=${async () => {
    const done = await ask("POST", "v0/admin/verify?wait=false", { confirm: true });
    verify.reload();
    return done.state === "running" ? "the scrub runs" : "the scrub is done";
  }}><p>Reads everything that is stored, about <b>${bytes(all)}</b>, at low priority, and checks every sum${v?.result?.duration_ms > 0 && v.result.bytes > 0 ? `; about ${span(all / v.result.bytes * v.result.duration_ms)}, by the last one` : ""}. It changes nothing.</p><//>`);
  const result = v?.result, damages = result?.damages_total ?? st?.verify_damaged ?? 0, left = running && v.progress > 0.01 ? (Date.now() - moment(v.started_at)) * (1 - v.progress) / v.progress : null;
  return html`<${Panel} title="Scrub" tools=${html`<${Act} off=${off || running && "a scrub runs"} onClick=${start}>Scrub…<//><${Curl} method="POST" path="v0/admin/verify?wait=false" confirm />`}>
    <${State} poll=${verify} />
    ${running && html`<${Bar} part=${v.progress} label="scrub" /><p role="status">${percent(v.progress)}, ${bytes(v.bytes_done)} of ${bytes(v.bytes_total)}${left !== null ? `, about ${span(left)} left` : ""}</p>`}
    <${Facts} of=${[["last", v?.state === "done" || v?.state === "failed" ? html`<span class=${damages || v.state === "failed" ? "bad" : "good"}>${v.state === "failed" ? "failed" : damages ? plural(damages, "damage") : "sound"}</span>, ${ago(moment(v.started_at))}`
      : st?.verify_runs ? html`<span class=${damages ? "bad" : "good"}>${damages ? plural(damages, "damage") : "sound"}</span>, ${span(st.verify_age_seconds * 1000)} ago` : "none since the start"],
      result && ["read", bytes(result.bytes)], result && ["in", span(result.duration_ms)], result && ["records", num(result.records)], result && ["segments", num(result.segments)]]} />
    ${result?.damages?.length > 0 && html`<${Table} label="Damages" keyOf=${(d) => d.file + d.offset} rows=${result.damages} columns=${[{ title: "file", mono: true, cell: (d) => d.file }, { title: "at", right: true, mono: true, cell: (d) => num(d.offset) }, { title: "cause", minor: true, cell: (d) => d.cause }]} />`}<//>`;
}

const waits = { backup: "waits for a backup that has files which are to go", archive: "waits for the archive, which has not copied all of the log",
  disk: "waits for the disk, which does not let a file be removed" };

// Erasure is how what is dead leaves the disk, with the receipt of the last time.
function Erasure({ st }) {
  const poll = usePoll((signal) => ask("GET", "v0/admin/compact", { signal }), 2000);
  const e = poll.data, r = e?.result, running = e?.state === "running", off = cannot("admin-write");
  const command = { method: "POST", path: "v0/admin/compact?wait=false", confirm: true }, stored = (st?.segment_bytes ?? 0) + (st?.cold_segment_bytes ?? 0);
  const start = () => show((close) => html`<${Confirm} title="Erase what is dead" verb="Start 1 erasure" danger=${false} close=${close} command=${command} act=${async () => {
    await ask("POST", command.path, { confirm: true });
    poll.reload();
    return "the erasure runs";
  }}><p>Removes from the disk whatever was deleted, evicted or has expired by now, and gives a receipt. Readers see no difference: for them it is gone already.</p>
    <p>It takes two checkpoints and rewrites the segments that have a dead record, <b>${bytes(stored)}</b> at most. Writes go on meanwhile. Backups and archived log files keep what they have.</p><//>`);
  const step = e?.step && { checkpoints: "takes two checkpoints", segments: "looks through segments", files: "removes files" }[e.step];
  return html`<${Panel} title="Erasure" tools=${html`<${Act} off=${off || running && "an erasure runs"} onClick=${start}>Erase what is dead…<//><${Curl} ...${command} />`}>
    <${State} poll=${poll} />
    ${running && html`<${Bar} part=${e.segments_total ? e.segments_checked / e.segments_total : 0} label="erasure" />
      <p role="status">${step}${e.segments_total ? `, ${num(e.segments_checked)} of ${plural(e.segments_total, "segment")}` : ""}${e.waits_for ? html`, <span class="warn">${waits[e.waits_for]}${e.error ? `: ${e.error}` : ""}</span>` : ""}; asked for ${ago(moment(e.started_at))}</p>`}
    ${e?.state === "failed" && html`<p class="note bad" role="alert">the erasure asked for ${ago(moment(e.started_at))} failed${step ? ` while it ${step}` : ""}: ${e.error}. Ask for it again.</p>`}
    ${e?.state === "idle" && html`<p class="faint">none since the start; what is deleted leaves the disk some time later by itself</p>`}
    ${r && html`<${Receipt} r=${r} />`}<//>`;
}

function Receipt({ r }) {
  const at = moment(r.started_at);
  return html`<p>Nothing that was dead at <b>${clock(at)}</b>, ${ago(at)}, is in any log file, checkpoint or segment.</p>
    <${Facts} of=${[["took", span(r.duration_ms)], ["records erased from segments", num(r.records_erased)], ["segments", `${num(r.segments_checked)} looked at, ${num(r.segments_rewritten)} rewritten, ${num(r.segments_removed)} removed`],
      ["read", bytes(r.bytes_read)], ["written", bytes(r.bytes_written)], ["oldest checkpoint", num(r.checkpoint)], ["oldest log file", html`<span class="mono">${r.first_file}</span>`]]} />
    <p class="faint">What may still have it, and is yours to remove: backups begun before ${clock(moment(r.elsewhere.backups_begun_before))}${
      r.elsewhere.archive_files_before ? html`, archived log files before <span class="mono">${r.elsewhere.archive_files_before}</span>` : ""}.
      <button type="button" class="quiet" onClick=${() => copy(stringify(r), "receipt")}>copy the receipt</button></p>`;
}

function Backups() {
  const list = usePoll((signal) => ask("GET", "v0/admin/backups", { signal }), 15000);
  const b = list.data, good = b?.last_good_at ? moment(b.last_good_at) ?? Number(b.last_good_at) : null, when = (t) => typeof t === "string" ? moment(t) : t;
  const url = new URL(".", document.baseURI).href.replace(/#.*/, ""), line = `topics backup --url ${url} --to BACKUP`, verify = `topics backup verify BACKUP --report --url ${url}`;
  const verified = b ? Math.max(0, ...b.backups.map((x) => x.verified_at ? moment(x.verified_at) : 0)) : 0;
  return html`<${Panel} title="Backups" tools=${b && html`<span class=${good ? "faint" : "warn"}>${good ? `last good ${ago(good)}` : "no good backup is known"}</span>
    ${good && html`<span class=${verified ? "faint" : "warn"}>${verified ? `last verified ${ago(verified)}` : "never verified"}</span>`}`}><${State} poll=${list} />
    ${b && html`<${Table} label="Backups" keyOf=${(x) => String(x.started_at)} rows=${b.backups} empty="none since the server knows of backups" columns=${[
      { title: "started", mono: true, cell: (x) => clock(when(x.started_at), false) }, { title: "took", right: true, minor: true, cell: (x) => x.finished_at ? span(when(x.finished_at) - when(x.started_at)) : "under way" },
      { title: "size", right: true, minor: true, cell: (x) => bytes(x.bytes) }, { title: "through", mono: true, minor: true, cell: (x) => x.through_ts ? clock(when(x.through_ts)) : "?" },
      { title: "outcome", cell: (x) => html`<span class=${x.outcome === "good" ? "good" : "bad"}>${x.outcome}</span>` },
      { title: "verified", right: true, cell: (x) => x.verified_at ? html`<span class="good" title=${clock(moment(x.verified_at))}>✓ ${ago(moment(x.verified_at))}</span>` : x.outcome === "good" ? html`<span class="faint">never</span>` : "—" }]} />`}
    <p class="faint">A backup is not made here: a page cannot take gigabytes. Where it is to be kept, run:</p>
    <pre class="shell">${line}</pre>
    <p class="faint">A copy counts as verified when it was read from end to end and that was reported:</p>
    <pre class="shell">${verify}</pre><//>`;
}
