package external

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/e6e95bb8/topics/recovery/health"
)

const (
	// maxBody is how much of an answer is read.
	maxBody = 64 << 10
	// maxHeader is the most that an answer's header may have, in bytes.
	maxHeader = 64 << 10
)

// Custom makes the check of a spec. Its reasons name neither addresses nor
// paths: probes are for everybody to read.
func (s Spec) Custom() health.Custom {
	var look func(context.Context) error
	switch s.Target.Scheme {
	case "tcp":
		look = s.dial
	case "file":
		look = s.stat
	default:
		look = s.get(newClient())
	}
	return health.Custom{Name: s.Name, Check: s.within(look), Affects: s.Affects, Interval: s.Interval, Timeout: s.Timeout}
}

// within makes a check of a look that gets so much time.
func (s Spec) within(look func(context.Context) error) health.Check {
	return func() health.Condition {
		ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
		defer cancel()
		err := look(ctx)
		switch {
		case err == nil:
			return health.Condition{}
		case timedOut(err) || ctx.Err() != nil:
			return unhealthy(fmt.Sprintf("no answer within %s", s.Timeout))
		}
		return unhealthy(cause(err))
	}
}

func unhealthy(reason string) health.Condition {
	return health.Condition{Status: health.Unhealthy, Reason: reason}
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// newClient makes a client that asks as a client that comes for the first time
// would: over a new connection, past no proxy, and without going on to where
// it is sent.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get asks for the target and wants a status of 2xx.
func (s Spec) get(client *http.Client) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Target.String(), nil)
		if err != nil {
			return err
		}
		r.Header.Set("User-Agent", "topics-health-check")
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		switch answer.StatusCode / 100 {
		case 2:
			_, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxBody))
			if err != nil {
				return fmt.Errorf("the answer breaks off: %s", cause(err))
			}
			return nil
		case 3:
			return fmt.Errorf("status %d; redirects are not followed", answer.StatusCode)
		}
		return fmt.Errorf("status %d", answer.StatusCode) // of a 101 not even ctx would end the body
	}
}

// dial wants the target to take a connection.
func (s Spec) dial(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Target.Host)
	if err != nil {
		return err
	}
	return conn.Close()
}

// stat wants the file to be there. A disk that hangs holds it up beyond its
// time, which the monitor sees.
func (s Spec) stat(context.Context) error {
	_, err := os.Stat(s.Target.Path)
	return err
}

// broken begins the errors of answers that are not HTTP. They quote the answer.
const broken = "net/http: HTTP/1.x transport connection broken"

// cause is an error without the address or the path that it is about, and without
// what the target sent.
func cause(err error) string {
	for {
		var (
			asURL  *url.Error
			asOp   *net.OpError
			asPath *fs.PathError
			asDNS  *net.DNSError
			asCall *os.SyscallError
			asName x509.HostnameError
		)
		switch {
		case errors.As(err, &asName):
			return "the certificate is for other names"
		case errors.As(err, &asDNS):
			return asDNS.Err
		case errors.As(err, &asCall):
			err = asCall.Err
		case errors.As(err, &asOp):
			err = asOp.Err
		case errors.As(err, &asURL):
			err = asURL.Err
		case errors.As(err, &asPath):
			err = asPath.Err
		case strings.HasPrefix(err.Error(), broken):
			return "the answer is not valid HTTP"
		default:
			return err.Error()
		}
	}
}
