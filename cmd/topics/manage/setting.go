package manage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/api/spelling"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// setting is a field of a topic's config with its value as JSON.
type setting struct {
	name  string
	value string
}

// names are the fields of a topic's config, in their order.
var names = fieldsOf(reflect.TypeFor[client.Config]())

func fieldsOf(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// settingsOf returns the settings of a config that are not their zero values.
func settingsOf(c client.Config) ([]setting, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	var all []setting
	for _, name := range names {
		if value, ok := values[name]; ok {
			all = append(all, setting{name, string(value)})
		}
	}
	return all, nil
}

// parseSetting returns the setting that name=value means. Numbers of bytes and
// milliseconds may have units, and _ms and _bytes may be left out of the names.
func parseSetting(text string) (setting, error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return setting{}, remote.Advised(fmt.Errorf("%q is not name=value", text), "For example: topics set orders ttl=7d cap_bytes=1GiB")
	}
	return newSetting(name, value)
}

func newSetting(name, value string) (setting, error) {
	full, ok := fullName(name)
	if !ok {
		advice := "The settings of a topic are " + strings.Join(names, ", ") + "."
		if near, ok := spelling.Nearest(name, names); ok {
			advice = "Did you mean " + near + "?"
		}
		return setting{}, remote.Advised(fmt.Errorf("a topic has no setting %q", name), advice)
	}
	text, err := valueOf(full, value)
	if err != nil {
		return setting{}, fmt.Errorf("%s: %w", full, err)
	}
	return setting{full, text}, nil
}

func fullName(name string) (string, bool) {
	for _, suffix := range []string{"", "_ms", "_bytes"} {
		if slices.Contains(names, name+suffix) {
			return name + suffix, true
		}
	}
	return "", false
}

// valueOf returns a value as JSON.
func valueOf(name, value string) (string, error) {
	kind := kindOf(name)
	switch {
	case (value == "null" || value == "none") && (name == "priority" || name == "dead_letter"):
		return "null", nil
	case kind == reflect.Bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return "", fmt.Errorf("%q is neither true nor false", value)
		}
		return strconv.FormatBool(b), nil
	case kind == reflect.String:
		text, err := json.Marshal(value)
		return string(text), err
	case strings.HasSuffix(name, "_ms"):
		return milliseconds(value)
	case strings.HasSuffix(name, "_bytes"):
		return byteCount(value)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return "", fmt.Errorf("%q is not a whole number", value)
	}
	return strconv.FormatInt(n, 10), nil
}

// kindOf returns the kind of a setting, without its pointer.
func kindOf(name string) reflect.Kind {
	t := reflect.TypeFor[client.Config]().Field(slices.Index(names, name)).Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind()
}

// milliseconds parses a time such as 90s, 1h30m or 7d, or a number of ms.
func milliseconds(value string) (string, error) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	if days, ok := strings.CutSuffix(value, "d"); ok {
		if n, err := strconv.ParseInt(days, 10, 32); err == nil {
			return strconv.FormatInt(n*24*int64(time.Hour/time.Millisecond), 10), nil
		}
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return "", fmt.Errorf("%q is not a time such as 500ms, 90s, 1h or 7d", value)
	}
	return strconv.FormatInt(d.Milliseconds(), 10), nil
}

// sizes matches a number of bytes with a unit.
var sizes = regexp.MustCompile(`^([0-9]+) ?([kKMGT]?)(i?)[bB]?$`)

// byteCount parses a size such as 64MiB, 1GB or a number of bytes.
func byteCount(value string) (string, error) {
	m := sizes.FindStringSubmatch(value)
	if m == nil {
		return "", fmt.Errorf("%q is not a size such as 4096, 64KiB, 64MiB or 1GB", value)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	base := int64(1000)
	if m[3] != "" {
		base = 1024
	}
	for range strings.Index("kMGT", strings.Replace(m[2], "K", "k", 1)) + len(m[2]) {
		if n > 1<<62/base {
			err = strconv.ErrRange
			break
		}
		n *= base
	}
	if err != nil {
		return "", fmt.Errorf("%q is too large", value)
	}
	return strconv.FormatInt(n, 10), nil
}

// object returns settings as a JSON object.
func object(settings []setting) []byte {
	var b bytes.Buffer
	for i, s := range settings {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		fmt.Fprintf(&b, "%s%q:%s", sep, s.name, s.value)
	}
	if len(settings) == 0 {
		b.WriteByte('{')
	}
	return append(b.Bytes(), '}')
}

// configOf returns settings as the config of a topic that is made.
func configOf(settings []setting) (c client.Config, err error) {
	err = json.Unmarshal(object(settings), &c)
	return c, err
}

// changesOf returns settings as changes of a topic.
func changesOf(settings []setting) (c client.Changes, err error) {
	for _, s := range settings {
		switch {
		case s.name == "type":
			return c, remote.Advised(fmt.Errorf("the type of a topic cannot change"), "Make another topic: topics set NAME type=queue --create")
		case s.name == "priority" && s.value == "null":
			c.NoPriority = true
		case s.name == "dead_letter" && s.value == "null":
			c.NoDeadLetter = true
		}
	}
	err = json.Unmarshal(object(settings), &c)
	return c, err
}
