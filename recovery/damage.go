package recovery

import (
	"fmt"

	"github.com/e6e95bb8/topics/recovery/health"
)

// DamageSeen is what is known of damage to stored data since the start.
type DamageSeen struct {
	Scrub *Scrub // the last one that was finished; nil: none was
	Pages uint64 // of segments that could not be read while counting
	Read  string // what the last read that met damage said; empty: none did
}

// DamageSeen collects it.
func (r *Recovered) DamageSeen() DamageSeen {
	return DamageSeen{Scrub: r.LastScrub(), Pages: r.Registry.Totals().DamagedPages, Read: r.Registry.LastDamage()}
}

// SegmentsCheck watches for damage to stored data. What was met stands until
// the process ends: it takes a repair, and that takes the directory.
func SegmentsCheck(seen func() DamageSeen) health.Check {
	return func() health.Condition {
		s := seen()
		switch {
		case s.Scrub != nil && s.Scrub.DamagesTotal > 0:
			d := s.Scrub.Damages[0]
			return health.Condition{Status: health.Unhealthy, Reason: fmt.Sprintf("%s is damaged at offset %d: %s (%s found)",
				d.File, d.Offset, d.Cause, places(s.Scrub.DamagesTotal))}
		case s.Read != "":
			return health.Condition{Status: health.Unhealthy, Reason: "a read met damage: " + s.Read}
		case s.Pages > 0:
			return health.Condition{Status: health.Unhealthy, Reason: fmt.Sprintf("%d damaged index pages of segments were met while counting", s.Pages)}
		}
		return health.Condition{}
	}
}

func places(n int) string {
	if n == 1 {
		return "1 damaged place"
	}
	return fmt.Sprintf("%d damaged places", n)
}
