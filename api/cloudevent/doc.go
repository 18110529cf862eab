// Package cloudevent decodes CloudEvents 1.0 as HTTP brings them: structured, in
// batches, and in binary mode, where the attributes are headers. An event is kept
// in its structured JSON form, as it came or, in binary mode, as it is made here. What
// is taken is checked so that every reader can take it, too.
//
// See https://github.com/cloudevents/spec, version 1.0.2: the core specification, the
// JSON format, and the binding to HTTP.
package cloudevent
