package source

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// expandWarnings adds the parameters for strict checks to every operation that
// serves data, and the warnings to every answer with a performance block. So
// the source does not repeat them.
func expandWarnings(root *yaml.Node) {
	paths := field(root, "paths")
	for i := 0; i+1 < len(paths.Content); i += 2 {
		operations := paths.Content[i+1]
		for j := 0; j+1 < len(operations.Content); j += 2 {
			if operation := operations.Content[j+1]; served(operation) {
				addParameters(operation, "strict", "X-Strict")
			}
		}
	}
	addWarnings(root)
}

// served reports whether an operation lists the errors of those that serve
// data.
func served(operation *yaml.Node) bool {
	list := field(operation, "x-errors")
	return list != nil && slices.ContainsFunc(list.Content, func(n *yaml.Node) bool { return n.Value == "served" })
}

func addParameters(operation *yaml.Node, names ...string) {
	list := field(operation, "parameters")
	if list == nil {
		list = &yaml.Node{Kind: yaml.SequenceNode}
		set(operation, "parameters", list)
	}
	for _, name := range names {
		list.Content = append(list.Content, value(map[string]any{"$ref": "#/components/parameters/" + name}))
	}
}

// addWarnings adds warnings to all schemas with a performance block.
func addWarnings(n *yaml.Node) {
	for _, child := range n.Content {
		addWarnings(child)
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	if properties := field(n, "properties"); properties != nil && field(properties, "performance") != nil && field(properties, "warnings") == nil {
		set(properties, "warnings", value(map[string]any{"$ref": "#/components/schemas/Warnings"}))
	}
}
