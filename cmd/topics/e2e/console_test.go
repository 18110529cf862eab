package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/console/chromium"
)

// consolePages are the pages, each with what is there once it has its data.
var consolePages = []struct{ name, address, ready string }{
	{"overview", "#/overview", `document.body.innerText.includes("healthy")`},
	{"topics", "#/topics", `document.querySelectorAll("tr[data-row]").length > 20`},
	{"topic", "#/topics/orders", `document.querySelectorAll("tr[data-row]").length > 20`},
	{"queue", "#/topics/mail?state=in_flight", `document.body.innerText.includes("worker-3")`},
	{"queues", "#/queues", `document.body.innerText.includes("thumbnails")`},
	{"dead", "#/dead?queue=mail", `document.body.innerText.includes("max_deliveries")`},
	{"routers", "#/routers", `document.querySelector(".graph svg rect")`},
	{"sessions", "#/sessions", `document.querySelector("tr[data-row]")`},
	{"recovery", "#/recovery", `document.body.innerText.includes("ready in")`},
	{"drill", "#/drill", `document.body.innerText.includes("Rehearse")`},
	{"new", "#/new", `document.querySelector("form.fields")`},
}

// TestConsolePages opens every page in both windows and both schemes.
func TestConsolePages(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	w.keepWriting(20 * time.Millisecond)
	for window, size := range map[string]chromium.Size{"desktop": chromium.Desktop, "phone": chromium.Phone} {
		for _, scheme := range []string{"light", "dark"} {
			p := w.open(secret, size, scheme)
			for _, page := range consolePages {
				name := fmt.Sprintf("%s-%s-%s", page.name, window, scheme)
				w.must(p.Evaluate(w.ctx, fmt.Sprintf("location.hash = %q", page.address), nil))
				w.must(p.Until(w.ctx, page.ready))
				w.must(p.Until(w.ctx, `!document.querySelector(".skeleton")`))
				w.picture(p, name)
				w.sound(p, name)
				var sideways bool
				w.must(p.Evaluate(w.ctx, "document.documentElement.scrollWidth > innerWidth", &sideways))
				if sideways {
					t.Errorf("%s scrolls sideways", name)
				}
			}
		}
	}
}
