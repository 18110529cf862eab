package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/console/chromium"
)

// TestConsoleOfBackupsAndErasures shows whether a backup was verified, and an erasure
// from its start to its receipt, in every window and scheme.
func TestConsoleOfBackupsAndErasures(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	p := w.open(secret, chromium.Desktop, "light")
	s := (&steps{w, p}).at("#/recovery").sees("no good backup is known").sees("none since the start; what is deleted")
	w.call("POST", "/v0/admin/backup", "")
	s.at("#/drill").sees("Rehearse").at("#/recovery").sees("last good").sees("never verified")
	var list struct {
		Backups []struct {
			Through int64 `json:"through_ts"`
		} `json:"backups"`
	}
	w.must(json.Unmarshal([]byte(w.get("/v0/admin/backups")), &list))
	w.call("POST", "/v0/admin/backups/verified", fmt.Sprintf(`{"through_ts":%d}`, list.Backups[0].Through))
	s.at("#/drill").sees("Rehearse").at("#/recovery").sees("last verified").until(`document.querySelector("td .good[title]")?.textContent.startsWith("✓")`)

	w.call("POST", "/v0/topics/orders/delete", `{"before_seq":10}`)
	s.click("button", "Erase what is dead").sees("Readers see no difference")
	w.picture(p, "erase")
	s.click("dialog button", "Start 1 erasure").sees("Nothing that was dead at").sees("backups begun before")
	var state struct{ State string }
	w.must(json.Unmarshal([]byte(w.get("/v0/admin/compact")), &state))
	if state.State != "done" {
		t.Errorf("the page has a receipt of an erasure that is %s", state.State)
	}
	w.sound(p, "recovery")
	for window, size := range map[string]chromium.Size{"desktop": chromium.Desktop, "phone": chromium.Phone} {
		for _, scheme := range []string{"light", "dark"} {
			p := w.open(secret, size, scheme)
			(&steps{w, p}).at("#/recovery").sees("Nothing that was dead at").sees("last verified").sees("last checkpoint").until(`document.documentElement.scrollWidth <= innerWidth`)
			w.picture(p, fmt.Sprintf("recovery-full-%s-%s", window, scheme))
			w.sound(p, "recovery on a "+window)
		}
	}
}

// TestConsoleSaysWhatItSends: each act has the command line of its request, and the
// one of a filter is that of what was counted.
func TestConsoleSaysWhatItSends(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	p := w.open(secret, chromium.Desktop, "light")
	s := &steps{w, p}
	// What is copied is kept, for the test to read.
	w.must(p.Evaluate(w.ctx, `Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied = text; }}})`, nil))
	for _, act := range []struct{ address, selector, button, request string }{
		{"#/topics/mail?state=in_flight", "td button", "Release", "-X POST .* -H 'X-Confirm: true' .*/v0/topics/mail/release"},
		{"#/topics/thumbnails?state=delayed", "td button", "Promote", "-X POST .*/v0/topics/thumbnails/promote"},
		{"#/topics/orders", "main button", "Delete topic", "-X DELETE .*/v0/topics/orders"},
		{"#/routers", "td button", "delete", "-X DELETE .*/v0/routers/"},
		{"#/sessions", "td button", "Close", "-X POST .*/v0/admin/sessions/.*/close"},
		{"#/recovery", "button", "Checkpoint now", "-X POST .*/v0/admin/checkpoint"},
		{"#/recovery", "button", "Scrub…", "-X POST .*/v0/admin/verify[?]wait=false"},
		{"#/recovery", "button", "Erase what is dead", "-X POST .*/v0/admin/compact[?]wait=false"},
		{"#/dead?queue=mail&reason=max_deliveries", ".tools button", "Replay all", `-X POST .*"reason":"max_deliveries","before_seq":8.*/v0/topics/mail/redrive`},
		{"#/dead?queue=mail", ".tools button", "Purge all", "-X DELETE .*/v0/topics/mail/dead-letters[?]before_seq=8"},
	} {
		// By script, because rows move while a page of another filter comes.
		button := fmt.Sprintf(`[...document.querySelectorAll(%q)].find(b => b.textContent.includes(%q) && b.ariaDisabled !== "true")`, act.selector, act.button)
		s.at(act.address).until(button)
		w.must(p.Evaluate(w.ctx, button+".click()", nil))
		s.until(`document.querySelector("dialog")`)
		if act.button == "Replay all" || act.button == "Purge all" {
			s.sees("up to seq 7").until(`[...document.querySelectorAll("dialog button")].some(b => /7 dead letters/.test(b.textContent))`)
		}
		s.click("dialog button", "curl").until("new RegExp(" + quoted(act.request) + ").test(window.copied)")
		s.click("dialog button", "Cancel").until(`!document.querySelector("dialog")`)
	}
	w.sound(p, "command lines")
}

// TestConsoleFiltersByTime narrows dead letters and a tail to a moment, which is local
// or UTC as the user chose, and is in the address.
func TestConsoleFiltersByTime(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	p := w.open(secret, chromium.Desktop, "light")
	s := &steps{w, p}
	const past, future = "1000000000000", "4000000000000"
	s.at("#/dead?queue=mail&before=" + past).sees("no dead letter matches").at("#/dead?queue=mail&before=" + future).until(`document.querySelectorAll("tr[data-row]").length === 7`)
	s.at("#/topics/orders?ts=" + past).until(`document.querySelectorAll("tr[data-row]").length > 20`)
	s.until(`document.querySelector('input[type="datetime-local"]').value.startsWith("2001-09-")`).press("u").sees("UTC")
	s.until(`document.querySelector('input[type="datetime-local"]').value === "2001-09-09T01:46:40"`)
	w.must(p.Evaluate(w.ctx, `(e => { e.value = "2001-09-09T01:46:41"; e.dispatchEvent(new Event("change", {bubbles: true})); })(document.querySelector('input[type="datetime-local"]'))`, nil))
	s.until(`location.hash.includes("ts=1000000001000")`)
	w.sound(p, "times")
}

// TestConsoleSaysWhatWasClamped makes and changes a topic with values beyond their
// bounds.
func TestConsoleSaysWhatWasClamped(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	p := w.open(secret, chromium.Desktop, "light")
	s := (&steps{w, p}).at("#/new").fill("main form input", "urgent").fill("main form .field:nth-of-type(8) input", "5000")
	s.click("main button", "Make the topic").sees("topic urgent made; priority is 1000, the nearest to 5000 that it may be")
	if got := w.get("/v0/topics/urgent"); !strings.Contains(got, `"priority":1000`) {
		t.Errorf("the topic is %s", got)
	}
	w.sound(p, "clamps")
}
