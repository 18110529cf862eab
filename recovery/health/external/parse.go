package external

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
)

// MaxChecks is how many checks there may be.
const MaxChecks = 32

// The ranges of what a check may say of itself, and what it is otherwise. A
// timeout that is not given is no longer than the interval.
const (
	defaultInterval = 10 * time.Second
	defaultTimeout  = 2 * time.Second
	minInterval     = 100 * time.Millisecond
	maxInterval     = time.Hour
	minTimeout      = 10 * time.Millisecond
	maxTimeout      = time.Minute
)

// form is what to write.
const form = "write name=http://host/path, name=https://host/path, name=tcp://host:port or name=file:/path, " +
	"then, if needed, ;interval=10s,timeout=2s,affects=readiness|liveness|health"

// Spec is one check as it was declared.
type Spec struct {
	Name     string
	Target   *url.URL // scheme http, https, tcp or file
	Interval time.Duration
	Timeout  time.Duration
	Affects  health.Affects
}

// String is the check as Parse reads it, everything said.
func (s Spec) String() string {
	return fmt.Sprintf("%s=%s;interval=%s,timeout=%s,affects=%s", s.Name, s.Target, s.Interval, s.Timeout, s.Affects)
}

// Parse reads a list of checks, separated by spaces. The error has a line for
// each that is wrong, with its name and what to write.
func Parse(list string) (specs []Spec, err error) {
	var problems []error
	for i, text := range strings.Fields(list) {
		s, err := parseOne(text)
		if err == nil && slices.ContainsFunc(specs, func(o Spec) bool { return o.Name == s.Name }) {
			err = errors.New("the name is there twice; each check needs its own")
		}
		if err != nil {
			name, _, _ := strings.Cut(text, "=")
			problems = append(problems, fmt.Errorf("check %d, %q: %w", i+1, name, err))
			continue
		}
		specs = append(specs, s)
	}
	if len(specs) > MaxChecks {
		problems = append(problems, fmt.Errorf("%d checks; at most %d are allowed", len(specs), MaxChecks))
	}
	return specs, errors.Join(problems...)
}

func parseOne(text string) (Spec, error) {
	text, options, more := strings.Cut(text, ";")
	name, target, ok := strings.Cut(text, "=")
	if !ok {
		return Spec{}, errors.New("it has no target; " + form)
	}
	if err := health.ValidName(name); err != nil {
		return Spec{}, err
	}
	s := Spec{Name: name, Interval: defaultInterval, Affects: health.AffectsHealth}
	var err error
	if s.Target, err = parseTarget(target); err != nil {
		return Spec{}, err
	}
	if more {
		err = s.parseOptions(options)
	}
	if s.Timeout == 0 {
		s.Timeout = min(defaultTimeout, s.Interval)
	}
	return s, err
}

func parseTarget(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the target is no URL; %s", form)
	case u.User != nil:
		return nil, errors.New("the target has a user or a password, which would be shown with the configuration; leave them out")
	}
	switch u.Scheme {
	case "http", "https":
		if u.Hostname() == "" || u.Opaque != "" || u.Fragment != "" {
			return nil, fmt.Errorf("the target has no host, or a fragment; %s", form)
		}
	case "tcp":
		_, port, err := net.SplitHostPort(u.Host)
		if err != nil || port == "" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" {
			return nil, fmt.Errorf("the target is not tcp://host:port; %s", form)
		}
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) || u.RawQuery != "" {
			return nil, fmt.Errorf("the target is not file:/path; %s", form)
		}
	default:
		return nil, fmt.Errorf("the target is none of http, https, tcp and file; %s", form)
	}
	return u, nil
}

func (s *Spec) parseOptions(text string) (err error) {
	given := map[string]bool{}
	for option := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(option, "=")
		switch {
		case !ok:
			return fmt.Errorf("%q is not of the form option=value; %s", option, form)
		case given[name]:
			return fmt.Errorf("%s is there twice; %s", name, form)
		}
		given[name] = true
		switch name {
		case "interval":
			s.Interval, err = parseTime(value, minInterval, maxInterval)
		case "timeout":
			s.Timeout, err = parseTime(value, minTimeout, maxTimeout)
		case "affects":
			s.Affects, err = health.ParseAffects(value)
		default:
			return fmt.Errorf("%q is no option; %s", name, form)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// parseTime reads a duration with a unit, or a number of milliseconds.
func parseTime(text string, lo, hi time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if n, nerr := strconv.ParseInt(text, 10, 32); nerr == nil {
		d, err = time.Duration(n)*time.Millisecond, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no duration such as 500ms, 10s or 5m", text)
	}
	if d < lo || d > hi {
		return 0, fmt.Errorf("%s is out of range: %s to %s", text, lo, hi)
	}
	return d, nil
}
