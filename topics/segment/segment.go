package segment

import (
	"fmt"
	"path"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// Segment is an open segment. Its methods may be called concurrently by callers
// that hold a reference. After the last Release reads fail with fs.ErrClosed.
type Segment struct {
	fsys      vfs.FS
	dir       string // directory of the index
	id, logID uint64
	foot      footer
	cache     *Cache
	owner     uint64 // identifies this segment in the cache

	index     vfs.File
	indexName string // path
	indexLen  int64  // bytes
	seed      uint64 // checksum of the index's header

	mu   sync.Mutex // guards the fields below
	refs int        // references; 0 once closed
	data *dataHandle
}

// dataHandle is an open data file. Reads hold it, so that Relocate can replace
// it while they continue.
type dataHandle struct {
	vfs.File
	dir, name string // name is the path
	reads     int    // guarded by Segment.mu
	retired   bool   // likewise; the last read closes it
}

var owners atomic.Uint64

// Open opens the segment id of the log logID. Its index is in dir and its data
// in dataDir, which is dir or the cold directory. Open reads both headers and
// the footer. The caller owns the one reference of the result.
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

// openData opens the data file in dir and verifies that it is complete and
// belongs to this segment.
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

// ID returns the segment's id.
func (s *Segment) ID() uint64 { return s.id }

// Records returns the number of records.
func (s *Segment) Records() int64 { return int64(s.foot.records) }

// Topics returns the number of topics.
func (s *Segment) Topics() int64 { return int64(s.foot.topics) }

// Bytes returns the sum of the payload sizes.
func (s *Segment) Bytes() uint64 { return s.foot.bytes }

// DataBytes returns the length of the data file.
func (s *Segment) DataBytes() int64 { return s.foot.dataLen }

// IndexBytes returns the length of the index.
func (s *Segment) IndexBytes() int64 { return s.indexLen }

// Cold reports whether the data is in another directory than the index.
func (s *Segment) Cold() bool { return s.dataDir() != s.dir }

func (s *Segment) dataDir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.dir
}

// dataFile returns the path of the data file.
func (s *Segment) dataFile() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.name
}

// Retain adds a reference, which the caller must Release. It returns false if
// the segment is closed.
func (s *Segment) Retain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refs == 0 {
		return false
	}
	s.refs++
	return true
}

// Release drops a reference. The last one closes the files and removes the
// segment's entries from the cache. One Release too many panics.
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
	s.index.Close() // opened for reading: nothing is lost
	s.cache.drop(s.owner)
}

// retireLocked takes the data file out of use. It returns the handle if the
// caller must close it, after unlocking mu, because Close may block. It returns
// nil if reads are under way, the last of which will close it.
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
		h.Close() // opened for reading: nothing is lost
	}
}

// Relocate switches to the copy of the data file in dataDir, which must be
// synced. It verifies the header and the length. Reads under way finish on the
// old file, which may be removed afterwards.
func (s *Segment) Relocate(dataDir string) error {
	h, err := s.openData(dataDir)
	if err != nil {
		return err
	}
	s.mu.Lock()
	unused := h
	if s.refs > 0 { // otherwise the caller has no reference; do not leak the file
		unused = s.retireLocked()
		s.data = h
	}
	s.mu.Unlock()
	unused.close()
	return nil
}

// acquire returns the data file for a read. The caller must release it.
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
