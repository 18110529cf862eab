package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/topics/topic"
)

// inProgress lists the requests that wait, as "route topic".
func inProgress(t *testing.T, s *Server, key string) (rows []map[string]any) {
	t.Helper()
	list := object(t, do(s, "GET", "/v0/admin/requests", "", "Authorization", "Bearer "+key))
	for _, r := range list["requests"].([]any) {
		if row := r.(map[string]any); row["route"] != "/v0/admin/requests" {
			rows = append(rows, row)
		}
	}
	return rows
}

// waits returns the id of the one request that waits, once there is one.
func waits(t *testing.T, s *Server) (id string) {
	t.Helper()
	waitFor(t, func() bool {
		rows := inProgress(t, s, "root")
		if len(rows) != 1 || rows[0]["waiting"] != true {
			return false
		}
		id = rows[0]["id"].(string)
		return true
	})
	return id
}

func cancelling(s *Server, key, id string) *httptest.ResponseRecorder {
	return do(s, "POST", "/v0/admin/requests/"+id+"/cancel", "", "Authorization", "Bearer "+key, "X-Confirm", "true")
}

// ends sends a request and returns its status and body once it is answered.
func ends(t *testing.T, s *realServer, path, body string) <-chan string {
	t.Helper()
	out := make(chan string, 1)
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer root")
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			out <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		out <- fmt.Sprint(resp.StatusCode, " ", string(b))
	}()
	return out
}

