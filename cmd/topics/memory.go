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

// limitMemory gives the Go runtime the memory limit, less what the runtime does
// not count. GOMEMLIMIT wins.
func limitMemory(bytes int64, log zerolog.Logger) {
	limit, err := memlimit.Set(memlimit.WithProvider(memlimit.Limit(uint64(runtimeBytes(bytes)))), memlimit.WithRatio(1))
	log.Debug().Int64("limit", limit).AnErr("reason", err).Msg("memory limit")
}

// runtimeBytes is what the runtime has of a limit: all but a tenth, and at least
// what the program itself takes in pages, which on a small machine is more.
func runtimeBytes(limit int64) int64 {
	const program = 32 << 20
	return limit - max(limit/10, min(program, limit/4))
}

// The collector by default lets the heap double before it runs. Most of this
// heap is the cache, which would so be paid for twice. Instead the heap may
// grow by garbageBytes, and a little in proportion, whatever it holds: the
// cache has no pointers to follow, so collecting more often costs little.
const (
	garbageBytes = 64 << 20
	leastPercent = 10  // so that a huge heap is not walked for every 64 MiB
	mostPercent  = 100 // the default, while the heap is small
)

// tendMemory keeps the collector's goal in step with the heap until ctx ends.
// GOGC wins.
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

// gcPercent is by how much a heap of live bytes may grow between two
// collections.
func gcPercent(live uint64) int {
	return min(max(int(garbageBytes*100/max(live, 1)), leastPercent), mostPercent)
}
