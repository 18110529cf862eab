package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A client whose connection died without a word comes back at once, not when
// the old stream's time is over.
func TestStalledStreamTakenOver(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "h2c"} {
		t.Run(proto, func(t *testing.T) {
			s := serveReal(t, nil, nil)
			s.watches.patience = time.Hour // with the old stream
			s.write(t, "a", "0")
			url := s.newWatch(t, `{"topics":{"a":{}},"limit":1}`)
			stuck := openStream(t, clients(t)[proto], url, 200).opening()
			stuck.want("record", `"data":0}`)
			id := stuck.want("caught-up", "").id
			// More than what lies between a client and the server.
			for range 16 {
				s.write(t, "a", `"`+strings.Repeat("x", 900<<10)+`"`)
			}
			session := s.watches.find(url[strings.LastIndex(url, "/")+1:], s.open)
			last, same := "", 0
			waitFor(t, func() bool { // nothing goes out any more
				at := string(session.AppendID(nil))
				if at != last {
					last, same = at, 0
				}
				same++
				return same > 50
			})
			c := openStream(t, clients(t)[proto], url, 200, "Last-Event-ID", id).opening()
			for seq := range 16 {
				c.want("record", fmt.Sprintf(`"from_seq":%d,`, seq+1))
			}
			c.want("caught-up", "")
			stuck.hangUp()
			c.hangUp()
		})
	}
}

// When the server goes down, every stream is told, and none holds it up.
func TestStreamDrain(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "h2c"} {
		t.Run(proto, func(t *testing.T) {
			s := serveReal(t, nil, nil)
			client := clients(t)[proto]
			s.write(t, "a", `"`+strings.Repeat("x", 900<<10)+`"`)
			c := openStream(t, client, s.newWatch(t, `{"topics":{"a":{"tail":true}}}`), 200).opening()
			c.want("caught-up", "")
			stuck := openStream(t, client, s.newWatch(t, `{"topics":{"a":{}}}`), 200)
			for range 8 { // more than what lies between a client and the server
				s.write(t, "a", `"`+strings.Repeat("x", 900<<10)+`"`)
				c.want("record", "")
				c.want("caught-up", "")
			}
			s.down()
			c.want("error", `{"code":503,"error":"shutting_down",`)
			c.wantEnd()
			stuck.hangUp()
		})
	}
}

// A client that takes a large event piece by piece, each in good time, does not
// hold up the end of the server.
func TestStreamDrainWithSlowClient(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxRecordBytes = 9 << 20 }, nil)
	s.write(t, "a", `"`+strings.Repeat("x", 8<<20)+`"`)
	url := s.newWatch(t, `{"topics":{"a":{}}}`)
	c := openStream(t, clients(t)["h2c"], url, 200) // its window lets pieces through one by one
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pace := time.NewTicker(time.Second)
		defer pace.Stop()
		for piece := make([]byte, eventPiece); ; <-pace.C {
			if _, err := io.ReadFull(c.resp.Body, piece); err != nil {
				return
			}
		}
	}()
	waitFor(t, func() bool { return s.registry.Totals().DeliveredRecords == 1 })
	s.down() // in time, or it says so
	c.hangUp()
	<-ended
}

// A stream that is cut off before its first event goes on where it began, if its
// client says what it was told at the beginning; so does one that heard nothing
// at all.
func TestStreamBeginsWithAnID(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "h2c"} {
		t.Run(proto, func(t *testing.T) {
			s := serveReal(t, nil, nil)
			client := clients(t)[proto]
			s.write(t, "a", "0", "1")
			made := object(t, do(s, "POST", "/v0/watch", `{"topics":{"a":{"from_seq":1}}}`))
			url := "http://" + s.addr + made["stream_url"].(string)
			first := openStream(t, client, url, 200)
			ev := first.opening().want("record", "")
			first.want("caught-up", "")
			if ev.id == first.began || made["last_event_id"] != first.began {
				t.Errorf("made with %v, begins with %q, then %q", made["last_event_id"], first.began, ev.id)
			}
			first.hangUp()
			again := openStream(t, client, url, 200, "Last-Event-ID", first.began).opening()
			again.want("record", `"from_seq":1,`)
			again.hangUp()
		})
	}
}

