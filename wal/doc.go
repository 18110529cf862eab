// Package wal is the one totally ordered log that everything durable is written
// to.
//
// # Promises
//
//   - A frame is appended whole or not at all, across any crash.
//   - When WaitWritten returns nil the frame is in the log file and survives the
//     process. When WaitSynced returns nil it survives a power cut.
//   - After a write or a sync of a file in use has failed, nothing is ever
//     acknowledged again. The error is sticky, reads continue, and a restart
//     recovers. The log calls Options.Failed, and the restart must use TailPower.
//   - What Reserve has granted can be appended. A full disk refuses reservations,
//     so nothing is half-appended, and a reserve is kept for appends that free
//     space. Any other failure to make the next file does the same. The log keeps
//     trying to make the file.
//   - Opening reads every frame back in order, or returns which file is corrupt at
//     which offset. It cuts a torn tail (what a process that did not end in order
//     may leave, according to Options.Tail). Corruption is an error, and opening
//     then changes nothing on disk. Salvage reads what can be read of a corrupt log.
//   - TruncateFront frees the files that checkpoints have made unnecessary, whole
//     files from the front. A crash at any step of it leaves a log that opens.
//
// # The files
//
// The log is a sequence of preallocated files, named by a dense index. The next
// file is filled with zeros and synced before it is used, so that a sync in the
// steady state changes no metadata. A frame is in one file.
//
//	0000000000000001.wal          0000000000000002.wal         0000000000000003.wal
//	+------+---+-----+--+----+    +------+---+---+---------+   +--------------------+
//	|header|frm|frame|fr|0000|    |header|frm|frm|000000000|   |00000000000000000000|
//	+------+---+-----+--+----+    +------+---+---+---------+   +--------------------+
//	 first=0                       first=n       ^ tail          next: no header yet
//
// The oldest file is Options.First. The caller records it durably, outside the
// log, before TruncateFront frees the files below it: so a missing file is
// distinguished from a freed one, and a file that a crash left is known to be a
// leftover. The same holds for Options.Start, where replay begins.
//
//	0000000000000007.wal -- TruncateFront --> 0000000000000007.old -- zeros, sync --> 000000000000000c.wal
//
// One freed file at a time is kept and recycled as the next file: its blocks are
// allocated already. It first loses its name, and gets the name of the next file
// only when its zeros are durable. Readers that still have it open notice by the
// checksum, or by the position, of what they read, and return ErrTruncated.
//
// A position (LSN) counts bytes of frames only, without file headers and unused
// ends of files: the offset in a file is 64 + lsn - first.
//
// # Torn tail or corruption
//
// The bytes after the valid frames are a torn tail or corruption. After a power cut
// (TailPower) writes may have reached the disk in any order, so the bytes count as
// corruption only if something proves that they had been synced: each frame and
// each header carries a position that was durable when it was made, and the caller
// may know one. After a mere kill (TailKill) the page cache is as the process left
// it. There is one writer at a time, which writes frames and headers in the order
// of the log, and a system call that is killed has written the beginning of its
// bytes. So the log ends in the beginning of one frame, or of the next file's
// header, followed by zeros. Anything more is corruption.
//
// This must also hold for what an opening leaves that is itself killed:
//
//   - It removes the files after the end whole, the last one first.
//   - It writes unproven frames again as they are.
//   - It zeroes the header of the torn frame last. Until then the header keeps the
//     length of the bytes that may not be zero yet. Any 32 bytes pass for a torn
//     header.
//   - It fills a new file with zeros, and writes its header before its frames.
//
// After a failed write-back the page cache may show bytes that the disk does not
// have. Kernels report the failure once, to a sync, and count the pages as clean
// from then on. So an opening syncs every file before it reads any (see SyncError),
// and the caller has to remember earlier failures.
//
// # How a frame is committed
//
// Reserve sets room aside in the queue and in the files. Append spends it: it seals
// the frame into the open chunk of the cache, where readers find it, and queues the
// bytes. Two stages follow, each run by at most one goroutine at a time: write
// (everything queued, in one call per contiguous run) and sync (every file written
// to since the last sync). There is no committer goroutine: a goroutine that needs
// a stage and finds it idle runs it for all that wait; the others sleep and are
// woken once, and a stage that ends with waiters left elects one of them. So a lone
// writer waits for its own sync only, and under load one sync serves all the
// writers that queued during the one before.
//
// # Locks
//
// The log has one lock, Log.mu, and makes no system call while it holds it. Methods
// whose name ends in Locked need it held. Callers may hold their own locks while
// they call Append, TryAppend and Release, which never wait for the disk. Reserve,
// WaitWritten and WaitSynced block: a caller holds no lock then that a caller of
// Append may need.
package wal
