package recovery

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
)

// maxDamages is how many damaged places a scrub lists; the rest are counted.
const maxDamages = 1000

// Scrub is the account of one reading of everything that is stored.
type Scrub struct {
	Started    time.Time `json:"started"`
	DurationMS float64   `json:"duration_ms"`

	// What was read.
	Manifests int   `json:"manifests"`
	States    int   `json:"checkpoints"`
	Segments  int   `json:"segments"`
	LogFiles  int   `json:"log_files"`
	Blocks    int64 `json:"blocks"`
	Pages     int64 `json:"pages"`
	Records   int64 `json:"records"` // in segments
	Frames    int64 `json:"frames"`  // of the log
	Bytes     int64 `json:"bytes"`

	Damages      []Damage `json:"damages"`       // the first ones
	DamagesTotal int      `json:"damages_total"` // all of them
}

// Damage is a damaged place. Offset is in File, a path. Topic, From and To say
// which records are behind it, where that is known.
type Damage struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	LSN    uint64 `json:"lsn,omitempty"`
	Topic  uint64 `json:"topic,omitempty"` // its id
	From   uint64 `json:"from,omitempty"`
	To     uint64 `json:"to,omitempty"`
	Cause  string `json:"cause"`
}

func (s *Scrub) found(d Damage) {
	s.DamagesTotal++
	if len(s.Damages) < maxDamages {
		s.Damages = append(s.Damages, d)
	}
}

// inSegment is found for what the package segment reports.
func (s *Scrub) inSegment(d segment.Damage) {
	s.found(Damage{File: d.File, Offset: d.Offset, Topic: d.Topic, From: d.From, To: d.To, Cause: d.Cause})
}

// scrubs runs one scrub at a time. The zero value is ready.
type scrubs struct {
	mu      sync.Mutex // guards what follows
	running *scrubbing
	ended   bool
	last    *Scrub // nil: none was finished
}

// scrubbing is a scrub under way. result and err are set before done is closed.
type scrubbing struct {
	cancel context.CancelFunc
	done   chan struct{}
	result Scrub
	err    error
}

// errStopped is the answer to scrubs when the data directory is closed.
var errStopped = errors.New("the data directory is being closed")

// Verify reads everything that is stored past all caches and says what is
// damaged, which is no error. It keeps out of the way of requests. Callers that
// come while a scrub is under way get its result. One whose ctx ends stops
// waiting; the scrub goes on until it is done or the data directory is closed.
func (r *Recovered) Verify(ctx context.Context) (Scrub, error) {
	run, err := r.scrubs.join(r.scrub)
	if err != nil {
		return Scrub{}, err
	}
	select {
	case <-run.done:
		return run.result, run.err
	case <-ctx.Done():
		return Scrub{}, ctx.Err()
	}
}

// LastScrub is the result of the last scrub that was finished; nil: there was
// none.
func (r *Recovered) LastScrub() *Scrub {
	r.scrubs.mu.Lock()
	defer r.scrubs.mu.Unlock()
	return r.scrubs.last
}

// join returns the scrub under way, or begins one.
func (s *scrubs) join(scrub func(context.Context) (Scrub, error)) (*scrubbing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errStopped
	}
	if s.running != nil {
		return s.running, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &scrubbing{cancel: cancel, done: make(chan struct{})}
	s.running = run
	go func() {
		defer cancel()
		run.result, run.err = scrub(ctx)
		s.mu.Lock()
		s.running = nil
		if run.err == nil {
			s.last = &run.result
		}
		s.mu.Unlock()
		close(run.done)
	}()
	return run, nil
}

// stop ends the scrub under way and lets no other begin. It waits for the end
// while ctx lasts: the scrub may be reading from a directory that hangs.
func (s *scrubs) stop(ctx context.Context) {
	s.mu.Lock()
	s.ended = true
	run := s.running
	s.mu.Unlock()
	if run != nil {
		run.cancel()
		select {
		case <-run.done:
		case <-ctx.Done():
		}
	}
}

