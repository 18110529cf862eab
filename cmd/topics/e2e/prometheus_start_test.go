package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// prometheus is a Prometheus that scrapes servers with the configuration and the
// rules of docs/deploy, only more often.
type prometheus struct {
	*process
	url  string
	http *http.Client
}

// faster has the times of the rules that a test waits for.
var faster = strings.NewReplacer(
	"max_over_time(topics_wal_sync_in_flight_seconds[1m]) > 10", "max_over_time(topics_wal_sync_in_flight_seconds[2s]) > 0.5",
	"keep_firing_for: 1m", "keep_firing_for: 1s",
)

// scraping starts a Prometheus for a server with the key secret, which scrapes it at
// an interval.
func scraping(t *testing.T, server *process, every time.Duration) *prometheus {
	t.Helper()
	program, dir := installed(t, "prometheus"), t.TempDir()
	config := deployed(t, "prometheus/prometheus.yml")
	config = replaced(t, config, "scrape_interval: 15s", "scrape_interval: "+every.String())
	config = replaced(t, config, "scrape_timeout: 10s", "scrape_timeout: "+every.String())
	config = replaced(t, config, "evaluation_interval: 15s", "evaluation_interval: 200ms")
	config = replaced(t, config, "/etc/prometheus/topics.key", written(t, dir, "key", secret))
	written(t, dir, "topics.rules.yml", faster.Replace(deployed(t, "prometheus/topics.rules.yml")))
	written(t, dir, "targets.yml", replaced(t, deployed(t, "prometheus/targets.yml"), "10.0.0.1:4000", server.addr()))
	p := &prometheus{http: foreign(), process: start(t, exec.Command(program, "--config.file="+written(t, dir, "prometheus.yml", config),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0"))}
	listening := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
	p.until("it listens", func() bool {
		found := listening.FindStringSubmatch(p.stderr.String())
		if found != nil {
			p.url = "http://" + found[1]
		}
		return found != nil
	})
	p.until("it is ready", func() bool {
		resp, err := p.http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// series is a series of an answer: of one value, or of several over a time.
type series struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

// query evaluates a query now.
func (p *prometheus) query(query string) ([]series, error) {
	resp, err := p.http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []series }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s: %s", query, answer.Error)
	}
	return answer.Data.Result, nil
}

// has reports whether a query has series.
func (p *prometheus) has(query string) bool {
	found, err := p.query(query)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(found) > 0
}

// samples returns all that was scraped of a series, in the order of time.
func (p *prometheus) samples(name string) (values []string) {
	found, err := p.query(name + "[10m]")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range found {
		for _, v := range s.Values {
			values = append(values, v[1].(string))
		}
	}
	return values
}
