// Package check has the SDKs of CloudEvents, Go's and Python's, exchange events with
// a server. It is a module of its own, so that the SDK is no dependency of the
// server's.
package check

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

// serve builds the server, starts it on a port of its own, and returns its URL. It
// ends with the test.
func serve(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "topics")
	build := exec.Command("go", "build", "-o", binary, "./cmd/topics")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	port := filepath.Join(dir, "port")
	cmd := exec.Command(binary, "serve")
	cmd.Env = append(os.Environ(), "TOPICS_DATA_DIR="+filepath.Join(dir, "data"), "TOPICS_PORT=0", "TOPICS_PORT_FILE="+port)
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	// It is ready once it has logged so.
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"serving"`) || strings.Contains(lines.Text(), "ready") {
			break
		}
	}
	go func() {
		for lines.Scan() {
		}
	}()
	b, err := os.ReadFile(port)
	if err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(string(b))
}

// events are one of each kind: JSON, text, bytes, without data, with names and
// values that headers have to escape, with extensions that are no strings, and large.
func events(t *testing.T) []cloudevents.Event {
	t.Helper()
	made := make([]cloudevents.Event, 7)
	for i := range made {
		e := cloudevents.NewEvent()
		e.SetID(fmt.Sprint("id-", i))
		e.SetSource("/shops/1")
		e.SetType("com.example.ordered")
		e.SetTime(time.Date(2026, 1, 31, 12, 30, i, 500, time.UTC))
		e.SetSubject("order")
		e.SetExtension("traced", "x-"+fmt.Sprint(i))
		made[i] = e
	}
	made[4].SetID(`50 % of "ü", \ and 😀`)
	made[4].SetSource("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66")
	made[4].SetSubject(" a, b; c ")
	made[4].SetDataSchema("https://schemas.example/order?v=1#x")
	made[4].SetExtension("averylongnameofanextension0123456789", "é")
	var err error
	for _, e := range []error{
		made[0].SetData(cloudevents.ApplicationJSON, map[string]any{"item": 7731}),
		made[1].SetData(cloudevents.TextPlain, "a line"),
		made[2].SetData("application/octet-stream", []byte{0, 1, 0xff}),
		made[4].SetData("application/json; charset=UTF-8", []int{}),
		made[5].SetData("application/xml", []byte("<a/>")),
		made[6].SetData(cloudevents.ApplicationJSON, strings.Repeat("x", 900<<10)),
	} {
		if e != nil {
			err = e
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// read returns the events of a topic as the SDK receives a batch.
func read(t *testing.T, url, topic string) []cloudevents.Event {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v0/topics/"+topic+"/diff", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", cloudevents.ApplicationCloudEventsBatchJSON)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := cehttp.NewEventsFromHTTPResponse(resp)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// same compares events, whose times have no common form but the instant.
func same(t *testing.T, got, want []cloudevents.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if err := g.Validate(); err != nil {
			t.Error(err)
		}
		if g.ID() != w.ID() || g.Source() != w.Source() || g.Type() != w.Type() || g.Subject() != w.Subject() || !g.Time().Equal(w.Time()) ||
			g.DataContentType() != w.DataContentType() || string(g.Data()) != string(w.Data()) || fmt.Sprint(g.Extensions()) != fmt.Sprint(w.Extensions()) {
			t.Errorf("got\n%s\nwant\n%s", g, w)
		}
	}
}

// The SDK sends binary, structured and batched events, and receives them as a batch,
// in structured form as they are in a stream, and in binary mode from a receiver
// that they are passed on to.
func TestGoSDK(t *testing.T) {
	url := serve(t)
	want := events(t)
	for name, ctx := range map[string]context.Context{
		"binary": t.Context(), "structured": binding.WithForceStructured(t.Context()),
	} {
		c, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(url + "/v0/topics/" + name + "/events"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time they are there already
			for _, e := range want {
				if result := c.Send(ctx, e); !cloudevents.IsACK(result) {
					t.Fatalf("%s: %v", name, result)
				}
			}
		}
		same(t, read(t, url, name), want)
	}
	for range 2 {
		req, err := cehttp.NewHTTPRequestFromEvents(t.Context(), url+"/v0/topics/batched/events", want)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Fatal(resp.Status)
		}
	}
	got := read(t, url, "batched")
	same(t, got, want)
	same(t, streamed(t, url, "batched", len(want)), want)
	for _, ctx := range []context.Context{t.Context(), binding.WithForceStructured(t.Context())} {
		same(t, relayed(t, ctx, got), want)
	}
}

// streamed returns the first n events of a topic from a stream of its records.
func streamed(t *testing.T, url, topic string, n int) (got []cloudevents.Event) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v0/watch?from_seq=0&limit=1&topic="+topic, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 2<<20)
	for len(got) < n && lines.Scan() {
		_, data, found := strings.Cut(lines.Text(), `"data":{`)
		if !found {
			continue
		}
		data, _, _ = strings.Cut(data, `}],"from_seq"`)
		var e cloudevents.Event
		if err := e.UnmarshalJSON([]byte("{" + data)); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		got = append(got, e)
	}
	return got
}

// relayed passes events on to a receiver of the SDK and returns what it received.
func relayed(t *testing.T, ctx context.Context, events []cloudevents.Event) (got []cloudevents.Event) {
	t.Helper()
	protocol, err := cehttp.New()
	if err != nil {
		t.Fatal(err)
	}
	handler, err := cloudevents.NewHTTPReceiveHandler(ctx, protocol, func(e cloudevents.Event) { got = append(got, e) })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := cehttp.WriteRequest(ctx, (*binding.EventMessage)(&e), req); err != nil {
			t.Fatal(err)
		}
		handler.ServeHTTP(discard{http.Header{}}, req)
	}
	return got
}

// discard is an answer that is not read.
type discard struct{ header http.Header }

// Header implements http.ResponseWriter.
func (d discard) Header() http.Header { return d.header }

// Write implements http.ResponseWriter.
func (d discard) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (d discard) WriteHeader(int) {}

// The SDK takes the event that stands for what is lost, and an attribute that is no
// string as it was sent.
func TestGoSDKReadsALoss(t *testing.T) {
	url := serve(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/v0/topics/small", strings.NewReader(`{"cap_records":1}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	c, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(url + "/v0/topics/small/events"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		e := cloudevents.NewEvent()
		e.SetID(fmt.Sprint(i))
		e.SetSource("/shops/1")
		e.SetType("t")
		e.SetExtension("number", i)
		e.SetExtension("last", i == 2)
		if result := c.Send(binding.WithForceStructured(t.Context()), e); !cloudevents.IsACK(result) {
			t.Fatal(result)
		}
	}
	got := read(t, url, "small")
	if len(got) != 2 {
		t.Fatalf("%d events", len(got))
	}
	var lost struct {
		From   int    `json:"gap_from"`
		To     int    `json:"gap_to"`
		Reason string `json:"reason"`
	}
	if err := got[0].DataAs(&lost); err != nil || got[0].Validate() != nil || got[0].Type() != "topics.tombstone" || lost.From != 1 || lost.To != 2 || lost.Reason != "cap" {
		t.Errorf("%v %s", err, got[0])
	}
	if x := got[1].Extensions(); x["number"] != int32(2) || x["last"] != true {
		t.Errorf("%#v", x)
	}
}

// Python's SDK sends binary and structured events and receives them in a batch.
func TestPythonSDK(t *testing.T) {
	if err := exec.Command("python3", "-c", "import cloudevents.core").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no cloudevents for Python: .ci/run installs it")
		}
		t.Skip("there is no cloudevents for Python")
	}
	url := serve(t)
	out, err := exec.Command("python3", "sdk.py", url).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := read(t, url, "python")
	if len(got) != 5 {
		t.Fatalf("%d events\n%s", len(got), out)
	}
	for i, e := range got {
		if err := e.Validate(); err != nil || e.ID() != fmt.Sprint(i+1) || e.Extensions()["traced"] != `50 % of "ü"` {
			t.Errorf("%v %s", err, e)
		}
	}
}
