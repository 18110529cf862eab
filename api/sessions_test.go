package api

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/session"
)

// sessionRows lists sessions by their kinds and transports.
func sessionRows(t *testing.T, s *realServer, query string) map[string]map[string]any {
	t.Helper()
	rows := map[string]map[string]any{}
	list := object(t, do(s, "GET", "/v0/admin/sessions"+query, "", "Authorization", "Bearer root"))
	for _, r := range list["sessions"].([]any) {
		row := r.(map[string]any)
		rows[fmt.Sprint(row["kind"], "/", row["transport"])] = row
	}
	if list["total"] != float64(len(rows)) {
		t.Errorf("total %v of %d", list["total"], len(rows))
	}
	return rows
}

// A session is listed with where it comes from, what it carried, and how far it
// is in each topic, and is found by its key and topics.
func TestSessionsAreDescribed(t *testing.T) {
	s, as := serveKeys(t, "root,other")
	as("root", "PUT", "/v0/topics/jobs", `{"type":"queue"}`)
	as("root", "PUT", "/v0/topics/mail", `{"type":"queue"}`)
	for _, topic := range []string{"a-1", "a-2", "b-1"} {
		as("root", "POST", "/v0/topics/"+topic, `{"records":[{"data":"one"},{"data":"two"},{"data":"three"}]}`)
	}
	body := `{"topics":{"a-1":{},"a-2":{"from_seq":2}}}`
	wid := object(t, as("other", "POST", "/v0/watch", body))["wid"].(string)
	c := openStream(t, http.DefaultClient, "http://"+s.addr+"/v0/watch/"+wid, 200, "Authorization", "Bearer other").opening()
	c.want("record", "")
	c.want("caught-up", "")
	c.want("record", "")
	c.want("caught-up", "")
	as("other", "POST", "/v0/watch", `{"topics":{"b-1":{"from_seq":1}}}`)
	worker := openStream(t, http.DefaultClient, "http://"+s.addr+"/v0/topics/jobs/work?node=n", 200, "Authorization", "Bearer root")
	worker.anything() // the retry
	defer worker.hangUp()
	ws := s.dial(t, "Authorization", "Bearer root")
	ws.say(`{"op":"subscribe","topic":"b-1","from_seq":0}`)
	ws.want("subscribed")
	ws.want("record")
	ws.want("caught_up")
	ws.say(`{"op":"work","topic":"mail","node":"n"}`)
	ws.want("working")

	rows := sessionRows(t, s, "")
	for kind, want := range map[string]string{
		"watch/sse":           "[map[cursor:3 lag:0 topic:a-1] map[cursor:3 lag:0 topic:a-2]]",
		"watch/none":          "[map[cursor:1 lag:2 topic:b-1]]",
		"work/sse":            "[map[topic:jobs]]",
		"websocket/websocket": "[map[topic:mail] map[cursor:3 lag:0 topic:b-1]]",
	} {
		row := rows[kind]
		if got := fmt.Sprint(row["topics"]); got != want || row["topics_total"] != float64(len(row["topics"].([]any))) {
			t.Errorf("%s: %s (%v), want %s", kind, got, row["topics_total"], want)
		}
		from := "127.0.0.1:"
		if kind == "watch/none" {
			from = "192.0.2.1:" // as the requests of tests have it
		}
		if !strings.HasPrefix(fmt.Sprint(row["remote"]), from) || row["idle_ms"].(float64) > 60_000 {
			t.Errorf("%s: %v", kind, row)
		}
		if sent := row["sent_bytes"].(float64); (sent > 0) == (kind == "watch/none") {
			t.Errorf("%s: %v bytes sent", kind, sent)
		}
	}
	if got := rows["watch/sse"]["received_bytes"]; got != float64(len(body)) {
		t.Errorf("%v bytes received, want %d", got, len(body))
	}
	if got := rows["websocket/websocket"]["received_bytes"].(float64); got < 80 {
		t.Errorf("%v bytes received", got)
	}

	other := fmt.Sprint(rows["watch/sse"]["key"])
	for query, want := range map[string][]string{
		"?key=" + other:          {"watch/none", "watch/sse"},
		"?key=unknown":           nil,
		"?topic=b-1":             {"watch/none", "websocket/websocket"},
		"?topic=jobs":            {"work/sse"},
		"?topic=mail":            {"websocket/websocket"},
		"?prefix=a-":             {"watch/sse"},
		"?prefix=b&key=" + other: {"watch/none"},
		"?topic=a-1&prefix=b":    nil,
		"?topic=a":               nil,
	} {
		var got []string
		for kind := range sessionRows(t, s, query) {
			got = append(got, kind)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for _, row := range rows {
		id := fmt.Sprint(row["id"])
		if w := do(s, "POST", "/v0/admin/sessions/"+id+"/close", "", "Authorization", "Bearer root", "X-Confirm", "true"); w.Code != 200 {
			t.Errorf("closing %v: %d %s", row["kind"], w.Code, w.Body)
		}
	}
	worker.want("error", "session_closed")
	ws.want("error")
	ws.wantClosed(websocket.StatusPolicyViolation) // it answers, and is not waited for
	waitFor(t, func() bool { return len(sessionRows(t, s, "")) == 0 })
}

// A session that was found before it ended can still be described after that,
// though its call has become another request's.
func TestEndedSessionsAreDescribed(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "jobs", `{"type":"queue"}`)
	worker := openStream(t, http.DefaultClient, "http://"+s.addr+"/v0/topics/jobs/work?node=n", 200)
	worker.anything() // the retry
	views := s.workers.Views(func(*auth.Key) bool { return true })
	worker.hangUp()
	waitFor(t, func() bool { return len(s.workers.Views(func(*auth.Key) bool { return true })) == 0 })
	do(s, "GET", "/v0/topics/other", "")
	asks := session.Filter{Topic: "jobs"}
	if !asks.Asks(&views[0]) {
		t.Error("it is not found by its topic")
	}
	s.sessions.Describe(views)
	if got := views[0].Topics; len(got) != 1 || got[0].Topic != "jobs" {
		t.Errorf("%+v", got)
	}
}

// A row has no more topics than a list can bear.
func TestSessionTopicsAreBounded(t *testing.T) {
	s := serveReal(t, nil, nil)
	var names []string
	for i := range session.MaxTopics + 8 {
		name := fmt.Sprintf("t-%02d", i)
		s.put(t, name, "")
		names = append(names, fmt.Sprintf(`"%s":{}`, name))
	}
	s.newWatch(t, `{"topics":{`+strings.Join(names, ",")+`}}`)
	rows := object(t, do(s, "GET", "/v0/admin/sessions", ""))["sessions"].([]any)
	row := rows[0].(map[string]any)
	topics := row["topics"].([]any)
	sorted := slices.IsSortedFunc(topics, func(a, b any) int {
		return cmp.Compare(a.(map[string]any)["topic"].(string), b.(map[string]any)["topic"].(string))
	})
	if len(topics) != session.MaxTopics || row["topics_total"] != float64(session.MaxTopics+8) || !sorted {
		t.Errorf("%d of %v topics, sorted: %v", len(topics), row["topics_total"], sorted)
	}
}
