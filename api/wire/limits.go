package wire

import "time"

// Limits bounds what a request may ask for. Sizes are bytes. A zero field
// takes the value of DefaultLimits.
type Limits struct {
	MaxBodyBytes     int64 // of a request body, after decompression
	MaxBatchRecords  int   // records in one write
	MaxRecordBytes   int   // data plus meta of one record
	MaxMetaBytes     int
	MaxMetaKeys      int // top-level members of meta
	MaxTagBytes      int
	MaxNodeBytes     int
	MaxLimit         int   // records in one read
	MaxClaim         int   // jobs in one claim, and seqs in one call on jobs
	MaxInflightBytes int64 // held by the bodies and answers of all requests under way
	ProcessBytes     int64 // reserved for what no share counts; a quarter of it is for headers and stacks; 0 means no bound
	StreamBytes      int64 // held by streams and WebSockets, and by what they are sent
	MetricsMaxTopics int   // topics with series of their own in the metrics

	MaxStreams        int   // streams and WebSockets
	MaxStreamsPerKey  int   // the same, of one key
	MaxInflightPerKey int   // requests under way, of one key; probes and streams apart
	AdminReads        int   // scrapes and admin reads in a second, of one key; 0 means no limit
	MaxTotalBytes     int64 // live payload bytes; 0 means no limit

	MaxWatchTopics   int           // topics of one watch session or WebSocket, those of prefixes included
	MaxWatchSessions int           // watch sessions
	SSEMaxAge        time.Duration // after which an event stream ends, about; 0 means never

	// WrongKeyDelay is how long answers to wrong keys take once there are many of
	// them; 0 means no delay.
	WrongKeyDelay time.Duration

	// HeaderTimeout bounds reading a request's header, BodyTimeout reading all
	// of it, WriteTimeout the time from there to the last byte of the answer
	// (so it must exceed the longest long poll), IdleTimeout the wait for the
	// next request on a connection. They are how long a slow client can hold a
	// connection. A long poll has been read and outlives BodyTimeout.
	HeaderTimeout time.Duration
	BodyTimeout   time.Duration
	WriteTimeout  time.Duration
	IdleTimeout   time.Duration
	MaxHeader     int
}

// DefaultLimits returns the limits that the contract documents.
func DefaultLimits() Limits {
	return Limits{
		MaxBodyBytes:      64 << 20,
		MaxBatchRecords:   10_000,
		MaxRecordBytes:    1 << 20,
		MaxMetaBytes:      16 << 10,
		MaxMetaKeys:       64,
		MaxTagBytes:       256,
		MaxNodeBytes:      128,
		MaxLimit:          1000,
		MaxClaim:          1000,
		MaxInflightBytes:  512 << 20,
		StreamBytes:       1 << 30,
		MetricsMaxTopics:  1000,
		MaxStreams:        10_000,
		MaxStreamsPerKey:  1000,
		MaxInflightPerKey: 1000,
		MaxWatchTopics:    256,
		MaxWatchSessions:  10_000,
		HeaderTimeout:     10 * time.Second,
		BodyTimeout:       30 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeader:         64 << 10,
	}
}

// WithDefaults returns l with the defaults in place of zero fields.
func (l Limits) WithDefaults() Limits {
	d := DefaultLimits()
	orDefault(&l.MaxBodyBytes, d.MaxBodyBytes)
	orDefault(&l.MaxBatchRecords, d.MaxBatchRecords)
	orDefault(&l.MaxRecordBytes, d.MaxRecordBytes)
	orDefault(&l.MaxMetaBytes, d.MaxMetaBytes)
	orDefault(&l.MaxMetaKeys, d.MaxMetaKeys)
	orDefault(&l.MaxTagBytes, d.MaxTagBytes)
	orDefault(&l.MaxNodeBytes, d.MaxNodeBytes)
	orDefault(&l.MaxLimit, d.MaxLimit)
	orDefault(&l.MaxClaim, d.MaxClaim)
	orDefault(&l.MaxInflightBytes, d.MaxInflightBytes)
	orDefault(&l.StreamBytes, d.StreamBytes)
	orDefault(&l.MetricsMaxTopics, d.MetricsMaxTopics)
	orDefault(&l.MaxStreams, d.MaxStreams)
	orDefault(&l.MaxStreamsPerKey, d.MaxStreamsPerKey)
	orDefault(&l.MaxInflightPerKey, d.MaxInflightPerKey)
	orDefault(&l.MaxWatchTopics, d.MaxWatchTopics)
	orDefault(&l.MaxWatchSessions, d.MaxWatchSessions)
	orDefault(&l.HeaderTimeout, d.HeaderTimeout)
	orDefault(&l.BodyTimeout, d.BodyTimeout)
	orDefault(&l.WriteTimeout, d.WriteTimeout)
	orDefault(&l.IdleTimeout, d.IdleTimeout)
	orDefault(&l.MaxHeader, d.MaxHeader)
	return l
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
