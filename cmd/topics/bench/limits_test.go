package bench

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// The raw limits are measured on a real file system, and no files remain.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	a, err := measureAppendSync(ctx, dir, 10*time.Millisecond)
	if err != nil || a.GrowingP50US <= 0 || a.ZeroedP50US <= 0 || a.ZeroedP99US < a.ZeroedP50US {
		t.Errorf("append+sync: %+v, %v", a, err)
	}
	for _, wait := range []func(*wal.Log, wal.LSN) error{(*wal.Log).WaitWritten, (*wal.Log).WaitSynced} {
		rate, err := 0.0, error(nil)
		for interval := 200 * time.Millisecond; rate <= 0 && err == nil && interval < time.Minute; interval *= 4 { // the disk may be slow
			rate, err = groupLoop(ctx, filepath.Join(dir, "group"), 4, 10, time.Millisecond, interval, wait)
		}
		if err != nil || rate <= 0 {
			t.Errorf("group commit: %v, %v", rate, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestMeasureScan(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"a": 10, "wal/b": 3 << 20} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	size, took, err := measureScan(dir)
	if err != nil || size != 10+3<<20 || took <= 0 {
		t.Errorf("got %d bytes in %v, %v", size, took, err)
	}
}
