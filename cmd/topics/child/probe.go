package child

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// probeTimeout is the timeout of a probe. It is generous because the client
// shares the loaded machine with the server.
const probeTimeout = 5 * time.Second

// Probe is the result of probing a server as a load balancer does.
type Probe struct {
	At       time.Duration // time since the process was started
	Addr     string        // host:port of the server
	Health   int           // status of /v0/health; 0 if there was no answer
	Ready    int           // status of /v0/ready; 0 if there was no answer
	Progress float64       // replay_progress; 1 when ready
	ETA      time.Duration // eta_ms; 0 if unknown or ready
	Phase    string        // detail.phase while not ready
	Err      error         // why there was no answer
}

// Watch probes the server at intervals, from its first answer until ctx is
// done, the server ends, or see returns false. It returns nil if see returned
// false, and otherwise ctx's error or that of Ended.
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
		// A probe that ctx interrupted has no meaning.
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

// Boot starts a server and probes it at intervals until it is ready. It calls
// see, if not nil, with each probe. The caller must kill the server, unless
// Boot returns an error: the recovery failed, the server ended, or the cause of
// ctx.
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

// read reads the progress and the phase from an answer of /v0/ready.
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
