package call

import (
	"net/url"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/record"
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

// Query returns the parameters of the request's query string, which are not to be
// changed.
func (c *Call) Query() (url.Values, error) {
	raw := c.Request.URL.RawQuery
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

// TopicFlag checks the path's topic and reads the one query flag of the route.
func (c *Call) TopicFlag(name string, missing bool) (bool, error) {
	if err := c.CheckTopic(); err != nil {
		return false, err
	}
	query, err := c.Query()
	if err != nil {
		return false, err
	}
	p := wire.ReadParams(query)
	v := p.Bool(name, missing)
	return v, p.Err()
}

// isStrict reads the header and the parameter that make a call strict.
func (c *Call) isStrict() (bool, error) {
	strict := false
	if values := c.Request.Header["X-Strict"]; len(values) > 0 {
		v := values[0]
		switch strings.ToLower(v) {
		case "true", "1":
			strict = true
		case "false", "0":
		default:
			return false, wire.InvalidField("X-Strict", "%q is none of true, false, 1, 0", v)
		}
	}
	if c.Request.URL.RawQuery == "" {
		return strict, nil
	}
	query, err := c.Query()
	if err != nil {
		return false, err
	}
	p := wire.ReadParams(query)
	return p.Bool("strict", strict), p.Err()
}

// checkQuery begins the call's notices and adds the query parameters that the
// route does not have.
func (c *Call) checkQuery() error {
	strict, err := c.isStrict()
	c.Notices = wire.NewNotices(strict)
	if err != nil || c.Request.URL.RawQuery == "" {
		return err
	}
	query, err := c.Query()
	if err != nil {
		return err
	}
	known := c.Route.Query
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
		if name == DryRunField {
			if err := c.refuseDryRun(); err != nil {
				return err
			}
		}
		if c.Notices.Full() {
			continue
		}
		if err := c.Notices.AddUnknown(name, known); err != nil {
			return err
		}
	}
	return nil
}

// CheckTopic checks the topic's name in the path.
func (c *Call) CheckTopic() error {
	if err := record.CheckName(c.Topic); err != nil {
		return err
	}
	return nil
}

// ReadDryRun reads from the query whether the call is a dry run.
func (c *Call) ReadDryRun() error {
	query, err := c.Query()
	if err != nil {
		return err
	}
	p := wire.ReadParams(query)
	c.Dry = p.Bool(DryRunField, false)
	return p.Err()
}

// refuseDryRun refuses a dry run of what has none: that it is an unknown name must not
// be found out from what was done.
func (c *Call) refuseDryRun() error {
	if !c.Route.Acts() {
		return nil
	}
	err := c.ReadDryRun()
	if err == nil && c.Dry {
		err = wire.InvalidField(DryRunField, "there is no dry run of this call; nothing was done")
	}
	c.Dry = false
	return err
}

// DryRunField is the name that asks for a dry run, in queries and bodies.
const DryRunField = "dry_run"
