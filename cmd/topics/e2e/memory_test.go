package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// hostile is what a client with its own key does to a server with little
// memory.
type hostile struct {
	t     *testing.T
	addr  string
	group sync.WaitGroup
	done  chan struct{} // closed when stalling connections may end
}

func (h *hostile) header() string {
	return "Host: 127.0.0.1\r\nAuthorization: Bearer hostile-hostile\r\n"
}

// post sends one write of the given size, and requires one of the statuses.
func (h *hostile) post(bytes int, statuses ...int) {
	h.group.Go(func() {
		const record = 900_000
		body := `{"records":[` + strings.TrimSuffix(strings.Repeat(`{"data":"`+strings.Repeat("x", record-12)+`"},`, bytes/record), ",") + `]}`
		req, err := http.NewRequest("POST", "http://"+h.addr+"/v0/topics/t", strings.NewReader(body))
		if err != nil {
			h.t.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer hostile-hostile")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return // the server may disconnect when it refuses a body
		}
		defer resp.Body.Close()
		for _, status := range statuses {
			if resp.StatusCode == status {
				return
			}
		}
		h.t.Errorf("a write of %d bytes: %d", bytes, resp.StatusCode)
	})
}

// stall sends a request, or most of one, and then neither sends nor reads
// anything.
func (h *hostile) stall(request []byte) {
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	if _, err := conn.Write(request); err != nil {
		h.t.Fatal(err)
	}
	h.group.Go(func() {
		<-h.done
		conn.Close()
	})
}

// bomb returns most of a write that is 100 times as large when decompressed.
func (h *hostile) bomb(coding string) {
	var packed bytes.Buffer
	var z io.WriteCloser
	switch coding {
	case "gzip":
		z = gzip.NewWriter(&packed)
	case "zstd":
		w, err := zstd.NewWriter(&packed, zstd.WithWindowSize(8<<20))
		if err != nil {
			h.t.Fatal(err)
		}
		z = w
	}
	if _, err := z.Write(bytes.Repeat([]byte(" "), 7<<20)); err != nil {
		h.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		h.t.Fatal(err)
	}
	head := fmt.Sprintf("POST /v0/topics/t HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n",
		h.header(), coding, packed.Len())
	h.stall(append([]byte(head), packed.Bytes()[:packed.Len()-5]...))
}

// peak returns the maximum memory that a process has used.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// A server with little memory stays within it whatever clients do, and serves a
// client that behaves.
func TestMemoryIsKeptTo(t *testing.T) {
	const limit = 256 << 20
	server := serve(t, t.TempDir(), "TOPICS_MEMORY_BYTES=256MiB", "TOPICS_API_KEYS=hostile-hostile:rw,behaved-behaved:rw").ready()
	addr := server.addr()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	ask := func(method, path, body string) (int, string, error) {
		req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, strings.NewReader(body))
		if err != nil {
			return 0, "", err
		}
		req.Header.Set("Authorization", "Bearer behaved-behaved")
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		all, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(all), err
	}
	// The client that behaves writes, reads, and retries when it is asked to.
	var served, again atomic.Int64
	behave := func() error {
		for _, r := range []struct{ method, path, body string }{
			{"POST", "/v0/topics/mine", `{"records":[{"data":"` + strings.Repeat("y", 200<<10) + `"}]}`},
			{"GET", "/v0/topics/mine/diff?limit=2", ""},
		} {
			began := time.Now()
			for {
				status, answer, err := ask(r.method, r.path, r.body)
				if err != nil {
					return err
				}
				if status == http.StatusOK || status == http.StatusCreated {
					break
				}
				if status != http.StatusTooManyRequests || time.Since(began) > patience/2 {
					return fmt.Errorf("%s %s: %d %s, after %v", r.method, r.path, status, answer, time.Since(began))
				}
				again.Add(1)
				select {
				case <-time.After(100 * time.Millisecond):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			served.Add(1)
		}
		return nil
	}
	if err := behave(); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if err := behave(); err != nil {
				ended <- err
				return
			}
		}
	}()
	h := &hostile{t: t, addr: addr, done: make(chan struct{})}
	phase := func(name string, run func()) {
		t.Helper()
		before := served.Load()
		run()
		// It is served during all of that.
		server.until("the client that behaves is served during "+name, func() bool {
			select {
			case err := <-ended:
				ended <- err
				return true
			default:
				return served.Load() >= before+10
			}
		})
		t.Logf("%s: at most %d MiB, %d answers, %d times throttled", name, peak(t, server.cmd.Process.Pid)>>20, served.Load(), again.Load())
	}
	phase("eight writes of 7 MB", func() {
		for range 8 {
			h.post(7<<20, 200, 201, 429)
		}
	})
	phase("a write of 54 MB", func() { h.post(54<<20, 413, 429) })
	phase("bombs", func() {
		for range 20 {
			h.bomb("gzip")
			h.bomb("zstd")
		}
	})
	phase("readers that take nothing", func() {
		for range 60 {
			h.stall([]byte("GET /v0/topics/t/diff?limit=1000&max_batch_bytes=8388608 HTTP/1.1\r\n" + h.header() + "\r\n"))
		}
	})
	phase("streams that nobody reads", func() {
		for i := range 300 {
			h.follow(i % 40) // so that most of them have different records in flight
		}
		for range 8 {
			h.post(7<<20, 200, 201, 429)
		}
	})
	close(stop)
	if err := <-ended; err != nil {
		t.Errorf("the client that behaves: %v", err)
	}
	close(h.done)
	h.group.Wait()
	if most := peak(t, server.cmd.Process.Pid); most > limit {
		t.Errorf("the server had %d MiB of memory, at most %d are allowed", most>>20, limit>>20)
	}
	server.stop()
}

// follow opens a stream of t from a seq on and does not read it.
func (h *hostile) follow(from int) {
	body := fmt.Sprintf(`{"topics":{"t":{"from_seq":%d}}}`, from)
	req, err := http.NewRequest("POST", "http://"+h.addr+"/v0/watch", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer hostile-hostile")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err = errors.Join(err); err != nil {
		h.t.Fatal(err)
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		return
	}
	_, after, ok := strings.Cut(string(answer), `"wid":"`)
	wid, _, _ := strings.Cut(after, `"`)
	if !ok {
		h.t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	h.stall([]byte("GET /v0/watch/" + wid + " HTTP/1.1\r\n" + h.header() + "Accept: text/event-stream\r\n\r\n"))
}
