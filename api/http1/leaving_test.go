package http1

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// An answer whose handler has left goes on without a goroutine, and ends where its
// last words come from; then the connection takes the next request. net/http's
// handlers cannot leave.
func TestLeaving(t *testing.T) {
	bothWays(t, func(t *testing.T, how way) {
		left := make(chan func(last func()))
		w := serve(t, func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, r.URL.Path)
			if r.URL.Path != "/a" {
				return
			}
			Lasts(rw)
			control := http.NewResponseController(rw)
			var end func(func())
			end, ok := leaveWith(rw, func() {
				_, _ = io.WriteString(rw, "1")
				_ = control.Flush()
				left <- end
			}, func() {})
			if ok == (how == direct) {
				t.Errorf("a handler may leave: %t", ok)
			}
			if !ok {
				_, _ = io.WriteString(rw, "12")
				return
			}
		}, how, nil)
		c := w.dial(t)
		for range 2 {
			c.send(get)
			if how != direct {
				end := <-left
				for served := range w.conns {
					end(func() { _, _ = io.WriteString(&served.response, "2") })
				}
			}
			c.want(200, "/a12")
			c.send(post("/b", "3"))
			c.want(200, "/b")
		}
	})
}

// Requests that were sent together are answered one after the other, also by handlers
// that leave, and whether they have a body that is not read or none.
func TestLeavingOneAfterTheOther(t *testing.T) {
	left := make(chan func(last string))
	w := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		Lasts(rw)
		var end func(func())
		end, _ = leaveWith(rw, func() {
			_, _ = io.WriteString(rw, "1")
			_ = http.NewResponseController(rw).Flush()
			left <- func(last string) { end(func() { _, _ = io.WriteString(rw, last) }) }
		}, func() {})
	}, usual, nil)
	c := w.dial(t)
	c.send(get + post("/a", "body") + get + get)
	for _, last := range []string{"2", "3", "4", "5"} {
		(<-left)(last)
		c.want(200, "1"+last)
	}
	if n := w.passed.Load(); n != 0 {
		t.Errorf("net/http has got %d connections", n)
	}
}

// A write that has to wait for the client says so first, and one that has not does
// not.
func TestAsideBeforeWaiting(t *testing.T) {
	waits, left := make(chan struct{}, 1), make(chan func(last func()))
	w := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		Lasts(rw)
		control := http.NewResponseController(rw)
		var end func(func())
		end, _ = leaveWith(rw, func() {
			_, _ = io.WriteString(rw, "1")
			_ = control.Flush()
			if len(waits) > 0 {
				t.Error("the first byte has to wait")
			}
			go func() {
				piece := make([]byte, outputBuffer)
				for len(waits) == 0 {
					_, _ = rw.Write(piece)
					_ = control.Flush()
				}
				left <- end
			}()
		}, func() {
			select {
			case waits <- struct{}{}:
			default:
			}
		})
	}, usual, nil)
	c := w.dial(t)
	c.send(get)
	<-waits // the client has read nothing
	waits <- struct{}{}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { (<-left)(func() {}) }()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < outputBuffer {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Try writes what the socket has room for, and never waits, whatever the deadline; Finish
// writes the rest, so that the client gets every byte once and in order. Once the client
// is gone, both fail.
func TestTryAndFinish(t *testing.T) {
	left := make(chan *Lasting, 1)
	w := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		Lasts(rw)
		control := http.NewResponseController(rw)
		var l *Lasting
		l = Leave(rw, func() {
			_ = control.Flush()
			_ = control.SetWriteDeadline(longAgo)
			left <- l
		}, func() {})
	}, usual, nil)
	c := w.dial(t)
	c.send(get)
	l := <-left
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	var sent []byte
	piece := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	var rest []byte
	for part := byte('A'); len(rest) == 0; part++ {
		piece[0] = part
		sent = append(sent, piece...)
		rest, err = l.Try(AppendChunk(nil, piece))
		if err != nil {
			t.Fatal(err)
		}
		if len(sent) > 64<<20 {
			t.Fatal("there is room for everything")
		}
	}
	_ = l.response.SetWriteDeadline(time.Now().Add(patience))
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, int64(len(sent))))
		got <- b
	}()
	if err := l.Finish(rest); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(<-got, sent) {
		t.Error("the client has other bytes")
	}
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
	waitFor(t, "an error", func() bool {
		_, err := l.Try(AppendChunk(nil, piece))
		return err != nil
	})
	if err := l.Finish([]byte("x")); err == nil {
		t.Error("Finish succeeds without a client")
	}
	l.End(func() {})
}

