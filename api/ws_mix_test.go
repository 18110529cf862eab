package api

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/socket"
)

// mix is what a client sends, and how much of it is answered.
type mix struct {
	rng     *rand.Rand
	frames  [][]byte
	answers int  // to messages
	pongs   int  // to pings of the protocol
	broken  bool // the last frame ends the socket
}

const mostOfMix = 100 << 10 // of a message

// topicsOfMix are named for their durability.
var topicsOfMix = []string{"fsync", "memory", "ephemeral", "disk"}

func (m *mix) frame(op byte, payload []byte) {
	m.frames = append(m.frames, clientFrame(m.rng, true, op, payload))
}

func (m *mix) ping() {
	m.pongs++
	m.frame(opPing, fmt.Appendf(nil, "ping %d", m.pongs))
}

// message adds a text message, now and then in fragments with pings between them.
func (m *mix) message(format string, a ...any) {
	m.answers++
	text := fmt.Appendf(nil, format, a...)
	if m.rng.IntN(8) > 0 {
		m.frame(opText, text)
		return
	}
	op := byte(opText)
	for range m.rng.IntN(3) + 1 {
		n := m.rng.IntN(len(text) + 1)
		m.frames = append(m.frames, clientFrame(m.rng, false, op, text[:n]))
		if m.rng.IntN(2) == 0 {
			m.ping()
		}
		op, text = opMore, text[n:]
	}
	m.frame(op, text)
}

// newMix makes a mix of so many steps. Publishes have numbers as their request_id,
// other commands have strings.
func newMix(seed uint64, steps int) *mix {
	m := &mix{rng: rand.New(rand.NewPCG(seed, 3))}
	for i, x := range topicsOfMix {
		m.message(`{"op":"publish","topic":"%s","records":[{}],"config":{"durability":"%s"},"request_id":%d}`, x, x, steps+i)
	}
	for i := range steps {
		topic := topicsOfMix[m.rng.IntN(len(topicsOfMix))]
		switch m.rng.IntN(40) {
		case 0:
			m.message(`{"op":"ping","request_id":"o%d"}`, i)
		case 1:
			m.ping()
		case 2:
			m.message(`{"op":"subscribe","topic":"quiet","request_id":"o%d"}`, i)
		case 3, 4:
			m.message(`{"op":"unsubscribe","topic":"quiet","request_id":"o%d"}`, i)
		case 5:
			m.message(`{"op":"publish","topic":"%s","records":[],"request_id":%d}`, topic, i)
		case 6:
			m.message(`{"op":"publish","topic":"%s","records":[{}`, topic)
		case 7:
			m.message(`{"op":"brew","request_id":%d}`, i)
		case 8:
			m.message(`{"op":"publish","topic":"%s","records":[{"data":"%s"}],"request_id":%d}`, topic, strings.Repeat("x", m.rng.IntN(70<<10)), i)
		case 9:
			m.message(`{"op":"publish","topic":"%s","records":[{}%s],"request_id":%d}`, topic, strings.Repeat(",{}", m.rng.IntN(900)), i)
		case 10:
			m.message(`{"op":"claim","topic":"%s","request_id":"o%d"}`, topic, i)
		default:
			m.message(`{"op":"publish","topic":"%s","records":[{"data":%d,"tag":"%s"}],"request_id":%d}`, topic, i, strings.Repeat("é", m.rng.IntN(30)), i)
		}
	}
	if m.broken = m.rng.IntN(3) > 0; m.broken {
		m.breakIt()
	}
	return m
}

// breakIt adds what ends the socket.
func (m *mix) breakIt() {
	text := []byte(`{"op":"publish","topic":"memory","records":[{"data":"end"}]}`)
	plain := clientFrame(m.rng, true, opText, text)
	switch m.rng.IntN(7) {
	case 0:
		m.frame(opBinary, text)
	case 1:
		m.frame(opText, []byte(strings.Repeat("x", mostOfMix+1)))
	case 2:
		m.frame(opText, []byte("{\"op\":\"publish\",\"topic\":\"\xff\",\"records\":[{}]}"))
	case 3:
		m.frames = append(m.frames, append([]byte{0x81, byte(len(text))}, text...)) // without a mask
	case 4:
		plain[0] |= 0x40 // a reserved bit
		m.frames = append(m.frames, plain)
	case 5:
		plain[0] = plain[0]&^0xf | 0x3 // a reserved opcode
		m.frames = append(m.frames, plain)
	case 6:
		m.frame(opMore, text) // of nothing
	}
}

// heard is what the server has sent: each kind in its order.
type heard struct {
	publishes, others, pongs []string
	last                     string // error that concerns the socket as a whole
	closed                   string // payload of the close frame
	heads                    []uint64
}

