package metered

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// What is read and written is counted, and shown every two seconds.
func TestShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(crashfs.New())
		if err := f.MkdirAll("/d"); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		stop := f.Show(&out, "copy", 0)
		file, err := f.Create("/d/a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(make([]byte, 4000), 0); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if b, err := vfs.ReadFile(f, "/d/a"); err != nil || len(b) != 4000 {
			t.Fatal(len(b), err)
		}
		time.Sleep(2500 * time.Millisecond)
		stop()
		if f.read.Load() != 4000 || f.written.Load() != 4000 || !strings.HasPrefix(out.String(), "copy: 4.0 kB written, 2.0 kB/s\n") {
			t.Errorf("%d read, %d written, shown %q", f.read.Load(), f.written.Load(), out.String())
		}
	})
}
