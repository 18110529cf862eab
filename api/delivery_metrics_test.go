package api

import (
	"fmt"
	"testing"
)

// exposition is what a scrape without a key gets.
func (s *Server) exposition() string {
	c := callOf(s, s.open)
	defer c.Give()
	text, err := s.telemetry.Text(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// figures are the values of a scrape.
func (s *realServer) figures(t *testing.T) map[string]float64 {
	t.Helper()
	return parseExposition(t, s.exposition()).values
}

// Every command of a WebSocket that was answered is counted once, by what came
// of it.
func TestSocketOperationsAreCounted(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "orders", "")
	c := s.dial(t)
	c.say(`{"op":"ping"}`)
	c.want("pong")
	c.say(`{"op":"publish","topic":"orders","records":[{"data":1}]}`)
	c.want("ack")
	c.say(`{"op":"publish","topic":"orders","records":[{"data":1}],"expected_head_seq":9}`)
	c.want("error")
	c.say(`{"op":"subscribe","topic":"orders","tail":true}`)
	c.want("subscribed")
	c.want("caught_up")
	c.say(`{"op":"subscribe","topic":"none"}`)
	c.want("error")
	c.say(`{"op":"unsubscribe","topic":"orders"}`)
	c.want("ack")
	c.say(`{"op":"brew"}`)
	c.want("error")
	c.say(`{"op":"ping"`)
	c.want("error")
	want := map[string]float64{
		`op="ping",code="ok"`:                   1,
		`op="publish",code="ok"`:                1,
		`op="publish",code="seq_mismatch"`:      1,
		`op="subscribe",code="ok"`:              1,
		`op="subscribe",code="topic_not_found"`: 1,
		`op="unsubscribe",code="ok"`:            1,
		`op="other",code="invalid_request"`:     1,
		`op="ping",code="invalid_request"`:      1, // what came before the mistake is known
	}
	for labels, n := range want {
		series := "topics_ws_operations_total{" + labels + "}"
		waitFor(t, func() bool { return s.figures(t)[series] == n })
	}
}

// The time from append to delivery is that of records that a client waited for,
// over a WebSocket, a stream or a long poll, and of no others.
func TestDeliveryDelayIsOfWhatWasWaitedFor(t *testing.T) {
	s := serveReal(t, nil, nil)
	count := func() float64 { return s.figures(t)["topics_delivery_delay_seconds_count"] }
	s.write(t, "orders", "1", "2")
	c := s.dial(t)
	c.say(`{"op":"subscribe","topic":"orders","from_seq":0}`)
	c.want("subscribed")
	c.wantData("orders", "1", "2")
	c.want("caught_up")
	if n := count(); n != 0 {
		t.Errorf("%v deliveries of what was there before", n)
	}
	s.write(t, "orders", "3")
	c.wantData("orders", "3")
	waitFor(t, func() bool { return count() == 1 })

	if w := do(s, "GET", "/v0/topics/orders/diff?from_seq=0&wait_ms=1000", ""); w.Code != 200 || count() != 1 {
		t.Errorf("a read that did not wait: %d %s", w.Code, w.Body)
	}
	s.put(t, "polled", "")
	waitFor(t, func() bool { // a poll may come after the write
		head, err := s.registry.State("polled", false)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan int)
		go func() {
			done <- do(s, "GET", fmt.Sprint("/v0/topics/polled/diff?wait_ms=60000&from_seq=", head.Head), "").Code
		}()
		s.write(t, "polled", "1")
		if code := <-done; code != 200 {
			t.Fatal(code)
		}
		return count() == 2
	})
	if sum := s.figures(t)["topics_delivery_delay_seconds_sum"]; sum < 0 || sum > patience.Seconds() {
		t.Errorf("%v seconds", sum)
	}
}
