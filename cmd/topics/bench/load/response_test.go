package load

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseHead(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     head
		bad      bool
	}{
		{"with a length", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", head{status: 200, size: 39, length: 12}, false},
		{"lower case, no reason", "HTTP/1.1 201\r\ncontent-length:0\r\n\r\nbody", head{status: 201, size: 34, length: 0}, false},
		{"chunked", "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n",
			head{status: 503, size: 64, length: -1, chunked: true}, false},
		{"not all there", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n", head{}, false},
		{"nothing there", "", head{}, false},
		{"no length", "HTTP/1.1 200 OK\r\nX: y\r\n\r\n", head{}, true},
		{"old version", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", head{}, true},
		{"status of letters", "HTTP/1.1 2x0 OK\r\nContent-Length: 1\r\n\r\n", head{}, true},
		{"status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\n", head{}, true},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", head{}, true},
		{"empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", head{}, true},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", head{}, true},
		{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", head{}, true},
		{"no colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", head{}, true},
		{"other coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", head{}, true},
		{"endless", strings.Repeat("x", maxHead+1), head{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseHead([]byte(tt.in))
			if (err != nil) != tt.bad || err != nil && !errors.Is(err, errResponse) {
				t.Fatalf("err = %v, want one: %v", err, tt.bad)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestDechunk(t *testing.T) {
	for _, tt := range []struct {
		name, in, body string
		used           int
		bad            bool
	}{
		{"two chunks", "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nrest", "abc0123456789", 28, false},
		{"empty", "0\r\n\r\n", "", 5, false},
		{"no end yet", "3\r\nabc\r\n", "", 0, false},
		{"cut in a chunk", "3\r\nab", "", 0, false},
		{"cut in a size", "3", "", 0, false},
		{"no size", "\r\nabc\r\n", "", 0, true},
		{"size of letters", "xyz\r\nabc\r\n", "", 0, true},
		{"size too large", "ffffffff\r\n", "", 0, true},
		{"no line end", "3\r\nabcdef", "", 0, true},
		{"endless size", strings.Repeat("1", 40), "", 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, used, err := dechunk([]byte(tt.in))
			if (err != nil) != tt.bad {
				t.Fatalf("err = %v, want one: %v", err, tt.bad)
			}
			if string(body) != tt.body || used != tt.used {
				t.Errorf("got %q and %d, want %q and %d", body, used, tt.body, tt.used)
			}
		})
	}
}

// A response gives the same result in one piece and byte by byte.
func TestExchangeInPieces(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 16<<10) // larger than the buffer
	for _, tt := range []struct{ name, response, body string }{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"},
		{"large", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(big), big), big},
		{"large chunk", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(big), big), big},
	} {
		for _, piece := range []int{1 << 20, 7000, 1} {
			if piece == 1 && len(tt.response) > 1000 {
				continue
			}
			t.Run(fmt.Sprintf("%s in pieces of %d", tt.name, piece), func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer ours.Close()
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer theirs.Close()
					if _, err := theirs.Read(make([]byte, 100)); err != nil {
						return
					}
					for rest := tt.response; rest != ""; {
						n := min(piece, len(rest))
						if _, err := theirs.Write([]byte(rest[:n])); err != nil {
							return
						}
						rest = rest[n:]
					}
				}()
				c := &Conn{Net: ours, Buf: make([]byte, 64)}
				status, body, err := c.Exchange([]byte("GET"))
				<-done
				if err != nil || status != 200 || string(body) != tt.body {
					t.Errorf("got %d, %d bytes, %v; want 200, %d bytes", status, len(body), err, len(tt.body))
				}
			})
		}
	}
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200\r\nX:\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := parseHead(in)
		if err != nil || h.size == 0 {
			return
		}
		if h.size > len(in) || h.status > 999 || !h.chunked && h.length < 0 {
			t.Fatalf("%+v out of %d bytes", h, len(in))
		}
		rest := append([]byte(nil), in[h.size:]...)
		body, used, err := h.body(rest)
		if err != nil || used < 0 {
			if string(rest) != string(in[h.size:]) {
				t.Fatal("an incomplete body was changed")
			}
			return
		}
		if used > len(rest) || len(body) > used {
			t.Fatalf("%d bytes of body used %d of %d", len(body), used, len(rest))
		}
	})
}
