package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/openpcc/openpcc/messages"

	"openpcc.invalid/interop/cli"
)

const readSize = 64 << 10

// request is one line of input. Without a method it is a POST, without a Content-Type it is JSON.
type request struct {
	ID      int64             `json:"id"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Body    json.RawMessage   `json:"body"`
	RawBody *string           `json:"raw_body"` // Instead of body, for what is not JSON.
	Headers map[string]string `json:"headers"`
	Chunked bool              `json:"chunked"` // Leaves the length open, so that the request is sealed in chunks.
}

type sender struct {
	http    *http.Client
	wallet  *wallet
	timeout time.Duration
}

// The step at which a request failed.
const (
	atSend  = "send"
	atBody  = "body"
	atPanic = "panic"
	atStuck = "stuck"
)

// What the official client gets after a request's time is over, to notice it.
const grace = time.Second

var errStuck = errors.New("the official client goes on for ever, and does not hear that its time is over")

type failure struct {
	at    string
	cause error
}

func (f failure) Error() string { return f.cause.Error() }
func (f failure) Unwrap() error { return f.cause }

// send prints the events of one request, the last of which is "end" or "error". It is not well afterwards if the official
// client is stuck in an endless loop, as it is after some broken answers: nothing but the end of the process ends that.
func (s *sender) send(ctx context.Context, r request) (well bool) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	s.wallet.begin()
	outcome := make(chan func(), 1)
	go func() {
		trailers, err := s.exchange(ctx, cancel, r)
		outcome <- func() { s.conclude(r.ID, trailers, err) }
	}()
	tooLate := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { close(tooLate) }) })
	select {
	case conclude := <-outcome:
		conclude()
		return true
	case <-tooLate:
		s.conclude(r.ID, nil, failure{atStuck, errStuck})
		return false
	}
}

func (s *sender) conclude(id int64, trailers map[string]string, err error) {
	if err == nil {
		cli.Emit(cli.Event{"event": "end", "id": id, "trailers": trailers, "refund": s.wallet.refund()})
		return
	}
	where := atSend
	if failed := (failure{}); errors.As(err, &failed) {
		where = failed.at
	}
	if panicked := (panicError{}); errors.As(err, &panicked) {
		where = atPanic
	}
	cli.Emit(cli.Event{"event": "error", "id": id, "error": err.Error(), "where": where})
}

// exchange returns the trailers. The official client panics on some broken answers; that is an error like others here.
func (s *sender) exchange(ctx context.Context, cancel context.CancelFunc, r request) (trailers map[string]string, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			trailers, err = nil, panicError{cause}
		}
	}()
	prepared, err := r.prepare(ctx)
	if err != nil {
		return nil, failure{atSend, err}
	}
	response, err := s.http.Do(prepared)
	if err != nil {
		return nil, failure{atSend, err}
	}
	cli.Emit(cli.Event{"event": "head", "id": r.ID, "status": response.StatusCode, "headers": cli.Fields(response.Header)})
	if err := printBody(r.ID, response.Body); err != nil {
		cancel() // Close would read on to the end, which may never come.
		_ = response.Body.Close()
		return nil, failure{atBody, err}
	}
	if err := response.Body.Close(); err != nil {
		return nil, failure{atBody, err}
	}
	return cli.Fields(response.Trailer), nil
}

func (r request) prepare(ctx context.Context) (*http.Request, error) {
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	content := []byte(r.Body)
	if r.RawBody != nil {
		content = []byte(*r.RawBody)
	}
	var body io.Reader = bytes.NewReader(content)
	if r.Chunked {
		body = struct{ io.Reader }{body} // Hides the length.
	}
	prepared, err := http.NewRequestWithContext(ctx, method, "http://"+messages.UnroutableHostname+r.Path, body)
	if err != nil {
		return nil, err
	}
	prepared.Header.Set("Content-Type", "application/json")
	for name, value := range r.Headers {
		prepared.Header.Set(name, value)
	}
	return prepared, nil
}

// printBody prints each piece as it comes.
func printBody(id int64, body io.Reader) error {
	buffer := make([]byte, readSize)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			cli.Emit(cli.Event{"event": "data", "id": id, "data": bytes.Clone(buffer[:n])})
		}
		if err == io.EOF { // Not errors.Is: a missing frame is an error that wraps io.EOF, and readers such as io.Copy see it.
			return nil
		}
		if err != nil {
			return err
		}
	}
}
