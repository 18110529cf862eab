// Package chromium drives a headless Chromium in tests, by its DevTools protocol.
package chromium

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Program is the browser.
const Program = "chromium-headless-shell"

// Browser is a browser that runs. Close ends it.
type Browser struct {
	cmd  *exec.Cmd
	conn *websocket.Conn
	done chan struct{} // closed when no more messages come

	mu      sync.Mutex // guards what is below
	last    int
	waiting map[int]chan message
	pages   map[string]*Page // by session
}

type message struct {
	ID        int             `json:"id"`
	Method    string          `json:"method"`
	SessionID string          `json:"sessionId"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	Error     *struct{ Message string }
}

// Start starts a browser whose profile is in dir. Flags are added to its command line.
func Start(ctx context.Context, dir string, flags ...string) (*Browser, error) {
	args := append([]string{"--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir=" + dir, "--remote-debugging-port=0"}, flags...)
	b := &Browser{cmd: exec.Command(Program, args...), done: make(chan struct{}), waiting: map[int]chan message{}, pages: map[string]*Page{}}
	b.cmd.SysProcAttr = ownGroup()
	stderr, err := b.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		url, ok := strings.CutPrefix(lines.Text(), "DevTools listening on ")
		if !ok {
			continue
		}
		b.conn, _, err = websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{}}})
		if err != nil {
			break
		}
		b.conn.SetReadLimit(-1)
		go func() {
			for lines.Scan() { // what it says is of no interest, but must be read
			}
		}()
		go b.read()
		return b, nil
	}
	b.kill()
	return nil, fmt.Errorf("%s does not listen: %w", Program, errors.Join(err, lines.Err()))
}

func (b *Browser) kill() {
	_ = killGroup(b.cmd.Process.Pid) // it may have ended already
	_ = b.cmd.Wait()
}

// Close ends the browser with all its processes.
func (b *Browser) Close() {
	b.kill()
	_ = b.conn.CloseNow()
	<-b.done
}

// read hands out answers and events until the connection ends.
func (b *Browser) read() {
	defer close(b.done)
	for {
		_, body, err := b.conn.Read(context.Background())
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(body, &m) != nil {
			continue
		}
		b.mu.Lock()
		answer, page := b.waiting[m.ID], b.pages[m.SessionID]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		switch {
		case m.ID > 0 && answer != nil:
			answer <- m
		case page != nil:
			page.event(&m)
		}
	}
}

// call sends a command and decodes its result.
func (b *Browser) call(ctx context.Context, session, method string, params, result any) error {
	answer := make(chan message, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	request := map[string]any{"id": id, "method": method}
	if session != "" {
		request["sessionId"] = session
	}
	if params != nil {
		request["params"] = params
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if err := b.conn.Write(ctx, websocket.MessageText, body); err != nil {
		return err
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-b.done:
		return fmt.Errorf("%s: the browser has ended", method)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// Size is the window of a page, in CSS pixels.
type Size struct {
	Width, Height int
	Mobile        bool
}

// The windows that pages are looked at in.
var (
	Desktop = Size{1440, 900, false}
	Phone   = Size{390, 844, true}
)

// patience bounds each wait for the browser.
const patience = 2 * time.Minute
