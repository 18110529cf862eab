package conform

import "strings"

// seal closes every schema of the document that has properties and does not
// mention others. A schema that another one extends stays open, and the other
// one is closed instead.
func seal(root map[string]any) {
	extended := map[string]bool{}
	walk(root, func(schema map[string]any) {
		for _, part := range parts(schema) {
			if ref, ok := part["$ref"].(string); ok {
				extended[ref] = true
			}
		}
	})
	var inner []map[string]any // schemas that extend others and are part of them
	walk(root, func(schema map[string]any) {
		for _, part := range parts(schema) {
			if part["$ref"] == nil {
				inner = append(inner, part)
			}
		}
	})
	for ref := range extended {
		names := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		inner = append(inner, object(root, names...))
	}
	for _, part := range inner {
		part["x-open"] = true
	}
	walk(root, func(schema map[string]any) {
		_, spoken := schema["additionalProperties"]
		_, listed := schema["properties"]
		if (listed || schema["allOf"] != nil) && !spoken && schema["x-open"] == nil {
			schema["unevaluatedProperties"] = false
		}
	})
}

// parts returns the schemas that this one extends.
func parts(schema map[string]any) (list []map[string]any) {
	if ref, ok := schema["$ref"]; ok && schema["properties"] != nil {
		list = append(list, map[string]any{"$ref": ref})
	}
	all, _ := schema["allOf"].([]any)
	for _, v := range all {
		if part, ok := v.(map[string]any); ok {
			list = append(list, part)
		}
	}
	return list
}

// walk visits every object of the document that may be a schema. It skips
// "not": closing a schema there would make it accept more.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		if _, named := v["properties"].(map[string]any); named || v["allOf"] != nil || v["$ref"] != nil {
			visit(v)
		}
		for name, child := range v {
			if name != "example" && name != "default" && name != "not" {
				walk(child, visit)
			}
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}
