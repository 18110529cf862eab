package bench

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
)

// sample is a report over three made-up rounds.
func sample(t *testing.T) *Report {
	t.Helper()
	b := &bench{progress: io.Discard, cmd: &Cmd{
		Class: []string{"ephemeral", "disk", "fsync"}, Writers: []int{1, 16, 64}, Batch: []int{1, 100},
		Interval: time.Second, Repeats: 3,
	}}
	var rounds []*round
	for i := range 3 {
		r := &round{
			appendSync: AppendSync{GrowingP50US: 200, ZeroedP50US: 100 + float64(i), ZeroedP99US: 300},
			groups:     map[shape]GroupCommit{}, http: map[shape]float64{}, cells: map[cellKey]writeMeasures{},
		}
		for _, s := range b.cmd.shapes() {
			r.http[s] = 50_000
			r.groups[s] = GroupCommit{Written: 4e6, Synced: 2e6}
			for _, class := range b.cmd.Class {
				m := writeMeasures{Records: 30_000 * float64(s.batch), P50US: 150, P99US: 900, Group: 9}
				if class == "fsync" {
					m.Records *= 0.75 + 0.1*float64(i)
				}
				m.Ratio = m.Records / r.limit(class, s)
				r.cells[cellKey{class, s}] = m
			}
		}
		rounds = append(rounds, r)
	}
	report := b.newReport()
	report.addWrites(b, rounds)
	report.Reads = []ReadResult{{From: "cache", Readers: 4, Records: 1e6, MBs: 250, Ratio: 0.1}}
	report.Replay = []ReplayResult{{Records: 2000, Batch: 100, LogBytes: 1e9, MBs: 300, ScanMBs: 5000, BytesPerRecord: 12}}
	report.Recovery = []RecoveryResult{{Records: 1e6, Topics: 1000, ReadyMS: 900, ReplayMS: 500, CleanMS: 1200, ResidentBytes: 364e6, CacheBytes: 64e6}}
	report.Progress = []ProgressResult{{Log: "both", LogBytes: 1e8, ReplayMS: 500, Readings: 90, Off: 0.02, ETAOffMS: 15}}
	report.Probes = []ProbeResult{{State: "at rest", Connections: "kept", Probes: 1000, P50US: 90, P99US: 300, MaxUS: 900, Health: "[200]", Live: "[200]"}}
	report.Idle = &IdleResult{Topics: 1000, BytesPerTopic: 512}
	report.Checkpoint = []CheckpointResult{{While: "quiet", P99US: 100, Ratio: 1}, {While: "merges", P99US: 150, Ratio: 1.5}}
	report.History = []HistoryResult{{Written: "in turn", Topics: 1000, Records: 4e5}, {Written: "alone", Topics: 1000, Records: 1e6}}
	report.Debian = &DebianResult{Corpus: "made", Records: 60, JSONBytes: 1e6, SegmentBytes: 2e5, IndexBytes: 5e4, Ratio: 0.25}
	report.Bounded = []BoundedResult{{Kept: "10000 records", Records: 1e6, Bytes: 2e8, Steps: []int64{5e7, 9e7, 7e7}, Settled: 6e7, SegmentSteps: []int64{1e6, 4e6, 2e6}, SettledSegments: 3e6}}
	report.Watch = &WatchReport{
		Rows: []WatchResult{{Watchers: 100, Stalled: 1, Writes: 50, Deliveries: 10_000, AckP50US: 700, P50US: 2800, P99US: 9400}},
		Idle: 10_000, BytesPerWatcher: 32_500, StalledBytes: 40e6,
	}
	report.Fanout = &FanoutResult{Destinations: 100, Writes: 200, BytesAlone: 248, BytesEach: 56, AloneP50US: 400, P50US: 440, Ratio: 1.1, AllP50MS: 4.5,
		Lone: LoneResult{Rounds: 18, Writes: 60_000, AloneP50US: 60, P50US: 66, Ratio: 1.15}}
	report.Aims = append(report.Aims, report.progressAims()...)
	report.Aims = append(report.Aims, report.probeAims()...)
	report.Aims = append(report.Aims, report.storageAims()...)
	report.Aims = append(report.Aims, report.watchAims()...)
	return report
}

