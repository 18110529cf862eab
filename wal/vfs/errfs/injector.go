// Package errfs makes a file system fail on purpose. To show that a program
// copes with every failure, run it with Nth 1, 2, 3 and so on until a run no
// longer fires:
//
//	for n := 1; ; n++ {
//		inj := &errfs.Injector{Nth: n}
//		run(errfs.New(inner, inj))
//		if !inj.Fired() {
//			break
//		}
//	}
package errfs

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
)

// ErrInjected is wrapped by every error that an Injector made, next to
// Injector.Err.
var ErrInjected = errors.New("injected")

// Op is a kind of operation, or with | a set of them.
type Op uint16

// The operations of vfs.FS and, for Read to Truncate, of vfs.File; OpenRead
// counts as Open. Size and Close never fail.
const (
	Create Op = 1 << iota
	Open
	Read
	Write
	Sync
	Truncate
	Remove
	Rename
	SyncDir
	List
	MkdirAll
	Lock
	Free
	Hold

	// All is every kind.
	All = Create | Open | Read | Write | Sync | Truncate | Remove | Rename |
		SyncDir | List | MkdirAll | Lock | Free | Hold
	// Mutating is every kind that changes something.
	Mutating = All &^ (Open | Read | List | Free | Hold)
)

var opNames = [...]string{"create", "open", "read", "write", "sync", "truncate",
	"remove", "rename", "syncdir", "list", "mkdir", "lock", "free", "hold"}

// String names the kinds, as in "write" or "write|sync".
func (op Op) String() string {
	var names []string
	for i, name := range opNames {
		if op&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Failure is an operation that was made to fail.
type Failure struct {
	Op   Op
	Name string // the file or directory; for a rename the old name
}

func (f Failure) String() string { return f.Op.String() + " " + f.Name }

// Injector decides which operation fails. The exported fields are set before
// its first use; the methods may be called at any time, from any goroutine.
// The zero Injector only counts.
type Injector struct {
	Nth    int                    // the operation that fails, counted from 1; none if 0
	Ops    Op                     // the kinds that count; all if 0
	Only   func(name string) bool // the names that count; all if nil
	Sticky bool                   // all that count fail from the Nth on
	Short  bool                   // a write that fails writes half of its bytes first
	Err    error                  // the cause; syscall.EIO if nil

	mu struct {
		sync.Mutex
		count  int
		failed Failure
	}
}

// Fired reports whether an operation was made to fail.
func (j *Injector) Fired() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.failed.Op != 0
}

// Failed returns the first operation that was made to fail, zero if none was.
func (j *Injector) Failed() Failure {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.failed
}

// Count returns how many operations counted so far.
func (j *Injector) Count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.count
}

// check counts an operation and returns the error with which it fails, if any.
func (j *Injector) check(op Op, name string) error {
	if j.Ops != 0 && j.Ops&op == 0 || j.Only != nil && !j.Only(name) {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.count++
	if j.Nth == 0 || j.mu.count < j.Nth || j.mu.count > j.Nth && !j.Sticky {
		return nil
	}
	failure := Failure{op, name}
	if j.mu.failed.Op == 0 {
		j.mu.failed = failure
	}
	cause := j.Err
	if cause == nil {
		cause = syscall.EIO
	}
	return fmt.Errorf("%v: %w: %w", failure, ErrInjected, cause)
}
