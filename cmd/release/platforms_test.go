package main

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

var typed = flag.Bool("platforms", false, "check types on every platform")

// TestEveryPlatform: all packages and their tests have valid types on every platform. That is
// what a compiler finds wrong with a file of one system, at a tenth of its price: the
// standard library needs no compilation for each.
func TestEveryPlatform(t *testing.T) {
	if !*typed {
		t.Skip("needs -platforms")
	}
	source, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range platforms {
		if p == runtime.GOOS+"/"+runtime.GOARCH {
			continue // the other tests are compiled
		}
		t.Run(p, func(t *testing.T) {
			system, arch, _ := strings.Cut(p, "/")
			files := token.NewFileSet()
			loaded, err := packages.Load(&packages.Config{
				Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
					packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesSizes,
				Dir: source, Fset: files, Tests: true,
				Env: append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS="),
				ParseFile: func(files *token.FileSet, name string, text []byte) (*ast.File, error) {
					file, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution)
					if file != nil && !strings.HasPrefix(name, source+string(filepath.Separator)) {
						empty(file)
					}
					return file, err
				},
			}, "./...")
			if err != nil {
				t.Fatal(err)
			}
			checked := 0
			for _, pkg := range loaded {
				switch {
				case strings.HasSuffix(pkg.ID, ".test"):
					continue // what go test generates
				case system == "windows" && strings.Contains(pkg.PkgPath, "/cmd/topics/e2e"):
					continue // the end-to-end tests end servers by signals
				}
				checked++
				for _, e := range pkg.Errors {
					t.Errorf("%s: %v", pkg.ID, e)
				}
				for _, file := range pkg.Syntax {
					for _, name := range bodiless(file) {
						t.Errorf("%s: %s has no body", files.Position(file.Pos()).Filename, name)
					}
				}
			}
			if checked < 50 {
				t.Errorf("only %d packages", checked)
			}
		})
	}
}

// empty removes the bodies of the functions of a file of another module. The types of
// what it declares do not depend on them.
func empty(file *ast.File) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && f.Body != nil {
			f.Body.List = nil
		}
	}
}

// bodiless returns the functions of a file that a file in assembly would have to implement.
func bodiless(file *ast.File) []string {
	var names []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && f.Body == nil {
			names = append(names, f.Name.Name)
		}
	}
	return names
}
