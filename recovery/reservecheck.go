package recovery

import (
	"fmt"

	"github.com/e6e95bb8/topics/recovery/health"
)

// ReserveCheck is the health of the reserves: degraded while not all of them
// could be laid up. The next start on a full disk may fail then.
func (r *Recovered) ReserveCheck() health.Condition {
	if err := r.reserve.Missing(); err != nil {
		return health.Condition{Status: health.Degraded, Reason: fmt.Sprintf(
			"the space kept for the manifest on a full disk is not there (%v); free some space before the next restart", err)}
	}
	return health.Condition{}
}

// renewReserve lays up again what was spent.
func (r *Recovered) renewReserve() {
	if r.reserve.Missing() == nil {
		return
	}
	r.commits.Lock()
	defer r.commits.Unlock()
	r.reserve.Fill()
}
