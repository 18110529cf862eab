package source

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The field x-errors of an operation lists its errors as codes and groups of
// codes. The catalogue in errors.yaml has the status and the meaning of each
// code.

// fault is an entry of the catalogue.
type fault struct {
	Status string `yaml:"status"`
	Means  string `yaml:"means"`
}

type catalogue struct {
	Codes  map[string]fault    `yaml:"codes"`
	Groups map[string][]string `yaml:"groups"`
}

// expandErrors replaces each x-errors by responses, which become components:
// one for each set of codes that share a status in some operation.
func expandErrors(root *yaml.Node) error {
	var c catalogue
	node := take(root, "x-catalogue")
	if node == nil {
		return fmt.Errorf("there is no catalogue of errors")
	}
	if err := node.Decode(&c); err != nil {
		return err
	}
	components := field(field(root, "components"), "responses")
	used := map[string]bool{}
	paths := field(root, "paths")
	for i := 0; i+1 < len(paths.Content); i += 2 {
		operations := paths.Content[i+1]
		for j := 0; j+1 < len(operations.Content); j += 2 {
			where := operations.Content[j].Value + " " + paths.Content[i].Value
			if err := c.expand(operations.Content[j+1], components, used); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		}
	}
	for code := range c.Codes {
		if !used[code] {
			return fmt.Errorf("no operation has the error %s", code)
		}
	}
	return nil
}

// expand adds the responses to one operation, sorted by status.
func (c *catalogue) expand(operation, components *yaml.Node, used map[string]bool) error {
	list := take(operation, "x-errors")
	if list == nil {
		return nil // it is not an operation, or has no errors
	}
	var words []string
	if err := list.Decode(&words); err != nil {
		return err
	}
	byStatus := map[string][]string{}
	for _, code := range c.flatten(words) {
		f, ok := c.Codes[code]
		if !ok {
			return fmt.Errorf("the error %s is not in the catalogue", code)
		}
		used[code] = true
		if !slices.Contains(byStatus[f.Status], code) {
			byStatus[f.Status] = append(byStatus[f.Status], code)
		}
	}
	responses := field(operation, "responses")
	for _, status := range sorted(byStatus) {
		if field(responses, status) != nil {
			return fmt.Errorf("the status %s has a response already", status)
		}
		codes := byStatus[status]
		slices.Sort(codes)
		name := strings.Join(codes, ".")
		if field(components, name) == nil {
			set(components, name, c.response(status, codes))
		}
		set(responses, status, value(map[string]any{"$ref": "#/components/responses/" + name}))
	}
	return nil
}

func (c *catalogue) flatten(words []string) (codes []string) {
	for _, w := range words {
		if group, ok := c.Groups[w]; ok {
			codes = append(codes, c.flatten(group)...)
		} else {
			codes = append(codes, w)
		}
	}
	return codes
}

// response returns the response of one status with these codes.
func (c *catalogue) response(status string, codes []string) *yaml.Node {
	var means []string
	for _, code := range codes {
		means = append(means, "`"+code+"`: "+c.Codes[code].Means)
	}
	r := map[string]any{
		"description": strings.Join(means, "\n\n"),
		"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{
			"type":     "object",
			"required": []string{"error", "performance"},
			"properties": map[string]any{
				"error": map[string]any{
					"type":     "object",
					"required": []string{"code", "message"},
					"properties": map[string]any{
						"code":    map[string]any{"enum": codes},
						"message": map[string]any{"$ref": "#/components/schemas/ErrorMessage"},
						"detail":  map[string]any{"$ref": "#/components/schemas/ErrorDetail"},
					},
				},
				"warnings":    map[string]any{"$ref": "#/components/schemas/Warnings"},
				"performance": map[string]any{"$ref": "#/components/schemas/Performance"},
			},
		}}},
	}
	if header := map[string]string{"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}[status]; header != "" {
		r["headers"] = map[string]any{header: map[string]any{"$ref": "#/components/headers/" + header}}
	}
	return value(r)
}

func set(n *yaml.Node, name string, v *yaml.Node) {
	// Quoted, so that a status remains a string.
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}
	n.Content = append(n.Content, key, v)
}

// value returns the node of a plain value.
func value(v any) *yaml.Node {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		panic(err) // v has only maps, slices and strings
	}
	return &n
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
