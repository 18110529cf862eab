package wire

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Page sizes of a listing.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// Params reads the parameters of a query string and keeps the first error.
type Params struct {
	url.Values
	err error
}

// ReadParams returns a reader of a parsed query string.
func ReadParams(query url.Values) Params { return Params{Values: query} }

// Err returns the first error.
func (p *Params) Err() error { return p.err }

// Refuse fails with a bad value of a parameter.
func (p *Params) Refuse(name, format string, a ...any) {
	if p.err == nil {
		p.err = InvalidField(name, format, a...)
	}
}

// Bool reads true, false, 1 or 0. It returns missing if there is no such
// parameter.
func (p *Params) Bool(name string, missing bool) bool {
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

// OneOf reads one of some words. It returns missing if there is no such parameter.
func (p *Params) OneOf(name, missing string, words ...string) string {
	if !p.Has(name) {
		return missing
	}
	v := p.Get(name)
	if !slices.Contains(words, v) {
		p.Refuse(name, "%q is none of %s", v[:min(len(v), maxQuoted)], strings.Join(words, ", "))
	}
	return v
}

// Int reads an integer, which may be negative. It returns missing if there is no such
// parameter.
func (p *Params) Int(name string, missing int64) int64 {
	if !p.Has(name) {
		return missing
	}
	v, err := strconv.ParseInt(p.Get(name), 10, 64)
	if err != nil {
		p.Refuse(name, "%q is not an integer from -2^63 to 2^63-1", p.Get(name))
	}
	return v
}

// Uint reads an unsigned integer, which is 0 if missing.
func (p *Params) Uint(name string) uint64 {
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
func (p *Params) Size(name string) int64 {
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
func (p *Params) PageSize() int {
	if !p.Has("page_size") {
		return DefaultPage
	}
	size := min(p.Size("page_size"), MaxPage)
	if size == 0 {
		p.Refuse("page_size", "must be from 1 to %d", MaxPage)
	}
	return int(size)
}