// exchange sends a mix, in packets that are cut at random, and returns what comes back.
func (m *mix) exchange(t *testing.T, s *realServer, cuts *rand.Rand) *heard {
	conn, r := s.rawDial(t)
	all := slices.Concat(m.frames...)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for len(all) > 0 {
			n := min(len(all), 1+cuts.IntN([]int{2, 20, 400, 10_000, 100_000}[cuts.IntN(5)]))
			if _, err := conn.Write(all[:n]); err != nil {
				return // the reads say so
			}
			if all = all[n:]; cuts.IntN(3) == 0 {
				runtime.Gosched()
			}
		}
	}()
	end := clientFrame(rand.New(rand.NewPCG(0, 0)), true, opClose, []byte{3, 232})
	h := &heard{}
	ended := false
	for {
		if !m.broken && !ended && len(h.publishes)+len(h.others) == m.answers && len(h.pongs) == m.pongs {
			ended = true
			<-written
			_, _ = conn.Write(end)
		}
		op, payload, err := readServerFrame(r)
		if err != nil {
			return h
		}
		switch op {
		case opText:
			h.note(t, payload)
		case opPong:
			h.pongs = append(h.pongs, string(payload))
		case opClose:
			h.closed = string(payload)
			if !ended {
				<-written
				_, _ = conn.Write(end)
			}
			_ = conn.CloseWrite()
		default:
			t.Errorf("a frame with the opcode %d", op)
		}
	}
}

// note sorts a message.
func (h *heard) note(t *testing.T, text []byte) {
	if h.last != "" {
		t.Errorf("after the last words: %.200s", text)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	delete(m, "performance")
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	said := string(b)
	id, other := m["request_id"].(string)
	switch {
	case other && strings.HasPrefix(id, "o"):
		h.others = append(h.others, said)
	case m["op"] == "caught_up":
	case m["request_id"] == nil && m["op"] == "error" && !strings.Contains(said, "not valid JSON"):
		h.last = said
	default:
		h.publishes = append(h.publishes, said)
	}
}

// differs says where another socket was answered differently. One that was ended may
// have left out the answers to the last publishes.
func (h *heard) differs(other *heard, broken bool) string {
	for _, kind := range []struct {
		name string
		a, b []string
	}{{"publishes", h.publishes, other.publishes}, {"others", h.others, other.others}, {"pings", h.pongs, other.pongs}} {
		for i := range min(len(kind.a), len(kind.b)) {
			if kind.a[i] != kind.b[i] {
				return fmt.Sprintf("answer %d to %s is %.300s\nwant %.300s", i, kind.name, kind.b[i], kind.a[i])
			}
		}
		if len(kind.a) != len(kind.b) && !broken {
			return fmt.Sprintf("%d answers to %s, want %d", len(kind.b), kind.name, len(kind.a))
		}
	}
	// A connection that is closed before all was read loses what is on its way.
	lost := broken && (h.closed == "" || other.closed == "")
	if h.last != other.last || h.closed != other.closed && !lost {
		return fmt.Sprintf("the last words are %s %q, want %s %q", other.last, other.closed, h.last, h.closed)
	}
	if !slices.Equal(h.heads, other.heads) {
		return fmt.Sprintf("the heads are %d, want %d", other.heads, h.heads)
	}
	return ""
}

// Whatever a client sends, and in whatever packets it comes, a socket that a loop serves
// gives the same answers as one that its reader serves, and the same is written.
func TestSocketsAnswerTheSameInALoop(t *testing.T) {
	const mixes = 12
	var want [mixes]*heard
	for _, served := range []struct {
		name string
		hot  eventloop.Hot
	}{
		{"readers", eventloop.Hot{After: math.MaxInt}},
		{"loops", eventloop.Hot{Within: patience}},
		{"both", eventloop.Hot{After: 2, Within: patience, MostPenalty: 3}},
	} {
		t.Run(served.name, func(t *testing.T) {
			s := serveReal(t, func(o *Options) { o.Limits.MaxBodyBytes = mostOfMix }, func(timing *socket.Timing) {
				timing.Hot, timing.Ping = served.hot, time.Hour // a pong could come into a frame
			})
			s.put(t, "quiet", `{}`)
			for seed := range uint64(mixes) {
				m := newMix(seed, 300)
				got := m.exchange(t, s, rand.New(rand.NewPCG(seed, uint64(len(served.name)))))
				got.heads = s.headsOfMix(t)
				if want[seed] == nil {
					want[seed] = got
				}
				if wrong := want[seed].differs(got, m.broken); wrong != "" {
					t.Errorf("mix %d: %s", seed, wrong)
				}
			}
		})
	}
}

// headsOfMix returns how much a mix has written to each topic, and deletes them.
func (s *realServer) headsOfMix(t *testing.T) (heads []uint64) {
	<-s.sockets.Empty()
	for _, x := range topicsOfMix {
		st, err := s.registry.State(x, false)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, st.Head)
		if w := do(s, "DELETE", "/v0/topics/"+x, "", "X-Confirm", "true"); w.Code/100 != 2 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	return heads
}
