// Package source has the source of the OpenAPI document: YAML files, each of
// which is a part of it. It is only for generating and testing the document;
// the server embeds the result.
package source

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var files embed.FS

// Compile joins the files to one document, expands the errors of its
// operations, and returns it as JSON. Fields keep the order of the source.
func Compile() ([]byte, error) {
	names, err := fs.Glob(files, "*.yaml") // sorted
	if err != nil {
		return nil, err
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range names {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var part yaml.Node
		if err := yaml.Unmarshal(b, &part); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := merge(root, unalias(part.Content[0]), ""); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	expandWarnings(root)
	if err := expandErrors(root); err != nil {
		return nil, err
	}
	var raw, out bytes.Buffer
	if err := render(&raw, root); err != nil {
		return nil, err
	}
	if err := json.Indent(&out, raw.Bytes(), "", " "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// unalias copies a node and replaces each alias by a copy, so that an expansion
// in one place does not change another.
func unalias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return unalias(n.Alias)
	}
	own := *n
	own.Anchor, own.Content = "", nil
	for _, child := range n.Content {
		own.Content = append(own.Content, unalias(child))
	}
	return &own
}

// merge adds the fields of the mapping from to the mapping into. A field in
// both must be a mapping in both.
func merge(into, from *yaml.Node, path string) error {
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		have := field(into, key.Value)
		switch {
		case have == nil:
			into.Content = append(into.Content, key, value)
		case have.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
			if err := merge(have, value, path+"/"+key.Value); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s/%s is written twice", path, key.Value)
		}
	}
	return nil
}

// field returns the value of a mapping's field, or nil.
func field(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// take removes a mapping's field and returns its value, or nil.
func take(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			value := n.Content[i+1]
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
			return value
		}
	}
	return nil
}

// render writes a node as JSON.
func render(w *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		w.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				w.WriteByte(',')
			}
			if err := renderValue(w, n.Content[i].Value); err != nil {
				return err
			}
			w.WriteByte(':')
			if err := render(w, n.Content[i+1]); err != nil {
				return err
			}
		}
		w.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		w.WriteByte('[')
		for i, element := range n.Content {
			if i > 0 {
				w.WriteByte(',')
			}
			if err := render(w, element); err != nil {
				return err
			}
		}
		w.WriteByte(']')
		return nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return renderValue(w, v)
}

func renderValue(w *bytes.Buffer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Truncate(w.Len() - 1) // without the line end
	return nil
}
