//go:build linux

package api

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/recovery"
)

// classes are the durability classes.
var classes = []string{"ephemeral", "memory", "disk", "fsync"}

// Connections that write one record after the other, or some at once, have each of
// them written once and in their order, whatever its durability.
func TestHotWrites(t *testing.T) {
	for _, class := range classes {
		t.Run(class, func(t *testing.T) {
			const clients, each = 20, 30
			s := serveHot(t, func(*recovery.Options) {}, nil)
			s.put(t, "t", fmt.Sprintf(`{"durability":%q}`, class))
			var all sync.WaitGroup
			for i, c := range s.dialHot(clients, "t") {
				all.Go(func() {
					last := uint64(0)
					for n := 0; n < each; {
						together := 1 + (i+n)%3
						var text strings.Builder
						for range together {
							text.WriteString(hotRecord("t", fmt.Sprintf("%d-%d", i, n)))
							n++
						}
						_, _ = io.WriteString(c, text.String())
						for range together {
							a, err := c.answer()
							if err != nil || a.status != http.StatusOK || a.first <= last {
								t.Errorf("%d %s %v after %d", a.status, a.body, err, last)
								return
							}
							last = a.first
							// Who waits for a sync that another one has run has waited for it, too.
							if synced := !strings.Contains(string(a.body), `"fsync_ms":0,`); synced != (class == "fsync") {
								t.Errorf("%s", a.body)
							}
						}
					}
				})
			}
			all.Wait()
			s.waitForLooped(clients)
			next := map[string]int{}
			for _, data := range s.records("t") {
				who, n, _ := strings.Cut(data, "-")
				if who == "first" {
					continue
				}
				if want := fmt.Sprint(next[who]); n != want {
					t.Fatalf("%s, want number %s of it", data, want)
				}
				next[who]++
			}
			for i := range clients {
				if n := next[fmt.Sprint(i)]; n < each {
					t.Errorf("%d records of client %d", n, i)
				}
			}
		})
	}
}

// Connections that repeat each other's write at the same time all get its answer.
func TestHotRepeats(t *testing.T) {
	s := serveHot(t, func(*recovery.Options) {}, nil)
	s.put(t, "t", `{"durability":"fsync"}`)
	clients := s.dialHot(10, "t")
	for n := range 20 {
		for _, c := range clients {
			c.send(hotRecord("t", "same", "Idempotency-Key: "+fmt.Sprint(n)))
		}
		first := clients[0].want(http.StatusOK).first
		for _, c := range clients[1:] {
			if a := c.want(http.StatusOK); a.first != first {
				t.Fatalf("%s, want first_seq %d", a.body, first)
			}
		}
	}
	if all := s.records("t"); len(all) != 10+20 {
		t.Errorf("%d records", len(all))
	}
}

