package segment

// pacer calls pace after each block's worth of work.
type pacer struct {
	pace func() error // may be nil
	done int          // bytes since the last call
}

func (p *pacer) work(bytes int) error {
	p.done += bytes
	if p.done < blockBytes || p.pace == nil {
		return nil
	}
	p.done %= blockBytes
	return p.pace()
}
