package recovery_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// ackedJobs is how many jobs one ack of TestQueueCase30AckThatCrashes ends, which is as many as a call may name.
const ackedJobs = 1000

// TestQueueCase30AckThatCrashes ends the process, or the power, at each operation on the disk that an ack of a thousand
// jobs needs: afterwards all of them have ended or none has, and all if the ack was answered. An ack that is made again
// ends those whose leases have lasted.
func TestQueueCase30AckThatCrashes(t *testing.T) {
	for _, class := range []string{"disk", "fsync"} {
		for _, durable := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, durable leases %t", class, durable), func(t *testing.T) {
				after := 0
				for ackAndCrash(t, class, durable, after) {
					after++
				}
				if after == 0 {
					t.Fatal("an ack needs no operation on the disk")
				}
			})
		}
	}
}

// ackAndCrash acks jobs on a file system that stops after so many more operations. It returns false if the ack
// needed fewer.
func ackAndCrash(t *testing.T, class string, durable bool, after int) (crashed bool) {
	ctx, disk, now := context.Background(), crashfs.New(), int64(simEpoch)
	up := func(boot int) *recovery.Recovered {
		data, err := recovery.Run(ctx, options(disk, boot, func() int64 { return now }))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	data := up(0)
	_, err := data.Registry.Put(ctx, "q", &record.ConfigPatch{Type: new("queue"), Durability: &class, LeasesDurable: &durable})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Registry.Append(ctx, "q", &topic.Write{Records: make([]record.Record, ackedJobs)}); err != nil {
		t.Fatal(err)
	}
	c, err := data.Registry.Queues().Claim(ctx, "q", &jobs.Claim{Node: "w", Max: ackedJobs, LeaseMS: 60_000})
	if err != nil || len(c.Jobs) != ackedJobs {
		t.Fatalf("%d jobs, %v", len(c.Jobs), err)
	}
	call := queue.Call{Node: "w"}
	for i := range c.Jobs {
		call.Seqs = append(call.Seqs, c.Jobs[i].Seq)
		call.Leases = append(call.Leases, c.Jobs[i].Lease)
	}
	disk.CrashAfter(after)
	out, err := data.Registry.Queues().Ack(ctx, "q", call, nil)
	if err == nil && (len(out.Done) != ackedJobs || len(out.Skipped) > 0) {
		t.Fatalf("an ack that was answered ended %d and skipped %v", len(out.Done), out.Skipped)
	}
	answered, crashed := err == nil, disk.Crashed()
	if !answered && !crashed {
		t.Fatal(err)
	}
	if class == "fsync" {
		disk = disk.Crash(rand.New(rand.NewPCG(30, uint64(after))))
	} else {
		disk = disk.Kill()
	}
	data = up(1)
	left := liveOf(t, data)
	if left != 0 && left != ackedJobs || answered && left != 0 {
		t.Fatalf("answered: %t, and %d of %d jobs are there", answered, left, ackedJobs)
	}
	out, err = data.Registry.Queues().Ack(ctx, "q", call, nil)
	ends := left
	if !durable {
		ends = 0 // the restart has forgotten the leases
	}
	if err != nil || int64(len(out.Done)) != ends || len(out.Done)+len(out.Skipped) != ackedJobs {
		t.Fatalf("with %d jobs left another ack ends %d and skips %d: %v", left, len(out.Done), len(out.Skipped), err)
	}
	if n := liveOf(t, data); n != left-ends {
		t.Fatalf("%d jobs are there", n)
	}
	return crashed
}

func liveOf(t *testing.T, data *recovery.Recovered) int64 {
	t.Helper()
	state, err := data.Registry.State("q", false)
	if err != nil || state.Queue.Ready+state.Queue.InFlight != state.Count {
		t.Fatalf("%+v, %v", state, err)
	}
	return state.Count
}