// Requests that are refused among others are answered as on any connection, and the others
// are written.
func TestHotRefusals(t *testing.T) {
	keys, err := auth.Parse("right,other:w:u")
	if err != nil {
		t.Fatal(err)
	}
	s := serveHot(t, func(*recovery.Options) {}, func(o *Options) { o.Keys, o.Limits.MaxBodyBytes = keys, 1000 })
	const right = "Authorization: Bearer right"
	if w := do(s, "PUT", "/v0/topics/t", `{"durability":"fsync"}`, "Authorization", "Bearer right"); w.Code != http.StatusCreated {
		t.Fatal(w.Body)
	}
	const one = `{"records":[{}]}`
	for name, row := range map[string]struct {
		request string
		status  int
	}{
		"no JSON":       {hotRequest("/v0/topics/t", "no", right, ofJSON), 400},
		"no records":    {hotRequest("/v0/topics/t", "{}", right, ofJSON), 400},
		"no body":       {hotRequest("/v0/topics/t", "", right, ofJSON), 400},
		"no key":        {hotRequest("/v0/topics/t", one, ofJSON), 401},
		"a wrong key":   {hotRequest("/v0/topics/t", one, ofJSON, "Authorization: Bearer wrong"), 401},
		"another key":   {hotRequest("/v0/topics/t", one, ofJSON, "Authorization: Bearer other"), 403},
		"no topic":      {hotRequest("/v0/topics/none", `{"records":[{}],"create":false}`, right, ofJSON), 404},
		"no route":      {hotRequest("/v0/nowhere", "", right), 404},
		"no method":     {hotRequest("/v0/topics", "", right), 405},
		"a large body":  {hotRecord("t", strings.Repeat("x", 1000), right), 413},
		"no media type": {hotRequest("/v0/topics/t", one, right), 415},
		"text":          {hotRequest("/v0/topics/t", one, right, "Content-Type: text/plain"), 415},
		"a bad flag":    {hotRequest("/v0/topics/t?return_seqs=maybe", one, right, ofJSON), 400},
		"a stream":      {"GET /v0/topics/none/diff HTTP/1.1\r\nHost: localhost\r\n" + right + "\r\n\r\n", 404},
	} {
		t.Run(name, func(t *testing.T) {
			// At once, and one after the other.
			for _, cut := range []bool{false, true} {
				var got [2]string
				for i, c := range []*hotClient{s.dialHot(1, "t", right)[0], dialHot(t, s.addr)} {
					for _, text := range []string{hotRecord("t", "before", right), row.request, hotRecord("t", "after", right)} {
						c.send(text)
						if cut {
							got[i] += c.text()
						}
					}
					for range 3 {
						if !cut {
							got[i] += c.text()
						}
					}
					_ = c.Close()
				}
				if got[0] != got[1] || !strings.Contains(got[0], fmt.Sprintf("HTTP/1.1 %d ", row.status)) {
					t.Errorf("%s\nwant %s", got[0], got[1])
				}
				s.waitForLooped(0)
			}
		})
	}
}

// The bound on all payloads holds for connections in loops, and what is counted for a
// write ends with it.
func TestHotLimit(t *testing.T) {
	s := serveHot(t, func(*recovery.Options) {}, func(o *Options) { o.Limits.MaxTotalBytes = 3000 })
	s.put(t, "t", `{"durability":"fsync"}`)
	c := s.dialHot(1, "t")[0]
	c.send(strings.Repeat(hotRecord("t", strings.Repeat("x", 900)), 4))
	for _, status := range []int{200, 200, 200, 429} {
		c.want(status)
	}
	if n := s.bounds.Usage().Payloads; n != 0 {
		t.Errorf("%d bytes are under way", n)
	}
	if w := do(s, "POST", "/v0/topics/t/delete", `{"before_seq":4}`); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	c.send(hotRecord("t", "again"))
	c.want(http.StatusOK)
}

// Requests that may be understood in two ways are answered on a connection in a loop as by
// net/http alone, byte for byte.
func TestHotDoorsAnswerAlike(t *testing.T) {
	s, _ := openServer(nil)
	do(s, "PUT", "/v0/topics/t", `{}`)
	do(s, "POST", "/v0/topics/t", `{"records":[{}]}`)
	door := s.HTTPServer()
	heat(door)
	usual, _ := listen(t, s, door)
	direct := serveDirect(t, s)
	hot := map[string]*hotClient{}
	for name := range oddRequests {
		hot[name] = dialHot(t, usual)
		hot[name].send(hotRecord("t", "first"))
		hot[name].want(http.StatusOK)
	}
	waitFor(t, func() bool { return s.loops.Len() == len(hot) })
	var rows sync.WaitGroup
	for name, request := range oddRequests {
		rows.Go(func() {
			plain := dialHot(t, direct)
			plain.send(hotRecord("t", "first"))
			plain.want(http.StatusOK)
			var texts []string
			for _, c := range []*hotClient{hot[name], plain} {
				c.send(request)
				text, err := io.ReadAll(c.in)
				if err != nil {
					t.Errorf("%s: %v after %.200q", name, err, text)
				}
				texts = append(texts, volatile.ReplaceAllString(string(text), ""))
			}
			if texts[0] != texts[1] {
				t.Errorf("%s\n got %.700q\nwant %.700q", name, texts[0], texts[1])
			}
		})
	}
	rows.Wait()
}
