package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

// queueWorker puts jobs, or takes and acks them by claims or over a stream.
type queueWorker struct {
	conn   *load.Conn
	batch  int
	node   string
	put    []byte     // the request, if it puts
	claim  []byte     // the request, if it claims
	stream *jobStream // if it is pushed
	held   handles
	ack    []byte
}

func (w *queueWorker) close() {
	w.conn.Close()
	if w.stream != nil {
		w.stream.close()
	}
}

func (w *queueWorker) exchange() (int, error) {
	if w.put != nil {
		_, err := w.conn.Expect(w.put, 200, 201)
		return w.batch, err
	}
	w.held.reset()
	if w.claim != nil {
		body, err := w.conn.Expect(w.claim, 200)
		if err != nil {
			return 0, err
		}
		w.held.add(body)
	} else if err := w.stream.next(w.batch, &w.held); err != nil {
		return 0, err
	}
	n := len(w.held.seqs)
	if n == 0 {
		return 0, errDrained
	}
	body := fmt.Appendf(nil, `{"node":%q,"seqs":[%s],"lease_ids":["%s"]}`, w.node, bytes.Join(w.held.seqs, []byte(",")), bytes.Join(w.held.leases, []byte(`","`)))
	w.ack = append(w.ack[:0], load.Render("POST", "/v0/topics/"+benchQueue+"/ack", body)...)
	answer, err := w.conn.Expect(w.ack, 200)
	if err == nil && !bytes.Contains(answer, []byte(`"skipped":[]`)) {
		err = fmt.Errorf("jobs were skipped: %.300s", answer)
	}
	return n, err
}

// handles are the seqs and leases of jobs, as they stand in answers and events.
type handles struct{ seqs, leases [][]byte }

func (h *handles) reset() { h.seqs, h.leases = h.seqs[:0], h.leases[:0] }

// add finds the jobs in JSON whose payloads have neither name. It keeps copies.
func (h *handles) add(b []byte) {
	const seq, lease = `"$seq":`, `"lease_id":"`
	for {
		at := bytes.Index(b, []byte(seq))
		if at < 0 {
			return
		}
		b = b[at+len(seq):]
		end := bytes.IndexByte(b, ',')
		h.seqs = append(h.seqs, bytes.Clone(b[:end]))
		b = b[bytes.Index(b, []byte(lease))+len(lease):]
		h.leases = append(h.leases, bytes.Clone(b[:bytes.IndexByte(b, '"')]))
	}
}

// streamPatience is how long a stream may bring no job before there are none.
const streamPatience = 500 * time.Millisecond

// jobStream is a stream of jobs. Like a conn, it parses only what is needed.
type jobStream struct {
	net   net.Conn
	lines *bufio.Reader
}

// openJobStream opens a stream with room for some jobs.
func openJobStream(addr, node string, slots int) (*jobStream, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &jobStream{net: c}
	request := fmt.Sprintf("GET /v0/topics/%s/work?node=%s&max=%d HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", benchQueue, node, slots)
	if _, err := io.WriteString(c, request); err != nil {
		s.close()
		return nil, err
	}
	in := bufio.NewReader(c)
	if err := s.net.SetReadDeadline(time.Now().Add(load.ExchangeTimeout)); err != nil {
		s.close()
		return nil, err
	}
	for n := 0; ; n++ {
		line, err := in.ReadString('\n')
		if err != nil || n == 0 && line != "HTTP/1.1 200 OK\r\n" {
			s.close()
			return nil, errors.Join(fmt.Errorf("a stream was answered with %q", line), err)
		}
		if line == "\r\n" {
			break
		}
	}
	s.lines = bufio.NewReaderSize(httputil.NewChunkedReader(in), 64<<10)
	return s, nil
}

func (s *jobStream) close() { _ = s.net.Close() } // nothing is lost with it

// next waits for one job, and takes up to n that have arrived.
func (s *jobStream) next(n int, into *handles) error {
	if err := s.net.SetReadDeadline(time.Now().Add(streamPatience)); err != nil {
		return err
	}
	for len(into.seqs) < n {
		line, err := s.lines.ReadSlice('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if len(into.seqs) > 0 {
				return nil
			}
			return errDrained
		}
		if err != nil {
			return err
		}
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			into.add(data)
		}
	}
	return nil
}