func TestReportTable(t *testing.T) {
	var out strings.Builder
	if err := sample(t).WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"p50 200 us in a growing file, 101 us in a pre-zeroed one (p99 300 us)",
		"ephemeral 1 1 0.00 30000 150 900 9.00 0.00 0.00 0.60 HTTP alone",
		"disk 16 100 0.00 3000000 150 900 9.00 0.00 0.00 0.75 group write",
		"fsync 64 100 0.00 2550000 150 900 9.00 0.00 0.00 1.27 group commit",
		"cache 4 1000000 250",
		"lone fsync write, p50 over raw append+sync p50 (pre-zeroed file) at most 1.60x 1.49x met",
		"64 fsync writers, frames per sync at least 8.00 9.00 met",
		"64 fsync writers over 64 ephemeral writers at least 0.80x 0.85x met",
		"disk, batches of 100 over 16 connections at least 700000 records/s 3000000 records/s met",
		"both 100 500 90 0.020 0.000 15.0",
		"at rest kept 1000 0 90.0 300 900 [200] [200]",
		"replay_progress over both, from the share of time at most 0.05 0.02 met",
		"replay of 2000 records in batches of 100 at least 400 MB/s 300 MB/s MISSED",
		"resident memory, 2000 records in batches of 100 at most 64.0 B/record 12.0 B/record met",
		"ready after a kill but for the replay, 1000000 records in 1000 topics at most 2000 ms 400 ms met",
		"ready after a stop, 1000000 records in 1000 topics at most 1000 ms 1200 ms MISSED",
		"resident memory beyond the cache, 1000000 records in 1000 topics at most 200 MB 300 MB MISSED",
		"p99 of lone disk writes while merges over quiet at most 2.00x 1.50x met",
		"history of one of 1000 topics written in turn over alone at least 0.50x 0.40x MISSED",
		"segments of a package index over its JSON at most 0.30x 0.25x met",
		"10000 records 1000000 200 50.0 90.0 60.0 1.00 4.00 3.00",
		"100 1 50.0 10000 700 2800 9400 0.00 0.00",
		"10000 32500 40.0",
		"100 200 248 56.0 400 440 1.10 0.00 4.50",
		"growth of the server by a watcher that takes nothing at most 32.0 MB 40.0 MB MISSED",
		"18 60000 60.0 66.0 1.15",
		"ack p50 with 100 routers over none at most 1.20x 1.10x met",
		"ack p50 of a lone writer with 100 routers over none at most 1.20x 1.15x met",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestReportJSON(t *testing.T) {
	var out strings.Builder
	if err := sample(t).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Writes) != 18 || back.Writes[0].Records != 30_000 || len(back.Aims) != 21 || len(back.Groups) != 6 {
		t.Errorf("came back as %+v", back)
	}
}

// Without the cells an aim is about, the aim is not spoken of.
func TestAimsOfPartialRuns(t *testing.T) {
	r := &round{cells: map[cellKey]writeMeasures{{"disk", shape{16, 100}}: {Records: 1}}}
	if aims := writeAims([]*round{r}); len(aims) != 1 || aims[0].Met {
		t.Errorf("got %+v, want the one about disk, missed", aims)
	}
}

// Against a slow disk the replay is held to the disk's own rate.
func TestReplayAim(t *testing.T) {
	aims := replayAims([]ReplayResult{{LogBytes: 1e9, MBs: 95, ScanMBs: 90}})
	if !aims[0].Met || aims[0].Want != 90 {
		t.Errorf("got %+v", aims[0])
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0.00", 1.234: "1.23", 12.34: "12.3", 1234.5: "1234", -5: "-5.00"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %s, want %s", v, got, want)
		}
	}
}
