package load

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// A pipe that blocks does not delay the end of a load.
func TestEndsWhileItsInputHangs(t *testing.T) {
	srv := httptest.NewServer(new(fake))
	defer srv.Close()
	silent, writer := io.Pipe()
	defer writer.Close() // unblocks the read
	ctx, cancel := context.WithCancel(t.Context())
	in := &hanging{r: silent, asked: cancel}
	c := &Cmd{File: "-", Topic: "t", Batch: 3, BatchBytes: 1 << 20, Flags: remote.Flags{URL: srv.URL}}
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx, in, io.Discard, io.Discard) }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the load waits for its input")
	}
}

// hanging reports its first read and blocks.
type hanging struct {
	r     io.Reader
	asked func()
}

func (h *hanging) Read(b []byte) (int, error) {
	h.asked()
	return h.r.Read(b)
}

// Of two loads into one topic that start at the same time, one fails because of
// the other: they have no keys in common.
func TestTwoLoadsAreToldApart(t *testing.T) {
	first := new(fake)
	if _, _, err := loading(t, first, input10(), nil); err != nil {
		t.Fatal(err)
	}
	// As if the topic did not exist yet.
	second := &fake{records: first.records, keys: first.keys}
	_, _, err := loading(t, second, strings.ReplaceAll(input10(), "t-", "other-"), nil)
	if err == nil || !strings.Contains(err.Error(), "something else writes to it") {
		t.Error(err)
	}
	whole(t, second)
}
