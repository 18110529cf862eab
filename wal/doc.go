// Package wal is the one totally ordered log that everything durable goes
// through.
//
// # Promises
//
//   - A frame is appended whole or not at all, across any crash.
//   - WaitWritten returning nil means the frame is in the log file: it
//     survives the process. WaitSynced returning nil means it survives the
//     power.
//   - After a write or a sync of a file in use has failed nothing is ever
//     acknowledged again: the error is sticky, reads go on, a restart recovers.
//     Options.Failed is called, and the restart must use TailPower.
//   - A full disk refuses appends before they get a position; nothing is
//     half-appended, and a reserve is kept for appends that free space. So does
//     any other failure to make the next file. Both are tried again.
//   - Opening reads every frame back in order, or says which file is damaged
//     at which offset. A torn tail (what Options.Tail allows a process to leave
//     that did not end in order) is cut; damage is an error, and nothing is
//     touched. Salvage reads what can be read of a damaged log.
//   - What a checkpoint has made oldestFreeable is given back by Release, whole
//     files from the front. A crash in the middle of it, at any step, leaves a
//     log that opens.
//
// # The files
//
// The log is a sequence of preallocated files, named by a dense index. Zeros
// are written and synced ahead of use, so that a sync in the steady state
// changes no metadata. Frames do not span files.
//
//	0000000000000001.wal          0000000000000002.wal         0000000000000003.wal
//	+------+---+-----+--+----+    +------+---+---+---------+   +--------------------+
//	|header|frm|frame|fr|0000|    |header|frm|frm|000000000|   |00000000000000000000|
//	+------+---+-----+--+----+    +------+---+---+---------+   +--------------------+
//	 first=0                       first=n       ^ tail          spare: no header yet
//
// The oldest file is Options.First. It is recorded elsewhere, durably, before
// Release gives back the files below it, so that a file which is missing is
// told from one that was released, and one that a crash left behind is known
// to be a leftover. The same goes for Options.Start, where replay begins.
//
//	0000000000000007.wal -- Release --> 0000000000000007.old -- zeros, sync --> 000000000000000c.wal
//
// One released file at a time is kept to become a spare: its blocks are
// allocated already. It leaves the names of the log first, and comes back only
// when its zeros are durable. Readers that still have it open find that out by
// the checksum, or by the position, of what they read, and say ErrTruncated.
//
// A position (LSN) counts frame bytes only, file headers and slack left out:
// the offset in a file is 64 + lsn - first.
//
// # Torn or damaged
//
// Where the valid frames end, the bytes after them are torn or damaged. After a
// power cut (TailPower) writes may have reached the disk in any order, so bytes
// count as damaged only if something proves that they had been synced: each
// frame and header carries a position that was durable when it was made, and the
// caller may know one. After a mere kill (TailKill) the page cache is as the
// process left it. There is one writer at a time, which writes frames and headers
// in the order of the log, and a system call that is killed has written the
// beginning of its bytes. So the log ends in the beginning of one frame, or of
// the next file's header, and zeros; whatever is more is damaged.
//
// That must also hold for what an opening leaves that is killed itself:
//
//   - Files after the end go from the last one on, whole.
//   - Unproven frames are written again as they are.
//   - The torn frame is zeroed with its header last, which until then keeps the
//     length of what may not be zero yet. Any 32 bytes pass for a torn header.
//   - A new file is all zeros, and its header is written before its frames.
//
// After a failed write-back the page cache may show what the disk does not have.
// Kernels report it once, to a sync, and count the pages as clean from then on.
// So an opening syncs every file before it reads any (see SyncError), and the
// caller has to remember what failed before.
//
// # The way of a frame
//
// Append seals the frame into the open chunk of the cache, where readers will
// find it, and queues the bytes. Two stages follow, each run by at most one
// goroutine at a time: write (everything queued, in one call per contiguous
// run) and sync (every file written since the last). There is no committer
// goroutine: whoever needs a stage and finds it idle runs it for everybody
// queued, the rest sleep and are woken once, and a stage that ends with
// waiters left elects one of them. So a lone writer pays for its own sync and
// nothing else, and under load one sync serves all who queued during the last.
//
// # Lock order
//
// Callers may hold their own locks while calling Append, which never blocks
// on the disk. The log takes only Log.mu, and holds it for no system call.
// Reserve, WaitWritten and WaitSynced block and must be called with no lock
// that an Append caller may need.
package wal
