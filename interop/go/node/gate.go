package node

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// gate holds answers back until the test says that they may go on: "go" lets one part of any request pass, {"go":N} one
// part of request N. The end of the input opens it for good.
type gate struct {
	mu      sync.Mutex
	changed *sync.Cond
	open    bool
	any     int
	of      map[int64]int
}

func newGate(commands io.Reader) *gate {
	g := &gate{of: map[int64]int{}}
	g.changed = sync.NewCond(&g.mu)
	go g.read(commands)
	return g
}

func (g *gate) read(commands io.Reader) {
	lines := bufio.NewScanner(commands)
	for lines.Scan() {
		var command struct{ Go *int64 }
		if lines.Text() != "go" {
			if err := json.Unmarshal(lines.Bytes(), &command); err != nil || command.Go == nil {
				fmt.Fprintf(os.Stderr, "official: node: not a command: %q\n", lines.Text())
				continue
			}
		}
		g.update(func() {
			if command.Go != nil {
				g.of[*command.Go]++
			} else {
				g.any++
			}
		})
	}
	g.update(func() { g.open = true })
}

func (g *gate) update(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	g.changed.Broadcast()
}

// pass returns when the request may write its next part, or with an error when nobody waits for it any more.
func (g *gate) pass(ctx context.Context, request int64) error {
	defer context.AfterFunc(ctx, func() { g.update(func() {}) })()
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case g.open:
			return nil
		case g.of[request] > 0:
			g.of[request]--
			return nil
		case g.any > 0:
			g.any--
			return nil
		}
		g.changed.Wait()
	}
}
