package queue

import (
	"errors"
	"math"
)

// Config is the part of a topic's config that concerns its jobs. Times are milliseconds.
type Config struct {
	LeaseMS           int64 // of a claim that does not ask for another one
	ClaimJitterMS     int64 // how long a cohort of claims gathers, or 0 to serve each on its own
	MaxDeliveries     int64 // 0: no limit
	DeadLetter        bool  // there is a topic for the jobs that are over the limit
	LeasesDurable     bool
	RetryBackoffMS    int64 // 0: a retried job is ready at once
	RetryBackoffMaxMS int64
	GroupConcurrency  int // jobs of a group that may be in flight at a time
	Paused            bool
}

// Limits of a config's fields and of those of a call.
const (
	MinLeaseMS       = 100
	MaxLeaseMS       = 24 * 60 * 60 * 1000
	MaxClaimJitterMS = 5000
	MaxRetryDelayMS  = 24 * 60 * 60 * 1000
	MaxWriteDelayMS  = 10 * 365 * 24 * 60 * 60 * 1000
	MinPriority      = -100
	MaxPriority      = 100
	MaxReasonBytes   = 1024
)

// DefaultConfig returns the config of a queue whose topic sets nothing.
func DefaultConfig() Config {
	return Config{LeaseMS: 30_000, RetryBackoffMaxMS: 3_600_000, GroupConcurrency: 1}
}

// Clamped returns c with each field moved into its range.
func (c Config) Clamped() Config {
	c.LeaseMS = clamp(c.LeaseMS, MinLeaseMS, MaxLeaseMS)
	c.ClaimJitterMS = clamp(c.ClaimJitterMS, 0, MaxClaimJitterMS)
	c.MaxDeliveries = max(c.MaxDeliveries, 0)
	c.RetryBackoffMS = clamp(c.RetryBackoffMS, 0, MaxRetryDelayMS)
	c.RetryBackoffMaxMS = clamp(c.RetryBackoffMaxMS, 0, MaxRetryDelayMS)
	c.GroupConcurrency = clamp(c.GroupConcurrency, 1, math.MaxInt32)
	return c
}

// ClampLease returns the lease that a call which asks for ms gets: the queue's
// own if ms is 0.
func (c *Config) ClampLease(ms int64) int64 {
	if ms == 0 {
		return c.LeaseMS
	}
	return clamp(ms, MinLeaseMS, MaxLeaseMS)
}

// ClampMax returns how many jobs a call which asks for n may take, of at most
// limit.
func ClampMax(n, limit int) int { return clamp(n, 1, max(limit, 1)) }

// ClampPriority moves a job's priority into its range.
func ClampPriority(p int64) int8 { return int8(clamp(p, MinPriority, MaxPriority)) }

// ClampDelay moves the delay of a nack into its range.
func ClampDelay(ms int64) int64 { return clamp(ms, 0, MaxRetryDelayMS) }

// Reasons to refuse when a write's job is to be due.
var (
	ErrTwoDelays = errors.New("delay_ms and not_before exclude each other: give one of them")
	ErrTooFar    = errors.New("a job may be delayed for at most ten years")
)

// CheckDelay reports whether a job written at now may wait so long. Either
// argument may be nil. It returns the delay and the wall-clock time that the
// job is to have; at most one of them is above 0.
func CheckDelay(delayMS, notBefore *int64, now Time) (delay, before int64, err error) {
	if delayMS != nil && notBefore != nil {
		return 0, 0, ErrTwoDelays
	}
	if delayMS != nil {
		delay = max(*delayMS, 0)
	}
	if notBefore != nil && *notBefore > now.Wall {
		before = *notBefore
	}
	if delay > MaxWriteDelayMS || before > 0 && before-now.Wall > MaxWriteDelayMS {
		return 0, 0, ErrTooFar
	}
	return delay, before, nil
}

// backoff returns how long a job waits after its n-th delivery failed, without
// jitter. The power saturates.
func (c *Config) backoff(n uint32) int64 {
	doublings := max(n, 1) - 1
	if doublings >= 32 || c.RetryBackoffMS > c.RetryBackoffMaxMS>>doublings {
		return min(c.RetryBackoffMaxMS, c.RetryBackoffMS<<32)
	}
	return c.RetryBackoffMS << doublings
}

// limited reports whether n deliveries are as many as a job may have.
func (c *Config) limited(n uint32) bool {
	return c.DeadLetter && c.MaxDeliveries > 0 && int64(n) >= c.MaxDeliveries
}

func clamp[T int | int64](n, low, high T) T { return min(max(n, low), high) }
