package bench

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// sample is a report over three made-up rounds.
func sample(t *testing.T) *Report {
	t.Helper()
	b := &bench{progress: terminal.NewSteps(io.Discard, 0), cmd: &Cmd{
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
	report.Queue = &QueueReport{Rows: []QueueResult{
		{Op: opPut, Class: "fsync", Workers: 64, Batch: 10, queueMeasures: queueMeasures{12_000, 500, 900}, Other: &queueMeasures{4000, 1500, 9000}, Ratio: 3},
		{Op: opWork, Class: "disk", Workers: 1, Batch: 1, queueMeasures: queueMeasures{7777, 120, 300}},
	}}
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
		"2000 100 1000 0.00 0.00 0.00 300 5000 0.00 0 0.00 0.00 12.0",
		"1000000 1000 0.00 0.00 0.00 0.00 364 0.00 900 500 0.00 0 0.00 0.00 1200",
		"both 100 500 90 0.020 0.000 15.0",
		"at rest kept 1000 0 90.0 300 900 [200] [200]",
		"1000 0.00 0.00 0.00 512 0.00",
		"merges 0.00 0 0.00 150 0.00 1.50",
		"in turn 1000 0 0 400000 0.00",
		"made 60 1.00 0.20 0.05 0.250",
		"10000 records 1000000 200 50.0 90.0 60.0 1.00 4.00 3.00",
		"100 1 50.0 10000 700 2800 9400 0.00 0.00",
		"10000 32500 40.0",
		"100 200 248 56.0 400 440 1.10 0.00 4.50",
		"18 60000 60.0 66.0 1.15",
		"put fsync 64 10 12000 500 900 4000 1500 9000 3.00",
		"work+ack disk 1 1 7777 120 300",
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
	if len(back.Writes) != 18 || back.Writes[0].Records != 30_000 || len(back.Groups) != 6 {
		t.Errorf("came back as %+v", back)
	}
}
