package bench

import "fmt"

// Aim is a figure that was aimed for, with what was measured.
type Aim struct {
	Name string `json:"name"`
	// Want is the bound; AtMost says on which side of it the value must be.
	Want   float64 `json:"want"`
	AtMost bool    `json:"at_most"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Met    bool    `json:"met"`
}

func atLeast(name string, want, value float64, unit string) Aim {
	return Aim{Name: name, Want: want, Value: value, Unit: unit, Met: value >= want}
}

func atMost(name string, want, value float64, unit string) Aim {
	return Aim{Name: name, Want: want, AtMost: true, Value: value, Unit: unit, Met: value <= want}
}

func (a *Aim) bound() string {
	side := "at least"
	if a.AtMost {
		side = "at most"
	}
	return fmt.Sprintf("%s %s%s", side, figure(a.Want), a.Unit)
}

// writeAims holds the rounds against the aims whose cells were measured.
// Ratios of two cells are taken within a round.
func writeAims(rounds []*round) []Aim {
	var aims []Aim
	has := func(class string, s shape) bool {
		_, ok := rounds[0].cells[cellKey{class, s}]
		return ok
	}
	cell := func(r *round, class string, s shape) writeMeasures { return r.cells[cellKey{class, s}] }
	lone, many, bulk := shape{1, 1}, shape{64, 1}, shape{16, 100}
	if has("fsync", lone) {
		aims = append(aims,
			atMost("lone fsync write, p50 over raw append+sync p50 (pre-zeroed file)", 1.6, medianOf(rounds, func(r *round) float64 {
				return cell(r, "fsync", lone).P50US / r.appendSync.ZeroedP50US
			}), "x"),
			atMost("lone fsync write, p50 over raw append+sync p50 (growing file)", 1.6, medianOf(rounds, func(r *round) float64 {
				return cell(r, "fsync", lone).P50US / r.appendSync.GrowingP50US
			}), "x"))
	}
	if has("fsync", many) {
		aims = append(aims, atLeast("64 fsync writers, frames per sync", 8, medianOf(rounds, func(r *round) float64 {
			return cell(r, "fsync", many).Group
		}), ""))
	}
	if has("fsync", many) && has("ephemeral", many) {
		aims = append(aims, atLeast("64 fsync writers over 64 ephemeral writers", 0.8, medianOf(rounds, func(r *round) float64 {
			return cell(r, "fsync", many).Records / cell(r, "ephemeral", many).Records
		}), "x"))
	}
	if has("disk", bulk) {
		aims = append(aims, atLeast("disk, batches of 100 over 16 connections", 700_000, medianOf(rounds, func(r *round) float64 {
			return cell(r, "disk", bulk).Records
		}), " records/s"))
	}
	if has("disk", bulk) && has("fsync", bulk) {
		aims = append(aims, atLeast("fsync over disk, batches of 100 over 16 connections", 0.8, medianOf(rounds, func(r *round) float64 {
			return cell(r, "fsync", bulk).Records / cell(r, "disk", bulk).Records
		}), "x"))
	}
	return aims
}

// steadyLog is the least log whose replay says something about the rate:
// below it, opening files is most of the time.
const steadyLog = 64 << 20

// replayAims holds the replays against the aims.
func replayAims(results []ReplayResult) []Aim {
	var aims []Aim
	for _, r := range results {
		what := fmt.Sprintf("%d records in batches of %d", r.Records, r.Batch)
		if r.LogBytes >= steadyLog {
			aims = append(aims, atLeast("replay of "+what, min(400, r.ScanMBs), r.MBs, " MB/s"))
		}
		aims = append(aims, atMost("resident memory, "+what, 64, r.BytesPerRecord, " B/record"))
	}
	return aims
}
