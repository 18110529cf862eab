package api

import (
	"net/http"
	"strconv"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// write appends the body's records. The body's buffer is the engine's until
// Append returns: it copies the records into their frame.
func (s *Server) write(c *call.Call) error {
	seqs, err := c.TopicFlag("return_seqs", true)
	if err != nil {
		return err
	}
	body, err := c.Body()
	if err != nil {
		return err
	}
	w, err := request.DecodeWrite(body, &s.opts.Limits, c.Records, &c.Notices)
	if err != nil {
		return err
	}
	c.Records, c.Configures = w.Records, w.Config != nil
	if w.IdempotencyKey == "" {
		w.IdempotencyKey = c.Request.Header.Get("Idempotency-Key")
		if len(w.IdempotencyKey) > request.MaxKeyBytes {
			return wire.InvalidField("Idempotency-Key", "has %d bytes; at most %d are allowed", len(w.IdempotencyKey), request.MaxKeyBytes)
		}
	}
	if err := c.MayWrite(c.Topic, &w.Write); err != nil {
		return err
	}
	engine := s.opened()
	if err := readJobs(engine, c.Topic, w, &c.Notices, ""); err != nil {
		return err
	}
	if err := c.TakeFrame(len(body), w); err != nil {
		return err
	}
	held, err := s.bounds.TakeBytes(engine, c.Topic, &w.Write)
	if err != nil {
		return err
	}
	defer s.bounds.GiveBytes(held)
	done, err := engine.Append(c.Request.Context(), c.Topic, &w.Write)
	if err != nil {
		return err
	}
	if done.Created && w.Config != nil {
		noteMade(engine, c.Topic, &c.Notices)
	}
	c.Cost, c.Costs = done.Cost, wire.CostWrite
	writeAppended(c, &done, seqs)
	return nil
}

// writeAppended answers a write.
func writeAppended(c *call.Call, done *topic.Written, seqs bool) {
	b := appendWritten(append(c.Out[:0], '{'), c.Topic, done, seqs)
	b = append(b, ',')
	c.Out = append(c.AppendPerformance(b), '}')
	c.Header()["Content-Type"] = call.JsonHeader
	c.WriteHeader(http.StatusOK)
	if done.Created {
		c.Status = http.StatusCreated
	}
}

// appendWritten renders the members of a write's answer, without the
// performance block.
func appendWritten(b []byte, x string, done *topic.Written, seqs bool) []byte {
	b = append(b, `"topic":"`...)
	b = append(b, x...) // a checked name needs no escapes
	b = append(b, `","first_seq":`...)
	b = strconv.AppendUint(b, done.First, 10)
	b = append(b, `,"last_seq":`...)
	b = strconv.AppendUint(b, done.Last, 10)
	switch {
	case seqs && done.Unique != nil:
		b = appendSeqs(append(b, `,"seqs":`...), done.Unique.Seqs)
	case seqs:
		b = append(b, `,"seqs":[`...)
		for seq := done.First; seq <= done.Last; seq++ {
			if seq > done.First {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, seq, 10)
		}
		b = append(b, ']')
	}
	if u := done.Unique; u != nil && len(u.Deduped) > 0 {
		b = appendSeqs(append(b, `,"deduped_seqs":`...), u.Deduped)
	}
	b = append(b, `,"head_seq":`...)
	b = strconv.AppendUint(b, done.Head, 10)
	b = append(b, `,"count":`...)
	count := done.Count
	if done.Unique != nil {
		count = len(done.Unique.Seqs)
	}
	b = strconv.AppendInt(b, int64(count), 10)
	b = append(b, `,"created":`...)
	b = strconv.AppendBool(b, done.Created)
	b = append(b, `,"deduped":`...)
	return strconv.AppendBool(b, done.Deduped)
}

func appendSeqs(b []byte, seqs []uint64) []byte {
	b = append(b, '[')
	for i, seq := range seqs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, seq, 10)
	}
	return append(b, ']')
}
