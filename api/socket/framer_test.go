package socket

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/coder/websocket"
)

// packets is a connection whose bytes come in packets of these sizes, over and over.
type packets struct {
	countedConn
	in    []byte
	sizes []byte
	next  int
}

func (c *packets) Read(p []byte) (int, error) {
	n := min(len(c.in), len(p))
	if n == 0 {
		return 0, io.EOF
	}
	if len(c.sizes) > 0 {
		n = min(n, 1+int(c.sizes[c.next%len(c.sizes)]))
		c.next++
	}
	n = copy(p, c.in[:n])
	c.in = c.in[n:]
	return n, nil
}

// hijacked lets a client's bytes come to the library.
type hijacked struct {
	header http.Header
	conn   net.Conn
	buf    *bufio.Reader
}

func (h hijacked) Header() http.Header         { return h.header }
func (h hijacked) Write(b []byte) (int, error) { return len(b), nil }
func (h hijacked) WriteHeader(int)             {}
func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(h.buf, bufio.NewWriter(h.conn)), nil
}

// libraryReads returns the messages that the library reads from a connection, and what
// it answers to control frames.
func libraryReads(t *testing.T, conn net.Conn, buf *bufio.Reader, answers *bytes.Buffer) (messages [][]byte) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	c, err := websocket.Accept(hijacked{http.Header{}, conn, buf}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	answers.Reset()
	for {
		kind, message, err := c.Read(context.Background())
		if err != nil {
			return messages
		}
		messages = append(messages, append([]byte{byte(kind)}, message...))
	}
}

// FuzzFramer gives the library the same bytes with and without a framer, in packets that
// are cut at random. It must read the same messages and give the same answers.
func FuzzFramer(f *testing.F) {
	text := []byte{frameText, 0x85, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3, 'd' ^ 4, 'e' ^ 1}
	ping := []byte{0x89, 0x81, 0, 0, 0, 0, 'p'}
	long := append([]byte{frameText, 0x80 | frameLong, 1, 0, 0, 0, 0, 0}, bytes.Repeat([]byte("x"), 256)...)
	longer := append([]byte{frameText, 0x80 | frameLonger, 0, 0, 0, 0, 0, 0, 0, 3, 9, 9, 9, 9}, "xyz"...)
	f.Add(slices.Concat(text, ping, text, long, ping, longer, text), []byte{0, 1, 2, 200}, byte(3))
	f.Add(slices.Concat([]byte{0x01}, text[1:], ping, []byte{0x80}, text[1:], []byte{0x88, 0x80, 0, 0, 0, 0}), []byte{}, byte(0))
	f.Add([]byte{frameText, 0x80 | frameLonger, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, []byte{}, byte(0))
	f.Add(append([]byte{frameText, 0x80 | frameLonger, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1}, text...), []byte{3}, byte(20))
	f.Add(slices.Concat(text, text[:7]), []byte{5}, byte(1))
	// A message is not whole because the head of its next frame is not.
	f.Add(slices.Concat([]byte{0x01}, text[1:], text[:3]), []byte{1}, byte(1))
	f.Fuzz(func(t *testing.T, in, sizes []byte, ahead byte) {
		read := func(framed bool) (messages [][]byte, answers []byte) {
			conn := &packets{in: in, sizes: sizes}
			buf := bufio.NewReader(conn)
			_, _ = buf.Peek(min(int(ahead), len(in))) // as much as there is
			if framed {
				framer := newFramer(conn, buf)
				messages = libraryReads(t, framer, bufio.NewReaderSize(framer, 1), &conn.Buffer)
			} else {
				messages = libraryReads(t, conn, buf, &conn.Buffer)
			}
			return messages, conn.Bytes()
		}
		want, answers := read(false)
		got, same := read(true)
		if !slices.EqualFunc(got, want, bytes.Equal) || !bytes.Equal(same, answers) {
			t.Errorf("%q and answers %x, want %q and %x", got, same, want, answers)
		}
	})
}

// FuzzCutText cuts frames off as a loop does, until one is left to the library. All of
// what is cut off must be what the library would have read; what is handed back
// must be as it came.
func FuzzCutText(f *testing.F) {
	text := []byte{frameText, 0x85, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3, 'd' ^ 4, 'e' ^ 1}
	f.Add(slices.Concat(text, text, []byte{frameText, 0x80 | frameLong, 0, 9, 7, 7, 7, 7}, text[:9]))
	f.Add(slices.Concat(text, []byte{0x89, 0x80, 0, 0, 0, 0}, text))
	f.Add([]byte{frameText, 0x05, 'a', 'b', 'c', 'd', 'e'})
	f.Fuzz(func(t *testing.T, in []byte) {
		var got [][]byte
		rest := bytes.Clone(in)
		for {
			size, mask, message, ok := cutText(rest)
			if !ok || size == 0 {
				break
			}
			applyMask(mask, message)
			got = append(got, append([]byte{byte(websocket.MessageText)}, message...))
			applyMask(mask, message)
			rest = rest[size:]
		}
		if !bytes.HasSuffix(in, rest) {
			t.Fatalf("%x is left of %x", rest, in)
		}
		conn := &packets{in: rest}
		got = append(got, libraryReads(t, conn, bufio.NewReader(conn), &conn.Buffer)...)
		conn = &packets{in: in}
		want := libraryReads(t, conn, bufio.NewReader(conn), &conn.Buffer)
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A mask is applied to each byte, wherever the payload begins and ends.
func TestMask(t *testing.T) {
	all := make([]byte, 40)
	for n := range all {
		mask := binary.BigEndian.AppendUint32(nil, uint32(n)*0x9e3779b1)
		b := bytes.Clone(all[:n])
		applyMask(mask, b)
		for i, x := range b {
			if x != mask[i%maskSize] {
				t.Fatalf("byte %d of %d is %x with the mask %x", i, n, x, mask)
			}
		}
	}
}

// What a framer has is taken whole, and the rest comes to the library.
func TestFramerIsEmptied(t *testing.T) {
	frame := []byte{frameText, 0x81, 0, 0, 0, 0, 'a'}
	conn := &packets{in: bytes.Repeat(frame, 3)}
	buf := bufio.NewReader(conn)
	if _, err := buf.Peek(len(frame) + 2); err != nil {
		t.Fatal(err)
	}
	f := newFramer(conn, buf)
	got := make([]byte, 100)
	n, err := f.Read(got)
	for n < len(frame) && err == nil {
		var more int
		more, err = f.Read(got[n:len(frame)])
		n += more
	}
	if err != nil || !bytes.Equal(got[:n], frame) {
		t.Fatalf("%x, %v", got[:n], err)
	}
	rest := append(f.buffered(), conn.in...)
	if !bytes.Equal(rest, bytes.Repeat(frame, 2)) {
		t.Errorf("%x is left", rest)
	}
	if n, err := f.Read(got); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d, %v", n, err)
	}
}
