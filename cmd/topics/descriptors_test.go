package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
)

func TestRoomForConnections(t *testing.T) {
	for _, row := range []struct{ limit, files, most, want int }{
		{1024, 30, 0, 1024 - 128 - 30},
		{1024, 30, 100, 100},
		{1024, 30, 5000, 1024 - 128 - 30},
		{256, 30, 0, 256 - 64 - 30},
		{1 << 20, 5000, 0, 1<<20 - 1024 - 5000},
		{1024, 1000, 0, fewestConnections}, // more than the machine has; the check becomes degraded
		{math.MaxInt32, 0, 0, math.MaxInt32 - 1024},
	} {
		d := &descriptors{limit: row.limit}
		if got := d.room(row.files, row.most); got != row.want {
			t.Errorf("%+v: %d", row, got)
		}
	}
}

func TestDescriptorsAreCounted(t *testing.T) {
	d := claimDescriptors(zerolog.Nop())
	before, err := d.count()
	if err != nil || before < 3 || d.limit < before {
		t.Fatalf("%d of %d, %v", before, d.limit, err)
	}
	for i := range 10 {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if n, err := d.count(); err != nil || n != before+i+1 {
			t.Errorf("%d after opening %d files on top of %d, %v", n, i+1, before, err)
		}
	}
}
