package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is the type of a variable: it converts between text and the value of a
// field. The errors of parse describe what is wrong without the variable's
// name.
type kind struct {
	Type  string
	Range string // for humans; empty if anything is allowed
	// secret values are masked where the operator can see them, and omitted
	// elsewhere.
	secret bool
	parse  func(string) error
	print  func() string
}

// text is any string.
func text(dst *string) kind {
	return kind{
		Type:  "text",
		parse: func(s string) error { *dst = s; return nil },
		print: func() string { return *dst },
	}
}

// boolean is true, false, 1 or 0.
func boolean(dst *bool) kind {
	return kind{
		Type:  "bool",
		Range: "true, false, 1, 0",
		parse: func(s string) (err error) {
			if *dst, err = strconv.ParseBool(s); err != nil {
				return fmt.Errorf("%q is not true, false, 1 or 0", s)
			}
			return nil
		},
		print: func() string { return strconv.FormatBool(*dst) },
	}
}

// oneOf is one of a few words.
func oneOf(dst *string, words ...string) kind {
	list := strings.Join(words, ", ")
	return kind{
		Type:  "word",
		Range: list,
		parse: func(s string) error {
			if !slices.Contains(words, s) {
				return fmt.Errorf("%q is none of %s", s, list)
			}
			*dst = s
			return nil
		},
		print: func() string { return *dst },
	}
}

// integer is a whole number in [lo, hi].
func integer(dst *int, lo, hi int64) kind {
	return number("number", lo, hi, spell, wholeNumber,
		func(n int64) { *dst = int(n) }, func() int64 { return int64(*dst) })
}

// millis is a duration in whole milliseconds in [lo, hi], with or without a unit.
func millis(dst *time.Duration, lo, hi int64) kind {
	return number("ms", lo, hi, spell, parseMillis,
		func(n int64) { *dst = time.Duration(n) * time.Millisecond }, func() int64 { return dst.Milliseconds() })
}

// size is a number of bytes in [lo, hi], with or without a unit.
func size(dst *int64, lo, hi int64) kind {
	return number("size", lo, hi, formatSize, parseSize,
		func(n int64) { *dst = n }, func() int64 { return *dst })
}

// number has what integer, millis and size share: the range.
func number(typ string, lo, hi int64, format func(int64) string, parse func(string) (int64, error),
	set func(int64), get func() int64) kind {
	limits := format(lo) + " to " + format(hi)
	return kind{
		Type:  typ,
		Range: limits,
		parse: func(s string) error {
			n, err := parse(s)
			if errors.Is(err, strconv.ErrRange) || err == nil && (n < lo || n > hi) {
				return fmt.Errorf("%s is out of range: %s", s, limits)
			}
			if err != nil {
				return err
			}
			set(n)
			return nil
		},
		print: func() string { return format(get()) },
	}
}

func spell(n int64) string { return strconv.FormatInt(n, 10) }

func wholeNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, err
}

// day is the number of milliseconds in a day.
const day = 24 * int64(time.Hour/time.Millisecond)

// parseMillis parses a number of milliseconds, or a duration with units: "60s",
// "1h30m", "7d".
func parseMillis(s string) (int64, error) {
	digits, factor := s, int64(1)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		digits, factor = days, day
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && n*factor/factor != n:
		return 0, strconv.ErrRange
	case err == nil:
		return n * factor, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d%time.Millisecond != 0 {
		return 0, fmt.Errorf("%q is not a duration such as 500, 500ms, 60s, 5m or 7d", s)
	}
	return d.Milliseconds(), nil
}

// units are the suffixes of a size. One that ends another one comes after it.
var units = []struct {
	name   string
	factor int64
}{
	{"KiB", kib}, {"MiB", mib}, {"GiB", gib}, {"TiB", tib},
	{"Ki", kib}, {"Mi", mib}, {"Gi", gib}, {"Ti", tib},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"B", 1},
}

// parseSize parses "512", "64MiB", "64 Mi", "1GB" or "1G". Units are
// case-insensitive, and numbers must be whole.
func parseSize(s string) (int64, error) {
	digits, factor := s, int64(1)
	for _, u := range units {
		if at := len(s) - len(u.name); at > 0 && strings.EqualFold(s[at:], u.name) {
			digits, factor = strings.TrimRight(s[:at], " "), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, fmt.Errorf("%q is not a size such as 4096, 64KiB, 64MiB or 1G", s)
	case err != nil:
		return 0, err
	case n*factor/factor != n:
		return 0, strconv.ErrRange
	}
	return n * factor, nil
}

// formatSize is the inverse of parseSize. It uses the largest unit that is
// exact.
func formatSize(n int64) string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; n != 0 && n%u.factor == 0 {
			return spell(n/u.factor) + u.name
		}
	}
	return spell(n)
}
