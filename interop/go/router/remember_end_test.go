package router

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var errClosed = errors.New("read after close")

// serverBody behaves like the body that net/http gives to a handler: nothing can be read once the server closed it.
type serverBody struct {
	io.Reader
	closed bool
}

func (b *serverBody) Read(p []byte) (int, error) {
	if b.closed {
		return 0, errClosed
	}
	return b.Reader.Read(p)
}

func (b *serverBody) Close() error {
	b.closed = true
	return nil
}

func readAfterClose(t *testing.T, before func(body io.Reader)) error {
	t.Helper()
	body := &serverBody{Reader: strings.NewReader("all of it")}
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	request.Body = body
	var err error
	RememberEnd(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		before(r.Body)
		_ = body.Close()
		_, err = r.Body.Read(make([]byte, 1))
	})).ServeHTTP(httptest.NewRecorder(), request)
	return err
}

func TestABodyReadToItsEndStaysAtItsEnd(t *testing.T) {
	err := readAfterClose(t, func(body io.Reader) {
		if text, err := io.ReadAll(body); err != nil || string(text) != "all of it" {
			t.Fatalf("read %q, %v", text, err)
		}
	})
	if !errors.Is(err, io.EOF) {
		t.Errorf("got %v, not the end", err)
	}
}

func TestABodyClosedBeforeItsEndIsNotTakenForWhole(t *testing.T) {
	err := readAfterClose(t, func(body io.Reader) {
		if _, err := io.ReadFull(body, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
	})
	if !errors.Is(err, errClosed) {
		t.Errorf("got %v, not the error of the closed body", err)
	}
}
