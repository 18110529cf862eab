package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

// net/http can parse every request to its last byte.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		name           string
		request        []byte
		method, target string
		records        int
	}{
		{"write", WriteRequest("t", 3), "POST", "/v0/topics/t?return_seqs=false", 3},
		{"timed write", TimedRequest(nil, "t", time.Now(), RecordBytes), "POST", "/v0/topics/t?return_seqs=false", 1},
		{"delete by tag", DeleteTagRequest("t", "x"), "POST", "/v0/topics/t/delete", 0},
		{"health", Render("GET", "/v0/health", nil), "GET", "/v0/health", 0},
		{"read", AppendReadRequest(nil, "t", 17), "GET", "/v0/topics/t/diff?limit=1000&max_batch_bytes=8388608&from_seq=17", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := bufio.NewReader(bytes.NewReader(tt.request))
			got, err := http.ReadRequest(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if rest, _ := io.ReadAll(r); len(rest) > 0 {
				t.Errorf("%d bytes left over", len(rest))
			}
			if got.Method != tt.method || got.RequestURI != tt.target {
				t.Errorf("got %s %s, want %s %s", got.Method, got.RequestURI, tt.method, tt.target)
			}
			if len(body) == 0 {
				return
			}
			var write struct {
				Records []struct{ Data json.RawMessage }
			}
			if err := json.Unmarshal(body, &write); err != nil || len(write.Records) != tt.records {
				t.Fatalf("%d records, want %d: %v", len(write.Records), tt.records, err)
			}
			for _, r := range write.Records {
				if len(r.Data) != RecordBytes {
					t.Errorf("a record of %d bytes, want %d", len(r.Data), RecordBytes)
				}
			}
		})
	}
}

func TestCursor(t *testing.T) {
	page := []byte(`{"topic":"t","records":[{"$seq":4,"$ts":1,"data":"x"},{"$seq":5,"$ts":1,"data":"x"}],` +
		`"next_from_seq":5,"head_seq":5,"earliest_seq":1,"caught_up":true,"tombstone":null,"lag":0}`)
	if next, caughtUp, err := Cursor(page); next != 5 || !caughtUp || err != nil {
		t.Errorf("got %d, %v, %v", next, caughtUp, err)
	}
	if n := CountRecords(page); n != 2 {
		t.Errorf("counted %d records, want 2", n)
	}
	page = bytes.Replace(page, []byte("true"), []byte("false"), 1)
	if next, caughtUp, err := Cursor(page); next != 5 || caughtUp || err != nil {
		t.Errorf("got %d, %v, %v", next, caughtUp, err)
	}
	for _, bad := range []string{`{"error":{}}`, `{"next_from_seq":x}`, `{"next_from_seq":`} {
		if _, _, err := Cursor([]byte(bad)); err == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

// A record contains the time of sending, whatever its padding.
func TestSentAt(t *testing.T) {
	began := time.Now().Add(-time.Hour)
	request := TimedRequest(nil, "t", began, RecordBytes)
	var body struct {
		Records []struct{ Data json.RawMessage }
	}
	_, text, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatal(err)
	}
	if at, err := SentAt(body.Records[0].Data); err != nil || at < time.Hour || at > 2*time.Hour {
		t.Errorf("sent at %v, %v", at, err)
	}
	for _, bad := range []string{``, `{}`, `{"at":}`, `{"at":x}`} {
		if _, err := SentAt([]byte(bad)); err == nil {
			t.Errorf("%q has a time", bad)
		}
	}
}
