package load

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
)

// line is a protocol whose requests and answers are lines.
var line = peer.Protocol{Request: []byte("a\n"), Records: 3, Answer: func(b []byte) (peer.Answer, error) {
	switch {
	case len(b) < 2:
		return peer.Answer{}, nil
	case b[0] == 'x':
		return peer.Answer{}, errors.ErrUnsupported
	}
	return peer.Answer{Size: 2, Acks: b[0] == 'a'}, nil
}}

// A pipe has as many requests in flight as it may, and no more.
func TestPipe(t *testing.T) {
	for _, tt := range []struct {
		name string
		Flight
		first   string // answers
		sent    int    // requests after them
		records int64
		err     error
	}{
		{"one for each answer", Flight{Size: 4}, "a\na\n", 2, 6, nil},
		{"something else is no answer", Flight{Size: 4}, "p\na\n", 1, 3, nil},
		{"all of them", Flight{Size: 4, Together: true}, "a\na\na\na\n", 4, 12, nil},
		{"more than were asked for", Flight{Size: 2}, "a\na\na\n", 0, 0, errUnasked},
		{"an error", Flight{Size: 2}, "x\n", 0, 0, errors.ErrUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			p := newPipe(ours, line, tt.Flight)
			var phase atomic.Int32
			phase.Store(Measuring)
			done := make(chan struct{})
			go func() {
				defer close(done)
				p.Run(&phase)
			}()
			in := bufio.NewReader(theirs)
			expect := func(n int) {
				t.Helper()
				if _, err := io.ReadFull(in, make([]byte, 2*n)); err != nil {
					t.Fatal(err)
				}
			}
			expect(tt.Size)
			if _, err := io.WriteString(theirs, tt.first); err != nil {
				t.Fatal(err)
			}
			if tt.err == nil {
				expect(tt.sent)
				phase.Store(Over)
				if in.Buffered() > 0 {
					t.Error("more requests than may be in flight")
				}
				if _, err := io.WriteString(theirs, "p\n"); err != nil { // it waits for a message
					t.Fatal(err)
				}
			}
			<-done
			took, err := p.Outcome()
			if !errors.Is(err, tt.err) || p.Acked.Load() != tt.records || tt.err == nil && int64(len(took)) != tt.records/3 {
				t.Errorf("%d records, %d times, %v", p.Acked.Load(), len(took), err)
			}
		})
	}
}
