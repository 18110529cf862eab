// Package console is the operators' console: a page and its assets, which are
// embedded. The page speaks the public API with the key that its user gives
// it; this package knows nothing of the server.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strconv"
)

// Policy is the Content-Security-Policy of the page: it runs its own modules,
// speaks to its own origin, and nothing else.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed assets
var embedded embed.FS

// Asset is a file of the console.
type Asset struct {
	Type string // its media type
	Body []byte // never changed
}

// Console is the page with its assets.
type Console struct {
	// Hash is of all assets: it is in the path of each, so that relative imports
	// lead to files of the same build, and is what tells one page from another.
	Hash string
	// Page is the HTML document. Its links are relative.
	Page []byte

	assets map[string]Asset
}

// Load reads the embedded files.
func Load() *Console {
	c := &Console{assets: map[string]Asset{}}
	entries, err := fs.ReadDir(embedded, "assets")
	if err != nil {
		panic(err) // the directory is in the binary
	}
	sum := sha256.New()
	for _, e := range entries { // in the order of their names
		body, err := embedded.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum.Write([]byte(e.Name() + "\x00" + strconv.Itoa(len(body)) + "\x00")) // a hash cannot fail
		sum.Write(body)
		c.assets[e.Name()] = Asset{mediaTypes[path.Ext(e.Name())], body}
	}
	c.Hash = hex.EncodeToString(sum.Sum(nil))[:12]
	c.Page = page(c.Hash)
	return c
}

// mediaTypes are those of the assets, by the extensions of their names.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

// Assets are the names of all assets, each with its file.
func (c *Console) Assets() map[string]Asset { return c.assets }

// modules are loaded with the page; others when they are imported.
var modules = []string{"app.js", "preact.js", "hooks.js", "htm.js"}

func page(hash string) []byte {
	var b bytes.Buffer
	dir := "assets/" + hash + "/"
	b.WriteString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>topics</title>\n")
	b.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n")
	fmt.Fprintf(&b, "<link rel=\"icon\" href=\"%sicon.svg\" type=\"image/svg+xml\">\n", dir)
	fmt.Fprintf(&b, "<link rel=\"stylesheet\" href=\"%sstyle.css\">\n", dir)
	for _, m := range modules {
		fmt.Fprintf(&b, "<link rel=\"modulepreload\" href=\"%s%s\">\n", dir, m)
	}
	fmt.Fprintf(&b, "<script type=\"module\" src=\"%sapp.js\"></script>\n</head>\n", dir)
	b.WriteString("<body><noscript>The console needs JavaScript. The API does not: see v0/openapi.json.</noscript></body>\n</html>\n")
	return b.Bytes()
}
