package backup

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
)

func example() *Description {
	c := &manifest.Checkpoint{Number: 3, Start: 4711, File: 2, Through: 4720, Time: 5, Segments: []manifest.SegmentRef{{ID: 7}, {ID: 9}}}
	d := &Description{
		Version: Version, Time: time.UnixMilli(1_700_000_000_000).UTC(), LogID: 1<<63 | 5, CleanShutdown: true,
		Checkpoint: c, StartLSN: 4711, EndLSN: 9000,
	}
	for i, f := range c.Stored("", "") {
		d.Files = append(d.Files, File{f.Name, int64(i) * 100, Sum(1<<63 + uint64(i))})
	}
	for index := range uint64(3) {
		d.Files = append(d.Files, File{"wal/" + wal.FileName(2+index), 64, 8})
	}
	return d
}

func encoded(t testing.TB, d *Description) []byte {
	t.Helper()
	b, err := d.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDescription(t *testing.T) {
	want := example()
	b := encoded(t, want)
	got, err := decode(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range b {
		bad := append([]byte(nil), b...)
		bad[i] ^= 1
		if _, err := decode(bad); err == nil {
			t.Fatalf("byte %d changed without an error", i)
		}
		if _, err := decode(b[:i]); err == nil {
			t.Fatalf("cut at %d without an error", i)
		}
	}
}

func TestDescriptionRefuses(t *testing.T) {
	for name, change := range map[string]func(*Description){
		"version 2":          func(d *Description) { d.Version = 2 },
		"ends at 1 ":         func(d *Description) { d.EndLSN = 1 },
		"begins at lsn 4712": func(d *Description) { d.StartLSN++ },
		"listed as cold":     func(d *Description) { d.Checkpoint.Segments[0].Cold = true },
		"belongs":            func(d *Description) { d.Files[0].Name = "../../etc/passwd" },
		"of -1 bytes":        func(d *Description) { d.Files[1].Size = -1 },
		"no log file":        func(d *Description) { d.Files = d.Files[:5] },
		"0000000003.wal":     func(d *Description) { d.Files[6] = d.Files[7] },
	} {
		d := example()
		change(d)
		if _, err := decode(encoded(t, d)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDescription holds that no input panics the decoder, and that what it
// accepts is the same after encoding it.
func FuzzDescription(f *testing.F) {
	f.Add(encoded(f, example()))
	f.Add(encoded(f, &Description{Version: Version}))
	f.Add([]byte("{}\n0000000000000000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decode(b)
		if err != nil {
			// Again with a valid checksum.
			if d, err = decode(sealed(bytes.Clone(b))); err != nil {
				return
			}
		}
		again, err := decode(encoded(t, d))
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Fatalf("%+v written again is %+v: %v", d, again, err)
		}
	})
}
