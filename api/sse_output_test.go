package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/session"
	"github.com/e6e95bb8/topics/api/watch"
)

// pieceWriter keeps what is written between two flushes as one piece.
type pieceWriter struct {
	nullWriter
	pieces []string
	open   strings.Builder
}

func (w *pieceWriter) Write(b []byte) (int, error) { return w.open.Write(b) }

func (w *pieceWriter) FlushError() error {
	w.pieces = append(w.pieces, w.open.String())
	w.open.Reset()
	return nil
}

// A record that is the last one, and that it is, go out in one piece: a client is
// woken once for each record.
func TestOnePieceForEachRecord(t *testing.T) {
	large := `{"data":"` + strings.Repeat("x", copied) + `"}`
	const caughtUp = "event: caught-up\ndata: {\"topic\":\"a\",\"head_seq\":7}\n\n"
	for body, data := range map[string]string{`{"a":1}`: `{"a":1}`, "{\r\n}": "{\ndata: }", large: large} {
		w := &pieceWriter{}
		st := &eventStream{call: &call.Call{Writer: w, Request: &http.Request{ProtoMajor: 1}}, control: http.NewResponseController(w), flow: new(session.Flow)}
		f := &watch.Frame{Topic: "a", To: 7, Body: []byte(body), Lines: strings.Contains(body, "\n")}
		for _, last := range []bool{true, false} {
			w.pieces = nil
			if err := st.Records(f, last); err != nil {
				t.Fatal(err)
			}
			want := "event: record\ndata: " + data + "\n\n"
			if last {
				want += caughtUp
			}
			if len(w.pieces) != 1 || w.pieces[0] != want {
				t.Errorf("the last one %t: %.100q, want %.100q", last, w.pieces, want)
			}
		}
	}
}
