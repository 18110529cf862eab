package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// historyName is the file in a data directory with its last backups. It is no
// part of a backup.
const (
	historyName = "BACKUPS.json"
	historyTemp = historyName + ".tmp"
	historyMost = 20 // how many backups are listed
	historySize = 1 << 20
)

// Outcomes of a backup.
const (
	Good   = "good"   // all of it was sent
	Failed = "failed" // it was not
)

// Attempt is one backup that the server was asked for.
type Attempt struct {
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Bytes      int64     `json:"bytes"`
	ThroughTS  int64     `json:"through_ts"` // Unix ms: everything acknowledged before is in it
	Outcome    string    `json:"outcome"`
	// VerifiedAt is when a check of its copy that found no fault was last reported;
	// nil if never.
	VerifiedAt *time.Time `json:"verified_at"`
}

// History is the account of the backups of a data directory, which outlives the
// server.
type History struct {
	fsys vfs.FS
	dir  string
	now  func() time.Time

	mu   sync.Mutex // held while the file is written: no probe takes it
	list struct {
		sync.Mutex // guards what is below; nested in mu
		since      time.Time
		attempts   []Attempt // newest first
		lastGood   time.Time // zero if there was none
		verified   time.Time // when a backup was last reported as verified; zero if never
		unwritten  bool      // there is no file yet
	}
}

// Past is a History at a moment.
type Past struct {
	Backups    []Attempt  `json:"backups"`
	LastGoodAt *time.Time `json:"last_good_at"` // null if there was none
}

// historyFile is the content of the file.
type historyFile struct {
	Since    time.Time `json:"since"` // when the account began
	LastGood time.Time `json:"last_good"`
	Verified time.Time `json:"verified,omitzero"`
	Backups  []Attempt `json:"backups"`
}

// OpenHistory reads the account of a data directory in use. One that is missing
// or damaged begins anew: the age of the last good backup then counts from now.
// A missing one is not written before Begin or Add: on a full disk a start takes
// no file more than it needs.
func OpenHistory(fsys vfs.FS, dir string, now func() time.Time) (*History, error) {
	h := &History{fsys: fsys, dir: dir, now: now}
	stored, err := readHistory(fsys, path.Join(dir, historyName))
	if err == nil {
		h.list.since, h.list.lastGood, h.list.verified, h.list.attempts = stored.Since, stored.LastGood, stored.Verified, stored.Backups
		return h, nil
	}
	h.list.since = now()
	if errors.Is(err, fs.ErrNotExist) {
		h.list.unwritten = true
		return h, nil
	}
	return h, errors.Join(err, h.write())
}

// Begin makes the beginning of the account durable, so that the age of a backup
// that never came counts over restarts.
func (h *History) Begin() error {
	h.list.Lock()
	unwritten := h.list.unwritten
	h.list.Unlock()
	if !unwritten {
		return nil
	}
	return h.write()
}

func readHistory(fsys vfs.FS, name string) (stored historyFile, err error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return stored, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, historySize))
	if err == nil {
		err = json.Unmarshal(b, &stored)
	}
	if err == nil && (stored.Since.IsZero() || len(stored.Backups) > historyMost) {
		err = errors.New("it is not complete")
	}
	if err != nil {
		return stored, fmt.Errorf("%s: %w", name, err)
	}
	return stored, nil
}

// Add adds a backup that has ended and makes the account durable.
func (h *History) Add(a Attempt) error {
	h.list.Lock()
	h.list.attempts = append([]Attempt{a}, h.list.attempts[:min(len(h.list.attempts), historyMost-1)]...)
	if a.Outcome == Good && a.FinishedAt.After(h.list.lastGood) {
		h.list.lastGood = a.FinishedAt
	}
	h.list.Unlock()
	return h.write()
}

// ErrUnknown reports a backup that is not among the last ones that were good.
var ErrUnknown = errors.New("it is not one of the last good backups of this server")

// Verified notes that a copy of the good backup with this ThroughTS was checked
// now and has no fault, and makes the account durable.
func (h *History) Verified(through int64) (time.Time, error) {
	at := h.now().UTC()
	h.list.Lock()
	i := slices.IndexFunc(h.list.attempts, func(a Attempt) bool { return a.Outcome == Good && a.ThroughTS == through })
	if i >= 0 {
		h.list.attempts[i].VerifiedAt = &at
		h.list.verified = at
	}
	h.list.Unlock()
	if i < 0 {
		return at, ErrUnknown
	}
	return at, h.write()
}

// LastVerified returns when a backup was last reported as verified; zero if none
// was.
func (h *History) LastVerified() time.Time {
	h.list.Lock()
	defer h.list.Unlock()
	return h.list.verified
}

func (h *History) write() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list.Lock()
	b, err := json.Marshal(historyFile{h.list.since, h.list.lastGood, h.list.verified, h.list.attempts})
	h.list.Unlock()
	if err != nil {
		return err
	}
	if err := vfs.WriteFileAtomic(h.fsys, h.dir, historyName, historyTemp, append(b, '\n')); err != nil {
		return err
	}
	h.list.Lock()
	defer h.list.Unlock()
	h.list.unwritten = false
	return nil
}

// Past returns the last backups, newest first.
func (h *History) Past() Past {
	h.list.Lock()
	defer h.list.Unlock()
	p := Past{Backups: append([]Attempt{}, h.list.attempts...)}
	if good := h.list.lastGood; !good.IsZero() {
		p.LastGoodAt = &good
	}
	return p
}

// LastGood returns when the last good backup ended; zero if there was none.
func (h *History) LastGood() time.Time {
	h.list.Lock()
	defer h.list.Unlock()
	return h.list.lastGood
}

// Check is degraded if the last good backup is older than a limit, or if there
// has been none for so long.
func (h *History) Check(limit time.Duration) health.Condition {
	h.list.Lock()
	since, good := h.list.since, h.list.lastGood
	h.list.Unlock()
	what := "the last good backup was"
	if good.IsZero() {
		what, good = "there has been no good backup since the account began", since
	}
	age := h.now().Sub(good)
	if age <= limit {
		return health.Condition{}
	}
	return health.Condition{Status: health.Degraded, Reason: fmt.Sprintf("%s %v ago, and may be %v", what, age.Round(time.Second), limit)}
}
