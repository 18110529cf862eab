package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

// idleConns is the number of connections that create the idle topics.
const idleConns = 64

// IdleResult is the cost of many idle topics with one record each.
type IdleResult struct {
	Topics int `json:"topics"`
	// Memory of an empty server, of the server that created the topics and took a
	// checkpoint, and of a server that was started with them. BytesPerTopic is the
	// difference between the last and the first, per topic.
	EmptyBytes    int64   `json:"empty_resident_bytes"`
	ResidentBytes int64   `json:"resident_bytes"`
	RestartBytes  int64   `json:"resident_bytes_after_restart"`
	BytesPerTopic float64 `json:"bytes_per_topic"`
	ReadyMS       float64 `json:"ready_ms"` // of the restart after an orderly stop
}

func (b *bench) measureIdle(ctx context.Context) (r *IdleResult, err error) {
	dir, done, err := scratch(b.dir, "idle")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	r = &IdleResult{Topics: int(b.cmd.IdleTopics)}
	env := append(append(b.env(), noCheckpoints...), smallCache, "TOPICS_MAX_TOPICS=0")
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		return nil, err
	}
	if _, r.EmptyBytes, err = b.atRest(ctx, empty, env, nil); err != nil {
		return nil, err
	}
	full := filepath.Join(dir, "full")
	if err := os.Mkdir(full, 0o700); err != nil {
		return nil, err
	}
	_, r.ResidentBytes, err = b.atRest(ctx, full, env, func(s *server) error {
		request := func(buf []byte, i int) []byte { return b.corpus.appendWrite(buf, topicName(i), i, 1, b.cmd.Size) }
		return errors.Join(load.Fill(ctx, s.addr, idleConns, r.Topics, request), s.api.Checkpoint(ctx))
	})
	if err != nil {
		return nil, err
	}
	if r.ReadyMS, r.RestartBytes, err = b.atRest(ctx, full, env, nil); err != nil {
		return nil, err
	}
	r.BytesPerTopic = float64(r.RestartBytes-r.EmptyBytes) / float64(r.Topics)
	b.logf("idle: %d topics  %.0f B/topic, ready in %.0f ms", r.Topics, r.BytesPerTopic, r.ReadyMS)
	return r, nil
}

// atRest starts a server, calls do with it, waits for its memory to settle, and
// stops it in order.
func (b *bench) atRest(ctx context.Context, dir string, env []string, do func(*server) error) (readyMS float64, resident int64, err error) {
	s, err := boot(ctx, dir, env)
	if err != nil {
		return 0, 0, err
	}
	defer s.kill()
	if do != nil {
		if err := do(s); err != nil {
			return 0, 0, fmt.Errorf("preparing the server: %w", err)
		}
	}
	if resident, err = s.settled(ctx, b.cmd.Settle); err != nil {
		return 0, 0, err
	}
	_, err = s.stop()
	return milliseconds(s.ready), resident, err
}
