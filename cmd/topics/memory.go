package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/rs/zerolog"
)

// limitMemory sets the Go runtime's memory limit, which excludes memory that
// the runtime does not manage. GOMEMLIMIT takes precedence.
func limitMemory(bytes int64, log zerolog.Logger) {
	limit, err := memlimit.Set(memlimit.WithProvider(memlimit.Limit(uint64(runtimeBytes(bytes)))), memlimit.WithRatio(1))
	log.Debug().Int64("limit", limit).AnErr("reason", err).Msg("memory limit")
}

// runtimeBytes returns the runtime's part of a memory limit: all except a
// tenth, or except the pages of the program itself, which on a small machine
// are more.
func runtimeBytes(limit int64) int64 {
	const program = 32 << 20
	return limit - max(limit/10, min(program, limit/4))
}

// By default the collector lets the heap double before it runs. Most of this
// heap is the cache, so its memory would be needed twice. Instead the heap may
// grow by garbageBytes plus a small proportion of its size. The cache has no
// pointers to follow, so more frequent collections are cheap.
const (
	garbageBytes = 64 << 20
	leastPercent = 10  // so that a huge heap is not scanned for every 64 MiB
	mostPercent  = 100 // the default, while the heap is small
)

// tendMemory adjusts GOGC to the size of the heap until ctx is done. It does
// nothing if GOGC is set in the environment.
func tendMemory(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	present := mostPercent
	for {
		metrics.Read(live)
		if percent := gcPercent(live[0].Value.Uint64()); percent != present {
			debug.SetGCPercent(percent)
			present = percent
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// gcPercent returns by how many percent a heap of live bytes may grow between
// two collections.
func gcPercent(live uint64) int {
	return min(max(int(garbageBytes*100/max(live, 1)), leastPercent), mostPercent)
}
