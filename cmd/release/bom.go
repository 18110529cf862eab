package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// bom is a bill of materials in the form of CycloneDX 1.6: the modules that are in a
// binary, as the binary itself has them.
type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"` // of the commit
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// list writes the bill of materials of a binary into the directory of the results.
func (r *release) list(binary, name string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	b := bom{Format: "CycloneDX", Spec: "1.6", Version: 1}
	b.Metadata.Timestamp = r.date.UTC().Format(time.RFC3339)
	b.Metadata.Component = component{
		Type: "application", Name: "topics", Version: r.version,
		Hashes:     []hash{{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(text))}},
		Properties: []property{{"commit", r.commit}},
	}
	standard := strings.TrimPrefix(info.GoVersion, "go")
	b.Components = append(b.Components, component{Type: "library", Name: "std", Version: standard, PURL: "pkg:golang/std@" + standard})
	for _, m := range info.Deps {
		b.Components = append(b.Components, module(m))
	}
	out, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return r.write(name, append(out, '\n'))
}

// module describes a module by what go.sum has of it, which is not a checksum of one
// file and so no hash in the sense of CycloneDX.
func module(m *debug.Module) component {
	if m.Replace != nil {
		m = m.Replace
	}
	return component{
		Type: "library", Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version,
		Properties: []property{{"go.sum", m.Sum}},
	}
}
