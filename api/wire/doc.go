// Package wire has the parts that requests and answers are made of: the fields
// of bodies and the parameters of queries, errors and the one map from the
// errors of other packages to statuses and codes, warnings, JSON answers, the cursors
// of lists, content types and codings, and the limits of requests. It knows neither
// routes nor the server.
package wire
