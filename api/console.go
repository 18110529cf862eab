package api

import (
	"net/http"
	"sync"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/console"
	"github.com/e6e95bb8/topics/api/wire"
)

// operatorsConsole is the console with its files as all calls share them.
type operatorsConsole struct {
	hash   string
	page   *wire.Static
	assets map[string]consoleAsset
}

type consoleAsset struct {
	media string
	body  *wire.Static
}

var loadConsole = sync.OnceValue(func() *operatorsConsole {
	files := console.Load()
	c := &operatorsConsole{files.Hash, wire.NewStatic(files.Page), map[string]consoleAsset{}}
	for name, a := range files.Assets() {
		c.assets[name] = consoleAsset{a.Type, wire.NewStatic(a.Body)}
	}
	return c
})

// consoleRoute takes the place of GET / for a client that asks for HTML. The page is
// public where probes are not: it shows nothing that its user's key does not.
func consoleRoute() *call.Route {
	return &call.Route{Method: http.MethodGet, Pattern: "/", Kind: call.Page, Scope: auth.None, Serve: showConsole}
}

// asksForConsole reports whether the request is a browser's for the page.
func asksForConsole(r *http.Request, path string) bool {
	return path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) && wire.PrefersHTML(r.Header["Accept"])
}

// showConsole is GET / for a browser, in every phase.
func showConsole(c *call.Call) error {
	files, h := loadConsole(), c.Header()
	h.Add("Vary", "Accept")
	h.Set("Content-Security-Policy", console.Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	c.ServeStatic("text/html; charset=utf-8", files.hash, files.page)
	return nil
}

// showAsset is GET /assets/:hash/:asset. An asset of another build is not here:
// its page would mix two.
func showAsset(c *call.Call) error {
	files := loadConsole()
	a, ok := files.assets[c.Seq]
	if !ok || c.Topic != files.hash {
		return wire.NoRoute()
	}
	h := c.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	c.ServeStatic(a.media, files.hash, a.body)
	return nil
}
