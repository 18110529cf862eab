package conns

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// script is a listener that gives its answers in order, and then blocks until
// it is closed.
type script struct {
	net.Listener
	answers []error // nil for a connection
	tries   int
	closed  chan struct{}
}

func (s *script) Accept() (net.Conn, error) {
	if s.tries < len(s.answers) {
		s.tries++
		if err := s.answers[s.tries-1]; err != nil {
			return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
		}
		return new(fake), nil
	}
	<-s.closed
	return nil, net.ErrClosed
}

func (s *script) Close() error { close(s.closed); return nil }

// A temporary shortage neither ends the listener nor makes it spin.
func TestAcceptOutlivesAShortage(t *testing.T) {
	for _, errno := range passing {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10)
			s := &script{answers: []error{errno, errno, errno, nil}, closed: make(chan struct{})}
			l := w.Listen(s)
			began := time.Now()
			c, err := l.Accept()
			if err != nil || c == nil {
				t.Fatalf("%v: %v", errno, err)
			}
			if took := time.Since(began); took != 7*firstPause {
				t.Errorf("%v: it came after %s", errno, took)
			}
			_ = l.Close()
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
}

// Without descriptors, a waiting connection is closed at once to admit a new
// one.
func TestAcceptMakesRoomForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		waiting, busy := w.come(1), w.work(w.come(1)...)
		l := w.Listen(&script{answers: []error{syscall.EMFILE, nil}, closed: make(chan struct{})})
		began := time.Now()
		if _, err := l.Accept(); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if !closed(waiting[0]) || closed(busy[0]) {
			t.Error("the wrong one was closed")
		}
	})
}

// A listener that has failed for good returns an error, so that the process can
// exit.
func TestAcceptFails(t *testing.T) {
	w := newWorld(t, 10)
	l := w.Listen(&script{answers: []error{syscall.EBADF}, closed: make(chan struct{})})
	if _, err := l.Accept(); !errors.Is(err, syscall.EBADF) {
		t.Error(err)
	}
}

// Connections over TLS are tracked too.
func TestTLS(t *testing.T) {
	set := NewSet(zerolog.Nop())
	standing := make(chan *Conn, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c := Of(r)
		if c != nil && c.Begin() == Gone {
			t.Error("it is gone")
		}
		standing <- c
	}))
	srv.Listener = set.Listen(srv.Listener)
	set.Configure(srv.Config)
	srv.StartTLS()
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if <-standing == nil || set.Stats().Open != 1 {
		t.Errorf("the connection is not known: %+v", set.Stats())
	}
}

// Close ends a pause.
func TestCloseEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		answers := make([]error, 20)
		for i := range answers {
			answers[i] = syscall.ENFILE
		}
		s := &script{answers: answers, closed: make(chan struct{})}
		l := w.Listen(s)
		done := make(chan error)
		go func() { _, err := l.Accept(); done <- err }()
		synctest.Wait()
		began := time.Now()
		_ = l.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) || time.Since(began) != 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

// Finish does not cut off clients that have connected: net/http's Shutdown alone
// resets connections that are not accepted yet, and closes without an answer those
// whose request it has not read.
func TestFinishCutsNobodyOff(t *testing.T) {
	set := newWorld(t, 1000) // whose time stands still: accepting may take as long as it likes
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := set.Listen(tcp)
	entered, release := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := Of(r); c.Begin() != Gone {
			defer c.Counted()
		}
		entered <- struct{}{}
		<-release
	})}
	set.Configure(srv)
	const clients = 20
	var conns []net.Conn
	for range clients {
		c, err := net.Dial("tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	// All of them are queued by the kernel.
	finished := make(chan struct{})
	go func() {
		set.Finish(t.Context())
		close(finished)
	}()
	<-l.(*listener).closed
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
	for _, c := range conns {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	for range clients {
		<-entered
	}
	<-finished
	shutdown := make(chan error, 1)
	go func() { shutdown <- srv.Shutdown(t.Context()) }()
	close(release)
	for i, c := range conns {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("client %d: %v", i, err)
		}
	}
	if err := <-shutdown; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", tcp.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v", err)
	}
}

// Finish waits until new connections have sent their first request, and for a
// moment at most.
func TestFinishWaitsForFirstRequests(t *testing.T) {
	for _, last := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10)
			fresh := w.come(2)
			finished := make(chan struct{})
			began := time.Now()
			go func() {
				w.Finish(t.Context())
				close(finished)
			}()
			w.work(fresh[0])
			synctest.Wait()
			select {
			case <-finished:
				t.Fatal("it does not wait for a new connection")
			default:
			}
			want := firstChance
			if last {
				w.work(fresh[1])
				want = 0
			}
			<-finished
			if took := time.Since(began); took != want {
				t.Errorf("it took %v, want %v", took, want)
			}
		})
	}
}

// A listener that waits in a flood goes on as soon as there is room.
func TestRoomEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2*Spare)
		w.now = time.Now
		waiting := w.come(2 * Spare)
		l := w.Listen(&script{answers: []error{nil}, closed: make(chan struct{})})
		accepted := make(chan error)
		go func() { _, err := l.Accept(); accepted <- err }()
		synctest.Wait()
		began := time.Now()
		_ = waiting[5].Close()
		if err := <-accepted; err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if closed(waiting[0]) {
			t.Error("one was closed though there was room")
		}
	})
}

// TestAFloodDoesNotHoldTheEnd: what is queued later than lastChance is left, and the
// listener, which Finish has closed, can be closed again.
func TestAFloodDoesNotHoldTheEnd(t *testing.T) {
	w := newWorld(t, 10)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := w.Listen(tcp)
	for range 3 {
		c, err := net.Dial("tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	l.(*listener).finish()
	c, err := l.Accept()
	if err != nil {
		t.Fatalf("one that was queued: %v", err)
	}
	_ = c.Close()
	w.time = w.time.Add(lastChance + 1)
	c, err = l.Accept()
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("with more in the queue: %v, %v", c, err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
