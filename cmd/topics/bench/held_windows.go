package bench

const heldCommand = "serve"

// heldStates are none: Windows has no signals to hold syncs with.
func (b *bench) heldStates() []probeState { return nil }
