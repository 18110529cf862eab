package load

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
)

func TestAcked(t *testing.T) {
	ack := "\x81\x10{\"op\":\"ack\",\"x\"}"
	long := `{"op":"ack","topic":"` + strings.Repeat("t", 300) + `"}`
	longer := "\x81\x7e\x01\x43" + long
	for name, tt := range map[string]struct {
		in   string
		want peer.Answer
	}{
		"short": {ack + ack, peer.Answer{Size: len(ack), Acks: true}},
		"long":  {longer, peer.Answer{Size: len(longer), Acks: true}},
		"ping":  {"\x89\x00", peer.Answer{Size: 2}},
	} {
		if got, err := acked([]byte(tt.in)); got != tt.want || err != nil {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, tt.want)
		}
		for n := range tt.want.Size {
			if got, err := acked([]byte(tt.in[:n])); got != (peer.Answer{}) || err != nil {
				t.Errorf("%s: of the first %d bytes got %+v, %v", name, n, got, err)
			}
		}
	}
	for name, in := range map[string]string{
		"an error": "\x81\x0f{\"op\":\"error\"  }", "in parts": "\x01\x01a", "closed": "\x88\x00", "too long": "\x81\x7f",
	} {
		if got, err := acked([]byte(in)); !errors.Is(err, errFrame) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestAnswered(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	if got, err := answered([]byte(ok + ok)); got != (peer.Answer{Size: len(ok), Acks: true}) || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	for n := range len(ok) {
		if got, err := answered([]byte(ok[:n])); got != (peer.Answer{}) || err != nil {
			t.Errorf("of the first %d bytes got %+v, %v", n, got, err)
		}
	}
	if _, err := answered([]byte("HTTP/1.1 429 X\r\nContent-Length: 4\r\n\r\nlate")); err == nil || !strings.Contains(err.Error(), "429: late") {
		t.Errorf("of a refusal got %v", err)
	}
}

func TestFrame(t *testing.T) {
	for size, want := range map[int]string{
		5: "\x81\x85\x00\x00\x00\x00", 126: "\x81\xfe\x00\x7e\x00\x00\x00\x00", 70_000: "\x81\xff\x00\x00\x00\x00\x00\x01\x11\x70\x00\x00\x00\x00",
	} {
		message := strings.Repeat("m", size)
		if got := frame(message); !bytes.Equal(got, []byte(want+message)) {
			t.Errorf("of %d bytes: %q", size, got[:min(len(got), 20)])
		}
	}
}
