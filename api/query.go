package api

import (
	"net/url"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/wire"
)

// query parses the request's query string.
func (c *call) query() (url.Values, error) {
	if c.r.URL.RawQuery == "" {
		return nil, nil
	}
	v, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, wire.Invalid("the query string is malformed: %s", err)
	}
	return v, nil
}

// topicFlag checks the path's topic and reads the one query flag of the route.
func (c *call) topicFlag(name string, missing bool) (bool, error) {
	if err := c.checkTopic(); err != nil {
		return false, err
	}
	query, err := c.query()
	if err != nil {
		return false, err
	}
	p := wire.ReadParams(query)
	v := p.Bool(name, missing)
	return v, p.Err()
}

// isStrict reads the header and the parameter that make a call strict.
func (c *call) isStrict() (bool, error) {
	strict := false
	if v := c.r.Header.Get("X-Strict"); v != "" {
		switch strings.ToLower(v) {
		case "true", "1":
			strict = true
		case "false", "0":
		default:
			return false, wire.InvalidField("X-Strict", "%q is none of true, false, 1, 0", v)
		}
	}
	if c.r.URL.RawQuery == "" {
		return strict, nil
	}
	query, err := c.query()
	if err != nil {
		return false, err
	}
	p := wire.ReadParams(query)
	return p.Bool("strict", strict), p.Err()
}

// checkQuery begins the call's notices and adds the query parameters that the
// route does not have.
func (c *call) checkQuery() error {
	strict, err := c.isStrict()
	c.notices = wire.NewNotices(strict)
	if err != nil || c.r.URL.RawQuery == "" {
		return err
	}
	query, err := c.query()
	if err != nil {
		return err
	}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	known := append([]string{"strict"}, c.route.query()...)
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		if name == dryRunField {
			if err := c.refuseDryRun(); err != nil {
				return err
			}
		}
		if c.notices.Full() {
			continue
		}
		if err := c.notices.AddUnknown(name, known); err != nil {
			return err
		}
	}
	return nil
}
