package call

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/wire"
)

// withheld stands for the rest of a reason from its first path on: what follows
// may be more of the path, for names may have spaces.
const withheld = "(the rest is for keys with the scope read)"

// Reads reports whether what the machine looks like inside, its paths and its
// configuration, is for the caller's eyes.
func Reads(w http.ResponseWriter) bool {
	c, ok := w.(*Call)
	return !ok || c.Key != nil && c.Key.Missing(auth.Read) == 0
}

// WithheldFrom returns the error for the client of w: without paths in the
// reason why the server is not ready, unless the caller may read them.
func WithheldFrom(w http.ResponseWriter, e *wire.Error) *wire.Error {
	if e.Code != "not_ready" || Reads(w) {
		return e
	}
	short := *e
	short.Message = cutPath(e.Message)
	return &short
}

// GuardPaths takes the paths out of the reasons of an answer, unless it is for
// a key that reads.
func GuardPaths(w http.ResponseWriter) {
	if c, ok := w.(*Call); ok && !Reads(w) {
		c.Out = withoutPaths(c.Out)
	}
}

// withoutPaths cuts each reason and message of a JSON answer at its first path.
func withoutPaths(body []byte) []byte {
	var out []byte
	for {
		at, end := nextReason(body)
		if end == 0 {
			return append(out, body...)
		}
		out = append(out, body[:at]...)
		var reason string
		if err := json.Unmarshal(body[at:end], &reason); err == nil {
			short, _ := json.Marshal(cutPath(reason)) // a string can be encoded
			out = append(out, short...)
		}
		body = body[end:]
	}
}

// nextReason finds the next value of a field reason or message that is a
// string, quotes included; end is 0 if there is none.
func nextReason(body []byte) (at, end int) {
	at = -1
	for _, field := range []string{`"reason":"`, `"message":"`} {
		if i := bytes.Index(body, []byte(field)); i >= 0 && (at < 0 || i+len(field)-1 < at) {
			at = i + len(field) - 1
		}
	}
	if at < 0 {
		return 0, 0
	}
	for end = at + 1; end < len(body) && body[end] != '"'; end++ {
		if body[end] == '\\' {
			end++
		}
	}
	return at, min(end+1, len(body))
}

// cutPath ends a reason before the first word with a separator of paths.
func cutPath(reason string) string {
	i := strings.IndexAny(reason, `/\`)
	if i < 0 {
		return reason
	}
	return reason[:strings.LastIndexByte(reason[:i], ' ')+1] + withheld
}
