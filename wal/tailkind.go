package wal

// TailKind is what ended the life of a log: what a torn tail may look like
// depends on it.
type TailKind uint8

const (
	// TailPower is a power cut, or an end that is not known. Writes reached the
	// disk in any order, so anything that no later frame, header or record of
	// Options proves to have been synced is a torn tail.
	TailPower TailKind = iota
	// TailKill is a process that ended while the kernel lived on, with the page
	// cache intact. Writes reached the cache in order, so after the last valid
	// frame stands at most the beginning of one frame, or of the header of the
	// next file, and zeros. Anything else is damage.
	//
	// It must not be used after a write or a sync has failed, nor before an
	// opening with TailPower has succeeded since the last power cut.
	TailKill
	// TailDamaged is for reading a log of a directory that is already known to
	// be damaged: every tail that is not zeros counts as damage.
	TailDamaged
)
