package bench

import (
	"fmt"
	"math/rand/v2"

	"github.com/e6e95bb8/topics/cmd/topics/bench/load"
)

const (
	// corpusBytes is the size of the text. It is large enough that a block of a
	// segment rarely contains the same part of it twice.
	corpusBytes = 4 << 20
	// leastRecord is the smallest record that a corpus makes, in bytes.
	leastRecord = 64
	// corpusTags is the number of tags that records have in turn.
	corpusTags = 10
)

// corpus makes records that compress about as well as logs and messages do:
// they have parts of a text of words, in which frequent words occur more often
// than rare ones. Record n is always the same. It is safe for concurrent use.
type corpus struct{ text []byte }

func newCorpus() *corpus {
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 4000)
	for i := range words {
		words[i] = make([]byte, 3+rng.IntN(8))
		for k := range words[i] {
			words[i][k] = 'a' + byte(rng.IntN(26))
		}
	}
	zipf := rand.NewZipf(rng, 1.1, 4, uint64(len(words)-1))
	c := &corpus{text: make([]byte, 0, corpusBytes+16)}
	for len(c.text) < corpusBytes {
		c.text = append(append(c.text, words[zipf.Uint64()]...), ' ')
	}
	return c
}

// appendRecord appends record n with a value of size bytes in data.
func (c *corpus) appendRecord(b []byte, n, size int) []byte {
	const shape = `{"n":000000000000,"at":"0000000000000000","text":""}`
	at := uint64(n) * 0x9e3779b97f4a7c15
	length := size - len(shape)
	from := int(at>>16) % (corpusBytes - length)
	b = fmt.Appendf(b, `{"data":{"n":1%011d,"at":"%016x","text":"`, n, at)
	b = append(b, c.text[from:from+length]...)
	return fmt.Appendf(b, `"},"tag":%q}`, corpusTag(n))
}

// corpusTag returns record n's tag.
func corpusTag(n int) string { return fmt.Sprintf("t%d", n%corpusTags) }

// appendWrite appends a request that writes batch records from record n on to a
// topic.
func (c *corpus) appendWrite(b []byte, topic string, n, batch, size int) []byte {
	body := make([]byte, 0, batch*(size+32)+64)
	body = append(body, `{"records":[`...)
	for i := range batch {
		if i > 0 {
			body = append(body, ',')
		}
		body = c.appendRecord(body, n+i, size)
	}
	body = append(body, `],"disable_backpressure":true}`...)
	return append(b, load.Render("POST", "/v0/topics/"+topic+"?return_seqs=false", body)...)
}

// interleaved returns a function that renders writes to many topics in turn.
func (c *corpus) interleaved(topics, batch, size, from int) func(b []byte, i int) []byte {
	return func(b []byte, i int) []byte {
		return c.appendWrite(b, topicName(i%topics), from+i*batch, batch, size)
	}
}

func topicName(i int) string { return fmt.Sprintf("bench-%06d", i) }
