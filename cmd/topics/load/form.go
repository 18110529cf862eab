package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/e6e95bb8/topics/api/client"
	"github.com/e6e95bb8/topics/cmd/topics/records"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
)

// form is what a line of the input is.
type form struct {
	as      string // records, json, csv, text
	tagFrom string // field of the data that is the tag; may be empty
}

// record is a parsed line. Absent parts are nil.
type record struct {
	raw        []byte // the line, if it is in the form of a write
	data, meta json.RawMessage
	tag, node  *string
	job        client.JobAttributes
}

// entry returns the record as it is sent.
func (r *record) entry() client.Entry {
	return client.Entry{Raw: r.raw, Data: r.data, Meta: r.meta, Tag: r.tag, Node: r.node, Job: r.job}
}

// parse checks a line and takes it apart.
func (f form) parse(line []byte) (r record, err error) {
	if !utf8.Valid(line) {
		return r, errors.New("is not UTF-8")
	}
	switch f.as {
	case "text":
		r.data = records.Quote(string(line))
	case "json", "csv":
		r.data = line
		if !json.Valid(line) {
			err = remote.Advised(errors.New("is not JSON"), "--as text loads lines as strings.")
		}
	default:
		r, err = parseRecord(line)
	}
	if err != nil || f.tagFrom == "" {
		return r, err
	}
	tag, err := records.Field(r.data, f.tagFrom)
	if err != nil {
		return r, fmt.Errorf("cannot be tagged: %w", err)
	}
	r.raw, r.tag = nil, &tag
	return r, nil
}

// parseRecord parses a record in the form of the write body, or as a read
// returns it. Names in it are case-sensitive, which encoding/json respects only
// for maps.
func parseRecord(line []byte) (r record, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil || fields == nil {
		return r, fmt.Errorf("is not a JSON object: %w", orNull(err))
	}
	data, ok := fields["data"]
	if !ok {
		return r, remote.Advised(errors.New(`has no "data"`), "--as json loads each line as the data of a record.")
	}
	r.data = data
	if meta, ok := fields["meta"]; ok && string(meta) != "null" {
		if meta[0] != '{' {
			return r, errors.New(`has a "meta" that is not an object`)
		}
		r.meta = meta
	}
	if _, read := fields["$seq"]; !read {
		r.raw = line
		err = stringsOf(fields, map[string]**string{"tag": &r.tag, "node": &r.node})
		return r, err
	}
	var group, key *string
	err = stringsOf(fields, map[string]**string{"$tag": &r.tag, "$node": &r.node, "$group": &group, "$unique_key": &key})
	if group != nil {
		r.job.Group = *group
	}
	if key != nil {
		r.job.UniqueKey = *key
	}
	if priority, ok := fields["$priority"]; ok && err == nil {
		err = json.Unmarshal(priority, &r.job.Priority)
	}
	return r, err
}

// stringsOf sets those of the named fields that there are.
func stringsOf(fields map[string]json.RawMessage, named map[string]**string) error {
	for name, dst := range named {
		if text, ok := fields[name]; ok {
			if err := json.Unmarshal(text, dst); err != nil {
				return fmt.Errorf("has a %q that is not a string", name)
			}
		}
	}
	return nil
}

func orNull(err error) error {
	if err == nil {
		return errors.New("it is null")
	}
	return err
}
