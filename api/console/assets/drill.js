// The drill: what a crash would cost at this moment, and how to rehearse it.
import { ask, usePoll } from "./api.js";
import { forecast, server, use } from "./state.js";
import { useEffect } from "./hooks.js";
import { Page, Panel, State, Facts, copy, html } from "./ui.js";
import { bytes, moment, num, plural, span } from "./format.js";

const rehearsals = [
  ["kill", "kill -9 $(pidof topics)", "Phase “replaying” with its progress here and in topics_recovery_progress; then ready, with nothing acknowledged lost but a tail of memory topics."],
  ["power", "topics drill --kills 5", "A copy of the crash on a directory of its own: what was not synced is gone, and readers get tombstones for it."],
  ["disk full", "fallocate -l $(df --output=avail -B1 $TOPICS_DATA_DIR | tail -1) $TOPICS_DATA_DIR/../filler", "Writes answer 507, deletes go on, the check disk_space says why. Remove the filler: writes go on by themselves."],
  ["hang", "dmsetup suspend VOLUME; sleep 20; dmsetup resume VOLUME", "The sync under way grows, the check log turns, writers wait. Nothing is acknowledged that is not synced."],
  ["damage", "topics drill damage --tries 20", "Random damage of copies: a start refuses or tells what was lost, never both."],
  ["restore", "topics restore --from BACKUP --to restored && topics verify restored", "The directory is sound and serves what the backup had."],
  ["key", "topics reload # after a change of TOPICS_API_KEYS_FILE", "The old key gets 401 at once; an audit line for each refusal; streams of the old key end."],
  ["upgrade", "systemctl restart topics", "Draining, then ready after a clean stop: nothing to replay. This page offers a reload."],
  ["move", "topics backup --to move && topics restore --from move --to DATADIR", "The other machine serves the same heads; point clients there, and stop the old one first."],
];

// range is about how long something takes that took the rate at best.
const range = (bytesToDo, rate) => !rate ? null : [bytesToDo / rate * 800, bytesToDo / rate * 2000 + 200];

export function Drill() {
  const s = use(server);
  const report = usePoll((signal) => ask("GET", "v0/recovery", { signal }), 15000);
  const verify = usePoll((signal) => ask("GET", "v0/admin/verify", { signal }), 30000);
  const st = s.stats, r = report.data, wal = st?.wal ?? {}, behind = st?.replay_bytes;
  const scrubbed = verify.data?.result, rate = r?.bytes_per_second || (scrubbed?.duration_ms ? scrubbed.bytes / scrubbed.duration_ms * 1000 : 0);
  const fixed = r ? r.phases.filter((p) => p.name !== "replay").reduce((a, p) => a + p.duration_ms, 0) : 0;
  const takes = behind !== undefined && rate ? range(Number(behind), rate) : null;
  const source = r?.bytes_per_second ? `${bytes(r.bytes_per_second)}/s at the last start` : rate ? `${bytes(rate)}/s by the last scrub` : "not measured: the last start had nothing to replay";
  const t = st?.topics ?? {}, unsynced = wal.unsynced_bytes ?? st?.unsynced_bytes;
  const shown = { data: st, error: s.statsProblem, at: s.at };
  const before = use(forecast), tested = before && r && moment(r.started) > before.at ? before : null;
  useEffect(() => { if (takes && !tested) forecast.set({ at: Date.now(), least: takes[0] + fixed * 0.5, most: takes[1] + fixed, bytes: Number(behind) }); }, [behind]);
  return html`<${Page} title="Drill" poll=${shown} command=${{ path: "v0/admin/stats" }}>
    <${Panel} title="If this process is killed now"><${Facts} of=${[["to replay", bytes(behind)], ["ready in about", takes ? `${span(takes[0] + fixed * 0.5)} to ${span(takes[1] + fixed)}` : behind === undefined ? "?" : "not measured"], ["rate", source],
      ["acknowledged records of fsync and disk topics lost", html`<span class="good">0</span>`], ["memory topics", t.topics_memory ? `${num(t.topics_memory)}: may lose a tail` : "none"], ["ephemeral topics", t.topics_ephemeral ? `${num(t.topics_ephemeral)}: lose all records` : "none"]]} /><//>
    <${Panel} title="If the power fails now"><${Facts} of=${[["fsync topics", html`${num(t.topics_fsync)}: lose <span class="good">0</span>`], ["disk topics", `${num(t.topics_disk)}: may lose ${bytes(unsynced)} that is not synced`], ["memory topics", t.topics_memory ? `${num(t.topics_memory)}: may lose a tail` : "none"],
      ["ephemeral topics", t.topics_ephemeral ? `${num(t.topics_ephemeral)}: lose all records` : "none"]]} />
      <p class="faint">What is lost is explicit: its seqs are not given again, and readers get a tombstone with the reason.</p><//>
    <${Panel} title="The clients"><${Facts} of=${[["streams reconnect", num(st?.connections?.streams)], ["sockets reconnect", num(st?.connections?.sockets)], ["sessions end", num(st?.connections?.watch_sessions)],
      ["leases out", num(s.metrics?.queues?.leases_in_flight ?? s.metrics?.queue_leases_in_flight)], ["connections", num(st?.connections?.open)]]} />
      <p class="faint">Leases survive where leases_durable is true; others come back as ready at once. Clients that retry with their idempotency key write once.</p><//>
    ${r && html`<${Panel} title="What the last start was"><p>${span(Date.now() - moment(r.finished))} ago it replayed ${bytes(r.bytes)} and was ready in <b>${span(r.duration_ms)}</b>; ${plural(r.lost_ranges_total, "range")} lost.
      ${tested && html` This page had said ${span(tested.least)} to ${span(tested.most)} for ${bytes(tested.bytes)}: <b class=${r.duration_ms > tested.most ? "warn" : "good"}>${r.duration_ms > tested.most ? "it took longer" : "so it was"}</b>. <button type="button" onClick=${() => forecast.set(null)}>Forget it</button>`}
      ${" "}<a href="#/recovery">The report</a></p><//>`}
    <${State} poll=${report} />
    <${Panel} title="Rehearse"><p class="faint">No button here harms the server. Run these where they may harm; the page shows what comes of it.</p>
      <dl class="drills">${rehearsals.map(([name, line, see]) => html`<div><dt><b>${name}</b> <button type="button" class="quiet" aria-label=${"copy the line of " + name} onClick=${() => copy(line, "command line")}>copy</button></dt>
        <dd><pre class="shell">${line}</pre><p>${see}</p></dd></div>`)}</dl><//><//>`;
}
