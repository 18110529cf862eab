// Package clock tells when records are written, and how old they are, whatever
// becomes of the system's wall clock.
//
// A Clock reads both the wall clock, for timestamps, and a steady one, for ages.
// Arrivals holds, for one topic, where the two disagree.
package clock
