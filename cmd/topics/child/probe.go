package child

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// probeTimeout is how long a probe may take before it counts as failed. It is
// generous: client and server share the machine while it is loaded.
const probeTimeout = 5 * time.Second

// Probe is one look at a server, as a load balancer takes it.
type Probe struct {
	At       time.Duration // since the process was started
	Addr     string        // host:port the server listens on
	Health   int           // status of /v0/health; 0: no answer
	Ready    int           // status of /v0/ready; 0: no answer
	Progress float64       // replay_progress; 1 when ready
	ETA      time.Duration // eta_ms; 0: unknown, or ready
	Phase    string        // detail.phase while not ready
	Err      error         // why there was no answer
}

// Watch probes the server every interval, from the moment it first answers
// until ctx ends, the server ends, or see returns false. It returns nil when
// see stopped it, ctx's error, or what Ended says.
func (s *Server) Watch(ctx context.Context, every time.Duration, see func(Probe) bool) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: probeTimeout}
	tick := time.NewTicker(every)
	defer tick.Stop()
	listening := false
	for {
		p := s.probe(ctx, client)
		listening = listening || p.Health != 0
		// An answer cut short by ctx says nothing about the server.
		if listening && ctx.Err() == nil && !see(p) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return s.Ended()
		case <-tick.C:
		}
	}
}

// Boot starts a server and probes it every interval until it is ready. see, when
// not nil, is told of each probe. The caller kills the server, unless there is
// an error: that its recovery failed, that it ended, or the cause of ctx's end.
func Boot(ctx context.Context, o Options, every time.Duration, see func(Probe)) (s *Server, ready Probe, err error) {
	if s, err = Start(o); err != nil {
		return nil, Probe{}, err
	}
	err = s.Watch(ctx, every, func(p Probe) bool {
		if see != nil {
			see(p)
		}
		ready = p
		return p.Ready != http.StatusOK && p.Phase != "failed"
	})
	if err == nil && ready.Phase == "failed" {
		err = fmt.Errorf("recovery failed; the server printed: %s", s.Output())
	}
	if err != nil {
		s.Kill()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, Probe{}, err
	}
	return s, ready, nil
}

func (s *Server) probe(ctx context.Context, client *http.Client) (p Probe) {
	defer func() { p.At = time.Since(s.started) }()
	if p.Addr, p.Err = s.Addr(); p.Err != nil {
		return p
	}
	if p.Health, _, p.Err = get(ctx, client, "http://"+p.Addr+"/v0/health"); p.Err != nil {
		return p
	}
	var ready []byte
	if p.Ready, ready, p.Err = get(ctx, client, "http://"+p.Addr+"/v0/ready"); p.Err != nil {
		return p
	}
	p.Err = p.read(ready)
	return p
}

// read takes the progress and the phase out of an answer of /v0/ready.
func (p *Probe) read(body []byte) error {
	if p.Ready == http.StatusOK {
		p.Progress, p.Phase = 1, "ready"
		return nil
	}
	var answer struct {
		Error struct {
			Code   string `json:"code"`
			Detail struct {
				Progress *float64 `json:"replay_progress"`
				ETA      int64    `json:"eta_ms"`
				Phase    string   `json:"phase"`
			} `json:"detail"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("ready answered %d with no JSON: %w", p.Ready, err)
	}
	d := &answer.Error.Detail
	if d.Progress == nil {
		return fmt.Errorf("ready answered %d %s without replay_progress", p.Ready, answer.Error.Code)
	}
	p.Progress, p.ETA, p.Phase = *d.Progress, time.Duration(d.ETA)*time.Millisecond, d.Phase
	return nil
}

func get(ctx context.Context, client *http.Client, url string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err
	}
	return resp.StatusCode, body, nil
}
