// Package queue is the state machine of a queue's jobs: which consumer may
// have which job, which one has it, and how it ends. It is pure: it has no clock, no lock,
// no goroutine and no I/O. The topic that owns a Queue calls it with its lock
// held and passes the time; the time passed may be that of a call's arrival,
// which is earlier than that of a call before it.
//
//	         Write                     group goes on
//	   ┌───────┴──────┬─────────────┐  ┌─────────┐
//	   ▼              ▼             ▼  │         ▼
//	Delayed ──due──▶ Ready ◀────── Blocked     (Ready, or Blocked after
//	   ▲    Promote   │  ▲                      the head of its group)
//	   │            Claim│
//	   │              ▼  │ Nack, expiry, Release
//	   └─back-off── InFlight ──last delivery, rejected──▶ dying ──Bury──▶ dead letter
//	                  │  ▲                                  │
//	                 Ack └Extend          cannot be taken:  └──▶ Ready
//	                  ▼
//	                 end            (a delete, a cap, a ttl end a job in any state)
//
// # What costs
//
// A job that is ready, was never delivered and has no group, key, priority or
// delay is its record and nothing else: the queue keeps ranges of seqs in which
// such jobs are (runs, in plain.go) and asks the topic, by Records, which of
// them are live. Any other job has a state of its own in ordered trees. Every
// operation costs O(log n) for each job that it concerns.
//
// # Judged, then done
//
// A call on jobs is judged when it comes, by the time that it came. What it may
// do is a Change, whose jobs are pending from then on: they neither expire nor
// are they handed out. The topic commits the change as it does with a write, and
// then calls Apply, or Abort if that failed: the lease is as it was. A change
// that needs no log entry is applied at once. A replay calls Apply, with what
// the entries hold, and Write, EndThrough, EndJobs and Configure, in the order of
// the log; nothing in them depends on a clock. After the replay Restart follows,
// then Serve, which lets the time pass that was missed. An expiry is therefore not
// in the log: it follows from the deadline, and its jitter from the job.
//
// The facts that an entry carries, beside At as the wall-clock time (a replay
// passes it as both clocks' time, moved by what they differ):
//
//	what       logged        facts
//	Write      with records  of each job: Group, Key, Priority, DelayMS or NotBefore, in its record
//	Ack        always        Seq of each: a delete of records
//	Bury       always        Seq of each: in one frame with the copies in the dead-letter topic
//	Promote    always        Seq of each: a write's delay lasts, and so does its end
//	Claim      if durable    Node, First, LeaseMS; Seq, Deliveries of each
//	Nack       if durable    Seq, Deliveries, DelayMS, Unstarted, Rejected, Reason of each
//	Extend     if durable    LeaseMS; Seq of each
//	Release    if durable    Counted; Seq, Deliveries of each
//	EndThrough as today      what evicts and deletes records; Evicted counts what is lost
//	EndJobs    as today
//	Configure  as today      the config
//
// Durable is Config.LeasesDurable. A lease that was taken before that became
// true is forgotten by a restart. DelayMS holds the back-off with its jitter.
//
// The topic calls Apply of Ack and Bury, EndThrough and EndJobs in the section of
// its lock in which the records go.
//
// # Driving it
//
// Each call does a bounded amount of what time has brought, of taking out the jobs
// that EndThrough ended, which no call knows any more, and of what Configure has left:
// the groups of which more jobs may run, or fewer, and the jobs that do not move to a
// dead-letter topic any more. When thousands of jobs
// are due or expire in one moment, the queue is behind until Serve has been called
// some more times, which Next asks for. A group of which fewer jobs may run now never
// has more given out. Counts and lists are of what has been looked at by then.
// Claims wait for the queue to catch up, so that they are given the most urgent job, but
// of more than orderLimit jobs they are given the first. No call is judged by that: a lease ends at its
// deadline, and a promoted job is due.
//
// After anything that may make a job ready or bring a waiter, the topic calls
// Serve, commits each Grant's claim and answers its waiter; then Losses, for the
// streams; then Bury as long as Dying, moving the jobs; a Bury that was applied
// is followed by Serve again, so that a claim that met jobs out of deliveries is
// answered with the next ones. It keeps one timer for a queue, set to Next.
//
// A waiter whose client is gone is ended with Leave, before Serve can give it
// jobs. If its claim was committing meanwhile, or its answer cannot be written,
// Undo of the claim follows its Apply.
//
// A claim is always a waiter: without a wait its time is over at once, and Serve
// answers it empty if there is nothing for it. So it overtakes none that waits.
package queue
