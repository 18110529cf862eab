package request

import (
	"unsafe"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
)

// jobFields are the fields of a record that are its job's. Only a queue has
// them: in a log they are names like any that is unknown.
var jobFields = []string{"delay_ms", "not_before", "group", "unique_key", "priority"}

// The longest texts of a job, in bytes.
const (
	maxGroupBytes = 128
	maxKeyOfJob   = 256
)

// jobValue is one of the jobFields as it stands in the body of a write.
type jobValue struct {
	record int // index of its record
	field  int // of jobFields
	doc    []byte
	at     int // where in doc, which ends with it, the value begins
}

// HasJobs reports whether a record has a field of a job.
func (w *WriteRequest) HasJobs() bool { return len(w.jobs) > 0 }

// Size is about the memory that the decoded records take, in bytes.
func (w *WriteRequest) Size() int {
	return cap(w.Records)*int(unsafe.Sizeof(record.Record{})) + cap(w.jobs)*int(unsafe.Sizeof(jobValue{}))
}

// JobReading is what the fields of jobs are read by.
type JobReading struct {
	Now   queue.Time // delays count from it
	TTLMS int64      // of the queue, or 0 for none
	Scope string     // the prefix of the names in errors and warnings
	Notes *wire.Notices
}

// ReadJobs gives the records their jobs, in a queue. It warns of those that expire
// before they are due.
func (w *WriteRequest) ReadJobs(by *JobReading) error {
	for values := w.jobs; len(values) > 0; {
		n := 1
		for n < len(values) && values[n].record == values[0].record {
			n++
		}
		job, err := readJob(values[:n], by.Now, by.Scope)
		if err != nil {
			return err
		}
		if by.TTLMS > 0 && job.Due-by.Now.Wall > by.TTLMS {
			by.Notes.Mention("%srecords[%d] is due in %d ms, and expires before: the ttl_ms of the queue is %d",
				by.Scope, values[0].record, job.Due-by.Now.Wall, by.TTLMS)
		}
		w.Records[values[0].record].Job = job.Encode()
		values = values[n:]
	}
	return nil
}

// NoteJobs warns of the fields of jobs, in a log.
func (w *WriteRequest) NoteJobs(notes *wire.Notices, scope string) error {
	for _, v := range w.jobs {
		f := jobReader(v, scope, notes)
		f.NoteUnknown(jobFields[v.field], recordFields)
		f.Skip()
		if err := f.Finish(); err != nil {
			return err
		}
	}
	return nil
}

// jobReader returns a reader of a value, which names it in its errors.
func jobReader(v jobValue, scope string, notes *wire.Notices) wire.Fields {
	f := wire.ReadFieldsAt(v.doc, v.at, notes)
	f.SetScope(scope)
	f.SetRecord(v.record)
	return f
}

// readJob reads the fields of one record. What is sent more than once counts as
// it was sent last.
func readJob(values []jobValue, now queue.Time, scope string) (*record.Job, error) {
	var job record.Job
	var delay, before *int64
	for _, v := range values {
		f := jobReader(v, scope, nil)
		switch name := jobFields[v.field]; name {
		case "delay_ms":
			delay = new(f.ReadInt(name))
		case "not_before":
			before = new(f.ReadInt(name))
		case "group":
			job.Group = textOrNull(&f, name, maxGroupBytes)
		case "unique_key":
			job.Key = textOrNull(&f, name, maxKeyOfJob)
		case "priority":
			job.Priority = 0
			if !f.Null() {
				job.Priority = queue.ClampPriority(f.ReadInt(name))
			}
		}
		if err := f.Finish(); err != nil {
			return nil, err
		}
	}
	wait, until, err := queue.CheckDelay(delay, before, now)
	if err != nil {
		f := jobReader(values[0], scope, nil)
		return nil, wire.InvalidField(f.Where(delayField(delay)), "%s", err)
	}
	switch {
	case wait > 0:
		job.Due = now.Wall + wait
	case until > 0:
		job.Due, job.ByWall = until, true
	}
	return &job, nil
}

// delayField is the field that is at fault for a delay.
func delayField(delay *int64) string {
	if delay != nil {
		return "delay_ms"
	}
	return "not_before"
}

// textOrNull reads a string; nil for one that is empty, and for null.
func textOrNull(f *wire.Fields, name string, most int) []byte {
	if f.Null() {
		return nil
	}
	text := f.ReadText(name, most)
	if len(text) == 0 {
		return nil
	}
	return text
}
