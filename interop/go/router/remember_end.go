package router

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// RememberEnd lets a request body be read after its end even when it was closed meanwhile.
//
// net/http closes the body of a request as soon as its handler writes the response's header. The reverse proxy's
// transport may at that moment still be about to read the end of that body: it then gets an error instead of the end,
// gives up the connection to the node, and the answer is cut off in mid-body.
func RememberEnd(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &endRemembered{ReadCloser: r.Body}
		next.ServeHTTP(w, r)
	})
}

type endRemembered struct {
	io.ReadCloser
	ended atomic.Bool
}

func (b *endRemembered) Read(p []byte) (int, error) {
	if b.ended.Load() {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended.Store(true)
	}
	return n, err
}
