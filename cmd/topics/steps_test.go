package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStepsExist checks that each `path/file.go:Function` in a page of docs is a
// function, a method or a type of that file, and each `path/file.go` a file.
// Decisions tell how things were then, and are left out.
func TestStepsExist(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	step := regexp.MustCompile("`([a-z0-9_/]+/[a-z0-9_]+\\.go)(?::([A-Za-z0-9_.]+))?`")
	declared := map[string]map[string]bool{}
	steps := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, m := range step.FindAllStringSubmatch(line, -1) {
				file, name := m[1], m[2]
				if declared[file] == nil {
					declared[file] = declarations(filepath.Join("../..", file))
				}
				if declared[file] == nil {
					t.Errorf("%s:%d: there is no file %s", filepath.Base(page), i+1, file)
				} else if name != "" && !declared[file][name] {
					t.Errorf("%s:%d: %s declares no %s", filepath.Base(page), i+1, file, name)
				}
				if name != "" {
					steps++
				}
			}
		}
	}
	if steps < 40 {
		t.Errorf("the pages name only %d functions", steps)
	}
}

// declarations returns what a file declares: functions and types by name, and
// methods as Type.Method. It returns nil if there is no such file.
func declarations(path string) map[string]bool {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	names := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			names[name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, n := range s.Names {
						names[n.Name] = true
					}
				}
			}
		}
	}
	return names
}

// receiver returns the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
