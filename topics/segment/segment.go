package segment

import (
	"fmt"
	"path"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// Segment is an open segment. Its methods may be called from any goroutine at
// once, by whoever holds a reference; after the last Release reads fail with
// fs.ErrClosed.
type Segment struct {
	fsys      vfs.FS
	dir       string // of the index
	id, logID uint64
	foot      footer
	cache     *Cache
	owner     uint64 // in the cache

	index     vfs.File
	indexName string // path
	indexLen  int64  // bytes
	seed      uint64 // the sum of the index's header

	mu   sync.Mutex // guards what follows
	refs int        // references; 0: closed
	data *dataHandle
}

// dataHandle is the open data file. A read holds it, so that Relocate can
// replace it while the read goes on.
type dataHandle struct {
	vfs.File
	dir, name string // name is the path
	reads     int    // guarded by Segment.mu
	retired   bool   // likewise: to be closed by the last read
}

var owners atomic.Uint64

// Open opens the segment id of the log logID: its index in dir and its data in
// dataDir, which is dir or the cold directory. It reads both headers and the
// footer. What it returns has one reference.
func Open(fsys vfs.FS, dir, dataDir string, id, logID uint64, cache *Cache) (*Segment, error) {
	s := &Segment{fsys: fsys, dir: dir, id: id, logID: logID, cache: cache, owner: owners.Add(1),
		indexName: path.Join(dir, IndexName(id)), refs: 1}
	f, err := fsys.OpenRead(s.indexName)
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	s.index = f
	if err = s.openIndex(); err == nil {
		s.data, err = s.openData(dataDir)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *Segment) openIndex() error {
	head, err := readHeader(s.index, indexMagic, s.indexName, header{s.logID, s.id})
	if err != nil {
		return err
	}
	s.seed = headerSum(head)
	if s.indexLen, err = s.index.Size(); err != nil {
		return fmt.Errorf("segment: %w", err)
	}
	at := s.indexLen - footerSize
	if at < headerSize {
		return damaged(s.indexName, s.indexLen, "the file ends before its footer")
	}
	b := make([]byte, footerSize)
	if err := readFull(s.index, s.indexName, b, at); err != nil {
		return err
	}
	var ok bool
	if s.foot, ok = decodeFooter(b, s.seed, s.indexLen); !ok {
		return damaged(s.indexName, at, "no valid footer")
	}
	return nil
}

// openData opens the data file in dir and holds that it is this segment's and
// complete.
func (s *Segment) openData(dir string) (*dataHandle, error) {
	name := path.Join(dir, DataName(s.id))
	f, err := s.fsys.OpenRead(name)
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	if _, err = readHeader(f, dataMagic, name, header{s.logID, s.id}); err == nil {
		var size int64
		if size, err = f.Size(); err != nil {
			err = fmt.Errorf("segment: %w", err)
		} else if size != s.foot.dataLen {
			err = damaged(name, min(size, s.foot.dataLen),
				fmt.Sprintf("the file has %d bytes, %d belong to it", size, s.foot.dataLen))
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &dataHandle{File: f, dir: dir, name: name}, nil
}

// ID is the segment's.
func (s *Segment) ID() uint64 { return s.id }

// Records is the number of records.
func (s *Segment) Records() int64 { return int64(s.foot.records) }

// Topics is the number of topics.
func (s *Segment) Topics() int64 { return int64(s.foot.topics) }

// Bytes is the sum of the payload sizes.
func (s *Segment) Bytes() uint64 { return s.foot.bytes }

// DataBytes is the length of the data file.
func (s *Segment) DataBytes() int64 { return s.foot.dataLen }

// IndexBytes is the length of the index.
func (s *Segment) IndexBytes() int64 { return s.indexLen }

// Cold reports whether the data is in another directory than the index.
func (s *Segment) Cold() bool { return s.dataDir() != s.dir }

func (s *Segment) dataDir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.dir
}

// dataFile is the path of the data file.
func (s *Segment) dataFile() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.name
}

// Retain takes a reference, which Release gives back. It is false if the
// segment is closed.
func (s *Segment) Retain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refs == 0 {
		return false
	}
	s.refs++
	return true
}

// Release gives a reference back. The last one closes the files; what the
// cache has of them goes away. One too many panics.
func (s *Segment) Release() {
	s.mu.Lock()
	if s.refs == 0 {
		s.mu.Unlock()
		panic("segment: released too often")
	}
	s.refs--
	if s.refs > 0 {
		s.mu.Unlock()
		return
	}
	unused := s.retireLocked()
	s.mu.Unlock()
	unused.close()
	s.index.Close() // read only: nothing is lost
	s.cache.drop(s.owner)
}

// retireLocked takes the data file out of use. It returns it to be closed, with
// no lock held, for that may hang; nil if the last read of it will do that.
func (s *Segment) retireLocked() *dataHandle {
	s.data.retired = true
	return s.data.unusedLocked()
}

func (h *dataHandle) unusedLocked() *dataHandle {
	if h.retired && h.reads == 0 {
		return h
	}
	return nil
}

func (h *dataHandle) close() {
	if h != nil {
		h.Close() // read only: nothing is lost
	}
}

// Relocate goes over to the copy of the data file in dataDir, which is synced.
// It holds that header and length are right. Reads under way end on the old
// file, which may be removed afterwards.
func (s *Segment) Relocate(dataDir string) error {
	h, err := s.openData(dataDir)
	if err != nil {
		return err
	}
	s.mu.Lock()
	unused := h
	if s.refs > 0 { // else the caller broke the contract; do not leak
		unused = s.retireLocked()
		s.data = h
	}
	s.mu.Unlock()
	unused.close()
	return nil
}

// acquire returns the data file for a read; release gives it back.
func (s *Segment) acquire() *dataHandle {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.reads++
	return s.data
}

func (s *Segment) release(h *dataHandle) {
	s.mu.Lock()
	h.reads--
	unused := h.unusedLocked()
	s.mu.Unlock()
	unused.close()
}
