package drill

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/drill/result"
)

func sample() *Report {
	d := (&Cmd{Seed: 5, Writers: 8, Kills: 2, Duration: time.Second}).newDrill("", nil)
	d.kills, d.early = 2, 1
	d.hits[merging] = 1
	d.operator.answered = 7
	for i := range 100 {
		d.gate.values[float64(i)/100] = true
	}
	o := d.plan.op(opID{})
	d.books[0].acked(o, 1, false)
	d.books[len(d.books)-1].unexpected("answered %d", 500)
	return d.report()
}

func TestReportTable(t *testing.T) {
	var out strings.Builder
	if err := sample().WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  ephemeral  memory  disk  fsync  total",
		"        acked writes          1       0     0      0      1",
		"  unexpected answers          0       0     0      1      1",
		"kills: 2 (1 of them during the start), seed 5,",
		"kills during: checkpoint 0, merge 1, relocation 0",
		"requested checkpoints: 7 answered, 0 failed",
		"progress values seen: 100, up to 0 in one boot: 0.000 0.140 0.280 0.420 0.560 0.700 0.840 0.990",
		"BROKEN: drill-source: answered 500",
		"1 promises were broken",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestReportVerdict(t *testing.T) {
	for _, tt := range []struct {
		report Report
		want   string
	}{
		{Report{}, "every promise was kept\n"},
		{Report{Total: Tally{Lost: 3}}, "3 promises were broken\n"},
		{Report{Total: Tally{Undeleted: 2}, Failed: 1}, "3 promises were broken\n"},
		{Report{Error: "interrupted"}, "the drill was not finished: interrupted\n"},
	} {
		var out strings.Builder
		if err := tt.report.WriteTable(&out); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(out.String(), tt.want) {
			t.Errorf("ends without %q:\n%s", tt.want, out.String())
		}
	}
}

func TestReportJSON(t *testing.T) {
	var out strings.Builder
	if err := result.WriteJSON(&out, sample()); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil {
		t.Fatal(err)
	}
	if back.Kills != 2 || back.Classes[fsync].Unexpected != 1 || back.During[merging] != 1 || back.Broken() != 1 || len(back.Ready.Progress) != 100 {
		t.Errorf("came back as %+v", back)
	}
}
