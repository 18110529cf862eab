package api

import (
	"net/url"
	"strconv"
)

// Page sizes of a listing.
const (
	defaultPage = 100
	maxPage     = 1000
)

// params reads the parameters of a query string and keeps the first error.
type params struct {
	url.Values
	err error
}

// readParams returns a reader of a parsed query string.
func readParams(query url.Values) params { return params{Values: query} }

// Err returns the first error.
func (p *params) Err() error { return p.err }

// Refuse fails with a bad value of a parameter.
func (p *params) Refuse(name, format string, a ...any) {
	if p.err == nil {
		p.err = invalidField(name, format, a...)
	}
}

// Bool reads true, false, 1 or 0. It returns missing if there is no such
// parameter.
func (p *params) Bool(name string, missing bool) bool {
	if !p.Has(name) {
		return missing
	}
	switch v := p.Get(name); v {
	case "true", "1":
		return true
	case "false", "0":
		return false
	default:
		p.Refuse(name, "%q is none of true, false, 1, 0", v)
		return false
	}
}

// Uint reads an unsigned integer, which is 0 if missing.
func (p *params) Uint(name string) uint64 {
	if !p.Has(name) {
		return 0
	}
	v, err := strconv.ParseUint(p.Get(name), 10, 64)
	if err != nil {
		p.Refuse(name, "%q is not an integer from 0 to 2^64-1", p.Get(name))
	}
	return v
}

// Size reads an integer that must not be negative. It is 0 if missing.
func (p *params) Size(name string) int64 {
	if !p.Has(name) {
		return 0
	}
	v, err := strconv.ParseInt(p.Get(name), 10, 64)
	if err != nil || v < 0 {
		p.Refuse(name, "%q is not an integer from 0 to 2^63-1", p.Get(name))
	}
	return v
}

// PageSize reads how many names a page of a listing has.
func (p *params) PageSize() int {
	if !p.Has("page_size") {
		return defaultPage
	}
	size := min(p.Size("page_size"), maxPage)
	if size == 0 {
		p.Refuse("page_size", "must be from 1 to %d", maxPage)
	}
	return int(size)
}
