package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// requestTimeout is far above anything a loaded server should need.
	requestTimeout = 60 * time.Second
	// pageRecords and pageBytes ask for the largest pages the contract allows.
	pageRecords = 1000
	pageBytes   = 8 << 20
)

// client speaks to one boot of the server. It never retries: the drill must
// know of every attempt.
type client struct {
	base string // http://host:port
	http *http.Client
}

func newClient(addr string) *client {
	return &client{
		base: "http://" + addr,
		http: &http.Client{
			Timeout: requestTimeout,
			Transport: &http.Transport{
				MaxIdleConnsPerHost: 256,
				DisableCompression:  true,
			},
		},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// refusal is an answer that is not 2xx.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("answered %d: %.300s", r.status, r.body) }

// throttled reports whether the refusal only asks to come back later.
func (r *refusal) throttled() bool { return r.status == http.StatusTooManyRequests }

// record is one record as delivered.
type record struct {
	Seq  uint64          `json:"$seq"`
	Tag  string          `json:"$tag"`
	Node string          `json:"$node"`
	Data json.RawMessage `json:"data"`
	Meta json.RawMessage `json:"meta"`
}

// tombstone is a declared gap, both ends inclusive.
type tombstone struct {
	GapFrom uint64 `json:"gap_from"`
	GapTo   uint64 `json:"gap_to"`
	Reason  string `json:"reason"`
}

// page is one answer of diff.
type page struct {
	Records   []record   `json:"records"`
	Next      uint64     `json:"next_from_seq"`
	Head      uint64     `json:"head_seq"`
	CaughtUp  bool       `json:"caught_up"`
	Tombstone *tombstone `json:"tombstone"`
}

// ack answers a write.
type ack struct {
	First   uint64   `json:"first_seq"`
	Last    uint64   `json:"last_seq"`
	Seqs    []uint64 `json:"seqs"`
	Count   int      `json:"count"`
	Deduped bool     `json:"deduped"`
}

// configure makes a topic of a class. Keys are remembered for longer than a
// drill takes, so that a retry may come after any number of kills.
func (c *client) configure(ctx context.Context, topic string, durability class) error {
	body := fmt.Sprintf(`{"durability":%q,"idempotency_window_ms":86400000}`, durability)
	return c.do(ctx, http.MethodPut, "/v0/topics/"+topic, []byte(body), nil)
}

// deleteAck answers a delete of records.
type deleteAck struct {
	Deleted  int64  `json:"deleted"`
	Earliest uint64 `json:"earliest_seq"`
	Head     uint64 `json:"head_seq"`
}

func (c *client) delete(ctx context.Context, topic string, body []byte) (deleteAck, error) {
	var a deleteAck
	err := c.do(ctx, http.MethodPost, "/v0/topics/"+topic+"/delete", body, &a)
	return a, err
}

// checkpoint has the server take a checkpoint.
func (c *client) checkpoint(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v0/admin/checkpoint", nil, nil)
}

func (c *client) write(ctx context.Context, topic string, body []byte) (ack, error) {
	var a ack
	err := c.do(ctx, http.MethodPost, "/v0/topics/"+topic, body, &a)
	return a, err
}

// read returns the page after from, waiting up to wait for one.
func (c *client) read(ctx context.Context, topic string, from uint64, wait time.Duration) (*page, error) {
	body := fmt.Sprintf(`{"from_seq":%d,"limit":%d,"max_batch_bytes":%d,"wait_ms":%d,"include_tags":true}`,
		from, pageRecords, pageBytes, wait.Milliseconds())
	p := &page{}
	err := c.do(ctx, http.MethodPost, "/v0/topics/"+topic+"/diff", []byte(body), p)
	return p, err
}

// do sends one request. It returns a *refusal for an answer that is not 2xx.
func (c *client) do(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Confirm", "true")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return &refusal{resp.StatusCode, string(answer)}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s %s answered %d with bad JSON: %w", method, path, resp.StatusCode, err)
	}
	return nil
}
