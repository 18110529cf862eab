// Package store is the data directory of a running server: it takes
// checkpoints, compacts segments, offloads them to a cold tier, archives the
// log, scrubs what is stored, erases what is dead when asked to, and removes files
// that nothing names any more.
//
//	         writes
//	           |
//	        wal.Log ----------------------------> archive (finished log files)
//	           |
//	       Checkpoint                 every so many bytes of log, or so often
//	      /          \
//	 snapshot       segments --Compact--> fewer, with less that is dead
//	      \          /     \
//	       manifest         Offload ----> cold directory
//	           |
//	the log's front is truncated
//
// Whatever is in use is named by the manifest. A file is made durable first,
// then a manifest names it, then the topics read from it; and a file is removed
// only once neither MANIFEST nor MANIFEST.prev can name it. A crash between any
// two steps therefore leaves garbage, which the next start removes, and never a
// manifest that names a missing file.
//
// # Who owns what
//
//	Store       the whole; its work group: which segments and checkpoints there are
//	current     the manifest, in memory and on the disk, with the reserves
//	segmentSet  the open segments, in order, and which of them is being worked on
//	obsolete    files to be removed, and the pins that keep them
//	coldTier    the lock on the cold directory, its owner, and how it responds
//	archive     copies of finished log files
//	scrubs      the scrub under way and the last one
//	erasures    the erasure under way and the last one
//	background  the goroutines and what wakes them
//
// # Locks
//
// A goroutine takes them in this order and may leave some out:
//
//	coldTier.work      offloading, and compaction in the cold directory
//	Store.compaction   compaction in the data directory
//	coldTier.mu        the cold directory's lock and owner
//	Store.work         checkpoints, and every change of which segments there are
//	current.write      writing of the manifest's files and the reserves
//	segmentSet.mu      the list of segments
//	current.mu         the manifest in memory
//
// The locks of counters, scrubs, erasures, background and remote are leaves. The
// registry's locks come after Store.work. While Store.work is held only the data
// directory is waited for, never the archive or the cold directory, which may be
// on another machine and hang. While segmentSet.mu, current.mu or a leaf is held
// no disk is waited for, so that health checks and metrics never are.
package store
