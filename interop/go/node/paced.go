package node

import (
	"context"
	"io"
	"time"

	"openpcc.invalid/interop/cli"
)

// paced is the body of a streamed answer. The official encoder asks for more only after what it had was sealed, sent and
// flushed (copyFlushed), so a call to Read means that all parts before are on their way.
type paced struct {
	ctx     context.Context
	handler *requestHandler
	number  int64
	parts   [][]byte
	gated   int    // How many of the parts wait for the test: all but the usage and the end mark.
	next    int    // The part to write next, counted from 0.
	rest    []byte // What is left of the part before that.
}

func (p *paced) Read(into []byte) (int, error) {
	if len(p.rest) == 0 {
		if err := p.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(into, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *paced) advance() error {
	if p.handler.gate != nil && p.next > 0 && p.next <= p.gated {
		cli.Emit(cli.Event{"event": "wrote", "request": p.number, "chunk": p.next})
	}
	if p.next == len(p.parts) {
		return io.EOF
	}
	if err := p.wait(); err != nil {
		return err
	}
	p.rest = p.parts[p.next]
	p.next++
	return nil
}

func (p *paced) wait() error {
	if p.handler.gate != nil {
		if p.next >= p.gated {
			return nil
		}
		cli.Emit(cli.Event{"event": "waiting", "request": p.number, "chunk": p.next + 1})
		return p.handler.gate.pass(p.ctx, p.number)
	}
	select {
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	case <-time.After(p.handler.settings.pause):
		return nil
	}
}
