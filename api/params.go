package api

import (
	"net/url"
	"strconv"
)

// params reads a query string and keeps the first error.
type params struct {
	url.Values
	err error
}

// query parses the request's query string.
func (c *call) query() (url.Values, error) {
	if c.r.URL.RawQuery == "" {
		return nil, nil
	}
	v, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, invalid("the query string is malformed: %s", err)
	}
	return v, nil
}

// topicFlag checks the path's topic and reads the one query flag that the route
// knows.
func (c *call) topicFlag(name string, missing bool) (bool, error) {
	if err := c.checkTopic(); err != nil {
		return false, err
	}
	query, err := c.query()
	if err != nil {
		return false, err
	}
	p := params{Values: query}
	v := p.bool(name, missing)
	return v, p.err
}

func (p *params) refuse(name, format string, a ...any) {
	if p.err == nil {
		p.err = invalidField(name, format, a...)
	}
}

// bool is true, false, 1 or 0.
func (p *params) bool(name string, missing bool) bool {
	if !p.Has(name) {
		return missing
	}
	switch v := p.Get(name); v {
	case "true", "1":
		return true
	case "false", "0":
		return false
	default:
		p.refuse(name, "%q is none of true, false, 1, 0", v)
		return false
	}
}

func (p *params) uint(name string) uint64 {
	if !p.Has(name) {
		return 0
	}
	v, err := strconv.ParseUint(p.Get(name), 10, 64)
	if err != nil {
		p.refuse(name, "%q is not an integer from 0 to 2^64-1", p.Get(name))
	}
	return v
}

// size is an integer that must not be negative.
func (p *params) size(name string) int64 {
	if !p.Has(name) {
		return 0
	}
	v, err := strconv.ParseInt(p.Get(name), 10, 64)
	if err != nil || v < 0 {
		p.refuse(name, "%q is not an integer from 0 to 2^63-1", p.Get(name))
	}
	return v
}

// pageSize is how many names a page of a listing has.
func (p *params) pageSize() int {
	if !p.Has("page_size") {
		return defaultPage
	}
	size := min(p.size("page_size"), maxPage)
	if size == 0 {
		p.refuse("page_size", "must be from 1 to %d", maxPage)
	}
	return int(size)
}
