package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
)

// lowestPort is the lowest port that freePort returns. It has five digits, which
// occur in nothing else that a session prints.
const lowestPort = 10_000

// given has the ports that freePort returns, one after the other, from a random
// one on: other processes test, too.
var given struct {
	mu   sync.Mutex
	next int // 0 before the first one
}

// freePort returns a port that is free. It is below those that the system gives to
// connections and to listeners on port 0: it stays free until a server listens on
// it, and while that is restarted, whatever else the machine does.
func freePort(t *testing.T) string {
	t.Helper()
	given.mu.Lock()
	defer given.mu.Unlock()
	end := ephemeralPorts(t)
	if given.next == 0 {
		given.next = lowestPort + rand.IntN(end-lowestPort)
	}
	for range end - lowestPort {
		port := given.next
		if given.next++; given.next == end {
			given.next = lowestPort
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue // it is taken
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return strconv.Itoa(port)
	}
	t.Fatalf("no port from %d to %d is free", lowestPort, end-1)
	return ""
}

// ephemeralPorts returns the first of the ports that the system gives out by
// itself, or the usual one where they begin so low that none are left.
func ephemeralPorts(t *testing.T) (first int) {
	t.Helper()
	const usual = 32768
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if errors.Is(err, fs.ErrNotExist) { // not Linux
		return usual
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &first); err != nil {
		t.Fatalf("the system's own ports are %q: %v", text, err)
	}
	if first < 2*lowestPort {
		return usual
	}
	return first
}