// scrub is Verify, alone.
func (r *Recovered) scrub(ctx context.Context) (Scrub, error) {
	began := r.opts.Now()
	s := Scrub{Started: began, Damages: []Damage{}}
	err := r.scrubManifests(&s)
	if err == nil {
		err = r.scrubStates(ctx, &s)
	}
	if err == nil {
		err = r.scrubSegments(ctx, &s)
	}
	if err == nil {
		err = r.scrubLog(ctx, &s)
	}
	now := r.opts.Now()
	s.DurationMS = millis(now.Sub(began))
	if err != nil {
		return s, err
	}
	r.counters.scrubbed(now, s.DamagesTotal)
	for _, d := range s.Damages {
		r.opts.Log.Error().Str("file", d.File).Int64("offset", d.Offset).Uint64("topic_id", d.Topic).
			Uint64("from", d.From).Uint64("to", d.To).Str("cause", d.Cause).Msg("stored data is damaged")
	}
	return s, nil
}

// scrubManifests checks both manifests, which only change under r.commits.
func (r *Recovered) scrubManifests(s *Scrub) error {
	r.commits.Lock()
	defer r.commits.Unlock()
	for _, base := range []string{manifest.Name, manifest.PrevName} {
		_, err := manifest.ReadFile(r.opts.FS, r.opts.Dir, base)
		var bad *manifest.CorruptionError
		switch {
		case errors.As(err, &bad):
			s.found(Damage{File: bad.File, Cause: bad.Err.Error()})
		case errors.Is(err, fs.ErrNotExist) && base == manifest.PrevName: // the first manifest has none before it
			continue
		case errors.Is(err, fs.ErrNotExist):
			s.found(Damage{File: r.dir(base), Cause: "the file is missing"})
		case err != nil:
			return err
		}
		s.Manifests++
	}
	return nil
}

// scrubStates checks the states of both checkpoints.
func (r *Recovered) scrubStates(ctx context.Context, s *Scrub) error {
	for _, c := range r.manifestNow().Checkpoints() {
		if err := r.pause(ctx); err != nil {
			return err
		}
		content, err := manifest.ReadSnapshot(r.opts.FS, r.dir(manifest.SnapshotDir), c)
		var bad *manifest.CorruptionError
		switch {
		case errors.As(err, &bad):
			if m := r.manifestNow(); m.Checkpoint.Is(c.Number) || m.Previous.Is(c.Number) {
				s.found(Damage{File: bad.File, Cause: bad.Err.Error()})
			}
		case err != nil:
			return err
		}
		s.States++
		s.Bytes += int64(len(content))
	}
	return nil
}

// scrubSegments checks the segments that there are now. One that a merge
// replaces meanwhile has been read by that.
func (r *Recovered) scrubSegments(ctx context.Context, s *Scrub) error {
	r.mu.Lock()
	segs := append([]*segment.Segment(nil), r.segments...)
	r.mu.Unlock()
	for _, seg := range segs {
		if err := r.scrubSegment(ctx, s, seg); err != nil {
			return err
		}
	}
	return nil
}

// scrubSegment checks one segment, which is not merged or moved meanwhile.
func (r *Recovered) scrubSegment(ctx context.Context, s *Scrub, seg *segment.Segment) error {
	if has, err := r.claim(ctx, seg); !has || err != nil {
		return err
	}
	defer r.unclaim(seg)
	if !seg.Retain() {
		return ctx.Err()
	}
	defer seg.Release()
	checked, err := segment.Verify(seg, r.unhurried(ctx), s.inSegment)
	if errors.Is(err, fs.ErrNotExist) { // its name is gone, though the open file is not
		s.found(Damage{File: r.dir(path.Join(manifest.SegmentDir, segment.IndexName(seg.ID()))), Cause: err.Error()})
		err = nil
	}
	s.Segments++
	s.Blocks += checked.Blocks
	s.Pages += checked.Pages
	s.Records += checked.Records
	s.Bytes += checked.Bytes
	return err
}
