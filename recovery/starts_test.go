package recovery_test

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Every start counts, whether the one before ended in good order or not.
func TestStartsAreCounted(t *testing.T) {
	fsys := crashfs.New()
	for i := range 4 {
		data := start(t, fsys)
		if got := data.Starts(); got != uint64(i)+1 {
			t.Errorf("start %d counts %d", i+1, got)
		}
		if i%2 == 0 {
			if err := data.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		fsys = fsys.Kill()
	}
}
