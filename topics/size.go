package topics

// sums is a number of records and of their payload bytes.
type sums struct{ records, bytes int64 }

func (s *sums) add(d sums) { s.records, s.bytes = s.records+d.records, s.bytes+d.bytes }
