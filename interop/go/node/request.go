package node

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/openpcc/openpcc/ahttp"
	"github.com/openpcc/openpcc/httpfmt"
	"github.com/openpcc/openpcc/messages"
	"github.com/openpcc/openpcc/router/api"

	"openpcc.invalid/interop/cli"
	"openpcc.invalid/interop/machine"
)

const maxEncapsulatedKeyText = 512

// requestHandler answers what a router passes on.
type requestHandler struct {
	machine  *machine.Machine
	settings settings
	gate     *gate // Nil when answers do not wait for the test.
	count    atomic.Int64
}

func (h *requestHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := h.count.Add(1)
	cli.Emit(cli.Event{
		"event": "request", "request": number, "host": r.Host, "path": r.URL.Path, "headers": cli.Fields(r.Header),
		"content_type": r.Header.Get("Content-Type"), "credit_amount": r.Header.Get(ahttp.NodeCreditAmountHeader),
		"content_length": r.ContentLength,
	})
	defer func() {
		// The official packages panic on some messages. The connection must end then, as it does in the official node.
		if cause := recover(); cause != nil {
			cli.Emit(cli.Event{"event": "failed", "request": number, "error": fmt.Sprint("panic: ", cause)})
			panic(http.ErrAbortHandler)
		}
	}()
	if err := h.handle(number, w, r); err != nil {
		cli.Emit(cli.Event{"event": "failed", "request": number, "error": err.Error()})
		return
	}
	cli.Emit(cli.Event{"event": "done", "request": number})
}

func (h *requestHandler) handle(number int64, w http.ResponseWriter, r *http.Request) error {
	credit, encapsulated, err := checkHeader(r.Header)
	if err != nil {
		httpfmt.BinaryBadRequest(w, r, err.Error())
		return err
	}
	receiver, err := h.machine.Receiver()
	if err != nil {
		httpfmt.BinaryServerError(w, r)
		return err
	}
	inner, opener, err := messages.DecapsulateRequest(
		r.Context(), receiver, encapsulated, r.Header.Get("Content-Type"), r.Body)
	if err != nil {
		httpfmt.BinaryBadRequest(w, r, "failed to decapsulate encrypted request")
		return err
	}
	answer := h.answer(number, inner)
	sealed, mediaType, err := messages.EncapsulateResponse(opener, answer.response(r.Context(), h, number))
	if err != nil {
		httpfmt.BinaryServerError(w, r)
		return err
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Trailer", ahttp.NodeRefundAmountHeader)
	w.WriteHeader(http.StatusOK)
	if err := copyFlushed(w, sealed); err != nil {
		return err
	}
	refund, err := answer.refund(credit)
	if err != nil {
		return err
	}
	if refund != "" {
		w.Header().Set(ahttp.NodeRefundAmountHeader, refund)
	}
	return nil
}

// answer reads the sealed request and decides what is said to it.
func (h *requestHandler) answer(number int64, inner *http.Request) *answer {
	body, err := io.ReadAll(inner.Body)
	cli.Emit(cli.Event{
		"event": "opened", "request": number, "method": inner.Method, "host": inner.Host, "path": inner.URL.Path,
		"headers": cli.Fields(inner.Header), "trailers": cli.Fields(inner.Trailer), "body_length": len(body),
	})
	if err != nil {
		return refusal("ErrReadingBody", "error reading body: "+err.Error())
	}
	return newAnswer(number, inner.Header, body, h.settings)
}

// checkHeader is what an official node checks before it opens anything, in its order and with its words.
func checkHeader(header http.Header) (credit int64, encapsulated []byte, err error) {
	if !messages.IsRequestMediaType(header.Get("Content-Type")) {
		return 0, nil, errors.New("invalid media type")
	}
	text := header.Get(api.EncapsulatedKeyHeader)
	encapsulated, err = base64.StdEncoding.DecodeString(text)
	if err != nil || len(text) == 0 || len(text) > maxEncapsulatedKeyText {
		return 0, nil, errors.New("invalid encapsulated key")
	}
	credit, err = strconv.ParseInt(header.Get(ahttp.NodeCreditAmountHeader), 10, 64)
	if err != nil {
		return 0, nil, errors.New("invalid credit amount")
	}
	if credit <= 0 {
		return 0, nil, errors.New("credit amount must be greater than 0")
	}
	return credit, encapsulated, nil
}

// copyFlushed sends every sealed chunk on its own, as soon as there is one.
func copyFlushed(w http.ResponseWriter, sealed io.Reader) error {
	connection := http.NewResponseController(w)
	buffer := make([]byte, messages.EncapsulatedChunkLen())
	for {
		n, err := sealed.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return fmt.Errorf("send: %w", err)
			}
			if err := connection.Flush(); err != nil {
				return fmt.Errorf("send: %w", err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
	}
}
