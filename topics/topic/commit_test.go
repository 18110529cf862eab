package topic

import (
	"testing"
	"unsafe"

	"github.com/e6e95bb8/topics/topics/entry"
)

// TestWriteSize holds that what a write keeps until it is published is in one allocation of
// no more than 448 bytes, a size class of Go: what is rare belongs behind a pointer.
func TestWriteSize(t *testing.T) {
	var commit CommitOf[entry.Append]
	var pending Pending
	if got := unsafe.Sizeof(commit) + unsafe.Sizeof(pending); got > 448 {
		t.Errorf("%d bytes", got)
	}
}