// A long poll and a claim that wait are listed, and end when they are cancelled.
// The claim's job goes to the next one.
func TestCancelWhatWaits(t *testing.T) {
	s, as := serveKeys(t, "root,other::o-")
	as("root", "PUT", "/v0/topics/t", "{}")
	as("root", "PUT", "/v0/topics/q", `{"type":"queue"}`)
	for path, body := range map[string]string{
		"/v0/topics/t/diff": `{"wait_ms":30000}`, "/v0/topics/q/claim": `{"node":"n","wait_ms":30000}`,
	} {
		answer := ends(t, s, path, body)
		id := waits(t, s.Server)
		row := inProgress(t, s.Server, "root")[0]
		if row["method"] != "POST" || row["topic"] != strings.Split(path, "/")[3] || !strings.HasPrefix(fmt.Sprint(row["remote"]), "127.0.0.1:") ||
			row["you"] != false || row["age_ms"].(float64) < 0 || row["key_id"] == "" {
			t.Errorf("%s: %v", path, row)
		}
		if rows := inProgress(t, s.Server, "other"); len(rows) != 0 {
			t.Errorf("another key sees %v", rows)
		}
		wantCode(t, cancelling(s.Server, "other", id), 404, "not_found")
		wantCode(t, do(s, "POST", "/v0/admin/requests/"+id+"/cancel", "", "Authorization", "Bearer root"), 400, "invalid_request")
		if w := cancelling(s.Server, "root", id); w.Code != 200 || object(t, w)["cancelled"] != true {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if got := <-answer; !strings.HasPrefix(got, "410 ") || !strings.Contains(got, `"code":"request_cancelled"`) {
			t.Errorf("%s: %s", path, got)
		}
		waitFor(t, func() bool { return len(inProgress(t, s.Server, "root")) == 0 })
		wantCode(t, cancelling(s.Server, "root", id), 404, "not_found")
	}
	as("root", "POST", "/v0/topics/q", `{"records":[{"data":1}]}`)
	if got := <-ends(t, s, "/v0/topics/q/claim", `{"node":"n"}`); !strings.Contains(got, `"deliveries":1`) {
		t.Errorf("the next claim got %s", got)
	}
	for _, id := range []string{"x", "req_", "req_1_1", s.bounds.Underway.ID(0), s.bounds.Underway.ID(1 << 60), strings.ToUpper(s.bounds.Underway.ID(1))} {
		wantCode(t, cancelling(s.Server, "root", id), 404, "not_found")
	}
	for _, query := range []string{"limit=0", "limit=x", "offset=-1"} {
		wantCode(t, do(s, "GET", "/v0/admin/requests?"+query, "", "Authorization", "Bearer root"), 400, "invalid_request")
	}
}

// A claim over a WebSocket is listed and cancelled like any other.
func TestCancelSocketClaim(t *testing.T) {
	s, as := serveKeys(t, "root")
	as("root", "PUT", "/v0/topics/q", `{"type":"queue"}`)
	c := s.dial(t, "Authorization", "Bearer root")
	c.say(`{"op":"claim","topic":"q","node":"n","wait_ms":30000,"request_id":"r1"}`)
	id := waits(t, s.Server)
	if row := inProgress(t, s.Server, "root")[0]; row["topic"] != "q" || row["route"] != "/v0/ws" {
		t.Errorf("listed as %v", row)
	}
	if w := cancelling(s.Server, "root", id); object(t, w)["cancelled"] != true {
		t.Error(w.Body)
	}
	if m := c.want("error"); m.Code != "request_cancelled" {
		t.Errorf("answered %s", m.raw)
	}
	c.say(`{"op":"ping"}`)
	c.want("pong")
	if rows := inProgress(t, s.Server, "root"); len(rows) != 0 {
		t.Errorf("left: %v", rows)
	}
}

// When a job and a cancellation come at the same moment, the claim either has the
// job or was cancelled, and then the next one has it.
func TestCancelledClaimLosesNoJob(t *testing.T) {
	s, as := serveKeys(t, "root")
	as("root", "PUT", "/v0/topics/q", `{"type":"queue"}`)
	for round := range 40 {
		answer := ends(t, s, "/v0/topics/q/claim", `{"node":"n","wait_ms":30000}`)
		id := waits(t, s.Server)
		var cancelled bool
		var both sync.WaitGroup
		both.Go(func() { as("root", "POST", "/v0/topics/q", fmt.Sprintf(`{"records":[{"data":"job-%d"}]}`, round)) })
		both.Go(func() {
			if w := cancelling(s.Server, "root", id); w.Code == 200 {
				cancelled = object(t, w)["cancelled"] == true
			}
		})
		both.Wait()
		got := <-answer
		if cancelled != strings.HasPrefix(got, "410 ") {
			t.Fatalf("cancelled: %v, and the claim got %s", cancelled, got)
		}
		if cancelled {
			got = <-ends(t, s, "/v0/topics/q/claim", `{"node":"n","wait_ms":30000}`)
		}
		if job := fmt.Sprintf(`"job-%d"`, round); strings.Count(got, `"lease_id"`) != 1 || !strings.Contains(got, job) {
			t.Fatalf("cancelled: %v; want %s once in %s", cancelled, job, got)
		}
	}
}

// slowEngine writes when it is told to.
type slowEngine struct {
	*memEngine
	begun, write chan struct{}
}

func (e slowEngine) Begin(ctx context.Context, name string, w *topic.Write) (*topic.Pending, error) {
	e.begun <- struct{}{}
	<-e.write
	return e.memEngine.Begin(ctx, name, w)
}

// A write in progress cannot be cancelled, and is answered.
func TestWritesAreNotCancelled(t *testing.T) {
	s, e := openServer(nil)
	slow := slowEngine{e, make(chan struct{}), make(chan struct{})}
	s.Open(slow)
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() { answer <- do(s, "POST", "/v0/topics/t", `{"records":[{"data":1}]}`) }()
	<-slow.begun
	rows := inProgress(t, s, "")
	if len(rows) != 1 || rows[0]["waiting"] != false || rows[0]["you"] != true || rows[0]["topic"] != "t" {
		t.Fatal(rows)
	}
	m := object(t, cancelling(s, "", rows[0]["id"].(string)))
	if m["cancelled"] != false || !strings.Contains(fmt.Sprint(m["reason"]), "will be answered") {
		t.Error(m)
	}
	close(slow.write)
	if w := <-answer; w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if rows := inProgress(t, s, ""); len(rows) != 0 {
		t.Errorf("left: %v", rows)
	}
}

// A panic leaves no request in the list.
func TestPanicLeavesTheList(t *testing.T) {
	s, e := openServer(nil)
	e.panics = true
	do(invented{s}, "POST", "/v0/topics/t", `{"records":[{"data":1}]}`)
	if rows := inProgress(t, s, ""); len(rows) != 0 {
		t.Errorf("a panic left %v", rows)
	}
}
