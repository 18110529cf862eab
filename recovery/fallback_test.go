package recovery_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// newFile writes until the log has begun another file, with little in it, all of
// which is synced. It returns the name of that file.
func newFile(t *testing.T, data *recovery.Recovered) string {
	t.Helper()
	began := data.Log.Newest()
	for data.Log.Newest() == began {
		load(t, data, 1)
		if err := data.Log.WaitSynced(data.Log.Tail()); err != nil {
			t.Fatal(err)
		}
	}
	return "/data/wal/" + wal.FileName(data.Log.Newest())
}

// The manifest before the last one may not name the newest file of the log. If a
// start has to use it, damage to that file does not pass for a torn tail: what
// was acknowledged in it would be lost silently. What the start finds does not
// change by its refusal.
func TestFallbackBeforeTheNewestFile(t *testing.T) {
	for how, damage := range map[string]func(b []byte) []byte{
		"a bit of the header is flipped": func(b []byte) []byte {
			b[9] ^= 1
			return b
		},
		"the header is zeros": func(b []byte) []byte {
			clear(b[:wal.HeaderSize])
			return b
		},
		"the last frame is damaged": func(b []byte) []byte {
			b[len(bytes.TrimRight(b, "\x00"))-1] ^= 1
			return b
		},
	} {
		t.Run(how, func(t *testing.T) {
			fsys := crashfs.New()
			data := start(t, fsys)
			load(t, data, 3)
			newFile(t, data)
			name := newFile(t, data)
			newest := data.Log.Newest()
			fsys = fsys.Kill()
			last, err := manifest.ReadFile(fsys, "/data", manifest.Name)
			before, errBefore := manifest.ReadFile(fsys, "/data", manifest.PrevName)
			if err = errors.Join(err, errBefore); err != nil || last.NewestFile != newest || before.NewestFile != newest-1 {
				t.Fatalf("%+v, %+v, %v", last, before, err)
			}
			spoil(t, fsys, "/data/"+manifest.Name)
			log, err := vfs.ReadFile(fsys, name)
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, fsys, name, damage(log))
			for _, boot := range []int{0, 1, 0} {
				_, err = recovery.Run(context.Background(), options(fsys, boot, nil))
				if found := new(wal.CorruptionError); !errors.As(err, &found) {
					t.Errorf("the start in boot %d ends with %v", boot, err)
				}
				fsys = fsys.Kill()
			}
		})
	}
}

// A start that falls back and is cut off leaves the next one knowing as much: that
// the manifest is damaged, or that the log counts as failed.
func TestFallbackIsCutOff(t *testing.T) {
	fsys := crashfs.New()
	last := twice(t, start(t, fsys))
	fsys = fsys.Kill()
	spoil(t, fsys, "/data/"+manifest.Name)
	cuts := 0
	for n := 0; ; n++ {
		cut := fsys.Clone()
		cut.CrashAfter(n)
		_, err := recovery.Run(context.Background(), options(cut, 0, nil))
		if err == nil {
			break
		}
		cuts++
		cut = cut.Kill()
		m, err := manifest.Read(cut, "/data")
		if err != nil {
			t.Fatal(err)
		}
		data := start(t, cut)
		if settled := m.Starts > 0; !settled && !data.Report.PowerLost {
			t.Errorf("cut off after %d operations, the next start takes the end for a mere kill", n)
		}
		if out, err := data.Registry.Append(context.Background(), "t", one); err != nil || out.First <= last {
			t.Errorf("cut off after %d operations: seq %d after %d, %v", n, out.First, last, err)
		}
	}
	if cuts < 10 {
		t.Errorf("the start was cut off %d times", cuts)
	}
}
