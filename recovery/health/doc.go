// Package health reports the state of the server: the phase that it is in
// and how far its replay is (Gate), what its checks found last (Monitor), and
// whether it still moves (Watchdog). Reading any of them takes no lock of the
// data path and touches no disk, so probes may ask at any time.
package health
