package manage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/api/spelling"
	"github.com/e6e95bb8/topics/cmd/topics/records"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// file is what topics apply is given, in the order of the file.
type file struct {
	topics  []*declaredTopic
	routers []*declaredRouter
}

type declaredTopic struct {
	name     string
	settings []setting
}

type declaredRouter struct {
	name   string
	router client.Router
}

// parseFile parses the YAML of a file. An error names the line.
func parseFile(text []byte) (*file, error) {
	var document yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(text))
	if err := in.Decode(&document); errors.Is(err, io.EOF) {
		return nil, remote.Advised(errors.New("the file is empty"), "topics apply --help shows what it may have.")
	} else if err != nil {
		return nil, err
	}
	f := &file{}
	err := pairs(document.Content[0], func(key string, value *yaml.Node) error {
		switch key {
		case "topics":
			return pairs(value, f.topic)
		case "routers":
			return pairs(value, f.router)
		}
		return unknown(value.Line, key, []string{"topics", "routers"})
	})
	return f, err
}

// pairs calls do with each entry of a mapping, which may be empty.
func pairs(n *yaml.Node, do func(key string, value *yaml.Node) error) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: names with values are expected here, such as ttl: 7d", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := do(n.Content[i].Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func unknown(line int, name string, known []string) error {
	err := fmt.Errorf("line %d: unknown name %q", line, name)
	if near, ok := spelling.Nearest(name, known); ok {
		return remote.Advised(err, "Did you mean "+near+"?")
	}
	return remote.Advised(err, fmt.Sprintf("What may be here: %q.", known))
}

func (f *file) topic(name string, value *yaml.Node) error {
	t := &declaredTopic{name: name}
	err := pairs(value, func(key string, value *yaml.Node) error {
		if value.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: %s is one value", value.Line, key)
		}
		s, err := newSetting(key, value.Value)
		if err != nil {
			return fmt.Errorf("line %d: %w", value.Line, err)
		}
		t.settings = append(t.settings, s)
		return nil
	})
	f.topics = append(f.topics, t)
	return err
}

// routerNames are the fields of a router.
var routerNames = fieldsOf(reflect.TypeFor[client.Router]())

func (f *file) router(name string, value *yaml.Node) error {
	r := &declaredRouter{name: name}
	fields := map[string]any{}
	err := pairs(value, func(key string, value *yaml.Node) error {
		if !slices.Contains(routerNames, key) {
			return unknown(value.Line, key, routerNames)
		}
		var v any
		if err := value.Decode(&v); err != nil {
			return err
		}
		if pattern, ok := v.(string); ok && key == "filter" {
			v = records.Match(pattern)
		}
		fields[key] = v
		return nil
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &r.router); err != nil {
		return fmt.Errorf("line %d: router %s: %w", value.Line, name, err)
	}
	if r.router.Source == "" || r.router.Dest == "" {
		return fmt.Errorf("line %d: router %s needs a source and a dest", value.Line, name)
	}
	f.routers = append(f.routers, r)
	return nil
}

// routerFields returns the fields of a router with the defaults of the server.
func routerFields(r client.Router) []change {
	yes := true
	for _, b := range []**bool{&r.PreserveNode, &r.PreserveTag, &r.CreateDest} {
		if *b == nil {
			*b = &yes
		}
	}
	if r.Guarantee == "" {
		r.Guarantee = "at_least_once"
	}
	var all []change
	v := reflect.ValueOf(r)
	for i, name := range routerNames {
		value, _ := json.Marshal(v.Field(i).Interface()) // of strings and booleans
		all = append(all, change{Name: name, To: value})
	}
	return all
}

// zero returns the JSON of a setting that a config leaves out.
func zero(name string) string {
	switch {
	case name == "priority" || name == "dead_letter":
		return "null"
	case kindOf(name) == reflect.Bool:
		return "false"
	case kindOf(name) == reflect.String:
		return `""`
	}
	return "0"
}
