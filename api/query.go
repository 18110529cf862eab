package api

import (
	"net/url"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/wire"
)

// parsedQuery is a query string and what it means, which is never changed.
type parsedQuery struct {
	raw    string // a copy
	values url.Values
}

// keepQuery is the longest query string that is kept for the next call: most
// clients send the same one again and again.
const keepQuery = 256

// kept returns the query string if it is to be kept for the next call.
func (q parsedQuery) kept() parsedQuery {
	if len(q.raw) > keepQuery {
		return parsedQuery{}
	}
	return q
}

// query returns the parameters of the request's query string, which are not to be
// changed.
func (c *call) query() (url.Values, error) {
	raw := c.r.URL.RawQuery
	if raw == "" {
		return nil, nil
	}
	if raw == c.parsed.raw {
		return c.parsed.values, nil
	}
	raw = strings.Clone(raw) // the rest of the header is not to stay with it
	v, err := url.ParseQuery(raw)
	if err != nil {
		return nil, wire.Invalid("the query string is malformed: %s", err)
	}
	c.parsed = parsedQuery{raw, v}
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
	known := c.route.query()
	var unknown []string
	for name := range query {
		if name != "strict" && !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if unknown == nil {
		return nil
	}
	slices.Sort(unknown)
	known = append([]string{"strict"}, known...)
	for _, name := range unknown {
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