// A panic of the last words ends the connection.
func TestPanicAfterLeaving(t *testing.T) {
	for _, early := range []bool{true, false} {
		w := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
			var end func(func())
			end, _ = leaveWith(rw, func() {
				if early {
					panic(http.ErrAbortHandler)
				}
				end(func() { panic(http.ErrAbortHandler) })
			}, func() {})
		}, usual, nil)
		c := w.dial(t)
		c.send(get)
		c.wantEnd()
	}
}

// leaving is a server whose handler has left: the answer has begun and goes on.
type leaving struct {
	*world
	client *client
	conn   *conn
	ctx    context.Context // of the request
	end    func(last func())
}

func leave(t *testing.T) *leaving {
	t.Helper()
	l := &leaving{}
	left := make(chan struct{})
	l.world = serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a" {
			_, _ = io.WriteString(rw, r.URL.Path)
			return
		}
		Lasts(rw)
		l.conn, l.ctx = rw.(*response).conn, r.Context()
		l.end, _ = leaveWith(rw, func() {
			_, _ = io.WriteString(rw, "1")
			_ = http.NewResponseController(rw).Flush()
			close(left)
		}, func() {})
	}, usual, nil)
	l.client = l.dial(t)
	l.client.send(get)
	select {
	case <-left:
	case <-time.After(patience):
		t.Fatal("it does not leave")
	}
	return l
}

// Shutdown waits for an answer that goes on without its handler; the connection ends
// with it.
func TestShutdownAfterLeaving(t *testing.T) {
	l := leave(t)
	down := make(chan error, 1)
	go func() { down <- l.Shutdown(context.Background()) }()
	for l.waits() == nil {
		runtime.Gosched()
	}
	select {
	case err := <-down:
		t.Fatalf("shut down while an answer goes on: %v", err)
	case <-l.waits():
		t.Fatal("the answer that goes on has no connection")
	default:
	}
	l.end(func() { _, _ = io.WriteString(&l.conn.response, "2") })
	l.client.want(200, "12")
	l.client.wantEnd()
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// waits returns what Shutdown waits for; nil before that.
func (w *world) waits() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.empty
}

// When the server is closed, or the client goes, the context of an answer that goes on
// ends. The end of the answer ends the connection.
func TestCutAfterLeaving(t *testing.T) {
	for name, cut := range map[string]func(l *leaving){
		"Close":           func(l *leaving) { _ = l.Close() },
		"the client goes": func(l *leaving) { l.client.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			l := leave(t)
			cut(l)
			select {
			case <-l.ctx.Done():
			case <-time.After(patience):
				t.Fatal("the context goes on")
			}
			l.end(func() {
				_, _ = io.WriteString(&l.conn.response, "2")
				if http.NewResponseController(&l.conn.response).Flush() == nil && name == "Close" {
					t.Error("something is sent after the end of the server")
				}
			})
		})
	}
}

// Deadlines that were set while the answer went on end with it.
func TestDeadlinesAfterLeaving(t *testing.T) {
	l := leave(t)
	control := http.NewResponseController(&l.conn.response)
	over := time.Now().Add(patience)
	_ = control.SetWriteDeadline(over)
	l.end(func() {
		_ = control.SetWriteDeadline(over.Add(1))
		_, _ = io.WriteString(&l.conn.response, "2")
	})
	l.client.want(200, "12")
	l.client.send(post("/b", "3"))
	l.client.want(200, "/b")
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if l.conn.writes.explicit || l.conn.writes.at.Equal(over.Add(1)) || l.conn.reads.explicit {
		t.Errorf("the deadlines are %+v and %+v", l.conn.reads, l.conn.writes)
	}
}

// leaveWith is Leave, with a function for the end.
func leaveWith(w http.ResponseWriter, then, aside func()) (end func(last func()), ok bool) {
	l := Leave(w, then, aside)
	if l == nil {
		return nil, false
	}
	return l.End, true
}
