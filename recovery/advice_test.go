package recovery_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// A refusal for damage names the tools for it. Any other does not: a
// repair would be the wrong thing to do.
func TestRefusalsAdvise(t *testing.T) {
	for _, tt := range []struct {
		err    error
		advice bool
	}{
		{&wal.CorruptionError{File: "0000000000000001.wal"}, true},
		{&segment.DamageError{Damage: segment.Damage{File: "x.seg"}}, true},
		{fmt.Errorf("checkpoint: %w", &manifest.CorruptionError{File: "x.state", Err: errors.New("bad")}), true},
		{&manifest.CorruptionError{File: "MANIFEST", Err: errors.New("bad")}, true},
		{fmt.Errorf("open x.idx: %w", fs.ErrNotExist), true},
		{&manifest.VersionError{File: "MANIFEST", Version: 9, Known: 3}, false},
		{&wal.VersionError{File: "0000000000000001.wal", Found: 9, Known: 1}, false},
		{&recovery.InUseError{Dir: "data"}, false},
		{manifest.ErrUnfinished, false},
		{fs.ErrPermission, false},
	} {
		said := (&recovery.Failure{Err: tt.err}).Error()
		if strings.Contains(said, "topics repair") != tt.advice || !strings.HasPrefix(said, tt.err.Error()) {
			t.Errorf("%v: got %q, want advice: %v", tt.err, said, tt.advice)
		}
		if strings.Contains(said, "mounted") != errors.Is(tt.err, fs.ErrNotExist) {
			t.Errorf("%v: got %q", tt.err, said)
		}
	}
}
