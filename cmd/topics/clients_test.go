package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// describing is the only file of the commands' tests that makes HTTP clients.
// It checks what they read against the OpenAPI document.
const describing = "e2e/described_test.go"

// What makes a client or bypasses one, by package. The second needs the default
// client, which in e2e is a described one.
var (
	makeClients = map[string][]string{
		"net/http":                   {"Client", "DefaultTransport"},
		"net/http/httputil":          {"NewClientConn", "NewProxyClientConn", "NewSingleHostReverseProxy", "ReverseProxy"},
		module + "/api/client":       {"New"},
		"golang.org/x/net/http2":     {"Transport"},
		"golang.org/x/net/websocket": {"Dial", "DialConfig", "NewClient"},
	}
	useDefault = map[string][]string{
		"net/http":                   {"DefaultClient", "Get", "Head", "Post", "PostForm"},
		"github.com/coder/websocket": {"Dial"},
	}
)

// TestClientsAreDescribed holds that no test of the commands uses a client
// whose answers are not checked. Bare connections are allowed, for requests
// that are not complete.
func TestClientsAreDescribed(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") || filepath.ToSlash(name) == describing {
			return err
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, at := range undescribedClients(file, filepath.Dir(name) == "e2e") {
			t.Errorf("%s: clients of a server are made in %s", set.Position(at), describing)
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("%d files, %v", files, err)
	}
}

// undescribedClients returns where a file makes a client, or uses the default
// one where that is not a described one. A pointer type only names a client.
func undescribedClients(file *ast.File, described bool) (found []token.Pos) {
	imported := map[string]string{} // path by name
	for _, i := range file.Imports {
		if from, err := strconv.Unquote(i.Path.Value); err == nil {
			name := path.Base(from)
			if i.Name != nil {
				name = i.Name.Name
			}
			imported[name] = from
		}
	}
	pointed := map[ast.Expr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			pointed[n.X] = true
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "RoundTrip" {
				found = append(found, n.Pos())
			}
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if !ok || pointed[n] {
				return true
			}
			from := imported[pkg.Name]
			if slices.Contains(makeClients[from], n.Sel.Name) || !described && slices.Contains(useDefault[from], n.Sel.Name) {
				found = append(found, n.Pos())
			}
		}
		return true
	})
	return found
}

func TestUndescribedClientsAreFound(t *testing.T) {
	for body, want := range map[string][2]int{ // in e2e, elsewhere
		`var c *http.Client; _ = c.Do`:                      {0, 0},
		`_ = &http.Client{}`:                                {1, 1},
		`_ = new(http.Client)`:                              {1, 1},
		`var c struct{ http.Client }; _ = c`:                {1, 1},
		`http.Get("")`:                                      {0, 1},
		`http.DefaultClient.Do(nil)`:                        {0, 1},
		`http.DefaultTransport.RoundTrip(nil)`:              {2, 2},
		`(&http.Transport{}).RoundTrip(nil)`:                {1, 1},
		`client.New("", client.Options{})`:                  {1, 1},
		`websocket.Dial(nil, "", nil)`:                      {0, 1},
		`_ = []any{http.MethodGet, client.Config{}, 1 * 2}`: {0, 0},
	} {
		source := "package p\nimport (\"net/http\"; \"" + module + "/api/client\"; \"github.com/coder/websocket\")\nfunc f() {" + body + "}"
		file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]int{len(undescribedClients(file, true)), len(undescribedClients(file, false))}; got != want {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
}
