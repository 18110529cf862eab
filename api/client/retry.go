package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// The pauses between attempts double from the first to the longest, and each
// is shortened by up to half at random, so that many clients of a server that
// restarts do not come back in step.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// retryable reports whether another attempt makes sense. A 429 and the 503 of
// a server that starts or stops say that nothing was done. After any other
// 503, after a proxy's 502 or 504, and after a broken connection the outcome is
// unknown: then only a repeatable request goes again.
func retryable(err error, repeatable bool) bool {
	var e *Error
	if !errors.As(err, &e) {
		return repeatable && !hopeless(err)
	}
	switch e.Status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return repeatable
	case http.StatusServiceUnavailable:
		return repeatable || e.Code == CodeNotReady || e.Code == CodeShuttingDown
	}
	return false
}

// hopeless reports whether an attempt failed at what is at the address: a
// certificate that is not trusted, or a server without TLS. Waiting mends
// neither.
func hopeless(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.Is(err, http.ErrSchemeMismatch)
}

// pause is the wait before attempt n+1: the backoff, and never less than what
// the server asked for.
func pause(n int, err error) time.Duration {
	d := longestPause
	if n < 6 {
		d = min(firstPause<<n, longestPause)
	}
	d -= time.Duration(rand.Int64N(int64(d / 2)))
	var e *Error
	if errors.As(err, &e) {
		d = max(d, e.RetryAfter)
	}
	return d
}

// sleep waits for d and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
