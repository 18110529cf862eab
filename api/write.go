package api

import (
	"net/http"
	"strconv"
	"unsafe"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
)

// write appends the body's records. The body's buffer is the engine's until
// Append returns: it copies the records into their frame.
func (s *Server) write(c *call) error {
	seqs, err := c.topicFlag("return_seqs", true)
	if err != nil {
		return err
	}
	body, err := s.body(c)
	if err != nil {
		return err
	}
	w, err := request.DecodeWrite(body, &s.opts.Limits, c.records, &c.notices)
	if err != nil {
		return err
	}
	c.records, c.configures = w.Records, w.Config != nil
	if w.IdempotencyKey == "" {
		w.IdempotencyKey = c.r.Header.Get("Idempotency-Key")
		if len(w.IdempotencyKey) > request.MaxKeyBytes {
			return wire.InvalidField("Idempotency-Key", "has %d bytes; at most %d are allowed", len(w.IdempotencyKey), request.MaxKeyBytes)
		}
	}
	if err := c.mayWrite(c.topic, w); err != nil {
		return err
	}
	if err := s.takeFrame(c, len(body)); err != nil {
		return err
	}
	engine := s.opened()
	held, err := s.takeBytes(engine, c.topic, w)
	if err != nil {
		return err
	}
	defer s.giveBytes(held)
	done, err := engine.Append(c.r.Context(), c.topic, w)
	if err != nil {
		return err
	}
	c.cost, c.costs = done.Cost, wire.CostWrite
	c.writeAppended(&done, seqs)
	return nil
}

// takeFrame takes the memory for the copy of a write in its frame, and for its
// decoded records. It goes back with the body's.
func (s *Server) takeFrame(c *call, body int) error {
	records := cap(c.records) * int(unsafe.Sizeof(record.Record{}))
	return s.memory.take(c, beyondFirst(body)+beyondFirst(records))
}

// writeAppended answers a write.
func (c *call) writeAppended(done *topics.Written, seqs bool) {
	b := appendWritten(append(c.out[:0], '{'), c.topic, done, seqs)
	b = append(b, ',')
	c.out = append(c.AppendPerformance(b), '}')
	c.Header()["Content-Type"] = jsonHeader
	c.WriteHeader(http.StatusOK)
	if done.Created {
		c.status = http.StatusCreated
	}
}

// appendWritten renders the members of a write's answer, without the
// performance block.
func appendWritten(b []byte, topic string, done *topics.Written, seqs bool) []byte {
	b = append(b, `"topic":"`...)
	b = append(b, topic...) // a checked name needs no escapes
	b = append(b, `","first_seq":`...)
	b = strconv.AppendUint(b, done.First, 10)
	b = append(b, `,"last_seq":`...)
	b = strconv.AppendUint(b, done.Last, 10)
	if seqs {
		b = append(b, `,"seqs":[`...)
		for seq := done.First; seq <= done.Last; seq++ {
			if seq > done.First {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, seq, 10)
		}
		b = append(b, ']')
	}
	b = append(b, `,"head_seq":`...)
	b = strconv.AppendUint(b, done.Head, 10)
	b = append(b, `,"count":`...)
	b = strconv.AppendInt(b, int64(done.Count), 10)
	b = append(b, `,"created":`...)
	b = strconv.AppendBool(b, done.Created)
	b = append(b, `,"deduped":`...)
	return strconv.AppendBool(b, done.Deduped)
}
