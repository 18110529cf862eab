package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
	"github.com/e6e95bb8/topics/cmd/topics/quantile"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// measureHandlerSync sends requests over one connection to an HTTP handler that
// does only the raw append and sync, and returns the median duration of the
// exchange: a lower bound for a single write over HTTP.
func measureHandlerSync(ctx context.Context, name string, during time.Duration) (p50 float64, err error) {
	f, err := vfs.OS().Create(name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(name)) }()
	if _, err := f.WriteAt(make([]byte, zeroedBytes), 0); err != nil {
		return 0, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	srv := &http.Server{Handler: appendHandler(f)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	defer func() {
		err = errors.Join(err, srv.Close())
		<-served
	}()
	c, err := load.Dial(l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	request := load.WriteRequest("bare", 1)
	var took []time.Duration
	for end := time.Now().Add(during); time.Now().Before(end) && ctx.Err() == nil; {
		began := time.Now()
		status, _, err := c.Exchange(request)
		if err == nil && status != http.StatusOK {
			err = errors.New("the bare handler failed")
		}
		if err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	return load.Micros(quantile.Median(took)), ctx.Err()
}

// appendHandler returns a handler that appends to f and syncs once per request.
// At the end of the file it starts over.
func appendHandler(f vfs.File) http.Handler {
	block := make([]byte, appendBytes)
	var off int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if err == nil {
			_, err = f.WriteAt(block, off)
		}
		if off += appendBytes; off+appendBytes > zeroedBytes {
			off = 0
		}
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}
