package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/console/chromium"
)

// axe is axe-core, which finds what keeps people with disabilities out.
func axe(t *testing.T) string {
	t.Helper()
	f, err := os.Open("../../../api/console/testdata/axe-core.min.js.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	source, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// TestConsoleIsAccessible has axe-core look at every page and some dialogs, in both
// schemes, on a desktop and a phone.
func TestConsoleIsAccessible(t *testing.T) {
	t.Parallel()
	source := axe(t)
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	for scheme, size := range map[string]chromium.Size{"light": chromium.Desktop, "dark": chromium.Phone} {
		p := w.open(secret, size, scheme)
		w.must(p.BypassPolicy(w.ctx))
		w.must(p.Go(w.ctx, w.server.url()+"/?axe")) // the policy is bypassed from the next document on
		w.must(p.Until(w.ctx, `location.search && document.querySelector("main h1")`))
		w.must(p.Evaluate(w.ctx, source+";0", nil))
		s := &steps{w, p}
		look := func(where string) {
			var found []string
			w.must(p.Evaluate(w.ctx, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical")
				.flatMap(v => v.nodes.slice(0, 3).map(n => v.id + ": " + n.target + " " + n.failureSummary)))`, &found))
			for _, f := range found {
				t.Errorf("%s, %s: %s", where, scheme, strings.ReplaceAll(f, "\n", " "))
			}
		}
		for _, page := range consolePages {
			s.at(page.address).until(page.ready).until(`!document.querySelector(".skeleton")`)
			look(page.name)
		}
		s.at("#/topics/orders").click("td button", "").until(`document.querySelector("pre.data")`)
		look("a payload")
		for _, dialog := range []string{"Config", "Write", "Delete records", "Delete topic"} {
			s.click("main button", dialog).until(`document.querySelector("dialog")`)
			look("the dialog " + dialog)
			s.press("Escape").until(`!document.querySelector("dialog")`)
		}
	}
}

// TestConsoleOfManyTopics prints how long the list of many topics takes to be seen, and
// a keystroke in its search to have its effect; the number is a flag.
func TestConsoleOfManyTopics(t *testing.T) {
	w := newConsoleWorld(t)
	makeTopics(w, *consoleTopics)
	p := w.open("", chromium.Desktop, "light")
	first, err := p.Frames(w.ctx, `location.hash = "#/topics"`, `document.querySelectorAll("tr[data-row]").length > 20`)
	w.must(err)
	s := &steps{w, p}
	s.sees(fmt.Sprintf("%d,%03d topics", *consoleTopics/1000, *consoleTopics%1000))
	last := fmt.Sprintf("many-%06d", *consoleTopics-1)
	// Keys that follow each other are one request, and none holds up the page. The
	// script holds the timer of the rest after a key.
	var typing struct {
		Median  float64  `json:"median"`
		Longest float64  `json:"longest"`
		Early   int      `json:"early"`
		Timers  int      `json:"timers"`
		Asked   []string `json:"asked"`
	}
	w.must(p.Evaluate(w.ctx, `(async () => {
		const e = document.querySelector('main input[type="search"]'), frame = () => new Promise(requestAnimationFrame);
		const real = {fetch, setTimeout, clearTimeout}, asked = new Set(), held = new Map();
		window.fetch = (path, ...rest) => { if (String(path).includes("contains=")) asked.add(String(path)); return real.fetch.call(window, path, ...rest); };
		window.setTimeout = (f, ms, ...rest) => { if (ms !== 150) return real.setTimeout.call(window, f, ms, ...rest); const id = -1 - held.size; held.set(id, f); return id; };
		window.clearTimeout = (id) => { if (!held.delete(id)) real.clearTimeout.call(window, id); };
		const took = [];
		for (let i = 0; i < 40; i++) {
			const began = performance.now();
			e.value = "many-0" + i;
			e.dispatchEvent(new Event("input", {bubbles: true}));
			await frame();
			took.push(performance.now() - began);
		}
		const early = asked.size, timers = held.size;
		for (const f of held.values()) f();
		while (!asked.size) await frame();
		Object.assign(window, real);
		took.sort((a, b) => a - b);
		return {median: took[20], longest: took.at(-1), early, timers, asked: [...asked]};
	})()`, &typing))
	if typing.Early != 0 || typing.Timers != 1 || len(typing.Asked) != 1 || !strings.Contains(typing.Asked[0], "contains=many-039") {
		t.Errorf("40 keys: %d requests before a rest, %d timers, then %q", typing.Early, typing.Timers, typing.Asked)
	}
	w.must(p.Evaluate(w.ctx, `(e => { e.value = ""; e.dispatchEvent(new Event("input", {bubbles: true})); })(document.querySelector('main input[type="search"]'))`, nil))
	s.until(`!location.hash.includes("contains")`).until(`document.querySelectorAll("tr[data-row]").length > 20`)
	key, err := p.Frames(w.ctx, fmt.Sprintf(`const e = document.querySelector('main input[type="search"]'); e.value = %q; e.dispatchEvent(new Event("input", {bubbles: true}))`, last[5:]),
		fmt.Sprintf(`document.querySelectorAll("tr[data-row]").length === 1 && document.querySelector("tr[data-row]").innerText.includes(%q)`, last))
	w.must(err)
	sorted, err := p.Frames(w.ctx, `location.hash = "#/topics?sort=records"`, `document.querySelectorAll("tr[data-row]").length > 20`)
	w.must(err)
	// Rows beyond the first page come as one scrolls, and few of them are drawn.
	w.must(p.Evaluate(w.ctx, `location.hash = "#/topics"`, nil))
	s.until(`document.querySelectorAll("tr[data-row]").length > 20`)
	s.until(`(t => { t.scrollTop = t.scrollHeight; return t.scrollHeight > 20000; })(document.querySelector(".table.tall")) && document.querySelectorAll("tr[data-row]").length < 120`)
	t.Logf("%d topics: seen after %v, a keystroke's effect after %v (150 ms of them a rest), sorted by records after %v; of 40 frames with a keystroke the median took %.1f ms, the longest %.1f ms",
		*consoleTopics, first, key, sorted, typing.Median, typing.Longest)
	w.sound(p, "many topics")
}
