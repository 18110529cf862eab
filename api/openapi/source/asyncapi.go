package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// The places of the OpenAPI document that say what streams carry, by operation.
const (
	eventsOf   = "x-events"
	fromClient = "x-client-messages"
	fromServer = "x-server-messages"
)

// CompileStreams returns the AsyncAPI document as JSON. All of it is what the OpenAPI
// document says of streams: the events of each, the messages of the WebSocket, and
// their schemas.
func CompileStreams() ([]byte, error) {
	compiled, err := Compile()
	if err != nil {
		return nil, err
	}
	var doc object
	d := json.NewDecoder(bytes.NewReader(compiled))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	s := &streams{schemas: at(doc, "components", "schemas"), used: object{}, messages: object{}, channels: object{}, operations: object{}}
	for path := range at(doc, "paths") {
		get := at(doc, "paths", path, "get")
		if err := s.add(path, get); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	info := at(doc, "info")
	out := object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": info["title"], "version": info["version"],
			"license": object{"name": at(info, "license")["name"]},
			"description": "The streams of the server: Server-Sent Events, whose names are those of the messages, and a WebSocket with JSON text " +
				"messages, whose `op` is the name. Messages may get more fields: ignore those you do not know. The other routes are in " +
				"/v0/openapi.json.",
		},
		"defaultContentType": "application/json",
		"servers": object{
			"http":   object{"host": "127.0.0.1:4000", "protocol": "http", "security": security()},
			"socket": object{"host": "127.0.0.1:4000", "protocol": "ws", "security": security()},
		},
		"channels": s.channels, "operations": s.operations,
		"components": object{
			"messages": s.messages, "schemas": s.used,
			"securitySchemes": object{
				"bearer": object{"type": "http", "scheme": "bearer"},
				"token":  object{"type": "httpApiKey", "in": "query", "name": "token"},
			},
		},
	}
	b, err := json.MarshalIndent(out, "", " ")
	return append(b, '\n'), err
}

func security() []any {
	return []any{reference("components", "securitySchemes", "bearer"), reference("components", "securitySchemes", "token")}
}

// at returns the object at the end of a path of names, or nil.
func at(v object, names ...string) object {
	for _, name := range names {
		v, _ = v[name].(object)
	}
	return v
}

// reference returns a reference to a part of the document.
func reference(names ...string) object {
	return object{"$ref": "#/" + strings.Join(names, "/")}
}

// streams collects the parts of the document.
type streams struct {
	schemas                        object // of the OpenAPI document
	used                           object // those that are referred to
	messages, channels, operations object
}

// add adds the channel and the operations of a path whose GET is a stream.
func (s *streams) add(path string, get object) error {
	id, _ := get["operationId"].(string)
	switch events := at(get, "responses", "200", "content", "text/event-stream", eventsOf); {
	case events != nil:
		channel := s.channel(path, id, "http", get)
		channel["bindings"] = object{}
		s.operations[id] = object{
			"action": "send", "channel": reference("channels", id), "summary": get["summary"],
			"messages": s.list(channel, id, "", events),
			"bindings": object{"http": object{"method": "GET", "query": s.query(get), "bindingVersion": "0.3.0"}},
		}
	case get[fromServer] != nil:
		channel := s.channel(path, id, "socket", get)
		channel["bindings"] = object{"ws": object{"method": "GET", "query": s.query(get), "bindingVersion": "0.1.0"}}
		for action, key := range map[string]string{"receive": fromClient, "send": fromServer} {
			messages := at(get, key)
			if messages == nil {
				return fmt.Errorf("no %s", key)
			}
			s.operations[action+"OverSocket"] = object{
				"action": action, "channel": reference("channels", id), "messages": s.list(channel, id, action+".", messages),
			}
		}
	}
	return nil
}

// channel makes the channel of a path.
func (s *streams) channel(path, id, server string, get object) object {
	parameters := object{}
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			parameters[strings.TrimSuffix(name, "}")] = object{}
		}
	}
	channel := object{
		"address": path, "title": get["summary"],
		"servers": []any{reference("servers", server)}, "messages": object{}, "parameters": parameters,
	}
	s.channels[id] = channel
	return channel
}

// list adds messages to a channel and returns references to them. Two messages of
// one name in a channel have different prefixes.
func (s *streams) list(channel object, id, prefix string, messages object) (list []any) {
	for _, name := range sorted(messages) {
		key, component := prefix+name, id+"."+prefix+name
		schema := messages[name]
		s.use(schema)
		s.messages[component] = object{"name": name, "contentType": "application/json", "payload": schema}
		at(channel, "messages")[key] = reference("components", "messages", component)
		list = append(list, reference("channels", id, "messages", key))
	}
	return list
}

// query returns the schema of the parameters in the query.
func (s *streams) query(get object) object {
	properties := object{}
	list, _ := get["parameters"].([]any)
	for _, v := range list {
		p, _ := v.(object)
		if p["in"] == "query" {
			s.use(p["schema"])
			properties[p["name"].(string)] = p["schema"]
		}
	}
	return object{"type": "object", "properties": properties}
}

// use takes the schemas that a value refers to, and those that they refer to.
func (s *streams) use(v any) {
	switch v := v.(type) {
	case object:
		ref, _ := v["$ref"].(string)
		if name, ok := strings.CutPrefix(ref, "#/components/schemas/"); ok && s.used[name] == nil {
			s.used[name] = s.schemas[name]
			s.use(s.schemas[name])
		}
		for _, child := range v {
			s.use(child)
		}
	case []any:
		for _, child := range v {
			s.use(child)
		}
	}
}
