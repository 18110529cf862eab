package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/console/chromium"
)

// TestConsoleInOtherPlaces opens the console on the operators' listener and behind a
// proxy that serves it below a path.
func TestConsoleInOtherPlaces(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys, "TOPICS_OPS_ADDR=127.0.0.1:0", "TOPICS_LOG_FORMAT=json")
	w.call("POST", "/v0/topics/orders", `{"records":[{"data":"here"}]}`)
	below := prefixed(t, w.server.opsURL(), "/some/where")
	for name, at := range map[string]string{"the operators' listener": w.server.opsURL(), "below a path": below} {
		p := w.openAt(at, secret, chromium.Desktop, "light")
		s := (&steps{w, p}).sees("all 14 healthy").at("#/topics").until(`document.querySelectorAll("tr[data-row]").length === 1`).at("#/topics/orders").sees(`"here"`)
		s.click("footer a", "licences").sees("preact")
		w.sound(p, name)
	}
}

// TestConsoleTail looks at what a tail does with more than can be read, with what
// was evicted, and with payloads that are long or try to look like something else.
func TestConsoleTail(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.call("POST", "/v0/topics/fast", `{"records":[{"data":"first"}]}`)
	p := w.open(secret, chromium.Desktop, "dark")
	s := (&steps{w, p}).at("#/topics/fast").sees(`"first"`)
	w.must(p.Away(w.ctx))
	batch := func(from, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,{"data":{"n":%d}}`, from+i)
		}
		return `{"records":[` + b.String()[1:] + `]}`
	}
	w.call("POST", "/v0/topics/fast", batch(2, 3000))
	s.sees("skipped: they come faster than you read").sees(`{"n":3001}`)
	w.picture(p, "skipped")
	s.click("td a", "pause here").sees("newer ]").sees(`{"n":101}`)
	s.press("]").until(`location.hash.includes("from=")`)

	w.call("PUT", "/v0/topics/small", `{"cap_records":10}`)
	for i := range 4 {
		w.call("POST", "/v0/topics/small", batch(i*5, 5))
	}
	s.at("#/topics/small?from=1").sees("records lost before you read them").sees("cap")
	w.picture(p, "tombstone")

	long := `"` + strings.Repeat("x", 200_000) + `"`
	w.call("POST", "/v0/topics/odd", `{"records":[{"data":`+long+`},{"data":"abc \u202e cba"},{"data":"`+"abc \u202e cba"+`"}]}`)
	s.at("#/topics/odd").until(`document.querySelectorAll("tr[data-row]").length === 3 && document.querySelectorAll("tr[data-row]")[0].innerText.includes("\\u202e")`)
	s.until(`!document.body.innerText.includes("\u202e")`)
	s.click("td button", "1").until(`document.querySelector("pre.data")`)
	w.sound(p, "the tail")
}