// A stream of a certain age ends, so that clients spread over what serves now.
// What it had no time for comes with the next.
func TestStreamAge(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.SSEMaxAge = 20 * time.Millisecond }, nil)
	s.write(t, "a", "1")
	url := s.newWatch(t, `{"topics":{"a":{}}}`)
	var got []string
	for !slices.Contains(got, "caught-up") {
		c := openStream(t, http.DefaultClient, url, 200).opening()
		ev := c.anything()
		for ; ev.name != ""; ev = c.anything() {
			got = append(got, ev.name)
		}
		if ev.retry != "2000" { // says again when to come back
			t.Fatalf("it ends with %+v", ev)
		}
		c.wantEnd()
	}
	if !slices.Equal(got, []string{"record", "caught-up"}) {
		t.Errorf("got %v", got)
	}
	c := openStream(t, http.DefaultClient, url, 200).opening()
	if ev := c.anything(); ev.name != "caught-up" && ev.retry == "" {
		t.Errorf("then %+v", ev)
	}
	c.hangUp()
}

// While nothing happens there is a beat.
func TestStreamBeats(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.write(t, "a", "1")
	c := openStream(t, http.DefaultClient, s.newWatch(t, `{"topics":{"a":{"tail":true}},"heartbeat_ms":1}`), 200).opening()
	c.want("caught-up", "")
	before := time.Now().UnixMilli()
	ev := c.want("", "")
	var at int64
	if _, err := fmt.Sscanf(ev.beat, "hb %d", &at); err != nil || at < before || at > time.Now().UnixMilli() {
		t.Errorf("%+v, %v", ev, err)
	}
	c.hangUp()
}

// A client that takes nothing loses the stream and not the session, disturbs
// no other one, and loses no record. Without a session the id is enough for that.
func TestStalledClient(t *testing.T) {
	for _, tc := range []struct{ proto, kind string }{{"HTTP/1.1", "session"}, {"h2c", "session"}, {"HTTP/1.1", "one step"}, {"h2c", "one step"}} {
		proto := tc.proto
		t.Run(proto+" "+tc.kind, func(t *testing.T) {
			scaled(t, 500*time.Millisecond, func(t *testing.T, limit time.Duration) error {
				s := serveReal(t, nil, nil)
				s.watches.patience = limit
				client, other := clients(t)[proto], clients(t)[proto]
				s.write(t, "a", "0")
				stalled := "http://" + s.addr + "/v0/watch?topic=a&from_seq=0"
				if tc.kind == "session" {
					stalled = s.newWatch(t, `{"topics":{"a":{}}}`)
				}
				c := openStream(t, client, stalled, 200)
				s.watches.patience = streamPatience
				var ev sseEvent
				for _, name := range []string{"", "record", "caught-up"} {
					var err error
					ev, err = c.next()
					if err != nil || ev.name != name {
						return fmt.Errorf("%q is %+v, %v", name, ev, err)
					}
				}
				id := ev.id
				quick := openStream(t, other, s.newWatch(t, `{"topics":{"a":{"tail":true}}}`), 200).opening()
				quick.want("caught-up", "")
				data := strings.Repeat("x", 500<<10)
				n := 0
				for deadline := time.Now().Add(patience); ; {
					s.write(t, "a", fmt.Sprintf(`"%d%s"`, n, data))
					quick.want("record", fmt.Sprintf(`"data":"%dx`, n))
					quick.want("caught-up", "")
					n++
					if _, streams := s.watches.counts(); streams == 1 {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("after %d records the stream is open still", n)
					}
				}
				quick.hangUp()
				c.hangUp()
				c = openStream(t, client, stalled, 200, "Last-Event-ID", id).opening()
				for got := 0; got < n; {
					ev, err := c.next()
					if err != nil {
						t.Fatal(err)
					}
					if ev.name != "record" {
						continue
					}
					for strings.Contains(ev.data, fmt.Sprintf(`"data":"%dx`, got)) {
						got++
					}
				}
				c.hangUp()
				return nil
			})
		})
	}
}

// Streams that are opened and cut at any moment leave nothing behind: serveReal
// looks for it.
func TestCutStreams(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.write(t, "a", "1")
	urls := []string{s.newWatch(t, `{"topics":{"a":{}}}`), "http://" + s.addr + "/v0/watch?topic=a"}
	for _, client := range clients(t) {
		done := make(chan struct{})
		for i := range 8 {
			go func() {
				defer func() { done <- struct{}{} }()
				for j := range 20 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i*j%7)*time.Millisecond)
					req, _ := http.NewRequestWithContext(ctx, "GET", urls[j%2], nil)
					if resp, err := client.Do(req); err == nil {
						_, _ = io.Copy(io.Discard, resp.Body) // cut, or taken over by another one
						resp.Body.Close()
					}
					cancel()
				}
			}()
		}
		for range 8 {
			<-done
		}
	}
	waitFor(t, func() bool { sessions, streams := s.watches.counts(); return sessions == 1 && streams == 0 })
}
