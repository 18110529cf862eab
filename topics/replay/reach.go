package replay

import "github.com/e6e95bb8/topics/wal"

// Reach returns the position up to which topics and routers have applied the
// log. A log that ends below it has lost frames. It is called before Start.
func (rp *Replay) Reach() (reach wal.LSN) {
	for _, t := range rp.catalog.ByID {
		reach = max(reach, t.Applied)
	}
	for _, rt := range rp.routers.ByID {
		reach = max(reach, rt.Applied)
	}
	return reach
}

// SnapshotReach is Reach of a checkpoint's state.
func SnapshotReach(state []byte) (wal.LSN, error) {
	rp, err := decode(state)
	if err != nil {
		return 0, err
	}
	return rp.Reach(), nil
}
