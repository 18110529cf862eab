// Package external is checks of what lies outside of the server: a service that
// answers HTTP, a port that takes connections, a file that is there. Operators
// declare them in one line of text each; see Parse.
package external
