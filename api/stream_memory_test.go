package api

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Streams whose clients take nothing do not hold the memory that others need:
// one that finds none is ended with 429, they are ended, and when it comes
// again it is served.
func TestStalledStreamsGiveWay(t *testing.T) {
	// 2 MiB are for records on their way, one and a half before large ones end their stream.
	s := serveReal(t, func(o *Options) { o.Limits.StreamBytes = 4 << 20 }, nil)
	for i := range 4 {
		topic := fmt.Sprint("t", i)
		s.put(t, topic, `{}`)
		for range 10 { // more than the system's buffers take
			if w := do(s, "POST", "/v0/topics/"+topic, `{"records":[{"data":"`+strings.Repeat("x", 900<<10)+`"}]}`); w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	}
	open := func(topic string) net.Conn {
		w := do(s, "POST", "/v0/watch", `{"topics":{"`+topic+`":{"from_seq":0}}}`)
		if w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		fmt.Fprintf(conn, "GET /v0/watch/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", object(t, w)["wid"])
		return conn
	}
	for i := range 3 {
		open(fmt.Sprint("t", i))
	}
	stalls := func() (n int) {
		for _, st := range s.watches.streams() {
			if st.sending.Sends() {
				n++
			}
		}
		return n
	}
	waitFor(t, func() bool { return stalls() >= 1 })
	wid := object(t, do(s, "POST", "/v0/watch", `{"topics":{"t3":{"from_seq":0}}}`))["wid"]
	tries := 0
	waitFor(t, func() bool {
		tries++
		resp, err := http.Get(fmt.Sprint("http://", s.addr, "/v0/watch/", wid))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b := make([]byte, 600<<10)
		n, _ := io.ReadFull(resp.Body, b)
		if got := string(b[:n]); strings.Contains(got, "event: error") && !strings.Contains(got, "stream_bytes") {
			t.Fatalf("%.300s", got)
		}
		return n == len(b)
	})
	t.Logf("served at the %d. time", tries)
}
