package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// The pauses between attempts double from firstPause to longestPause. Each is
// shortened by a random amount of up to half, so that the clients of a server
// that restarts do not all return at once.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// retryable reports whether another attempt makes sense. A 429, or the 503 of a
// server that is starting or stopping, means that nothing was done. After any
// other 503, a proxy's 502 or 504, or a broken connection the outcome is
// unknown, and only a repeatable request may be sent again.
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

// hopeless reports whether err cannot be resolved by waiting: the server's
// certificate is not trusted, or the server does not speak TLS.
func hopeless(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.Is(err, http.ErrSchemeMismatch)
}

// pause returns how long to wait before attempt n+1: the backoff, but at least
// what the server asked for.
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

// sleep waits for d. It reports false if ctx was done first.
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
