// Package history keeps what a server did in the last hour, in bounded memory: a
// Ring has a value of each series for every step, and Recent has the last minute
// of a few counters, for rates. Both take readings of cumulative counters, and
// hold what happened between them.
package history
