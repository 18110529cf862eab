package record

// Size is a number of records and of their payload bytes.
type Size struct{ Records, Bytes int64 }

func (s *Size) Add(d Size) { s.Records, s.Bytes = s.Records+d.Records, s.Bytes+d.Bytes }
