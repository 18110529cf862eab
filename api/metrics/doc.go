// Package metrics renders the server's metrics: as Prometheus text, as JSON, and
// one family at a time in the form of Spring's actuator.
//
// A Set has what the server counts itself. Everything else is read from its owner
// at the time of a request, into Readings, and one table names it in the text and
// in JSON. The catalogue has the type and the help of each family; a family that
// it lacks is not shown.
package metrics

//go:generate go run ./document
