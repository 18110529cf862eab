package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
	"github.com/e6e95bb8/topics/wal/vfs"
)

const (
	// appendBytes is the size of a raw append: about what the log writes for one
	// record.
	appendBytes = 256
	// zeroedBytes is the size of the pre-zeroed file. Writing starts over at its
	// end, so the size does not matter.
	zeroedBytes = 8 << 20
	// scanBlock is the size of a read of the raw scan.
	scanBlock = 1 << 20
)

// AppendSync is the latency of one small write and one fdatasync by a single
// goroutine.
type AppendSync struct {
	// Growing appends to an ordinary file; Zeroed, which is faster, overwrites a
	// file whose bytes exist and are synced.
	GrowingP50US float64 `json:"growing_p50_us"`
	ZeroedP50US  float64 `json:"zeroed_p50_us"`
	ZeroedP99US  float64 `json:"zeroed_p99_us"`
	// HandlerP50US is an HTTP exchange whose handler does only that, in a zeroed
	// file.
	HandlerP50US float64 `json:"handler_p50_us"`
}

// measureAppendSync runs the loops in dir, each for the given time.
func measureAppendSync(ctx context.Context, dir string, each time.Duration) (AppendSync, error) {
	growing, err := syncLoop(ctx, filepath.Join(dir, "growing"), 0, each)
	if err != nil {
		return AppendSync{}, err
	}
	zeroed, err := syncLoop(ctx, filepath.Join(dir, "zeroed"), zeroedBytes, each)
	if err != nil {
		return AppendSync{}, err
	}
	handler, err := measureHandlerSync(ctx, filepath.Join(dir, "handler"), each)
	if err != nil {
		return AppendSync{}, err
	}
	return AppendSync{
		HandlerP50US: handler,
		GrowingP50US: load.Micros(quantile.Median(growing)),
		ZeroedP50US:  load.Micros(quantile.Median(zeroed)),
		ZeroedP99US:  load.Micros(quantile.Of(zeroed, 0.99)),
	}, nil
}

// syncLoop writes and syncs for the given time and returns how long each pair
// took. With size 0 the file grows; otherwise it is zeroed first.
func syncLoop(ctx context.Context, name string, size int64, during time.Duration) (took []time.Duration, err error) {
	f, err := vfs.OS().Create(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(name)) }()
	if size > 0 {
		if _, err := f.WriteAt(make([]byte, size), 0); err != nil {
			return nil, err
		}
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	block := make([]byte, appendBytes)
	for i := range block {
		block[i] = byte(i) | 1
	}
	var off int64
	for end := time.Now().Add(during); time.Now().Before(end) && ctx.Err() == nil; off += appendBytes {
		if size > 0 && off+appendBytes > size {
			off = 0
		}
		began := time.Now()
		if _, err := f.WriteAt(block, off); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, ctx.Err()
}

// measureScan reads and checksums every file under dir, and returns the bytes
// and the time, which is a lower bound for a replay.
func measureScan(dir string) (size int64, took time.Duration, err error) {
	buf := make([]byte, scanBlock)
	began := time.Now()
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		n, err := scanFile(name, buf)
		size += n
		return err
	})
	return size, time.Since(began), err
}

func scanFile(name string, buf []byte) (size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h := xxh3.New()
	size, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, buf)
	if err != nil {
		return size, fmt.Errorf("scan %s: %w", name, err)
	}
	return size, nil
}
