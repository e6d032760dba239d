package codec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/openpcc/bhttp"
)

// message is an HTTP request or response as the tests write it down. Names are in lower case when it was read.
type message struct {
	Method        string              `json:"method,omitempty"`
	Scheme        string              `json:"scheme,omitempty"` // to write only: the official decoder does not keep it
	Authority     string              `json:"authority,omitempty"`
	Path          string              `json:"path,omitempty"`
	Status        int                 `json:"status,omitempty"`
	Fields        map[string][]string `json:"fields"`
	Trailers      map[string][]string `json:"trailers"`
	ContentLength *int64              `json:"content_length"` // when read: what the message says of its length
	Body          hexBytes            `json:"body"`
	Indeterminate bool                `json:"indeterminate,omitempty"` // to write: of unknown length
	Piece         int                 `json:"piece,omitempty"`         // to write: the body comes in pieces of that many bytes
}

// pieces gives its bytes out at most size at a time; size 0 does not limit. Like a network body it has nothing but Read.
type pieces struct {
	data  *bytes.Reader
	size  int
	empty int // reads of nothing in a row
}

// errEndless is what pieces panics with when its reader will never end: the official chunk reader, once a frame did not
// open, reads the final one into a buffer of no bytes, over and over.
var errEndless = errors.New("reads nothing, over and over")

func newPieces(data []byte, size int) *pieces {
	return &pieces{data: bytes.NewReader(data), size: size}
}

func (r *pieces) Read(p []byte) (int, error) {
	if len(p) > 0 {
		r.empty = 0
	} else if r.empty++; r.empty == 1000 {
		panic(errEndless)
	}
	if r.size > 0 && len(p) > r.size {
		p = p[:r.size]
	}
	return r.data.Read(p)
}

func header(fields map[string][]string) http.Header {
	out := http.Header{}
	for name, values := range fields {
		for _, value := range values {
			out.Add(name, value)
		}
	}
	return out
}

func lowerCase(fields http.Header) map[string][]string {
	out := map[string][]string{}
	for name, values := range fields {
		// An announced trailer that did not come has no values.
		if len(values) > 0 {
			name = strings.ToLower(name)
			out[name] = append(out[name], values...)
		}
	}
	return out
}

func (m message) bodyAndLength() (io.ReadCloser, int64) {
	switch {
	case m.Indeterminate:
		return io.NopCloser(newPieces(m.Body, m.Piece)), -1
	case len(m.Body) == 0:
		return http.NoBody, 0
	default:
		return io.NopCloser(newPieces(m.Body, m.Piece)), int64(len(m.Body))
	}
}

func (m message) request() (*http.Request, error) {
	target, err := url.Parse(m.Scheme + "://" + m.Authority + m.Path)
	if err != nil {
		return nil, err
	}
	body, length := m.bodyAndLength()
	return &http.Request{
		Method: m.Method, URL: target, Header: header(m.Fields), Trailer: header(m.Trailers), Body: body, ContentLength: length,
	}, nil
}

func (m message) response() *http.Response {
	body, length := m.bodyAndLength()
	return &http.Response{
		StatusCode: m.Status, Header: header(m.Fields), Trailer: header(m.Trailers), Body: body, ContentLength: length,
	}
}

func stated(length int64) *int64 {
	if length < 0 {
		return nil
	}
	return &length
}

func fromRequest(request *http.Request) (object, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	return object{"request": message{
		Method: request.Method, Authority: request.Host, Path: request.RequestURI, Fields: lowerCase(request.Header),
		Trailers: lowerCase(request.Trailer), ContentLength: stated(request.ContentLength), Body: body,
	}}, nil
}

func fromResponse(response *http.Response) (object, error) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return object{"response": message{
		Status: response.StatusCode, Fields: lowerCase(response.Header), Trailers: lowerCase(response.Trailer),
		ContentLength: stated(response.ContentLength), Body: body,
	}}, nil
}

type encodeParameters struct {
	Message    message `json:"message"`
	ChunkLimit int     `json:"chunk_limit"` // encoded size of the largest content chunk
	PadTo      uint64  `json:"pad_to"`
}

type decodeParameters struct {
	Bytes hexBytes `json:"bytes"`
	Piece int      `json:"piece"`
}

func encodeRequest(_ *state, p encodeParameters) (object, error) {
	request, err := p.Message.request()
	if err != nil {
		return nil, err
	}
	encoder := bhttp.RequestEncoder{MaxEncodedChunkLen: p.ChunkLimit, PadToMultipleOf: p.PadTo}
	encoded, err := encoder.EncodeRequest(request)
	if err != nil {
		return nil, err
	}
	return readAll(encoded)
}

func encodeResponse(_ *state, p encodeParameters) (object, error) {
	encoder := bhttp.ResponseEncoder{MaxEncodedChunkLen: p.ChunkLimit, PadToMultipleOf: p.PadTo}
	encoded, err := encoder.EncodeResponse(p.Message.response())
	if err != nil {
		return nil, err
	}
	return readAll(encoded)
}

func readAll(encoded io.Reader) (object, error) {
	all, err := io.ReadAll(encoded)
	return object{"bytes": hexBytes(slices.Clip(all))}, err
}

func decodeRequest(_ *state, p decodeParameters) (object, error) {
	decoder := bhttp.RequestDecoder{}
	request, err := decoder.DecodeRequest(context.Background(), newPieces(p.Bytes, p.Piece))
	if err != nil {
		return nil, err
	}
	return fromRequest(request)
}

func decodeResponse(_ *state, p decodeParameters) (object, error) {
	decoder := bhttp.ResponseDecoder{}
	response, err := decoder.DecodeResponse(context.Background(), newPieces(p.Bytes, p.Piece))
	if err != nil {
		return nil, err
	}
	return fromResponse(response)
}
