package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery"
)

// The tests of contract_*_test.go go through the contract sentence by sentence.
// docs/contract-tests.md says which test is for which sentence.

// contractServer is a server that is put to the contract's sentences by one
// protocol: real from the port to the disk, which is in memory. Its records
// live by a clock that only the test moves.
type contractServer struct {
	*realServer
	t      *testing.T
	client *http.Client
	clock  *atomic.Int64 // Unix ms
}

// overBoth runs a test over HTTP/1.1 and over HTTP/2 with prior knowledge, each
// on a server of its own.
func overBoth(t *testing.T, more func(*Options), test func(t *testing.T, s *contractServer), under ...func(*recovery.Options)) {
	t.Helper()
	for _, proto := range []string{"HTTP/1.1", "h2c"} {
		t.Run(proto, func(t *testing.T) {
			clock := new(atomic.Int64)
			clock.Store(1_700_000_000_000)
			real := serveStored(t, func(o *recovery.Options) {
				o.Topics.Now = clock.Load
				for _, change := range under {
					change(o)
				}
			}, more, nil)
			test(t, &contractServer{real, t, clients(t)[proto], clock})
		})
	}
}

// answer is what came back, its body decompressed by nobody.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send asks once and holds what is true of every answer. ask is the method and
// the target; a body is JSON unless a header says otherwise.
func (s *contractServer) send(ask, body string, header ...string) *answer {
	s.t.Helper()
	method, target, _ := strings.Cut(ask, " ")
	var src io.Reader
	if body != "" {
		src = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.addr+target, src)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", wire.MediaJSON)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("%s: %v", ask, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s: %v", ask, err)
	}
	a := &answer{resp.StatusCode, resp.Header, got}
	if wrong := a.wrong(method); wrong != "" {
		s.t.Errorf("%.80s: %d %v %.300s: %s", ask, a.status, a.header, a.body, wrong)
	}
	return a
}

var wholeSeconds = regexp.MustCompile(`^[1-9][0-9]*$`)

// wrong is what no answer may be like; empty: it is not.
func (a *answer) wrong(method string) string {
	for status, need := range map[int][2]string{
		401: {"WWW-Authenticate", "^Bearer$"}, 405: {"Allow", "OPTIONS"}, 429: {"Retry-After", ""}, 503: {"Retry-After", ""},
	} {
		value := a.header.Get(need[0])
		switch {
		case a.status != status:
		case need[1] == "" && !wholeSeconds.MatchString(value), need[1] != "" && !regexp.MustCompile(need[1]).MatchString(value):
			return need[0] + " is " + value
		}
	}
	if method == "HEAD" || a.status == http.StatusNoContent {
		if len(a.body) > 0 {
			return "there is a body"
		}
		return ""
	}
	if a.header.Get("Content-Encoding") != "" || a.header.Get("Content-Type") != wire.MediaJSON {
		return ""
	}
	want := `{"performance":{"server_total_ms":"(any)"}}`
	if a.status/100 != 2 {
		want = `{"performance":{"server_total_ms":"(any)"},"error":{"code":"(any)","message":"(any)"}}`
	}
	return a.differs(want)
}

// differs says where the answer does not have what is wanted: the members of
// its objects and of theirs, "(any)" for one that must be there, "(absent)" for
// one that must not. Numbers are compared as they are spelled.
func (a *answer) differs(want string) string {
	var got, wanted any
	for _, text := range []struct {
		of   string
		into *any
	}{{string(a.body), &got}, {want, &wanted}} {
		d := json.NewDecoder(strings.NewReader(text.of))
		d.UseNumber()
		if err := d.Decode(text.into); err != nil {
			return fmt.Sprintf("%v in %s", err, text.of)
		}
	}
	return difference("", wanted, got)
}

func difference(path string, want, got any) string {
	w, wok := want.(map[string]any)
	g, gok := got.(map[string]any)
	if !wok || !gok {
		if want != "(any)" && fmt.Sprintf("%#v", want) != fmt.Sprintf("%#v", got) {
			return fmt.Sprintf("%s is %v, want %v", path, got, want)
		}
		return ""
	}
	for name, v := range w {
		have, there := g[name]
		switch {
		case there == (v == "(absent)"):
			return fmt.Sprintf("%s.%s is there: %v", path, name, there)
		case there:
			if d := difference(path+"."+name, v, have); d != "" {
				return d
			}
		}
	}
	return ""
}

// step is one request and what comes of it.
type step struct {
	ask, body string
	status    int
	want      string // as of differs; empty: nothing in particular
}

// catchUp is how long a read waits for the routers that feed its topic.
const catchUp = time.Second

// sendUntil is send, but asks again where a read waited for routers in vain,
// which is no fault of theirs on a machine that stalls.
func (s *contractServer) sendUntil(ask, body string, right func(*answer) bool) *answer {
	s.t.Helper()
	for late := time.Now().Add(patience); ; {
		began := time.Now()
		a := s.send(ask, body)
		if right(a) || !strings.HasPrefix(ask, "GET ") || time.Since(began) < catchUp || time.Now().After(late) {
			return a
		}
	}
}

// walk takes steps in their order.
func (s *contractServer) walk(steps ...step) {
	s.t.Helper()
	for i, st := range steps {
		a := s.sendUntil(st.ask, st.body, func(a *answer) bool {
			return a.status == st.status && (st.want == "" || a.differs(st.want) == "")
		})
		if a.status != st.status {
			s.t.Errorf("step %d, %.80s %.200s: %d %.400s, want %d", i, st.ask, st.body, a.status, a.body, st.status)
			continue
		}
		if st.want == "" {
			continue
		}
		if d := a.differs(st.want); d != "" {
			s.t.Errorf("step %d, %.80s %.200s: %s in %.600s", i, st.ask, st.body, d, a.body)
		}
	}
}

// refusal is what an answer with this code has.
func refusal(code string) string { return `{"error":{"code":"` + code + `"}}` }

// badField is what an answer has that refuses a field.
func badField(name string) string {
	return `{"error":{"code":"invalid_request","detail":{"field":"` + name + `"}}}`
}

// text is a member of the answer, as a string.
func (a *answer) text(member string) string {
	var v map[string]any
	_ = json.Unmarshal(a.body, &v)
	s, _ := v[member].(string)
	return s
}

// raw is a member of the answer as it stands.
func (a *answer) raw(member string) string {
	var v map[string]json.RawMessage
	_ = json.Unmarshal(a.body, &v)
	return string(bytes.TrimSpace(v[member]))
}

// made is the status of a request that makes what is at a path, unless it is
// there.
func (s *contractServer) made(path string) int {
	s.t.Helper()
	if s.send("GET "+path, "").status == 200 {
		return 200
	}
	return 201
}
